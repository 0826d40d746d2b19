//! Normalization by the root of the mean square.
use super::Axes;
use crate::layers::prelude::*;

/// Divides each sample by the root of its mean square over the last axes, and scales it. Keras's `RMSNormalization` (Zhang
/// and Sennrich, 2019).
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 16]).tensor();
/// assert_eq!(RMSNormalization::new().apply(&x).shape().to_string(), "(None, 10, 16)");
/// ```
#[layer("keras.layers")]
pub struct RMSNormalization {
    /// The axis or axes to normalize over; -1 by default.
    #[default(-1)]
    pub axis: Axes,
    /// Added to the mean square; 1e-6 by default.
    #[default(1e-6)]
    pub epsilon: f64,
}

impl Layer for RMSNormalization {
    /// Keras makes one axis a list when it builds.
    fn settle(&self, config: &mut serde_json::Value, inputs: Option<&[Shape]>) {
        if inputs.is_some() && config["axis"].is_number() {
            config["axis"] = serde_json::json!([config["axis"]]);
        }
    }

    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let axes = self.axis.within(input.rank())?;
        let shape = axes.iter().map(|&a| input.known(a as i64)).collect::<Result<Vec<_>>>()?;
        weights.add("scale", shape, &Initializer::from("ones"));
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let axes = self.axis.within(x.rank())?;
        let y = rms_normalize(x, &axes, self.epsilon, Some(&cx.variable_value("scale")?));
        // As in Keras: of whole numbers, whole numbers are left.
        Ok(y.cast(x.dtype()))
    }
}

/// `x / sqrt(mean of squares + epsilon) * scale` over the axes, in float32 at least. The scale is broadcast to the last axes,
/// whichever these are, as in Keras.
pub(crate) fn rms_normalize(x: &Value, axes: &[usize], epsilon: f64, scale: Option<&Value>) -> Value {
    let x = x.cast(DType::promote(x.dtype(), DType::F32));
    let reduced: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    let factor = (x.square().mean_keepdims(&reduced) + epsilon).rsqrt();
    let y = &x * factor;
    scale.map_or_else(|| y.clone(), |scale| &y * scale)
}
