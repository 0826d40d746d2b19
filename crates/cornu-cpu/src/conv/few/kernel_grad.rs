//! The gradient of the kernel.
use super::{MAX_TAPS, Phase, Phases, Spread};
use crate::conv::Geometry;
use crate::conv::depthwise::{FAR, Lines, image_bytes, kernel_size, rows, rows_together};
use crate::gemm::{Epilogue, kernel::add_rows};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa, prefetch};

/// Multiply-adds of a part of the sum over positions, and the most parts.
const GRAIN: usize = 256 * 1024;
const MAX_PARTS: usize = 16;
/// Terms whose sums stand in registers together.
const TERMS: usize = 4;

/// Numbers of the kernel.
fn size(g: &Geometry) -> usize {
    kernel_size(g) * g.group_channels() * g.channels
}

fn parts(g: &Geometry) -> usize {
    (g.positions() * size(g) / GRAIN).clamp(1, MAX_PARTS)
}

/// Bytes of scratch memory for [`kernel_grad`].
pub(in crate::conv) fn kernel_grad_scratch(g: &Geometry) -> usize {
    parts(g) * size(g) * 4
}

struct Job<'a> {
    g: &'a Geometry,
    phases: Phases,
    spread: Spread,
    /// Channels of a group.
    terms: usize,
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
/// The arrays must have the sizes of the geometry, which must fit, and `scratch` as many bytes as asked for.
pub(in crate::conv) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    scratch: *mut u8,
) {
    let (parts, size, terms) = (parts(g), size(g), g.group_channels());
    let (all, sums) = (rows(g), scratch as usize);
    let rows = rows_together(g);
    let (phases, spread, ahead) = (Phases::new(g), Spread::new(terms), image_bytes(g) >= FAR);
    let job = Job { g, phases, spread, terms, x, dy, rows, ahead };
    Pool::global().run(parts, &|part| {
        // SAFETY: the caller's; each part has a sum of its own.
        unsafe {
            let sum = (sums as *mut f32).add(part * size);
            sum.write_bytes(0, size);
            some_rows(&job, sum, part * all / parts, (part + 1) * all / parts);
        }
    });
    let (row, dw) = (terms * g.channels, dw as usize);
    Pool::global().run(kernel_size(g), &|place| {
        // SAFETY: all sums are there; each task writes one place of the kernel.
        unsafe {
            let (from, to) = ((sums as *const f32).add(place * row), (dw as *mut f32).add(place * row));
            add_rows(from, size, parts, to, row, &Epilogue::default());
        }
    });
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
        for channel in (0..g.channels).step_by(V::LANES) {
            for phase in job.phases.all() {
                for (i, &(line, kernel_row)) in lines.all().iter().enumerate() {
                    let ahead = job.ahead && i + 1 == lines.all().len();
                    let block = Block { row, count, line, step, kernel_row, phase, channel, ahead };
                    // SAFETY: the caller's.
                    unsafe { block.add::<V>(job, dw) };
                }
            }
        }
        row += count;
    }
}

/// Rows of results, and the rows of the image that they see under a row of the kernel.
struct Block<'a> {
    row: usize,
    count: usize,
    line: usize,
    step: usize,
    kernel_row: usize,
    phase: &'a Phase,
    channel: usize,
    ahead: bool,
}

