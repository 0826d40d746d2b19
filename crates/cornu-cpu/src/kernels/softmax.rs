//! Softmax along the last axis: a row stays in the nearest cache from the first pass to the last.
use super::{Kernel, Lower};
use crate::pool::Pool;
use crate::vector::{MAX_LANES, Vector, for_isa, math};
use cornu_graph::ops::{LogSoftmax, Softmax};
use cornu_graph::{DType, Result, Spec};

/// Elements of a task.
const GRAIN: usize = 16 * 1024;

fn kernel(axis: usize, x: &Spec, logarithm: bool) -> Option<Kernel> {
    if x.dtype != DType::F32 || axis + 1 != x.rank() || x.is_empty() {
        return None;
    }
    let n = x.shape[axis];
    let rows = x.len() / n;
    let per_task = (GRAIN / n).max(1);
    Some(Kernel::new(move |args| {
        let (x, y) = (args.input::<f32>(0) as usize, args.output::<f32>(0) as usize);
        let task = |task: usize| {
            let from = task * per_task;
            let count = per_task.min(rows - from);
            // SAFETY: each task writes rows of its own.
            unsafe {
                let (x, y) = ((x as *const f32).add(from * n), (y as *mut f32).add(from * n));
                softmax_rows(x, y, count, n, logarithm);
            }
        };
        let tasks = rows.div_ceil(per_task);
        if tasks <= 1 { task(0) } else { Pool::global().run(tasks, &task) }
    }))
}

impl Lower for Softmax {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        Ok(kernel(self.axis, inputs[0], false))
    }
}

impl Lower for LogSoftmax {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        Ok(kernel(self.axis, inputs[0], true))
    }
}

for_isa!(fn softmax_rows(x: *const f32, y: *mut f32, rows: usize, n: usize, logarithm: bool) = rows_with);

#[inline(always)]
unsafe fn rows_with<V: Vector>(x: *const f32, y: *mut f32, rows: usize, n: usize, logarithm: bool) {
    for row in 0..rows {
        // SAFETY: the caller's.
        unsafe { softmax_row::<V>(x.add(row * n), y.add(row * n), n, logarithm) };
    }
}

#[inline(always)]
unsafe fn softmax_row<V: Vector>(x: *const f32, y: *mut f32, n: usize, logarithm: bool) {
    let lanes = V::LANES;
    let whole = n / lanes * lanes;
    let rest = n - whole;
    // SAFETY: the caller's.
    unsafe {
        let shift = V::splat(largest_of::<V>(x, n));
        let mut sums = V::splat(0.0);
        for i in (0..whole).step_by(lanes) {
            let shifted = V::load(x.add(i)).sub(shift);
            let e = math::exp(shifted);
            sums = sums.add(e);
            if logarithm { shifted.store(y.add(i)) } else { e.store(y.add(i)) }
        }
        if rest > 0 {
            let shifted = V::load_first(x.add(whole), rest).sub(shift);
            let e = math::exp(shifted);
            let counts = V::load_first([f32::from_bits(u32::MAX); MAX_LANES].as_ptr(), rest);
            sums = sums.add(e.and(counts));
            if logarithm { shifted } else { e }.store_first(y.add(whole), rest);
        }
        let total = sums.sum();
        // The largest adds 1 to the total, so that it has an inverse.
        let last = V::splat(if logarithm { total.ln() } else { 1.0 / total });
        let finish = |v: V| if logarithm { v.sub(last) } else { v.mul(last) };
        for i in (0..whole).step_by(lanes) {
            finish(V::load(y.add(i))).store(y.add(i));
        }
        if rest > 0 {
            finish(V::load_first(y.add(whole), rest)).store_first(y.add(whole), rest);
        }
    }
}

/// The largest number of a row. NaN is passed over: it makes the sum over the row NaN in any case.
#[inline(always)]
unsafe fn largest_of<V: Vector>(x: *const f32, n: usize) -> f32 {
    let lanes = V::LANES;
    // SAFETY: the caller's.
    unsafe {
        if n < lanes {
            return (0..n).fold(f32::NEG_INFINITY, |a, i| if *x.add(i) > a { *x.add(i) } else { a });
        }
        // Two side by side, since each waits for the one before.
        let mut largest = [V::splat(f32::NEG_INFINITY); 2];
        let mut i = 0;
        while i + 2 * lanes <= n {
            largest[0] = V::load(x.add(i)).max_raw(largest[0]);
            largest[1] = V::load(x.add(i + lanes)).max_raw(largest[1]);
            i += 2 * lanes;
        }
        // What is left, and what comes before where a vector is not full.
        largest[0] = V::load(x.add(i.min(n - lanes))).max_raw(largest[0]);
        largest[1] = V::load(x.add(n - lanes)).max_raw(largest[1]);
        largest[0].max_raw(largest[1]).largest()
    }
}
