//! Combinations of categories by hash.
use super::encoding::{OutputMode, not_sparse};
use super::hash::{CROSS_START, cross, fingerprint};
use super::hashing::{integer_dtype, settle_integer_dtype, without_points};
use crate::data::text;
use crate::layers::HostLayer;
use crate::layers::checks::positive;
use crate::layers::prelude::*;

/// The bin of each combination of integers or strings by its hash. Keras's `HashedCrossing`.
///
/// It works before the graph, on inputs of the model of shape `(batch)` or `(batch, 1)`. Bins as integers are int64 unless the
/// layer is given another integer dtype.
///
/// ```
/// use cornu::prelude::*;
/// let a = Input::new([1]).dtype("int64").tensor();
/// let b = Input::new([1]).dtype("int64").tensor();
/// let bins = HashedCrossing::new(32).apply([&a, &b]);
/// let mut model = Model::new([&a, &b], &bins)?;
/// let y = model.predict([Tensor::from([[18i64]]), Tensor::from([[31i64]])], Predict::new())?;
/// assert_eq!(y.to_f64(), [5.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers", order(num_bins, output_mode, sparse, name, dtype_name))]
pub struct HashedCrossing {
    /// Number of bins.
    pub num_bins: usize,
    /// `"int"` (default) or `"one_hot"`.
    #[default("int")]
    pub output_mode: OutputMode,
    /// Must be false: there are no sparse tensors.
    #[default(false)]
    pub sparse: bool,
}

impl Layer for HashedCrossing {
    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        if self.output_mode == OutputMode::Int {
            settle_integer_dtype(config);
        }
    }

    fn on_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }
}

impl HostLayer for HashedCrossing {
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)> {
        positive("HashedCrossing.num_bins", self.num_bins)?;
        not_sparse("HashedCrossing", self.sparse)?;
        let shapes: Vec<Shape> = inputs.iter().map(without_points).collect();
        if shapes.len() < 2 {
            return Err(Error::argument("inputs", format!("takes at least two, got {}", shapes.len())));
        }
        let fits = |s: &Shape| *s == shapes[0] && (s.rank() <= 1 || s.rank() == 2 && s.dims()[1] == Some(1));
        if let Some(shape) = shapes.iter().find(|s| !fits(s)) {
            let message = format!("all must have the shape (batch) or (batch, 1), got {shape}");
            return Err(Error::Data(message));
        }
        if let Some((_, dtype)) = inputs.iter().find(|(_, dtype)| dtype.is_float()) {
            return Err(Error::Data(format!("expected integers or text, got {dtype}")));
        }
        let dtype = match self.output_mode.check()? {
            OutputMode::Int => integer_dtype("HashedCrossing", self)?,
            OutputMode::OneHot => self.base.dtype.compute_dtype()?,
            mode => return Err(Error::unknown("output_mode", mode.as_str(), ["int", "one_hot"])),
        };
        Ok((self.output_mode.shape(&shapes[0], self.num_bins), dtype))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let mut hashes: Vec<u64> = vec![];
        let mut shape = vec![];
        for (i, input) in inputs.iter().enumerate() {
            let values: Vec<u64> = if input.dtype() == DType::U32 {
                shape = input.shape()[..input.rank().saturating_sub(1)].to_vec();
                text::decode(input)?.iter().map(|token| fingerprint(token)).collect()
            } else {
                shape = input.shape().to_vec();
                input.cast(DType::I64).to_vec::<i64>()?.into_iter().map(|x| x as u64).collect()
            };
            if i == 0 {
                hashes = vec![CROSS_START; values.len()];
            }
            if hashes.len() != values.len() {
                return Err(Error::Data("all inputs must have one number of samples".into()));
            }
            hashes.iter_mut().zip(values).for_each(|(hash, value)| *hash = cross(*hash, value));
        }
        let bins = hashes.iter().map(|hash| (hash % self.num_bins as u64) as i64).collect::<Vec<_>>();
        let encoded = self.output_mode.encode_places(&shape, &bins, self.num_bins, None)?;
        let is_int = self.output_mode == OutputMode::Int;
        let dtype =
            if is_int { integer_dtype("HashedCrossing", self)? } else { self.base.dtype.compute_dtype()? };
        Ok(encoded.cast(dtype))
    }
}
