//! Inception with residual connections, version 2. Keras module: `keras.applications.inception_resnet_v2`.
//!
//! Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016.
use super::blocks::{self, called, channels};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::layers::prelude::*;
use crate::layers::{
    Activation as ActivationLayer, AveragePooling2D, BatchNormalization, Concatenate, Conv2D, MaxPooling2D,
};
use crate::models::{Apply, KerasTensor};

preprocessing!(Tf: "from -1 to 1");

application! {
    /// Inception with residual connections, version 2. Keras's `InceptionResNetV2`.
    InceptionResNetV2 = Net;
}

struct Net;

/// The first input plus `scale` times the second. The layer that Keras's `InceptionResNetV2` brings along.
#[layer("keras.src.applications.inception_resnet_v2")]
pub struct CustomScaleLayer {
    /// How much the second input counts.
    pub scale: f64,
}

impl Layer for CustomScaleLayer {
    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
        Some(serde_json::json!({"input_shape": inputs}))
    }

    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        match inputs {
            [x, residual] => Ok(vec![x + residual * self.scale]),
            _ => Err(Error::argument("inputs", format!("takes two inputs, got {}", inputs.len()))),
        }
    }
}

/// A convolution without a bias, normalized and rectified.
struct Conv {
    filters: usize,
    window: [usize; 2],
    stride: usize,
    padding: &'static str,
}

impl Conv {
    fn apply(&self, x: &KerasTensor, name: Option<&str>) -> KerasTensor {
        let conv = Conv2D::new(self.filters, self.window).strides(self.stride).padding(self.padding);
        let with = |suffix: &str| name.map(|name| format!("{name}_{suffix}"));
        let x = called(conv.use_bias(false), name).apply(x);
        let x = called(BatchNormalization::new().axis(3).scale(false), with("bn").as_deref()).apply(&x);
        called(ActivationLayer::new("relu"), with("ac").as_deref()).apply(&x)
    }
}

/// With a window of this height and width that keeps the size of the image.
fn same(filters: usize, height: usize, width: usize) -> Conv {
    Conv { filters, window: [height, width], stride: 1, padding: "same" }
}

/// With a square window that stays within the image.
fn valid(filters: usize, size: usize, stride: usize) -> Conv {
    Conv { filters, window: [size, size], stride, padding: "valid" }
}

/// One after the other.
fn chain(x: &KerasTensor, convs: &[Conv]) -> KerasTensor {
    convs.iter().fold(x.clone(), |x, conv| conv.apply(&x, None))
}

fn halved(x: &KerasTensor) -> KerasTensor {
    MaxPooling2D::new().pool_size(3).strides(2).apply(x)
}

fn concat(branches: &[KerasTensor], name: &str) -> KerasTensor {
    Concatenate::new().axis(3).name(name).apply(branches)
}

/// Adds what the branches found to `x`, scaled.
fn residual(x: &KerasTensor, branches: &[KerasTensor], scale: f64, name: &str) -> KerasTensor {
    let mixed = concat(branches, &format!("{name}_mixed"));
    let up = Conv2D::new(channels(x), 1).padding("same").name(format!("{name}_conv")).apply(&mixed);
    CustomScaleLayer::new(scale).apply([x, &up])
}

fn rectified(x: &KerasTensor, name: &str) -> KerasTensor {
    ActivationLayer::new("relu").name(format!("{name}_ac")).apply(x)
}

fn block35(x: &KerasTensor, index: usize) -> KerasTensor {
    let branches = [
        chain(x, &[same(32, 1, 1)]),
        chain(x, &[same(32, 1, 1), same(32, 3, 3)]),
        chain(x, &[same(32, 1, 1), same(48, 3, 3), same(64, 3, 3)]),
    ];
    let name = format!("block35_{index}");
    rectified(&residual(x, &branches, 0.17, &name), &name)
}

fn block17(x: &KerasTensor, index: usize) -> KerasTensor {
    let branches =
        [chain(x, &[same(192, 1, 1)]), chain(x, &[same(128, 1, 1), same(160, 1, 7), same(192, 7, 1)])];
    let name = format!("block17_{index}");
    rectified(&residual(x, &branches, 0.1, &name), &name)
}

fn block8(x: &KerasTensor, index: usize) -> KerasTensor {
    let branches =
        [chain(x, &[same(192, 1, 1)]), chain(x, &[same(192, 1, 1), same(224, 1, 3), same(256, 3, 1)])];
    let name = format!("block8_{index}");
    // The last one is neither scaled nor rectified.
    match index {
        10 => residual(x, &branches, 1.0, &name),
        _ => rectified(&residual(x, &branches, 0.2, &name), &name),
    }
}

impl Architecture for Net {
    fn sizes(&self) -> (usize, usize) {
        (299, 75)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let x = halved(&chain(x, &[valid(32, 3, 2), valid(32, 3, 1), same(64, 3, 3)]));
        let x = halved(&chain(&x, &[valid(80, 1, 1), valid(192, 3, 1)]));

        let branches = [
            chain(&x, &[same(96, 1, 1)]),
            chain(&x, &[same(48, 1, 1), same(64, 5, 5)]),
            chain(&x, &[same(64, 1, 1), same(96, 3, 3), same(96, 3, 3)]),
            chain(
                &AveragePooling2D::new().pool_size(3).strides(1).padding("same").apply(&x),
                &[same(64, 1, 1)],
            ),
        ];
        let x = (1..=10).fold(concat(&branches, "mixed_5b"), |x, i| block35(&x, i));

        let branches = [
            chain(&x, &[valid(384, 3, 2)]),
            chain(&x, &[same(256, 1, 1), same(256, 3, 3), valid(384, 3, 2)]),
            halved(&x),
        ];
        let x = (1..=20).fold(concat(&branches, "mixed_6a"), |x, i| block17(&x, i));

        let branches = [
            chain(&x, &[same(256, 1, 1), valid(384, 3, 2)]),
            chain(&x, &[same(256, 1, 1), valid(288, 3, 2)]),
            chain(&x, &[same(256, 1, 1), same(288, 3, 3), valid(320, 3, 2)]),
            halved(&x),
        ];
        let x = (1..=10).fold(concat(&branches, "mixed_7a"), |x, i| block8(&x, i));

        let x = same(1536, 1, 1).apply(&x, Some("conv_7b"));
        blocks::top(options, &x, Some("avg_pool"), None)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        "inception_resnet_v2".into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let hashes = ["e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"];
        let (suffix, hash) = top(options.include_top, hashes);
        let file = format!("inception_resnet_v2_weights_tf_dim_ordering_tf_kernels{suffix}.h5");
        Ok(Published::new("inception_resnet_v2", file, hash))
    }
}
