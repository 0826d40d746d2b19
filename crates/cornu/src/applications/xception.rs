//! Xception: separable convolutions. Keras module: `keras.applications.xception`.
//!
//! Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2016.
use super::blocks::{self, called, relu};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::layers::{Add, BatchNormalization, Conv2D, MaxPooling2D, SeparableConv2D};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!(Tf: "from -1 to 1");

application! {
    /// Xception. Keras's `Xception`.
    Xception = Net;
}

struct Net;

fn batch_norm(x: &KerasTensor, name: Option<&str>) -> KerasTensor {
    called(BatchNormalization::new().axis(-1), name).apply(x)
}

/// A convolution, normalized and rectified.
fn conv(x: &KerasTensor, filters: usize, stride: usize, name: &str) -> KerasTensor {
    let x = Conv2D::new(filters, 3).strides(stride).use_bias(false).name(name).apply(x);
    relu(&batch_norm(&x, Some(&format!("{name}_bn"))), format!("{name}_act"))
}

/// A separable convolution, normalized.
fn separable(x: &KerasTensor, filters: usize, name: &str) -> KerasTensor {
    let x = SeparableConv2D::new(filters, 3).padding("same").use_bias(false).name(name).apply(x);
    batch_norm(&x, Some(&format!("{name}_bn")))
}

/// Two separable convolutions that halve the image, and a way around them.
fn entry(x: &KerasTensor, block: usize, filters: [usize; 2]) -> KerasTensor {
    let around = Conv2D::new(filters[1], 1).strides(2).padding("same").use_bias(false).apply(x);
    let around = batch_norm(&around, None);
    let mut y = x.clone();
    for (i, filters) in filters.into_iter().enumerate() {
        let name = format!("block{block}_sepconv{}", i + 1);
        // The first of these comes rectified.
        if block > 2 || i > 0 {
            y = relu(&y, format!("{name}_act"));
        }
        y = separable(&y, filters, &name);
    }
    let pool = MaxPooling2D::new().pool_size(3).strides(2).padding("same");
    let y = pool.name(format!("block{block}_pool")).apply(&y);
    Add::new().apply([&y, &around])
}

impl Architecture for Net {
    fn sizes(&self) -> (usize, usize) {
        (299, 71)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let x = conv(x, 32, 2, "block1_conv1");
        let mut x = conv(&x, 64, 1, "block1_conv2");
        for (block, filters) in [(2, 128), (3, 256), (4, 728)] {
            x = entry(&x, block, [filters, filters]);
        }
        for block in 5..=12 {
            let mut y = x.clone();
            for i in 1..=3 {
                let name = format!("block{block}_sepconv{i}");
                y = separable(&relu(&y, format!("{name}_act")), 728, &name);
            }
            x = Add::new().apply([&y, &x]);
        }
        x = entry(&x, 13, [728, 1024]);
        for (name, filters) in [("block14_sepconv1", 1536), ("block14_sepconv2", 2048)] {
            x = relu(&separable(&x, filters, name), format!("{name}_act"));
        }
        blocks::top(options, &x, Some("avg_pool"), None)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        "xception".into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let hashes = ["0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"];
        let (suffix, hash) = top(options.include_top, hashes);
        Ok(Published::new(
            "xception",
            format!("xception_weights_tf_dim_ordering_tf_kernels{suffix}.h5"),
            hash,
        ))
    }
}
