//! What a column of a table is.
use crate::layers::{
    Adapt, CategoryEncoding, Discretization, HasBase, HashedCrossing, Hashing, IntegerLookup, Layer,
    LayerObject, LayerRef, Normalization, Rescaling, StringLookup, TFDIdentity, TextVectorization,
};
use crate::models::{Apply, KerasTensor};
use cornu_graph::{DType, Error, Result, Tensor};
use std::any::Any;

pub(super) const MODES: [&str; 3] = ["int", "one_hot", "float"];

/// What a column of a [`FeatureSpace`](super::FeatureSpace) is. Keras's feature types; also made from their names.
#[derive(Clone, Debug)]
pub struct Feature {
    pub(super) dtype: String,
    pub(super) preprocessor: Preprocessor,
    pub(super) output_mode: String,
    pub(super) name: Option<String>,
}

/// What is done to a column before it is encoded.
#[derive(Clone, Debug)]
pub(super) enum Preprocessor {
    Nothing(TFDIdentity),
    /// As many bins as the whole has for each.
    Bins,
    Hashes,
    Normalization(Normalization),
    Rescaling(Rescaling),
    Discretization(Discretization),
    Integers(IntegerLookup),
    Strings(StringLookup),
    Texts(TextVectorization),
    Hashing(Hashing),
    Other(LayerRef),
    Unknown(String),
}

impl Feature {
    fn of(dtype: &str, preprocessor: Preprocessor, output_mode: &str) -> Feature {
        Feature { dtype: dtype.into(), preprocessor, output_mode: output_mode.into(), name: None }
    }

    /// A column of this dtype (`"float32"`, `"int32"`, `"string"`) for a layer of one's own choice. The output mode `"one_hot"` is for
    /// the layers of the other features, `"int"` and `"float"` leave what the layer gives as it is. A layer that learns
    /// from data is adapted with the [`FeatureSpace`](super::FeatureSpace).
    ///
    /// ```
    /// use cornu::prelude::*;
    /// use cornu::{data::text, utils::{Feature, FeatureSpace}};
    ///
    /// let words = TextVectorization::new().output_mode("tf_idf");
    /// let mut space = FeatureSpace::new().feature("text", Feature::feature("string", words, "float"));
    /// let data = text::encode([3], &["1st string", "2nd string", "3rd string"])?;
    /// space.adapt([("text", &data)])?;
    /// assert_eq!(space.transform([("text", &data)])?.tensors()[0].shape(), [3, 5]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    // Keras's name.
    #[allow(clippy::self_named_constructors)]
    pub fn feature(dtype: &str, preprocessor: impl Layer, output_mode: &str) -> Feature {
        Feature::of_layer(dtype, &preprocessor.share(), output_mode)
    }

    pub(super) fn of_layer(dtype: &str, layer: &LayerRef, output_mode: &str) -> Feature {
        let name = layer.name().to_string();
        let mut feature = Feature::of(dtype, Preprocessor::of(layer), output_mode);
        if let Some(base) = feature.preprocessor.base_mut() {
            base.name = Some(name);
        }
        feature
    }

    /// Numbers as they are.
    pub fn float() -> Feature {
        Feature::of("float32", Preprocessor::Nothing(TFDIdentity::new().dtype("float32")), "float")
    }

    /// Numbers times `scale`, plus `offset`; 1 and 0 where it is given by name.
    pub fn float_rescaled(scale: f64, offset: f64) -> Feature {
        let layer = Rescaling::new(scale).offset(offset);
        Feature::of("float32", Preprocessor::Rescaling(layer), "float")
    }

    /// Numbers of mean 0 and variance 1, as the data of `adapt` has them.
    pub fn float_normalized() -> Feature {
        Feature::of("float32", Preprocessor::Normalization(Normalization::new()), "float")
    }

    /// Numbers in bins that hold as many of the data of `adapt` each.
    pub fn float_discretized(num_bins: usize) -> Feature {
        let layer = Discretization::new().num_bins(num_bins);
        Feature::of("float32", Preprocessor::Discretization(layer), "one_hot")
    }

    /// Integers by how frequent they are in the data of `adapt`.
    pub fn integer_categorical() -> Feature {
        Feature::of("int32", Preprocessor::Integers(IntegerLookup::new()), "one_hot")
    }

    /// Strings by how frequent they are in the data of `adapt`.
    pub fn string_categorical() -> Feature {
        Feature::of("string", Preprocessor::Strings(StringLookup::new()), "one_hot")
    }

    /// Integers by their hash.
    pub fn integer_hashed(num_bins: usize) -> Feature {
        Feature::of("int32", Preprocessor::hashing(num_bins), "one_hot")
    }

    /// Strings by their hash.
    pub fn string_hashed(num_bins: usize) -> Feature {
        Feature::of("string", Preprocessor::hashing(num_bins), "one_hot")
    }

