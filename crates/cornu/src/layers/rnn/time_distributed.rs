//! A layer on each step of time.
use crate::layers::LayerBox;
use crate::layers::prelude::*;

/// Applies a layer to each step: `(batch, time, ..)` to `(batch, time, ..)`. Keras's `TimeDistributed`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 8, 8, 3]).tensor();
/// let y = TimeDistributed::new(Conv2D::new(4, 3)).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 10, 6, 6, 4)");
/// ```
#[layer("keras.layers")]
pub struct TimeDistributed {
    /// What is applied.
    pub layer: LayerBox,
}

impl Layer for TimeDistributed {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        if input.rank() < 3 {
            let message = format!("expected an input of shape (batch, time, ..), got {input}");
            return Err(Error::Data(message));
        }
        let step: Vec<Option<usize>> = [&input.dims()[..1], &input.dims()[2..]].concat();
        weights.add_layer("layer", self.layer.layer(), &[Shape(step)])
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        // The layer sees time as a part of the batch.
        let (batch, time) = (x.dim(0), x.dim(1));
        let merged = [&[batch * time], &x.shape()[2..]].concat();
        let mask = cx.mask().filter(|m| m.rank() > 2).map(|m| {
            let merged = [&[batch * time], &m.shape()[2..]].concat();
            m.reshape(&merged)
        });
        let layer = cx.child("layer")?;
        let (outputs, _) = cx.apply_masked(layer, &[x.reshape(&merged)], &[mask])?;
        match outputs.as_slice() {
            [y] => Ok(y.reshape(&[&[batch, time], &y.shape()[1..]].concat())),
            _ => Err(Error::argument("TimeDistributed.layer", "must have one output")),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
