//! The identity matrix.
use crate::initializers::Initialize;
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Tensor};

/// `gain` on the diagonal of a matrix, 0 elsewhere.
#[config("keras.initializers")]
pub struct Identity {
    /// The value on the diagonal. Keras reads it but never writes it.
    #[default(1.0)]
    #[omit_default]
    pub gain: f64,
}

impl Initialize for Identity {
    fn sample(&self, shape: &[usize], dtype: DType, _: &mut Generator) -> Result<Tensor> {
        let &[rows, columns] = shape else {
            return Err(Error::argument("Identity", format!("makes matrices, not shape {shape:?}")));
        };
        let mut values = vec![0.0; rows * columns];
        (0..rows.min(columns)).for_each(|i| values[i * columns + i] = self.gain);
        Tensor::from_f64(shape, dtype, &values)
    }
}
