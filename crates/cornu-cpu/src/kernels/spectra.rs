//! Orthonormal columns, eigenvalues and singular values: by reflections and Jacobi's rotations of whole vectors, in f64.
use super::linalg::{Real, dot, part, read, sizes, subtract};
use super::{Args, Kernel, Lower};
use crate::pool::Pool;
use cornu_graph::ops::{Eigh, Pinv, Qr, Svd};
use cornu_graph::{DType, Result, Spec};

/// Vectors of one length, one after the other.
struct Vectors<'a> {
    at: &'a mut [f64],
    length: usize,
}

impl<'a> Vectors<'a> {
    /// The first of the memory that is left, as zeros.
    fn take(memory: &mut &'a mut [f64], count: usize, length: usize) -> Vectors<'a> {
        let (at, rest) = std::mem::take(memory).split_at_mut(count * length);
        *memory = rest;
        at.fill(0.0);
        Vectors { at, length }
    }

    fn count(&self) -> usize {
        self.at.len() / self.length
    }

    fn get(&self, i: usize) -> &[f64] {
        &self.at[i * self.length..(i + 1) * self.length]
    }

    fn get_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.at[i * self.length..(i + 1) * self.length]
    }

    /// Two of them, `i` before `j`.
    fn pair(&mut self, i: usize, j: usize) -> (&mut [f64], &mut [f64]) {
        let (before, after) = self.at.split_at_mut(j * self.length);
        (&mut before[i * self.length..(i + 1) * self.length], &mut after[..self.length])
    }

    fn swap(&mut self, i: usize, j: usize) {
        if i != j {
            let (one, other) = self.pair(i.min(j), i.max(j));
            one.swap_with_slice(other);
        }
    }

    /// Each has 1 in its own place.
    fn identity(mut self) -> Self {
        (0..self.count()).for_each(|i| self.get_mut(i)[i] = 1.0);
        self
    }

    fn turn(&mut self, i: usize, j: usize, (cos, sin): (f64, f64)) {
        let (x, y) = self.pair(i, j);
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
        }
    }

    /// The sign of the sum of a vector weighted by 1, 1/2, 1/3, ..
    fn sign(&self, i: usize) -> f64 {
        let sum: f64 = self.get(i).iter().zip(1..).map(|(x, i)| x / f64::from(i)).sum();
        if sum < 0.0 { -1.0 } else { 1.0 }
    }

    fn scale(&mut self, i: usize, by: f64) {
        self.get_mut(i).iter_mut().for_each(|x| *x *= by);
    }

    /// The columns of a matrix by rows.
    fn fill_from_columns<T: Real>(&mut self, x: &[T]) {
        let n = x.len() / self.length;
        for j in 0..n {
            self.get_mut(j).iter_mut().enumerate().for_each(|(i, to)| *to = x[i * n + j].to_f64());
        }
    }

    /// The rows of a matrix.
    fn fill_from_rows<T: Real>(&mut self, x: &[T]) {
        self.at.iter_mut().zip(x).for_each(|(to, x)| *to = x.to_f64());
    }

    /// As the columns of a matrix by rows.
    fn write_columns<T: Real>(&self, out: &mut [T]) {
        let n = self.count();
        for j in 0..n {
            self.get(j).iter().enumerate().for_each(|(i, &x)| out[i * n + j] = T::from_f64(x));
        }
    }

    /// As the rows of a matrix.
    fn write_rows<T: Real>(&self, out: &mut [T]) {
        out.iter_mut().zip(&*self.at).for_each(|(to, &x)| *to = T::from_f64(x));
    }
}

