//! Reductions. Long ones are cut into blocks by their shape alone, so that the order of additions, and every bit of the
//! result, is the same for any number of threads.
use super::{Args, Kernel, Lower, plain};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};
use cornu_graph::ops::{Reduce, ReduceKind};
use cornu_graph::{DType, Result, Spec};

/// Elements of a block.
const BLOCK: usize = 16 * 1024;
/// Most blocks of one result.
const MAX_BLOCKS: usize = 64;

/// `outer x reduced x inner` to `outer x inner`.
#[derive(Clone, Copy, Debug)]
struct Stage {
    outer: usize,
    reduced: usize,
    inner: usize,
    /// Rows of `reduced` in a block.
    rows: usize,
}

impl Stage {
    fn new(outer: usize, reduced: usize, inner: usize) -> Stage {
        let rows = (BLOCK / inner.max(1)).max(1).max(reduced.div_ceil(MAX_BLOCKS));
        Stage { outer, reduced, inner, rows }
    }

    fn blocks(&self) -> usize {
        self.reduced.div_ceil(self.rows).max(1)
    }

    /// Elements for the results of blocks.
    fn partials(&self) -> usize {
        if self.blocks() == 1 { 0 } else { self.outer * self.blocks() * self.inner }
    }
}

/// One stage for each run of neighbouring reduced axes, the last of them first.
fn stages(shape: &[usize], axes: &[usize]) -> Vec<Stage> {
    let mut sizes: Vec<(usize, bool)> = vec![];
    for (axis, &size) in shape.iter().enumerate().filter(|(_, s)| **s != 1) {
        let reduced = axes.contains(&axis);
        match sizes.last_mut() {
            Some(last) if last.1 == reduced => last.0 *= size,
            _ => sizes.push((size, reduced)),
        }
    }
    let mut stages = vec![];
    while let Some(at) = sizes.iter().rposition(|s| s.1) {
        let product = |part: &[(usize, bool)]| part.iter().map(|s| s.0).product::<usize>();
        stages.push(Stage::new(product(&sizes[..at]), sizes[at].0, product(&sizes[at + 1..])));
        sizes.remove(at);
    }
    stages
}

impl Lower for Reduce {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let kind = self.kind;
        if inputs[0].dtype != DType::F32 || inputs[0].is_empty() {
            return Ok(Some(plain::reduction(kind, &self.axes, inputs[0], &outputs[0])));
        }
        let mut stages = stages(&inputs[0].shape, &self.axes);
        if stages.is_empty() {
            stages.push(Stage::new(1, 1, inputs[0].len()));
        }
        // Results between stages, then those of blocks.
        let between = stages[..stages.len() - 1].iter().map(|s| s.outer * s.inner).max().unwrap_or(0);
        let partials = stages.iter().map(Stage::partials).max().unwrap_or(0);
        let scratch = (2 * between + partials) * 4;
        Ok(Some(Kernel::with_scratch(scratch, move |args: &Args| {
            let scratch: *mut f32 = args.scratch();
            let mut from: *const f32 = args.input(0);
            for (i, stage) in stages.iter().enumerate() {
                let last = i + 1 == stages.len();
                // SAFETY: the scratch memory holds two results between stages and all partial results.
                unsafe {
                    let to = if last { args.output(0) } else { scratch.add(i % 2 * between) };
                    run_stage(kind, *stage, from, to, scratch.add(2 * between));
                    from = to;
                }
            }
        })))
    }
}

/// # Safety
/// The memory must hold what the stage says.
unsafe fn run_stage(kind: ReduceKind, stage: Stage, from: *const f32, to: *mut f32, partials: *mut f32) {
    let blocks = stage.blocks();
    let target = if blocks == 1 { to } else { partials };
    let (from, target) = (from as usize, target as usize);
    let block = |i: usize| {
        let (o, b) = (i / blocks, i % blocks);
        let first = b * stage.rows;
        let rows = stage.rows.min(stage.reduced - first);
        // SAFETY: each block writes results of its own.
        unsafe {
            let x = (from as *const f32).add((o * stage.reduced + first) * stage.inner);
            let y = (target as *mut f32).add(i * stage.inner);
            reduce_rows(kind, x, rows, stage.inner, y);
        }
    };
    let count = stage.outer * blocks;
    let per_task = (BLOCK / (stage.rows.min(stage.reduced) * stage.inner).max(1)).max(1);
    let tasks = count.div_ceil(per_task);
    let run = |task: usize| (task * per_task..((task + 1) * per_task).min(count)).for_each(block);
    if tasks <= 1 {
        run(0)
    } else {
        Pool::global().run(tasks, &run)
    }
    if blocks > 1 {
        for o in 0..stage.outer {
            // SAFETY: the partial results of one result lie together.
            unsafe {
                let x = partials.add(o * blocks * stage.inner);
                reduce_rows(kind, x, blocks, stage.inner, to.add(o * stage.inner));
            }
        }
    }
}

