//! Products and sums over shared axes.
use super::array::{offset, wrap};
use super::{Array, Data, Eval, Indices};
use crate::ops::Dot;
use crate::{Result, Spec};

impl Eval for Dot {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (a, b) = (inputs[0], inputs[1]);
        let free_a = Dot::free(a.spec.rank(), &self.a_batch, &self.a_contract);
        let free_b = Dot::free(b.spec.rank(), &self.b_batch, &self.b_contract);
        let inner: Vec<usize> = self.a_contract.iter().map(|&axis| a.spec.shape[axis]).collect();
        let batch = self.a_batch.len();
        // Pairs of places whose products add up to each element of the result.
        let terms = |index: &[usize]| -> Vec<(usize, usize)> {
            let (of_batch, rest) = index.split_at(batch);
            let (of_a, of_b) = rest.split_at(free_a.len());
            let place = |x: &Array, axes: [&[usize]; 3], at: [&[usize]; 3]| {
                let mut full = vec![0; x.spec.rank()];
                for (axes, at) in axes.into_iter().zip(at) {
                    axes.iter().zip(at).for_each(|(&axis, &i)| full[axis] = i);
                }
                offset(&x.spec.shape, &full)
            };
            let pair = |k: Vec<usize>| {
                (
                    place(a, [&self.a_batch, &free_a, &self.a_contract], [of_batch, of_a, &k]),
                    place(b, [&self.b_batch, &free_b, &self.b_contract], [of_batch, of_b, &k]),
                )
            };
            Indices::new(&inner).map(pair).collect()
        };
        let indices = Indices::new(&out[0].shape);
        Ok(vec![match (&a.data, &b.data) {
            (Data::Floats(a), Data::Floats(b)) => {
                let sum = |index: Vec<usize>| terms(&index).into_iter().map(|(i, j)| a[i] * b[j]).sum();
                Array::floats(&out[0], indices.map(sum).collect())
            }
            _ => {
                let (a, b) = (a.as_ints()?, b.as_ints()?);
                let add = |sum: i128, (i, j): (usize, usize)| {
                    wrap(out[0].dtype, sum + wrap(out[0].dtype, a[i].wrapping_mul(b[j])))
                };
                Array::ints(&out[0], indices.map(|index| terms(&index).into_iter().fold(0, add)))
            }
        }])
    }
}
