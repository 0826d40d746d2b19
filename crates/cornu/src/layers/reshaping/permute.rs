//! Axes in another order.
use crate::layers::checks::rank;
use crate::layers::prelude::*;

/// Axis `i` of the output is axis `dims[i]` of the input, counted from 1; the batch stays. Keras's `Permute`.
#[layer("keras.layers")]
pub struct Permute {
    /// Each axis once, counted from 1.
    pub dims: Vec<usize>,
}

impl Layer for Permute {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(1..self.dims.len() + 1) {
            let message = format!("must hold each axis once, counted from 1; got {:?}", self.dims);
            return Err(Error::argument("Permute.dims", message));
        }
        rank(x, self.dims.len() + 1)?;
        let order: Vec<usize> = [0].into_iter().chain(self.dims.iter().copied()).collect();
        Ok(x.transpose(&order))
    }
}
