//! The gradient of the kernel: the transposed computation, summed over tiles before it is transformed back.
//!
//! A task transforms and multiplies some tiles, and has sums of its own. With many channels those are much larger than what they
//! add: then many tiles are transformed first, and each pair of points is a task.
use super::tiles::{Apart, Images, Tiles};
use super::transform::{self, Map, Put, columns};
use super::{BLOCK_BYTES, Geometry, IMAGE, PAD, POINTS, RESULT, is_large};
use crate::aligned::thread_memory;
use crate::gemm::Epilogue;
use crate::gemm::kernel::{Panels, Pass, Target, panel_height, panel_width, tile_for};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};
use std::ops::Range;

/// Most parts of the sum over tiles.
const PARTS: usize = 16;
/// From how many times the memory of a tile on, sums are of all tiles.
const LARGE_SUMS: usize = 64;
/// Most tiles that all threads transform before they multiply.
const HELD: usize = 256;

#[derive(Clone, Copy)]
struct Shape {
    /// Channels and filters, padded.
    channels: usize,
    filters: usize,
    /// Tiles of a block.
    block: usize,
    /// Tiles whose transforms are held at a time, those of a block or [`HELD`]; made odd, so that pairs of points do not compete for the same
    /// lines of the cache.
    held: usize,
    /// Parts of the sum, each of its own blocks.
    parts: usize,
}

impl Shape {
    fn new(g: &Geometry, tiles: &Tiles) -> Shape {
        let (channels, filters) =
            (g.group_channels().next_multiple_of(PAD), g.group_filters().next_multiple_of(PAD));
        // Of a tile, the sums take so many times the memory of its transforms.
        let ratio = channels * filters / (channels + filters);
        let fitting = (BLOCK_BYTES / (POINTS * (channels + filters) * 4)).clamp(16, 128);
        if ratio >= LARGE_SUMS {
            return Shape { channels, filters, block: fitting, held: tiles.count.min(HELD) | 1, parts: 1 };
        }
        let sums_fit = POINTS * channels * filters * 4 <= BLOCK_BYTES;
        let block = if sums_fit { fitting } else { fitting.max(2 * ratio) };
        let parts = tiles.count.div_ceil(block).min(PARTS);
        Shape { channels, filters, block, held: block | 1, parts }
    }

    /// Floats of the sums of a part.
    fn sums(&self) -> usize {
        POINTS * self.channels * self.filters
    }

    /// Floats of the transforms that are held.
    fn transforms(&self) -> usize {
        POINTS * self.held * (self.channels + self.filters)
    }

    /// Whether tiles are transformed for all threads.
    fn is_shared(&self) -> bool {
        self.held > self.block | 1
    }
}

/// What is multiplied.
struct Operands<'a> {
    g: &'a Geometry,
    shape: Shape,
    tiles: Tiles,
    x: *const f32,
    dy: *const f32,
}

// SAFETY: what it points to is only read.
unsafe impl Sync for Operands<'_> {}

/// Bytes of scratch memory for [`kernel_grad`].
pub(in crate::conv) fn kernel_grad_scratch(g: &Geometry) -> usize {
    let shape = Shape::new(g, &Tiles::new(g));
    let transforms = if shape.is_shared() { shape.transforms() } else { 0 };
    (shape.parts * shape.sums() + transforms) * 4
}

/// See [`Geometry::kernel_grad`]; of a group, whose rows of filters are so far apart.
///
/// # Safety
/// As there, and the geometry must fit.
pub(in crate::conv) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    (dw, row): (*mut f32, usize),
    scratch: *mut u8,
) {
    let tiles = Tiles::new(g);
    let shape = Shape::new(g, &tiles);
    let of = Operands { g, shape, tiles, x, dy };
    let (dw, sums) = (dw as usize, scratch as usize);
    // SAFETY: the caller's; each task writes sums or transforms of its own, and has memory for its blocks.
    unsafe {
        if shape.is_shared() {
            let transforms = (scratch as *mut f32).add(shape.sums()) as usize;
            for from in (0..tiles.count).step_by(HELD) {
                let until = tiles.count.min(from + HELD);
                Pool::global().run((until - from).div_ceil(shape.block), &|block| {
                    let first = from + block * shape.block;
                    let some = first..until.min(first + shape.block);
                    transform_tiles(&of, transforms as *mut f32, some, from);
                });
                Pool::global().run(POINTS, &|point| {
                    let (transforms, sums) = (transforms as *const f32, sums as *mut f32);
                    multiply(&of, transforms, sums, point..point + 1, until - from, from == 0);
                });
            }
        } else {
            let blocks = tiles.count.div_ceil(shape.block);
            Pool::global().run(shape.parts, &|part| {
                thread_memory(shape.transforms(), |memory| {
                    let sums = (sums as *mut f32).add(part * shape.sums());
                    let first = part * blocks / shape.parts;
                    for block in first..(part + 1) * blocks / shape.parts {
                        let from = block * shape.block;
                        let until = tiles.count.min(from + shape.block);
                        transform_tiles(&of, memory, from..until, from);
                        multiply(&of, memory, sums, 0..POINTS, until - from, block == first);
                    }
                });
            });
        }
    }
    Pool::global().run(g.group_channels(), &|channel| {
        // SAFETY: the caller's; each task writes the numbers of its channel.
        unsafe { back(g, &shape, sums as *const f32, dw as *mut f32, row, channel) }
    });
}

