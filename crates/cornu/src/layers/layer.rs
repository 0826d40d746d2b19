//! The interface of layers.
use crate::layers::base::HasBase;
use crate::layers::{Call, HostLayer, Weights, lora};
use crate::object::{KerasObject, in_envelope, misfit};
use crate::regularizers::Regularizer;
use crate::shape::Shape;
use cornu_graph::{Error, Result, Tensor, Value};
use serde_json::{Value as Json, json};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// Classes that Keras takes to be built from the start, so that it saves no shapes of theirs; the nested models know theirs.
const UNBUILT: &[&str] = &[
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Dropout",
    "ELU",
    "Functional",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Identity",
    "InputLayer",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "ReLU",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "UnitNormalization",
];

/// A layer behind a pointer.
pub type LayerRef = Arc<dyn Layer>;

/// A layer: its config, how its weights are made, and what it computes. Made with `#[layer]`.
///
/// The common layer writes `build` and `call`; those with several inputs or outputs write `build_many` and `call_many`.
/// A layer states no output shape: it is found by tracing `call`.
pub trait Layer: LayerObject {
    /// Asks for weights, given the shape of the input (batch axis `None`).
    ///
    /// # Errors
    /// When no weights fit such an input.
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let _ = (weights, input);
        Ok(())
    }

    /// [`Layer::build`] for several inputs.
    ///
    /// # Errors
    /// When no weights fit such inputs.
    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        inputs.first().map_or(Ok(()), |input| self.build(weights, input))
    }

    /// One value in, one value out.
    ///
    /// # Errors
    /// When the input does not fit.
    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        let _ = (cx, x);
        Err(Error::State(format!("{} has neither `call` nor `call_many`", self.class_name())))
    }

    /// Several values in or out; most layers need only [`Layer::call`].
    ///
    /// # Errors
    /// When the inputs do not fit.
    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        match inputs {
            [x] => Ok(vec![self.call(cx, x)?]),
            _ => Err(Error::argument("inputs", format!("takes one input, got {}", inputs.len()))),
        }
    }

    /// Whether a mask of the input goes on to the output. Keras's `supports_masking`.
    fn supports_masking(&self) -> bool {
        false
    }

    /// The masks of the outputs (bool, `(batch, time)`). By default the mask of the first input, if
    /// [`Layer::supports_masking`].
    ///
    /// # Errors
    /// When a mask does not fit.
    fn compute_mask(&self, cx: &Call, inputs: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        let _ = inputs;
        let mask = if self.supports_masking() { cx.mask().cloned() } else { None };
        Ok(vec![mask; outputs.len()])
    }

    /// [`Layer::call_many`] and [`Layer::compute_mask`] together, for layers that find both at once.
    ///
    /// # Errors
    /// When the inputs or their masks do not fit.
    fn call_masked(&self, cx: &Call, inputs: &[Value]) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        let outputs = self.call_many(cx, inputs)?;
        cx.builder().check()?;
        let masks = self.compute_mask(cx, inputs, &outputs)?;
        Ok((outputs, masks))
    }

    /// The parameters of Keras's `call` that take tensors or options, in its order, without `mask` and `training`. By default
    /// there is one, which takes all tensors.
    fn parameters(&self) -> &'static [&'static str] {
        &["inputs"]
    }

    /// The shapes that Keras saves a built layer with; by default that of the first input, for layers with weights.
    fn build_config(&self, inputs: &[Shape]) -> Option<Json> {
        if UNBUILT.contains(&self.class_name()) {
            return None;
        }
        // One argument that is a list of tensors has a list of shapes.
        match inputs {
            [_, _, ..] if self.parameters().len() == 1 => Some(json!({"input_shape": inputs})),
            _ => Some(json!({"input_shape": inputs.first()})),
        }
    }

    /// Puts what follows from other arguments into the config, as Keras writes it; of a built layer also what follows from the
    /// shapes of its `inputs`.
    fn settle(&self, config: &mut Json, inputs: Option<&[Shape]>) {
        let _ = (config, inputs);
    }

    /// Arrays that Keras keeps beside the weights, by their paths (`"idf_weights"`), though they follow from the config.
    fn saved_arrays(&self) -> Vec<(&'static str, Tensor)> {
        vec![]
    }

    /// The weight that `enable_lora` is for; none unless said otherwise.
    fn lora_weight(&self) -> Option<&'static str> {
        None
    }

    /// Objects within Keras's class that hold no weights of the layer and have their places in files nonetheless: attribute and
    /// name.
    fn saved_parts(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Layers within this one whose weights are not asked for through [`Weights::add_layer`]: those of a nested model.
    fn sublayers(&self) -> Vec<LayerRef> {
        vec![]
    }

    /// What the layer does before the graph, if it does not work within it.
    fn on_host(&self) -> Option<&dyn HostLayer> {
        None
    }

    /// What the layer does when another that works before the graph needs its output; by default [`Layer::on_host`] alone.
    fn before_graph(&self) -> Option<&dyn HostLayer> {
        self.on_host()
    }

    /// For cells of [`RNN`](crate::layers::RNN): the sizes of the states. A cell takes one step of the input and its states,
    /// and gives its output and the next states.
    fn state_sizes(&self) -> Option<Vec<usize>> {
        None
    }

    /// For cells: the size of the output; that of the first state unless said otherwise.
    fn output_size(&self) -> Option<usize> {
        self.state_sizes().and_then(|sizes| sizes.first().copied())
    }

    /// For cells whose states are images: the shapes of the states without the batch axis, from that of one step of the
    /// input. Vectors of [`Layer::state_sizes`] unless said otherwise.
    ///
    /// # Errors
    /// When no states fit such a step.
    fn state_shapes(&self, step: &Shape) -> Result<Option<Vec<Vec<usize>>>> {
        let _ = step;
        Ok(self.state_sizes().map(|sizes| sizes.into_iter().map(|size| vec![size]).collect()))
    }

    /// For cells: how many values [`Layer::cell_constants`] gives.
    fn constant_count(&self, training: bool) -> usize {
        let _ = training;
        0
    }

    /// For cells: what is drawn once for a whole sequence `x` (`(batch, time, features)`), as masks of dropout. The cell gets
    /// it after its states at each step.
    ///
    /// # Errors
    /// When an argument makes no sense.
    fn cell_constants(&self, cx: &Call, x: &Value) -> Result<Vec<Value>> {
        let _ = (cx, x);
        Ok(vec![])
    }

    /// For cells: the states before the first step of a sequence `x` (`(batch, time, features)`), where none are given; zeros
    /// unless said otherwise. Layers that keep states from batch to batch begin with zeros. Keras's `get_initial_state`.
    ///
    /// # Errors
    /// When there are no such states.
    fn initial_states(&self, cx: &Call, x: &Value) -> Result<Option<Vec<Value>>> {
        let _ = (cx, x);
        Ok(None)
    }

    /// What a call adds to the loss for each of its outputs, by the number of samples; by default the `activity_regularizer`.
    fn output_penalty(&self) -> Option<Regularizer> {
        self.activity_regularizer().cloned()
    }

    /// Whether integers and bools among the inputs become numbers of the compute dtype, as they do where weights multiply them.
    fn takes_floats(&self) -> bool {
        false
    }

    /// Whether inputs that are not of the compute dtype stay as they are. Keras's `autocast=False`.
    fn keeps_input_dtype(&self) -> bool {
        false
    }
}

