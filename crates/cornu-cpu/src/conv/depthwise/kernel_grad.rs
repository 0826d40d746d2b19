//! The gradient of the kernel.
use super::{FAR, Geometry, Lines, Span, Spans, image_bytes, kernel_size, rows, rows_together};
use crate::gemm::{Epilogue, kernel::add_rows};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa, prefetch};

/// Multiply-adds of a part of the sum over positions, and the most parts.
const GRAIN: usize = 64 * 1024;
const MAX_PARTS: usize = 32;
/// Rows and columns of the kernel whose sums stand in registers together.
const LINES: usize = 3;
const TAPS: usize = 4;

fn parts(g: &Geometry) -> usize {
    (g.positions() * g.channels * kernel_size(g) / GRAIN).clamp(1, MAX_PARTS)
}

/// Bytes of scratch memory for [`kernel_grad`].
pub(in crate::conv) fn kernel_grad_scratch(g: &Geometry) -> usize {
    parts(g) * kernel_size(g) * g.channels * 4
}

/// What some positions of each row add.
struct Job<'a> {
    g: &'a Geometry,
    spans: &'a [Span],
    x: *const f32,
    dy: *const f32,
    /// Rows of results that are worked on together.
    rows: usize,
    /// Whether the next of them are asked for meanwhile.
    ahead: bool,
}

// SAFETY: the arrays are only read.
unsafe impl Sync for Job<'_> {}

/// The gradient of the kernel: sums over parts of the rows, added in order.
///
/// # Safety
/// The arrays must have the sizes of the geometry, and `scratch` as many bytes as asked for.
pub(in crate::conv) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    scratch: *mut u8,
) {
    let (parts, size) = (parts(g), kernel_size(g) * g.channels);
    let (all, sums) = (rows(g), scratch as usize);
    let ahead = image_bytes(g) >= FAR;
    // SAFETY: the caller's.
    unsafe { scratch.write_bytes(0, parts * size * 4) };
    let mut spans = Spans::new(g);
    while spans.next(g) {
        let job = Job { g, spans: spans.all(), x, dy, rows: rows_together(g), ahead };
        Pool::global().run(parts, &|part| {
            // SAFETY: the caller's; each part has a sum of its own.
            unsafe {
                let sum = (sums as *mut f32).add(part * size);
                some_rows(&job, sum, part * all / parts, (part + 1) * all / parts);
            }
        });
    }
    // SAFETY: all sums are there.
    unsafe { add_rows(sums as *const f32, size, parts, dw, size, &Epilogue::default()) };
}

for_isa!(fn some_rows(job: &Job, dw: *mut f32, from: usize, to: usize) = some_rows_with);

#[inline(always)]
unsafe fn some_rows_with<V: Vector>(job: &Job, dw: *mut f32, from: usize, to: usize) {
    let g = job.g;
    let mut row = from;
    while row < to {
        // Rows that the same rows of the kernel meet, evenly apart.
        let lines = Lines::of(g, row);
        let (count, step) = lines.alike(g, row, to, job.rows);
        let block = Block { row, count, step };
        for channel in (0..g.channels).step_by(V::LANES) {
            for span in job.spans {
                for lines in lines.all().chunks(LINES) {
                    let parts = span.taps.div_ceil(TAPS);
                    for part in 0..parts {
                        let taps = (part * span.taps / parts, (part + 1) * span.taps / parts);
                        let n = V::LANES.min(g.channels - channel);
                        // SAFETY: the caller's; places lie within image and kernel.
                        unsafe {
                            if n == V::LANES {
                                block.add::<V, true>(job, dw, lines, span, taps, channel, n);
                            } else {
                                block.add::<V, false>(job, dw, lines, span, taps, channel, n);
                            }
                        }
                    }
                }
            }
        }
        row += count;
    }
}

/// Rows of results, and how far the rows of the image that they see are apart.
struct Block {
    row: usize,
    count: usize,
    step: usize,
}

impl Block {
    /// Adds what the positions of a span give for some rows of the kernel and the elements from `taps.0` to `taps.1`.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    unsafe fn add<V: Vector, const WHOLE: bool>(
        &self,
        job: &Job,
        dw: *mut f32,
        lines: &[(usize, usize)],
        span: &Span,
        taps: (usize, usize),
        channel: usize,
        n: usize,
    ) {
        macro_rules! sizes {
            ($($lines:literal $taps:literal)*) => {
                match (lines.len(), taps.1 - taps.0) {
                    $(($lines, $taps) => self.sums::<V, WHOLE, $lines, $taps>(job, dw, lines, span, taps.0, channel, n),)*
                    _ => {}
                }
            };
        }
        // SAFETY: the caller's.
        unsafe { sizes!(1 1 1 2 1 3 1 4 2 1 2 2 2 3 2 4 3 1 3 2 3 3 3 4) }
    }

    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    unsafe fn sums<V: Vector, const WHOLE: bool, const L: usize, const T: usize>(
        &self,
        job: &Job,
        dw: *mut f32,
        lines: &[(usize, usize)],
        span: &Span,
        tap: usize,
        channel: usize,
        n: usize,
    ) {
        let g = job.g;
        let c = g.channels;
        let (step, stride, apart) = (span.column_step * c, span.stride * c, span.apart * c);
        // The same place some rows on.
        let (ahead, far) = (job.rows * g.result[2] * c, job.rows * g.stride[1] * g.image[2] * c);
        let skips = g.stride[1] > 1;
        // SAFETY: the caller's.
        unsafe {
            let load = |p: *const f32| if WHOLE { V::load(p) } else { V::load_first(p, n) };
            let mut sums = [[V::splat(0.0); T]; L];
            for row in 0..self.count {
                let mut dy = job.dy.add(((self.row + row) * g.result[2] + span.at) * c + channel);
                let mut xs = [job.x; L];
                for (x, &(line, _)) in xs.iter_mut().zip(lines) {
                    let line = line + row * self.step;
                    *x = x.add((line * g.image[2] + span.column + tap * span.column_step) * c + channel);
                }
                for _ in 0..span.count {
                    let gradient = load(dy);
                    for (sums, x) in sums.iter_mut().zip(&mut xs) {
                        for (t, sum) in sums.iter_mut().enumerate() {
                            *sum = gradient.mul_add(load(x.add(t * step)), *sum);
                        }
                    }
                    if job.ahead {
                        prefetch(dy.wrapping_add(ahead));
                        prefetch(xs[L - 1].wrapping_add(far));
                        if skips {
                            prefetch(xs[L - 1].wrapping_add(far + c));
                            prefetch(xs[L / 2].wrapping_add(far));
                            prefetch(xs[L / 2].wrapping_add(far + c));
                        }
                    }
                    dy = dy.wrapping_add(apart);
                    xs.iter_mut().for_each(|x| *x = x.wrapping_add(stride));
                }
            }
            for (sums, &(_, kernel_row)) in sums.iter().zip(lines) {
                for (t, sum) in sums.iter().enumerate() {
                    let k = kernel_row * g.kernel[2] + span.tap + (tap + t) * span.tap_step;
                    let to = dw.add(k * c + channel);
                    let sum = sum.add(load(to));
                    if WHOLE { sum.store(to) } else { sum.store_first(to, n) }
                }
            }
        }
    }
}
