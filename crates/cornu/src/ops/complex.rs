//! Complex numbers from other forms: pairs of a real and an imaginary part, as in [`fft`](super::fft).
use super::{Arg, Operand, cos, multiply, sin, unstack};

/// The complex numbers of these absolute values and angles in radians: real parts `abs * cos(angle)` and imaginary parts
/// `abs * sin(angle)`.
///
/// ```
/// use cornu::prelude::*;
/// let y = ops::polar(Tensor::from([2f32, 3.0]), Tensor::from([0f32, std::f32::consts::PI]))?;
/// assert_eq!(y[0].to_vec::<f32>()?, [2.0, -3.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn polar<X: Operand>(abs_: impl Into<Arg<X>>, angle: impl Into<Arg<X>>) -> X::Outputs {
    let (abs, angle) = (abs_.into(), angle.into());
    let part = |waved: X::Output| X::then(waved, |waved| multiply(abs.clone(), waved));
    X::both(part(cos(angle.clone())), part(sin(angle.clone())))
}

/// The complex numbers whose parts lie along the last axis, which has size 2.
///
/// ```
/// use cornu::prelude::*;
/// let y = ops::view_as_complex(Tensor::from([[1f32, 2.0], [3.0, 4.0]]))?;
/// assert_eq!((y[0].to_vec::<f32>()?, y[1].to_vec::<f32>()?), (vec![1.0, 3.0], vec![2.0, 4.0]));
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn view_as_complex<X: Operand>(x: impl Into<Arg<X>>) -> X::Outputs {
    unstack(x, Some(2), -1)
}
