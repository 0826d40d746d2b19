//! Integers by their place in a vocabulary.
use super::Adapt;
use super::encoding::{IDF_WEIGHTS, OutputMode, count_not_greater, not_sparse};
use super::hash::Salt;
use super::hashing::single;
use super::token_table::{Lookup, check_weights};
use super::vocabulary::{few, not_given, vocabulary_methods};
use crate::layers::HostLayer;
use crate::layers::prelude::*;
use std::collections::{HashMap, HashSet};

/// The place of each integer in a vocabulary, after places for padding (`mask_token`) and for unknown integers. Keras's
/// `IntegerLookup`.
///
/// The vocabulary is given, or found by [`Adapt::adapt`]: the most frequent first. Unknown integers take the first places
/// by their remainder. Without such places they are an error, and the layer works before the graph, on inputs of the model.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([3]).dtype("int64").tensor();
/// let layer = IntegerLookup::new().vocabulary([12, 36, 1138]);
/// let mut model = Model::new(&x, layer.apply(&x))?;
/// let y = model.predict(&Tensor::from([[12i64, 1138, 42]]), Predict::new())?;
/// assert_eq!(y.to_f64(), [1.0, 3.0, 0.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct IntegerLookup {
    /// Whether to go from places to integers.
    #[default(false)]
    pub invert: bool,
    /// The largest number of places, with those for padding and unknown integers.
    #[default(None)]
    pub max_tokens: Option<usize>,
    /// How many places unknown integers have; 1 by default.
    #[default(1)]
    pub num_oov_indices: usize,
    /// What unknown places stand for when inverted; -1 by default.
    #[default(-1)]
    pub oov_token: Option<i64>,
    /// The integer for padding, which has place 0; none by default.
    #[default(None)]
    pub mask_token: Option<i64>,
    /// `"int"` (default), `"one_hot"`, `"multi_hot"`, `"count"` or `"tf_idf"`.
    #[default("int")]
    pub output_mode: OutputMode,
    /// Must be false: there are no sparse tensors.
    #[default(false)]
    pub sparse: bool,
    /// Whether vectors have `max_tokens` elements however few integers are known.
    #[default(false)]
    pub pad_to_max_tokens: bool,
    /// `"int64"`, which is the only one.
    #[default("int64")]
    pub vocabulary_dtype: String,
    /// For `"tf_idf"`, the weight of each integer of the vocabulary.
    #[default(None)]
    pub idf_weights: Option<Vec<f64>>,
    /// The known integers, most important first.
    #[default(None)]
    pub vocabulary: Option<Vec<i64>>,
    /// Number of places, as saved by Keras.
    #[default(None)]
    #[no_setter]
    pub vocabulary_size: Option<usize>,
    /// How unknown integers get their place: `"floormod"` (default), or `"farmhash"`; the layer then works before the graph.
    #[default("floormod")]
    pub oov_method: String,
    /// The key of the hash.
    #[default(None)]
    pub salt: Option<Salt>,
}

vocabulary_methods!(IntegerLookup of i64);

impl IntegerLookup {
    fn places(&self) -> Result<Vec<i64>> {
        let mut all = self.special()?;
        self.check()?;
        all.extend_from_slice(self.tokens()?);
        Ok(all)
    }

    fn special(&self) -> Result<Vec<i64>> {
        few("IntegerLookup", self.num_oov_indices)?;
        let mask = self.mask_token.filter(|_| self.oov_start() == 1);
        let unknown = std::iter::repeat_n(self.oov_token.unwrap_or(UNKNOWN), self.num_oov_indices);
        Ok(mask.into_iter().chain(unknown).collect())
    }

    fn check_vocabulary(&self) -> Result<()> {
        self.check()
    }

    /// Whether a hash gives unknown integers their place.
    fn hashes(&self) -> bool {
        self.oov_method == "farmhash"
    }