/// Columns become those of `r`, with the vectors of their mirrors below the diagonal.
fn reflect(a: &mut Vectors, shares: &mut [f64]) {
    let (m, n) = (a.length, a.count());
    for (j, share) in shares.iter_mut().enumerate().take(m.min(n)) {
        let column = &mut a.get_mut(j)[j..];
        // Squares of small numbers would vanish.
        let largest = column.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        *share = 0.0;
        let rest: f64 = column[1..].iter().map(|x| (x / largest).powi(2)).sum();
        if largest == 0.0 || rest == 0.0 {
            continue;
        }
        let head = column[0] / largest;
        let norm = (head * head + rest).sqrt();
        let beta = if head >= 0.0 { -norm } else { norm };
        *share = (beta - head) / beta;
        let divisor = (head - beta) * largest;
        column[1..].iter_mut().for_each(|x| *x /= divisor);
        column[0] = beta * largest;
        for k in j + 1..n {
            let (mirror, column) = a.pair(j, k);
            seen(column, mirror, j, *share);
        }
    }
}

/// A column less its share along a mirror, which has 1 in row `j` and is kept below.
fn seen(column: &mut [f64], mirror: &[f64], j: usize, share: f64) {
    let along = share * (column[j] + dot(&mirror[j + 1..], &column[j + 1..]));
    column[j] -= along;
    subtract(&mut column[j + 1..], along, &mirror[j + 1..]);
}

/// The columns of `q` from what [`reflect`] left.
fn orthonormal<'a>(a: &Vectors, shares: &[f64], q: Vectors<'a>) -> Vectors<'a> {
    let mut q = q.identity();
    for j in (0..a.length.min(a.count())).rev().filter(|&j| shares[j] != 0.0) {
        // Those before have nothing along this mirror.
        (j..q.count()).for_each(|i| seen(q.get_mut(i), a.get(j), j, shares[j]));
    }
    q
}

/// Cosine and sine of the rotation that makes `between` 0, in a symmetric matrix with this diagonal.
fn rotation(first: f64, second: f64, between: f64) -> (f64, f64) {
    let slope = (second - first) / (2.0 * between);
    let tan = (if slope < 0.0 { -1.0 } else { 1.0 }) / (slope.abs() + (1.0 + slope * slope).sqrt());
    let cos = (1.0 + tan * tan).sqrt().recip();
    (cos, tan * cos)
}

/// Rounds that are enough for any matrix.
const SWEEPS: usize = 60;

/// Makes a symmetric matrix diagonal; the eigenvectors.
fn diagonalize<'a>(a: &mut Vectors, vectors: Vectors<'a>) -> Vectors<'a> {
    let n = a.length;
    let mut vectors = vectors.identity();
    let all = dot(a.at, a.at);
    for _ in 0..SWEEPS {
        let left: f64 = (1..n).map(|i| dot(&a.get(i)[..i], &a.get(i)[..i])).sum();
        if left.is_nan() || left <= all * f64::EPSILON.powi(2) {
            break;
        }
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            let between = a.get(p)[q];
            if between != 0.0 {
                let by = rotation(a.get(p)[p], a.get(q)[q], between);
                a.turn(p, q, by);
                for row in a.at.chunks_exact_mut(n) {
                    (row[p], row[q]) = (by.0 * row[p] - by.1 * row[q], by.1 * row[p] + by.0 * row[q]);
                }
                vectors.turn(p, q, by);
            }
        }
    }
    // Rising.
    for i in 0..n {
        let least = (i..n).fold(i, |l, k| if a.get(k)[k] < a.get(l)[l] { k } else { l });
        let (x, y) = (a.get(i)[i], a.get(least)[least]);
        (a.get_mut(i)[i], a.get_mut(least)[least]) = (y, x);
        vectors.swap(i, least);
        vectors.scale(i, vectors.sign(i));
    }
    vectors
}

/// What [`decompose`] finds of a matrix with no fewer rows than columns.
struct Decomposed<'a> {
    u: Vectors<'a>,
    s: &'a mut [f64],
    v: Vectors<'a>,
}

/// Numbers of working memory for matrices of this size, of which `k` columns of `u` are wanted.
fn room(m: usize, n: usize, k: usize) -> usize {
    let (m, n) = (m.max(n), m.min(n));
    m * n + n * n + m * k + 2 * n
}

