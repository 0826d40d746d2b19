//! Dense networks: each layer sees all before it. Keras module: `keras.applications.densenet`.
//!
//! Huang et al., "Densely Connected Convolutional Networks", 2016.
use super::blocks::{self, POOL_NAMES, channels, relu};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::layers::{AveragePooling2D, Concatenate, Conv2D, MaxPooling2D, ZeroPadding2D};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!(Torch: "from 0 to 1, then minus the mean and divided by the deviation of each channel on ImageNet");

application! {
    /// A dense network of 121 layers. Keras's `DenseNet121`.
    DenseNet121 = DenseNet {
        name: "densenet121",
        blocks: [6, 12, 24, 16],
        hashes: ["9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"],
    };
    /// A dense network of 169 layers. Keras's `DenseNet169`.
    DenseNet169 = DenseNet {
        name: "densenet169",
        blocks: [6, 12, 32, 32],
        hashes: ["d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"],
    };
    /// A dense network of 201 layers. Keras's `DenseNet201`.
    DenseNet201 = DenseNet {
        name: "densenet201",
        blocks: [6, 12, 48, 32],
        hashes: ["1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"],
    };
}

struct DenseNet {
    name: &'static str,
    /// Layers in each block.
    blocks: [usize; 4],
    hashes: [&'static str; 2],
}

/// Channels that each layer adds.
const GROWTH: usize = 32;

fn batch_norm(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    blocks::batch_norm(x, 3, 1.001e-5, name)
}

/// A layer of a block: new channels beside all that were there.
fn layer(x: &KerasTensor, name: &str) -> KerasTensor {
    let y = relu(&batch_norm(x, format!("{name}_0_bn")), format!("{name}_0_relu"));
    let y = Conv2D::new(4 * GROWTH, 1).use_bias(false).name(format!("{name}_1_conv")).apply(&y);
    let y = relu(&batch_norm(&y, format!("{name}_1_bn")), format!("{name}_1_relu"));
    let y = Conv2D::new(GROWTH, 3).padding("same").use_bias(false).name(format!("{name}_2_conv")).apply(&y);
    Concatenate::new().axis(3).name(format!("{name}_concat")).apply([x, &y])
}

/// Half the channels, half the size.
fn transition(x: &KerasTensor, name: &str) -> KerasTensor {
    let x = relu(&batch_norm(x, format!("{name}_bn")), format!("{name}_relu"));
    let x = Conv2D::new(channels(&x) / 2, 1).use_bias(false).name(format!("{name}_conv")).apply(&x);
    AveragePooling2D::new().strides(2).name(format!("{name}_pool")).apply(&x)
}

impl Architecture for DenseNet {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let x = ZeroPadding2D::new().padding(3).apply(x);
        let x = Conv2D::new(64, 7).strides(2).use_bias(false).name("conv1_conv").apply(&x);
        let x = relu(&batch_norm(&x, "conv1_bn"), "conv1_relu");
        let x = ZeroPadding2D::new().padding(1).apply(&x);
        let mut x = MaxPooling2D::new().pool_size(3).strides(2).name("pool1").apply(&x);
        for (i, &count) in self.blocks.iter().enumerate() {
            if i > 0 {
                x = transition(&x, &format!("pool{}", i + 1));
            }
            for j in 1..=count {
                x = layer(&x, &format!("conv{}_block{j}", i + 2));
            }
        }
        let x = relu(&batch_norm(&x, "bn"), "relu");
        blocks::top(options, &x, Some("avg_pool"), POOL_NAMES)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        self.name.into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (suffix, hash) = top(options.include_top, self.hashes);
        let file = format!("{}_weights_tf_dim_ordering_tf_kernels{suffix}.h5", self.name);
        Ok(Published::new("densenet", file, hash))
    }
}
