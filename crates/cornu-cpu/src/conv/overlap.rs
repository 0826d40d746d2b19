//! Patches that overlap in memory: for a row of results, the lines of the image under the kernel are laid side by side, column
//! after column. Then the patch of each position is a piece of that memory, and the next one begins a stride further: both
//! products read it without packing. Several rows are laid out before they are multiplied, so that what is read for all of them
//! comes from the first cache.
use super::patches::zeros;
use super::{Geometry, SPACE};
use crate::aligned::thread_memory;
use crate::gemm::kernel::{Panels, Pass, Target, add_rows, panel_height, panel_width, tile_for};
use crate::gemm::{Epilogue, Matrix, copy};
use crate::pool::Pool;
use crate::vector::{MAX_LANES, Vector, for_isa};
use std::ops::Range;

/// Most bytes of a row, so that it stays in the first caches, and of several.
const ROW_BYTES: usize = 96 << 10;
/// Most positions that are laid out before they are multiplied.
const POSITIONS: usize = 128;
/// Longest sum of one pass over them.
const TERMS: usize = 256;
/// Tasks, and parts of the sums of a kernel's gradient.
const TASKS: usize = 64;
const PARTS: usize = 16;

/// The sizes of a row.
#[derive(Clone, Copy)]
struct Row {
    /// Lines of the kernel.
    lines: usize,
    /// Columns of the image under a row of results.
    columns: usize,
    /// Floats of a column, and from the patch of a position to the next.
    column: usize,
    step: usize,
    /// Floats of a patch.
    patch: usize,
    /// Rows of results, and how many of them are laid out at a time.
    count: usize,
    block: usize,
}

impl Row {
    fn new(g: &Geometry) -> Row {
        let lines = g.kernel[0] * g.kernel[1];
        let column = lines * g.group_channels();
        let columns = (g.result[2] - 1) * g.stride[2] + g.kernel[2];
        let count = g.batch * g.result[0] * g.result[1];
        let block = (ROW_BYTES / (columns * column * 4)).min(POSITIONS / g.result[2]).min(count).max(1);
        let step = g.stride[2] * column;
        Row { lines, columns, column, step, patch: g.kernel[2] * column, count, block }
    }

    fn floats(&self) -> usize {
        self.columns * self.column
    }

    /// Where in a kernel number `at` of a patch is, in rows of filters.
    fn in_kernel(&self, g: &Geometry, at: usize) -> usize {
        let channels = g.group_channels();
        let (x, line, channel) = (at / self.column, at % self.column / channels, at % channels);
        (line * g.kernel[2] + x) * channels + channel
    }
}

/// Whether what a row sees can be laid out so.
pub(super) fn can_lie_so(g: &Geometry) -> bool {
    let plain = g.image_dilation == [1; SPACE] && g.kernel_dilation == [1; SPACE];
    plain && g.group_channels() > 1 && Row::new(g).floats() * 4 <= ROW_BYTES
}

/// Whether the result is faster so than by packing: which is paid for by many filters, while short rows waste rows of tiles.
pub(super) fn fits(g: &Geometry) -> bool {
    let least = match g.group_filters() {
        ..=16 => 8,
        17..=32 => 16,
        _ => 48,
    };
    g.result[2] >= least && g.kernel != [1; SPACE] && can_lie_so(g)
}

/// Whether the gradient of the kernel is.
pub(super) fn fits_kernel_grad(g: &Geometry) -> bool {
    g.group_filters().is_multiple_of(MAX_LANES) && g.result[2] >= 8 && g.kernel != [1; SPACE] && can_lie_so(g)
}

/// Bytes of scratch memory for [`forward`].
pub(super) fn forward_scratch(g: &Geometry) -> usize {
    Row::new(g).patch * g.group_filters().next_multiple_of(panel_width()) * 4
}

/// Where the results of a group go.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub first: *mut f32,
    /// Elements from one image to the next, and from one result to the next along each axis.
    pub image: usize,
    pub steps: [usize; SPACE],
}

// SAFETY: tasks write places of their own.
unsafe impl Sync for Places {}

impl Places {
    /// Side by side.
    pub fn dense(g: &Geometry, first: *mut f32) -> Places {
        let [depth, height, width] = g.result;
        let row = width * g.filters;
        Places { first, image: depth * height * row, steps: [height * row, row, g.filters] }
    }

    /// The first of a row.
    pub fn row(&self, g: &Geometry, at: usize) -> *mut f32 {
        let (y, slice) = (at % g.result[1], at / g.result[1]);
        let (image, z) = (slice / g.result[0], slice % g.result[0]);
        self.first.wrapping_add(image * self.image + z * self.steps[0] + y * self.steps[1])
    }
}

