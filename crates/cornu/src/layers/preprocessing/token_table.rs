//! Places of tokens in a vocabulary.
use super::encoding::OutputMode;
use super::hash::{Salt, bin};
use super::vocabulary::few;
use crate::layers::prelude::*;
use std::collections::{HashMap, HashSet};

/// The arguments that lookup layers share.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub class: &'a str,
    pub invert: bool,
    pub vocabulary: Option<&'a [String]>,
    pub idf_weights: Option<&'a [f64]>,
    pub mask_token: Option<&'a str>,
    pub oov_token: Option<&'a str>,
    pub num_oov_indices: usize,
    pub max_tokens: Option<usize>,
    pub pad_to_max_tokens: bool,
    pub output_mode: &'a OutputMode,
    pub salt: Option<Salt>,
}

/// A vocabulary ready to look up: first the place of padding, then those of unknown tokens, then the known ones.
pub(super) struct TokenTable<'a> {
    lookup: Lookup<'a>,
    tokens: &'a [String],
    places: HashMap<&'a str, usize>,
}

impl<'a> Lookup<'a> {
    /// The first place for unknown tokens.
    fn oov_start(&self) -> usize {
        usize::from(self.mask_token.is_some() && *self.output_mode == OutputMode::Int)
    }

    /// The first place of the vocabulary.
    pub fn token_start(&self) -> usize {
        self.oov_start() + self.num_oov_indices
    }

    /// The table.
    ///
    /// # Errors
    /// When there is no vocabulary yet, or it has a token twice or is too large.
    pub fn table(self) -> Result<TokenTable<'a>> {
        let argument = |what: &str| format!("{}.{what}", self.class);
        let Some(vocabulary) = self.vocabulary else {
            let error = Error::State("there is no vocabulary yet".into());
            return Err(error.help("give `vocabulary`, or call `adapt` before the layer is applied"));
        };
        let mask = (self.oov_start() == 1).then_some(self.mask_token);
        let count = self.num_oov_indices.saturating_add(usize::from(mask.is_some()));
        let mut special =
            mask.into_iter().chain(std::iter::repeat_n(self.oov_token, self.num_oov_indices)).zip(vocabulary);
        let starts = count <= vocabulary.len() && special.all(|(special, token)| special == Some(token));
        let tokens = if starts { &vocabulary[count..] } else { vocabulary };
        if tokens.is_empty() {
            return Err(Error::argument(argument("vocabulary"), "is empty"));
        }
        let mut places = HashMap::new();
        for (place, token) in (self.token_start()..).zip(tokens) {
            if places.insert(token.as_str(), place).is_some() || self.mask_token == Some(token) {
                let message = format!("has {token:?} twice, or where the mask token may not stand");
                return Err(Error::argument(argument("vocabulary"), message));
            }
        }
        if self.invert && self.num_oov_indices > 0 {
            let Some(oov) = self.oov_token else {
                return Err(Error::argument(argument("oov_token"), "is needed when `invert` is true"));
            };
            if places.contains_key(oov) {
                let message = format!("has {oov:?} where the token for what is unknown may not stand");
                return Err(Error::argument(argument("vocabulary"), message));
            }
        }
        if self.pad_to_max_tokens && self.max_tokens.is_none() {
            return Err(Error::argument(argument("pad_to_max_tokens"), "needs `max_tokens`"));
        }
        let table = TokenTable { lookup: self, tokens, places };
        if let Some(max) = self.max_tokens.filter(|max| table.size() > *max || *max <= 1) {
            let message = format!("allows {max} places, the vocabulary needs {}", table.size());
            return Err(Error::argument(argument("max_tokens"), message));
        }
        if self.idf_weights.is_some() != (*self.output_mode == OutputMode::TfIdf) {
            let message = "must be given for the output mode \"tf_idf\" only";
            return Err(Error::argument(argument("idf_weights"), message));
        }
        if let Some(given) = self.idf_weights {
            check_weights(self.class, given.len(), vocabulary.len(), self.pad_to_max_tokens, table.depth())?;
        }
        Ok(table)
    }

    /// All tokens in the order of their places.
    ///
    /// # Errors
    /// When there is no vocabulary yet, or it does not fit the other arguments.
    pub fn all_tokens(self) -> Result<Vec<String>> {
        let mut all = self.special()?;
        all.extend_from_slice(self.table()?.tokens);
        Ok(all)
    }

    /// The tokens before those of the vocabulary.
    ///
    /// # Errors
    /// When they are too many.
    pub fn special(self) -> Result<Vec<String>> {
        few(self.class, self.num_oov_indices)?;
        let mask = self.mask_token.filter(|_| self.oov_start() == 1);
        let unknown = std::iter::repeat_n(self.oov_token.unwrap_or_default(), self.num_oov_indices);
        Ok(mask.into_iter().chain(unknown).map(str::to_string).collect())
    }

    /// The tokens of the documents, most frequent first, and how rare each is. Of those equally frequent the largest is
    /// first.
    ///
    /// # Errors
    /// When there are none.
    pub fn learn(&self, documents: &[Vec<String>]) -> Result<(Vec<String>, Vec<f64>)> {
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        for document in documents {
            document.iter().for_each(|token| counts.entry(token).or_default().0 += 1);
            let distinct: HashSet<&String> = document.iter().collect();
            distinct.into_iter().for_each(|token| counts.entry(token).or_default().1 += 1);
        }
        let special = |token: &&str| self.mask_token == Some(token) || self.oov_token == Some(token);
        let mut tokens: Vec<(usize, &str, usize)> = counts
            .into_iter()
            .filter(|(token, _)| !special(token))
            .map(|(token, (count, documents))| (count, token, documents))
            .collect();
        tokens.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(max) = self.max_tokens {
            tokens.truncate(max.saturating_sub(self.token_start()));
        }
        if tokens.is_empty() {
            return Err(Error::Data("there is no token in the data to make a vocabulary of".into()));
        }
        let rarity = |with: usize| (1.0 + documents.len() as f64 / (1 + with) as f64).ln();
        let weights = tokens.iter().map(|(_, _, with)| rarity(*with)).collect();
        Ok((tokens.into_iter().map(|(_, token, _)| token.to_string()).collect(), weights))
    }
}

