//! Matrix products after Goto and van de Geijn (2008): blocks are packed into panels, and a kernel that keeps a tile of the
//! result in registers runs over them.
//!
//! A product is cut into tasks by its shape alone, so that each number is the sum of the same terms in the same order
//! on any number of threads.
mod block;
pub(crate) mod kernel;
mod operand;
mod transpose;

use block::{Block, block};
pub(crate) use kernel::row_pitch;
use kernel::{LINE, MAX_TERMS, Target, panel_width};
pub(crate) use operand::{Matrix, PackA, PackB, SIDE_BY_SIDE, copy};
pub(crate) use transpose::transpose;

use crate::pool::{Pool, threads_here};
use crate::vector::{Vector, fence};

/// Elements from one row to the next, and from one column to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strides {
    pub row: usize,
    pub col: usize,
}

/// `c = a b` for `a` of `m x k` and `b` of `k x n`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gemm {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Strides,
    pub b: Strides,
    /// Elements from one row of `c` to the next; its columns lie side by side.
    pub c_row: usize,
}

/// What is done with each number of the result as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue {
    /// One number for each column, by which it is multiplied; null for none.
    pub scale: *const f32,
    /// One number for each column, added after that; null for none.
    pub bias: *const f32,
    /// Whether negative numbers become 0.
    pub relu: bool,
    /// Larger numbers become this.
    pub cap: f32,
    /// Whether what stands in `c` is added.
    pub accumulate: bool,
}

// SAFETY: scale and bias are only read.
unsafe impl Sync for Epilogue {}
// SAFETY: likewise.
unsafe impl Send for Epilogue {}

impl Default for Epilogue {
    fn default() -> Epilogue {
        let none = std::ptr::null();
        Epilogue { scale: none, bias: none, relu: false, cap: f32::INFINITY, accumulate: false }
    }
}

impl Epilogue {
    /// That of the columns from `column` on.
    #[inline(always)]
    pub fn from(&self, column: usize) -> Epilogue {
        let from = |p: *const f32| if p.is_null() { p } else { p.wrapping_add(column) };
        Epilogue { scale: from(self.scale), bias: from(self.bias), ..*self }
    }

    /// Does with full sums what is left to do: rows of vectors side by side, the last of which has `n` lanes that count.
    ///
    /// # Safety
    /// Scale and bias must have as many numbers.
    #[inline(always)]
    pub unsafe fn apply<V: Vector, const ROWS: usize, const VECTORS: usize>(
        &self,
        sums: &mut [[V; VECTORS]; ROWS],
        n: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let load = |p: *const f32, none: f32, j: usize| match p {
                p if p.is_null() => V::splat(none),
                p if n == V::LANES => V::load(p.add(j * V::LANES)),
                p => V::load_first(p.add(j * V::LANES), n),
            };
            if self.is_plain() {
                return;
            }
            let scale: [V; VECTORS] = std::array::from_fn(|j| load(self.scale, 1.0, j));
            let bias: [V; VECTORS] = std::array::from_fn(|j| load(self.bias, 0.0, j));
            let least = V::splat(if self.relu { 0.0 } else { f32::NEG_INFINITY });
            let most = V::splat(self.cap);
            for sums in sums.iter_mut() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.mul_add(scale[j], bias[j]).max(least).min(most);
                }
            }
        }
    }

    /// Whether nothing is done with sums.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.scale.is_null() && self.bias.is_null() && !self.relu && self.cap == f32::INFINITY
    }
}

/// Most rows and columns of a task.
const TASK: (usize, usize) = (512, 512);
/// What packing a number costs, in multiply-adds of it with others.
const PACKING: usize = 24;
/// Multiply-adds that are not worth more than one task.
const SMALL: usize = 48 * 48 * 48;
/// Bytes of a result that no cache would keep until it is read.
const LARGE: usize = 32 << 20;
/// Whether a result of so many numbers is best stored past the caches; its rows or blocks of these sizes must be whole lines.
pub(crate) fn goes_past_caches(c: *const f32, sizes: &[usize], numbers: usize) -> bool {
    numbers * 4 >= LARGE
        && (c as usize / 4).is_multiple_of(LINE)
        && sizes.iter().all(|n| n.is_multiple_of(LINE))
}

