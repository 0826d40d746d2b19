//! The columns of a table as features of a model.
use crate::layers::{
    Adapt, CategoryEncoding, Concatenate, Discretization, HashedCrossing, Hashing, Input, IntegerLookup,
    Normalization, Rescaling, StringLookup,
};
use crate::models::{Apply, KerasTensor, Model};
use crate::training::{Data, Predict};
use cornu_graph::{DType, Error, Result, Tensor};

const MODES: [&str; 3] = ["int", "one_hot", "float"];

/// What a column of a [`FeatureSpace`] is. Keras's feature types; also made from their names.
#[derive(Clone, Debug)]
pub struct Feature {
    kind: Kind,
    output_mode: String,
}

#[derive(Clone, Debug)]
enum Kind {
    Float,
    Normalized(Normalization),
    Rescaled(f64, f64),
    /// Without a number of bins it is that of the whole.
    Discretized(Option<usize>, Option<Discretization>),
    Integers(IntegerLookup),
    Strings(StringLookup),
    HashedIntegers(Option<usize>),
    HashedStrings(Option<usize>),
    Unknown(String),
}

impl Feature {
    fn of(kind: Kind, output_mode: &str) -> Feature {
        Feature { kind, output_mode: output_mode.into() }
    }

    /// Numbers as they are.
    pub fn float() -> Feature {
        Feature::of(Kind::Float, "float")
    }

    /// Numbers times `scale`, plus `offset`; 1 and 0 where it is given by name.
    pub fn float_rescaled(scale: f64, offset: f64) -> Feature {
        Feature::of(Kind::Rescaled(scale, offset), "float")
    }

    /// Numbers of mean 0 and variance 1, as the data of `adapt` has them.
    pub fn float_normalized() -> Feature {
        Feature::of(Kind::Normalized(Normalization::new()), "float")
    }

    /// Numbers in bins that hold as many of the data of `adapt` each.
    pub fn float_discretized(num_bins: usize) -> Feature {
        Feature::of(Kind::Discretized(Some(num_bins), None), "one_hot")
    }

    /// Integers by how frequent they are in the data of `adapt`.
    pub fn integer_categorical() -> Feature {
        Feature::of(Kind::Integers(IntegerLookup::new()), "one_hot")
    }

    /// Strings by how frequent they are in the data of `adapt`.
    pub fn string_categorical() -> Feature {
        Feature::of(Kind::Strings(StringLookup::new()), "one_hot")
    }

    /// Integers by their hash.
    pub fn integer_hashed(num_bins: usize) -> Feature {
        Feature::of(Kind::HashedIntegers(Some(num_bins)), "one_hot")
    }

    /// Strings by their hash.
    pub fn string_hashed(num_bins: usize) -> Feature {
        Feature::of(Kind::HashedStrings(Some(num_bins)), "one_hot")
    }

    /// Of categories: at most so many, with those for what is unknown.
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.kind = match self.kind {
            Kind::Integers(lookup) => Kind::Integers(lookup.max_tokens(max_tokens)),
            Kind::Strings(lookup) => Kind::Strings(lookup.max_tokens(max_tokens)),
            _ => Kind::Unknown("max_tokens of a feature without categories".into()),
        };
        self
    }

    /// Of categories: places for what is unknown; 1 by default.
    pub fn num_oov_indices(mut self, num_oov_indices: usize) -> Self {
        self.kind = match self.kind {
            Kind::Integers(lookup) => Kind::Integers(lookup.num_oov_indices(num_oov_indices)),
            Kind::Strings(lookup) => Kind::Strings(lookup.num_oov_indices(num_oov_indices)),
            _ => Kind::Unknown("num_oov_indices of a feature without categories".into()),
        };
        self
    }

    /// `"one_hot"` or `"int"`; `"float"` for numbers, which have no other.
    pub fn output_mode(mut self, output_mode: &str) -> Self {
        self.output_mode = output_mode.into();
        self
    }
}

impl From<&str> for Feature {
    fn from(name: &str) -> Feature {
        match name {
            "float" => Feature::float(),
            "float_normalized" => Feature::float_normalized(),
            "float_rescaled" => Feature::float_rescaled(1.0, 0.0),
            "float_discretized" => Feature::of(Kind::Discretized(None, None), "one_hot"),
            "integer_categorical" => Feature::integer_categorical(),
            "string_categorical" => Feature::string_categorical(),
            "integer_hashed" => Feature::of(Kind::HashedIntegers(None), "one_hot"),
            "string_hashed" => Feature::of(Kind::HashedStrings(None), "one_hot"),
            _ => Feature::of(Kind::Unknown(name.into()), "float"),
        }
    }
}

