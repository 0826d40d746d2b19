//! A model as a layer of another.
use crate::layers::{Call, HasBase, Layer, LayerBase, LayerObject, LayerRef, Weights};
use crate::models::Functional;
use crate::shape::Shape;
use cornu_graph::{Error, Result, Value};
use serde_json::Value as Json;
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
        Err(Error::State(format!("the config of a nested `{}` cannot be written yet", self.class)))
    }

    fn saved(&self) -> Result<Json> {
        self.config()
    }

    fn with_config(&self, _: Json) -> Result<LayerRef> {
        Err(Error::State(format!("a nested `{}` cannot be made from a config yet", self.class)))
    }

    fn share(&self) -> LayerRef {
        let functional = self.functional.clone();
        Arc::new(NestedModel { base: self.base.share(), class: self.class, functional })
    }

    fn duplicate(&self) -> LayerRef {
        // The layers inside cannot be made anew without their saved form: the copy shares them.
        self.share()
    }
}

impl Layer for NestedModel {
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
