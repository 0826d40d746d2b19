//! Small handwritten digits, in the crate itself.
use super::TrainTest;
use crate::data::npz;
use cornu_graph::{Error, Result};
use std::io::Cursor;

/// Made by `tools/make_digits.py`.
static FILE: &[u8] = include_bytes!("digits.npz");

/// Images for training, about four fifths; the others are for testing.
const TRAIN: usize = 1437;

/// 1,437 images of digits for training and 360 for testing, `uint8` of shape `[n, 8, 8]` from 0 (paper) to 16 (ink), and
/// their classes, `uint8` of shape `[n]`.
///
/// They are in the order of the source, which goes from writer to writer: the last 360 are for testing. No download.
///
/// Source: the test set of *Optical Recognition of Handwritten Digits* (E. Alpaydin and C. Kaynak, UCI Machine Learning
/// Repository, 1998, <https://doi.org/10.24432/C50P49>), as scikit-learn's `load_digits` has it, under the
/// [Creative Commons Attribution 4.0 license](https://creativecommons.org/licenses/by/4.0/).
///
/// # Errors
/// None in practice: the file is part of the crate.
///
/// ```
/// let ((x_train, y_train), (x_test, _)) = cornu::datasets::digits::load_data()?;
/// assert_eq!((x_train.shape(), x_test.shape()), (&[1437, 8, 8][..], &[360, 8, 8][..]));
/// assert_eq!(y_train.as_slice::<u8>()?[..4], [0, 1, 2, 3]);
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn load_data() -> Result<TrainTest> {
    let arrays = npz::read(Cursor::new(FILE), "digits")?;
    let part = |name: &str, train: bool| {
        let missing = || Error::Format { what: "digits".into(), message: format!("has no array `{name}`") };
        let array = arrays.get(name).ok_or_else(missing)?;
        let n = array.shape().first().copied().unwrap_or(0);
        if train { array.rows(0, TRAIN) } else { array.rows(TRAIN, n) }
    };
    Ok(((part("x", true)?, part("y", true)?), (part("x", false)?, part("y", false)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        let ((x_train, y_train), (x_test, y_test)) = load_data().unwrap();
        let sum = |values: Vec<f64>| values.iter().sum::<f64>();
        assert_eq!(sum(x_train.to_f64()) + sum(x_test.to_f64()), 561_718.0);
        assert_eq!(sum(y_test.to_f64()), 1621.0);
        assert_eq!(y_train.len() + y_test.len(), 1797);
        assert_eq!(x_train.as_slice::<u8>().unwrap()[..8], [0, 0, 5, 13, 9, 1, 0, 0]);
    }
}
