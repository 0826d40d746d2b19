//! A layer as an argument of another.
use crate::layers::{Layer, LayerRef, list};
use crate::models::config;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// The layer that a wrapper wraps. Made from any layer; saved as Keras saves layers.
///
/// A clone holds another layer of the same config, without weights.
#[derive(Debug)]
pub struct LayerBox(LayerRef);

impl LayerBox {
    /// The layer.
    pub fn layer(&self) -> &LayerRef {
        &self.0
    }
}

impl Clone for LayerBox {
    fn clone(&self) -> Self {
        LayerBox(self.0.duplicate())
    }
}

impl<L: Layer> From<L> for LayerBox {
    fn from(layer: L) -> LayerBox {
        LayerBox(layer.share())
    }
}

impl From<LayerRef> for LayerBox {
    fn from(layer: LayerRef) -> LayerBox {
        LayerBox(layer)
    }
}

/// Equal class and config, whatever the name.
impl PartialEq for LayerBox {
    fn eq(&self, other: &LayerBox) -> bool {
        let config = |l: &LayerBox| {
            let mut config = l.0.config().ok()?;
            config["name"] = Json::Null;
            Some((l.0.class_name(), config))
        };
        config(self).is_some_and(|own| Some(own) == config(other))
    }
}

impl Serialize for LayerBox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // With the shapes it was built for, if it was.
        config::saved(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LayerBox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        list::from_saved(&json).map(LayerBox).map_err(serde::de::Error::custom)
    }
}
