//! Small pictures of ten kinds of things. Keras module: `keras.datasets.cifar10`.
use super::source::{Source, Unpacked};
use super::{TrainTest, cifar};
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

/// Keras's published hash of the archive.
const ARCHIVE: Unpacked = Unpacked {
    folder: "cifar-10-batches-py-target",
    within: "cifar-10-batches-py",
    url: "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    sha256: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    files: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"],
};

/// 50,000 pictures for training and 10,000 for testing, `uint8` of shape `[n, 32, 32, 3]`, and their classes, `uint8` of shape
/// `[n, 1]`: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.
///
/// The archive is that of Keras; see [the module above](super) for where it is looked for. A. Krizhevsky, *Learning Multiple
/// Layers of Features from Tiny Images* (2009).
///
/// # Errors
/// When it is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<TrainTest> {
    read(&Source::from_env().unpacked(&ARCHIVE)?)
}

fn read(folder: &Path) -> Result<TrainTest> {
    let part = |files: &[&str]| -> Result<(Tensor, Tensor)> {
        let (mut pictures, mut classes) = (vec![], vec![]);
        for file in files {
            let path = folder.join(file);
            let (x, labels) = cifar::read(&path, "labels")?;
            let bad = |_| Error::Format {
                what: path.display().to_string(),
                message: "has a class above 255".into(),
            };
            classes
                .extend(labels.into_iter().map(u8::try_from).collect::<Result<Vec<u8>, _>>().map_err(bad)?);
            pictures.extend_from_slice(x.as_slice::<u8>()?);
        }
        let count = classes.len();
        Ok((Tensor::new([count, 32, 32, 3], pictures)?, Tensor::new([count, 1], classes)?))
    };
    let (train, test) = ARCHIVE.files.split_at(5);
    Ok((part(train)?, part(test)?))
}

#[cfg(test)]
mod tests {
    use super::super::source::testing;
    use super::*;

    #[test]
    fn as_keras_reads_it() {
        testing::pictures("cifar10", &read(&testing::file("cifar10")).unwrap());
    }
}
