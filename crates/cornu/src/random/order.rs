//! Leaving out, and order.
use super::Seed;
use super::distributions::traced;
use crate::layers::regularization::dropped;
use crate::ops;
use cornu_graph::philox::Generator;
use cornu_graph::{Error, Result, Tensor, normalize_axis};

/// With the share `rate` of the elements 0, and the others larger so that the sum is the same on average. Where the noise
/// shape is 1, the elements along that axis are left out together.
///
/// # Errors
/// When the rate is not within 0 and 1, the noise shape does not fit, or the elements are no floats.
pub fn dropout<'a>(
    inputs: &Tensor,
    rate: f64,
    noise_shape: Option<&[usize]>,
    seed: impl Into<Seed<'a>>,
) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&rate) || !inputs.dtype().is_float() {
        let message = format!("must be within 0 and 1, and inputs floats; got {rate} and {}", inputs.dtype());
        return Err(Error::argument("rate", message));
    }
    let noise_shape = noise_shape.unwrap_or(inputs.shape()).to_vec();
    traced(seed.into(), std::slice::from_ref(inputs), |state, v| dropped(state, &v[0], rate, &noise_shape))
}

/// The slices along the axis in another order, each as likely.
///
/// # Errors
/// When there is no such axis.
pub fn shuffle<'a>(x: &Tensor, axis: i64, seed: impl Into<Seed<'a>>) -> Result<Tensor> {
    let at = normalize_axis("shuffle", axis, x.rank())?;
    let mut generator = Generator::new(seed.into().number());
    let mut order: Vec<i32> = (0..x.shape()[at] as i32).collect();
    for i in (1..order.len()).rev() {
        let other = (u128::from(generator.next_u64()) * (i as u128 + 1)) >> 64;
        order.swap(i, other as usize);
    }
    if order.is_empty() {
        return Ok(x.clone());
    }
    ops::take(x, Tensor::from(order), Some(axis))
}
