//! Text as tokens.
use super::Adapt;
use super::encoding::{IDF_WEIGHTS, OutputMode, not_sparse};
use super::hashing::{single, tokens, without_points};
use super::string_lookup::utf8;
use super::token_table::{Lookup, TokenTable};
use super::vocabulary::{not_given, vocabulary_methods};
use crate::arguments::keyword;
use crate::layers::HostLayer;
use crate::layers::prelude::*;
use serde::{Deserialize, Serialize};

keyword! {
    /// What is done to text first.
    Standardize as "standardize" {
        /// Both of the others.
        LowerAndStripPunctuation "lower_and_strip_punctuation",
        /// Capital ASCII letters become small.
        Lower "lower",
        /// ASCII punctuation is left out.
        StripPunctuation "strip_punctuation",
    }
}

keyword! {
    /// What text is split into.
    Split as "split" {
        /// What stands between white space.
        Whitespace "whitespace",
        /// Characters.
        Character "character",
    }
}

/// Which runs of tokens count as tokens: all up to a length, or those of some lengths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
pub enum Ngrams {
    /// All lengths from 1.
    UpTo(usize),
    /// These lengths.
    Of(Vec<usize>),
}

impl From<usize> for Ngrams {
    fn from(n: usize) -> Ngrams {
        Ngrams::UpTo(n)
    }
}

impl<const N: usize> From<[usize; N]> for Ngrams {
    fn from(lengths: [usize; N]) -> Ngrams {
        Ngrams::Of(lengths.to_vec())
    }
}

/// Text as integers, one for each word, or as a vector of words that are there. Keras's `TextVectorization`.
///
/// It works before the graph, on inputs of the model: standardizes, splits, joins n-grams and looks tokens up as
/// [`StringLookup`](crate::layers::StringLookup) does. The vocabulary is given, or found by [`Adapt::adapt`]. Integers of
/// all texts are padded with 0 to the length of the longest.
///
/// ```
/// use cornu::data::text;
/// use cornu::prelude::*;
/// let mut layer = TextVectorization::new().output_sequence_length(4);
/// let texts = text::encode([2], &["The cat sat.", "the mat"])?;
/// layer.adapt(&texts)?;
/// assert_eq!(layer.get_vocabulary()?, ["", "[UNK]", "the", "sat", "mat", "cat"]);
/// let x = Input::new([1]).dtype("string").tensor();
/// let mut model = Model::new(&x, layer.apply(&x))?;
/// let y = model.predict(&texts, Predict::new())?;
/// assert_eq!(y.to_f64(), [2.0, 5.0, 3.0, 0.0, 2.0, 4.0, 0.0, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct TextVectorization {
    /// The largest number of places, with those for padding and unknown tokens.
    #[default(None)]
    pub max_tokens: Option<usize>,
    /// `"lower_and_strip_punctuation"` (default), `"lower"`, `"strip_punctuation"` or null.
    #[default("lower_and_strip_punctuation")]
    pub standardize: Option<Standardize>,
    /// `"whitespace"` (default), `"character"` or null.
    #[default("whitespace")]
    pub split: Option<Split>,
    /// Which runs of tokens to look up; single tokens by default.
    #[default(None)]
    pub ngrams: Option<Ngrams>,
    /// `"int"` (default), `"multi_hot"`, `"count"` or `"tf_idf"`.
    #[default("int")]
    pub output_mode: OutputMode,
    /// How many integers each text gives; that of the longest by default.
    #[default(None)]
    pub output_sequence_length: Option<usize>,
    /// Whether vectors have `max_tokens` elements however few tokens are known.
    #[default(false)]
    pub pad_to_max_tokens: bool,
    /// Must be false: there are no sparse tensors.
    #[default(false)]
    pub sparse: bool,
    /// Must be false: there are no ragged tensors.
    #[default(false)]
    pub ragged: bool,
    /// The known tokens, most important first.
    #[default(None)]
    pub vocabulary: Option<Vec<String>>,
    /// For `"tf_idf"`, the weight of each token of the vocabulary.
    #[default(None)]
    pub idf_weights: Option<Vec<f64>>,
    /// `"utf-8"`.
    #[default("utf-8")]
    pub encoding: String,
    /// Number of places, as saved by Keras.
    #[default(None)]
    #[no_setter]
    pub vocabulary_size: Option<usize>,
}

vocabulary_methods!(TextVectorization of String);

impl TextVectorization {
    fn places(&self) -> Result<Vec<String>> {
        self.lookup().all_tokens()
    }

    fn special(&self) -> Result<Vec<String>> {
        self.lookup().special()
    }

