//! Mean 0 and variance 1 over the data.
use super::{Adapt, Numbers};
use crate::layers::normalization::Axes;
use crate::layers::prelude::*;

/// `(x - mean) / sqrt(variance)` for each position of some axes, with statistics that are given or found by
/// [`Adapt::adapt`]. Keras's `Normalization`.
///
/// ```
/// use cornu::prelude::*;
/// let data = Tensor::from([[0.0f32, 10.0], [2.0, 30.0]]);
/// let mut layer = Normalization::new();
/// layer.adapt(&data)?;
/// let x = Input::new([2]).tensor();
/// let y = Model::new(&x, layer.apply(&x))?.predict(&data, Predict::new())?;
/// assert_eq!(y.to_f64(), [-1.0, -1.0, 1.0, 1.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct Normalization {
    /// The axis or axes whose positions have statistics of their own; -1 by default, none for one mean of all.
    #[default([-1])]
    pub axis: Axes,
    /// Whether to go back from normalized data.
    #[default(false)]
    pub invert: bool,
    /// The mean, if it is known.
    #[default(None)]
    pub mean: Option<Numbers>,
    /// The variance, if it is known.
    #[default(None)]
    pub variance: Option<Numbers>,
}

impl Normalization {
    /// The statistics that were given, in a shape that broadcasts against `x`.
    fn given(&self, cx: &Call, x: &Value) -> Result<Option<(Value, Value)>> {
        let (mean, variance) = match (&self.mean, &self.variance) {
            (None, None) => return Ok(None),
            (Some(mean), Some(variance)) if mean.shape() == variance.shape() => (mean, variance),
            _ => {
                let message = "must be given with a `variance` of the same shape";
                return Err(Error::argument("Normalization.mean", message));
            }
        };
        let kept = self.axis.within(x.rank())?;
        if mean.shape().len() > kept.len() {
            let message = format!("has {} axes, more than the {} of `axis`", mean.shape().len(), kept.len());
            return Err(Error::argument("Normalization.mean", message));
        }
        let mut shape = vec![1; x.rank()];
        for (&axis, &size) in kept.iter().rev().zip(mean.shape().iter().rev()) {
            if size != 1 && size != x.shape()[axis] {
                let message =
                    format!("of shape {:?} does not fit data of shape {:?}", mean.shape(), x.shape());
                return Err(Error::argument("Normalization.mean", message));
            }
            shape[axis] = size;
        }
        let constant =
            |n: &Numbers| Ok::<_, Error>(x.builder().constant(n.tensor(cx.dtype())?).reshape(&shape));
        Ok(Some((constant(mean)?, constant(variance)?)))
    }
}

impl Layer for Normalization {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        if self.mean.is_some() || self.variance.is_some() {
            return Ok(());
        }
        let kept = self.axis.within(input.rank())?;
        let shape = kept.iter().map(|&a| input.known(a as i64)).collect::<Result<Vec<_>>>()?;
        weights.add("mean", shape.clone(), &"zeros".into()).trainable(false);
        weights.add("variance", shape, &"ones".into()).trainable(false);
        // Keras saves a count, which nothing reads.
        weights.add("count", [], &"zeros".into()).trainable(false).dtype(DType::I32);
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let x = x.cast(cx.dtype());
        let (mean, variance) = match self.given(cx, &x)? {
            Some(given) => given,
            None => {
                let kept = self.axis.within(x.rank())?;
                let shape: Vec<usize> =
                    (0..x.rank()).map(|a| if kept.contains(&a) { x.shape()[a] } else { 1 }).collect();
                (cx.weight("mean")?.reshape(&shape), cx.weight("variance")?.reshape(&shape))
            }
        };
        let deviation = variance.sqrt().maximum(&x.scalar(1e-7));
        Ok(if self.invert { x * deviation + mean } else { (x - mean) / deviation })
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

impl Adapt for Normalization {
    fn adapt(&mut self, data: &Tensor) -> Result<()> {
        if self.mean.is_some() {
            let message = "is given; `adapt` would find another";
            return Err(Error::argument("Normalization.mean", message));
        }
        let shape: Vec<Option<usize>> =
            data.shape().iter().enumerate().map(|(i, &d)| (i > 0).then_some(d)).collect();
        let kept = self.axis.within(data.rank())?;
        let built = crate::layers::ensure_built(self, &[Shape(shape)])?;
        let (mean, variance) = moments(data, &kept);
        let sizes: Vec<usize> = kept.iter().map(|&a| data.shape()[a]).collect();
        for (name, values) in [("mean", mean), ("variance", variance)] {
            if let Some(variable) = built.variable(name) {
                variable.assign(&Tensor::from_f64(sizes.clone(), variable.spec.dtype, &values)?)?;
            }
        }
        Ok(())
    }
}

/// Mean and variance for each position of the axes `kept`, over all others.
fn moments(data: &Tensor, kept: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let shape = data.shape();
    let count: usize = kept.iter().map(|&a| shape[a]).product();
    let each = (data.len() / count.max(1)).max(1) as f64;
    let strides: Vec<usize> = (0..shape.len()).map(|a| shape[a + 1..].iter().product()).collect();
    let place = |i: usize| kept.iter().fold(0, |at, &a| at * shape[a] + i / strides[a] % shape[a]);
    let values = data.to_f64();
    let total = |f: &dyn Fn(usize, f64) -> f64| {
        let mut sums = vec![0.0; count];
        values.iter().enumerate().for_each(|(i, &x)| sums[place(i)] += f(place(i), x));
        sums.iter().map(|sum| sum / each).collect::<Vec<f64>>()
    };
    let mean = total(&|_, x| x);
    let variance = total(&|at, x| (x - mean[at]).powi(2));
    (mean, variance)
}
