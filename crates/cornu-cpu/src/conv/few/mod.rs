//! Convolution in groups of few channels, channels side by side in vectors. A result is a sum over the channels of its group, its
//! terms: for each, a vector of the image is turned into one that holds that channel of each group in all lanes of the group.
mod forward;
mod kernel_grad;

pub(super) use forward::{forward, input_grad, scratch_bytes};
pub(super) use kernel_grad::{kernel_grad, kernel_grad_scratch};

use super::Geometry;
use super::depthwise::MAX_LINES;
use crate::vector::{MAX_LANES, Vector};

/// Most channels of a group; vectors of any instruction set hold whole groups.
const MAX_TERMS: usize = 8;
/// Most phases of a row.
const MAX_PHASES: usize = 4;
/// Most elements side by side of a row of the kernel that share what is picked of the image.
const MAX_TAPS: usize = 3;

/// Whether a convolution is one of these.
pub(super) fn fits(g: &Geometry) -> bool {
    let terms = g.group_channels();
    let few = g.groups > 1 && (2..=MAX_TERMS).contains(&terms) && terms.is_power_of_two();
    few && g.channels == g.filters
        && g.channels.is_multiple_of(MAX_LANES)
        && g.stride[2].max(g.image_dilation[2]) <= MAX_PHASES
        && g.kernel[0] * g.kernel[1] <= MAX_LINES
}

/// For each channel of a group, which lane of a vector holds that of the group of a lane.
struct Spread([[u32; MAX_LANES]; MAX_TERMS]);

impl Spread {
    fn new(terms: usize) -> Spread {
        let lane = |term: usize, i: usize| (i / terms * terms + term) as u32;
        Spread(std::array::from_fn(|term| std::array::from_fn(|i| lane(term % terms, i))))
    }

    /// # Safety
    /// Groups must have the term.
    #[inline(always)]
    unsafe fn index<V: Vector>(&self, term: usize) -> V {
        // SAFETY: the caller's. Not by an index, whose bound would unroll loops over terms.
        unsafe { V::load(self.0.as_ptr().add(term).cast()) }
    }
}

/// Positions of a row of results, evenly apart, that see the same elements of a row of the kernel, or zeros beyond the ends of the image.
#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    /// The first position, how many there are, and from one to the next.
    at: usize,
    count: usize,
    apart: usize,
    /// The first of those elements, how many there are, and from one to the next.
    tap: usize,
    taps: usize,
    tap_step: usize,
    /// The column of the image at the first position under the first element, and from one element or position to the next.
    column: isize,
    column_step: usize,
    stride: usize,
}

/// All phases of a row.
struct Phases {
    phases: [Phase; MAX_PHASES],
    count: usize,
}

impl Phases {
    fn new(g: &Geometry) -> Phases {
        let (stride, gaps, dilation) = (g.stride[2], g.image_dilation[2], g.kernel_dilation[2]);
        let apart = gaps / common(stride, gaps);
        let tap_step = gaps / common(dilation, gaps);
        let mut phases = Phases { phases: [Phase::default(); MAX_PHASES], count: apart.min(g.result[2]) };
        for (at, phase) in phases.phases[..phases.count].iter_mut().enumerate() {
            let place = |tap: usize| (at * stride + tap * dilation) as isize - g.low[2];
            let first = (0..g.kernel[2]).find(|&tap| place(tap).rem_euclid(gaps as isize) == 0);
            let tap = first.unwrap_or(g.kernel[2]);
            *phase = Phase {
                at,
                count: (g.result[2] - at).div_ceil(apart),
                apart,
                tap,
                taps: (g.kernel[2] - tap).div_ceil(tap_step),
                tap_step,
                column: place(tap).div_euclid(gaps as isize),
                column_step: tap_step * dilation / gaps,
                stride: apart * stride / gaps,
            };
        }
        phases
    }

    #[inline(always)]
    fn all(&self) -> &[Phase] {
        &self.phases[..self.count]
    }
}

/// The greatest common divisor.
fn common(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