    fn check_vocabulary(&self) -> Result<()> {
        self.check().map(drop)
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            class: "TextVectorization",
            invert: false,
            vocabulary: self.vocabulary.as_deref(),
            idf_weights: self.idf_weights.as_deref(),
            mask_token: Some(""),
            oov_token: Some("[UNK]"),
            num_oov_indices: 1,
            max_tokens: self.max_tokens,
            pad_to_max_tokens: self.pad_to_max_tokens,
            output_mode: &self.output_mode,
            salt: None,
        }
    }

    /// The tokens of a sample.
    fn tokens(&self, sample: &[String]) -> Vec<String> {
        let tokens: Vec<String> = sample.iter().flat_map(|text| self.split_up(text.clone())).collect();
        let lengths: Vec<usize> = match &self.ngrams {
            None => return tokens,
            // Longer runs than there are tokens do not exist.
            Some(Ngrams::UpTo(n)) => (1..=tokens.len().min(*n)).collect(),
            Some(Ngrams::Of(lengths)) => lengths.clone(),
        };
        lengths.iter().flat_map(|&n| tokens.windows(n)).map(|run| run.join(" ")).collect()
    }

    fn check(&self) -> Result<TokenTable<'_>> {
        self.check_arguments()?;
        self.lookup().table()
    }

    fn check_arguments(&self) -> Result<()> {
        not_sparse("TextVectorization", self.sparse)?;
        utf8(&self.encoding)?;
        self.standardize.as_ref().map_or(Ok(()), |s| s.check().map(drop))?;
        self.split.as_ref().map_or(Ok(()), |s| s.check().map(drop))?;
        if self.ragged {
            return Err(Error::argument("ragged", "ragged tensors are not supported"));
        }
        let is_int = *self.output_mode.check()? == OutputMode::Int;
        if !is_int && self.output_sequence_length.is_some() {
            let message = "must not be set if `output_mode` is not \"int\"";
            return Err(Error::argument("output_sequence_length", message));
        }
        if self.output_mode == OutputMode::OneHot && self.split.is_some() {
            let message = "\"one_hot\" is for single tokens: it needs `split` to be null";
            return Err(Error::argument("output_mode", message));
        }
        match &self.ngrams {
            Some(Ngrams::UpTo(0)) => Err(Error::argument("ngrams", "must be positive, got 0")),
            Some(Ngrams::Of(lengths)) if lengths.contains(&0) => {
                Err(Error::argument("ngrams", format!("must be positive, got {lengths:?}")))
            }
            _ => Ok(()),
        }
    }

    fn split_up(&self, mut text: String) -> Vec<String> {
        if matches!(self.standardize, Some(Standardize::LowerAndStripPunctuation | Standardize::Lower)) {
            text.make_ascii_lowercase();
        }
        if matches!(
            self.standardize,
            Some(Standardize::LowerAndStripPunctuation | Standardize::StripPunctuation)
        ) {
            text.retain(|c| !c.is_ascii_punctuation());
        }
        let is_space = |c: char| c.is_ascii_whitespace() || c == '\x0b';
        match &self.split {
            None => vec![text],
            Some(Split::Character) => text.chars().map(String::from).collect(),
            Some(_) => text.split(is_space).filter(|word| !word.is_empty()).map(String::from).collect(),
        }
    }

    /// The number of samples of data of this shape, and of texts in each: one, or tokens that are split already.
    fn texts(&self, shape: &[usize]) -> Result<(usize, usize)> {
        match shape {
            [n] | [n, 1] => Ok((*n, 1)),
            [n, k] if self.split.is_none() => Ok((*n, *k)),
            _ => {
                let message = format!("expected texts of shape (batch) or (batch, 1), got {shape:?}");
                Err(Error::Data(message))
            }
        }
    }
}

impl Layer for TextVectorization {
    fn saved_parts(&self) -> &'static [(&'static str, &'static str)] {
        &[("_lookup_layer", "string_lookup")]
    }

    /// Keras has a lookup within, which keeps the same.
    fn saved_arrays(&self) -> Vec<(&'static str, Tensor)> {
        let weights = self.lookup().table().ok().and_then(|table| table.saved_weights());
        let both = |weights: Tensor| [(IDF_WEIGHTS, weights.clone()), ("_lookup_layer/idf_weights", weights)];
        weights.into_iter().flat_map(both).collect()
    }

    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        self.settle_vocabulary(config);
    }

    fn on_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }
}

impl HostLayer for TextVectorization {
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)> {
        let table = self.check()?;
        let input @ (_, dtype) = single(inputs)?;
        if *dtype != DType::U32 {
            let error = Error::Data(format!("expected text, got {dtype}"));
            return Err(error.help("`Input` takes `.dtype(\"string\")`"));
        }
        let shape = without_points(input);
        let batch = shape.dims().first().copied().flatten();
        Ok(match self.output_mode {
            OutputMode::Int => (Shape(vec![batch, self.output_sequence_length]), DType::I64),
            OutputMode::OneHot if shape.rank() > 1 => {
                (self.output_mode.shape(&shape, table.depth()), DType::F32)
            }
            _ => (Shape(vec![batch, Some(table.depth())]), DType::F32),
        })
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let table = self.check()?;
        let (shape, texts) = tokens(single(inputs)?)?;
        let (count, each) = self.texts(&shape)?;
        let texts: Vec<Vec<String>> = texts.chunks(each.max(1)).map(|sample| self.tokens(sample)).collect();
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
        let length = self.output_sequence_length.unwrap_or(longest);
        let is_int = self.output_mode == OutputMode::Int;
        let length = if is_int { length } else { longest };
        // The mask token is place 0 of integers, and has no place in vectors.
        let padded = texts.into_iter().flat_map(|mut tokens| {
            tokens.resize(length, String::new());
            tokens
        });
        table.encode(&[count, length], &padded.collect::<Vec<_>>())
    }
}

impl Adapt for TextVectorization {
    fn adapt(&mut self, data: &Tensor) -> Result<()> {
        self.check_arguments()?;
        not_given(&self.base, "TextVectorization", self.vocabulary.is_some())?;
        let (shape, texts) = tokens(data)?;
        let (_, each) = self.texts(&shape)?;
        let documents: Vec<Vec<String>> =
            texts.chunks(each.max(1)).map(|sample| self.tokens(sample)).collect();
        let (vocabulary, weights) = self.lookup().learn(&documents)?;
        self.vocabulary = Some(vocabulary);
        self.idf_weights = (self.output_mode == OutputMode::TfIdf).then_some(weights);
        self.base.set_learned();
        Ok(())
    }
}