    /// Of categories: at most so many, with those for what is unknown.
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.preprocessor = match self.preprocessor {
            Preprocessor::Integers(lookup) => Preprocessor::Integers(lookup.max_tokens(max_tokens)),
            Preprocessor::Strings(lookup) => Preprocessor::Strings(lookup.max_tokens(max_tokens)),
            _ => Preprocessor::Unknown("max_tokens of a feature without categories".into()),
        };
        self
    }

    /// Of categories: places for what is unknown; 1 by default.
    pub fn num_oov_indices(mut self, num_oov_indices: usize) -> Self {
        self.preprocessor = match self.preprocessor {
            Preprocessor::Integers(lookup) => Preprocessor::Integers(lookup.num_oov_indices(num_oov_indices)),
            Preprocessor::Strings(lookup) => Preprocessor::Strings(lookup.num_oov_indices(num_oov_indices)),
            _ => Preprocessor::Unknown("num_oov_indices of a feature without categories".into()),
        };
        self
    }

    /// `"one_hot"` or `"int"`; `"float"` for numbers, which have no other.
    pub fn output_mode(mut self, output_mode: &str) -> Self {
        self.output_mode = output_mode.into();
        self
    }

    /// What the name of the layer for the column begins with; that of the column by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Makes the layer of the column of this name, where it depends on the whole.
    pub(super) fn settle(&mut self, column: &str, bins: usize, hashes: usize) {
        match self.preprocessor {
            Preprocessor::Bins => {
                self.preprocessor = Preprocessor::Discretization(Discretization::new().num_bins(bins));
            }
            Preprocessor::Hashes => self.preprocessor = Preprocessor::hashing(hashes),
            _ => {}
        }
        let name = format!("{}_preprocessor", self.name.as_deref().unwrap_or(column));
        if let Some(base) = self.preprocessor.base_mut() {
            base.name.get_or_insert(name);
        }
    }

    /// The feature of what the layer made of a column.
    pub(super) fn encoded(&self, column: &str, place: KerasTensor) -> Result<KerasTensor> {
        if self.output_mode != "one_hot" || place.error().is_some() {
            return Ok(place);
        }
        let wrong = |message: String| {
            let error = Error::argument("FeatureSpace", format!("feature `{column}` {message}"));
            error.help("give the feature the output mode \"int\"")
        };
        let count = match &self.preprocessor {
            Preprocessor::Integers(lookup) => lookup.vocabulary_size()?,
            Preprocessor::Strings(lookup) => lookup.vocabulary_size()?,
            Preprocessor::Hashing(hashing) => hashing.num_bins,
            Preprocessor::Discretization(layer) => {
                let found = layer.bin_boundaries.as_ref().map_or(1, |b| b.len() + 1);
                // Fewer boundaries than asked for, where the data has few numbers, leave bins empty.
                found.max(layer.num_bins.unwrap_or(0))
            }
            _ => return Err(wrong("has no known number of categories, so it cannot be one-hot".into())),
        };
        if place.dtype().is_float() {
            return Err(wrong(format!("is {}, so it cannot be one-hot", place.dtype())));
        }
        Ok(CategoryEncoding::new(count).apply(&place))
    }
}

impl From<&str> for Feature {
    fn from(name: &str) -> Feature {
        match name {
            "float" => Feature::float(),
            "float_normalized" => Feature::float_normalized(),
            "float_rescaled" => Feature::float_rescaled(1.0, 0.0),
            "float_discretized" => Feature::of("float32", Preprocessor::Bins, "one_hot"),
            "integer_categorical" => Feature::integer_categorical(),
            "string_categorical" => Feature::string_categorical(),
            "integer_hashed" => Feature::of("int32", Preprocessor::Hashes, "one_hot"),
            "string_hashed" => Feature::of("string", Preprocessor::Hashes, "one_hot"),
            _ => Feature::of("float32", Preprocessor::Unknown(name.into()), "float"),
        }
    }
}

/// Runs over the layer of a preprocessor, whatever its class.
macro_rules! with_layer {
    ($preprocessor:expr, $layer:ident => $then:expr) => {
        match $preprocessor {
            Preprocessor::Nothing($layer) => Some($then),
            Preprocessor::Normalization($layer) => Some($then),
            Preprocessor::Rescaling($layer) => Some($then),
            Preprocessor::Discretization($layer) => Some($then),
            Preprocessor::Integers($layer) => Some($then),
            Preprocessor::Strings($layer) => Some($then),
            Preprocessor::Texts($layer) => Some($then),
            Preprocessor::Hashing($layer) => Some($then),
            _ => None,
        }
    };
}

