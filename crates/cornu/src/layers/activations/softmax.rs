//! Softmax.
use crate::activations::softmax;
use crate::constraints::Axes;
use crate::layers::prelude::*;
use crate::ops::dtypes::float;

/// `e^x / sum(e^x)` along `axis`; masked positions count as absent and give 0. Keras's `Softmax`.
#[layer("keras.layers")]
pub struct Softmax {
    /// The axis, or several, that sum to 1.
    #[default(-1)]
    pub axis: Axes,
}

impl Layer for Softmax {
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let x = &float(x);
        let Some(mask) = cx.mask() else { return Ok(softmax(x, self.axis.as_slice())) };
        let lowest = if x.dtype() == DType::F16 { -3e4 } else { -1e9 };
        let y = softmax(&mask.select(x, &x.scalar(lowest)), self.axis.as_slice());
        // An axis without any present position gives 0 as well.
        Ok(mask.select(&y, &y.scalar(0.0)))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