/// The result of a group; see [`Geometry::forward`].
///
/// # Safety
/// As there, and the geometry must be able to lie so.
pub(super) unsafe fn forward(
    g: &Geometry,
    x: *const f32,
    w: &Matrix,
    y: &Places,
    epilogue: &Epilogue,
    scratch: *mut u8,
) {
    let row = Row::new(g);
    let (x, kernel) = (x as usize, scratch as usize);
    Pool::global().run(g.kernel[2], &|column| {
        // SAFETY: the caller's; each task writes the numbers of a column of the kernel.
        unsafe { pack_kernel(g, &row, w, kernel as *mut f32, column) }
    });
    let per_task = (row.count / TASKS).max(1);
    Pool::global().run(row.count.div_ceil(per_task), &|task| {
        thread_memory(row.block * row.floats(), |memory| {
            let until = row.count.min((task + 1) * per_task);
            for first in (task * per_task..until).step_by(row.block) {
                let rows = first..until.min(first + row.block);
                // SAFETY: the caller's; each task writes rows of its own.
                unsafe {
                    lay_out(g, &row, x as *const f32, rows.clone(), memory);
                    multiply(g, &row, memory, kernel as *const f32, rows, y, epilogue);
                }
            }
        });
    });
}

for_isa!(fn pack_kernel(g: &Geometry, row: &Row, w: &Matrix, to: *mut f32, column: usize) = pack_kernel_with);

/// One column of the kernel, in panels of filters.
#[inline(always)]
unsafe fn pack_kernel_with<V: Vector>(g: &Geometry, row: &Row, w: &Matrix, to: *mut f32, column: usize) {
    let (width, filters) = (panel_width(), g.group_filters());
    for at in column * row.column..(column + 1) * row.column {
        let from = row.in_kernel(g, at);
        for filter in (0..filters).step_by(width) {
            let n = width.min(filters - filter);
            // SAFETY: the caller's.
            unsafe {
                let to = to.add(filter / width * row.patch * width + at * width);
                copy::<V>(w.at(from, filter), to, n);
                zeros::<V>(to.add(n), width - n);
            }
        }
    }
}

/// Some rows of results, which are laid out.
unsafe fn multiply(
    g: &Geometry,
    row: &Row,
    memory: *const f32,
    kernel: *const f32,
    rows: Range<usize>,
    y: &Places,
    epilogue: &Epilogue,
) {
    let (height, width) = (panel_height(), panel_width());
    let tiles = g.result[2].div_ceil(height);
    let passes = row.patch.div_ceil(TERMS);
    for filter in (0..g.group_filters()).step_by(width) {
        let columns = width.min(g.group_filters() - filter);
        // Part of a panel stays in the first cache.
        for pass in 0..passes {
            let first = pass * row.patch / passes;
            let last = (pass + 1) * row.patch / passes;
            let pass = Pass { first: pass == 0, last: pass + 1 == passes };
            for (i, at) in rows.clone().enumerate() {
                let target = Target { c: y.row(g, at), row: y.steps[2], epilogue, past_caches: false };
                for tile in 0..tiles {
                    let from = tile * g.result[2] / tiles;
                    let rows = (tile + 1) * g.result[2] / tiles - from;
                    // SAFETY: the caller's.
                    unsafe {
                        let panels = Panels {
                            terms: last - first,
                            a: memory.add(i * row.floats() + from * row.step + first),
                            a_step: row.step,
                            b: kernel.add((filter / width * row.patch + first) * width),
                            b_step: width,
                            ..Panels::default()
                        };
                        tile_for(true, rows, columns)(&panels, &target, (from, filter), columns, pass);
                    }
                }
            }
        }
    }
}

for_isa!(fn lay_out(g: &Geometry, row: &Row, x: *const f32, rows: Range<usize>, to: *mut f32) = lay_out_with);

/// What is under the kernel at some rows of results.
#[inline(always)]
unsafe fn lay_out_with<V: Vector>(g: &Geometry, row: &Row, x: *const f32, rows: Range<usize>, to: *mut f32) {
    for (i, at) in rows.enumerate() {
        // SAFETY: the caller's.
        unsafe { lay_out_row::<V>(g, row, x, at, to.add(i * row.floats())) };
    }
}