impl Preprocessor {
    fn hashing(num_bins: usize) -> Preprocessor {
        Preprocessor::Hashing(Hashing::new(num_bins).dtype("int64"))
    }

    /// The same layer by its class.
    fn of(layer: &LayerRef) -> Preprocessor {
        macro_rules! known {
            ($($Class:ident => $Kind:ident),*) => {
                $(if let Some(found) = (&**layer as &dyn Any).downcast_ref::<$Class>() {
                    let mut same = found.clone();
                    *same.base_mut() = found.base().share();
                    return Preprocessor::$Kind(same);
                })*
            };
        }
        known!(TFDIdentity => Nothing, Normalization => Normalization, Rescaling => Rescaling, Discretization => Discretization,
            IntegerLookup => Integers, StringLookup => Strings, TextVectorization => Texts, Hashing => Hashing);
        Preprocessor::Other(layer.clone())
    }

    fn base_mut(&mut self) -> Option<&mut crate::layers::LayerBase> {
        with_layer!(self, layer => layer.base_mut())
    }

    /// The layer, if there is one.
    pub(super) fn layer(&self) -> Option<LayerRef> {
        match self {
            Preprocessor::Other(layer) => Some(layer.clone()),
            known => with_layer!(known, layer => layer.share()),
        }
    }

    /// Whether it learns from data.
    pub(super) fn learns(&self) -> bool {
        match self {
            Preprocessor::Normalization(layer) => layer.mean.is_none(),
            Preprocessor::Texts(layer) => layer.vocabulary.is_none() || layer.base().has_learned(),
            Preprocessor::Bins
            | Preprocessor::Discretization(_)
            | Preprocessor::Integers(_)
            | Preprocessor::Strings(_) => true,
            _ => false,
        }
    }

    /// Learns from a column.
    ///
    /// # Errors
    /// When the column does not fit.
    pub(super) fn adapt(&mut self, column: &Tensor) -> Result<()> {
        if !self.learns() {
            return Ok(());
        }
        // What was learned before may be in use in a model.
        with_layer!(&mut *self, layer => *layer = layer.clone());
        match self {
            Preprocessor::Normalization(layer) => layer.adapt(&as_column(column)?),
            Preprocessor::Discretization(layer) => {
                layer.adapt_in(column, if column.rank() > 1 { 1 } else { BATCH })
            }
            Preprocessor::Integers(layer) => layer.adapt(column),
            Preprocessor::Strings(layer) => layer.adapt(column),
            Preprocessor::Texts(layer) => layer.adapt(column),
            _ => Ok(()),
        }
    }

    /// What a column becomes before it is encoded.
    pub(super) fn apply(&self, input: &KerasTensor) -> KerasTensor {
        match self {
            Preprocessor::Other(layer) => layer.apply(input),
            known => with_layer!(known, layer => layer.apply(input)).unwrap_or_else(|| input.clone()),
        }
    }
}

/// How many rows Keras looks at together; rows of a column of shape `(rows, 1)` one by one.
const BATCH: usize = 32;

/// Numbers as `(rows, 1)`.
fn as_column(numbers: &Tensor) -> Result<Tensor> {
    let numbers = if numbers.dtype().is_float() { numbers.clone() } else { numbers.cast(DType::F32) };
    numbers.reshape([numbers.len(), 1])
}

/// Features whose combinations are a feature, by their hash.
#[derive(Clone, Debug)]
pub struct Cross {
    pub(super) features: Vec<String>,
    pub(super) crossing_dim: Option<usize>,
    pub(super) output_mode: String,
}

impl Cross {
    /// The combinations of these features.
    pub fn new<S: Into<String>>(features: impl IntoIterator<Item = S>) -> Cross {
        let features = features.into_iter().map(Into::into).collect();
        Cross { features, crossing_dim: None, output_mode: "one_hot".into() }
    }

    /// Bins; by default as many as the [`FeatureSpace`](super::FeatureSpace) says.
    pub fn crossing_dim(mut self, crossing_dim: usize) -> Self {
        self.crossing_dim = Some(crossing_dim);
        self
    }

    /// `"one_hot"` (default) or `"int"`.
    pub fn output_mode(mut self, output_mode: &str) -> Self {
        self.output_mode = output_mode.into();
        self
    }

    pub(super) fn name(&self) -> String {
        self.features.join("_X_")
    }

    /// The feature of these features.
    pub(super) fn apply(&self, features: Vec<KerasTensor>, bins: usize) -> KerasTensor {
        let place = HashedCrossing::new(bins).dtype("int64").name(self.name()).apply(features);
        if self.output_mode == "one_hot" { CategoryEncoding::new(bins).apply(&place) } else { place }
    }
}

impl<const N: usize> From<[&str; N]> for Cross {
    fn from(features: [&str; N]) -> Cross {
        Cross::new(features)
    }
}