/// Features whose combinations are a feature, by their hash.
#[derive(Clone, Debug)]
pub struct Cross {
    features: Vec<String>,
    crossing_dim: Option<usize>,
    output_mode: String,
}

impl Cross {
    /// The combinations of these features.
    pub fn new<S: Into<String>>(features: impl IntoIterator<Item = S>) -> Cross {
        let features = features.into_iter().map(Into::into).collect();
        Cross { features, crossing_dim: None, output_mode: "one_hot".into() }
    }

    /// Bins; by default as many as the [`FeatureSpace`] says.
    pub fn crossing_dim(mut self, crossing_dim: usize) -> Self {
        self.crossing_dim = Some(crossing_dim);
        self
    }

    /// `"one_hot"` (default) or `"int"`.
    pub fn output_mode(mut self, output_mode: &str) -> Self {
        self.output_mode = output_mode.into();
        self
    }

    fn name(&self) -> String {
        self.features.join("_X_")
    }
}

impl<const N: usize> From<[&str; N]> for Cross {
    fn from(features: [&str; N]) -> Cross {
        Cross::new(features)
    }
}

/// The columns of a table, each encoded as it is said to be, as inputs and features of a model. Keras's `FeatureSpace`.
///
/// A model made from [`get_inputs`](FeatureSpace::get_inputs) and [`get_encoded_features`](FeatureSpace::get_encoded_features) is
/// saved with what was learned; a `FeatureSpace` has no file of its own. Layers of one's own are not features here.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::{data::text, utils::{Feature, FeatureSpace}};
///
/// let mut space = FeatureSpace::new()
///     .feature("age", "float_normalized")
///     .feature("city", Feature::string_categorical().max_tokens(10))
///     .cross(["city", "floor"])
///     .feature("floor", "integer_categorical")
///     .crossing_dim(4);
/// let age = Tensor::from([20f32, 40.0, 60.0]);
/// let city = text::encode([3], &["Rome", "Oslo", "Rome"])?;
/// let floor = Tensor::from([1i32, 2, 1]);
/// space.adapt([("age", &age), ("city", &city), ("floor", &floor)])?;
/// let x = space.transform([("age", &age), ("city", &city), ("floor", &floor)])?;
/// assert_eq!(x.tensors()[0].shape(), [3, 1 + 3 + 3 + 4]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Debug)]
pub struct FeatureSpace {
    features: Vec<(String, Feature)>,
    crosses: Vec<Cross>,
    output_mode: String,
    crossing_dim: usize,
    hashing_dim: usize,
    num_discretization_bins: usize,
    adapted: bool,
    built: Option<Built>,
}

#[derive(Debug)]
struct Built {
    inputs: Vec<(String, KerasTensor)>,
    outputs: Vec<(String, KerasTensor)>,
    model: Model,
}

impl Default for FeatureSpace {
    fn default() -> Self {
        FeatureSpace {
            features: vec![],
            crosses: vec![],
            output_mode: "concat".into(),
            crossing_dim: 32,
            hashing_dim: 32,
            num_discretization_bins: 32,
            adapted: false,
            built: None,
        }
    }
}

impl FeatureSpace {
    /// No features yet.
    pub fn new() -> FeatureSpace {
        FeatureSpace::default()
    }

    /// Adds a column: a [`Feature`], or the name of its type: `"float"`, `"float_normalized"`, `"float_rescaled"`,
    /// `"float_discretized"`, `"integer_categorical"`, `"string_categorical"`, `"integer_hashed"`, `"string_hashed"`.
    pub fn feature(mut self, name: impl Into<String>, feature: impl Into<Feature>) -> Self {
        self.features.push((name.into(), feature.into()));
        self
    }

    /// Adds the combinations of categories.
    pub fn cross(mut self, cross: impl Into<Cross>) -> Self {
        self.crosses.push(cross.into());
        self
    }

    /// `"concat"` (default): all features side by side; `"dict"`: each by its name.
    pub fn output_mode(mut self, output_mode: &str) -> Self {
        self.output_mode = output_mode.into();
        self
    }

    /// Bins of combinations; 32 by default.
    pub fn crossing_dim(mut self, crossing_dim: usize) -> Self {
        self.crossing_dim = crossing_dim;
        self
    }

    /// Bins of `"integer_hashed"` and `"string_hashed"`; 32 by default.
    pub fn hashing_dim(mut self, hashing_dim: usize) -> Self {
        self.hashing_dim = hashing_dim;
        self
    }

    /// Bins of `"float_discretized"`; 32 by default.
    pub fn num_discretization_bins(mut self, num_discretization_bins: usize) -> Self {
        self.num_discretization_bins = num_discretization_bins;
        self
    }

