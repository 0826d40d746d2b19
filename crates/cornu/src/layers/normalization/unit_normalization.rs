//! Normalization to length 1.
use super::Axes;
use crate::layers::prelude::*;

/// Divides each sample by its Euclidean length over some axes. Keras's `UnitNormalization`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([4]).tensor();
/// let mut model = Model::new(&x, UnitNormalization::new().apply(&x))?;
/// let y = model.predict(&Tensor::from([[3.0f32, 0.0, 4.0, 0.0]]), Predict::new())?;
/// assert_eq!(y.to_f64(), [0.6f32 as f64, 0.0, 0.8f32 as f64, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct UnitNormalization {
    /// The axis or axes to normalize over; -1 by default.
    #[default(-1)]
    pub axis: Axes,
}

impl Layer for UnitNormalization {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        if !x.dtype().is_float() {
            let error = Error::Data(format!("takes floats, as in Keras, got {}", x.dtype()));
            return Err(error.help("declare the input with dtype `float32`"));
        }
        let axes: Vec<i64> = self.axis.within(x.rank())?.iter().map(|&a| a as i64).collect();
        let square = x.square().sum_keepdims(&axes);
        // Lengths below 1e-12 count as such: zeros stay zeros.
        Ok(x * square.maximum(&square.scalar(1e-24)).rsqrt())
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