    /// The size of a vector.
    fn depth(&self) -> Result<usize> {
        let known = self.token_start() + self.tokens()?.len();
        Ok(self.max_tokens.filter(|_| self.pad_to_max_tokens).unwrap_or(known))
    }

    /// The first place for unknown integers.
    fn oov_start(&self) -> usize {
        usize::from(self.mask_token.is_some() && self.output_mode == OutputMode::Int)
    }

    /// The first place of the vocabulary.
    fn token_start(&self) -> usize {
        self.oov_start() + self.num_oov_indices
    }

    /// The vocabulary without the tokens that Keras may put before it.
    fn tokens(&self) -> Result<&[i64]> {
        let Some(vocabulary) = &self.vocabulary else {
            let error = Error::State("there is no vocabulary yet".into());
            return Err(error.help("give `vocabulary`, or call `adapt` before the layer is applied"));
        };
        let mask = self.mask_token.filter(|_| self.oov_start() == 1);
        let count = self.num_oov_indices.saturating_add(usize::from(mask.is_some()));
        let oov = std::iter::repeat_n(self.oov_token, self.num_oov_indices);
        let mut special = mask.map(Some).into_iter().chain(oov).zip(vocabulary);
        let found = count <= vocabulary.len() && special.all(|(special, token)| special == Some(*token));
        let tokens = if found { &vocabulary[count..] } else { vocabulary };
        let mut seen = HashSet::new();
        match tokens.iter().find(|token| !seen.insert(**token) || self.mask_token == Some(**token)) {
            Some(token) => {
                let message = format!("has {token} twice, or where the mask token may not stand");
                Err(Error::argument("IntegerLookup.vocabulary", message))
            }
            None if tokens.is_empty() => Err(Error::argument("IntegerLookup.vocabulary", "is empty")),
            None => Ok(tokens),
        }
    }

    fn check(&self) -> Result<()> {
        not_sparse("IntegerLookup", self.sparse)?;
        self.output_mode.check()?;
        if !["floormod", "farmhash"].contains(&self.oov_method.as_str()) {
            return Err(Error::unknown("oov_method", &self.oov_method, ["floormod", "farmhash"]));
        }
        if self.vocabulary_dtype != "int64" {
            return Err(Error::unknown("vocabulary_dtype", &self.vocabulary_dtype, ["int64"]));
        }
        if self.salt.is_some() && !self.hashes() {
            return Err(Error::argument("salt", "can only be used with `oov_method=\"farmhash\"`"));
        }
        if self.invert && self.output_mode != OutputMode::Int {
            return Err(Error::argument("output_mode", "must be \"int\" when `invert` is true"));
        }
        if self.idf_weights.is_some() != (self.output_mode == OutputMode::TfIdf) {
            return Err(Error::argument("idf_weights", "must be given for the output mode \"tf_idf\" only"));
        }
        if self.pad_to_max_tokens && self.max_tokens.is_none() {
            return Err(Error::argument("pad_to_max_tokens", "needs `max_tokens`"));
        }
        let tokens = self.tokens()?;
        if self.invert && self.num_oov_indices > 0 {
            let Some(oov) = self.oov_token else {
                return Err(Error::argument("IntegerLookup.oov_token", "is needed when `invert` is true"));
            };
            if tokens.contains(&oov) {
                let message = format!("has {oov} where the token for what is unknown may not stand");
                return Err(Error::argument("IntegerLookup.vocabulary", message));
            }
        }
        if let (Some(given), Some(vocabulary)) = (&self.idf_weights, &self.vocabulary) {
            let depth = self.depth()?;
            check_weights("IntegerLookup", given.len(), vocabulary.len(), self.pad_to_max_tokens, depth)?;
        }
        let places = self.token_start() + tokens.len();
        match self.max_tokens {
            Some(max) if max <= 1 => {
                Err(Error::argument("max_tokens", format!("must be more than 1, got {max}")))
            }
            Some(max) if places > max => {
                let message = format!("allows {max} places, the vocabulary needs {places}");
                Err(Error::argument("max_tokens", message))
            }
            _ => Ok(()),
        }
    }

