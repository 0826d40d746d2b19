//! A layer on each step of time.
use crate::layers::LayerBox;
use crate::layers::prelude::*;
use crate::variable::Role;

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
        let (batch, time) = (x.dim(0), x.dim(1));
        let layer = cx.child("layer")?;
        let mask = cx.mask();
        // As in Keras, the penalty of the layer's own outputs does not count.
        let apply = |x: Value, mask: Option<Value>| {
            let outputs = cx.apply_unregularized(layer, &[x], &[mask])?;
            let one = <[Value; 1]>::try_from(outputs);
            let [y] = one.map_err(|_| Error::argument("TimeDistributed.layer", "must have one output"))?;
            Ok::<_, Error>(y)
        };
        if time > 0 && sees_batches(layer, cx.training()) {
            let step = |v: &Value, t: usize| v.slice_axis(1, t, t + 1).squeeze(1);
            let steps = (0..time).map(|t| apply(step(x, t), mask.map(|m| step(m, t))));
            let steps = steps.collect::<Result<Vec<_>>>()?;
            return Ok(Value::stack(&steps.iter().collect::<Vec<_>>(), 1));
        }
        // Where each sample is by itself, time is a part of the batch.
        let merged = |v: &Value| v.reshape(&[&[batch * time], &v.shape()[2..]].concat());
        let y = apply(merged(x), mask.map(merged))?;
        Ok(y.reshape(&[&[batch, time], &y.shape()[1..]].concat()))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// Whether a layer, or one within it, does with a batch what it would not do with each sample: it gathers statistics, keeps
/// states from batch to batch, or adds to the loss what is divided by the size of the batch.
fn sees_batches(layer: &LayerRef, training: bool) -> bool {
    let updates = |layer: &LayerRef| {
        let variables = layer.base().built().map_or(&[][..], |built| &built.variables);
        variables.iter().any(|v| v.role == Role::State || training && v.role == Role::NonTrainable)
    };
    updates(layer)
        || layer
            .layers_within()
            .iter()
            .any(|child| child.output_penalty().is_some() || sees_batches(child, training))
}
