//! Short news by topic. Keras module: `keras.datasets.reuters`.
use super::source::Source;
use super::words::{self, Choice, Sequences, settings};
use crate::utils::RandomState;
use cornu_graph::{Error, Result, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// Keras's published hashes of `reuters.npz` and `reuters_word_index.json`.
const SHA256: &str = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916";
const INDEX_MD5: &str = "4d44cc38712099c9e383dc6e5f11a921";

/// The topics, in the order of the classes.
const TOPICS: [&str; 46] = [
    "cocoa",
    "grain",
    "veg-oil",
    "earn",
    "acq",
    "wheat",
    "copper",
    "housing",
    "money-supply",
    "coffee",
    "sugar",
    "trade",
    "reserves",
    "ship",
    "cotton",
    "carcass",
    "crude",
    "nat-gas",
    "cpi",
    "money-fx",
    "interest",
    "gnp",
    "meal-feed",
    "alum",
    "oilseed",
    "gold",
    "tin",
    "strategic-metal",
    "livestock",
    "retail",
    "ipi",
    "iron-steel",
    "rubber",
    "heat",
    "jobs",
    "lei",
    "bop",
    "zinc",
    "orange",
    "pet-chem",
    "dlr",
    "gas",
    "silver",
    "wpi",
    "hog",
    "lead",
];

/// 11,228 newswires of 46 topics, a fifth of them for testing, each the numbers of its words by their frequency, and their topics,
/// `int64` `[n]`; [`LoadData`] has Keras's arguments.
///
/// See [the module above](super) for where the file is looked for. Reuters, 1987; this form is by F. Chollet.
///
/// # Errors
/// When the file is not there and cannot be downloaded, or is not what it should be.
pub fn load_data() -> Result<Sequences> {
    LoadData::new().load()
}

/// The arguments of [`load_data`].
#[derive(Clone, Debug)]
pub struct LoadData {
    choice: Choice,
    test_split: f64,
}

impl Default for LoadData {
    fn default() -> LoadData {
        LoadData { choice: Choice::default(), test_split: 0.2 }
    }
}

impl LoadData {
    /// Keras's defaults.
    pub fn new() -> LoadData {
        LoadData::default()
    }

    settings!();

    /// The part of the samples for testing; 0.2 by default.
    pub fn test_split(mut self, test_split: f64) -> Self {
        self.test_split = test_split;
        self
    }

    /// The newswires.
    ///
    /// # Errors
    /// As [`load_data`]; when the part for testing is none.
    pub fn load(&self) -> Result<Sequences> {
        self.read(&Source::from_env().file("reuters.npz", SHA256)?)
    }

    fn read(&self, path: &Path) -> Result<Sequences> {
        if !(0.0..=1.0).contains(&self.test_split) {
            let message = format!("must be from 0 to 1, got {}", self.test_split);
            return Err(Error::argument("test_split", message));
        }
        let samples = words::read(path, "x", "y")?;
        let mut order: Vec<usize> = (0..samples.0.len()).collect();
        RandomState::new(self.choice.seed).shuffle(&mut order);
        let (samples, mut y_train) = self.choice.moved(words::ordered(samples, &order));
        let count = (samples.len() as f64 * (1.0 - self.test_split)) as usize;
        let mut x_train = self.choice.chosen(samples);
        let (x_test, y_test) = (x_train.split_off(count), y_train.split_off(count));
        Ok(((x_train, Tensor::from(y_train)), (x_test, Tensor::from(y_test))))
    }
}

/// The number of each word by its frequency, from 1 on: those of [`load_data`] are `index_from` higher.
///
/// # Errors
/// As [`load_data`].
pub fn get_word_index() -> Result<BTreeMap<String, i64>> {
    words::index(&Source::from_env().file_of_md5("reuters_word_index.json", INDEX_MD5)?)
}

/// The topics in the order of the classes.
///
/// ```
/// assert_eq!(cornu::datasets::reuters::get_label_names()[3], "earn");
/// ```
pub fn get_label_names() -> &'static [&'static str] {
    &TOPICS
}

#[cfg(test)]
mod tests {
    use super::super::source::testing;
    use super::*;

    #[test]
    fn as_keras_reads_it() {
        for (name, load) in [
            ("reuters", LoadData::new()),
            ("reuters_split", LoadData::new().test_split(0.5).seed(3).maxlen(9).num_words(11)),
        ] {
            testing::sequences(name, &load.read(&testing::file("reuters.npz")).unwrap());
        }
        assert!(LoadData::new().test_split(1.5).read(&testing::file("reuters.npz")).is_err());
    }
}
