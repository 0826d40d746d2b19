//! The result: kernel and image are transformed, multiplied, and transformed back.
use super::tiles::{Images, Tiles};
use super::transform::{self, Map, Put, columns};
use super::{BLOCK_BYTES, Geometry, IMAGE, PAD, POINTS, RESULT, is_large};
use crate::aligned::thread_memory;
use crate::gemm::Epilogue;
use crate::gemm::kernel::{Panels, Pass, Target, panel_height, panel_width, tile_for};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};

/// Most terms of a row of transformed images, and floats from one row to the next: no power of two, so that rows do not compete
/// for the same lines of the cache.
const TERMS: usize = 256;
const PITCH: usize = TERMS + 16;

/// The sizes of the products.
#[derive(Clone, Copy)]
struct Shape {
    channels: usize,
    /// Channels that are multiplied at a time, as they are in memory.
    terms: usize,
    /// Pairs of points side by side in a row of a panel.
    beside: usize,
    /// Filters, padded.
    filters: usize,
    /// Tiles of a task.
    rows: usize,
    /// Where each pair of points begins within a panel.
    points: [usize; POINTS],
    /// Whether images and results are asked for before their turn.
    ahead: bool,
}

impl Shape {
    fn new(g: &Geometry) -> Shape {
        let (channels, filters) = (g.channels.next_multiple_of(PAD), g.filters.next_multiple_of(PAD));
        let terms = channels.div_ceil(channels.div_ceil(TERMS)).next_multiple_of(PAD);
        let fitting = BLOCK_BYTES / (POINTS * (channels + filters) * 4);
        let rows = (fitting / panel_height()).clamp(1, 6) * panel_height();
        let (beside, apart) = (TERMS / terms, panel_height() * PITCH);
        let points = std::array::from_fn(|point| point / beside * apart + point % beside * terms);
        Shape { channels: g.channels, terms, beside, filters, rows, points, ahead: is_large(g) }
    }

    /// Floats from one pair of points of the transformed kernel to the next.
    fn kernel_apart(&self) -> usize {
        self.channels * self.filters.next_multiple_of(panel_width())
    }

    /// Parts of the sum over channels.
    fn parts(&self) -> usize {
        self.channels.div_ceil(self.terms)
    }

    /// Floats of the transformed images of a panel of tiles, for a part of the channels.
    fn panel(&self) -> usize {
        POINTS.div_ceil(self.beside) * panel_height() * PITCH
    }
}

/// Bytes of scratch memory for [`forward`].
pub(in crate::conv) fn forward_scratch(g: &Geometry) -> usize {
    POINTS * Shape::new(g).kernel_apart() * 4
}

/// The convolution of `x` with `w`; see [`Geometry::forward`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(in crate::conv) unsafe fn forward(
    g: &Geometry,
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    epilogue: &Epilogue,
    scratch: *mut u8,
) {
    let shape = Shape::new(g);
    let tiles = Tiles::new(g);
    let (x, w, y, kernel) = (x as usize, w as usize, y as usize, scratch as usize);
    Pool::global().run(g.channels, &|channel| {
        // SAFETY: the caller's; each task writes the numbers of its channel.
        unsafe { transform_kernel(g, &shape, w as *const f32, kernel as *mut f32, channel) }
    });
    Pool::global().run(tiles.count.div_ceil(shape.rows), &|block| {
        let from = block * shape.rows;
        let rows = shape.rows.min(tiles.count - from);
        let floats =
            shape.rows / panel_height() * shape.parts() * shape.panel() + POINTS * shape.rows * shape.filters;
        thread_memory(floats, |memory| {
            // SAFETY: the caller's; each task writes tiles of its own, and has memory for both blocks.
            unsafe {
                let (x, y) = (x as *const f32, y as *mut f32);
                some_tiles(g, &shape, &tiles, x, kernel as *const f32, y, epilogue, memory, from, rows);
            }
        });
    });
}

for_isa!(fn transform_kernel(
    g: &Geometry, shape: &Shape, w: *const f32, to: *mut f32, channel: usize
) = transform_kernel_with);

/// The transformed kernel of a channel, in panels of filters.
#[inline(always)]
unsafe fn transform_kernel_with<V: Vector>(
    g: &Geometry,
    shape: &Shape,
    w: *const f32,
    to: *mut f32,
    channel: usize,
) {
    let width = panel_width();
    let mut filter = 0;
    while filter < shape.filters {
        let n = V::LANES.min(g.filters.saturating_sub(filter));
        // SAFETY: the caller's.
        unsafe {
            let zero = V::splat(0.0);
            let mut half = [[zero; IMAGE]; 3];
            for (i, half) in half.iter_mut().enumerate() {
                let mut line = [zero; 3];
                for (j, v) in line.iter_mut().enumerate() {
                    let p = w.wrapping_add(((i * 3 + j) * g.channels + channel) * g.filters + filter);
                    *v = if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
                }
                *half = transform::Kernel::apply(line);
            }
            let place = filter / width * shape.channels * width + channel * width + filter % width;
            let mut put = super::tiles::Apart { to: to.add(place), apart: shape.kernel_apart() };
            columns::<transform::Kernel, V, 3, IMAGE, IMAGE>(&half, &mut put);
        }
        filter += V::LANES;
    }
}

for_isa!(fn some_tiles(
    g: &Geometry, shape: &Shape, tiles: &Tiles, x: *const f32, kernel: *const f32, y: *mut f32, epilogue: &Epilogue,
    memory: *mut f32, from: usize, rows: usize,
) = some_tiles_with);

