//! Film reviews, good and bad. Keras module: `keras.datasets.imdb`.
use super::source::Source;
use super::words::{self, Choice, Sequences, settings};
use crate::utils::RandomState;
use cornu_graph::{Error, Result, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// Keras's published hashes of `imdb.npz` and `imdb_word_index.json`.
const SHA256: &str = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f";
const INDEX_MD5: &str = "bfafd718b763782e994055a2d397834f";

/// 25,000 reviews for training and as many for testing, each the numbers of its words by their frequency, and whether it is good
/// (1) or bad (0), `int64` `[n]`; [`LoadData`] has Keras's arguments.
///
/// See [the module above](super) for where the file is looked for. A. L. Maas and others, *Learning Word Vectors for Sentiment
/// Analysis* (2011).
///
/// # Errors
/// When the file is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<Sequences> {
    LoadData::new().load()
}

/// The arguments of [`load_data`].
///
/// ```no_run
/// use cornu::datasets::imdb;
/// use cornu::utils::pad_sequences;
/// let ((x_train, y_train), _) = imdb::LoadData::new().num_words(10_000).load()?;
/// let x_train = pad_sequences(&x_train, 80, "pre", "pre", 0)?;
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LoadData {
    choice: Choice,
}

impl LoadData {
    /// Keras's defaults.
    pub fn new() -> LoadData {
        LoadData::default()
    }

    settings!();

    /// The reviews.
    ///
    /// # Errors
    /// As [`load_data`]; when no sample is short enough.
    pub fn load(&self) -> Result<Sequences> {
        self.read(&Source::from_env().file("imdb.npz", SHA256)?)
    }

    fn read(&self, path: &Path) -> Result<Sequences> {
        // One stream of random numbers for both orders.
        let mut random = RandomState::new(self.choice.seed);
        let mut part = |name: &str| -> Result<words::Samples> {
            let samples = words::read(path, &format!("x_{name}"), &format!("y_{name}"))?;
            let mut order: Vec<usize> = (0..samples.0.len()).collect();
            random.shuffle(&mut order);
            let samples = self.choice.moved(words::ordered(samples, &order));
            if samples.0.is_empty() && self.choice.maxlen.is_some_and(|most| most > 0) {
                return Err(Error::argument("maxlen", "no sequence is that short").help("increase it"));
            }
            Ok(samples)
        };
        let ((mut samples, y_train), (test, y_test)) = (part("train")?, part("test")?);
        let count = samples.len();
        samples.extend(test);
        let mut x_train = self.choice.chosen(samples);
        let x_test = x_train.split_off(count);
        Ok(((x_train, Tensor::from(y_train)), (x_test, Tensor::from(y_test))))
    }
}

/// The number of each word by its frequency, from 1 on: those of [`load_data`] are `index_from` higher.
///
/// # Errors
/// As [`load_data`].
pub fn get_word_index() -> Result<BTreeMap<String, i64>> {
    words::index(&Source::from_env().file_of_md5("imdb_word_index.json", INDEX_MD5)?)
}

#[cfg(test)]
mod tests {
    use super::super::source::testing;
    use super::*;

    #[test]
    fn as_keras_reads_it() {
        for form in ["imdb.npz", "imdb_old.npz"] {
            for (name, load) in [
                ("imdb", LoadData::new()),
                ("imdb_words", LoadData::new().num_words(12).skip_top(5).seed(7)),
                ("imdb_short", LoadData::new().maxlen(8).oov_char(None).num_words(14)),
                ("imdb_plain", LoadData::new().start_char(None).index_from(0)),
            ] {
                testing::sequences(name, &load.read(&testing::file(form)).unwrap());
            }
        }
        let error = LoadData::new().maxlen(1).read(&testing::file("imdb.npz")).unwrap_err().to_string();
        assert!(error.contains("maxlen"), "{error}");
    }
}
