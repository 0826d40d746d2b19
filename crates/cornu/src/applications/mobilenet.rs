//! MobileNet. Keras module: `keras.applications.mobilenet`.
//!
//! Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
use super::blocks::pooled;
use super::declare::{Architecture, Options, application, input_shape, square};
use super::imagenet_utils::preprocessing;
use super::weights::{Pretrained, Published};
use crate::layers::{
    Activation, BatchNormalization, Conv2D, DepthwiseConv2D, Dropout, GlobalAveragePooling2D, ReLU, Reshape,
    ZeroPadding2D,
};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::{Error, Result};

preprocessing!(Tf: "from -1 to 1");

application! {
    /// MobileNet. Keras's `MobileNet`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let model = applications::MobileNet::new().alpha(0.25).weights(None).build()?;
    /// assert_eq!((model.name(), model.count_params()?), ("mobilenet_0.25_224", 475_544));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MobileNet {
        /// Width: how many times the channels of the paper each layer has; 1 by default.
        alpha: f64 = 1.0,
        /// How many channels a depthwise convolution makes of each; 1 by default.
        depth_multiplier: usize = 1,
        /// The share that the classifier drops while training; 0.001 by default.
        dropout: f64 = 1e-3,
    } with it => Net { alpha: it.alpha, depth_multiplier: it.depth_multiplier, dropout: it.dropout }
}

struct Net {
    alpha: f64,
    depth_multiplier: usize,
    dropout: f64,
}

/// The sizes of images that there are weights for.
const SIZES: [usize; 4] = [128, 160, 192, 224];

/// Channels and stride of each block.
const BLOCKS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

fn normalized(x: &KerasTensor, name: &str) -> KerasTensor {
    let x = BatchNormalization::new().axis(-1).name(format!("{name}_bn")).apply(x);
    ReLU::new().max_value(6.0).name(format!("{name}_relu")).apply(&x)
}

impl Net {
    fn scaled(&self, filters: usize) -> usize {
        (filters as f64 * self.alpha) as usize
    }

    /// A convolution of each channel, then one across the channels.
    fn block(&self, x: &KerasTensor, block: usize, filters: usize, stride: usize) -> KerasTensor {
        let (mut x, mut padding) = (x.clone(), "same");
        if stride > 1 {
            x = ZeroPadding2D::new().padding(((0, 1), (0, 1))).name(format!("conv_pad_{block}")).apply(&x);
            padding = "valid";
        }
        let name = format!("conv_dw_{block}");
        let conv = DepthwiseConv2D::new(3).padding(padding).depth_multiplier(self.depth_multiplier);
        x = conv.strides(stride).use_bias(false).name(name.clone()).apply(&x);
        x = normalized(&x, &name);
        let name = format!("conv_pw_{block}");
        let conv = Conv2D::new(self.scaled(filters), 1).padding("same").use_bias(false);
        normalized(&conv.name(name.clone()).apply(&x), &name)
    }
}

impl Architecture for Net {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    fn input_shape(&self, options: &Options) -> Result<Shape> {
        let size = options.input_shape.as_ref().and_then(square).filter(|n| SIZES.contains(n));
        if options.weights == Pretrained::ImageNet {
            if self.depth_multiplier != 1 {
                let message = format!("must be 1 with weights \"imagenet\", got {}", self.depth_multiplier);
                return Err(Error::argument("depth_multiplier", message));
            }
            if ![0.25, 0.5, 0.75, 1.0].contains(&self.alpha) {
                let message =
                    format!("must be 0.25, 0.5, 0.75 or 1 with weights \"imagenet\", got {}", self.alpha);
                return Err(Error::argument("alpha", message));
            }
        }
        input_shape(options, size.unwrap_or(224), 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let conv = Conv2D::new(self.scaled(32), 3).padding("same").use_bias(false).strides(2);
        let mut x = normalized(&conv.name("conv1").apply(x), "conv1");
        for (i, (filters, stride)) in BLOCKS.into_iter().enumerate() {
            x = self.block(&x, i + 1, filters, stride);
        }
        if !options.include_top {
            return pooled(options, &x, None);
        }
        let x = GlobalAveragePooling2D::new().keepdims(true).apply(&x);
        let x = Dropout::new(self.dropout).name("dropout").apply(&x);
        let x = Conv2D::new(options.classes, 1).padding("same").name("conv_preds").apply(&x);
        let x = Reshape::new([options.classes as i64]).name("reshape_2").apply(&x);
        Activation::new(options.classifier_activation.clone()).name("predictions").apply(&x)
    }

    fn name(&self, options: &Options, shape: &Shape) -> String {
        format!("mobilenet_{:.2}_{}", self.alpha, rows(options, shape))
    }

    fn published(&self, options: &Options, shape: &Shape) -> Result<Published> {
        let alpha = match self.alpha {
            1.0 => "1_0",
            0.75 => "7_5",
            0.5 => "5_0",
            _ => "2_5",
        };
        let suffix = if options.include_top { "" } else { "_no_top" };
        let file = format!("mobilenet_{alpha}_{}_tf{suffix}.h5", rows(options, shape));
        Ok(Published::new("mobilenet", file, None))
    }
}

/// The height of images, in names; with weights for ImageNet the size that these are for.
fn rows(options: &Options, shape: &Shape) -> String {
    let imagenet = options.weights == Pretrained::ImageNet;
    super::declare::rows(shape, imagenet.then_some(&SIZES))
}
