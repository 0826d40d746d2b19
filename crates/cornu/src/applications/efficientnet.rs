//! EfficientNet: width, depth and resolution grow together. Keras module: `keras.applications.efficientnet`.
//!
//! Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019.
use super::blocks::{POOL_NAMES, correct_pad, global_average, nearest_multiple, pooled};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Pretrained, Published, top};
use crate::initializers::VarianceScaling;
use crate::layers::{
    Activation, Add, BatchNormalization, Conv2D, Dense, DepthwiseConv2D, Dropout, GlobalAveragePooling2D,
    Multiply, Normalization, Rescaling, Reshape, ZeroPadding2D,
};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!();

application! {
    /// EfficientNet B0, for images of 224x224. Keras's `EfficientNetB0`.
    EfficientNetB0 = EfficientNet {
        variant: "b0", width: 1.0, depth: 1.0, size: 224, dropout: 0.2,
        hashes: ["902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"],
    };
    /// EfficientNet B1, for images of 240x240. Keras's `EfficientNetB1`.
    EfficientNetB1 = EfficientNet {
        variant: "b1", width: 1.0, depth: 1.1, size: 240, dropout: 0.2,
        hashes: ["1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"],
    };
    /// EfficientNet B2, for images of 260x260. Keras's `EfficientNetB2`.
    EfficientNetB2 = EfficientNet {
        variant: "b2", width: 1.1, depth: 1.2, size: 260, dropout: 0.3,
        hashes: ["b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"],
    };
    /// EfficientNet B3, for images of 300x300. Keras's `EfficientNetB3`.
    EfficientNetB3 = EfficientNet {
        variant: "b3", width: 1.2, depth: 1.4, size: 300, dropout: 0.3,
        hashes: ["ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"],
    };
    /// EfficientNet B4, for images of 380x380. Keras's `EfficientNetB4`.
    EfficientNetB4 = EfficientNet {
        variant: "b4", width: 1.4, depth: 1.8, size: 380, dropout: 0.4,
        hashes: ["18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"],
    };
    /// EfficientNet B5, for images of 456x456. Keras's `EfficientNetB5`.
    EfficientNetB5 = EfficientNet {
        variant: "b5", width: 1.6, depth: 2.2, size: 456, dropout: 0.4,
        hashes: ["ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"],
    };
    /// EfficientNet B6, for images of 528x528. Keras's `EfficientNetB6`.
    EfficientNetB6 = EfficientNet {
        variant: "b6", width: 1.8, depth: 2.6, size: 528, dropout: 0.5,
        hashes: ["165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"],
    };
    /// EfficientNet B7, for images of 600x600. Keras's `EfficientNetB7`.
    EfficientNetB7 = EfficientNet {
        variant: "b7", width: 2.0, depth: 3.1, size: 600, dropout: 0.5,
        hashes: ["8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"],
    };
}

struct EfficientNet {
    variant: &'static str,
    /// How many times the channels of B0.
    width: f64,
    /// How many times the layers of B0.
    depth: f64,
    size: usize,
    dropout: f64,
    hashes: [&'static str; 2],
}

/// One kind of block of B0.
struct Blocks {
    window: usize,
    repeats: usize,
    filters_in: usize,
    filters_out: usize,
    expansion: usize,
    stride: usize,
}

const fn blocks(
    window: usize,
    repeats: usize,
    filters_in: usize,
    filters_out: usize,
    expansion: usize,
    stride: usize,
) -> Blocks {
    Blocks { window, repeats, filters_in, filters_out, expansion, stride }
}

const BLOCKS: [Blocks; 7] = [
    blocks(3, 1, 32, 16, 1, 1),
    blocks(3, 2, 16, 24, 6, 2),
    blocks(5, 2, 24, 40, 6, 2),
    blocks(3, 3, 40, 80, 6, 2),
    blocks(5, 3, 80, 112, 6, 1),
    blocks(5, 4, 112, 192, 6, 2),
    blocks(3, 1, 192, 320, 6, 1),
];

/// The share of residual connections that the last block drops while training; those before it drop less.
const DROP_CONNECT: f64 = 0.2;

/// How kernels of convolutions start.
pub(super) fn conv_initializer() -> VarianceScaling {
    VarianceScaling::new().scale(2.0).mode("fan_out").distribution("truncated_normal")
}

/// How the classifier starts.
pub(super) fn dense_initializer() -> VarianceScaling {
    VarianceScaling::new().scale(1.0 / 3.0).mode("fan_out").distribution("uniform")
}

/// A layer's block is called after its stage and its place there: `block2a_`.
pub(super) fn block_name(stage: usize, index: usize) -> String {
    format!("block{}{}_", stage + 1, char::from_u32('a' as u32 + index as u32).unwrap_or('?'))
}

pub(super) fn swish(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    Activation::new("swish").name(name).apply(x)
}

/// A convolution of single pixels.
pub(super) fn pointwise(x: &KerasTensor, filters: usize, name: impl Into<String>) -> KerasTensor {
    let conv = Conv2D::new(filters, 1).padding("same").use_bias(false);
    conv.kernel_initializer(conv_initializer()).name(name).apply(x)
}

/// Squeeze and excitation: scales each channel by a number between 0 and 1 that comes from the means of all.
pub(super) fn excite(x: &KerasTensor, inner: usize, filters: usize, prefix: &str) -> KerasTensor {
    let conv = |filters, activation: &str, what: &str| {
        let conv = Conv2D::new(filters, 1).padding("same").activation(activation);
        conv.kernel_initializer(conv_initializer()).name(format!("{prefix}se_{what}"))
    };
    let y = GlobalAveragePooling2D::new().name(format!("{prefix}se_squeeze")).apply(x);
    let y = Reshape::new([1, 1, filters as i64]).name(format!("{prefix}se_reshape")).apply(&y);
    let y = conv(inner, "swish", "reduce").apply(&y);
    let y = conv(filters, "sigmoid", "expand").apply(&y);
    Multiply::new().name(format!("{prefix}se_excite")).apply([x, &y])
}

/// Adds what a block found to what went in, dropping a share of it while training.
pub(super) fn residual(x: &KerasTensor, y: KerasTensor, drop: f64, prefix: &str) -> KerasTensor {
    let mut y = y;
    if drop > 0.0 {
        let noise = [None, Some(1), Some(1), Some(1)];
        y = Dropout::new(drop).noise_shape(noise).name(format!("{prefix}drop")).apply(&y);
    }
    Add::new().name(format!("{prefix}add")).apply([&y, x])
}

/// The classifier with dropout before it, or what `pooling` says.
pub(super) fn classify(
    options: &Options,
    x: &KerasTensor,
    dropout: f64,
    classifier: impl Fn(Dense) -> Dense,
) -> KerasTensor {
    if !options.include_top {
        return pooled(options, x, POOL_NAMES);
    }
    let x = global_average(x, Some("avg_pool"));
    let x = Dropout::new(dropout).name("top_dropout").apply(&x);
    let dense = Dense::new(options.classes).activation(options.classifier_activation.clone());
    classifier(dense.kernel_initializer(dense_initializer())).name("predictions").apply(&x)
}

fn batch_norm(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    BatchNormalization::new().axis(3).name(name).apply(x)
}

impl EfficientNet {
    fn filters(&self, filters: usize) -> usize {
        let wanted = filters as f64 * self.width;
        let near = nearest_multiple(wanted, 8, 8);
        if (near as f64) < 0.9 * wanted { near + 8 } else { near }
    }

