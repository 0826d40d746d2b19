//! The result, and with a kernel turned around the gradient of the image.
use super::{FAR, Geometry, Lines, Span, Spans, image_bytes, kernel_size, rows};
use crate::gemm::{Epilogue, goes_past_caches};
use crate::pool::Pool;
use crate::vector::{Vector, fence, for_isa, prefetch, prefetch_written};

/// Multiply-adds of a task.
const GRAIN: usize = 512 * 1024;
/// Results of a channel that are summed up side by side; where they share no elements of the image, one at a time reads it
/// in longer runs.
const TOGETHER: usize = 8;

/// A convolution of some positions of each row.
struct Job<'a> {
    g: &'a Geometry,
    spans: &'a [Span],
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    epilogue: &'a Epilogue,
    flipped: bool,
    /// Whether the next row is asked for while one is worked on.
    ahead: bool,
    past_caches: bool,
}

// SAFETY: tasks write rows of their own.
unsafe impl Sync for Job<'_> {}

/// The convolution; with `flipped`, of a kernel turned around.
///
/// # Safety
/// The arrays must have the sizes of the geometry.
pub(in crate::conv) unsafe fn forward(
    g: &Geometry,
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    epilogue: &Epilogue,
    flipped: bool,
) {
    let rows = rows(g);
    let per_task = (GRAIN / (g.result[2] * g.channels * kernel_size(g)).max(1)).max(1);
    let ahead = image_bytes(g) >= FAR;
    let past_caches =
        !epilogue.accumulate && goes_past_caches(y, &[g.channels], rows * g.result[2] * g.channels);
    let mut spans = Spans::new(g);
    while spans.next(g) {
        let job = Job { g, spans: spans.all(), x, w, y, epilogue, flipped, ahead, past_caches };
        let task = |task: usize| {
            // SAFETY: the caller's; each task writes rows of its own.
            unsafe { some_rows(&job, task * per_task, ((task + 1) * per_task).min(rows)) };
            if past_caches {
                fence();
            }
        };
        Pool::global().run(rows.div_ceil(per_task), &task);
    }
}

for_isa!(fn some_rows(job: &Job, from: usize, to: usize) = some_rows_with);

#[inline(always)]
unsafe fn some_rows_with<V: Vector>(job: &Job, from: usize, to: usize) {
    for row in from..to {
        let lines = Lines::of(job.g, row);
        for span in job.spans {
            let together = if span.stride > 1 { 1 } else { TOGETHER };
            let parts = span.count.div_ceil(together);
            for part in 0..parts {
                let first = part * span.count / parts;
                let some = Part { row, lines: &lines, span, first };
                // SAFETY: the caller's; the positions are within the span.
                unsafe {
                    // Few positions are worked on for several vectors of channels.
                    match (part + 1) * span.count / parts - first {
                        1 => some.channels::<V, 1, 4>(job),
                        2 => some.channels::<V, 2, 4>(job),
                        3 => some.channels::<V, 3, 2>(job),
                        4 => some.channels::<V, 4, 2>(job),
                        5 => some.channels::<V, 5, 1>(job),
                        6 => some.channels::<V, 6, 1>(job),
                        7 => some.channels::<V, 7, 1>(job),
                        _ => some.channels::<V, TOGETHER, 1>(job),
                    }
                }
            }
        }
    }
}

/// Positions of a span from the `first` on.
struct Part<'a> {
    row: usize,
    lines: &'a Lines,
    span: &'a Span,
    first: usize,
}

impl Part<'_> {
    /// `N` results of all channels, of `M` vectors at a time.
    #[inline(always)]
    unsafe fn channels<V: Vector, const N: usize, const M: usize>(&self, job: &Job) {
        let c = job.g.channels;
        let mut channel = 0;
        // SAFETY: the caller's.
        unsafe {
            while channel + M * V::LANES <= c {
                self.tile::<V, N, M>(job, channel, V::LANES);
                channel += M * V::LANES;
            }
            while channel + V::LANES <= c {
                self.tile::<V, N, 1>(job, channel, V::LANES);
                channel += V::LANES;
            }
            if channel < c {
                self.tile::<V, N, 1>(job, channel, c - channel);
            }
        }
    }

    /// `N` results of `M` vectors of channels, of which the last one has `n`.
    #[inline(always)]
    unsafe fn tile<V: Vector, const N: usize, const M: usize>(&self, job: &Job, channel: usize, n: usize) {
        let (g, span) = (job.g, self.span);
        let c = g.channels;
        let apart = span.stride * c;
        // SAFETY: the caller's; places lie within image and kernel.
        unsafe {
            let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
            let start = (span.column + self.first * span.stride) * c + channel;
            let x = job.x.add(start);
            let mut sums = [[V::splat(0.0); M]; N];
            let last = kernel_size(g) - 1;
            for &(line, kernel_row) in self.lines.all() {
                let tap = kernel_row * g.kernel[2] + span.tap;
                let tap = if job.flipped { last - tap } else { tap };
                let mut weights = job.w.add(tap * c + channel);
                let mut from = x.add(line * g.image[2] * c);
                for _ in 0..span.taps {
                    for j in 0..M {
                        let weight = load(weights.add(j * V::LANES));
                        for (i, sum) in sums.iter_mut().enumerate() {
                            sum[j] = load(from.add(i * apart + j * V::LANES)).mul_add(weight, sum[j]);
                        }
                    }
                    from = from.wrapping_add(span.column_step * c);
                    let step = span.tap_step * c;
                    weights =
                        if job.flipped { weights.wrapping_sub(step) } else { weights.wrapping_add(step) };
                }
            }
            if job.ahead {
                for line in self.lines.next(g) {
                    let next = x.wrapping_add(line * g.image[2] * c);
                    for i in 0..N * span.stride {
                        for j in 0..M {
                            prefetch(next.wrapping_add(i * c + j * V::LANES));
                        }
                    }
                }
            }
            let y = job.y.add((self.row * g.result[2] + span.at + self.first * span.apart) * c + channel);
            if job.ahead && !job.past_caches {
                let next = y.wrapping_add(g.result[2] * c);
                for i in 0..N {
                    for j in 0..M {
                        prefetch_written(next.wrapping_add(i * span.apart * c + j * V::LANES));
                    }
                }
            }
            if job.epilogue.accumulate {
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(load(y.add(i * span.apart * c + j * V::LANES)));
                    }
                }
            }
            job.epilogue.from(channel).apply(&mut sums, n);
            for j in 0..M {
                for (i, sum) in sums.iter().enumerate() {
                    let (sum, to) = (sum[j], y.add(i * span.apart * c + j * V::LANES));
                    if n < V::LANES {
                        sum.store_first(to, n);
                    } else if job.past_caches {
                        sum.store_past_caches(to);
                    } else {
                        sum.store(to);
                    }
                }
            }
        }
    }
}
