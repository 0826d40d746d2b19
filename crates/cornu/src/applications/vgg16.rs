//! VGG of 16 layers. Keras module: `keras.applications.vgg16`.
//!
//! Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014.
use super::blocks::{pooled, predictions};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::layers::{Conv2D, Dense, Flatten, MaxPooling2D};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::Result;

preprocessing!(Caffe: "from RGB to BGR, each channel minus its mean on ImageNet");

application! {
    /// VGG of 16 layers. Keras's `VGG16`.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// let features = applications::VGG16::new().weights(None).include_top(false).input_shape([32, 32, 3]).build()?;
    /// assert_eq!(features.outputs()?[0].shape().to_string(), "(None, 1, 1, 512)");
    /// # Ok::<(), cornu::Error>(())
    /// ```
    VGG16 = Vgg {
        name: "vgg16",
        convolutions: [2, 2, 3, 3, 3],
        hashes: ["64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"],
    };
}

/// Blocks of convolutions with a pooling after each.
pub(super) struct Vgg {
    pub name: &'static str,
    /// How many in each block.
    pub convolutions: [usize; 5],
    pub hashes: [&'static str; 2],
}

impl Architecture for Vgg {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let mut x = x.clone();
        for (i, (count, filters)) in self.convolutions.into_iter().zip([64, 128, 256, 512, 512]).enumerate() {
            let block = format!("block{}", i + 1);
            for j in 1..=count {
                let conv = Conv2D::new(filters, 3).activation("relu").padding("same");
                x = conv.name(format!("{block}_conv{j}")).apply(&x);
            }
            x = MaxPooling2D::new().strides(2).name(format!("{block}_pool")).apply(&x);
        }
        if !options.include_top {
            return pooled(options, &x, None);
        }
        x = Flatten::new().name("flatten").apply(&x);
        for name in ["fc1", "fc2"] {
            x = Dense::new(4096).activation("relu").name(name).apply(&x);
        }
        predictions(options, &x)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        self.name.into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (suffix, hash) = top(options.include_top, self.hashes);
        let file = format!("{}_weights_tf_dim_ordering_tf_kernels{suffix}.h5", self.name);
        Ok(Published::new(self.name, file, hash))
    }
}