/// Singular vectors and values of the matrix whose columns, `n` of length `m`, are first in memory.
fn decompose<'a>(
    mut memory: &'a mut [f64],
    m: usize,
    n: usize,
    k: usize,
    fill: impl FnOnce(&mut Vectors),
) -> Decomposed<'a> {
    let mut a = Vectors::take(&mut memory, n, m);
    fill(&mut a);
    let mut v = Vectors::take(&mut memory, n, n).identity();
    let u = Vectors::take(&mut memory, k, m);
    let (shares, memory) = memory.split_at_mut(n);
    let s = &mut memory[..n];
    for _ in 0..SWEEPS {
        let mut is_done = true;
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            let (x, y) = a.pair(p, q);
            let (first, second, between) = (dot(x, x), dot(y, y), dot(x, y));
            if between.abs() > f64::EPSILON * (m as f64).sqrt() * (first * second).sqrt() {
                is_done = false;
                let by = rotation(first, second, between);
                a.turn(p, q, by);
                v.turn(p, q, by);
            }
        }
        if is_done {
            break;
        }
    }
    s.iter_mut().enumerate().for_each(|(j, s)| *s = dot(a.get(j), a.get(j)).sqrt());
    // Falling.
    for i in 0..n {
        let largest = (i..n).fold(i, |l, k| if s[k] > s[l] { k } else { l });
        s.swap(i, largest);
        a.swap(i, largest);
        v.swap(i, largest);
    }
    // Reflections make unit vectors of columns, even of such as are 0, and complete them.
    reflect(&mut a, shares);
    let mut u = orthonormal(&a, shares, u);
    for j in 0..n {
        let sign = v.sign(j);
        v.scale(j, sign);
        u.scale(j, if a.get(j)[j] < 0.0 { -sign } else { sign });
    }
    Decomposed { u, s, v }
}

/// Tasks that matrices of a batch are dealt to; each has working memory of its own.
const TASKS: usize = 16;

/// A kernel that does `f` for each matrix, with so many numbers of working memory.
fn each(count: usize, room: usize, f: impl Fn(&Args, usize, &mut [f64]) + Send + Sync + 'static) -> Kernel {
    let tasks = count.min(TASKS);
    Kernel::with_scratch(tasks * room * size_of::<f64>(), move |args: &Args| {
        let scratch = args.scratch::<f64>() as usize;
        let task = |task: usize| {
            // SAFETY: each task has working memory of its own.
            let memory = unsafe { part::<f64>(scratch, task, room) };
            (task..count).step_by(tasks).for_each(|i| f(args, i, memory));
        };
        if tasks <= 1 { (0..tasks).for_each(task) } else { Pool::global().run(tasks, &task) }
    })
}

/// Chooses the dtype of a kernel.
macro_rules! for_real {
    ($spec:expr, $kernel:ident($($arg:expr),*)) => {
        match $spec.dtype {
            DType::F32 => Ok(Some($kernel::<f32>($($arg),*))),
            DType::F64 => Ok(Some($kernel::<f64>($($arg),*))),
            _ => Ok(None),
        }
    };
}

fn qr<T: Real>(x: &Spec, k: usize) -> Kernel {
    let (m, n, count) = sizes(x);
    each(count, m * n + m * k + m.min(n), move |args, i, mut memory| {
        // SAFETY: each matrix is written by one task.
        let (a, q_out, r_out) = unsafe {
            let (q, r) = (args.output::<T>(0) as usize, args.output::<T>(1) as usize);
            (read::<T>(args.input::<T>(0) as usize, i, m * n), part::<T>(q, i, m * k), part(r, i, k * n))
        };
        let mut columns = Vectors::take(&mut memory, n, m);
        let q = Vectors::take(&mut memory, k, m);
        columns.fill_from_columns(a);
        reflect(&mut columns, memory);
        orthonormal(&columns, memory, q).write_columns(q_out);
        for (j, (row, out)) in (0..n).flat_map(|j| (0..k).map(move |row| (j, (row, row * n + j)))) {
            r_out[out] = T::from_f64(if row <= j { columns.get(j)[row] } else { 0.0 });
        }
    })
}

