//! The columns of a table as features of a model.
mod feature;
mod saved;

pub use feature::{Cross, Feature};

use crate::layers::{Input, TFDConcat};
use crate::models::{Apply, KerasTensor, Model};
use crate::training::{Data, Predict};
use cornu_graph::{Error, Result};
use feature::{MODES, Preprocessor};

/// The columns of a table, each encoded as it is said to be, as inputs and features of a model. Keras's `FeatureSpace`.
///
/// A model made from [`get_inputs`](FeatureSpace::get_inputs) and [`get_encoded_features`](FeatureSpace::get_encoded_features) is
/// saved with what was learned, and so is a `FeatureSpace` by itself: [`save`](FeatureSpace::save) and [`load`](FeatureSpace::load).
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
            if let Preprocessor::Unknown(kind) = &feature.preprocessor {
                return Err(Error::unknown("feature type", kind, KINDS));
            }
            if self.features[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::argument("FeatureSpace.features", format!("`{name}` is there twice")));
            }
            if !MODES.contains(&feature.output_mode.as_str()) {
                return Err(Error::unknown("output_mode", &feature.output_mode, MODES));
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
        self.settle();
        for ((_, feature), column) in self.features.iter_mut().zip(&columns) {
            feature.preprocessor.adapt(column)?;
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

    /// Makes the layers that depend on the arguments of the whole.
    fn settle(&mut self) {
        let (bins, hashes) = (self.num_discretization_bins, self.hashing_dim);
        self.features.iter_mut().for_each(|(column, feature)| feature.settle(column, bins, hashes));
    }

    fn build(&mut self) -> Result<Built> {
        self.check()?;
        if !self.adapted && self.features.iter().any(|(_, feature)| feature.preprocessor.learns()) {
            let error = Error::State("the features are not known before the data is".into());
            return Err(error.help("call `adapt` before"));
        }
        self.settle();
        let mut inputs = vec![];
        let mut places: Vec<(String, KerasTensor)> = vec![];
        let mut outputs: Vec<(String, KerasTensor)> = vec![];
        for (name, feature) in &self.features {
            let input = Input::new([1]).dtype(feature.dtype.as_str()).name(name.clone()).tensor();
            let place = feature.preprocessor.apply(&input);
            inputs.push((name.clone(), input));
            places.push((name.clone(), place.clone()));
            outputs.push((name.clone(), feature.encoded(name, place)?));
        }
        outputs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut crosses = self.crosses.clone();
        crosses.sort_by_key(Cross::name);
        for cross in &crosses {
            let of = |name: &String| places.iter().find(|(n, _)| n == name).map(|(_, place)| place.clone());
            let crossed: Vec<KerasTensor> = cross.features.iter().filter_map(of).collect();
            let bins = cross.crossing_dim.unwrap_or(self.crossing_dim);
            outputs.push((cross.name(), cross.apply(crossed, bins)));
        }
        if self.output_mode == "concat" {
            let integers = |x: &KerasTensor| !x.dtype().is_float();
            if let Some((name, x)) = outputs.iter().find(|(_, x)| integers(x) && x.error().is_none()) {
                let message = format!("feature `{name}` is {}, which cannot be concatenated", x.dtype());
                let error = Error::argument("FeatureSpace", message);
                return Err(error.help("give the feature the output mode \"one_hot\", or the whole \"dict\""));
            }
            let all: Vec<KerasTensor> = outputs.into_iter().map(|(_, x)| x).collect();
            outputs = vec![("features".into(), TFDConcat::new(-1).apply(all))];
        }
        let tensors = |of: &[(String, KerasTensor)]| of.iter().map(|(_, x)| x.clone()).collect::<Vec<_>>();
        let model = Model::new(tensors(&inputs), tensors(&outputs))?;
        Ok(Built { inputs, outputs, model })
    }
}
