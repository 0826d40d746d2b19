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
        let x = x.cast(wide);
        let axes = self.axis.within(x.rank())?;
        let sizes: Vec<usize> =
            (0..x.rank()).map(|a| if axes.contains(&a) { x.shape()[a] } else { 1 }).collect();
        let weight = |name: &str| Ok::<_, Error>(cx.variable_value(name)?.cast(wide).reshape(&sizes));
        let reduced: Vec<i64> = axes.iter().map(|&a| a as i64).collect();

        let mean = x.mean_keepdims(&reduced);
        let centered = &x - &mean;
        let mut factor = (centered.square().mean_keepdims(&reduced) + self.epsilon).rsqrt();
        if self.scale || self.rms_scaling {
            factor = factor * weight("gamma")?;
        }
        if self.rms_scaling {
            return Ok((x * factor).cast(cx.dtype()));
        }
        // As Keras rounds it.
        let mut offset = -mean * &factor;
        if self.center {
            offset = offset + weight("beta")?;
        }
        Ok((x * factor + offset).cast(cx.dtype()))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
