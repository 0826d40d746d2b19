//! Layers that make a model generalize.
mod activity_regularization;
mod alpha_dropout;
mod dropout;
mod gaussian_dropout;
mod gaussian_noise;
mod spatial_dropout;

pub use activity_regularization::ActivityRegularization;
pub use alpha_dropout::AlphaDropout;
pub use dropout::{Dropout, NoiseShape};
pub use gaussian_dropout::GaussianDropout;
pub use gaussian_noise::GaussianNoise;
pub use spatial_dropout::{SpatialDropout1D, SpatialDropout2D, SpatialDropout3D};

use crate::layers::prelude::*;

/// The name that Keras saves the state of a layer's random generator under.
pub(super) const SEED: &str = "seed_generator/seed_generator_state";

/// `x / (1 - rate)` where a random mask of `noise_shape`, which broadcasts, keeps it; 0 elsewhere.
pub(super) fn drop_out(cx: &Call, x: &Value, rate: f64, noise_shape: &[usize]) -> Result<Value> {
    cx.random(|state| dropped(state, x, rate, noise_shape))
}

/// The next state of the generator, and `x` with the share `rate` of it 0 and the rest larger.
pub(crate) fn dropped(state: &Value, x: &Value, rate: f64, noise_shape: &[usize]) -> (Value, Value) {
    let keep = 1.0 - rate;
    let scale = if keep > 0.0 { 1.0 / keep } else { 0.0 };
    let (state, kept) = state.bernoulli(keep, noise_shape);
    (state, kept.broadcast_to(x.shape()).select(&(x * scale), &x.scalar(0.0)))
}

/// Standard normal values of the shape and dtype of `x`.
fn normal_like(cx: &Call, x: &Value) -> Result<Value> {
    Ok(cx.random(|state| state.random_normal(x.shape()))?.cast(x.dtype()))
}
