//! The file of a [`FeatureSpace`].
use super::FeatureSpace;
use super::feature::{Cross, Feature, Preprocessor};
use crate::layers::{LayerRef, list};
use crate::object::{excerpt, in_envelope};
use crate::saving::{ObjectFile, save_object};
use cornu_graph::{Error, Result};
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// Where Keras has `Feature` and `Cross`.
const MODULE: &str = "keras.src.layers.preprocessing.feature_space";
/// Where the layers lie in the file.
const ROOT: &str = "preprocessors";

impl FeatureSpace {
    /// Saves the features with what they have learned to a `.keras` file that Keras loads.
    ///
    /// ```
    /// use cornu::prelude::*;
    /// use cornu::utils::FeatureSpace;
    ///
    /// let mut space = FeatureSpace::new().feature("age", "float_normalized");
    /// let age = Tensor::from([20f32, 40.0, 60.0]);
    /// space.adapt([("age", &age)])?;
    /// let path = std::env::temp_dir().join(format!("cornu-doc-space-{}.keras", std::process::id()));
    /// space.save(&path)?;
    /// let mut same = FeatureSpace::load(&path)?;
    /// assert_eq!(same.transform([("age", &age)])?.tensors(), space.transform([("age", &age)])?.tensors());
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// When there is something to learn from data and [`FeatureSpace::adapt`] was not called, the name ends otherwise, a layer has no
    /// saved form, or the file cannot be written.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        self.get_inputs()?;
        let layers: Vec<LayerRef> =
            self.features.iter().filter_map(|(_, f)| f.preprocessor.layer()).collect();
        let saved = layers.iter().map(|layer| layer.saved()).collect::<Result<Vec<_>>>()?;
        save_object(path.as_ref(), ROOT, &layers, saved, |saved| self.config(saved))
    }

    /// The config of the whole from those of the layers.
    fn config(&self, layers: Vec<Json>) -> Json {
        let (mut features, mut builds) = (Map::new(), Map::new());
        for ((column, feature), mut layer) in self.features.iter().zip(layers) {
            let shape = || json!({"input_shape": [null, 1]});
            let own = feature.preprocessor.layer();
            let build = own.as_ref().and_then(|layer| layer.build_config(layer.base().built_for()?));
            let build = build.unwrap_or_else(shape);
            layer["build_config"] = build.clone();
            let config =
                json!({"dtype": feature.dtype, "preprocessor": layer, "output_mode": feature.output_mode});
            features.insert(column.clone(), in_envelope(MODULE, "Feature", config, Some("Feature".into())));
            builds.insert(column.clone(), build);
        }
        let cross = |cross: &Cross| {
            let config = json!({
                "feature_names": cross.features,
                "crossing_dim": cross.crossing_dim.unwrap_or(self.crossing_dim),
                "output_mode": cross.output_mode,
            });
            in_envelope(MODULE, "Cross", config, Some("Cross".into()))
        };
        let config = json!({
            "features": features,
            "output_mode": self.output_mode,
            "crosses": self.crosses.iter().map(cross).collect::<Vec<_>>(),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        });
        let mut whole = in_envelope("keras.utils", "FeatureSpace", config, None);
        whole["build_config"] = builds.into();
        whole
    }

    /// The features that [`FeatureSpace::save`], or Keras, saved.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds no `FeatureSpace`.
    pub fn load(path: impl AsRef<Path>) -> Result<FeatureSpace> {
        let mut file = ObjectFile::open(path.as_ref())?;
        let bad = |message: String| Error::Format { what: path.as_ref().display().to_string(), message };
        let config = &mut file.config;
        if config["class_name"] != "FeatureSpace" {
            return Err(bad(format!("holds no FeatureSpace, but {}", excerpt(config))));
        }
        let mut config = config["config"].take();
        let saved_layer = |feature: &Json| feature["config"]["preprocessor"].clone();
        let given = config["features"].as_object_mut().map(std::mem::take);
        let given = given.ok_or_else(|| bad("has no features".into()))?;
        let mut layers: Vec<Json> = given.values().map(saved_layer).collect();
        file.add_vocabularies(ROOT, &mut layers)?;
        let mut space = FeatureSpace::new();
        for ((column, feature), saved) in given.iter().zip(&layers) {
            let text = |key: &str| feature["config"][key].as_str().unwrap_or_default();
            let layer = file.within_size(|| list::from_saved(saved))?;
            let loaded = Feature::of_layer(text("dtype"), &layer, text("output_mode"));
            space.features.push((column.clone(), loaded));
        }
        let number = |of: &Json, key: &str| {
            let number = of[key].as_u64().and_then(|n| u32::try_from(n).ok());
            let wrong = || bad(format!("`{key}` must be a number of 32 bits, got {}", excerpt(&of[key])));
            Ok::<usize, Error>(number.ok_or_else(wrong)? as usize)
        };
        for cross in config["crosses"].as_array().into_iter().flatten() {
            let cross = &cross["config"];
            let names = cross["feature_names"].as_array().into_iter().flatten().filter_map(Json::as_str);
            let mode = cross["output_mode"].as_str().unwrap_or_default();
            space
                .crosses
                .push(Cross::new(names).crossing_dim(number(cross, "crossing_dim")?).output_mode(mode));
        }
        space.output_mode = config["output_mode"].as_str().unwrap_or_default().into();
        space.crossing_dim = number(&config, "crossing_dim")?;
        space.hashing_dim = number(&config, "hashing_dim")?;
        space.num_discretization_bins = number(&config, "num_discretization_bins")?;
        let known = |(_, feature): &(String, Feature)| match &feature.preprocessor {
            Preprocessor::Discretization(layer) => layer.bin_boundaries.is_some(),
            Preprocessor::Integers(layer) => layer.vocabulary.is_some(),
            Preprocessor::Strings(layer) => layer.vocabulary.is_some(),
            Preprocessor::Texts(layer) => layer.vocabulary.is_some(),
            _ => true,
        };
        space.adapted = space.features.iter().all(known);
        if space.adapted {
            file.within_size(|| space.get_inputs())?;
            let layers: Vec<LayerRef> =
                space.features.iter().filter_map(|(_, f)| f.preprocessor.layer()).collect();
            file.load(ROOT, &layers)?;
        }
        Ok(space)
    }
}
