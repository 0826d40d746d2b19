//! Integers as vectors.
use crate::arguments::keyword;
use cornu_graph::{DType, Error, Result, Value};

/// What Keras calls the weights of the places for `"tf_idf"` in files.
pub(super) const IDF_WEIGHTS: &str = "idf_weights";

keyword! {
    /// In which form integers come out.
    OutputMode as "output_mode" {
        /// As they are.
        Int "int",
        /// Each as a vector with a 1 at its place.
        OneHot "one_hot",
        /// All of a sample as one vector with a 1 at the place of each.
        MultiHot "multi_hot",
        /// All of a sample as one vector of how often each is there.
        Count "count",
        /// Counts weighted by how rare each is.
        TfIdf "tf_idf",
    }
}

impl OutputMode {
    /// The integers `x` below `depth` in this form. `tf_idf` is left to the layers that know weights.
    ///
    /// # Errors
    /// When the word is unknown or the layer has no such form.
    pub(super) fn encode(
        &self,
        x: &Value,
        depth: usize,
        dtype: DType,
        count_weights: Option<&Value>,
    ) -> Result<Value> {
        let x = if x.rank() == 0 { x.expand_dims(0) } else { x.clone() };
        let sample = if x.rank() > 1 { 1 } else { 0 };
        let one_hot = |x: &Value| x.one_hot(depth, -1, dtype);
        Ok(match self.check()? {
            OutputMode::Int => x.cast(dtype),
            OutputMode::OneHot if x.rank() > 1 && x.dim(-1) == 1 => one_hot(&x.squeeze(-1)),
            OutputMode::OneHot => one_hot(&x),
            OutputMode::MultiHot => one_hot(&x).max([sample]),
            OutputMode::Count => {
                let weighted = match count_weights {
                    Some(weights) => one_hot(&x) * weights.cast(dtype).expand_dims(-1),
                    None => one_hot(&x),
                };
                weighted.sum([sample])
            }
            OutputMode::TfIdf | OutputMode::Unknown(_) => {
                return Err(Error::argument("output_mode", "\"tf_idf\" is not for this layer"));
            }
        })
    }
}

/// Fails when a file or user asks for sparse tensors.
pub(super) fn not_sparse(class: &str, sparse: bool) -> Result<()> {
    if sparse {
        Err(Error::argument(format!("{class}.sparse"), "sparse tensors are not supported"))
    } else {
        Ok(())
    }
}

/// For each element of `x`, how many of the rising numbers `sorted` are not greater.
pub(super) fn count_not_greater(x: &Value, sorted: &Value) -> Value {
    let mut low = x.full_like(0.0).cast(DType::I32);
    let mut high = low.full_like(sorted.dim(0) as f64);
    // Each step halves what is left; NaN goes to the end.
    for _ in 0..usize::BITS - sorted.dim(0).leading_zeros() {
        let middle = (&low + &high).shift_right_arithmetic(&low.full_like(1.0));
        let goes_left = x.lt(&sorted.take_clamped(&middle, 0));
        let is_open = low.lt(&high);
        high = is_open.and(&goes_left).select(&middle, &high);
        low = is_open.and(&goes_left.not()).select(&(&middle + 1.0), &low);
    }
    low
}