for_isa!(fn transform_tiles(of: &Operands, memory: *mut f32, some: Range<usize>, first: usize) = transform_tiles_with);

/// The transforms of some tiles, among those held from `first` on.
#[inline(always)]
unsafe fn transform_tiles_with<V: Vector>(of: &Operands, memory: *mut f32, some: Range<usize>, first: usize) {
    let &Operands { g, shape, tiles, x, dy } = of;
    let (images, results) = (Images::of(g, x), Images::of_results(g, dy));
    let (channels, filters) = (g.group_channels(), g.group_filters());
    let ahead = is_large(g);
    for tile in some {
        let (image, top, left) = tiles.place(tile);
        let place = (top as isize - g.low[1], left as isize - g.low[2]);
        let at = tile - first;
        // SAFETY: the caller's.
        unsafe {
            let gradients = memory.add(POINTS * shape.held * shape.channels);
            if let Some((image, top, left)) = tiles.below(tile).filter(|_| ahead) {
                let place = (top as isize - g.low[1], left as isize - g.low[2]);
                for channel in (0..channels).step_by(V::LANES) {
                    images.ask(image, place, channel);
                }
                for filter in (0..filters).step_by(V::LANES) {
                    results.ask(image, (top as isize - 2, left as isize), filter);
                }
            }
            for channel in (0..channels).step_by(V::LANES) {
                let to = memory.add(at * shape.channels + channel);
                let mut put = Apart { to, apart: shape.held * shape.channels };
                images.tile::<transform::Image, V, IMAGE>(image, place, channel, &mut put);
            }
            for filter in (0..filters).step_by(V::LANES) {
                let to = gradients.add(at * shape.filters + filter);
                let mut put = Apart { to, apart: shape.held * shape.filters };
                let place = (top as isize, left as isize);
                results.tile::<transform::ResultGrad, V, RESULT>(image, place, filter, &mut put);
            }
        }
    }
}

/// For each of some pairs of points, adds the product of images and gradients over some of the tiles held.
unsafe fn multiply(
    of: &Operands,
    transforms: *const f32,
    sums: *mut f32,
    points: Range<usize>,
    terms: usize,
    first: bool,
) {
    let (channels, shape) = (of.g.group_channels(), of.shape);
    let (height, width) = (panel_height(), panel_width());
    let none = Epilogue::default();
    for point in points {
        // SAFETY: the caller's.
        unsafe {
            let gradients = transforms.add(POINTS * shape.held * shape.channels);
            let images = transforms.add(point * shape.held * shape.channels);
            let gradients = gradients.add(point * shape.held * shape.filters);
            let c = sums.add(point * shape.channels * shape.filters);
            let target = Target { c, row: shape.filters, epilogue: &none, past_caches: false };
            for row in (0..channels).step_by(height) {
                for filter in (0..shape.filters).step_by(width) {
                    let (rows, columns) = (height.min(channels - row), width.min(shape.filters - filter));
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

for_isa!(fn back(
    g: &Geometry, shape: &Shape, sums: *const f32, dw: *mut f32, row: usize, channel: usize
) = back_with);

/// The gradient of the kernel of a channel from the sums of all parts.
#[inline(always)]
unsafe fn back_with<V: Vector>(
    g: &Geometry,
    shape: &Shape,
    sums: *const f32,
    dw: *mut f32,
    row: usize,
    channel: usize,
) {
    for filter in (0..g.group_filters()).step_by(V::LANES) {
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
            let to = dw.add(channel * row + filter);
            let n = V::LANES.min(g.group_filters() - filter);
            let mut put = InKernel { to, apart: g.group_channels() * row, n };
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