    /// The place of each integer.
    fn lookup(&self, x: &Value) -> Result<Value> {
        let mut known: Vec<(i64, i64)> =
            self.tokens()?.iter().zip(self.token_start() as i64..).map(|(&t, place)| (t, place)).collect();
        known.sort_unstable();
        let constant =
            |values: Vec<i64>| Ok::<_, Error>(x.builder().constant(Tensor::new([values.len()], values)?));
        let sorted = constant(known.iter().map(|(token, _)| *token).collect())?;
        let places = constant(known.iter().map(|(_, place)| *place).collect())?;

        let at = count_not_greater(x, &sorted) - 1.0;
        let found = sorted.take_clamped(&at, 0).equal(x);
        let unknown = floor_mod(x, self.num_oov_indices) + self.oov_start();
        let place = found.select(&places.take_clamped(&at, 0), &unknown);
        Ok(match self.mask_token {
            // In vectors, padding has no place.
            Some(mask) => {
                let padding = if self.output_mode == OutputMode::Int { 0.0 } else { -1.0 };
                x.equal(&x.full_like(mask as f64)).select(&x.full_like(padding), &place)
            }
            None => place,
        })
    }

    /// The integer at each place.
    fn inverse(&self, x: &Value) -> Result<Value> {
        let tokens = self.tokens()?;
        let table = x.builder().constant(Tensor::new([tokens.len()], tokens.to_vec())?);
        let at = x - self.token_start();
        let inside = at.ge(&at.scalar(0.0)).and(&at.lt(&at.scalar(tokens.len() as f64)));
        let unknown = self.oov_token.unwrap_or(UNKNOWN) as f64;
        let y = inside.select(&table.take_clamped(&at, 0), &x.full_like(unknown));
        Ok(match self.mask_token {
            Some(mask) => x.equal(&x.scalar(0.0)).select(&x.full_like(mask as f64), &y),
            None => y,
        })
    }

    /// The weight of each place for `"tf_idf"`.
    fn weights(&self, depth: usize) -> Result<Tensor> {
        let given = self.idf_weights.as_deref().unwrap_or_default();
        let vocabulary = self.vocabulary.as_deref().unwrap_or_default();
        // Unknown integers weigh as much as the mean, unless the vocabulary names them itself.
        let before = if self.tokens()?.len() == vocabulary.len() { self.token_start() } else { 0 };
        let mean = given.iter().sum::<f64>() / given.len() as f64;
        let mut weights = vec![mean; before];
        weights.extend(given);
        weights.resize(depth, 0.0);
        Tensor::from_f64([depth], DType::F32, &weights)
    }
}

/// What is unknown is called so unless it has another name.
const UNKNOWN: i64 = -1;

/// The remainder that is never negative.
fn floor_mod(x: &Value, n: usize) -> Value {
    let rest = x.rem(&x.scalar(n as f64));
    rest.lt(&rest.scalar(0.0)).select(&(&rest + n), &rest)
}

/// Places by a hash, found on the host.
impl HostLayer for IntegerLookup {
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)> {
        self.check()?;
        let (shape, _) = single(inputs)?;
        let dtype = if self.output_mode == OutputMode::Int || self.invert { DType::I64 } else { DType::F32 };
        Ok((self.output_mode.shape(shape, self.depth()?), dtype))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let x = single(inputs)?;
        let written = |tokens: &[i64]| tokens.iter().map(i64::to_string).collect::<Vec<_>>();
        let vocabulary = self.vocabulary.as_deref().map(written);
        let mask = self.mask_token.map(|token| token.to_string());
        let oov = self.oov_token.map(|token| token.to_string());
        let lookup = Lookup {
            class: "IntegerLookup",
            invert: self.invert,
            vocabulary: vocabulary.as_deref(),
            idf_weights: self.idf_weights.as_deref(),
            mask_token: mask.as_deref(),
            oov_token: oov.as_deref(),
            num_oov_indices: self.num_oov_indices,
            max_tokens: self.max_tokens,
            pad_to_max_tokens: self.pad_to_max_tokens,
            output_mode: &self.output_mode,
            salt: self.salt,
        };
        let table = lookup.table()?;
        let values = x.cast(DType::I64).to_vec::<i64>()?;
        if self.invert {
            let token = |place: &i64| table.token(*place).parse().unwrap_or(UNKNOWN);
            return Tensor::new(x.shape(), values.iter().map(token).collect::<Vec<i64>>());
        }
        table.encode(x.shape(), &written(&values))
    }
}

