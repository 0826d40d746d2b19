//! Tables of houses: numbers and what they sold for.
use super::TrainTest;
use super::source::Source;
use crate::data::npz;
use crate::utils::{RandomState, rows};
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

/// Keras's defaults.
pub(super) const TEST_SPLIT: f64 = 0.2;
pub(super) const SEED: u32 = 113;

/// A file of Keras's with `x` and `y`, its first `most` samples mixed and split as Keras does.
pub(super) fn load(name: &str, sha256: &str, most: usize, test_split: f64, seed: u32) -> Result<TrainTest> {
    if !(0.0..1.0).contains(&test_split) {
        let message = format!("must be at least 0 and less than 1, got {test_split}");
        return Err(Error::argument("test_split", message));
    }
    read(&Source::from_env().file(name, sha256)?, most, test_split, seed)
}

fn read(path: &Path, most: usize, test_split: f64, seed: u32) -> Result<TrainTest> {
    let mut arrays = npz::load(path)?;
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let mut take = |name: &str| arrays.remove(name).ok_or_else(|| bad(format!("has no array `{name}`")));
    let (x, y): (Tensor, Tensor) = (take("x")?, take("y")?);
    let (Some(&count), Some(&answers)) = (x.shape().first(), y.shape().first()) else {
        return Err(bad("holds single numbers".into()));
    };
    if count != answers {
        return Err(bad(format!("has {count} samples and {answers} answers")));
    }
    let mut order: Vec<usize> = (0..count.min(most)).collect();
    RandomState::new(seed).shuffle(&mut order);
    let (train, test) = order.split_at((order.len() as f64 * (1.0 - test_split)) as usize);
    let part = |order: &[usize]| -> Result<(Tensor, Tensor)> {
        Ok((rows(&x, order, &[order.len()])?, rows(&y, order, &[order.len()])?))
    };
    Ok((part(train)?, part(test)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_and_split_as_keras_does() {
        let path = std::env::temp_dir().join(format!("cornu-housing-{}.npz", std::process::id()));
        let x = Tensor::new([10, 1], (0..10).map(f64::from).collect::<Vec<_>>()).unwrap();
        let y = Tensor::from((0..10).map(|i| f64::from(i) * 2.0).collect::<Vec<_>>());
        npz::save(&path, &[("x", &x), ("y", &y)]).unwrap();
        let ((x_train, y_train), (x_test, _)) = read(&path, usize::MAX, 0.2, 113).unwrap();
        // numpy.random.RandomState(113).shuffle
        let order = [x_train.to_f64(), x_test.to_f64()].concat();
        assert_eq!(order, ORDER.map(f64::from));
        assert_eq!(y_train.to_f64()[0], order[0] * 2.0);
        assert_eq!(x_train.shape(), [8, 1]);
        let ((x_train, _), (x_test, _)) = read(&path, 5, 0.0, 113).unwrap();
        assert_eq!((x_train.shape(), x_test.shape()), (&[5, 1][..], &[0, 1][..]));
        std::fs::remove_file(path).unwrap();
        assert!(load("none.npz", "", 1, 1.0, 0).is_err());
    }

    const ORDER: [i32; 10] = [9, 3, 6, 1, 0, 7, 4, 8, 2, 5];
}
