//! Numbers as bins.
use super::Adapt;
use super::encoding::{OutputMode, count_not_greater, not_sparse};
use super::hashing::single;
use super::quantiles::Summary;
use crate::layers::HostLayer;
use crate::layers::prelude::*;

/// The number of the bin that each number falls in. Keras's `Discretization`.
///
/// Bins are given by `bin_boundaries`, or found by [`Adapt::adapt`] so that each of `num_bins` holds as many samples.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([4]).tensor();
/// let layer = Discretization::new().bin_boundaries([0.0, 1.0, 2.0]);
/// let mut model = Model::new(&x, layer.apply(&x))?;
/// let y = model.predict(&Tensor::from([[-1.5f32, 1.0, 3.4, 0.5]]), Predict::new())?;
/// assert_eq!(y.to_f64(), [0.0, 2.0, 3.0, 1.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers", order(bin_boundaries, num_bins, epsilon, output_mode, sparse, name, dtype_name))]
pub struct Discretization {
    /// Where one bin ends and the next begins, rising.
    #[default(None)]
    pub bin_boundaries: Option<Vec<f64>>,
    /// How many bins to find.
    #[default(None)]
    pub num_bins: Option<usize>,
    /// How far the boundaries that are found may be off, as a share of the samples; 0.01 by default.
    #[default(0.01)]
    pub epsilon: f64,
    /// `"int"` (default), `"one_hot"`, `"multi_hot"` or `"count"`.
    #[default("int")]
    pub output_mode: OutputMode,
    /// Must be false: there are no sparse tensors.
    #[default(false)]
    pub sparse: bool,
}

impl HostLayer for Discretization {
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)> {
        let (shape, _) = single(inputs)?;
        Ok((shape.clone(), DType::I32))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let x = single(inputs)?;
        // Bins are found in float32, as in the graph.
        let boundaries: Vec<f32> = self.bin_boundaries.iter().flatten().map(|&b| b as f32).collect();
        let bin = |x: f64| boundaries.iter().filter(|&&b| b <= x as f32).count() as i32;
        Tensor::new(x.shape(), x.to_f64().into_iter().map(bin).collect::<Vec<i32>>())
    }
}

impl Layer for Discretization {
    fn before_graph(&self) -> Option<&dyn HostLayer> {
        if self.output_mode == OutputMode::Int { Some(self) } else { None }
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        not_sparse("Discretization", self.sparse)?;
        let Some(boundaries) = &self.bin_boundaries else {
            let error = Error::State("there are no bins yet".into());
            return Err(error.help("give `bin_boundaries`, or call `adapt` before the layer is applied"));
        };
        let both = self.num_bins.is_some() && !self.base.has_learned() && self.base.as_read().is_none();
        if both {
            let message = "must not be given with `bin_boundaries`, which say how many there are";
            return Err(Error::argument("Discretization.num_bins", message));
        }
        if !boundaries.is_sorted() || boundaries.iter().any(|b| b.is_nan()) {
            return Err(Error::argument("bin_boundaries", format!("must rise, got {boundaries:?}")));
        }
        let x = if x.dtype().is_float() { x.clone() } else { x.cast(DType::F32) };
        let bins = if boundaries.is_empty() {
            x.full_like(0.0).cast(DType::I32)
        } else {
            let sorted = Tensor::from_f64([boundaries.len()], x.dtype(), boundaries)?;
            count_not_greater(&x, &x.builder().constant(sorted))
        };
        let dtype = if self.output_mode == OutputMode::Int { DType::I32 } else { cx.dtype() };
        self.output_mode.encode(&bins, boundaries.len() + 1, dtype, None)
    }
}

impl Adapt for Discretization {
    fn adapt(&mut self, data: &Tensor) -> Result<()> {
        self.adapt_in(data, data.len().max(1))
    }
}

impl Discretization {
    /// Looks at so many numbers at a time, as Keras does at the batches of a data set: boundaries depend on it a little.
    ///
    /// # Errors
    /// As [`Adapt::adapt`].
    pub(crate) fn adapt_in(&mut self, data: &Tensor, batch: usize) -> Result<()> {
        let Some(bins) = self.num_bins else {
            let message = "must be given to find bins; `bin_boundaries` are fixed";
            return Err(Error::argument("Discretization.num_bins", message));
        };
        if !(self.epsilon > 0.0 && self.epsilon <= 1.0) || bins == 0 || data.is_empty() {
            let message =
                format!("cannot find {bins} bins of {} numbers within {}", data.len(), self.epsilon);
            return Err(Error::argument("Discretization", message));
        }
        let values = data.to_f64();
        let batches = values.chunks(batch).map(|batch| Summary::new(batch.to_vec(), self.epsilon));
        let summary = batches.fold(Summary::default(), |all, new| new.merge(all).compress(self.epsilon));
        self.bin_boundaries = Some(summary.boundaries(bins));
        self.base.set_learned();
        Ok(())
    }
}
