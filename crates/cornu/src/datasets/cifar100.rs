//! Small pictures of a hundred kinds of things. Keras module: `keras.datasets.cifar100`.
use super::source::{Source, Unpacked};
use super::{TrainTest, cifar};
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

const ARCHIVE: Unpacked = Unpacked {
    folder: "cifar-100-python-target",
    within: "cifar-100-python",
    url: "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    sha256: "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    files: &["train", "test"],
};

/// 50,000 pictures for training and 10,000 for testing, `uint8` of shape `[n, 32, 32, 3]`, and their classes of a hundred,
/// `int64` of shape `[n, 1]`.
///
/// The archive is that of Keras; see [the module above](super) for where it is looked for. A. Krizhevsky, *Learning Multiple
/// Layers of Features from Tiny Images* (2009).
///
/// # Errors
/// When it is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<TrainTest> {
    load_data_of("fine")
}

/// [`load_data`] with Keras's `label_mode`: `"fine"`, a hundred classes, or `"coarse"`, the twenty that they belong to.
///
/// # Errors
/// As [`load_data`]; when it is another mode.
pub fn load_data_of(label_mode: &str) -> Result<TrainTest> {
    check(label_mode)?;
    read(&Source::from_env().unpacked(&ARCHIVE)?, label_mode)
}

fn check(label_mode: &str) -> Result<()> {
    match label_mode {
        "fine" | "coarse" => Ok(()),
        other => Err(Error::unknown("label_mode", other, ["fine", "coarse"])),
    }
}

fn read(folder: &Path, label_mode: &str) -> Result<TrainTest> {
    let part = |file: &str| -> Result<(Tensor, Tensor)> {
        let (x, labels) = cifar::read(&folder.join(file), &format!("{label_mode}_labels"))?;
        Ok((x, Tensor::new([labels.len(), 1], labels)?))
    };
    Ok((part("train")?, part("test")?))
}

#[cfg(test)]
mod tests {
    use super::super::source::testing;
    use super::*;

    #[test]
    fn as_keras_reads_it() {
        for mode in ["fine", "coarse"] {
            let found = read(&testing::file("cifar100"), mode).unwrap();
            testing::pictures(&format!("cifar100_{mode}"), &found);
        }
        assert!(check("medium").unwrap_err().to_string().contains("label_mode"));
    }
}
