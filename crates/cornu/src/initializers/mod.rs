//! How weights start.
mod constant;
mod identity;
mod orthogonal;
mod random;
mod stft;
mod variance_scaling;

pub use constant::{Constant, Ones, Zeros};
pub use identity::Identity;
pub use orthogonal::Orthogonal;
pub use random::{RandomNormal, RandomUniform, TruncatedNormal};
pub use stft::{STFT, Window};
pub use variance_scaling::{
    GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, VarianceScaling,
};

use crate::object::{Saved, family};
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Tensor};
use std::fmt;

/// What an initializer does.
pub trait Initialize: Saved + fmt::Debug + Send + Sync {
    /// A tensor of this shape and dtype. Random ones draw from `rng`, unless they have a seed of their own: the same
    /// seed gives the same values.
    ///
    /// # Errors
    /// When an argument makes no sense, or there is no such tensor.
    fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor>;
}

family! {
    /// How a weight starts, by name (`"glorot_uniform"`) or as an object.
    ///
    /// ```
    /// use cornu::initializers::{Initializer, RandomNormal};
    /// let by_name = Initializer::from("zeros");
    /// let by_object = Initializer::from(RandomNormal::new().stddev(0.02));
    /// # let _ = (by_name, by_object);
    /// ```
    Initializer("initializer"): Initialize {
        Constant = "constant",
        GlorotNormal = "glorot_normal",
        GlorotUniform = "glorot_uniform",
        HeNormal = "he_normal",
        HeUniform = "he_uniform",
        Identity = "identity" | "IdentityInitializer",
        LecunNormal = "lecun_normal",
        LecunUniform = "lecun_uniform",
        Ones = "ones" | "one",
        Orthogonal = "orthogonal" | "OrthogonalInitializer",
        RandomNormal = "random_normal" | "normal",
        RandomUniform = "random_uniform" | "uniform",
        STFT = "stft" | "STFTInitializer",
        TruncatedNormal = "truncated_normal",
        VarianceScaling = "variance_scaling",
        Zeros = "zeros" | "zero",
    }
}

impl Initializer {
    /// A tensor of this shape and dtype.
    ///
    /// # Errors
    /// When the name is unknown, an argument makes no sense, or there is no such tensor.
    pub fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
        let tensor = self.get()?.sample(shape, dtype, rng)?;
        if tensor.shape() != shape || tensor.dtype() != dtype {
            let (got, of) = (tensor.dtype(), tensor.shape());
            let message = format!("asked for {dtype}{shape:?}, the initializer gave {got}{of:?}");
            return Err(Error::argument("initializer", message));
        }
        Ok(tensor)
    }
}

/// A tensor whose values `draw` gives, one after the other.
fn draw(
    shape: &[usize],
    dtype: DType,
    seed: Option<u64>,
    rng: &mut Generator,
    draw: impl Fn(&mut Generator) -> f64,
) -> Result<Tensor> {
    if !dtype.is_float() {
        return Err(Error::argument("initializer", format!("random values are floats, not {dtype}")));
    }
    let mut own = seed.map(Generator::new);
    let rng = own.as_mut().unwrap_or(rng);
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| draw(rng)).collect();
    Tensor::from_f64(shape, dtype, &values)
}

#[cfg(test)]
mod tests;
