//! Small data sets to learn and test with. Keras module: `keras.datasets`.
//!
//! [`digits`] is part of this crate. The others are files in Keras's own cache, `~/.keras/datasets` (`KERAS_HOME` in
//! place of `~/.keras` when it is set), and are downloaded there when they are missing or damaged. Two variables of the
//! environment change that:
//!
//! - `CORNU_DATA_DIR`: the folder in place of Keras's cache. A file that is there is used as it is, without a check of
//!   its hash: it may be a part of the data set.
//! - `CORNU_DATA_URL`: the address of the folder on a server, in place of Keras's.
//!
//! Both hold for the weights of [`applications`](crate::applications), too, whose folder is `~/.keras/models`.
pub mod boston_housing;
pub mod california_housing;
mod cifar;
pub mod cifar10;
pub mod cifar100;
pub mod digits;
pub mod fashion_mnist;
mod housing;
pub mod imdb;
pub mod mnist;
pub mod reuters;
mod source;
mod words;

pub(crate) use source::Source;

use cornu_graph::Tensor;
pub(crate) use source::keras_home;
pub use words::Sequences;

/// `((x_train, y_train), (x_test, y_test))`.
pub type TrainTest = ((Tensor, Tensor), (Tensor, Tensor));
