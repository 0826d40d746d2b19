//! Group normalization.
use super::along_axis;
use crate::layers::prelude::*;

/// Keeps the mean of each group of channels of a sample near 0 and its deviation near 1. Keras's `GroupNormalization`
/// (Wu and He, 2018).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 6]).tensor();
/// assert_eq!(GroupNormalization::new().groups(3).apply(&x).shape().to_string(), "(None, 8, 8, 6)");
/// ```
#[layer("keras.layers")]
pub struct GroupNormalization {
    /// How many groups, which must divide the channels; 32 by default. With -1, each channel is a group: instance
    /// normalization.
    #[default(32)]
    pub groups: i64,
    /// The axis of the channels; -1 by default, 1 for `channels_first`.
    #[default(-1)]
    pub axis: i64,
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
}

impl GroupNormalization {
    /// The number of groups of so many channels.
    fn groups_of(&self, channels: usize) -> Result<usize> {
        let groups = match self.groups {
            -1 => channels,
            n if n > 0 => n as usize,
            n => return Err(Error::argument("groups", format!("must be positive or -1, got {n}"))),
        };
        if !channels.is_multiple_of(groups) {
            let message = format!("{groups} groups must divide the {channels} channels");
            return Err(Error::argument("groups", message));
        }
        Ok(groups)
    }
}

impl Layer for GroupNormalization {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let channels = input.known(self.axis)?;
        self.groups_of(channels)?;
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
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let wide = DType::promote(x.dtype(), DType::F32);
        let channel = cornu_graph::normalize_axis("axis", self.axis, x.rank())?;
        let groups = self.groups_of(x.shape()[channel])?;

        let split = [groups, x.shape()[channel] / groups];
        let shape = [&x.shape()[..channel], &split, &x.shape()[channel + 1..]].concat();
        let grouped = x.cast(wide).reshape(&shape);
        let axes: Vec<i64> = (1..shape.len()).filter(|&a| a != channel).map(|a| a as i64).collect();
        let centered = &grouped - grouped.mean_keepdims(&axes);
        let factor = (centered.square().mean_keepdims(&axes) + self.epsilon).rsqrt();
        let mut y = (centered * factor).reshape(x.shape());

        if self.scale {
            y = &y * along_axis(&cx.variable_value("gamma")?.cast(wide), &y, channel);
        }
        if self.center {
            y = &y + along_axis(&cx.variable_value("beta")?.cast(wide), &y, channel);
        }
        // Keras goes back to the dtype of the input: of whole numbers, whole numbers are left.
        Ok(y.cast(x.dtype()).cast(cx.dtype()))
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