    fn check(&self) -> Result<()> {
        const KINDS: [&str; 8] = [
            "float",
            "float_normalized",
            "float_rescaled",
            "float_discretized",
            "integer_categorical",
            "string_categorical",
            "integer_hashed",
            "string_hashed",
        ];
        if self.features.is_empty() {
            return Err(Error::argument("FeatureSpace.features", "there are none"));
        }
        if !["concat", "dict"].contains(&self.output_mode.as_str()) {
            return Err(Error::unknown("output_mode", &self.output_mode, ["concat", "dict"]));
        }
        for (i, (name, feature)) in self.features.iter().enumerate() {
            if let Kind::Unknown(kind) = &feature.kind {
                return Err(Error::unknown("feature type", kind, KINDS));
            }
            if self.features[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::argument("FeatureSpace.features", format!("`{name}` is there twice")));
            }
            let number = matches!(feature.kind, Kind::Float | Kind::Normalized(_) | Kind::Rescaled(..));
            if !MODES.contains(&feature.output_mode.as_str()) || number != (feature.output_mode == "float") {
                let known = if number { &MODES[2..] } else { &MODES[..2] };
                return Err(Error::unknown("output_mode", &feature.output_mode, known.iter().copied()));
            }
        }
        let names = || self.features.iter().map(|(name, _)| name.as_str());
        for cross in &self.crosses {
            if let Some(name) = cross.features.iter().find(|name| !names().any(|n| n == *name)) {
                return Err(Error::unknown("feature", name, names()));
            }
            if !MODES[..2].contains(&cross.output_mode.as_str()) {
                return Err(Error::unknown("output_mode", &cross.output_mode, MODES[..2].iter().copied()));
            }
        }
        Ok(())
    }

    /// Learns from all rows of a table: arrays `(rows)` or `(rows, 1)` by the names of the columns.
    ///
    /// # Errors
    /// When a setting is unknown, a column is missing, or it does not fit its type.
    pub fn adapt(&mut self, data: impl Into<Data>) -> Result<()> {
        self.check()?;
        let names: Vec<String> = self.features.iter().map(|(name, _)| name.clone()).collect();
        let columns = data.into().in_order("feature", &names)?;
        let bins = self.num_discretization_bins;
        for ((name, feature), column) in self.features.iter_mut().zip(&columns) {
            match &mut feature.kind {
                Kind::Normalized(layer) => {
                    *layer = Normalization::new().name(format!("{name}_preprocessor"));
                    layer.adapt(&as_column(column)?)?;
                }
                Kind::Discretized(own, layer) => {
                    let mut new = Discretization::new().num_bins(own.unwrap_or(bins));
                    new.adapt(&as_column(column)?)?;
                    *layer = Some(new);
                }
                Kind::Integers(layer) => layer.adapt(column)?,
                Kind::Strings(layer) => layer.adapt(column)?,
                _ => {}
            }
        }
        (self.adapted, self.built) = (true, None);
        Ok(())
    }

    /// The symbolic inputs, by the names of the columns: `(None, 1)` each.
    ///
    /// # Errors
    /// When there is something to learn from data and [`FeatureSpace::adapt`] was not called.
    pub fn get_inputs(&mut self) -> Result<Vec<(String, KerasTensor)>> {
        Ok(self.built()?.inputs.clone())
    }

    /// The symbolic features: by name in the mode `"dict"`, else one, called `"features"`.
    ///
    /// # Errors
    /// As [`FeatureSpace::get_inputs`]; when a feature of integers cannot be concatenated.
    pub fn get_encoded_features(&mut self) -> Result<Vec<(String, KerasTensor)>> {
        Ok(self.built()?.outputs.clone())
    }

    /// The features of rows: by name in the mode `"dict"`, else one array. Keras's call of the `FeatureSpace`.
    ///
    /// # Errors
    /// As [`FeatureSpace::get_encoded_features`]; when a column is missing.
    pub fn transform(&mut self, data: impl Into<Data>) -> Result<Data> {
        let Built { outputs, model, .. } = self.built()?;
        let names: Vec<String> = outputs.iter().map(|(name, _)| name.clone()).collect();
        let arrays = model.predict_many(data.into(), Predict::new().verbose(0).batch_size(1024))?;
        Ok(names.into_iter().zip(arrays).collect::<Vec<_>>().into())
    }

    fn built(&mut self) -> Result<&mut Built> {
        if self.built.is_none() {
            self.built = Some(self.build()?);
        }
        self.built.as_mut().ok_or_else(|| Error::State("the features were not made".into()))
    }

    fn build(&self) -> Result<Built> {
        self.check()?;
        let learns = |kind: &Kind| {
            matches!(kind, Kind::Normalized(_) | Kind::Discretized(..) | Kind::Integers(_) | Kind::Strings(_))
        };
        if !self.adapted && self.features.iter().any(|(_, feature)| learns(&feature.kind)) {
            let error = Error::State("the features are not known before the data is".into());
            return Err(error.help("call `adapt` before"));
        }
        let mut inputs = vec![];
        let mut places: Vec<(String, KerasTensor)> = vec![];
        let mut outputs: Vec<(String, KerasTensor)> = vec![];
        for (name, feature) in &self.features {
            let dtype = match feature.kind {
                Kind::Integers(_) | Kind::HashedIntegers(_) => "int32",
                Kind::Strings(_) | Kind::HashedStrings(_) => "string",
                _ => "float32",
            };
            let input = Input::new([1]).dtype(dtype).name(name.clone()).tensor();
            let (place, count) = self.place(name, feature, &input);
            inputs.push((name.clone(), input));
            places.push((name.clone(), place.clone()));
            outputs.push((name.clone(), encoded(place, &feature.output_mode, count)));
        }
        outputs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut crosses = self.crosses.clone();
        crosses.sort_by_key(Cross::name);
        for cross in &crosses {
            let bins = cross.crossing_dim.unwrap_or(self.crossing_dim);
            let of = |name: &String| places.iter().find(|(n, _)| n == name).map(|(_, place)| place.clone());
            let crossed: Vec<KerasTensor> = cross.features.iter().filter_map(of).collect();
            let place = HashedCrossing::new(bins).dtype("int64").name(cross.name()).apply(crossed);
            outputs.push((cross.name(), encoded(place, &cross.output_mode, bins)));
        }
        if self.output_mode == "concat" {
            let integers = |x: &KerasTensor| !x.dtype().is_float();
            if let Some((name, x)) = outputs.iter().find(|(_, x)| integers(x) && x.error().is_none()) {
                let message = format!("feature `{name}` is {}, which cannot be concatenated", x.dtype());
                let error = Error::argument("FeatureSpace", message);
                return Err(error.help("give the feature the output mode \"one_hot\", or the whole \"dict\""));
            }
            let all: Vec<KerasTensor> = outputs.into_iter().map(|(_, x)| x).collect();
            let joined = if all.len() == 1 { all[0].clone() } else { Concatenate::new().apply(all) };
            outputs = vec![("features".into(), joined)];
        }
        let tensors = |of: &[(String, KerasTensor)]| of.iter().map(|(_, x)| x.clone()).collect::<Vec<_>>();
        let model = Model::new(tensors(&inputs), tensors(&outputs))?;
        Ok(Built { inputs, outputs, model })
    }

    /// What a column becomes before it is encoded, and how many categories there are.
    fn place(&self, name: &str, feature: &Feature, input: &KerasTensor) -> (KerasTensor, usize) {
        let name = format!("{name}_preprocessor");
        let hashed = |bins: &Option<usize>| {
            let bins = bins.unwrap_or(self.hashing_dim);
            (Hashing::new(bins).dtype("int64").name(name.clone()).apply(input), bins)
        };
        match &feature.kind {
            // A clone would not know what it learned.
            Kind::Normalized(layer) => (layer.apply(input), 0),
            Kind::Rescaled(scale, offset) => {
                (Rescaling::new(*scale).offset(*offset).name(name).apply(input), 0)
            }
            Kind::Discretized(_, Some(layer)) => {
                let count = layer.bin_boundaries.as_ref().map_or(1, |b| b.len() + 1);
                // Fewer boundaries than asked for, where the data has few numbers, leave bins empty.
                (layer.clone().name(name).apply(input), count.max(layer.num_bins.unwrap_or(0)))
            }
            Kind::Integers(layer) => {
                let known = layer.vocabulary.as_ref().map_or(0, Vec::len);
                (layer.clone().name(name).apply(input), known + layer.num_oov_indices)
            }
            Kind::Strings(layer) => {
                let known = layer.vocabulary.as_ref().map_or(0, Vec::len);
                (layer.clone().name(name).apply(input), known + layer.num_oov_indices)
            }
            Kind::HashedIntegers(bins) | Kind::HashedStrings(bins) => hashed(bins),
            Kind::Float | Kind::Discretized(_, None) | Kind::Unknown(_) => (input.clone(), 0),
        }
    }
}

fn encoded(place: KerasTensor, output_mode: &str, count: usize) -> KerasTensor {
    if output_mode == "one_hot" { CategoryEncoding::new(count).apply(&place) } else { place }
}

/// Numbers as `(rows, 1)`.
fn as_column(numbers: &Tensor) -> Result<Tensor> {
    let numbers = if numbers.dtype().is_float() { numbers.clone() } else { numbers.cast(DType::F32) };
    numbers.reshape([numbers.len(), 1])
}
