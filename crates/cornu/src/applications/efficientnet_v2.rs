//! EfficientNet, version 2. Keras module: `keras.applications.efficientnet_v2`.
//!
//! Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021.
use super::blocks::nearest_multiple;
use super::declare::{Architecture, Options, application};
use super::efficientnet::{block_name, classify, conv_initializer, excite, pointwise, residual, swish};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::initializers::Constant;
use crate::layers::{BatchNormalization, Conv2D, DepthwiseConv2D, Normalization, Rescaling};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!();

/// Declares the family, all of whose members have the same arguments.
macro_rules! efficientnet_v2 {
    ($($(#[$doc:meta])* $Name:ident = $variant:expr;)*) => { $(
        application! {
            $(#[$doc])*
            $Name {
                /// Whether the network itself prepares pixels from 0 to 255; true by default.
                include_preprocessing: bool = true,
            } with it => EfficientNetV2 {
                variant: $variant,
                include_preprocessing: it.include_preprocessing,
            }
        }
    )* };
}

efficientnet_v2! {
    /// EfficientNet, version 2, B0, for images of 224x224. Keras's `EfficientNetV2B0`.
    EfficientNetV2B0 = Variant {
        name: "b0", width: 1.0, depth: 1.0, size: 224, stages: &BASE,
        hashes: ["21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"],
    };
    /// EfficientNet, version 2, B1, for images of 240x240. Keras's `EfficientNetV2B1`.
    EfficientNetV2B1 = Variant {
        name: "b1", width: 1.0, depth: 1.1, size: 240, stages: &BASE,
        hashes: ["069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"],
    };
    /// EfficientNet, version 2, B2, for images of 260x260. Keras's `EfficientNetV2B2`.
    EfficientNetV2B2 = Variant {
        name: "b2", width: 1.1, depth: 1.2, size: 260, stages: &BASE,
        hashes: ["424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"],
    };
    /// EfficientNet, version 2, B3, for images of 300x300. Keras's `EfficientNetV2B3`.
    EfficientNetV2B3 = Variant {
        name: "b3", width: 1.2, depth: 1.4, size: 300, stages: &BASE,
        hashes: ["1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"],
    };
    /// The small EfficientNet, version 2, for images of 384x384. Keras's `EfficientNetV2S`.
    EfficientNetV2S = Variant {
        name: "s", width: 1.0, depth: 1.0, size: 384, stages: &SMALL,
        hashes: ["e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"],
    };
    /// The middle EfficientNet, version 2, for images of 480x480. Keras's `EfficientNetV2M`.
    EfficientNetV2M = Variant {
        name: "m", width: 1.0, depth: 1.0, size: 480, stages: &MIDDLE,
        hashes: ["a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"],
    };
    /// The large EfficientNet, version 2, for images of 480x480. Keras's `EfficientNetV2L`.
    EfficientNetV2L = Variant {
        name: "l", width: 1.0, depth: 1.0, size: 480, stages: &LARGE,
        hashes: ["27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"],
    };
}

/// What the members differ in.
struct Variant {
    name: &'static str,
    width: f64,
    depth: f64,
    size: usize,
    stages: &'static [Stage],
    hashes: [&'static str; 2],
}

/// Blocks of one kind; all windows are 3.
struct Stage {
    /// Whether one convolution does both what others do for each channel and across the channels.
    fused: bool,
    repeats: usize,
    filters_in: usize,
    filters_out: usize,
    expansion: usize,
    stride: usize,
}

const fn fused(
    repeats: usize,
    filters_in: usize,
    filters_out: usize,
    expansion: usize,
    stride: usize,
) -> Stage {
    Stage { fused: true, repeats, filters_in, filters_out, expansion, stride }
}

const fn apart(
    repeats: usize,
    filters_in: usize,
    filters_out: usize,
    expansion: usize,
    stride: usize,
) -> Stage {
    Stage { fused: false, repeats, filters_in, filters_out, expansion, stride }
}

static BASE: [Stage; 6] = [
    fused(1, 32, 16, 1, 1),
    fused(2, 16, 32, 4, 2),
    fused(2, 32, 48, 4, 2),
    apart(3, 48, 96, 4, 2),
    apart(5, 96, 112, 6, 1),
    apart(8, 112, 192, 6, 2),
];
static SMALL: [Stage; 6] = [
    fused(2, 24, 24, 1, 1),
    fused(4, 24, 48, 4, 2),
    fused(4, 48, 64, 4, 2),
    apart(6, 64, 128, 4, 2),
    apart(9, 128, 160, 6, 1),
    apart(15, 160, 256, 6, 2),
];
static MIDDLE: [Stage; 7] = [
    fused(3, 24, 24, 1, 1),
    fused(5, 24, 48, 4, 2),
    fused(5, 48, 80, 4, 2),
    apart(7, 80, 160, 4, 2),
    apart(14, 160, 176, 6, 1),
    apart(18, 176, 304, 6, 2),
    apart(5, 304, 512, 6, 1),
];
static LARGE: [Stage; 7] = [
    fused(4, 32, 32, 1, 1),
    fused(7, 32, 64, 4, 2),
    fused(7, 64, 96, 4, 2),
    apart(10, 96, 192, 4, 2),
    apart(19, 192, 224, 6, 1),
    apart(25, 224, 384, 6, 2),
    apart(7, 384, 640, 6, 1),
];

/// The share of residual connections that the last block drops while training; those before it drop less.
const DROP_CONNECT: f64 = 0.2;
/// The share that the classifier drops while training.
const DROPOUT: f64 = 0.2;

struct EfficientNetV2 {
    variant: Variant,
    include_preprocessing: bool,
}

fn batch_norm(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    BatchNormalization::new().axis(3).momentum(0.9).name(name).apply(x)
}

/// A convolution with a window of 3.
fn conv(x: &KerasTensor, filters: usize, stride: usize, name: String) -> KerasTensor {
    let conv = Conv2D::new(filters, 3).strides(stride).padding("same").use_bias(false);
    conv.kernel_initializer(conv_initializer()).name(name).apply(x)
}

/// More channels, a convolution of each, excitation, fewer channels.
fn block(x: &KerasTensor, expansion: usize, filters: [usize; 2], stride: usize, prefix: &str) -> KerasTensor {
    let named = |what: &str| format!("{prefix}{what}");
    let inner = filters[0] * expansion;
    let mut y = x.clone();
    if expansion != 1 {
        y = batch_norm(&pointwise(&y, inner, named("expand_conv")), named("expand_bn"));
        y = swish(&y, named("expand_activation"));
    }
    let conv = DepthwiseConv2D::new(3).strides(stride).padding("same").use_bias(false);
    y = conv.depthwise_initializer(conv_initializer()).name(named("dwconv2")).apply(&y);
    y = swish(&batch_norm(&y, named("bn")), named("activation"));
    y = excite(&y, (filters[0] / 4).max(1), inner, prefix);
    batch_norm(&pointwise(&y, filters[1], named("project_conv")), named("project_bn"))
}

/// The same with one convolution for the first two, and without excitation.
fn fused_block(
    x: &KerasTensor,
    expansion: usize,
    filters: [usize; 2],
    stride: usize,
    prefix: &str,
) -> KerasTensor {
    let named = |what: &str| format!("{prefix}{what}");
    if expansion == 1 {
        let y = conv(x, filters[1], stride, named("project_conv"));
        return swish(&batch_norm(&y, named("project_bn")), named("project_activation"));
    }
    let y = conv(x, filters[0] * expansion, stride, named("expand_conv"));
    let y = swish(&batch_norm(&y, named("expand_bn")), named("expand_activation"));
    batch_norm(&pointwise(&y, filters[1], named("project_conv")), named("project_bn"))
}

impl EfficientNetV2 {
    fn filters(&self, filters: usize) -> usize {
        nearest_multiple(filters as f64 * self.variant.width, 8, 8)
    }

    /// Brings pixels from 0 to 255 near 0; the B's do so for each channel apart.
    fn prepared(&self, x: &KerasTensor, shape: &Shape) -> KerasTensor {
        if self.variant.name.starts_with('b') && shape.dim(-1) == Some(3) {
            let x = Rescaling::new(1.0 / 255.0).apply(x);
            let deviations: [f64; 3] = [0.229, 0.224, 0.225];
            let normalization = Normalization::new().mean([0.485, 0.456, 0.406]).axis([3]);
            normalization.variance(deviations.map(|d| d * d)).apply(&x)
        } else {
            Rescaling::new(1.0 / 128.0).offset(-1.0).apply(x)
        }
    }
}

impl Architecture for EfficientNetV2 {
    fn sizes(&self) -> (usize, usize) {
        (self.variant.size, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, shape: &Shape) -> KerasTensor {
        let mut x = if self.include_preprocessing { self.prepared(x, shape) } else { x.clone() };
        let stages = self.variant.stages;
        let first = stages.first().map_or(0, |stage| self.filters(stage.filters_in));
        x = conv(&x, first, 2, "stem_conv".into());
        x = swish(&batch_norm(&x, "stem_bn"), "stem_activation");

        // Keras counts the blocks as if the network were no deeper.
        let count: usize = stages.iter().map(|stage| stage.repeats).sum();
        let mut done = 0;
        for (i, stage) in stages.iter().enumerate() {
            let mut filters = [self.filters(stage.filters_in), self.filters(stage.filters_out)];
            let mut stride = stage.stride;
            let repeats = (self.variant.depth * stage.repeats as f64).ceil() as usize;
            for index in 0..repeats {
                let prefix = block_name(i, index);
                let make = if stage.fused { fused_block } else { block };
                let y = make(&x, stage.expansion, filters, stride, &prefix);
                let drop = DROP_CONNECT * done as f64 / count as f64;
                let is_residual = stride == 1 && filters[0] == filters[1];
                x = if is_residual { residual(&x, y, drop, &prefix) } else { y };
                (filters[0], stride, done) = (filters[1], 1, done + 1);
            }
        }
        x = batch_norm(&pointwise(&x, self.filters(1280), "top_conv"), "top_bn");
        x = swish(&x, "top_activation");
        classify(options, &x, DROPOUT, |dense| dense.bias_initializer(Constant::new().value(0.0)))
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        format!("efficientnetv2-{}", self.variant.name)
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (suffix, hash) = top(options.include_top, self.variant.hashes);
        let file = format!("efficientnetv2-{}{suffix}.h5", self.variant.name);
        Ok(Published::new("efficientnet_v2", file, hash))
    }
}
