//! Categories as vectors.
use super::encoding::{OutputMode, not_sparse};
use crate::layers::checks::positive;
use crate::layers::prelude::*;

/// Integers below `num_tokens` as vectors of that size. Keras's `CategoryEncoding`.
///
/// A second input gives weights to add in `"count"` mode, of the shape of the first.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([3]).dtype("int32").tensor();
/// let mut model = Model::new(&x, CategoryEncoding::new(4).output_mode("count").apply(&x))?;
/// let y = model.predict(&Tensor::from([[0, 1, 1]]), Predict::new())?;
/// assert_eq!(y.to_f64(), [1.0, 2.0, 0.0, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct CategoryEncoding {
    /// One more than the largest integer.
    pub num_tokens: usize,
    /// `"multi_hot"` (default), `"one_hot"` or `"count"`.
    #[default("multi_hot")]
    pub output_mode: OutputMode,
    /// Must be false: there are no sparse tensors.
    #[unsaved]
    #[default(false)]
    pub sparse: bool,
}

impl Layer for CategoryEncoding {
    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "count_weights"]
    }

    fn build_many(&self, _: &mut Weights, _: &[Shape]) -> Result<()> {
        not_sparse("CategoryEncoding", self.sparse)?;
        positive("CategoryEncoding.num_tokens", self.num_tokens)
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let weights = cx.given(inputs, "count_weights").first();
        let [x] = cx.given(inputs, "inputs") else {
            return Err(Error::argument("inputs", "takes one input and perhaps `count_weights`"));
        };
        if self.output_mode == OutputMode::Int {
            return Err(Error::argument("output_mode", "must be \"multi_hot\", \"one_hot\" or \"count\""));
        }
        if weights.is_some() && self.output_mode != OutputMode::Count {
            return Err(Error::argument("count_weights", "is only for the output mode \"count\""));
        }
        let x = if x.dtype().is_float() { x.cast(DType::I32) } else { x.clone() };
        Ok(vec![self.output_mode.encode(&x, self.num_tokens, cx.dtype(), weights)?])
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
