//! Loops.
use super::{Array, Eval, interpret_arrays};
use crate::ops::{Scan, While};
use crate::{Result, Spec};

fn owned(arrays: &[&Array]) -> Vec<Array> {
    arrays.iter().map(|&x| x.clone()).collect()
}

impl Eval for Scan {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (carries, rest) = inputs.split_at(self.carries);
        let (sequences, constants) = rest.split_at(self.sequences);
        let mut carries = owned(carries);
        let mut stacked: Vec<Array> = out[self.carries..].iter().map(Array::zeros).collect();
        for step in 0..self.length {
            let time = if self.reverse { self.length - 1 - step } else { step };
            let mut args = carries;
            for x in sequences {
                let slice = x.spec.with_shape(&x.spec.shape[1..]);
                let n = slice.len();
                args.push(x.pick(&slice, time * n..(time + 1) * n));
            }
            args.extend(owned(constants));
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

impl Eval for While {
    fn eval(&self, inputs: &[&Array], _: &[Spec]) -> Result<Vec<Array>> {
        let (carries, constants) = inputs.split_at(self.carries());
        let (of_cond, of_body) = constants.split_at(self.cond_constants());
        let (of_cond, of_body, mut carries) = (owned(of_cond), owned(of_body), owned(carries));
        loop {
            let goes_on = interpret_arrays(&self.cond, &[carries.clone(), of_cond.clone()].concat())?;
            if goes_on[0].as_ints()?[0] == 0 {
                return Ok(carries);
            }
            carries.extend(of_body.iter().cloned());
            carries = interpret_arrays(&self.body, &carries)?;
        }
    }
}
