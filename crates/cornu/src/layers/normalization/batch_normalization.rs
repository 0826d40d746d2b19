//! Batch normalization.
use crate::layers::prelude::*;

/// Keeps the mean of each channel near 0 and its deviation near 1: in training by the batch's own, else by moving means.
/// Keras's `BatchNormalization` (Ioffe and Szegedy, 2015).
///
/// `renorm` and `synchronized` are refused: batch renormalization is not there, and there is one replica.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(BatchNormalization::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct BatchNormalization {
    /// The axis of the channels; -1 by default, 1 for `channels_first`.
    #[default(-1)]
    pub axis: i64,
    /// How much of the moving means stays at each step; 0.99 by default.
    #[default(0.99)]
    pub momentum: f64,
    /// Added to the variance; 0.001 by default.
    #[default(1e-3)]
    pub epsilon: f64,
    /// Whether to add `beta`.
    #[default(true)]
    pub center: bool,
    /// Whether to multiply by `gamma`.
    #[default(true)]
    pub scale: bool,
    /// For `beta`.
    #[default("zeros")]
    pub beta_initializer: Initializer,
    /// For `gamma`.
    #[default("ones")]
    pub gamma_initializer: Initializer,
    /// For the moving mean.
    #[default("zeros")]
    pub moving_mean_initializer: Initializer,
    /// For the moving variance.
    #[default("ones")]
    pub moving_variance_initializer: Initializer,
    /// On `beta`.
    #[default(None)]
    pub beta_regularizer: Option<Regularizer>,
    /// On `gamma`.
    #[default(None)]
    pub gamma_regularizer: Option<Regularizer>,
    /// On `beta`.
    #[default(None)]
    pub beta_constraint: Option<Constraint>,
    /// On `gamma`.
    #[default(None)]
    pub gamma_constraint: Option<Constraint>,
    /// Whether statistics are shared by replicas; refused.
    #[default(false)]
    pub synchronized: bool,
    /// Whether to use batch renormalization; refused.
    #[default(false)]
    pub renorm: bool,
    /// Limits of batch renormalization.
    #[default(None)]
    pub renorm_clipping: Option<serde_json::Value>,
    /// Momentum of batch renormalization.
    #[default(0.99)]
    pub renorm_momentum: f64,
}

impl Layer for BatchNormalization {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        for (what, given) in [("renorm", self.renorm), ("synchronized", self.synchronized)] {
            if given {
                return Err(Error::argument(what, "is not supported"));
            }
        }
        let channels = input.known(self.axis)?;
        if self.scale {
            weights
                .add("gamma", [channels], &self.gamma_initializer)
                .regularizer(&self.gamma_regularizer)
                .constraint(&self.gamma_constraint);
        }
        if self.center {
            weights
                .add("beta", [channels], &self.beta_initializer)
                .regularizer(&self.beta_regularizer)
                .constraint(&self.beta_constraint);
        }
        weights.add("moving_mean", [channels], &self.moving_mean_initializer).trainable(false);
        weights.add("moving_variance", [channels], &self.moving_variance_initializer).trainable(false);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        // Half precision would overflow in the sums.
        let wide = DType::promote(x.dtype(), DType::F32);
        let x = x.cast(wide);
        let channel = cornu_graph::normalize_axis("axis", self.axis, x.rank())?;
        let axes: Vec<i64> = (0..x.rank()).filter(|&a| a != channel).map(|a| a as i64).collect();
        let along = |v: &Value| v.broadcast_in_dim(&channel_shape(&x, channel), vec![channel]);

        let (moving_mean, moving_variance) =
            (cx.variable_value("moving_mean")?.cast(wide), cx.variable_value("moving_variance")?.cast(wide));
        let (mean, variance) = if cx.training() && cx.trainable() {
            let (mean, variance) = moments(&x, cx.mask(), &axes, &along);
            let moved = |old: &Value, new: &Value| old * self.momentum + new * (1.0 - self.momentum);
            cx.update("moving_mean", &moved(&moving_mean, &mean))?;
            cx.update("moving_variance", &moved(&moving_variance, &variance))?;
            (mean, variance)
        } else {
            (moving_mean, moving_variance)
        };

        let mut factor = (variance + self.epsilon).rsqrt();
        if self.scale {
            factor = factor * cx.variable_value("gamma")?.cast(wide);
        }
        let mut offset = -(mean * &factor);
        if self.center {
            offset = offset + cx.variable_value("beta")?.cast(wide);
        }
        Ok((&x * along(&factor) + along(&offset)).cast(cx.dtype()))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// `(1, .., channels, .., 1)`
fn channel_shape(x: &Value, channel: usize) -> Vec<usize> {
    (0..x.rank()).map(|a| if a == channel { x.shape()[a] } else { 1 }).collect()
}

/// Mean and variance of each channel, over what the mask keeps.
fn moments(x: &Value, mask: Option<&Value>, axes: &[i64], along: &dyn Fn(&Value) -> Value) -> (Value, Value) {
    match mask {
        None => {
            let mean = x.mean(axes);
            // The mean of squares less the square of the mean, as Keras computes it, never below 0.
            let variance = x.square().mean(axes) - mean.square();
            (mean, variance.maximum(&x.scalar(0.0)))
        }
        Some(mask) => {
            let weight = mask.cast(x.dtype()).expand_dims(-1).broadcast_to(x.shape());
            let total = weight.sum(axes) + 1e-7;
            let mean = (x * &weight).sum(axes) / &total;
            let distance = (x - along(&mean)).square();
            let variance = (distance * weight).sum(axes) / total;
            (mean, variance)
        }
    }
}
