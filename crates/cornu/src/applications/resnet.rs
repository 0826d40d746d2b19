//! Residual networks. Keras modules: `keras.applications.resnet` and `keras.applications.resnet50`.
//!
//! He et al., "Deep Residual Learning for Image Recognition", 2015.
use super::blocks::{self, POOL_NAMES, relu};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::layers::{Add, Conv2D, MaxPooling2D, ZeroPadding2D};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!(Caffe: "from RGB to BGR, each channel minus its mean on ImageNet");

application! {
    /// A residual network of 50 layers. Keras's `ResNet50`.
    ResNet50 = ResNet {
        name: "resnet50",
        blocks: [3, 4, 6, 3],
        version: Version::One,
        hashes: ["2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"],
    };
    /// A residual network of 101 layers. Keras's `ResNet101`.
    ResNet101 = ResNet {
        name: "resnet101",
        blocks: [3, 4, 23, 3],
        version: Version::One,
        hashes: ["f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"],
    };
    /// A residual network of 152 layers. Keras's `ResNet152`.
    ResNet152 = ResNet {
        name: "resnet152",
        blocks: [3, 8, 36, 3],
        version: Version::One,
        hashes: ["100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"],
    };
}

/// Four stacks of residual blocks.
pub(super) struct ResNet {
    pub name: &'static str,
    /// Blocks in each stack.
    pub blocks: [usize; 4],
    pub version: Version,
    pub hashes: [&'static str; 2],
}

/// Whether a block normalizes what comes out of its convolutions, or what goes in.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Version {
    One,
    Two,
}

fn batch_norm(x: &KerasTensor, name: impl Into<String>) -> KerasTensor {
    blocks::batch_norm(x, 3, 1.001e-5, name)
}

fn normalized_relu(x: &KerasTensor, name: &str) -> KerasTensor {
    relu(&batch_norm(x, format!("{name}_bn")), format!("{name}_relu"))
}

/// A block of version 1; `widens` if what goes around it must change, too.
fn block_v1(x: &KerasTensor, filters: usize, stride: usize, widens: bool, name: &str) -> KerasTensor {
    let shortcut = if widens {
        let shortcut = Conv2D::new(4 * filters, 1).strides(stride).name(format!("{name}_0_conv")).apply(x);
        batch_norm(&shortcut, format!("{name}_0_bn"))
    } else {
        x.clone()
    };
    let y = Conv2D::new(filters, 1).strides(stride).name(format!("{name}_1_conv")).apply(x);
    let y = normalized_relu(&y, &format!("{name}_1"));
    let y = Conv2D::new(filters, 3).padding("same").name(format!("{name}_2_conv")).apply(&y);
    let y = normalized_relu(&y, &format!("{name}_2"));
    let y = Conv2D::new(4 * filters, 1).name(format!("{name}_3_conv")).apply(&y);
    let y = batch_norm(&y, format!("{name}_3_bn"));
    let y = Add::new().name(format!("{name}_add")).apply([&shortcut, &y]);
    relu(&y, format!("{name}_out"))
}

/// A block of version 2.
fn block_v2(x: &KerasTensor, filters: usize, stride: usize, widens: bool, name: &str) -> KerasTensor {
    let before = normalized_relu(x, &format!("{name}_preact"));
    let shortcut = if widens {
        Conv2D::new(4 * filters, 1).strides(stride).name(format!("{name}_0_conv")).apply(&before)
    } else if stride > 1 {
        MaxPooling2D::new().pool_size(1).strides(stride).apply(x)
    } else {
        x.clone()
    };
    let y = Conv2D::new(filters, 1).use_bias(false).name(format!("{name}_1_conv")).apply(&before);
    let y = normalized_relu(&y, &format!("{name}_1"));
    let y = ZeroPadding2D::new().padding(1).name(format!("{name}_2_pad")).apply(&y);
    let conv = Conv2D::new(filters, 3).strides(stride).use_bias(false);
    let y = conv.name(format!("{name}_2_conv")).apply(&y);
    let y = normalized_relu(&y, &format!("{name}_2"));
    let y = Conv2D::new(4 * filters, 1).name(format!("{name}_3_conv")).apply(&y);
    Add::new().name(format!("{name}_out")).apply([&shortcut, &y])
}

impl ResNet {
    /// A stack; version 1 halves the image in its first block, version 2 in its last.
    fn stack(&self, x: &KerasTensor, stack: usize, filters: usize) -> KerasTensor {
        let count = self.blocks[stack];
        let mut x = x.clone();
        for i in 1..=count {
            let name = format!("conv{}_block{i}", stack + 2);
            x = match self.version {
                Version::One => {
                    let stride = if i == 1 && stack > 0 { 2 } else { 1 };
                    block_v1(&x, filters, stride, i == 1, &name)
                }
                Version::Two => {
                    let stride = if i == count && stack < 3 { 2 } else { 1 };
                    block_v2(&x, filters, stride, i == 1, &name)
                }
            };
        }
        x
    }
}

impl Architecture for ResNet {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let x = ZeroPadding2D::new().padding(3).name("conv1_pad").apply(x);
        let mut x = Conv2D::new(64, 7).strides(2).name("conv1_conv").apply(&x);
        if self.version == Version::One {
            x = normalized_relu(&x, "conv1");
        }
        x = ZeroPadding2D::new().padding(1).name("pool1_pad").apply(&x);
        x = MaxPooling2D::new().pool_size(3).strides(2).name("pool1_pool").apply(&x);
        for (stack, filters) in [64, 128, 256, 512].into_iter().enumerate() {
            x = self.stack(&x, stack, filters);
        }
        if self.version == Version::Two {
            x = normalized_relu(&x, "post");
        }
        blocks::top(options, &x, Some("avg_pool"), POOL_NAMES)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        self.name.into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (suffix, hash) = top(options.include_top, self.hashes);
        let file = format!("{}_weights_tf_dim_ordering_tf_kernels{suffix}.h5", self.name);
        Ok(Published::new("resnet", file, hash))
    }
}