impl Block<'_> {
    /// Adds what the positions of the phase give for the elements of the row of the kernel.
    #[inline(always)]
    unsafe fn add<V: Vector>(&self, job: &Job, dw: *mut f32) {
        let parts = self.phase.taps.div_ceil(MAX_TAPS);
        for part in 0..parts {
            let tap = part * self.phase.taps / parts;
            let taps = (part + 1) * self.phase.taps / parts - tap;
            for term in (0..job.terms).step_by(TERMS) {
                // SAFETY: the caller's.
                unsafe {
                    match (taps, job.terms) {
                        (1, 2) => self.sums::<V, 1, 2>(job, dw, tap, term),
                        (2, 2) => self.sums::<V, 2, 2>(job, dw, tap, term),
                        (3, 2) => self.sums::<V, 3, 2>(job, dw, tap, term),
                        (1, _) => self.sums::<V, 1, TERMS>(job, dw, tap, term),
                        (2, _) => self.sums::<V, 2, TERMS>(job, dw, tap, term),
                        _ => self.sums::<V, MAX_TAPS, TERMS>(job, dw, tap, term),
                    }
                }
            }
        }
    }

    /// What `T` terms give for `K` elements from `tap` on.
    #[inline(always)]
    unsafe fn sums<V: Vector, const K: usize, const T: usize>(
        &self,
        job: &Job,
        dw: *mut f32,
        tap: usize,
        term: usize,
    ) {
        let (g, phase) = (job.g, self.phase);
        let c = g.channels;
        let (width, step) = (g.image[2] as isize, phase.column_step as isize);
        let first = phase.column + tap as isize * step;
        let beside = phase.column_step == 1 && phase.stride == 1;
        // The same place some rows on.
        let ahead = self.ahead && term == 0;
        let (next, far) = (job.rows * g.result[2] * c, job.rows * g.stride[1] * g.image[2] * c);
        // SAFETY: the caller's; only columns of the image and positions of the phase are read.
        unsafe {
            let mut index = [V::splat(0.0); T];
            for (i, index) in index.iter_mut().enumerate() {
                *index = job.spread.index::<V>(term + i);
            }
            let mut sums = [[V::splat(0.0); T]; K];
            for row in 0..self.count {
                let position = (self.row + row) * g.result[2] + phase.at;
                let dy = job.dy.wrapping_add(position * c + self.channel);
                let line = (self.line + row * self.step) * g.image[2];
                let x = job.x.wrapping_add(line * c + self.channel);
                let x = x.wrapping_offset(first * c as isize);
                let apart = phase.apart * c;
                if beside {
                    // Column by column of the image, each with the gradients of the positions that see it.
                    let columns = (phase.count + K - 1) as isize;
                    let from = (-first).clamp(0, columns);
                    let to = (width - first).clamp(from, columns);
                    for column in from as usize..to as usize {
                        let image = V::load(x.wrapping_add(column * c));
                        let mut picked = [V::splat(0.0); T];
                        for (picked, &index) in picked.iter_mut().zip(&index) {
                            *picked = image.pick(index);
                        }
                        for (k, sums) in sums.iter_mut().enumerate() {
                            let position = column.wrapping_sub(k);
                            if position < phase.count {
                                let gradient = V::load(dy.wrapping_add(position * apart));
                                for (sum, picked) in sums.iter_mut().zip(picked) {
                                    *sum = gradient.mul_add(picked, *sum);
                                }
                            }
                        }
                        if ahead {
                            prefetch(x.wrapping_add(column * c + far));
                            prefetch(dy.wrapping_add(column * apart + next));
                        }
                    }
                    continue;
                }
                for position in 0..phase.count {
                    let gradient = V::load(dy.wrapping_add(position * apart));
                    let column = first + (position * phase.stride) as isize;
                    let x = x.wrapping_add(position * phase.stride * c);
                    for (k, sums) in sums.iter_mut().enumerate() {
                        let at = k as isize * step;
                        if column + at >= 0 && column + at < width {
                            let image = V::load(x.wrapping_offset(at * c as isize));
                            for (sum, &index) in sums.iter_mut().zip(&index) {
                                *sum = gradient.mul_add(image.pick(index), *sum);
                            }
                        }
                    }
                    if ahead {
                        for line in 0..g.stride[1] {
                            for i in 0..phase.stride {
                                prefetch(x.wrapping_add(far + (line * g.image[2] + i) * c));
                            }
                        }
                        prefetch(dy.wrapping_add(position * apart + next));
                    }
                }
            }
            for (k, sums) in sums.iter().enumerate() {
                let element = self.kernel_row * g.kernel[2] + phase.tap + (tap + k) * phase.tap_step;
                for (t, sum) in sums.iter().enumerate() {
                    let to = dw.add((element * job.terms + term + t) * c + self.channel);
                    sum.add(V::load(to)).store(to);
                }
            }
        }
    }
}
