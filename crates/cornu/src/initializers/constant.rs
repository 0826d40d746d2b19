//! One value everywhere.
use crate::initializers::Initialize;
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Result, Tensor};

/// 0 everywhere.
#[config("keras.initializers")]
pub struct Zeros {}

impl Initialize for Zeros {
    fn sample(&self, shape: &[usize], dtype: DType, _: &mut Generator) -> Result<Tensor> {
        Ok(Tensor::zeros(shape, dtype))
    }
}

/// 1 everywhere.
#[config("keras.initializers")]
pub struct Ones {}

impl Initialize for Ones {
    fn sample(&self, shape: &[usize], dtype: DType, _: &mut Generator) -> Result<Tensor> {
        Ok(Tensor::ones(shape, dtype))
    }
}

/// `value` everywhere.
#[config("keras.initializers")]
pub struct Constant {
    /// The value.
    #[default(0.0)]
    pub value: f64,
}

impl Initialize for Constant {
    fn sample(&self, shape: &[usize], dtype: DType, _: &mut Generator) -> Result<Tensor> {
        Ok(Tensor::full(shape, dtype, self.value))
    }
}