#[inline(always)]
unsafe fn lay_out_row<V: Vector>(g: &Geometry, row: &Row, x: *const f32, at: usize, to: *mut f32) {
    let (image, z, y) = (at / (g.result[0] * g.result[1]), at / g.result[1] % g.result[0], at % g.result[1]);
    let inside = |place: isize, size: usize| place >= 0 && place < size as isize;
    // Columns of zeros before the image, or of the image that are cut.
    let before = g.low[2].clamp(-(g.image[2] as isize), row.columns as isize);
    let (start, skipped) = (before.max(0) as usize, (-before).max(0) as usize);
    let end = row.columns.min(start + g.image[2] - skipped);
    for line in 0..row.lines {
        let z = (z * g.stride[0] + line / g.kernel[1]) as isize - g.low[0];
        let y = (y * g.stride[1] + line % g.kernel[1]) as isize - g.low[1];
        let n = g.group_channels();
        // SAFETY: the caller's; only what is within the image is read.
        unsafe {
            let to = to.add(line * n);
            let is_inside = inside(z, g.image[0]) && inside(y, g.image[1]);
            let (start, end) = if is_inside { (start, end) } else { (row.columns, row.columns) };
            for column in (0..start).chain(end..row.columns) {
                zeros::<V>(to.add(column * row.column), n);
            }
            if is_inside {
                let line = (image * g.image[0] + z as usize) * g.image[1] + y as usize;
                let from = x.add((line * g.image[2] + skipped) * g.channels);
                for column in start..end {
                    copy::<V>(from.add((column - start) * g.channels), to.add(column * row.column), n);
                }
            }
        }
    }
}

/// Parts of the sum of a kernel's gradient.
fn parts(row: &Row) -> usize {
    PARTS.min(row.count.div_ceil(row.block))
}

/// Bytes of scratch memory for [`kernel_grad`].
pub(super) fn kernel_grad_scratch(g: &Geometry) -> usize {
    let row = Row::new(g);
    parts(&row) * row.patch * g.group_filters() * 4
}

/// The gradient of the kernel of a group, whose rows of filters are so far apart; see [`Geometry::kernel_grad`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(super) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    (dw, dw_row): (*mut f32, usize),
    scratch: *mut u8,
) {
    let row = Row::new(g);
    let (parts, filters) = (parts(&row), g.group_filters());
    let sums = row.patch * filters;
    let (x, dy, dw, scratch) = (x as usize, dy as usize, dw as usize, scratch as usize);
    Pool::global().run(parts, &|part| {
        thread_memory(row.block * row.floats(), |memory| {
            let until = (part + 1) * row.count / parts;
            let begin = part * row.count / parts;
            for first in (begin..until).step_by(row.block) {
                let rows = first..until.min(first + row.block);
                // SAFETY: the caller's; each task writes sums of its own.
                unsafe {
                    lay_out(g, &row, x as *const f32, rows.clone(), memory);
                    let gradients = (dy as *const f32).add(first * g.result[2] * g.filters);
                    let sums = (scratch as *mut f32).add(part * sums);
                    add(g, &row, memory, gradients, sums, rows.len(), first == begin);
                }
            }
        });
    });
    Pool::global().run(row.patch, &|at| {
        // SAFETY: the caller's; each task writes the numbers of one place and channel.
        unsafe {
            let from = (scratch as *const f32).add(at * filters);
            let to = (dw as *mut f32).add(row.in_kernel(g, at) * dw_row);
            add_rows(from, sums, parts, to, filters, &Epilogue::default());
        }
    });
}

/// Adds the products of some rows' patches and gradients.
unsafe fn add(
    g: &Geometry,
    row: &Row,
    memory: *const f32,
    gradients: *const f32,
    sums: *mut f32,
    rows: usize,
    first: bool,
) {
    let (height, width) = (panel_height(), panel_width());
    let (none, filters) = (Epilogue::default(), g.group_filters());
    let target = Target { c: sums, row: filters, epilogue: &none, past_caches: false };
    let tiles = row.patch.div_ceil(height);
    for filter in (0..filters).step_by(width) {
        let columns = width.min(filters - filter);
        for tile in 0..tiles {
            let from = tile * row.patch / tiles;
            let count = (tile + 1) * row.patch / tiles - from;
            // SAFETY: the caller's.
            unsafe {
                let panels = Panels {
                    terms: g.result[2],
                    runs: rows,
                    a: memory.add(from),
                    a_step: row.step,
                    a_jump: row.floats().wrapping_sub(g.result[2] * row.step),
                    b: gradients.add(filter),
                    b_step: g.filters,
                    ..Panels::default()
                };
                let pass = Pass { first, last: true };
                tile_for(false, count, columns)(&panels, &target, (from, filter), columns, pass);
            }
        }
    }
}
