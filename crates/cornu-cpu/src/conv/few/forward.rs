//! The result, and with a kernel turned around the gradient of the image.
use super::{MAX_TAPS, Phase, Phases, Spread};
use crate::conv::Geometry;
use crate::conv::depthwise::{FAR, Lines, image_bytes, kernel_size, rows};
use crate::gemm::{Epilogue, goes_past_caches};
use crate::pool::Pool;
use crate::vector::{MAX_LANES, Vector, fence, for_isa, prefetch, prefetch_written};

/// Multiply-adds of a task.
const GRAIN: usize = 1 << 20;
/// Results of a vector of channels that are summed up side by side; fewer where they share nothing of what is picked.
const TOGETHER: usize = 10;
const APART: usize = 8;

/// A convolution.
struct Job<'a> {
    g: &'a Geometry,
    phases: Phases,
    spread: Spread,
    /// Channels of a group.
    terms: usize,
    x: *const f32,
    /// For each vector of channels, all elements of the kernel, term by term.
    w: *const f32,
    y: *mut f32,
    epilogue: &'a Epilogue,
    /// Whether the next row is asked for while one is worked on.
    ahead: bool,
    past_caches: bool,
}

// SAFETY: tasks write rows of their own.
unsafe impl Sync for Job<'_> {}

/// Bytes of scratch memory for [`forward`] and [`input_grad`].
pub(in crate::conv) fn scratch_bytes(g: &Geometry) -> usize {
    kernel_size(g) * g.group_channels() * g.channels * 4
}

/// The convolution.
///
/// # Safety
/// The arrays must have the sizes of the geometry, which must fit; `scratch` as many bytes as asked for.
pub(in crate::conv) unsafe fn forward(
    g: &Geometry,
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    epilogue: &Epilogue,
    scratch: *mut u8,
) {
    let (c, terms) = (g.channels, g.group_channels());
    // SAFETY: the caller's.
    unsafe {
        let w = lay_out(g, scratch, |place, term, channel| *w.add((place * terms + term) * c + channel));
        run(g, x, w, y, epilogue);
    }
}

/// The gradient of the image.
///
/// # Safety
/// As for [`forward`].
pub(in crate::conv) unsafe fn input_grad(
    g: &Geometry,
    dy: *const f32,
    w: *const f32,
    dx: *mut f32,
    scratch: *mut u8,
) {
    let (c, terms, last) = (g.channels, g.group_channels(), kernel_size(g) - 1);
    // SAFETY: the caller's.
    unsafe {
        // The kernel turned around, with filters for channels in each group.
        let w = lay_out(g, scratch, |place, term, channel| {
            let within = channel % terms;
            *w.add(((last - place) * terms + within) * c + channel - within + term)
        });
        run(&g.transposed(), dy, w, dx, &Epilogue::default());
    }
}

/// Lays out a kernel of which a number is asked for by place, term and channel.
unsafe fn lay_out(g: &Geometry, scratch: *mut u8, number: impl Fn(usize, usize, usize) -> f32) -> *const f32 {
    let (size, terms) = (kernel_size(g), g.group_channels());
    let mut to: *mut f32 = scratch.cast();
    for channel in (0..g.channels).step_by(MAX_LANES) {
        for at in 0..size * terms {
            for lane in 0..MAX_LANES {
                // SAFETY: the caller's: there is room for the kernel.
                unsafe { *to.add(lane) = number(at / terms, at % terms, channel + lane) };
            }
            to = to.wrapping_add(MAX_LANES);
        }
    }
    scratch.cast()
}

/// The convolution with a kernel that is laid out.
unsafe fn run(g: &Geometry, x: *const f32, w: *const f32, y: *mut f32, epilogue: &Epilogue) {
    let (rows, terms) = (rows(g), g.group_channels());
    let per_task = (GRAIN / (g.result[2] * g.channels * terms * kernel_size(g)).max(1)).max(1);
    let (phases, spread) = (Phases::new(g), Spread::new(terms));
    let ahead = image_bytes(g) >= FAR;
    let past_caches =
        !epilogue.accumulate && goes_past_caches(y, &[g.channels], rows * g.result[2] * g.channels);
    let job = Job { g, phases, spread, terms, x, w, y, epilogue, ahead, past_caches };
    Pool::global().run(rows.div_ceil(per_task), &|task| {
        // SAFETY: the caller's; each task writes rows of its own.
        unsafe { some_rows(&job, task * per_task, ((task + 1) * per_task).min(rows)) };
        if past_caches {
            fence();
        }
    });
}

for_isa!(fn some_rows(job: &Job, from: usize, to: usize) = some_rows_with);

#[inline(always)]
unsafe fn some_rows_with<V: Vector>(job: &Job, from: usize, to: usize) {
    for row in from..to {
        let lines = Lines::of(job.g, row);
        for phase in job.phases.all() {
            let parts = phase.count.div_ceil(if phase.stride > 1 { APART } else { TOGETHER });
            for part in 0..parts {
                let first = part * phase.count / parts;
                let some = Part { row, lines: &lines, phase, first };
                // SAFETY: the caller's; the positions are within the phase.
                unsafe {
                    match (part + 1) * phase.count / parts - first {
                        1 => some.channels::<V, 1>(job),
                        2 => some.channels::<V, 2>(job),
                        3 => some.channels::<V, 3>(job),
                        4 => some.channels::<V, 4>(job),
                        5 => some.channels::<V, 5>(job),
                        6 => some.channels::<V, 6>(job),
                        7 => some.channels::<V, 7>(job),
                        8 => some.channels::<V, 8>(job),
                        9 => some.channels::<V, 9>(job),
                        _ => some.channels::<V, TOGETHER>(job),
                    }
                }
            }
        }
    }
}

