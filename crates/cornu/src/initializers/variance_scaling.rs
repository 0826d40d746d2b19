//! Random values scaled by the size of the layer.
use crate::initializers::{Initialize, Initializer, draw};
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Tensor, normalize_axis};

/// Random values whose variance is `scale / n`, where n is the number of inputs or outputs of a unit.
#[config("keras.initializers")]
pub struct VarianceScaling {
    /// The same seed gives the same values.
    #[default(None)]
    pub seed: Option<u64>,
    /// The variance times n.
    #[default(1.0)]
    pub scale: f64,
    /// What n is: `"fan_in"`, `"fan_out"` or `"fan_avg"`, their mean.
    #[default("fan_in")]
    pub mode: String,
    /// `"truncated_normal"` (or `"normal"`), `"untruncated_normal"` or `"uniform"`.
    #[default("truncated_normal")]
    pub distribution: String,
    /// The axes of the weight whose sizes make fan-in; needs `output_axes` too.
    #[default(None)]
    pub input_axes: Option<Vec<i64>>,
    /// The axes of the weight whose sizes make fan-out.
    #[default(None)]
    pub output_axes: Option<Vec<i64>>,
}

impl Initialize for VarianceScaling {
    fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
        if self.scale.is_nan() || self.scale <= 0.0 {
            let message = format!("must be positive, got {}", self.scale);
            return Err(Error::argument("VarianceScaling.scale", message));
        }
        let (fan_in, fan_out) = fans(shape, self.input_axes.as_deref(), self.output_axes.as_deref())?;
        let n = match self.mode.as_str() {
            "fan_in" => fan_in,
            "fan_out" => fan_out,
            "fan_avg" => (fan_in + fan_out) / 2.0,
            mode => return Err(Error::unknown("mode", mode, ["fan_in", "fan_out", "fan_avg"])),
        };
        let stddev = (self.scale / n.max(1.0)).sqrt();
        let seed = self.seed;
        match self.distribution.to_lowercase().as_str() {
            "truncated_normal" | "normal" => {
                // Cutting off at 2 standard deviations leaves this much of one.
                const KEPT: f64 = 0.879_625_661_034_239_8;
                draw(shape, dtype, seed, rng, |rng| rng.truncated_normal() * (stddev / KEPT))
            }
            "untruncated_normal" => draw(shape, dtype, seed, rng, |rng| rng.normal() * stddev),
            "uniform" => {
                let limit = 3f64.sqrt() * stddev;
                draw(shape, dtype, seed, rng, |rng| (2.0 * rng.uniform() - 1.0) * limit)
            }
            other => {
                let known = ["truncated_normal", "untruncated_normal", "uniform"];
                Err(Error::unknown("distribution", other, known))
            }
        }
    }
}

/// Inputs and outputs of one unit, for the weight of a dense layer or the kernel of a convolution
/// (`(spatial.., inputs, outputs)`).
fn fans(shape: &[usize], input_axes: Option<&[i64]>, output_axes: Option<&[i64]>) -> Result<(f64, f64)> {
    if let (Some(inputs), Some(outputs)) = (input_axes, output_axes) {
        let product = |axes: &[i64]| {
            axes.iter().try_fold(1.0, |product, &axis| {
                Ok(product * shape[normalize_axis("VarianceScaling", axis, shape.len())?] as f64)
            })
        };
        return Ok((product(inputs)?, product(outputs)?));
    }
    Ok(match shape {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [field @ .., inputs, outputs] => {
            let field = field.iter().product::<usize>() as f64;
            (field * *inputs as f64, field * *outputs as f64)
        }
    })
}

impl Initializer {
    /// The same initializer with these axes in place of none, if it scales by fan-in and fan-out.
    pub(crate) fn with_axes(&self, input_axes: &[i64], output_axes: &[i64]) -> Initializer {
        macro_rules! set_axes {
            ($($Class:ident)*) => {
                match self {
                    $(Initializer::$Class(object) if object.input_axes.is_none() || object.output_axes.is_none() => {
                        object.clone().input_axes(input_axes).output_axes(output_axes).into()
                    })*
                    other => other.clone(),
                }
            };
        }
        set_axes!(VarianceScaling GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform)
    }
}

/// The named cases of [`VarianceScaling`].
macro_rules! cases {
    ($($(#[$doc:meta])* $Name:ident: $scale:literal $mode:literal $distribution:literal;)*) => { $(
        $(#[$doc])*
        #[config("keras.initializers")]
        pub struct $Name {
            /// The same seed gives the same values.
            #[default(None)]
            pub seed: Option<u64>,
            /// The axes of the weight whose sizes make fan-in; needs `output_axes` too.
            #[default(None)]
            pub input_axes: Option<Vec<i64>>,
            /// The axes of the weight whose sizes make fan-out.
            #[default(None)]
            pub output_axes: Option<Vec<i64>>,
        }

        impl Initialize for $Name {
            fn sample(&self, shape: &[usize], dtype: DType, rng: &mut Generator) -> Result<Tensor> {
                let general = VarianceScaling {
                    seed: self.seed,
                    input_axes: self.input_axes.clone(),
                    output_axes: self.output_axes.clone(),
                    ..VarianceScaling::new().scale($scale).mode($mode).distribution($distribution)
                };
                general.sample(shape, dtype, rng)
            }
        }
    )* };
}
cases! {
    /// Truncated normal of variance `2 / (fan_in + fan_out)`.
    ///
    /// Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010.
    GlorotNormal: 1.0 "fan_avg" "truncated_normal";
    /// Uniform of variance `2 / (fan_in + fan_out)`: the default of most layers.
    ///
    /// Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010.
    GlorotUniform: 1.0 "fan_avg" "uniform";
    /// Truncated normal of variance `1 / fan_in`.
    ///
    /// LeCun et al., "Efficient BackProp", 1998.
    LecunNormal: 1.0 "fan_in" "truncated_normal";
    /// Uniform of variance `1 / fan_in`.
    ///
    /// LeCun et al., "Efficient BackProp", 1998.
    LecunUniform: 1.0 "fan_in" "uniform";
    /// Truncated normal of variance `2 / fan_in`.
    ///
    /// He et al., "Delving Deep into Rectifiers", 2015.
    HeNormal: 2.0 "fan_in" "truncated_normal";
    /// Uniform of variance `2 / fan_in`.
    ///
    /// He et al., "Delving Deep into Rectifiers", 2015.
    HeUniform: 2.0 "fan_in" "uniform";
}
