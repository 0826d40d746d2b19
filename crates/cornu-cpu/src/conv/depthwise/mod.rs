//! Convolution of each channel by itself, channels side by side in vectors.
mod forward;
mod kernel_grad;

pub(super) use forward::forward;
pub(super) use kernel_grad::{kernel_grad, kernel_grad_scratch};

use super::Geometry;

/// Most rows of a kernel.
pub(super) const MAX_LINES: usize = 64;
/// Bytes of an image from which on rows are asked for before their turn.
pub(super) const FAR: usize = 256 << 10;

/// Whether a convolution of channels by themselves is one of these.
pub(super) fn fits(g: &Geometry) -> bool {
    g.groups == g.channels && g.groups == g.filters && g.groups > 1 && g.kernel[0] * g.kernel[1] <= MAX_LINES
}

pub(super) fn kernel_size(g: &Geometry) -> usize {
    g.kernel.iter().product()
}

/// Rows of all results.
pub(super) fn rows(g: &Geometry) -> usize {
    g.batch * g.result[0] * g.result[1]
}

pub(super) fn image_bytes(g: &Geometry) -> usize {
    g.batch * g.image.iter().product::<usize>() * g.channels * 4
}

/// Bytes of images and results that are worked on together in the gradient of a kernel.
const BLOCK_BYTES: usize = 256 << 10;

/// Rows of results that so many bytes hold, with the image's under them.
pub(super) fn rows_together(g: &Geometry) -> usize {
    let image = image_bytes(g) / g.batch.max(1) / (g.result[0] * g.result[1]);
    (BLOCK_BYTES / (image + g.result[2] * g.channels * 4).max(1)).max(1)
}

/// Where element `k` of the kernel meets the image along an axis, at position `at` of the result.
#[inline(always)]
fn place(g: &Geometry, axis: usize, at: usize, k: usize) -> Option<usize> {
    let p = (at * g.stride[axis] + k * g.kernel_dilation[axis]) as isize - g.low[axis];
    let p = usize::try_from(p).ok()?;
    let dilation = g.image_dilation[axis];
    (p % dilation == 0 && p / dilation < g.image[axis]).then_some(p / dilation)
}

/// The rows of the image under a row of results, each with the row of the kernel that it meets.
pub(super) struct Lines {
    lines: [(usize, usize); MAX_LINES],
    count: usize,
}

impl Lines {
    #[inline(always)]
    pub fn of(g: &Geometry, row: usize) -> Lines {
        let (slice, y) = (row / g.result[1], row % g.result[1]);
        let (image, z) = (slice / g.result[0], slice % g.result[0]);
        let mut lines = Lines { lines: [(0, 0); MAX_LINES], count: 0 };
        for kz in 0..g.kernel[0] {
            let Some(z) = place(g, 0, z, kz) else { continue };
            for ky in 0..g.kernel[1] {
                let Some(y) = place(g, 1, y, ky) else { continue };
                lines.lines[lines.count] = ((image * g.image[0] + z) * g.image[1] + y, kz * g.kernel[1] + ky);
                lines.count += 1;
            }
        }
        lines
    }

    #[inline(always)]
    pub fn all(&self) -> &[(usize, usize)] {
        &self.lines[..self.count]
    }

    /// The rows of the image that the next row of results is the first to see, about.
    #[inline(always)]
    pub fn next(&self, g: &Geometry) -> std::ops::Range<usize> {
        let last = self.lines[self.count.saturating_sub(1)].0;
        last + 1..last + 1 + g.stride[1]
    }

    /// How many rows of results, from this one to before `end` and at most so many, the same rows of the kernel meet, evenly apart;
    /// and how far the image's are from one to the next.
    #[inline(always)]
    pub fn alike(&self, g: &Geometry, row: usize, end: usize, most: usize) -> (usize, usize) {
        let (mut count, mut step) = (1, 0);
        while count < most && row + count < end && self.count > 0 {
            let Some(far) = self.step_to(&Lines::of(g, row + count)) else { break };
            step = if count == 1 { far } else { step };
            if far != count * step {
                break;
            }
            count += 1;
        }
        (count, step)
    }

    /// How far the rows of the image of `next` are from these, if the same rows of the kernel meet them.
    #[inline(always)]
    fn step_to(&self, next: &Lines) -> Option<usize> {
        let step = next.lines[0].0.checked_sub(self.lines[0].0)?;
        let mut pairs = self.all().iter().zip(next.all());
        let same = self.count == next.count && pairs.all(|(a, b)| (a.0 + step, a.1) == *b);
        same.then_some(step)
    }
}

/// Positions of a row of results, evenly apart, that see the same elements of a row of the kernel.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    /// The first position, how many there are, and from one to the next.
    at: usize,
    count: usize,
    apart: usize,
    /// The first of those elements, how many there are, and from one to the next.
    tap: usize,
    taps: usize,
    tap_step: usize,
    /// The column of the image at the first position under the first element, and from one element or position to the next.
    column: usize,
    column_step: usize,
    stride: usize,
}

impl Span {
    /// Of one position.
    fn of(g: &Geometry, at: usize) -> Span {
        let mut span = Span { at, count: 1, ..Span::default() };
        for k in 0..g.kernel[2] {
            let Some(column) = place(g, 2, at, k) else { continue };
            match span.taps {
                0 => (span.tap, span.column) = (k, column),
                1 => (span.tap_step, span.column_step) = (k - span.tap, column - span.column),
                _ => {}
            }
            span.taps += 1;
        }
        span
    }

    /// Takes the position in, if it goes on in the same way.
    fn extend(&mut self, next: &Span) -> bool {
        let taps = |s: &Span| (s.tap, s.taps, s.tap_step, s.column_step);
        let stride = if self.count == 1 { next.column.wrapping_sub(self.column) } else { self.stride };
        let apart = if self.count == 1 { next.at - self.at } else { self.apart };
        let is_next = taps(self) == taps(next)
            && next.column == self.column.wrapping_add(self.count * stride)
            && next.at == self.at + self.count * apart;
        if is_next {
            (self.stride, self.apart, self.count) = (stride, apart, self.count + 1);
        }
        is_next
    }
}

/// Most spans worked on at a time.
const SPANS: usize = 32;

/// Some spans of a row of results; [`Spans::next`] finds them all, batch by batch.
struct Spans {
    spans: [Span; SPANS],
    count: usize,
    /// Position of the next.
    at: usize,
    /// Positions between gaps of the image see different elements of the kernel: those of one remainder go together.
    phase: usize,
    phases: usize,
}

impl Spans {
    fn new(g: &Geometry) -> Spans {
        let (mut a, mut b) = (g.stride[2], g.image_dilation[2]);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        Spans { spans: [Span::default(); SPANS], count: 0, at: 0, phase: 0, phases: g.image_dilation[2] / a }
    }

    /// Whether there were more.
    fn next(&mut self, g: &Geometry) -> bool {
        self.count = 0;
        while self.phase < self.phases {
            while self.at < g.result[2] {
                let one = Span::of(g, self.at);
                let last = self.count.checked_sub(1).map(|i| &mut self.spans[i]);
                if !last.is_some_and(|last| last.at % self.phases == self.phase && last.extend(&one)) {
                    if self.count == SPANS {
                        return true;
                    }
                    self.spans[self.count] = one;
                    self.count += 1;
                }
                self.at += self.phases;
            }
            self.phase += 1;
            self.at = self.phase;
        }
        self.count > 0
    }

    fn all(&self) -> &[Span] {
        &self.spans[..self.count]
    }
}
