//! VGG of 19 layers. Keras module: `keras.applications.vgg19`.
//!
//! Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014.
use super::declare::application;
use super::imagenet_utils::preprocessing;
use super::vgg16::Vgg;

preprocessing!(Caffe: "from RGB to BGR, each channel minus its mean on ImageNet");

application! {
    /// VGG of 19 layers. Keras's `VGG19`.
    VGG19 = Vgg {
        name: "vgg19",
        convolutions: [2, 2, 4, 4, 4],
        hashes: ["cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"],
    };
}
