//! The gradient of the kernel: the transposed computation, summed over tiles before it is transformed back.
use super::tiles::{Apart, Images, Tiles};
use super::transform::{self, Map, Put, columns};
use super::{BLOCK_BYTES, Geometry, IMAGE, PAD, POINTS, RESULT, is_large};
use crate::aligned::thread_memory;
use crate::gemm::Epilogue;
use crate::gemm::kernel::{Panels, Pass, Target, panel_height, panel_width, tile_for};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};

/// Most parts of the sum over tiles.
const PARTS: usize = 16;

#[derive(Clone, Copy)]
struct Shape {
    /// Channels and filters, padded.
    channels: usize,
    filters: usize,
    /// Tiles of a block.
    block: usize,
    /// Parts of the sum, each of its own blocks.
    parts: usize,
}

impl Shape {
    fn new(g: &Geometry, tiles: &Tiles) -> Shape {
        let (channels, filters) = (g.channels.next_multiple_of(PAD), g.filters.next_multiple_of(PAD));
        let block = (BLOCK_BYTES / (POINTS * (channels + filters) * 4)).clamp(16, 128);
        Shape { channels, filters, block, parts: tiles.count.div_ceil(block).min(PARTS) }
    }

    /// Floats of the sums of a part.
    fn sums(&self) -> usize {
        POINTS * self.channels * self.filters
    }
}

/// Bytes of scratch memory for [`kernel_grad`].
pub(in crate::conv) fn kernel_grad_scratch(g: &Geometry) -> usize {
    let shape = Shape::new(g, &Tiles::new(g));
    shape.parts * shape.sums() * 4
}

/// See [`Geometry::kernel_grad`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(in crate::conv) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    scratch: *mut u8,
) {
    let tiles = Tiles::new(g);
    let shape = Shape::new(g, &tiles);
    let (x, dy, dw, sums) = (x as usize, dy as usize, dw as usize, scratch as usize);
    Pool::global().run(shape.parts, &|part| {
        thread_memory(POINTS * shape.block * (shape.channels + shape.filters), |memory| {
            // SAFETY: the caller's; each task writes sums of its own, and has memory for both blocks.
            unsafe {
                let sums = (sums as *mut f32).add(part * shape.sums());
                some_tiles(g, &shape, &tiles, x as *const f32, dy as *const f32, sums, memory, part);
            }
        });
    });
    Pool::global().run(g.channels, &|channel| {
        // SAFETY: the caller's; each task writes the numbers of its channel.
        unsafe { transform_back(g, &shape, sums as *const f32, dw as *mut f32, channel) }
    });
}

for_isa!(fn some_tiles(
    g: &Geometry, shape: &Shape, tiles: &Tiles, x: *const f32, dy: *const f32, sums: *mut f32, memory: *mut f32,
    part: usize,
) = some_tiles_with);

/// The sums over the tiles of a part.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn some_tiles_with<V: Vector>(
    g: &Geometry,
    shape: &Shape,
    tiles: &Tiles,
    x: *const f32,
    dy: *const f32,
    sums: *mut f32,
    memory: *mut f32,
    part: usize,
) {
    let images = Images { data: x, height: g.image[1], width: g.image[2], channels: g.channels };
    let results = Images { data: dy, height: g.result[1], width: g.result[2], channels: g.filters };
    let ahead = is_large(g);
    let blocks = tiles.count.div_ceil(shape.block);
    let first = part * blocks / shape.parts;
    for block in first..(part + 1) * blocks / shape.parts {
        let from = block * shape.block;
        let terms = shape.block.min(tiles.count - from);
        // SAFETY: the caller's.
        unsafe {
            let gradients = memory.add(POINTS * shape.block * shape.channels);
            for t in 0..terms {
                let (image, top, left) = tiles.place(from + t);
                let place = (top as isize - g.low[1], left as isize - g.low[2]);
                if let Some((image, top, left)) = tiles.below(from + t).filter(|_| ahead) {
                    let place = (top as isize - g.low[1], left as isize - g.low[2]);
                    for channel in (0..g.channels).step_by(V::LANES) {
                        images.ask(image, place, channel);
                    }
                    for filter in (0..g.filters).step_by(V::LANES) {
                        results.ask(image, (top as isize - 2, left as isize), filter);
                    }
                }
                for channel in (0..g.channels).step_by(V::LANES) {
                    let to = memory.add(t * shape.channels + channel);
                    let mut put = Apart { to, apart: shape.block * shape.channels };
                    images.tile::<transform::Image, V, IMAGE>(image, place, channel, &mut put);
                }
                for filter in (0..g.filters).step_by(V::LANES) {
                    let to = gradients.add(t * shape.filters + filter);
                    let mut put = Apart { to, apart: shape.block * shape.filters };
                    let place = (top as isize, left as isize);
                    results.tile::<transform::ResultGrad, V, RESULT>(image, place, filter, &mut put);
                }
            }
            multiply(g, shape, memory, gradients, sums, terms, block == first);
        }
    }
}

