//! Loops over time.
use super::{Array, Eval, interpret_arrays};
use crate::ops::Scan;
use crate::{Result, Spec};

impl Eval for Scan {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (carries, rest) = inputs.split_at(self.carries);
        let (sequences, constants) = rest.split_at(self.sequences);
        let mut carries: Vec<Array> = carries.iter().map(|&x| x.clone()).collect();
        let mut stacked: Vec<Array> = out[self.carries..].iter().map(Array::zeros).collect();
        for step in 0..self.length {
            let time = if self.reverse { self.length - 1 - step } else { step };
            let mut args = std::mem::take(&mut carries);
            for x in sequences {
                let slice = x.spec.with_shape(&x.spec.shape[1..]);
                let n = slice.len();
                args.push(x.pick(&slice, time * n..(time + 1) * n));
            }
            args.extend(constants.iter().map(|&x| x.clone()));
            carries = interpret_arrays(&self.body, &args)?;
            let rows = carries.split_off(self.carries);
            for (all, row) in stacked.iter_mut().zip(&rows) {
                let n = row.spec.len();
                (0..n).for_each(|i| all.set(time * n + i, row, i));
            }
        }
        carries.extend(stacked);
        Ok(carries)
    }
}