/// Shortest part of a sum that is cut, and the most parts.
const SPLIT: (usize, usize) = (1024, 32);

/// From how many times as many terms as rows, and how many numbers on, the right operand is weights, which weigh more than the result.
const FLAT: usize = 4;
const WEIGHTS: usize = 1 << 17;
/// Terms from which on sums over weights are cut in two, and how many a part has at most.
const PART_OF_WEIGHTS: (usize, usize) = (256, 512);

/// How a product is cut into tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tasks {
    rows: usize,
    columns: usize,
    /// Parts of the sum over `k`.
    parts: usize,
}

impl Tasks {
    /// The tasks of a product of this shape.
    pub fn new(m: usize, n: usize, k: usize) -> Tasks {
        if m * n * k <= SMALL {
            return Tasks { rows: 1, columns: 1, parts: 1 };
        }
        let least = (m.div_ceil(TASK.0), n.div_ceil(TASK.1));
        if m * n <= TASK.0 * TASK.1 {
            let wanted = 8usize.div_ceil(least.0 * least.1).max(k / 4096);
            let parts = wanted.min(k / SPLIT.0).min(SPLIT.1);
            if parts > 1 {
                return Tasks { rows: least.0, columns: least.1, parts };
            }
        }
        let (rows, columns) = cut_for(m, n, least, threads_here());
        Tasks { rows, columns, parts: 1 }
    }

    /// The tasks of a product with weights, term by term in memory. Where those weigh more than the result, the sum is cut: then
    /// threads read the rows of weights that they wrote, for gradient and update are cut along them, too.
    fn of_weights(m: usize, n: usize, k: usize) -> Tasks {
        let tasks = Tasks::new(m, n, k);
        let parts = k.div_ceil(PART_OF_WEIGHTS.1).max(2.min(k.div_ceil(PART_OF_WEIGHTS.0)));
        if tasks.parts > 1 || parts == 1 || m * FLAT > k || k * n < WEIGHTS || m * n > TASK.0 * TASK.1 {
            return tasks;
        }
        let least = (m.div_ceil(TASK.0), n.div_ceil(TASK.1));
        let (rows, columns) = cut_for(m, n, least, threads_here().div_ceil(parts));
        Tasks { rows, columns, parts }
    }

    /// Bytes for the results of parts.
    pub fn scratch_bytes(&self, m: usize, n: usize) -> usize {
        if self.parts > 1 { self.parts * m * n * 4 } else { 0 }
    }

    /// Runs the product of two operands.
    ///
    /// # Safety
    /// The operands must be of `m x k` and `k x n`, `c` of `m` rows, `scratch` of as many bytes as asked for.
    #[allow(clippy::too_many_arguments)]
    pub unsafe fn run(
        &self,
        (m, n, k): (usize, usize, usize),
        a: &(impl PackA + Sync),
        b: &(impl PackB + Sync),
        c: *mut f32,
        c_row: usize,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        let (c_at, partial) = (c as usize, scratch as usize);
        let width = panel_width();
        // Whole multiples, as even as can be.
        let cut = |size: usize, parts: usize, multiple: usize, i: usize| {
            let units = size.div_ceil(multiple);
            (i * units / parts * multiple).min(size)..((i + 1) * units / parts * multiple).min(size)
        };
        let tasks = self.rows * self.columns * self.parts;
        let one_pass = self.parts == 1 && k <= MAX_TERMS && !epilogue.accumulate;
        let past_caches = one_pass && goes_past_caches(c, &[c_row, n], m * n);
        let task = |task: usize| {
            let (part, tile) = (task / (self.rows * self.columns), task % (self.rows * self.columns));
            let rows = cut(m, self.rows, 1, tile / self.columns);
            let columns = cut(n, self.columns, width, tile % self.columns);
            let terms = cut(k, self.parts, 16, part);
            if rows.is_empty() || columns.is_empty() {
                return;
            }
            // SAFETY: each task writes a tile of its own, of the result or of its part.
            unsafe {
                let target = if self.parts > 1 {
                    let c = (partial as *mut f32).add(part * m * n);
                    Target { c, row: n, epilogue: &Epilogue::default(), past_caches: false }
                } else {
                    Target { c: c_at as *mut f32, row: c_row, epilogue, past_caches }
                };
                block(a, b, &target, &Block { rows, columns, terms });
            }
            if past_caches {
                fence();
            }
        };
        if tasks == 1 {
            task(0)
        } else {
            Pool::global().run(tasks, &task)
        }
        if self.parts > 1 {
            // SAFETY: all parts are there.
            unsafe { self.add_parts(m, n, partial as *const f32, c, c_row, epilogue) };
        }
    }