    fn repeats(&self, repeats: usize) -> usize {
        (self.depth * repeats as f64).ceil() as usize
    }

    /// More channels, a convolution of each, excitation, fewer channels. `filters` are those that come in and go out.
    fn block(
        &self,
        x: &KerasTensor,
        of: &Blocks,
        filters: [usize; 2],
        stride: usize,
        drop: f64,
        prefix: &str,
    ) -> KerasTensor {
        let [filters_in, filters_out] = filters;
        let named = |what: &str| format!("{prefix}{what}");
        let inner = filters_in * of.expansion;
        let mut y = x.clone();
        if of.expansion != 1 {
            y = batch_norm(&pointwise(&y, inner, named("expand_conv")), named("expand_bn"));
            y = swish(&y, named("expand_activation"));
        }
        let mut padding = "same";
        if stride == 2 {
            let zeros = correct_pad(&y, of.window);
            y = ZeroPadding2D::new().padding(zeros).name(named("dwconv_pad")).apply(&y);
            padding = "valid";
        }
        let conv = DepthwiseConv2D::new(of.window).strides(stride).padding(padding).use_bias(false);
        y = conv.depthwise_initializer(conv_initializer()).name(named("dwconv")).apply(&y);
        y = swish(&batch_norm(&y, named("bn")), named("activation"));
        y = excite(&y, (filters_in / 4).max(1), inner, prefix);
        y = batch_norm(&pointwise(&y, filters_out, named("project_conv")), named("project_bn"));
        if stride == 1 && filters_in == filters_out { residual(x, y, drop, prefix) } else { y }
    }
}

impl Architecture for EfficientNet {
    fn sizes(&self) -> (usize, usize) {
        (self.size, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let mut x = Rescaling::new(1.0 / 255.0).apply(x);
        x = Normalization::new().axis([3]).apply(&x);
        if options.weights == Pretrained::ImageNet {
            // The weights come from a network that divided by the variance, where the layer before divides by its root.
            let deviations: [f64; 3] = [0.229, 0.224, 0.225];
            x = Rescaling::new(deviations.map(|d| 1.0 / d.sqrt())).apply(&x);
        }
        let zeros = correct_pad(&x, 3);
        x = ZeroPadding2D::new().padding(zeros).name("stem_conv_pad").apply(&x);
        let conv = Conv2D::new(self.filters(32), 3).strides(2).use_bias(false);
        x = conv.kernel_initializer(conv_initializer()).name("stem_conv").apply(&x);
        x = swish(&batch_norm(&x, "stem_bn"), "stem_activation");

        let count: usize = BLOCKS.iter().map(|b| self.repeats(b.repeats)).sum();
        let mut done = 0;
        for (stage, of) in BLOCKS.iter().enumerate() {
            let (mut filters, mut stride) =
                ([self.filters(of.filters_in), self.filters(of.filters_out)], of.stride);
            for index in 0..self.repeats(of.repeats) {
                let drop = DROP_CONNECT * done as f64 / count as f64;
                x = self.block(&x, of, filters, stride, drop, &block_name(stage, index));
                (filters[0], stride, done) = (filters[1], 1, done + 1);
            }
        }
        x = batch_norm(&pointwise(&x, self.filters(1280), "top_conv"), "top_bn");
        x = swish(&x, "top_activation");
        classify(options, &x, self.dropout, |dense| dense)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        format!("efficientnet{}", self.variant)
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (suffix, hash) = top(options.include_top, self.hashes);
        Ok(Published::new("", format!("efficientnet{}{suffix}.h5", self.variant), hash))
    }
}
