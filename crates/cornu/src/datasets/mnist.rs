//! Handwritten digits, the classic. Keras module: `keras.datasets.mnist`.
use super::TrainTest;
use super::source::Source;
use crate::data::npz;
use cornu_graph::{Error, Result, Tensor};

/// Keras's published hash of `mnist.npz`.
const SHA256: &str = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1";

/// 60,000 images of digits for training and 10,000 for testing, `uint8` of shape `[n, 28, 28]` from 0 (paper) to 255
/// (ink), and their classes, `uint8` of shape `[n]`.
///
/// Reads Keras's `mnist.npz`; see [the module above](super) for where from. Yann LeCun and Corinna Cortes hold the
/// copyright of MNIST, which derives from NIST's data sets, under the
/// [Creative Commons Attribution-Share Alike 3.0 license](https://creativecommons.org/licenses/by-sa/3.0/).
///
/// # Errors
/// When the file is not there and cannot be downloaded, or is not what it should be.
///
/// ```no_run
/// let ((x_train, y_train), (x_test, y_test)) = cornu::datasets::mnist::load_data()?;
/// assert_eq!((x_train.shape(), y_test.shape()), (&[60_000, 28, 28][..], &[10_000][..]));
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn load_data() -> Result<TrainTest> {
    let path = Source::from_env().file("mnist.npz", SHA256)?;
    let mut arrays = npz::load(&path)?;
    let mut take = |name: &str| -> Result<Tensor> {
        arrays.remove(name).ok_or_else(|| Error::Format {
            what: path.display().to_string(),
            message: format!("has no array `{name}`"),
        })
    };
    Ok(((take("x_train")?, take("y_train")?), (take("x_test")?, take("y_test")?)))
}
