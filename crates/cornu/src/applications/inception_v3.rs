//! Inception, version 3. Keras module: `keras.applications.inception_v3`.
//!
//! Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015.
use super::blocks::{self, called};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::layers::{Activation, AveragePooling2D, BatchNormalization, Concatenate, Conv2D, MaxPooling2D};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!(Tf: "from -1 to 1");

application! {
    /// Inception, version 3. Keras's `InceptionV3`.
    InceptionV3 = Net;
}

struct Net;

/// A convolution, normalized and rectified.
struct Conv {
    filters: usize,
    window: [usize; 2],
    stride: usize,
    padding: &'static str,
}

impl Conv {
    fn apply(&self, x: &KerasTensor) -> KerasTensor {
        let conv = Conv2D::new(self.filters, self.window).strides(self.stride).padding(self.padding);
        let x = conv.use_bias(false).apply(x);
        let x = BatchNormalization::new().axis(3).scale(false).apply(&x);
        Activation::new("relu").apply(&x)
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
    convs.iter().fold(x.clone(), |x, conv| conv.apply(&x))
}

fn halved(x: &KerasTensor) -> KerasTensor {
    MaxPooling2D::new().pool_size(3).strides(2).apply(x)
}

/// Means of the neighbourhood, then `filters` mixtures of them.
fn averaged(x: &KerasTensor, filters: usize) -> KerasTensor {
    let x = AveragePooling2D::new().pool_size(3).strides(1).padding("same").apply(x);
    same(filters, 1, 1).apply(&x)
}

fn concat(branches: &[KerasTensor], name: Option<&str>) -> KerasTensor {
    called(Concatenate::new().axis(3), name).apply(branches)
}

/// Windows of 3 and 5.
fn mixed_small(x: &KerasTensor, pooled: usize, name: &str) -> KerasTensor {
    let branches = [
        same(64, 1, 1).apply(x),
        chain(x, &[same(48, 1, 1), same(64, 5, 5)]),
        chain(x, &[same(64, 1, 1), same(96, 3, 3), same(96, 3, 3)]),
        averaged(x, pooled),
    ];
    concat(&branches, Some(name))
}

/// Windows of 7, as two of one line each, with `n` channels in between.
fn mixed_seven(x: &KerasTensor, n: usize, name: &str) -> KerasTensor {
    let branches = [
        same(192, 1, 1).apply(x),
        chain(x, &[same(n, 1, 1), same(n, 1, 7), same(192, 7, 1)]),
        chain(x, &[same(n, 1, 1), same(n, 7, 1), same(n, 1, 7), same(n, 7, 1), same(192, 1, 7)]),
        averaged(x, 192),
    ];
    concat(&branches, Some(name))
}

/// Lines of 3 beside each other.
fn crossed(x: &KerasTensor, name: Option<&str>) -> KerasTensor {
    concat(&[same(384, 1, 3).apply(x), same(384, 3, 1).apply(x)], name)
}

impl Architecture for Net {
    fn sizes(&self) -> (usize, usize) {
        (299, 75)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let x = halved(&chain(x, &[valid(32, 3, 2), valid(32, 3, 1), same(64, 3, 3)]));
        let x = halved(&chain(&x, &[valid(80, 1, 1), valid(192, 3, 1)]));
        let x = mixed_small(&x, 32, "mixed0");
        let x = mixed_small(&x, 64, "mixed1");
        let x = mixed_small(&x, 64, "mixed2");
        let branches = [
            valid(384, 3, 2).apply(&x),
            chain(&x, &[same(64, 1, 1), same(96, 3, 3), valid(96, 3, 2)]),
            halved(&x),
        ];
        let mut x = concat(&branches, Some("mixed3"));
        for (i, n) in [128, 160, 160, 192].into_iter().enumerate() {
            x = mixed_seven(&x, n, &format!("mixed{}", i + 4));
        }
        let branches = [
            chain(&x, &[same(192, 1, 1), valid(320, 3, 2)]),
            chain(&x, &[same(192, 1, 1), same(192, 1, 7), same(192, 7, 1), valid(192, 3, 2)]),
            halved(&x),
        ];
        x = concat(&branches, Some("mixed8"));
        for i in 0..2 {
            let first = same(320, 1, 1).apply(&x);
            let second = crossed(&same(384, 1, 1).apply(&x), Some(&format!("mixed9_{i}")));
            let third = crossed(&chain(&x, &[same(448, 1, 1), same(384, 3, 3)]), None);
            let fourth = averaged(&x, 192);
            x = concat(&[first, second, third, fourth], Some(&format!("mixed{}", 9 + i)));
        }
        blocks::top(options, &x, Some("avg_pool"), None)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        "inception_v3".into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let hashes = ["9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"];
        let (suffix, hash) = top(options.include_top, hashes);
        let file = format!("inception_v3_weights_tf_dim_ordering_tf_kernels{suffix}.h5");
        Ok(Published::new("inception_v3", file, hash))
    }
}
