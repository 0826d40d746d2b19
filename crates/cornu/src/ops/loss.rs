//! What losses are made of, and distances.
#![allow(clippy::upper_case_acronyms, reason = "classes have the names of Keras")]
use super::Number;
use super::dtypes::float;
use crate::losses;
use cornu_graph::Error;

ops! {
    "keras.src.ops.nn";
    /// `-(target log output + (1 - target) log(1 - output))` of each element.
    BinaryCrossentropy binary_crossentropy(target, output) { from_logits: bool } =>
        losses::elementwise(&target.cast(output.dtype()), output, *from_logits);
    /// `-sum(target log output)` over the axis.
    CategoricalCrossentropy categorical_crossentropy(target, output) { from_logits: bool, axis: i64 } =>
        losses::categorical_crossentropy(target, output, *from_logits, 0.0, *axis);
    /// `-log output` of the class that each target names.
    SparseCategoricalCrossentropy sparse_categorical_crossentropy(target, output) { from_logits: bool, axis: i64 } =>
        losses::sparse_categorical_crossentropy(target, output, *from_logits, None, *axis);
    /// Divided by its norm of an order along the axis; the norm is at least `epsilon`.
    Normalize normalize(x) { axis: i64, order: u32, epsilon: Epsilon } => {
        let (x, epsilon) = (float(x), epsilon.unwrap_or(1e-7));
        match order {
            0 => x.fail(Error::argument("order", "must be at least 1, got 0")),
            1 => &x / x.abs().sum_keepdims([*axis]).maximum(&x.scalar(epsilon)),
            2 => &x * x.square().sum_keepdims([*axis]).rsqrt().minimum(&x.scalar(1.0 / epsilon)),
            &p => {
                let p = f64::from(p);
                &x / x.abs().powf(p).sum_keepdims([*axis]).powf(1.0 / p).maximum(&x.scalar(epsilon))
            }
        }
    };
    /// The peak signal-to-noise ratio of two images, in decibels.
    PSNR psnr(x1, x2) { max_val: Number } => {
        let error = (float(x1) - float(x2)).square();
        let error = error.mean(error.all_axes());
        (error.scalar(20.0 * max_val.to_f64().log10())) - error.log() * (10.0 / std::f64::consts::LN_10)
    };
}

/// A small number, or Keras's 1e-7.
type Epsilon = Option<f64>;
