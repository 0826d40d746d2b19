//! Another range of numbers.
use super::Numbers;
use crate::layers::prelude::*;

/// `x * scale + offset`, in the dtype of the layer. Keras's `Rescaling`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([28, 28, 1]).dtype("uint8").tensor();
/// let y = Rescaling::new(1.0 / 127.5).offset(-1.0).apply(&x);
/// assert_eq!(y.dtype(), DType::F32);
/// ```
#[layer("keras.layers")]
pub struct Rescaling {
    /// A number, or one for each channel.
    pub scale: Numbers,
    /// A number, or one for each channel; 0 by default.
    #[default(0.0)]
    pub offset: Numbers,
}

impl Layer for Rescaling {
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let constant = |n: &Numbers| Ok::<_, Error>(x.builder().constant(n.tensor(cx.dtype())?));
        Ok(x.cast(cx.dtype()) * constant(&self.scale)? + constant(&self.offset)?)
    }
}
