//! Layer normalization.
use super::Axes;
use crate::layers::prelude::*;

/// Keeps the mean of each sample near 0 and its deviation near 1, over its last axes. Keras's `LayerNormalization` (Ba et
/// al., 2016).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 16]).tensor();
/// assert_eq!(LayerNormalization::new().apply(&x).shape().to_string(), "(None, 10, 16)");
/// ```
#[layer("keras.layers")]
pub struct LayerNormalization {
    /// The axis or axes to normalize over; -1 by default.
    #[default(-1)]
    pub axis: Axes,
    /// Added to the variance; 0.001 by default.
    #[default(1e-3)]
    pub epsilon: f64,
    /// Whether to add `beta`.
    #[default(true)]
    pub center: bool,
    /// Whether to multiply by `gamma`.
    #[default(true)]
    pub scale: bool,
    /// Divides by the deviation only, without centering (deprecated in Keras).
    #[default(false)]
    pub rms_scaling: bool,
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

impl Layer for LayerNormalization {
    /// Keras makes one axis a list when it builds.
    fn settle(&self, config: &mut serde_json::Value, inputs: Option<&[Shape]>) {
        if inputs.is_some() && config["axis"].is_number() {
            config["axis"] = serde_json::json!([config["axis"]]);
        }
    }

    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let axes = self.axis.within(input.rank())?;
        let shape = axes.iter().map(|&a| input.known(a as i64)).collect::<Result<Vec<_>>>()?;
        if self.scale || self.rms_scaling {
            weights
                .add("gamma", shape.clone(), &self.gamma_initializer)
                .regularizer(&self.gamma_regularizer)
                .constraint(&self.gamma_constraint);
        }
        if self.center && !self.rms_scaling {
            weights
                .add("beta", shape, &self.beta_initializer)
                .regularizer(&self.beta_regularizer)
                .constraint(&self.beta_constraint);
        }
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let wide = DType::promote(x.dtype(), DType::F32);
        let axes = self.axis.within(x.rank())?;
        let weight = |used: bool, name: &str| {
            used.then(|| Ok::<_, Error>(cx.variable_value(name)?.cast(wide))).transpose()
        };
        let gamma = weight(self.scale || self.rms_scaling, "gamma")?;
        let beta = weight(self.center && !self.rms_scaling, "beta")?;
        let y = layer_normalize(x, &axes, self.epsilon, gamma.as_ref(), beta.as_ref(), self.rms_scaling);
        // Keras goes back to the dtype of the input: of whole numbers, whole numbers are left.
        Ok(y.cast(x.dtype()).cast(cx.dtype()))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` over the axes, in float32 at least; with `rms_scaling`, the mean
/// stays.
pub(crate) fn layer_normalize(
    x: &Value,
    axes: &[usize],
    epsilon: f64,
    gamma: Option<&Value>,
    beta: Option<&Value>,
    rms_scaling: bool,
) -> Value {
    let x = x.cast(DType::promote(x.dtype(), DType::F32));
    let reduced: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    let mean = x.mean_keepdims(&reduced);
    let mut factor = ((&x - &mean).square().mean_keepdims(&reduced) + epsilon).rsqrt();
    if let Some(gamma) = gamma {
        factor = factor * super::over_axes(gamma, &x, axes);
    }
    if rms_scaling {
        return x * factor;
    }
    // As Keras rounds it.
    let mut offset = -mean * &factor;
    if let Some(beta) = beta {
        offset = offset + super::over_axes(beta, &x, axes);
    }
    x * factor + offset
}
