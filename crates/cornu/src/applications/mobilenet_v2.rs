//! MobileNet, version 2. Keras module: `keras.applications.mobilenet_v2`.
//!
//! Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
use super::blocks::{self, channels, correct_pad, multiple_of_8};
use super::declare::{self, Architecture, Options, application, input_shape, square};
use super::imagenet_utils::preprocessing;
use super::weights::{Pretrained, Published};
use crate::layers::{Add, BatchNormalization, Conv2D, DepthwiseConv2D, ReLU, ZeroPadding2D};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::{Error, Result};

preprocessing!(Tf: "from -1 to 1");

application! {
    /// MobileNet, version 2. Keras's `MobileNetV2`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let net = applications::MobileNetV2::new().alpha(0.35).weights(None).include_top(false).pooling("avg");
    /// let model = net.input_shape([96, 96, 3]).build()?;
    /// assert_eq!(model.outputs()?[0].shape().to_string(), "(None, 1280)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MobileNetV2 {
        /// Width: how many times the channels of the paper each layer has; 1 by default.
        alpha: f64 = 1.0,
    } with it => Net { alpha: it.alpha }
}

struct Net {
    alpha: f64,
}

/// The sizes of images that there are weights for.
const SIZES: [usize; 5] = [96, 128, 160, 192, 224];

/// Channels, stride and expansion of each block.
const BLOCKS: [(usize, usize, usize); 17] = [
    (16, 1, 1),
    (24, 2, 6),
    (24, 1, 6),
    (32, 2, 6),
    (32, 1, 6),
    (32, 1, 6),
    (64, 2, 6),
    (64, 1, 6),
    (64, 1, 6),
    (64, 1, 6),
    (96, 1, 6),
    (96, 1, 6),
    (96, 1, 6),
    (160, 2, 6),
    (160, 1, 6),
    (160, 1, 6),
    (320, 1, 6),
];

fn batch_norm(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    BatchNormalization::new().axis(-1).epsilon(1e-3).momentum(0.999).name(name).apply(x)
}

fn relu6(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    ReLU::new().max_value(6.0).name(name).apply(x)
}

impl Net {
    /// More channels, a convolution of each, fewer channels.
    fn block(&self, x: &KerasTensor, block: usize) -> KerasTensor {
        let (filters, stride, expansion) = BLOCKS[block];
        let filters = multiple_of_8((filters as f64 * self.alpha).trunc());
        let prefix = if block == 0 { "expanded_conv_".to_string() } else { format!("block_{block}_") };
        let named = |what: &str| format!("{prefix}{what}");
        let mut y = x.clone();
        if block > 0 {
            let conv = Conv2D::new(expansion * channels(x), 1).padding("same").use_bias(false);
            y = conv.name(named("expand")).apply(&y);
            y = relu6(&batch_norm(&y, named("expand_BN")), named("expand_relu"));
        }
        if stride == 2 {
            y = ZeroPadding2D::new().padding(correct_pad(&y, 3)).name(named("pad")).apply(&y);
        }
        let padding = if stride == 1 { "same" } else { "valid" };
        let conv = DepthwiseConv2D::new(3).strides(stride).use_bias(false).padding(padding);
        y = conv.name(named("depthwise")).apply(&y);
        y = relu6(&batch_norm(&y, named("depthwise_BN")), named("depthwise_relu"));
        let conv = Conv2D::new(filters, 1).padding("same").use_bias(false);
        y = batch_norm(&conv.name(named("project")).apply(&y), named("project_BN"));
        if stride == 1 && channels(x) == filters {
            y = Add::new().name(named("add")).apply([x, &y]);
        }
        y
    }
}

impl Architecture for Net {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    fn input_shape(&self, options: &Options) -> Result<Shape> {
        let imagenet = options.weights == Pretrained::ImageNet;
        if imagenet && ![0.35, 0.5, 0.75, 1.0, 1.3, 1.4].contains(&self.alpha) {
            let message = format!(
                "must be 0.35, 0.5, 0.75, 1, 1.3 or 1.4 with weights \"imagenet\", got {}",
                self.alpha
            );
            return Err(Error::argument("alpha", message));
        }
        let of_tensor = |x: &KerasTensor| Shape(x.shape().dims().get(1..).unwrap_or_default().to_vec());
        let given = options.input_shape.clone().or_else(|| options.input_tensor.as_ref().map(of_tensor));
        let size = given.as_ref().and_then(square).filter(|n| SIZES.contains(n));
        input_shape(options, size.unwrap_or(224), 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let conv =
            Conv2D::new(multiple_of_8(32.0 * self.alpha), 3).strides(2).padding("same").use_bias(false);
        let x = relu6(&batch_norm(&conv.name("Conv1").apply(x), "bn_Conv1"), "Conv1_relu");
        let x = (0..BLOCKS.len()).fold(x, |x, block| self.block(&x, block));
        // Narrow networks do not get a narrower end.
        let last = if self.alpha > 1.0 { multiple_of_8(1280.0 * self.alpha) } else { 1280 };
        let x = Conv2D::new(last, 1).use_bias(false).name("Conv_1").apply(&x);
        let x = relu6(&batch_norm(&x, "Conv_1_bn"), "out_relu");
        blocks::top(options, &x, None, None)
    }

    fn name(&self, options: &Options, shape: &Shape) -> String {
        format!("mobilenetv2_{:.2}_{}", self.alpha, rows(options, shape))
    }

    fn published(&self, options: &Options, shape: &Shape) -> Result<Published> {
        let suffix = if options.include_top { "" } else { "_no_top" };
        let (alpha, rows) = (self.alpha, rows(options, shape));
        let file = format!("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha:?}_{rows}{suffix}.h5");
        Ok(Published::new("mobilenet_v2", file, None))
    }
}

/// The height of images, in names; with weights for ImageNet the size that these are for.
fn rows(options: &Options, shape: &Shape) -> String {
    let imagenet = options.weights == Pretrained::ImageNet;
    declare::rows(shape, imagenet.then_some(&SIZES))
}