/// For each pair of points, adds the product of images and gradients over some tiles.
#[inline(always)]
unsafe fn multiply(
    g: &Geometry,
    shape: &Shape,
    images: *const f32,
    gradients: *const f32,
    sums: *mut f32,
    terms: usize,
    first: bool,
) {
    let (height, width) = (panel_height(), panel_width());
    let none = Epilogue::default();
    for point in 0..POINTS {
        // SAFETY: the caller's.
        unsafe {
            let images = images.add(point * shape.block * shape.channels);
            let gradients = gradients.add(point * shape.block * shape.filters);
            let c = sums.add(point * shape.channels * shape.filters);
            let target = Target { c, row: shape.filters, epilogue: &none, past_caches: false };
            for row in (0..g.channels).step_by(height) {
                for filter in (0..shape.filters).step_by(width) {
                    let (rows, columns) = (height.min(g.channels - row), width.min(shape.filters - filter));
                    let panels = Panels {
                        terms,
                        a: images.add(row),
                        a_step: shape.channels,
                        b: gradients.add(filter),
                        b_step: shape.filters,
                        ..Panels::default()
                    };
                    let pass = Pass { first, last: true };
                    tile_for(false, rows, columns)(&panels, &target, (row, filter), columns, pass);
                }
            }
        }
    }
}

for_isa!(fn transform_back(
    g: &Geometry, shape: &Shape, sums: *const f32, dw: *mut f32, channel: usize
) = transform_back_with);

/// The gradient of the kernel of a channel from the sums of all parts.
#[inline(always)]
unsafe fn transform_back_with<V: Vector>(
    g: &Geometry,
    shape: &Shape,
    sums: *const f32,
    dw: *mut f32,
    channel: usize,
) {
    for filter in (0..g.filters).step_by(V::LANES) {
        // SAFETY: the caller's; sums are padded to whole vectors.
        unsafe {
            let mut half = [[V::splat(0.0); 3]; IMAGE];
            for (i, half) in half.iter_mut().enumerate() {
                let mut line = [V::splat(0.0); IMAGE];
                for (j, v) in line.iter_mut().enumerate() {
                    let at = ((i * IMAGE + j) * shape.channels + channel) * shape.filters + filter;
                    for part in 0..shape.parts {
                        *v = v.add(V::load(sums.add(part * shape.sums() + at)));
                    }
                }
                *half = transform::KernelGrad::apply(line);
            }
            let to = dw.add(channel * g.filters + filter);
            let mut put = InKernel { to, apart: g.channels * g.filters, n: V::LANES.min(g.filters - filter) };
            columns::<transform::KernelGrad, V, IMAGE, 3, 3>(&half, &mut put);
        }
    }
}

/// Vectors of filters in the kernel.
struct InKernel {
    to: *mut f32,
    apart: usize,
    n: usize,
}

impl<V: Vector> Put<V> for InKernel {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, j: usize, v: V) {
        // SAFETY: the caller's.
        unsafe {
            let to = self.to.add((i * 3 + j) * self.apart);
            if self.n == V::LANES { v.store(to) } else { v.store_first(to, self.n) }
        }
    }
}
