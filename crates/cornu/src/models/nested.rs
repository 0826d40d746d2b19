//! A model as a layer of another.
use crate::layers::{Call, HasBase, Layer, LayerBase, LayerObject, LayerRef, Weights};
use crate::models::model::first_shape;
use crate::models::{Functional, config, from_config};
use crate::shape::Shape;
use cornu_graph::{Error, Result, Value};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The layer that stands for a model. Its layers' weights are the model's own.
#[derive(Debug)]
pub(crate) struct NestedModel {
    pub base: LayerBase,
    pub class: &'static str,
    pub functional: Arc<Functional>,
}

impl HasBase for NestedModel {
    fn base(&self) -> &LayerBase {
        &self.base
    }
    fn base_mut(&mut self) -> &mut LayerBase {
        &mut self.base
    }
}

impl LayerObject for NestedModel {
    fn class_name(&self) -> &'static str {
        self.class
    }

    fn config(&self) -> Result<Json> {
        let name = self.base.resolved_name(self.class);
        if self.class == "Functional" {
            return config::functional(&self.functional, name, self.base.is_trainable());
        }
        let shape = first_shape(&self.functional);
        config::sequential(&self.functional.layers, shape.as_ref(), name, &self.base)
    }

    fn saved(&self) -> Result<Json> {
        Ok(envelope(self.class, self.config()?))
    }

    fn with_config(&self, config: Json) -> Result<LayerRef> {
        from_config::model(&envelope(self.class, config))?.as_layer()
    }

    fn share(&self) -> LayerRef {
        let functional = self.functional.clone();
        Arc::new(NestedModel { base: self.base.share(), class: self.class, functional })
    }

    fn duplicate(&self) -> LayerRef {
        // A layer without a saved form cannot be made anew: the copy shares it.
        let Ok(copy) = self.config().and_then(|config| self.with_config(config)) else { return self.share() };
        if let Some(read) = self.base.as_read() {
            copy.base().set_as_read(read.clone());
        }
        copy.base().compiled_as(&self.base);
        copy
    }
}

/// Keras's envelope of a model.
pub(crate) fn envelope(class: &str, config: Json) -> Json {
    match class {
        "Sequential" => {
            json!({"module": "keras", "class_name": class, "config": config, "registered_name": null})
        }
        _ => json!({
            "module": "keras.src.models.functional",
            "class_name": class,
            "config": config,
            "registered_name": class,
        }),
    }
}

impl Layer for NestedModel {
    fn build_config(&self, inputs: &[Shape]) -> Option<Json> {
        let shape = inputs.first().filter(|_| self.class == "Sequential");
        Some(json!({"input_shape": shape}))
    }

    fn build_many(&self, _: &mut Weights, inputs: &[Shape]) -> Result<()> {
        let expected = self.functional.inputs.len();
        if inputs.len() == expected {
            return Ok(());
        }
        Err(Error::argument("inputs", format!("the model takes {expected} inputs, got {}", inputs.len())))
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        Ok(self.call_masked(cx, inputs)?.0)
    }

    /// Outputs and masks come from one trace: a second would update moving means and draw random numbers again.
    fn call_masked(&self, cx: &Call, inputs: &[Value]) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        self.functional.call(
            &|node, x, masks| cx.apply_given(&node.layer, &node.given, x, masks),
            inputs,
            cx.masks(),
        )
    }

    fn sublayers(&self) -> Vec<LayerRef> {
        self.functional.layers.clone()
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}