impl Lower for Qr {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let k = sizes(&outputs[0]).1;
        for_real!(inputs[0], qr(inputs[0], k))
    }
}

fn eigh<T: Real>(x: &Spec) -> Kernel {
    let (n, _, count) = sizes(x);
    each(count, 2 * n * n, move |args, i, mut memory| {
        // SAFETY: each matrix is written by one task.
        let (a, values, out) = unsafe {
            let (values, vectors) = (args.output::<T>(0) as usize, args.output::<T>(1) as usize);
            (
                read::<T>(args.input::<T>(0) as usize, i, n * n),
                part(values, i, n),
                part::<T>(vectors, i, n * n),
            )
        };
        let mut rows = Vectors::take(&mut memory, n, n);
        rows.fill_from_rows(a);
        for (i, j) in (0..n).flat_map(|i| (0..i).map(move |j| (i, j))) {
            rows.at[j * n + i] = rows.at[i * n + j];
        }
        diagonalize(&mut rows, Vectors::take(&mut memory, n, n)).write_columns(out);
        values.iter_mut().enumerate().for_each(|(j, to)| *to = T::from_f64(rows.get(j)[j]));
    })
}

impl Lower for Eigh {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        for_real!(inputs[0], eigh(inputs[0]))
    }
}

/// Decomposes matrix `i` of the first input, or its transpose if that is the taller.
fn of_input<'a, T: Real>(
    args: &Args,
    i: usize,
    (m, n): (usize, usize),
    k: usize,
    memory: &'a mut [f64],
) -> Decomposed<'a> {
    // SAFETY: the input has this matrix.
    let a = unsafe { read::<T>(args.input::<T>(0) as usize, i, m * n) };
    decompose(memory, m.max(n), m.min(n), k, |columns| {
        if m >= n { columns.fill_from_columns(a) } else { columns.fill_from_rows(a) }
    })
}

fn svd<T: Real>(x: &Spec, full: bool) -> Kernel {
    let (m, n, count) = sizes(x);
    let k = if full { m.max(n) } else { m.min(n) };
    let (of_u, of_v) = if m >= n { (k, n) } else { (m, k) };
    each(count, room(m, n, k), move |args, i, memory| {
        let Decomposed { u, s, v } = of_input::<T>(args, i, (m, n), k, memory);
        let (u, v) = if m >= n { (u, v) } else { (v, u) };
        // SAFETY: each matrix is written by one task.
        unsafe {
            u.write_columns::<T>(part(args.output::<T>(0) as usize, i, m * of_u));
            let values = part(args.output::<T>(1) as usize, i, s.len());
            values.iter_mut().zip(s).for_each(|(to, s)| *to = T::from_f64(*s));
            v.write_rows::<T>(part(args.output::<T>(2) as usize, i, of_v * n));
        }
    })
}

impl Lower for Svd {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        for_real!(inputs[0], svd(inputs[0], self.full))
    }
}

fn pinv<T: Real>(x: &Spec) -> Kernel {
    let (m, n, count) = sizes(x);
    let k = m.min(n);
    each(count, room(m, n, k) + m * n, move |args, i, memory| {
        let (sum, memory) = memory.split_at_mut(m * n);
        let Decomposed { u, s, v } = of_input::<T>(args, i, (m, n), k, memory);
        let (u, v) = if m >= n { (u, v) } else { (v, u) };
        // SAFETY: the second input is a scalar; each matrix is written by one task.
        let (share, out) =
            unsafe { ((*args.input::<T>(1)).to_f64(), part::<T>(args.output::<T>(0) as usize, i, m * n)) };
        sum.fill(0.0);
        for (j, &size) in s.iter().enumerate().filter(|(_, size)| **size > share * s[0]) {
            for (row, &x) in sum.chunks_exact_mut(m).zip(v.get(j)) {
                subtract(row, -x / size, u.get(j));
            }
        }
        out.iter_mut().zip(sum).for_each(|(to, x)| *to = T::from_f64(*x));
    })
}

impl Lower for Pinv {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        for_real!(inputs[0], pinv(inputs[0]))
    }
}
