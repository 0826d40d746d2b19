//! Rectified linear unit with learned slopes.
use crate::layers::prelude::*;

/// `max(x, 0) - alpha * max(-x, 0)` with an `alpha` learned for each feature. Keras's `PReLU`.
///
/// He et al., "Delving Deep into Rectifiers", 2015.
#[layer("keras.layers")]
pub struct PReLU {
    /// How `alpha` starts.
    #[default("Zeros")]
    pub alpha_initializer: Initializer,
    /// Adds to the loss for `alpha`.
    #[default(None)]
    pub alpha_regularizer: Option<Regularizer>,
    /// What `alpha` must be like.
    #[default(None)]
    pub alpha_constraint: Option<Constraint>,
    /// Axes along which `alpha` is the same, the batch being axis 0: `[1, 2]` for one `alpha` per channel of an image.
    #[default(None)]
    pub shared_axes: Option<Vec<usize>>,
}

impl Layer for PReLU {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let shared = self.shared_axes.as_deref().unwrap_or_default();
        if let Some(axis) = shared.iter().find(|&&axis| axis == 0 || axis >= input.rank()) {
            let message =
                format!("axis {axis} is not among 1..{} of an input of shape {input}", input.rank());
            return Err(Error::argument("PReLU.shared_axes", message));
        }
        let size = |axis: usize| if shared.contains(&axis) { Ok(1) } else { input.known(axis as i64) };
        let shape = (1..input.rank()).map(size).collect::<Result<Vec<_>>>()?;
        weights
            .add("alpha", shape, &self.alpha_initializer)
            .regularizer(&self.alpha_regularizer)
            .constraint(&self.alpha_constraint);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        Ok(x.relu() - cx.weight("alpha")? * (-x).relu())
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
