//! Residual networks that normalize before each convolution. Keras module: `keras.applications.resnet_v2`.
//!
//! He et al., "Identity Mappings in Deep Residual Networks", 2016.
use super::declare::application;
use super::imagenet_utils::preprocessing;
use super::resnet::{ResNet, Version};

preprocessing!(Tf: "from -1 to 1");

application! {
    /// A residual network of 50 layers, version 2. Keras's `ResNet50V2`.
    ResNet50V2 = ResNet {
        name: "resnet50v2",
        blocks: [3, 4, 6, 3],
        version: Version::Two,
        hashes: ["3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"],
    };
    /// A residual network of 101 layers, version 2. Keras's `ResNet101V2`.
    ResNet101V2 = ResNet {
        name: "resnet101v2",
        blocks: [3, 4, 23, 3],
        version: Version::Two,
        hashes: ["6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"],
    };
    /// A residual network of 152 layers, version 2. Keras's `ResNet152V2`.
    ResNet152V2 = ResNet {
        name: "resnet152v2",
        blocks: [3, 8, 36, 3],
        version: Version::Two,
        hashes: ["a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"],
    };
}
