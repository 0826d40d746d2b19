//! Another shape.
use crate::layers::prelude::*;

/// The same elements in another shape. Keras's `Reshape`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([12]).tensor();
/// assert_eq!(Reshape::new([3, -1]).apply(&x).shape().to_string(), "(None, 3, 4)");
/// ```
#[layer("keras.layers")]
pub struct Reshape {
    /// The shape without the batch axis; -1, at most once, for the size that is left.
    pub target_shape: Vec<i64>,
}

impl Layer for Reshape {
    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        let error = |message: String| Err(Error::argument("Reshape.target_shape", message));
        let target = &self.target_shape;
        if target.iter().any(|&d| d < -1) || target.iter().filter(|&&d| d == -1).count() > 1 {
            return error(format!("sizes are not negative, -1 at most once; got {target:?}"));
        }
        let size: usize = x.shape().iter().skip(1).product();
        let known: usize = target.iter().filter(|&&d| d != -1).map(|&d| d as usize).product();
        let fits = if target.contains(&-1) { known > 0 && size.is_multiple_of(known) } else { size == known };
        if !fits {
            let got = x.shape().get(1..).unwrap_or_default();
            return error(format!("{target:?} does not hold the {size} elements of {got:?}"));
        }
        let sizes = target.iter().map(|&d| if d == -1 { size / known } else { d as usize });
        let shape: Vec<usize> = [x.dim(0)].into_iter().chain(sizes).collect();
        Ok(x.reshape(&shape))
    }
}
