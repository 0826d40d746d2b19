//! Patches that overlap in memory: for a row of results, the lines of the image under the kernel are laid side by side, column
//! after column. Then the patch of each position is a piece of that memory, and the next one begins a stride further: both
//! products read it without packing.
use super::patches::zeros;
use super::{Geometry, SPACE};
use crate::aligned::thread_memory;
use crate::gemm::kernel::{MAX_TERMS, Panels, Pass, Target, add_rows, panel_height, panel_width, tile_for};
use crate::gemm::{Epilogue, copy};
use crate::pool::Pool;
use crate::vector::{MAX_LANES, Vector, for_isa};

/// Most bytes of a row, so that it stays in the first caches.
const ROW_BYTES: usize = 96 << 10;
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
    /// Rows of results.
    count: usize,
}

impl Row {
    fn new(g: &Geometry) -> Row {
        let lines = g.kernel[0] * g.kernel[1];
        let column = lines * g.channels;
        Row {
            lines,
            columns: (g.result[2] - 1) * g.stride[2] + g.kernel[2],
            column,
            step: g.stride[2] * column,
            patch: g.kernel[2] * column,
            count: g.batch * g.result[0] * g.result[1],
        }
    }

    fn floats(&self) -> usize {
        self.columns * self.column
    }

    /// Where in a kernel number `at` of a patch is, in numbers of filters.
    fn in_kernel(&self, g: &Geometry, at: usize) -> usize {
        let (x, line, channel) = (at / self.column, at % self.column / g.channels, at % g.channels);
        (line * g.kernel[2] + x) * g.channels + channel
    }
}

/// Whether what a row sees can be laid out so.
fn can_lie_so(g: &Geometry) -> bool {
    let plain = g.groups == 1 && g.image_dilation == [1; SPACE] && g.kernel_dilation == [1; SPACE];
    plain && g.kernel != [1; SPACE] && g.channels > 1 && Row::new(g).floats() * 4 <= ROW_BYTES
}

/// Whether the result is faster so than by packing: which is paid for by many filters, while short rows waste rows of tiles.
pub(super) fn fits(g: &Geometry) -> bool {
    let least = match g.filters {
        ..=16 => 8,
        17..=32 => 16,
        _ => 48,
    };
    g.result[2] >= least && can_lie_so(g)
}

/// Whether the gradient of the kernel is.
pub(super) fn fits_kernel_grad(g: &Geometry) -> bool {
    g.filters.is_multiple_of(MAX_LANES) && g.result[2] >= 16 && can_lie_so(g)
}

/// Bytes of scratch memory for [`forward`].
pub(super) fn forward_scratch(g: &Geometry) -> usize {
    Row::new(g).patch * g.filters.next_multiple_of(panel_width()) * 4
}

/// The result; see [`Geometry::forward`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(super) unsafe fn forward(
    g: &Geometry,
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    epilogue: &Epilogue,
    scratch: *mut u8,
) {
    let row = Row::new(g);
    let (x, w, y, kernel) = (x as usize, w as usize, y as usize, scratch as usize);
    Pool::global().run(g.kernel[2], &|column| {
        // SAFETY: the caller's; each task writes the numbers of a column of the kernel.
        unsafe { pack_kernel(g, &row, w as *const f32, kernel as *mut f32, column) }
    });
    let per_task = (row.count / TASKS).max(1);
    Pool::global().run(row.count.div_ceil(per_task), &|task| {
        thread_memory(row.floats(), |memory| {
            for at in task * per_task..row.count.min((task + 1) * per_task) {
                // SAFETY: the caller's; each task writes rows of its own.
                unsafe {
                    lay_out(g, &row, x as *const f32, at, memory);
                    let c = (y as *mut f32).add(at * g.result[2] * g.filters);
                    let target = Target { c, row: g.filters, epilogue, past_caches: false };
                    multiply(g, &row, memory, kernel as *const f32, &target);
                }
            }
        });
    });
}

/// One column of the kernel, in panels of filters.
unsafe fn pack_kernel(g: &Geometry, row: &Row, w: *const f32, to: *mut f32, column: usize) {
    let width = panel_width();
    for at in column * row.column..(column + 1) * row.column {
        for filter in 0..g.filters.next_multiple_of(width) {
            // SAFETY: the caller's.
            unsafe {
                let from = w.add(row.in_kernel(g, at) * g.filters + filter);
                let value = if filter < g.filters { *from } else { 0.0 };
                *to.add((filter / width * row.patch + at) * width + filter % width) = value;
            }
        }
    }
}

