//! Triangular factors and systems: plain loops along rows. Matrices of a batch are shared among threads.
use super::{Args, Kernel, Lower};
use crate::pool::Pool;
use cornu_graph::ops::{Cholesky, Lu, TriangularSolve};
use cornu_graph::{DType, Element, Result, Spec};
use std::ops::{Add, Div, Mul, Sub};

/// `f32` or `f64`.
pub(super) trait Real:
    Element + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ZERO: Self;
    const NAN: Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
}

macro_rules! real {
    ($($t:ident)*) => { $(
        impl Real for $t {
            const ZERO: $t = 0.0;
            const NAN: $t = $t::NAN;
            fn sqrt(self) -> $t { self.sqrt() }
            fn abs(self) -> $t { self.abs() }
        }
    )* };
}
real!(f32 f64);

/// Sum of products, in an order that vector units can follow.
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 16;
    let mut sums = [T::ZERO; LANES];
    let (by_a, by_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = by_a.remainder().iter().zip(by_b.remainder()).fold(T::ZERO, |sum, (&a, &b)| sum + a * b);
    for (a, b) in by_a.zip(by_b) {
        for lane in 0..LANES {
            sums[lane] = sums[lane] + a[lane] * b[lane];
        }
    }
    sums.iter().fold(tail, |sum, &lane| sum + lane)
}

/// `y -= by * x`
pub(super) fn subtract<T: Real>(y: &mut [T], by: T, x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = *y - by * x);
}

/// Rows `i` and `j` of a matrix, `i` before `j`.
fn two_rows<T>(a: &mut [T], n: usize, i: usize, j: usize) -> (&mut [T], &mut [T]) {
    let (before, after) = a.split_at_mut(j * n);
    (&mut before[i * n..(i + 1) * n], &mut after[..n])
}

fn cholesky<T: Real>(a: &[T], l: &mut [T], n: usize) {
    l.fill(T::ZERO);
    for i in 0..n {
        let (done, rest) = l.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..=i {
            let sum =
                if j == i { dot(&row[..j], &row[..j]) } else { dot(&row[..j], &done[j * n..j * n + j]) };
            let rest = a[i * n + j] - sum;
            row[j] = if j == i { rest.sqrt() } else { rest / done[j * n + j] };
        }
    }
    let is_positive = |i: usize| l[i * n + i] > T::ZERO;
    if !(0..n).all(is_positive) {
        (0..n).for_each(|i| l[i * n..i * n + i + 1].fill(T::NAN));
    }
}

/// Solves for `x`, which comes in as the right side, of `columns` columns.
fn solve<T: Real>(op: &TriangularSolve, a: &[T], x: &mut [T], n: usize, columns: usize) {
    let at = |i: usize, j: usize| if op.transpose { a[j * n + i] } else { a[i * n + j] };
    let is_lower = op.lower != op.transpose;
    for step in 0..n {
        let i = if is_lower { step } else { n - 1 - step };
        for j in if is_lower { 0..i } else { i + 1..n } {
            let by = at(i, j);
            if j < i {
                let (known, row) = two_rows(x, columns, j, i);
                subtract(row, by, known);
            } else {
                let (row, known) = two_rows(x, columns, i, j);
                subtract(row, by, known);
            }
        }
        if !op.unit {
            let head = at(i, i);
            x[i * columns..(i + 1) * columns].iter_mut().for_each(|x| *x = *x / head);
        }
    }
}

/// Factors `a` in place.
fn lu<T: Real>(a: &mut [T], pivots: &mut [i32], order: &mut [i32], n: usize) {
    let m = order.len();
    order.iter_mut().zip(0..).for_each(|(place, i)| *place = i);
    for j in 0..pivots.len() {
        let larger = |p: usize, i: usize| if a[i * n + j].abs() > a[p * n + j].abs() { i } else { p };
        let pivot = (j..m).fold(j, larger);
        pivots[j] = pivot as i32;
        if pivot != j {
            order.swap(j, pivot);
            let (one, other) = two_rows(a, n, j, pivot);
            one.swap_with_slice(other);
        }
        let head = a[j * n + j];
        if head == T::ZERO {
            continue;
        }
        for i in j + 1..m {
            let (front, row) = two_rows(a, n, j, i);
            let factor = row[j] / head;
            row[j] = factor;
            subtract(&mut row[j + 1..], factor, &front[j + 1..]);
        }
    }
}

/// The matrices of operands: each task takes one.
fn each(count: usize, task: impl Fn(usize) + Sync) {
    if count <= 1 {
        (0..count).for_each(task);
    } else {
        Pool::global().run(count, &task);
    }
}

/// Elements `i * len..` of an operand.
pub(super) unsafe fn part<'a, T>(base: usize, i: usize, len: usize) -> &'a mut [T] {
    // SAFETY: the caller's: the operand has these elements, which nothing else writes.
    unsafe { std::slice::from_raw_parts_mut((base as *mut T).add(i * len), len) }
}

/// Elements `i * len..` of an input.
pub(super) unsafe fn read<'a, T>(base: usize, i: usize, len: usize) -> &'a [T] {
    // SAFETY: the caller's: the input has these elements.
    unsafe { std::slice::from_raw_parts((base as *const T).add(i * len), len) }
}

/// Rows, columns and number of matrices.
pub(super) fn sizes(x: &Spec) -> (usize, usize, usize) {
    let [.., m, n] = x.shape[..] else { return (0, 0, 0) };
    (m, n, x.len() / (m * n).max(1))
}

/// Makes a kernel for each dtype that these ops take.
macro_rules! for_real {
    ($dtype:expr, $T:ident => $kernel:expr) => {
        match $dtype {
            DType::F32 => {
                type $T = f32;
                Ok(Some($kernel))
            }
            DType::F64 => {
                type $T = f64;
                Ok(Some($kernel))
            }
            _ => Ok(None),
        }
    };
}

impl Lower for Cholesky {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let (n, _, count) = sizes(inputs[0]);
        for_real!(inputs[0].dtype, T => Kernel::new(move |args: &Args| {
            let (a, l) = (args.input::<T>(0) as usize, args.output::<T>(0) as usize);
            // SAFETY: each task has matrices of its own.
            each(count, |i| unsafe { cholesky::<T>(read(a, i, n * n), part(l, i, n * n), n) });
        }))
    }
}

impl Lower for TriangularSolve {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let (n, columns, count) = sizes(inputs[1]);
        let op = self.clone();
        for_real!(inputs[0].dtype, T => Kernel::new(move |args: &Args| {
            let (a, b) = (args.input::<T>(0) as usize, args.input::<T>(1) as usize);
            let x = args.output::<T>(0) as usize;
            // SAFETY: each task has matrices of its own.
            each(count, |i| unsafe {
                let result = part(x, i, n * columns);
                result.copy_from_slice(read(b, i, n * columns));
                solve::<T>(&op, read(a, i, n * n), result, n, columns);
            });
        }))
    }
}

impl Lower for Lu {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let (m, n, count) = sizes(inputs[0]);
        for_real!(inputs[0].dtype, T => Kernel::new(move |args: &Args| {
            let (a, lu_out) = (args.input::<T>(0) as usize, args.output::<T>(0) as usize);
            let (pivots, order) = (args.output::<i32>(1) as usize, args.output::<i32>(2) as usize);
            // SAFETY: each task has matrices of its own.
            each(count, |i| unsafe {
                let result = part(lu_out, i, m * n);
                result.copy_from_slice(read(a, i, m * n));
                lu::<T>(result, part(pivots, i, m.min(n)), part(order, i, m), n);
            });
        }))
    }
}
