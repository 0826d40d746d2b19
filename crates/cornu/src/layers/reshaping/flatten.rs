//! One axis from all.
use crate::arguments::DataFormat;
use crate::layers::checks::at_least_rank;
use crate::layers::prelude::*;

/// All axes but the batch as one: `(batch, 7, 7, 64)` to `(batch, 3136)`. Keras's `Flatten`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([7, 7, 64]).tensor();
/// assert_eq!(Flatten::new().apply(&x).shape().to_string(), "(None, 3136)");
/// ```
#[layer("keras.layers")]
pub struct Flatten {
    /// `"channels_last"` (default), or `"channels_first"`: then the channels are moved to the end first.
    #[default("channels_last")]
    pub data_format: DataFormat,
}

impl Layer for Flatten {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        Some(serde_json::json!({"input_shape": inputs.first()}))
    }

    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        at_least_rank(x, 1)?;
        let is_first = *self.data_format.check()? == DataFormat::ChannelsFirst;
        let x = if is_first && x.rank() > 2 {
            let order: Vec<usize> = [0].into_iter().chain(2..x.rank()).chain([1]).collect();
            x.transpose(&order)
        } else {
            x.clone()
        };
        let size = x.shape().iter().skip(1).product();
        Ok(x.reshape(&[x.dim(0), size]))
    }
}