for_isa!(
    /// Reduces `rows` rows of `inner` numbers to one row.
    pub(crate) fn reduce_rows(kind: ReduceKind, x: *const f32, rows: usize, inner: usize, y: *mut f32) = reduce_rows_with
);

#[inline(always)]
unsafe fn reduce_rows_with<V: Vector>(
    kind: ReduceKind,
    x: *const f32,
    rows: usize,
    inner: usize,
    y: *mut f32,
) {
    // SAFETY: the caller's; the closures run where the instruction set is.
    unsafe {
        match kind {
            ReduceKind::Sum if inner == 1 => *y = sum_of::<V>(x, rows),
            ReduceKind::Prod => rows_by::<V>(x, rows, inner, y, 1.0, |a, b| a.mul(b), |a, b| a * b),
            ReduceKind::Max => rows_by::<V>(x, rows, inner, y, f32::NEG_INFINITY, |a, b| a.max(b), max),
            ReduceKind::Min => rows_by::<V>(x, rows, inner, y, f32::INFINITY, |a, b| a.min(b), min),
            _ => rows_by::<V>(x, rows, inner, y, 0.0, |a, b| a.add(b), |a, b| a + b),
        }
    }
}

for_isa!(
    /// The sum of each of `rows` rows of `length` numbers.
    pub(crate) fn sum_rows(x: *const f32, rows: usize, length: usize, to: *mut f32) = sum_rows_with
);

#[inline(always)]
unsafe fn sum_rows_with<V: Vector>(x: *const f32, rows: usize, length: usize, to: *mut f32) {
    for row in 0..rows {
        // SAFETY: the caller's.
        unsafe { *to.add(row) = sum_of::<V>(x.add(row * length), length) };
    }
}

/// The sum of numbers that lie side by side.
#[inline(always)]
unsafe fn sum_of<V: Vector>(x: *const f32, n: usize) -> f32 {
    let lanes = V::LANES;
    // SAFETY: the caller's.
    unsafe {
        // Four sums side by side, since each addition waits for the one before.
        let mut sums = [V::splat(0.0); 4];
        let mut i = 0;
        while i + 4 * lanes <= n {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add(V::load(x.add(i + k * lanes)));
            }
            i += 4 * lanes;
        }
        while i + lanes <= n {
            sums[0] = sums[0].add(V::load(x.add(i)));
            i += lanes;
        }
        if i < n {
            sums[1] = sums[1].add(V::load_first(x.add(i), n - i));
        }
        sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum()
    }
}

fn max(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

fn min(a: f32, b: f32) -> f32 {
    if a.is_nan() || a < b { a } else { b }
}

#[inline(always)]
unsafe fn rows_by<V: Vector>(
    x: *const f32,
    rows: usize,
    inner: usize,
    y: *mut f32,
    identity: f32,
    combine: impl Fn(V, V) -> V,
    combine_one: impl Fn(f32, f32) -> f32,
) {
    let lanes = V::LANES;
    // SAFETY: the caller's.
    unsafe {
        if inner == 1 {
            // Four sums side by side, since each addition waits for the one before.
            let mut sums = [V::splat(identity); 4];
            let step = 4 * lanes;
            let whole = rows / step * step;
            for i in (0..whole).step_by(step) {
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = combine(*sum, V::load(x.add(i + k * lanes)));
                }
            }
            let all = combine(combine(sums[0], sums[1]), combine(sums[2], sums[3]));
            let mut total = identity;
            if whole > 0 {
                total = all.lanes()[..lanes].iter().fold(total, |a, &b| combine_one(a, b));
            }
            *y = (whole..rows).fold(total, |a, i| combine_one(a, *x.add(i)));
            return;
        }
        let mut column = 0;
        while column + 4 * lanes <= inner {
            let mut sums = [V::splat(identity); 4];
            for row in 0..rows {
                let p = x.add(row * inner + column);
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum = combine(*sum, V::load(p.add(k * lanes)));
                }
            }
            for (k, sum) in sums.into_iter().enumerate() {
                sum.store(y.add(column + k * lanes));
            }
            column += 4 * lanes;
        }
        while column < inner {
            let n = lanes.min(inner - column);
            let mut sum = V::splat(identity);
            for row in 0..rows {
                let p = x.add(row * inner + column);
                sum = combine(sum, if n == lanes { V::load(p) } else { V::load_first(p, n) });
            }
            sum.store_first(y.add(column), n);
            column += n;
        }
    }
}