/// Tiles `from..from + rows`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn some_tiles_with<V: Vector>(
    g: &Geometry,
    shape: &Shape,
    tiles: &Tiles,
    x: *const f32,
    kernel: *const f32,
    y: *mut f32,
    epilogue: &Epilogue,
    memory: *mut f32,
    from: usize,
    rows: usize,
) {
    let height = panel_height();
    let images = Images { data: x, height: g.image[1], width: g.image[2], channels: g.channels };
    let results = Images { data: y, height: g.result[1], width: g.result[2], channels: g.filters };
    // SAFETY: the caller's; blocks are as large as `forward` asked for.
    unsafe {
        let products = memory.add(shape.rows / height * shape.parts() * shape.panel());
        for row in 0..rows {
            let (image, top, left) = tiles.place(from + row);
            let place = (top as isize - g.low[1], left as isize - g.low[2]);
            let below = tiles.below(from + row).filter(|_| shape.ahead);
            for filter in (0..g.filters).step_by(V::LANES).take_while(|_| shape.ahead) {
                results.ask_to_write(image, (top, left), filter);
            }
            let mut channel = 0;
            while channel < g.channels {
                if let Some((image, top, left)) = below {
                    let place = (top as isize - g.low[1], left as isize - g.low[2]);
                    images.ask(image, place, channel);
                }
                let panel = row / height * shape.parts() + channel / shape.terms;
                let to = memory.add(panel * shape.panel() + row % height * PITCH + channel % shape.terms);
                let mut put = InPanel { to, points: &shape.points };
                images.tile::<transform::Image, V, IMAGE>(image, place, channel, &mut put);
                channel += V::LANES;
            }
        }
        multiply(shape, memory, kernel, products, rows);
        for row in 0..rows {
            let (image, top, left) = tiles.place(from + row);
            let mut filter = 0;
            while filter < g.filters {
                let products = products.add(row * shape.filters + filter);
                result_tile::<V>(
                    g,
                    products,
                    shape.rows * shape.filters,
                    y,
                    (image, top, left),
                    filter,
                    epilogue,
                );
                filter += V::LANES;
            }
        }
    }
}

/// Vectors of points in a panel of tiles.
struct InPanel<'a> {
    to: *mut f32,
    points: &'a [usize; POINTS],
}

impl<V: Vector> Put<V> for InPanel<'_> {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, j: usize, v: V) {
        // SAFETY: the caller's.
        unsafe { v.store(self.to.add(self.points[i * IMAGE + j])) }
    }
}

/// For each pair of points, the product of tiles and kernel.
#[inline(always)]
unsafe fn multiply(shape: &Shape, images: *const f32, kernel: *const f32, products: *mut f32, rows: usize) {
    let (height, width) = (panel_height(), panel_width());
    let none = Epilogue::default();
    for point in 0..POINTS {
        // SAFETY: the caller's.
        unsafe {
            let target = Target {
                c: products.add(point * shape.rows * shape.filters),
                row: shape.filters,
                epilogue: &none,
                past_caches: false,
            };
            for filter in (0..shape.filters).step_by(width) {
                let columns = width.min(shape.filters - filter);
                let b = kernel.add(point * shape.kernel_apart() + filter * shape.channels);
                for row in (0..rows).step_by(height) {
                    let tile = tile_for(true, height.min(rows - row), columns);
                    for part in 0..shape.parts() {
                        let first = part * shape.terms;
                        let panel = (row / height * shape.parts() + part) * shape.panel();
                        let panels = Panels {
                            terms: shape.terms.min(shape.channels - first),
                            a: images.add(panel + shape.points[point]),
                            a_step: PITCH,
                            b: b.add(first * width),
                            b_step: width,
                            ..Panels::default()
                        };
                        let pass = Pass { first: part == 0, last: part + 1 == shape.parts() };
                        tile(&panels, &target, (row, filter), columns, pass);
                    }
                }
            }
        }
    }
}

/// Transforms the products of a tile back, and stores what is within the result.
#[inline(always)]
unsafe fn result_tile<V: Vector>(
    g: &Geometry,
    products: *const f32,
    apart: usize,
    y: *mut f32,
    (image, top, left): (usize, usize, usize),
    filter: usize,
    epilogue: &Epilogue,
) {
    // SAFETY: the caller's; products are padded to whole vectors.
    unsafe {
        let zero = V::splat(0.0);
        let n = V::LANES.min(g.filters - filter);
        let mut half = [[zero; RESULT]; IMAGE];
        for (i, half) in half.iter_mut().enumerate() {
            let mut line = [zero; IMAGE];
            for (j, v) in line.iter_mut().enumerate() {
                *v = V::load(products.add((i * IMAGE + j) * apart));
            }
            *half = transform::Result::apply(line);
        }
        let first = (image * g.result[1] + top) * g.result[2] + left;
        let mut put = InResult {
            to: y.add(first * g.filters + filter),
            row: g.result[2] * g.filters,
            column: g.filters,
            rows: g.result[1] - top,
            columns: g.result[2] - left,
            n,
            epilogue: epilogue.from(filter),
        };
        columns::<transform::Result, V, IMAGE, RESULT, RESULT>(&half, &mut put);
    }
}

/// Vectors of filters in the result.
struct InResult {
    to: *mut f32,
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
    n: usize,
    epilogue: Epilogue,
}

impl<V: Vector> Put<V> for InResult {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, j: usize, v: V) {
        if i >= self.rows || j >= self.columns {
            return;
        }
        // SAFETY: the caller's; the place is within the result.
        unsafe {
            let mut v = [[v]];
            self.epilogue.apply(&mut v, self.n);
            let [[v]] = v;
            let to = self.to.add(i * self.row + j * self.column);
            if self.n == V::LANES { v.store(to) } else { v.store_first(to, self.n) }
        }
    }
}
