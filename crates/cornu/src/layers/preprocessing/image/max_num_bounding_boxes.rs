//! A fixed number of boxes.
use crate::arguments::DataFormat;
use crate::layers::prelude::*;

/// Leaves images as they are: it is for the boxes that may go with them, which models do not take. Keras's
/// `MaxNumBoundingBoxes`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(MaxNumBoundingBoxes::new(10).apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct MaxNumBoundingBoxes {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// How many boxes.
    pub max_number: usize,
    /// What stands for boxes that are not there.
    #[default(-1)]
    #[omit_default]
    pub fill_value: i64,
}

impl Layer for MaxNumBoundingBoxes {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        self.data_format.check()?;
        Ok(x.clone())
    }
}
