//! Parts that many architectures have.
use super::Pooling;
use super::declare::Options;
use crate::layers::{
    Activation, BatchNormalization, Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, HasBase,
};
use crate::models::{Apply, KerasTensor};

/// The layer under this name, or under one made from its class.
pub(super) fn called<L: HasBase>(mut layer: L, name: Option<&str>) -> L {
    layer.base_mut().name = name.map(String::from);
    layer
}

/// How many channels there are; 0 in a tensor that keeps an error.
pub(super) fn channels(x: &KerasTensor) -> usize {
    x.shape().dim(-1).unwrap_or(0)
}

/// Zeros around an image before a window of this size takes steps of 2, as TensorFlow's `"same"` has them.
pub(super) fn correct_pad(x: &KerasTensor, kernel: usize) -> [(usize, usize); 2] {
    let half = kernel / 2;
    let side = |size: Option<usize>| (half - size.map_or(1, |n| 1 - n % 2).min(half), half);
    let known = x.shape().dim(1).is_some();
    [1, 2].map(|axis| side(x.shape().dim(axis).filter(|_| known)))
}

/// The multiple of 8 next to `v`, not less than 0.9 of it.
pub(super) fn multiple_of_8(v: f64) -> usize {
    let near = nearest_multiple(v, 8, 8);
    if (near as f64) < 0.9 * v { near + 8 } else { near }
}

/// The multiple of `divisor` next to `v`, not less than `smallest`.
pub(super) fn nearest_multiple(v: f64, divisor: usize, smallest: usize) -> usize {
    smallest.max((v + divisor as f64 / 2.0) as usize / divisor * divisor)
}

/// Rectified.
pub(super) fn relu(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    Activation::new("relu").name(name).apply(x)
}

/// Normalized over the batch, for each position of `axis`, which is the last: Keras's files say 3 in some families and -1
/// in others.
pub(super) fn batch_norm(x: &KerasTensor, axis: i64, epsilon: f64, name: impl Into<String>) -> KerasTensor {
    BatchNormalization::new().axis(axis).epsilon(epsilon).name(name).apply(x)
}

/// The mean of each feature map.
pub(super) fn global_average(x: &KerasTensor, name: Option<&str>) -> KerasTensor {
    called(GlobalAveragePooling2D::new(), name).apply(x)
}

/// What `pooling` makes of the last feature maps; `names` are those of the layers.
pub(super) fn pooled(options: &Options, x: &KerasTensor, names: Option<[&str; 2]>) -> KerasTensor {
    match &options.pooling {
        Some(Pooling::Avg) => global_average(x, names.map(|n| n[0])),
        Some(Pooling::Max) => called(GlobalMaxPooling2D::new(), names.map(|n| n[1])).apply(x),
        // `Options::check` refuses unknown words.
        Some(Pooling::Unknown(_)) | None => x.clone(),
    }
}

/// The names of pooling layers in those families that name them.
pub(super) const POOL_NAMES: Option<[&str; 2]> = Some(["avg_pool", "max_pool"]);

/// The classifier on features.
pub(super) fn predictions(options: &Options, x: &KerasTensor) -> KerasTensor {
    let activation = options.classifier_activation.clone();
    Dense::new(options.classes).activation(activation).name("predictions").apply(x)
}

/// The end of most architectures: the classifier on the means of the feature maps, or what `pooling` says.
pub(super) fn top(
    options: &Options,
    x: &KerasTensor,
    mean_name: Option<&str>,
    pool_names: Option<[&str; 2]>,
) -> KerasTensor {
    if options.include_top {
        predictions(options, &global_average(x, mean_name))
    } else {
        pooled(options, x, pool_names)
    }
}