/// Fails when there are not as many weights as tokens; padded vectors may have one for each place.
pub(super) fn check_weights(
    class: &str,
    given: usize,
    tokens: usize,
    padded: bool,
    depth: usize,
) -> Result<()> {
    if given == tokens || padded && given == depth {
        return Ok(());
    }
    let message = format!("must be as many as the {tokens} tokens, got {given}");
    Err(Error::argument(format!("{class}.idf_weights"), message))
}

impl TokenTable<'_> {
    /// The number of places.
    pub fn size(&self) -> usize {
        self.lookup.token_start() + self.tokens.len()
    }

    /// The size of a vector.
    pub fn depth(&self) -> usize {
        self.lookup.max_tokens.filter(|_| self.lookup.pad_to_max_tokens).unwrap_or_else(|| self.size())
    }

    /// The place of a token; -1 for padding in vectors, which has none.
    ///
    /// # Errors
    /// When it is unknown and there is no place for unknown tokens.
    pub fn place(&self, token: &str) -> Result<i64> {
        let lookup = &self.lookup;
        if lookup.mask_token == Some(token) {
            return Ok(if *lookup.output_mode == OutputMode::Int { 0 } else { -1 });
        }
        if let Some(&place) = self.places.get(token) {
            return Ok(place as i64);
        }
        match lookup.num_oov_indices {
            0 => {
                let message = format!("{token:?} is not in the vocabulary");
                Err(Error::Data(message).help("`num_oov_indices=1` gives unknown tokens a place"))
            }
            1 => Ok(lookup.oov_start() as i64),
            n => Ok((lookup.oov_start() + bin(token, n, lookup.salt)) as i64),
        }
    }

    /// The token of a place.
    pub fn token(&self, place: i64) -> &str {
        let lookup = &self.lookup;
        if place == 0 && lookup.oov_start() == 1 {
            return lookup.mask_token.unwrap_or_default();
        }
        let known = usize::try_from(place).ok().and_then(|place| place.checked_sub(lookup.token_start()));
        known.and_then(|i| self.tokens.get(i)).map_or(lookup.oov_token.unwrap_or_default(), String::as_str)
    }

    /// The weight of each place for `"tf_idf"`.
    pub fn weights(&self) -> Option<Vec<f64>> {
        let given = self.lookup.idf_weights?;
        let vocabulary = self.lookup.vocabulary.map_or(0, <[String]>::len);
        // Unknown tokens weigh as much as the mean, unless the vocabulary names them itself.
        let before = if self.tokens.len() == vocabulary { self.lookup.token_start() } else { 0 };
        let mean = given.iter().sum::<f64>() / given.len() as f64;
        let mut weights = vec![mean; before];
        weights.extend(given);
        weights.resize(self.depth(), 0.0);
        Some(weights)
    }

    /// [`TokenTable::weights`] as Keras keeps them beside the weights of a layer.
    pub fn saved_weights(&self) -> Option<Tensor> {
        let weights = self.weights()?;
        Tensor::from_f64([weights.len()], DType::F32, &weights).ok()
    }

    /// Tokens of this shape in the form that the layer gives.
    ///
    /// # Errors
    /// When one is unknown and there is no place for it.
    pub fn encode(&self, shape: &[usize], tokens: &[String]) -> Result<Tensor> {
        let places = tokens.iter().map(|token| self.place(token)).collect::<Result<Vec<_>>>()?;
        self.lookup.output_mode.encode_places(shape, &places, self.depth(), self.weights().as_deref())
    }
}