/// A row of results.
unsafe fn multiply(g: &Geometry, row: &Row, memory: *const f32, kernel: *const f32, target: &Target) {
    let (height, width) = (panel_height(), panel_width());
    let tiles = g.result[2].div_ceil(height);
    let passes = row.patch.div_ceil(MAX_TERMS);
    for filter in (0..g.filters).step_by(width) {
        let columns = width.min(g.filters - filter);
        // Part of a panel stays in the first cache.
        for pass in 0..passes {
            let first = pass * row.patch / passes;
            let last = (pass + 1) * row.patch / passes;
            let pass = Pass { first: pass == 0, last: pass + 1 == passes };
            for tile in 0..tiles {
                let from = tile * g.result[2] / tiles;
                let rows = (tile + 1) * g.result[2] / tiles - from;
                // SAFETY: the caller's.
                unsafe {
                    let panels = Panels {
                        terms: last - first,
                        a: memory.add(from * row.step + first),
                        a_step: row.step,
                        b: kernel.add((filter / width * row.patch + first) * width),
                        b_step: width,
                        ..Panels::default()
                    };
                    tile_for(true, rows, columns)(&panels, target, (from, filter), columns, pass);
                }
            }
        }
    }
}

for_isa!(fn lay_out(g: &Geometry, row: &Row, x: *const f32, at: usize, to: *mut f32) = lay_out_with);

/// What is under the kernel at a row of results.
#[inline(always)]
unsafe fn lay_out_with<V: Vector>(g: &Geometry, row: &Row, x: *const f32, at: usize, to: *mut f32) {
    let (image, z, y) = (at / (g.result[0] * g.result[1]), at / g.result[1] % g.result[0], at % g.result[1]);
    let inside = |place: isize, size: usize| place >= 0 && place < size as isize;
    // Columns of zeros before the image, or of the image that are cut.
    let before = g.low[2].clamp(-(g.image[2] as isize), row.columns as isize);
    let (start, skipped) = (before.max(0) as usize, (-before).max(0) as usize);
    let end = row.columns.min(start + g.image[2] - skipped);
    for line in 0..row.lines {
        let z = (z * g.stride[0] + line / g.kernel[1]) as isize - g.low[0];
        let y = (y * g.stride[1] + line % g.kernel[1]) as isize - g.low[1];
        let n = g.channels;
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
                let from = x.add((line * g.image[2] + skipped) * n);
                for column in start..end {
                    copy::<V>(from.add((column - start) * n), to.add(column * row.column), n);
                }
            }
        }
    }
}

/// Bytes of scratch memory for [`kernel_grad`].
pub(super) fn kernel_grad_scratch(g: &Geometry) -> usize {
    let row = Row::new(g);
    PARTS.min(row.count) * row.patch * g.filters * 4
}

/// The gradient of the kernel; see [`Geometry::kernel_grad`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(super) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    scratch: *mut u8,
) {
    let row = Row::new(g);
    let parts = PARTS.min(row.count);
    let sums = row.patch * g.filters;
    let (x, dy, dw, scratch) = (x as usize, dy as usize, dw as usize, scratch as usize);
    Pool::global().run(parts, &|part| {
        thread_memory(row.floats(), |memory| {
            let first = part * row.count / parts;
            for at in first..(part + 1) * row.count / parts {
                // SAFETY: the caller's; each task writes sums of its own.
                unsafe {
                    lay_out(g, &row, x as *const f32, at, memory);
                    let gradients = (dy as *const f32).add(at * g.result[2] * g.filters);
                    let sums = (scratch as *mut f32).add(part * sums);
                    add(g, &row, memory, gradients, sums, at == first);
                }
            }
        });
    });
    Pool::global().run(row.patch, &|at| {
        // SAFETY: the caller's; each task writes the numbers of one place and channel.
        unsafe {
            let from = (scratch as *const f32).add(at * g.filters);
            let to = (dw as *mut f32).add(row.in_kernel(g, at) * g.filters);
            add_rows(from, sums, parts, to, g.filters, &Epilogue::default());
        }
    });
}

/// Adds the products of a row's patches and gradients.
unsafe fn add(
    g: &Geometry,
    row: &Row,
    memory: *const f32,
    gradients: *const f32,
    sums: *mut f32,
    first: bool,
) {
    let (height, width) = (panel_height(), panel_width());
    let none = Epilogue::default();
    let target = Target { c: sums, row: g.filters, epilogue: &none, past_caches: false };
    let tiles = row.patch.div_ceil(height);
    for filter in (0..g.filters).step_by(width) {
        let columns = width.min(g.filters - filter);
        for tile in 0..tiles {
            let from = tile * row.patch / tiles;
            let rows = (tile + 1) * row.patch / tiles - from;
            // SAFETY: the caller's.
            unsafe {
                let panels = Panels {
                    terms: g.result[2],
                    a: memory.add(from),
                    a_step: row.step,
                    b: gradients.add(filter),
                    b_step: g.filters,
                    ..Panels::default()
                };
                let pass = Pass { first, last: true };
                tile_for(false, rows, columns)(&panels, &target, (from, filter), columns, pass);
            }
        }
    }
}