/// What every layer can do as a Keras object; follows from `#[layer]`.
pub trait LayerObject: HasBase + Any + Debug + Send + Sync {
    /// `Dense`
    fn class_name(&self) -> &'static str;
    /// Keras's `get_config`.
    ///
    /// # Errors
    /// When an argument has no saved form, as a closure has none.
    fn config(&self) -> Result<Json>;
    /// Keras's saved form: module, class, config and registered name.
    ///
    /// # Errors
    /// When an argument has no saved form.
    fn saved(&self) -> Result<Json>;
    /// Another layer of this class with another config.
    ///
    /// # Errors
    /// When the config does not fit the class.
    fn with_config(&self, config: Json) -> Result<LayerRef>;
    /// The same layer (same weights) behind a pointer.
    fn share(&self) -> LayerRef;
    /// Another layer of the same config, without weights, behind a pointer.
    fn duplicate(&self) -> LayerRef;
}

impl<T: Layer + KerasObject + HasBase + Clone + 'static> LayerObject for T {
    fn class_name(&self) -> &'static str {
        T::CLASS_NAME
    }

    fn config(&self) -> Result<Json> {
        config_of(self, T::CLASS_NAME, serde_json::to_value(self))
    }

    fn saved(&self) -> Result<Json> {
        Ok(in_envelope(T::MODULE, T::CLASS_NAME, self.config()?, T::registered_name()))
    }

    fn with_config(&self, config: Json) -> Result<LayerRef> {
        match serde_json::from_value::<T>(config) {
            Ok(layer) => Ok(Arc::new(layer)),
            Err(e) => Err(misfit(T::CLASS_NAME, &e)),
        }
    }

    fn share(&self) -> LayerRef {
        let mut shared = self.clone();
        *shared.base_mut() = self.base().share();
        Arc::new(shared)
    }

    fn duplicate(&self) -> LayerRef {
        Arc::new(self.clone())
    }
}

/// The config of a layer from what its fields are; apart from the impl above, as all that is the same for each class.
fn config_of(layer: &dyn Layer, class: &str, fields: serde_json::Result<Json>) -> Result<Json> {
    let mut config = fields.map_err(|e| misfit(class, &e))?;
    let base = layer.base();
    config["name"] = base.resolved_name(class).into();
    layer.settle(&mut config, base.built_for());
    if layer.lora_weight().is_some() {
        lora::settle(&mut config, base.built().and_then(|built| built.lora.get()));
    }
    Ok(match base.as_read() {
        Some(as_read) => as_read.config(config),
        None => config,
    })
}