/// Positions of a phase from the `first` on.
struct Part<'a> {
    row: usize,
    lines: &'a Lines,
    phase: &'a Phase,
    first: usize,
}

impl Part<'_> {
    /// `N` results of all channels.
    #[inline(always)]
    unsafe fn channels<V: Vector, const N: usize>(&self, job: &Job) {
        let phase = self.phase;
        let column = phase.column + (self.first * phase.stride) as isize;
        let last = column + ((N - 1) * phase.stride + phase.taps.max(1) * phase.column_step) as isize;
        let inside = column >= 0 && last <= job.g.image[2] as isize;
        for channel in (0..job.g.channels).step_by(V::LANES) {
            // SAFETY: the caller's.
            unsafe {
                if inside {
                    self.tile::<V, N, true>(job, column, channel);
                } else {
                    self.tile::<V, N, false>(job, column, channel);
                }
            }
        }
    }

    /// `N` results of a vector of channels; `INSIDE` where all that they see is within the image.
    #[inline(always)]
    unsafe fn tile<V: Vector, const N: usize, const INSIDE: bool>(
        &self,
        job: &Job,
        column: isize,
        channel: usize,
    ) {
        let (g, phase) = (job.g, self.phase);
        let c = g.channels;
        let beside = phase.column_step == 1 && phase.stride == 1;
        let panel = channel / MAX_LANES * MAX_LANES * kernel_size(g) * job.terms + channel % MAX_LANES;
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [[V::splat(0.0); 1]; N];
            for &(line, kernel_row) in self.lines.all() {
                let line = job.x.wrapping_add(line * g.image[2] * c + channel);
                let mut tap = 0;
                while tap < phase.taps {
                    let at = kernel_row * g.kernel[2] + phase.tap + tap * phase.tap_step;
                    let w = job.w.add(panel + at * job.terms * MAX_LANES);
                    let column = column + (tap * phase.column_step) as isize;
                    let taps = Taps { line, column, stride: phase.stride, w, step: phase.tap_step };
                    let count = if beside { (phase.taps - tap).min(MAX_TAPS) } else { 1 };
                    match count {
                        1 => taps.add::<V, N, 1, INSIDE>(job, &mut sums),
                        2 => taps.add::<V, N, 2, INSIDE>(job, &mut sums),
                        _ => taps.add::<V, N, MAX_TAPS, INSIDE>(job, &mut sums),
                    }
                    tap += count;
                }
            }
            let apart = phase.apart * c;
            let position = self.row * g.result[2] + phase.at + self.first * phase.apart;
            let y = job.y.add(position * c + channel);
            if job.ahead {
                for line in self.lines.next(g) {
                    let place = (line * g.image[2]) as isize + column;
                    let next = job.x.wrapping_offset(place * c as isize).wrapping_add(channel);
                    (0..N * phase.stride).for_each(|i| prefetch(next.wrapping_add(i * c)));
                }
                if !job.past_caches {
                    let next = y.wrapping_add(g.result[2] * c);
                    (0..N).for_each(|i| prefetch_written(next.wrapping_add(i * apart)));
                }
            }
            if job.epilogue.accumulate {
                for (i, sums) in sums.iter_mut().enumerate() {
                    sums[0] = sums[0].add(V::load(y.add(i * apart)));
                }
            }
            job.epilogue.from(channel).apply(&mut sums, V::LANES);
            for (i, sums) in sums.iter().enumerate() {
                let to = y.add(i * apart);
                if job.past_caches { sums[0].store_past_caches(to) } else { sums[0].store(to) }
            }
        }
    }
}

/// Some elements of a row of the kernel, over a line of the image.
struct Taps {
    line: *const f32,
    /// The column under the first of them for the first result, and from one result to the next.
    column: isize,
    stride: usize,
    /// The first of them, and from one to the next.
    w: *const f32,
    step: usize,
}

impl Taps {
    /// Adds what `K` of them give, for all terms.
    #[inline(always)]
    unsafe fn add<V: Vector, const N: usize, const K: usize, const INSIDE: bool>(
        &self,
        job: &Job,
        sums: &mut [[V; 1]; N],
    ) {
        let c = job.g.channels;
        let x = self.line.wrapping_offset(self.column * c as isize);
        let step = self.step * job.terms * MAX_LANES;
        // SAFETY: the caller's; only columns of the image are read.
        unsafe {
            let mut image = [V::splat(0.0); TOGETHER + MAX_TAPS - 1];
            for (i, image) in image.iter_mut().enumerate().take(N + K - 1) {
                let column = self.column + (i * self.stride) as isize;
                if INSIDE || (column as usize) < job.g.image[2] {
                    *image = V::load(x.wrapping_add(i * self.stride * c));
                }
            }
            for term in 0..job.terms {
                let index = job.spread.index::<V>(term);
                let mut picked = image;
                for picked in picked.iter_mut().take(N + K - 1) {
                    *picked = picked.pick(index);
                }
                let w = self.w.add(term * MAX_LANES);
                for k in 0..K {
                    let weight = V::load(w.add(k * step));
                    for (sum, picked) in sums.iter_mut().zip(&picked[k..]) {
                        sum[0] = picked.mul_add(weight, sum[0]);
                    }
                }
            }
        }
    }
}
