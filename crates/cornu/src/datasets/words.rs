//! Texts as lists of the numbers of their words.
use crate::data::{npy, pickle::Pickle};
use crate::utils::allowance::Allowance;
use cornu_graph::{Error, Result, Tensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// `((x_train, y_train), (x_test, y_test))`, the samples as lists of numbers.
pub type Sequences = ((Vec<Vec<i32>>, Tensor), (Vec<Vec<i32>>, Tensor));

/// Samples and their answers.
pub(super) type Samples = (Vec<Vec<i32>>, Vec<i64>);

/// Keras's arguments.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub num_words: Option<i32>,
    pub skip_top: i32,
    pub maxlen: Option<usize>,
    pub seed: u32,
    pub start_char: Option<i32>,
    pub oov_char: Option<i32>,
    pub index_from: i32,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice {
            num_words: None,
            skip_top: 0,
            maxlen: None,
            seed: 113,
            start_char: Some(1),
            oov_char: Some(2),
            index_from: 3,
        }
    }
}

impl Choice {
    /// Numbers moved up, a start in front, and without samples that are then too long.
    pub fn moved(&self, (samples, answers): Samples) -> Samples {
        let one = |sample: Vec<i32>| -> Vec<i32> {
            let words = sample.into_iter().map(|word| word.saturating_add(self.index_from));
            self.start_char.into_iter().chain(words).collect()
        };
        let fits = |sample: &Vec<i32>| self.maxlen.is_none_or(|most| most == 0 || sample.len() < most);
        samples.into_iter().map(one).zip(answers).filter(|(sample, _)| fits(sample)).unzip()
    }

    /// Words that are too rare or too frequent replaced or left out; all samples together tell which word is the last.
    pub fn chosen(&self, samples: Vec<Vec<i32>>) -> Vec<Vec<i32>> {
        let last = || samples.iter().flatten().copied().max().unwrap_or_default();
        // As in Keras, the last word itself is one too many.
        let most = self.num_words.filter(|n| *n != 0).unwrap_or_else(last);
        let wanted = |word: &i32| (self.skip_top..most).contains(word);
        let one = |sample: Vec<i32>| -> Vec<i32> {
            match self.oov_char {
                Some(oov) => sample.into_iter().map(|w| if wanted(&w) { w } else { oov }).collect(),
                None => sample.into_iter().filter(wanted).collect(),
            }
        };
        samples.into_iter().map(one).collect()
    }
}

/// The samples of an `.npz` file, and their answers, under these names.
pub(super) fn read(path: &Path, samples: &str, answers: &str) -> Result<Samples> {
    let what = path.display().to_string();
    let bad = |message: String| Error::Format { what: what.clone(), message };
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
    let mut allowance = Allowance::of(size);
    let mut archive =
        ZipArchive::new(BufReader::new(file)).map_err(|e| bad(format!("is no .npz file: {e}")))?;
    let mut member = |name: &str| -> Result<Vec<u8>> {
        let entry =
            archive.by_name(&format!("{name}.npy")).map_err(|e| bad(format!("`{name}` in it: {e}")))?;
        let claimed = entry.size();
        if !allowance.take(claimed) {
            return Err(bad(format!("`{name}` in it claims {claimed} bytes, more than its data can give")));
        }
        let mut bytes = vec![];
        entry.take(claimed).read_to_end(&mut bytes).map_err(|e| bad(format!("`{name}` in it: {e}")))?;
        Ok(bytes)
    };
    let (x, y) = (member(samples)?, member(answers)?);
    let place = format!("{what}: {samples}");
    let pickled =
        npy::pickled(&x, &place)?.ok_or_else(|| bad(format!("`{samples}` in it holds no lists")))?;
    let x = Pickle::read(pickled, &place)?.lists()?;
    let size = y.len() as u64;
    let y = npy::read(&mut &y[..], size, &format!("{what}: {answers}"))?;
    let y: Vec<i64> = y.to_f64().into_iter().map(|label| label as i64).collect();
    if x.len() != y.len() {
        return Err(bad(format!("has {} samples and {} answers", x.len(), y.len())));
    }
    Ok((x, y))
}

/// The samples in another order.
pub(super) fn ordered((samples, answers): Samples, order: &[usize]) -> Samples {
    order.iter().map(|&i| (samples[i].clone(), answers[i])).unzip()
}

/// The numbers of words, from a file of JSON.
pub(super) fn index(path: &Path) -> Result<BTreeMap<String, i64>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Error::Format { what: path.display().to_string(), message: e.to_string() })
}

/// Declares the settings of `load_data` that both data sets have.
macro_rules! settings {
    () => {
        /// Only words before this number; by default all. Others are replaced.
        pub fn num_words(mut self, num_words: i32) -> Self {
            self.choice.num_words = Some(num_words);
            self
        }

        /// The most frequent words to replace; 0 by default.
        pub fn skip_top(mut self, skip_top: i32) -> Self {
            self.choice.skip_top = skip_top;
            self
        }

        /// Leaves out samples of as many words or more; by default none.
        pub fn maxlen(mut self, maxlen: usize) -> Self {
            self.choice.maxlen = Some(maxlen);
            self
        }

        /// The seed of the order of the samples; 113 by default.
        pub fn seed(mut self, seed: u32) -> Self {
            self.choice.seed = seed;
            self
        }

        /// The number in front of each sample, 1 by default; `None` puts nothing there.
        pub fn start_char(mut self, start_char: impl Into<Option<i32>>) -> Self {
            self.choice.start_char = start_char.into();
            self
        }

        /// The number in place of words that are left out, 2 by default; `None` puts nothing there.
        pub fn oov_char(mut self, oov_char: impl Into<Option<i32>>) -> Self {
            self.choice.oov_char = oov_char.into();
            self
        }

        /// What is added to the number of each word; 3 by default.
        pub fn index_from(mut self, index_from: i32) -> Self {
            self.choice.index_from = index_from;
            self
        }
    };
}
pub(super) use settings;
