//! Strings by their place in a vocabulary.
use super::Adapt;
use super::encoding::{IDF_WEIGHTS, OutputMode, not_sparse};
use super::hash::Salt;
use super::hashing::{single, tokens, without_points};
use super::token_table::Lookup;
use super::vocabulary::{not_given, vocabulary_methods};
use crate::data::text;
use crate::layers::HostLayer;
use crate::layers::prelude::*;

/// The place of each string in a vocabulary, after places for padding (`mask_token`) and for unknown strings. Keras's
/// `StringLookup`.
///
/// It works before the graph, on inputs of the model. The vocabulary is given, or found by [`Adapt::adapt`]: the most
/// frequent first. With several places for unknown strings a hash decides.
///
/// ```
/// use cornu::data::text;
/// use cornu::prelude::*;
/// let words = Input::new([3]).dtype("string").tensor();
/// let layer = StringLookup::new().vocabulary(["a", "b"].map(String::from));
/// let mut model = Model::new(&words, layer.apply(&words))?;
/// let y = model.predict(text::encode([1, 3], &["b", "c", "a"])?, Predict::new())?;
/// assert_eq!(y.to_f64(), [2.0, 0.0, 1.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct StringLookup {
    /// Whether to go from places to strings.
    #[default(false)]
    pub invert: bool,
    /// The largest number of places, with those for padding and unknown strings.
    #[default(None)]
    pub max_tokens: Option<usize>,
    /// How many places unknown strings have; 1 by default.
    #[default(1)]
    pub num_oov_indices: usize,
    /// What unknown places stand for when inverted; `"[UNK]"` by default.
    #[default("[UNK]")]
    pub oov_token: Option<String>,
    /// The string for padding, which has place 0; none by default.
    #[default(None)]
    pub mask_token: Option<String>,
    /// `"int"` (default), `"one_hot"`, `"multi_hot"`, `"count"` or `"tf_idf"`.
    #[default("int")]
    pub output_mode: OutputMode,
    /// Must be false: there are no sparse tensors.
    #[default(false)]
    pub sparse: bool,
    /// Whether vectors have `max_tokens` elements however few strings are known.
    #[default(false)]
    pub pad_to_max_tokens: bool,
    /// For `"tf_idf"`, the weight of each string of the vocabulary.
    #[default(None)]
    pub idf_weights: Option<Vec<f64>>,
    /// The known strings, most important first.
    #[default(None)]
    pub vocabulary: Option<Vec<String>>,
    /// Number of places, as saved by Keras.
    #[default(None)]
    #[no_setter]
    pub vocabulary_size: Option<usize>,
    /// Of integers; strings always go by a hash.
    #[default("floormod")]
    pub oov_method: String,
    /// The key of the hash; none by default.
    #[default(None)]
    pub salt: Option<Salt>,
    /// `"utf-8"`.
    #[default("utf-8")]
    pub encoding: String,
}

vocabulary_methods!(StringLookup of String);

impl StringLookup {
    fn places(&self) -> Result<Vec<String>> {
        self.lookup().all_tokens()
    }

    fn special(&self) -> Result<Vec<String>> {
        self.lookup().special()
    }

    fn check_vocabulary(&self) -> Result<()> {
        self.lookup().table().map(drop)
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            class: "StringLookup",
            invert: self.invert,
            vocabulary: self.vocabulary.as_deref(),
            idf_weights: self.idf_weights.as_deref(),
            mask_token: self.mask_token.as_deref(),
            oov_token: self.oov_token.as_deref(),
            num_oov_indices: self.num_oov_indices,
            max_tokens: self.max_tokens,
            pad_to_max_tokens: self.pad_to_max_tokens,
            output_mode: &self.output_mode,
            salt: self.salt,
        }
    }
}

/// Fails on another encoding of text.
pub(super) fn utf8(encoding: &str) -> Result<()> {
    if encoding.eq_ignore_ascii_case("utf-8") {
        Ok(())
    } else {
        Err(Error::unknown("encoding", encoding, ["utf-8"]))
    }
}

impl Layer for StringLookup {
    fn saved_arrays(&self) -> Vec<(&'static str, Tensor)> {
        let weights = self.lookup().table().ok().and_then(|table| table.saved_weights());
        weights.into_iter().map(|weights| (IDF_WEIGHTS, weights)).collect()
    }

    /// Keras saves that it is built, not for what.
    fn build_config(&self, _: &[Shape]) -> Option<serde_json::Value> {
        Some(serde_json::json!({}))
    }

    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        self.settle_vocabulary(config);
    }

    fn on_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }
}

impl HostLayer for StringLookup {
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)> {
        not_sparse("StringLookup", self.sparse)?;
        utf8(&self.encoding)?;
        let input @ (shape, dtype) = single(inputs)?;
        let table = self.lookup().table()?;
        if self.invert {
            if *self.output_mode.check()? != OutputMode::Int {
                return Err(Error::argument("output_mode", "must be \"int\" when `invert` is true"));
            }
            let sizes = shape.dims().iter().copied().chain([None]).collect();
            return Ok((Shape(sizes), DType::U32));
        }
        if *dtype != DType::U32 {
            return Err(
                Error::Data(format!("expected text, got {dtype}")).help("`Input` takes `.dtype(\"string\")`")
            );
        }
        let dtype = if *self.output_mode.check()? == OutputMode::Int { DType::I64 } else { DType::F32 };
        Ok((self.output_mode.shape(&without_points(input), table.depth()), dtype))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let table = self.lookup().table()?;
        let x = single(inputs)?;
        if self.invert {
            let places = x.cast(DType::I64).to_vec::<i64>()?;
            let found: Vec<&str> = places.iter().map(|place| table.token(*place)).collect();
            return text::encode(x.shape(), &found);
        }
        let (shape, tokens) = tokens(x)?;
        table.encode(&shape, &tokens)
    }
}

impl Adapt for StringLookup {
    fn adapt(&mut self, data: &Tensor) -> Result<()> {
        not_given(&self.base, "StringLookup", self.vocabulary.is_some())?;
        let (shape, tokens) = tokens(data)?;
        let documents = if shape.len() > 1 { shape[0] } else { tokens.len() };
        let each = (tokens.len() / documents.max(1)).max(1);
        let documents: Vec<Vec<String>> = tokens.chunks(each).map(<[String]>::to_vec).collect();
        let (vocabulary, weights) = self.lookup().learn(&documents)?;
        self.vocabulary = Some(vocabulary);
        self.idf_weights = (self.output_mode == OutputMode::TfIdf).then_some(weights);
        self.base.set_learned();
        Ok(())
    }
}
