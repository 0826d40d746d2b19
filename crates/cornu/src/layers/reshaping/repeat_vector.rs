//! A vector as a sequence.
use crate::layers::checks::{positive, rank};
use crate::layers::prelude::*;

/// The input `n` times over: `(batch, d)` to `(batch, n, d)`. Keras's `RepeatVector`.
#[layer("keras.layers")]
pub struct RepeatVector {
    /// How often.
    pub n: usize,
}

impl Layer for RepeatVector {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        positive("RepeatVector.n", self.n)?;
        rank(x, 2)?;
        Ok(x.broadcast_in_dim(&[x.dim(0), self.n, x.dim(1)], vec![0, 2]))
    }
}
