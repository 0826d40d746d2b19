//! One value everywhere.
use crate::initializers::Initialize;
use crate::layers::Numbers;
use cornu_derive::config;
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Tensor};

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

/// `value` everywhere: a number, or an array that is stretched to the shape of the weight, as that of embeddings from elsewhere.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::initializers::Constant;
///
/// let words = Tensor::from([[0f32, 1.0], [2.0, 3.0], [4.0, 5.0]]);
/// let embedding = Embedding::new(3, 2).embeddings_initializer(Constant::new().value(&words)).trainable(false);
/// let mut model = Sequential::new().add(Input::new([1])).add(embedding);
/// assert_eq!(model.predict(&Tensor::from([[2f32]]), Predict::new())?.to_f64(), [4.0, 5.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[config("keras.initializers")]
pub struct Constant {
    /// The value.
    #[default(0.0)]
    pub value: Numbers,
}

impl Initialize for Constant {
    fn sample(&self, shape: &[usize], dtype: DType, _: &mut Generator) -> Result<Tensor> {
        let value = self.value.tensor(DType::F64)?;
        let (from, values) = (value.shape(), value.to_f64());
        if let [only] = values[..] {
            return Ok(Tensor::full(shape, dtype, only));
        }
        let aligned = shape.len().checked_sub(from.len()).map(|skip| &shape[skip..]);
        let fits = |to: &&[usize]| to.iter().zip(from).all(|(to, from)| from == to || *from == 1);
        let Some(to) = aligned.filter(fits) else {
            let message = format!("of shape {from:?} does not fit a weight of shape {shape:?}");
            return Err(Error::argument("Constant.value", message));
        };
        let at = |mut i: usize| {
            let (mut place, mut stride) = (0, 1);
            for (to, from) in to.iter().zip(from).rev() {
                place += if *from == 1 { 0 } else { i % to * stride };
                (i, stride) = (i / to, stride * from);
            }
            values[place]
        };
        let count = shape.iter().product::<usize>();
        Tensor::from_f64(shape, dtype, &(0..count).map(at).collect::<Vec<f64>>())
    }
}