impl Layer for IntegerLookup {
    fn saved_arrays(&self) -> Vec<(&'static str, Tensor)> {
        let weights = self.idf_weights.as_ref().and_then(|_| self.weights(self.depth().ok()?).ok());
        weights.into_iter().map(|weights| (IDF_WEIGHTS, weights)).collect()
    }

    /// Keras saves that it is built, not for what.
    fn build_config(&self, _: &[Shape]) -> Option<serde_json::Value> {
        Some(serde_json::json!({}))
    }

    fn on_host(&self) -> Option<&dyn HostLayer> {
        // In the graph nothing can fail.
        let fails = self.num_oov_indices == 0 && !self.invert;
        if self.hashes() || fails { Some(self) } else { None }
    }

    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        self.settle_vocabulary(config);
    }

    fn before_graph(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }

    fn call(&self, _: &Call, x: &Value) -> Result<Value> {
        self.check()?;
        let x = x.cast(DType::I64);
        if self.invert {
            return self.inverse(&x);
        }
        let places = self.lookup(&x)?;
        let depth = self.depth()?;
        match &self.output_mode {
            OutputMode::Int => Ok(places),
            OutputMode::TfIdf => {
                let counts = OutputMode::Count.encode(&places, depth, DType::F32, None)?;
                Ok(counts * x.builder().constant(self.weights(depth)?))
            }
            mode => mode.encode(&places, depth, DType::F32, None),
        }
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}

impl Adapt for IntegerLookup {
    fn adapt(&mut self, data: &Tensor) -> Result<()> {
        not_given(&self.base, "IntegerLookup", self.vocabulary.is_some())?;
        let mut counts: HashMap<i64, usize> = HashMap::new();
        let mut documents: HashMap<i64, usize> = HashMap::new();
        let values = data.cast(DType::I64).to_vec::<i64>()?;
        // Each integer of a list is a sample.
        let samples = data.shape().first().copied().unwrap_or(1);
        for sample in values.chunks((values.len() / samples.max(1)).max(1)) {
            sample.iter().for_each(|token| *counts.entry(*token).or_default() += 1);
            let distinct: HashSet<i64> = sample.iter().copied().collect();
            distinct.into_iter().for_each(|token| *documents.entry(token).or_default() += 1);
        }
        [self.mask_token, self.oov_token].into_iter().flatten().for_each(|token| {
            counts.remove(&token);
        });
        let mut tokens: Vec<(usize, i64)> = counts.into_iter().map(|(token, count)| (count, token)).collect();
        // The most frequent first; of those equally frequent the largest.
        tokens.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(max) = self.max_tokens {
            tokens.truncate(max.saturating_sub(self.token_start()));
        }
        if tokens.is_empty() {
            return Err(Error::Data("there is no token in the data to make a vocabulary of".into()));
        }
        if self.output_mode == OutputMode::TfIdf {
            let rarity = |token: &i64| (1.0 + samples as f64 / (1 + documents[token]) as f64).ln();
            self.idf_weights = Some(tokens.iter().map(|(_, token)| rarity(token)).collect());
        }
        self.vocabulary = Some(tokens.into_iter().map(|(_, token)| token).collect());
        self.base.set_learned();
        Ok(())
    }
}
