//! Convolutions of 3x3 kernels by tiles of 4x4 results, after Winograd (1980) and Lavin and Gray (2016): image and kernel are
//! transformed so that a tile takes 36 products of channels and filters where its sums take 144.
//!
//! The numbers of a tile, one for each pair of points, are vectors of channels; for each pair of points, many tiles together
//! are a matrix product.
mod forward;
mod kernel_grad;
mod tiles;
mod transform;

pub(super) use forward::{forward, forward_scratch};
pub(super) use kernel_grad::{kernel_grad, kernel_grad_scratch};

use super::Geometry;
use tiles::Tiles;

/// Pairs of points.
const POINTS: usize = 36;
/// Rows and columns of the results of a tile.
const RESULT: usize = 4;
/// Rows and columns of the image that a tile reads.
const IMAGE: usize = 6;
/// Channels and filters are padded to a multiple of this: whole vectors of any instruction set.
const PAD: usize = crate::vector::MAX_LANES;
/// Bytes of the blocks of a task, so that they stay in the second cache beside the kernel.
const BLOCK_BYTES: usize = 400 << 10;

/// Bytes of image and result that are rarely in a cache when their turn comes: other layers used it since.
const LARGE: usize = 2 << 20;

fn is_large(g: &Geometry) -> bool {
    let places = |sizes: &[usize]| g.batch * sizes.iter().product::<usize>();
    4 * (places(&g.image) * g.channels + places(&g.result) * g.filters) >= LARGE
}

/// Whether tiles are faster than sums: transforms are paid for by channels and filters, and by the share of tiles that is
/// within the result.
pub(super) fn fits(g: &Geometry) -> bool {
    let flat = g.image[0] == 1 && g.result[0] == 1 && g.low[0] == 0;
    let plain = g.kernel == [1, 3, 3] && [g.stride, g.image_dilation, g.kernel_dilation] == [[1; 3]; 3];
    if !flat || !plain {
        return false;
    }
    let tiles = Tiles::new(g);
    let channels = |n: usize| (12..=512).contains(&n);
    channels(g.group_channels())
        && channels(g.group_filters())
        && tiles.count >= 16
        && 6 * tiles.per_image() <= g.result[1] * g.result[2]
}
