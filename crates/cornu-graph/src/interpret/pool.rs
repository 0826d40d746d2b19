//! Reductions over windows and their transposes.
use super::array::offset;
use super::reduce::{float_identity, int_identity};
use super::{Array, Data, Eval, Indices, binary};
use crate::ops::{BinaryKind, PoolKind, ReduceKind, ReduceWindow, WindowGrad, WindowPick};
use crate::{Result, Spec};

/// For each element of the result, the places of its window that lie within `x`, in row-major order.
fn windows(of: &ReduceWindow, x: &[usize], result: &[usize]) -> Vec<Vec<usize>> {
    let window = |out: Vec<usize>| {
        // Along each axis a range: a window may be far larger than what it lies on.
        let along = |a: usize| {
            let (from, padding) = (out[a].saturating_mul(of.strides[a]), of.padding[a].0);
            let end = from.saturating_add(of.window[a]).saturating_sub(padding).min(x[a]);
            let start = from.saturating_sub(padding).min(end);
            (start, end - start)
        };
        let (starts, sizes): (Vec<usize>, Vec<usize>) = (0..x.len()).map(along).unzip();
        let place =
            |at: Vec<usize>| offset(x, &at.iter().zip(&starts).map(|(k, s)| k + s).collect::<Vec<_>>());
        Indices::new(&sizes).map(place).collect()
    };
    Indices::new(result).map(window).collect()
}

/// The first of the largest (or smallest), or the first NaN.
fn winner(kind: PoolKind, x: &Array, places: &[usize]) -> Option<usize> {
    fn first_best<T: PartialOrd>(kind: PoolKind, v: &[T], places: &[usize]) -> Option<usize> {
        let is_nan = |i: usize| v[i].partial_cmp(&v[i]).is_none();
        let beats = |i: usize, j: usize| match kind {
            PoolKind::Min => v[i] < v[j],
            PoolKind::Max | PoolKind::Sum => v[i] > v[j],
        };
        let mut best = *places.first()?;
        for &i in places {
            if !is_nan(best) && (is_nan(i) || beats(i, best)) {
                best = i;
            }
        }
        Some(best)
    }
    match &x.data {
        Data::Floats(v) => first_best(kind, v, places),
        Data::Ints(v) => first_best(kind, v, places),
    }
}

impl Eval for ReduceWindow {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, dtype) = (inputs[0], out[0].dtype);
        let (combine, kind) = match self.kind {
            PoolKind::Max => (BinaryKind::Max, ReduceKind::Max),
            PoolKind::Min => (BinaryKind::Min, ReduceKind::Min),
            PoolKind::Sum => (BinaryKind::Add, ReduceKind::Sum),
        };
        let windows = windows(self, &x.spec.shape, &out[0].shape);
        Ok(vec![match &x.data {
            Data::Floats(v) => {
                let reduce = |w: &Vec<usize>| {
                    w.iter().fold(float_identity(kind), |sum, &i| binary::float(combine, sum, v[i]))
                };
                Array::floats(&out[0], windows.iter().map(reduce).collect())
            }
            Data::Ints(v) => {
                let reduce = |w: &Vec<usize>| {
                    w.iter().fold(int_identity(kind, dtype), |sum, &i| binary::int(combine, dtype, sum, v[i]))
                };
                Array::ints(&out[0], windows.iter().map(reduce))
            }
        }])
    }
}

impl Eval for WindowGrad {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, g) = (inputs[0], inputs[1]);
        // Where each element of `g` goes.
        let mut targets: Vec<(usize, usize)> = vec![];
        for (o, places) in windows(&self.of, &x.spec.shape, &g.spec.shape).iter().enumerate() {
            match self.of.kind {
                PoolKind::Sum => targets.extend(places.iter().map(|&i| (i, o))),
                kind => targets.extend(winner(kind, x, places).map(|i| (i, o))),
            }
        }
        Ok(vec![match &g.data {
            Data::Floats(g) => {
                let mut dx = vec![0.0; out[0].len()];
                targets.into_iter().for_each(|(i, o)| dx[i] += g[o]);
                Array::floats(&out[0], dx)
            }
            Data::Ints(g) => {
                let mut dx = vec![0; out[0].len()];
                targets.into_iter().for_each(|(i, o)| dx[i] += g[o]);
                Array::ints(&out[0], dx)
            }
        }])
    }
}

impl Eval for WindowPick {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, d) = (inputs[0], inputs[1]);
        let mut y = Array::zeros(&out[0]);
        for (o, places) in windows(&self.of, &x.spec.shape, &out[0].shape).iter().enumerate() {
            if let Some(i) = winner(self.of.kind, x, places) {
                y.set(o, d, i);
            }
        }
        Ok(vec![y])
    }
}
