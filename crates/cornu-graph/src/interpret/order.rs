//! Ops that order elements along an axis, or take them one after another.
use super::array::wrap;
use super::{Array, Data, Eval, binary};
use crate::ops::{ArgKind, ArgReduce, BinaryKind, Cumulative, CumulativeKind, Sort, TopK};
use crate::{Result, Spec};
use std::cmp::Ordering;

/// The places of each line of `shape` along `axis`, the lines in row-major order of the other axes.
fn lines(shape: &[usize], axis: usize) -> Vec<Vec<usize>> {
    let stride: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let starts = (0..outer).flat_map(|o| (0..stride).map(move |i| o * shape[axis] * stride + i));
    starts.map(|first| (0..shape[axis]).map(|k| first + k * stride).collect()).collect()
}

/// Order of two elements: NaN is larger than any number and equal to itself, -0 equals 0.
fn order(x: &Array, i: usize, j: usize) -> Ordering {
    match &x.data {
        Data::Floats(v) => v[i].partial_cmp(&v[j]).unwrap_or_else(|| v[i].is_nan().cmp(&v[j].is_nan())),
        Data::Ints(v) => v[i].cmp(&v[j]),
    }
}

impl Eval for ArgReduce {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let x = inputs[0];
        let is_nan = |i: usize| matches!(&x.data, Data::Floats(v) if v[i].is_nan());
        let wins = |i: usize, best: usize| match self.kind {
            _ if is_nan(best) => false,
            _ if is_nan(i) => true,
            ArgKind::Max => order(x, i, best).is_gt(),
            ArgKind::Min => order(x, i, best).is_lt(),
        };
        let first_best = |line: &Vec<usize>| {
            let mut best = 0;
            (1..line.len()).for_each(|k| {
                if wins(line[k], line[best]) {
                    best = k
                }
            });
            best as i128
        };
        Ok(vec![Array::ints(&out[0], lines(&x.spec.shape, self.axis).iter().map(first_best))])
    }
}

impl Eval for Sort {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let mut source: Vec<usize> = (0..out[0].len()).collect();
        for line in lines(&out[0].shape, self.axis) {
            let mut sorted = line.clone();
            sorted.sort_by(|&i, &j| {
                let by_keys = inputs[..self.keys].iter().map(|key| order(key, i, j)).find(|o| o.is_ne());
                let ascending = by_keys.unwrap_or(Ordering::Equal);
                if self.descending { ascending.reverse() } else { ascending }
            });
            line.into_iter().zip(sorted).for_each(|(to, from)| source[to] = from);
        }
        Ok(inputs.iter().zip(out).map(|(x, spec)| x.pick(spec, source.iter().copied())).collect())
    }
}

impl Eval for TopK {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let x = inputs[0];
        let (mut sources, mut positions) = (vec![], vec![]);
        for line in lines(&x.spec.shape, x.spec.rank() - 1) {
            let mut sorted: Vec<usize> = (0..line.len()).collect();
            sorted.sort_by(|&i, &j| order(x, line[j], line[i]));
            sources.extend(sorted[..self.k].iter().map(|&i| line[i]));
            positions.extend(sorted[..self.k].iter().map(|&i| i as i128));
        }
        Ok(vec![x.pick(&out[0], sources), Array::ints(&out[1], positions)])
    }
}

impl Eval for Cumulative {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let combine = match self.kind {
            CumulativeKind::Sum => BinaryKind::Add,
            CumulativeKind::Prod => BinaryKind::Mul,
            CumulativeKind::Max => BinaryKind::Max,
            CumulativeKind::Min => BinaryKind::Min,
        };
        let dtype = out[0].dtype;
        let mut y = inputs[0].clone();
        for mut line in lines(&out[0].shape, self.axis) {
            if self.reverse {
                line.reverse();
            }
            for pair in line.windows(2) {
                let (before, i) = (pair[0], pair[1]);
                match &mut y.data {
                    Data::Floats(v) => v[i] = binary::float(combine, v[before], v[i]),
                    Data::Ints(v) => v[i] = wrap(dtype, binary::int(combine, dtype, v[before], v[i])),
                }
            }
        }
        Ok(vec![y])
    }
}