    unsafe fn add_parts(
        &self,
        m: usize,
        n: usize,
        parts: *const f32,
        c: *mut f32,
        c_row: usize,
        epilogue: &Epilogue,
    ) {
        let (parts_at, c_at) = (parts as usize, c as usize);
        let per_task = (16 * 1024 / n.max(1)).max(1);
        let task = |task: usize| {
            for i in task * per_task..((task + 1) * per_task).min(m) {
                // SAFETY: each task writes rows of its own.
                unsafe {
                    let parts = (parts_at as *const f32).add(i * n);
                    kernel::add_rows(
                        parts,
                        m * n,
                        self.parts,
                        (c_at as *mut f32).add(i * c_row),
                        n,
                        epilogue,
                    );
                }
            }
        };
        Pool::global().run(m.div_ceil(per_task), &task);
    }
}

/// The numbers of cuts along rows and columns, at least these, with which threads are done first: fewer tasks pack less, but
/// their number may not suit that of the threads. Each number of the result is the same sum in any case.
fn cut_for(m: usize, n: usize, least: (usize, usize), threads: usize) -> (usize, usize) {
    if threads == 1 {
        return least;
    }
    /// More cuts than the least that are tried.
    const MORE: usize = 8;
    let (height, width) = (kernel::panel_height(), panel_width());
    let time = |rows: usize, columns: usize| {
        let whole = |size: usize, parts: usize, unit: usize| size.div_ceil(parts).next_multiple_of(unit);
        let (m, n) = (whole(m, rows, height), whole(n, columns, width));
        let rounds = (rows * columns).div_ceil(threads);
        rounds * (m * n + PACKING * (m + n))
    };
    let more = MORE.min(threads);
    let cuts = (least.0..=least.0 + more).flat_map(|r| (least.1..=least.1 + more).map(move |c| (r, c)));
    cuts.min_by_key(|&(r, c)| time(r, c)).unwrap_or(least)
}

impl Gemm {
    fn tasks(&self) -> Tasks {
        let of = if self.b.col == 1 { Tasks::of_weights } else { Tasks::new };
        of(self.m, self.n, self.k)
    }

    /// Bytes of scratch memory for [`Gemm::run`].
    pub fn scratch_bytes(&self) -> usize {
        self.tasks().scratch_bytes(self.m, self.n)
    }

    /// Computes the product on all threads.
    ///
    /// # Safety
    /// The operands must be of this shape, and `scratch` of as many bytes as asked for.
    pub unsafe fn run(
        &self,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        let (a, b) = (Matrix { data: a, strides: self.a }, Matrix { data: b, strides: self.b });
        let shape = (self.m, self.n, self.k);
        // SAFETY: the caller's.
        unsafe { self.tasks().run(shape, &a, &b, c, self.c_row, epilogue, scratch) };
    }

    /// Computes the product on this thread.
    ///
    /// # Safety
    /// The operands must be of this shape.
    pub unsafe fn run_small(&self, a: *const f32, b: *const f32, c: *mut f32, epilogue: &Epilogue) {
        let (a, b) = (Matrix { data: a, strides: self.a }, Matrix { data: b, strides: self.b });
        let target = Target { c, row: self.c_row, epilogue, past_caches: false };
        // SAFETY: the caller's.
        unsafe { block(&a, &b, &target, &Block { rows: 0..self.m, columns: 0..self.n, terms: 0..self.k }) };
    }
}

#[cfg(test)]
mod tests;
