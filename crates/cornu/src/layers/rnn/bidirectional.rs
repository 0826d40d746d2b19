//! Both directions of time.
use crate::arguments::keyword;
use crate::layers::given::MASK;
use crate::layers::prelude::*;
use crate::layers::{Given, LayerBox, LayerRef};
use serde_json::Value as Json;

keyword! {
    /// How the outputs of both directions are joined.
    MergeMode as "merge_mode" {
        /// One after the other along the last axis.
        Concat "concat",
        /// Their sum.
        Sum "sum",
        /// Their product.
        Mul "mul",
        /// Their mean.
        Ave "ave",
    }
}

/// Runs a recurrent layer forward and a copy of it backward, and joins their outputs. With `return_sequences` masked steps give
/// zeros, whatever the layer's `zero_output_for_mask`. Keras's `Bidirectional`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 4]).tensor();
/// let y = Bidirectional::new(LSTM::new(8).return_sequences(true)).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 10, 16)");
/// ```
#[layer("keras.layers")]
pub struct Bidirectional {
    /// `"concat"` (default), `"sum"`, `"mul"`, `"ave"`; in a config also null: both outputs.
    #[default(MergeMode::Concat)]
    pub merge_mode: Option<MergeMode>,
    /// The layer that runs forward.
    pub layer: LayerBox,
    /// The layer that runs backward; by default a copy of the other. Must differ from it in `go_backwards`, and have the same
    /// `stateful`, `return_sequences` and `return_state`.
    #[default(None)]
    pub backward_layer: Option<LayerBox>,
}

impl Bidirectional {
    /// Gives both outputs apart, Keras's `merge_mode=None`.
    #[must_use]
    pub fn unmerged(mut self) -> Self {
        self.merge_mode = None;
        self
    }

    /// The layers that run forward and backward.
    fn directions(&self) -> Result<(LayerRef, LayerRef)> {
        let layer = self.layer.layer();
        let (forward, one) =
            directed(layer, |config| config["name"] = named(layer.name(), "forward").into())?;
        let (backward, other) = match &self.backward_layer {
            Some(given) => directed(given.layer(), |_| ())?,
            None => directed(layer, |config| {
                config["go_backwards"] = true.into();
                config["name"] = named(layer.name(), "backward").into();
            })?,
        };
        if flag(&one, "go_backwards") == flag(&other, "go_backwards") {
            let message = "must run the other way: `go_backwards` differs from the forward layer's";
            let error = Error::argument("Bidirectional.backward_layer", message);
            return Err(error.help("a layer that goes backwards needs a `backward_layer` that does not"));
        }
        if let Some(key) = COMMON.iter().find(|key| flag(&one, key) != flag(&other, key)) {
            let (one, other) = (flag(&one, key), flag(&other, key));
            let message = format!("must have the same `{key}` as the forward layer, {one}; got {other}");
            return Err(Error::argument("Bidirectional.backward_layer", message));
        }
        Ok((forward, backward))
    }

    /// An argument of the wrapped layer.
    fn wrapped(&self, key: &str) -> Result<bool> {
        Ok(flag(&self.layer.layer().config()?, key))
    }
}

/// What both directions must have in common.
const COMMON: [&str; 3] = ["stateful", "return_sequences", "return_state"];

fn flag(config: &Json, key: &str) -> bool {
    config.get(key).and_then(Json::as_bool).unwrap_or_default()
}

/// A layer as one of the directions: what it gives at masked steps of a sequence is zeros, whatever it would give alone.
fn directed(layer: &LayerRef, change: impl FnOnce(&mut Json)) -> Result<(LayerRef, Json)> {
    let mut config = layer.config()?;
    if !config["go_backwards"].is_boolean() {
        let message = format!("{} is not a recurrent layer: it has no `go_backwards`", layer.class_name());
        return Err(Error::argument("Bidirectional.layer", message));
    }
    change(&mut config);
    force_zeros(&mut config);
    Ok((layer.with_config(config.clone())?, config))
}

fn force_zeros(config: &mut Json) {
    if config.get("zero_output_for_mask").is_some() {
        config["zero_output_for_mask"] = flag(config, "return_sequences").into();
    }
}

/// A layer from a file has the prefix already.
fn named(name: &str, prefix: &str) -> String {
    let start = format!("{prefix}_");
    format!("{start}{}", name.strip_prefix(&start).unwrap_or(name))
}

impl Layer for Bidirectional {
    /// Keras writes both directions, under the names that they run by.
    fn settle(&self, config: &mut Json, _: Option<&[Shape]>) {
        let name = self.layer.layer().name();
        if config["backward_layer"].is_null() {
            let mut backward = config["layer"].clone();
            backward["config"]["go_backwards"] = true.into();
            backward["config"]["name"] = named(name, "backward").into();
            config["backward_layer"] = backward;
        }
        config["layer"]["config"]["name"] = named(name, "forward").into();
        ["layer", "backward_layer"].iter().for_each(|key| force_zeros(&mut config[key]["config"]));
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["sequences", "initial_state"]
    }

    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        if let Some(mode) = &self.merge_mode {
            mode.check()?;
        }
        let (forward, backward) = self.directions()?;
        let states = inputs.get(1..).unwrap_or_default();
        let (first, second) = states.split_at(states.len() / 2);
        let sequence = &inputs[..inputs.len().min(1)];
        let given = [Some(&self.layer), self.backward_layer.as_ref()];
        given.into_iter().flatten().for_each(|given| given.layer().base().copies_built_for(sequence));
        weights.add_layer("forward_layer", &forward, &[sequence, first].concat())?;
        weights.add_layer("backward_layer", &backward, &[sequence, second].concat())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let (x, states) =
            inputs.split_first().ok_or_else(|| Error::Data("a recurrent layer needs an input".into()))?;
        let (first, second) = states.split_at(states.len() / 2);
        let run = |name: &str, states: &[Value]| {
            let mask = cx.sequence_mask(inputs.len());
            let arguments: Vec<Value> = [x].into_iter().chain(states).chain(mask).cloned().collect();
            let mut given = Given::in_order();
            if mask.is_some() {
                let states = states.iter().map(|_| "initial_state");
                given.tensors =
                    ["sequences"].into_iter().chain(states).chain([MASK]).map(String::from).collect();
            }
            let masks = vec![None; arguments.len()];
            Ok::<_, Error>(cx.apply_given(cx.child(name)?, &given, &arguments, &masks)?.0)
        };
        let mut forward = run("forward_layer", first)?;
        let mut backward = run("backward_layer", second)?;
        let [y, mut back] = [&mut forward, &mut backward].map(|outputs| outputs.remove(0).cast(cx.dtype()));
        if self.wrapped("return_sequences")? {
            back = back.flip([1]);
        }
        let mut outputs = match &self.merge_mode {
            None => vec![y, back],
            Some(MergeMode::Sum) => vec![y + back],
            Some(MergeMode::Mul) => vec![y * back],
            Some(MergeMode::Ave) => vec![(y + back) * 0.5],
            Some(_) => vec![Value::concat(&[&y, &back], -1)],
        };
        outputs.extend(forward);
        outputs.extend(backward);
        Ok(outputs)
    }

    fn build_config(&self, inputs: &[Shape]) -> Option<Json> {
        super::recurrence::build_config(inputs)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask(&self, cx: &Call, _: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
        let mut masks = vec![None; outputs.len()];
        if self.wrapped("return_sequences")? {
            let merged = if self.merge_mode.is_some() { 1 } else { 2 };
            masks[..merged].fill(cx.mask().cloned());
        }
        Ok(masks)
    }
}
