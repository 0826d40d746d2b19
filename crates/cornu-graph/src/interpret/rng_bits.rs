//! Random bits.
use super::{Array, Eval};
use crate::ops::RngBits;
use crate::{Result, Spec, philox};

impl Eval for RngBits {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let state = inputs[0].as_ints()?;
        let state = [state[0] as u64, state[1] as u64];
        let n = out[1].len();
        let blocks = n.div_ceil(4) as u64;
        let bits: Vec<u32> = (0..blocks).flat_map(|i| philox::block(state, i)).take(n).collect();
        Ok(vec![
            Array::ints(&out[0], philox::advance(state, blocks).map(i128::from)),
            Array::ints(&out[1], bits.into_iter().map(i128::from)),
        ])
    }
}
