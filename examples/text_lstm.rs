//! Does a sentence praise a film or pan it? Words become vectors, a convolution reads five of them at a time, an LSTM reads
//! the result in order: the architecture of Keras's example `imdb_cnn_lstm`, on sentences.
//!
//!     CORNU_DATA_DIR=folder cargo run --release --example text_lstm
//!
//! The folder holds `movie_reviews_pos.txt` and `movie_reviews_neg.txt`, a sentence a line, words between spaces: the
//! *sentence polarity dataset v1.0* of B. Pang and L. Lee (ACL 2005), <https://www.cs.cornell.edu/people/pabo/movie-review-data/>,
//! as UTF-8. Fails unless 72 % of the held-out sentences are judged right.
use cornu::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const WORDS: usize = 10_000;
const LENGTH: usize = 40;
/// Word 0 is no word: sentences are filled up with it. Word 1 is any that is not among the most frequent.
const UNKNOWN: i32 = 1;

fn main() -> Result<()> {
    if train()?.last("val_accuracy").unwrap_or(0.0) < 0.72 {
        return Err(Error::State("too few sentences are judged right".into()));
    }
    Ok(())
}

/// Builds the network, trains it, and lets it judge.
pub fn train() -> Result<History> {
    utils::set_random_seed(0);
    let folder: PathBuf =
        std::env::var_os("CORNU_DATA_DIR").filter(|dir| !dir.is_empty()).unwrap_or_else(|| ".".into()).into();
    let (praise, pans) =
        (lines(&folder.join("movie_reviews_pos.txt"))?, lines(&folder.join("movie_reviews_neg.txt"))?);
    let sentences: Vec<(&str, f32)> =
        praise.iter().zip(&pans).flat_map(|(p, n)| [(p.as_str(), 1.0), (n.as_str(), 0.0)]).collect();
    let (test, train) = sentences.split_at(sentences.len() / 10);
    let words = most_frequent(train);
    let (x, y) = encode(train, &words)?;
    let (x_test, y_test) = encode(test, &words)?;

    let mut model = Sequential::new()
        .add(Input::new([LENGTH]).dtype("int32"))
        .add(Embedding::new(WORDS, 64))
        .add(Dropout::new(0.5))
        .add(Conv1D::new(64, 5).activation("relu"))
        .add(MaxPooling1D::new().pool_size(4))
        .add(LSTM::new(64))
        .add(Dropout::new(0.5))
        .add(Dense::new(1).activation("sigmoid"));
    println!("{}", model.summary());

    model.compile(Compile::new("adam", "binary_crossentropy").metrics(["accuracy"]))?;
    let history =
        model.fit(&x, &y, Fit::new().batch_size(64).epochs(2).validation_data((&x_test, &y_test)))?;

    let accuracy = history.last("val_accuracy").unwrap_or(0.0);
    println!("{:.1} % of {} held-out sentences are judged right", accuracy * 100.0, test.len());
    for sentence in ["a moving and funny film", "dull , predictable and far too long"] {
        let (x, _) = encode(&[(sentence, 0.0)], &words)?;
        let praise = model.predict(&x, Predict::new().verbose(0))?.item()?;
        println!("{:3.0} % praise: {sentence}", praise * 100.0);
    }
    Ok(history)
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::io(path, e).help("set CORNU_DATA_DIR to the folder of the sentences"))?;
    Ok(text.lines().map(str::to_string).collect())
}

/// Numbers for the most frequent words, from 2; words of one frequency in alphabetical order.
fn most_frequent<'a>(sentences: &[(&'a str, f32)]) -> HashMap<&'a str, i32> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in sentences.iter().flat_map(|(s, _)| s.split_whitespace()) {
        *counts.entry(word).or_default() += 1;
    }
    let mut words: Vec<(&str, usize)> = counts.into_iter().collect();
    words.sort_by_key(|&(word, count)| (std::cmp::Reverse(count), word));
    words.into_iter().take(WORDS - 2).zip(UNKNOWN + 1..).map(|((word, _), number)| (word, number)).collect()
}

/// The first words of each sentence as numbers, at the end of a row; and the judgements.
fn encode(sentences: &[(&str, f32)], words: &HashMap<&str, i32>) -> Result<(Tensor, Tensor)> {
    let mut rows = vec![0; sentences.len() * LENGTH];
    for ((sentence, _), row) in sentences.iter().zip(rows.chunks_exact_mut(LENGTH)) {
        let numbers: Vec<i32> = sentence
            .split_whitespace()
            .take(LENGTH)
            .map(|w| words.get(w).copied().unwrap_or(UNKNOWN))
            .collect();
        row[LENGTH - numbers.len()..].copy_from_slice(&numbers);
    }
    let judgements: Vec<f32> = sentences.iter().map(|(_, judgement)| *judgement).collect();
    Ok((Tensor::new([sentences.len(), LENGTH], rows)?, Tensor::from(judgements)))
}
