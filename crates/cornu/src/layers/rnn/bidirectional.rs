//! Both directions of time.
use crate::arguments::keyword;
use crate::layers::given::MASK;
use crate::layers::prelude::*;
use crate::layers::{Given, LayerBox, LayerRef};

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

/// Runs a recurrent layer forward and a copy of it backward, and joins their outputs. Keras's `Bidirectional`.
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
    /// The layer that runs backward; by default a copy of the other.
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

    /// An argument of the wrapped layer.
    fn wrapped(&self, key: &str) -> Result<bool> {
        Ok(self.layer.layer().config()?.get(key).and_then(serde_json::Value::as_bool).unwrap_or(false))
    }
}

/// The layer under another name, in the direction asked for.
fn directed(layer: &LayerRef, prefix: &str, flip: bool) -> Result<LayerRef> {
    let mut config = layer.config()?;
    let Some(backwards) = config.get("go_backwards").and_then(serde_json::Value::as_bool) else {
        let message = format!("{} is not a recurrent layer: it has no `go_backwards`", layer.class_name());
        return Err(Error::argument("Bidirectional.layer", message));
    };
    config["go_backwards"] = (backwards != flip).into();
    config["name"] = named(layer.name(), prefix).into();
    layer.with_config(config)
}

/// A layer from a file has the prefix already.
fn named(name: &str, prefix: &str) -> String {
    let start = format!("{prefix}_");
    format!("{start}{}", name.strip_prefix(&start).unwrap_or(name))
}

impl Layer for Bidirectional {
    /// Keras writes both directions, under the names that they run by.
    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        let name = self.layer.layer().name();
        if config["backward_layer"].is_null() {
            let mut backward = config["layer"].clone();
            let is_backward = backward["config"]["go_backwards"].as_bool().unwrap_or_default();
            backward["config"]["go_backwards"] = (!is_backward).into();
            backward["config"]["name"] = named(name, "backward").into();
            config["backward_layer"] = backward;
        }
        config["layer"]["config"]["name"] = named(name, "forward").into();
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["sequences", "initial_state"]
    }

    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        if let Some(mode) = &self.merge_mode {
            mode.check()?;
        }
        let forward = directed(self.layer.layer(), "forward", false)?;
        let backward = match &self.backward_layer {
            Some(given) => {
                let given = given.layer();
                if given.config()?.get("go_backwards") == forward.config()?.get("go_backwards") {
                    let message = "must run the other way: `go_backwards` differs from the forward layer's";
                    return Err(Error::argument("Bidirectional.backward_layer", message));
                }
                given.duplicate()
            }
            None => directed(self.layer.layer(), "backward", true)?,
        };
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
        let (y, mut back) = (forward.remove(0), backward.remove(0));
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

    fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
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
