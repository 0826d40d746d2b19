//! MobileNet, version 3. Keras module: `keras.applications.mobilenet_v3`.
//!
//! Howard et al., "Searching for MobileNetV3", 2019.
use super::blocks::{POOL_NAMES, channels, correct_pad, multiple_of_8, pooled};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Pretrained, Published};
use crate::layers::{
    Activation, Add, BatchNormalization, Conv2D, DepthwiseConv2D, Dropout, Flatten, GlobalAveragePooling2D,
    Multiply, ReLU, Rescaling, ZeroPadding2D,
};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::{Error, Result};

preprocessing!();

/// Declares one of the two, with the arguments that both have.
macro_rules! mobilenet_v3 {
    ($(#[$doc:meta])* $Name:ident = $size:expr) => {
        application! {
            $(#[$doc])*
            $Name {
                /// Width: how many times the channels of the paper each layer has; 1 by default.
                alpha: f64 = 1.0,
                /// Whether to do without what some hardware is slow at: large windows, squeezing, hard swish. False by
                /// default.
                minimalistic: bool = false,
                /// The share that the classifier drops while training; 0.2 by default.
                dropout_rate: f64 = 0.2,
                /// Whether the network itself brings pixels from 0 to 255 to the range from -1 to 1; true by default.
                include_preprocessing: bool = true,
            } with it => Net {
                size: $size,
                alpha: it.alpha,
                minimalistic: it.minimalistic,
                dropout_rate: it.dropout_rate,
                include_preprocessing: it.include_preprocessing,
            }
        }
    };
}

mobilenet_v3! {
    /// The small MobileNet, version 3. Keras's `MobileNetV3Small`.
    MobileNetV3Small = &SMALL
}
mobilenet_v3! {
    /// The large MobileNet, version 3. Keras's `MobileNetV3Large`.
    MobileNetV3Large = &LARGE
}

/// What small and large differ in.
struct Size {
    /// Keras's name of the model.
    name: &'static str,
    /// The name within those of files.
    kind: &'static str,
    blocks: &'static [Block],
    /// Channels of the last features.
    last: usize,
    /// Hashes of the files for widths 0.75 and 1, and for the minimalistic network: with and without the top.
    hashes: [[&'static str; 2]; 3],
}

/// One block. Of windows of 5, squeezing and hard swish, a minimalistic network has none.
struct Block {
    expansion: f64,
    filters: usize,
    window: usize,
    stride: usize,
    squeezes: bool,
    swishes: bool,
}

const fn block(
    expansion: f64,
    filters: usize,
    window: usize,
    stride: usize,
    squeezes: bool,
    swishes: bool,
) -> Block {
    Block { expansion, filters, window, stride, squeezes, swishes }
}

static SMALL: Size = Size {
    name: "MobileNetV3Small",
    kind: "small",
    blocks: &[
        block(1.0, 16, 3, 2, true, false),
        block(72.0 / 16.0, 24, 3, 2, false, false),
        block(88.0 / 24.0, 24, 3, 1, false, false),
        block(4.0, 40, 5, 2, true, true),
        block(6.0, 40, 5, 1, true, true),
        block(6.0, 40, 5, 1, true, true),
        block(3.0, 48, 5, 1, true, true),
        block(3.0, 48, 5, 1, true, true),
        block(6.0, 96, 5, 2, true, true),
        block(6.0, 96, 5, 1, true, true),
        block(6.0, 96, 5, 1, true, true),
    ],
    last: 1024,
    hashes: [
        ["cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"],
        ["8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"],
        ["99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"],
    ],
};

static LARGE: Size = Size {
    name: "MobileNetV3Large",
    kind: "large",
    blocks: &[
        block(1.0, 16, 3, 1, false, false),
        block(4.0, 24, 3, 2, false, false),
        block(3.0, 24, 3, 1, false, false),
        block(3.0, 40, 5, 2, true, false),
        block(3.0, 40, 5, 1, true, false),
        block(3.0, 40, 5, 1, true, false),
        block(6.0, 80, 3, 2, false, true),
        block(2.5, 80, 3, 1, false, true),
        block(2.3, 80, 3, 1, false, true),
        block(2.3, 80, 3, 1, false, true),
        block(6.0, 112, 3, 1, true, true),
        block(6.0, 112, 3, 1, true, true),
        block(6.0, 160, 5, 2, true, true),
        block(6.0, 160, 5, 1, true, true),
        block(6.0, 160, 5, 1, true, true),
    ],
    last: 1280,
    hashes: [
        ["765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"],
        ["59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"],
        ["675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"],
    ],
};

struct Net {
    size: &'static Size,
    alpha: f64,
    minimalistic: bool,
    dropout_rate: f64,
    include_preprocessing: bool,
}

fn batch_norm(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    BatchNormalization::new().axis(-1).epsilon(1e-3).momentum(0.999).name(name).apply(x)
}

/// Scales each channel by a number between 0 and 1 that comes from the means of all.
fn squeeze(x: &KerasTensor, filters: usize, prefix: &str) -> KerasTensor {
    let named = |what: &str| format!("{prefix}squeeze_excite_{what}");
    let y = GlobalAveragePooling2D::new().keepdims(true).name(named("avg_pool")).apply(x);
    let inner = multiple_of_8(filters as f64 * 0.25);
    let y = Conv2D::new(inner, 1).padding("same").name(named("conv")).apply(&y);
    let y = ReLU::new().name(named("relu")).apply(&y);
    let y = Conv2D::new(filters, 1).padding("same").name(named("conv_1")).apply(&y);
    let y = ReLU::new().max_value(6.0).apply(&(y + 3.0)) * (1.0 / 6.0);
    Multiply::new().name(named("mul")).apply([x, &y])
}

impl Net {
    fn activation(&self, x: &KerasTensor, swishes: bool) -> KerasTensor {
        if swishes && !self.minimalistic {
            Activation::new("hard_swish").apply(x)
        } else {
            ReLU::new().apply(x)
        }
    }

    fn block(&self, x: &KerasTensor, index: usize) -> KerasTensor {
        let block = &self.size.blocks[index];
        let filters = multiple_of_8(block.filters as f64 * self.alpha);
        let window = if self.minimalistic { 3 } else { block.window };
        let inner = multiple_of_8(channels(x) as f64 * block.expansion);
        let prefix = match index {
            0 => "expanded_conv_".to_string(),
            i => format!("expanded_conv_{i}_"),
        };
        let named = |what: &str| format!("{prefix}{what}");
        let mut y = x.clone();
        if index > 0 {
            y = Conv2D::new(inner, 1).padding("same").use_bias(false).name(named("expand")).apply(&y);
            y = self.activation(&batch_norm(&y, named("expand_bn")), block.swishes);
        }
        if block.stride == 2 {
            let padding = correct_pad(&y, window);
            y = ZeroPadding2D::new().padding(padding).name(named("depthwise_pad")).apply(&y);
        }
        let padding = if block.stride == 1 { "same" } else { "valid" };
        let conv = DepthwiseConv2D::new(window).strides(block.stride).padding(padding).use_bias(false);
        y = conv.name(named("depthwise")).apply(&y);
        y = self.activation(&batch_norm(&y, named("depthwise_bn")), block.swishes);
        if block.squeezes && !self.minimalistic {
            y = squeeze(&y, inner, &prefix);
        }
        y = Conv2D::new(filters, 1).padding("same").use_bias(false).name(named("project")).apply(&y);
        y = batch_norm(&y, named("project_bn"));
        if block.stride == 1 && channels(x) == filters {
            y = Add::new().name(named("add")).apply([x, &y]);
        }
        y
    }
}

impl Architecture for Net {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    /// Of this family the classifier, too, takes images of any size.
    fn input_shape(&self, options: &Options) -> Result<Shape> {
        if options.weights == Pretrained::ImageNet {
            let known: &[f64] = if self.minimalistic { &[1.0] } else { &[0.75, 1.0] };
            if !known.contains(&self.alpha) {
                let message = format!(
                    "must be 0.75 or 1, for minimalistic networks 1, with weights \"imagenet\", got {}",
                    self.alpha
                );
                return Err(Error::argument("alpha", message));
            }
        }
        let shape = match (&options.input_shape, &options.input_tensor) {
            (Some(shape), _) => shape.clone(),
            (None, Some(x)) => Shape(x.shape().dims().get(1..).unwrap_or_default().to_vec()),
            (None, None) => Shape(vec![None, None, Some(3)]),
        };
        let bad = |message: String| Err(Error::argument("input_shape", message));
        match *shape.dims() {
            [Some(height), Some(width), _] if height < 32 || width < 32 => {
                bad(format!("must be at least 32x32, got {shape}"))
            }
            [_, _, _] => Ok(shape),
            _ => bad(format!("must be of three sizes: height, width and channels, got {shape}")),
        }
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let mut x = x.clone();
        if self.include_preprocessing {
            x = Rescaling::new(1.0 / 127.5).offset(-1.0).apply(&x);
        }
        x = Conv2D::new(16, 3).strides(2).padding("same").use_bias(false).name("conv").apply(&x);
        x = self.activation(&batch_norm(&x, "conv_bn"), true);
        x = (0..self.size.blocks.len()).fold(x, |x, i| self.block(&x, i));
        let filters = multiple_of_8(channels(&x) as f64 * 6.0);
        x = Conv2D::new(filters, 1).padding("same").use_bias(false).name("conv_1").apply(&x);
        x = self.activation(&batch_norm(&x, "conv_1_bn"), true);
        if !options.include_top {
            return pooled(options, &x, POOL_NAMES);
        }
        let last = match self.size.last {
            last if self.alpha > 1.0 => multiple_of_8(last as f64 * self.alpha),
            last => last,
        };
        x = GlobalAveragePooling2D::new().keepdims(true).apply(&x);
        x = Conv2D::new(last, 1).padding("same").name("conv_2").apply(&x);
        x = self.activation(&x, true);
        if self.dropout_rate > 0.0 {
            x = Dropout::new(self.dropout_rate).apply(&x);
        }
        x = Conv2D::new(options.classes, 1).padding("same").name("logits").apply(&x);
        x = Flatten::new().apply(&x);
        Activation::new(options.classifier_activation.clone()).name("predictions").apply(&x)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        self.size.name.into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (kind, minimalistic) = (self.size.kind, if self.minimalistic { "_minimalistic" } else { "" });
        let of_kind = if self.minimalistic { 2 } else { usize::from(self.alpha == 1.0) };
        let [with_top, without] = self.size.hashes[of_kind];
        let (suffix, hash) = if options.include_top { ("", with_top) } else { ("_no_top_v2", without) };
        let file = format!("weights_mobilenet_v3_{kind}{minimalistic}_224_{:?}_float{suffix}.h5", self.alpha);
        Ok(Published::new("mobilenet_v3", file, hash))
    }
}
