//! Running a cell over time.
use crate::layers::checks;
use crate::layers::prelude::*;
use crate::variable::Role;
use serde_json::{Value as Json, json};

/// What recurrent layers say about the loop.
pub(super) struct Recurrence {
    pub return_sequences: bool,
    pub return_state: bool,
    pub go_backwards: bool,
    pub stateful: bool,
    pub unroll: bool,
    pub zero_output_for_mask: bool,
}

/// One step of a cell: output and new states of an input and states.
type Step<'a> = dyn Fn(&Value, &[Value]) -> Result<(Value, Vec<Value>)> + 'a;

/// Where the cell is saved.
pub(super) const CELL: &str = "cell";

/// The shapes that Keras saves a recurrent layer with.
pub(super) fn build_config(inputs: &[Shape]) -> Option<Json> {
    let with = |sequences: &Shape, state: Json| json!({"shapes_dict": {"sequences_shape": sequences, "initial_state_shape": state}});
    Some(match inputs {
        [sequences, state] => with(sequences, json!(state)),
        [sequences, states @ ..] if !states.is_empty() => with(sequences, json!(states)),
        _ => json!({"input_shape": inputs.first()}),
    })
}

impl Recurrence {
    /// Builds the cell, and the states that live from batch to batch.
    pub fn build(&self, weights: &mut Weights, cell: &LayerRef, inputs: &[Shape]) -> Result<()> {
        let input = inputs.first().ok_or_else(|| Error::Data("a recurrent layer needs an input".into()))?;
        if input.rank() < 3 {
            let message = format!("expected an input of shape (batch, time, features), got {input}");
            let help = "a recurrent layer before it gives a sequence with `return_sequences(true)`";
            return Err(Error::Data(message).help(help));
        }
        let step = Shape([&input.dims()[..1], &input.dims()[2..]].concat());
        weights.add_layer(CELL, cell, std::slice::from_ref(&step))?;
        if self.stateful {
            let batch = input.dims()[0].ok_or_else(|| {
                let error = Error::argument("stateful", "the batch size must be known");
                error.help("give `batch_size` to `Input`")
            })?;
            for (i, shape) in state_shapes(cell, &step)?.into_iter().enumerate() {
                let shape = [&[batch], &shape[..]].concat();
                weights.add(&state_name(i), shape, &Initializer::from("zeros")).role(Role::State);
            }
        }
        Ok(())
    }

    /// The output, or the outputs of all steps, and with `return_state` the last states.
    pub fn run(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let cell = cx.child(CELL)?;
        let x = inputs.first().ok_or_else(|| Error::Data("a recurrent layer needs an input".into()))?;
        if x.dim(1) == 0 {
            return Err(Error::Data(format!("a sequence of no steps: the input has shape {:?}", x.shape())));
        }
        let x = &x.cast(cx.dtype());
        let initial = self.initial_states(cx, cell, x, &inputs[1..])?;
        let constants = cx.cell_constants(cell, x)?;
        let step = |x: &Value, states: &[Value]| {
            let arguments: Vec<Value> = [x].into_iter().chain(states).chain(&constants).cloned().collect();
            let mut outputs = cx.apply(cell, &arguments)?;
            if outputs.len() != states.len() + 1 {
                let message =
                    format!("a cell gives its output and {} states, got {}", states.len(), outputs.len());
                return Err(Error::State(message));
            }
            let next = outputs.split_off(1);
            let next = next.iter().zip(states).map(|(next, state)| next.cast(state.dtype())).collect();
            Ok((outputs.remove(0), next))
        };

        let time_major = x.swap_axes(0, 1);
        let mask = cx.sequence_mask(inputs.len()).map(|m| m.swap_axes(0, 1));
        let looped = if self.unroll {
            None
        } else {
            // What a cell does besides, step by step, finds no way out of a loop.
            cx.without_effects(|| self.scanned(cx, &time_major, mask.as_ref(), initial.clone(), &step))?
        };
        let (sequence, last, states) = match looped {
            Some(found) => found,
            None => self.unrolled(&time_major, mask.as_ref(), initial, &step)?,
        };
        if self.stateful {
            states.iter().enumerate().try_for_each(|(i, s)| cx.update(&state_name(i), s))?;
        }
        let sequence = sequence.filter(|_| self.return_sequences);
        let mut outputs = vec![sequence.map_or(last, |sequence| sequence.swap_axes(0, 1))];
        if self.return_state {
            outputs.extend(states);
        }
        // The cell may compute in another dtype.
        Ok(outputs.iter().map(|y| y.cast(cx.dtype())).collect())
    }

    /// In the dtype of the cell.
    fn initial_states(&self, cx: &Call, cell: &LayerRef, x: &Value, given: &[Value]) -> Result<Vec<Value>> {
        let step = Shape::from([&x.shape()[..1], &x.shape()[2..]].concat());
        let zeros = zero_states(cell, x, &step)?;
        let states = if !given.is_empty() {
            given.to_vec()
        } else if self.stateful {
            (0..zeros.len()).map(|i| cx.weight(&state_name(i))).collect::<Result<_>>()?
        } else {
            cx.cell_states(cell, x)?.unwrap_or_else(|| zeros.clone())
        };
        if states.len() != zeros.len() {
            let message = format!("expected {} initial states, got {}", zeros.len(), states.len());
            return Err(Error::Data(message));
        }
        Ok(states.iter().zip(&zeros).map(|(state, zero)| state.cast(zero.dtype())).collect())
    }

    fn scanned(
        &self,
        cx: &Call,
        x: &Value,
        mask: Option<&Value>,
        initial: Vec<Value>,
        step: &Step,
    ) -> Result<(Option<Value>, Value, Vec<Value>)> {
        let length = x.dim(0);
        let count = initial.len();
        let mut carries = initial;
        if mask.is_some() {
            // The output before the first step; only its shape is taken from this trial step.
            let (trial, _) = step(&x.index_axis(0, 0), &carries)?;
            carries.push(trial.full_like(0.0));
        }
        let sequences: Vec<Value> = [Some(x), mask].into_iter().flatten().cloned().collect();
        // Where the last output is a state as well, the others need not be kept.
        let mut last_is = None;
        let (mut last, stacked) =
            cx.builder().scan(&carries, &sequences, length, self.go_backwards, |_, carries, slices| {
                let (output, mut next) = step(&slices[0], &carries[..count])?;
                let mut shown = output.clone();
                if let Some(mask) = slices.get(1) {
                    let ((masked, kept), states) =
                        self.masked(mask, &output, next, &carries[..count], &carries[count]);
                    next = states;
                    next.push(kept);
                    shown = masked;
                }
                if !self.return_sequences && length > 0 {
                    last_is = next.iter().position(|state| state.id() == shown.id());
                }
                let stacked = if last_is.is_none() { vec![shown] } else { vec![] };
                Ok((next, stacked))
            })?;
        let Some(sequence) = stacked.first() else {
            let end = last_is.and_then(|i| last.get(i)).cloned();
            let end = end.ok_or_else(|| Error::State("a loop over time gave no output".into()))?;
            last.truncate(count);
            return Ok((None, end, last));
        };
        last.truncate(count);
        let sequence = if self.go_backwards { sequence.flip([0]) } else { sequence.clone() };
        let end = sequence.index_axis(0, length.saturating_sub(1));
        Ok((Some(sequence), end, last))
    }

    /// Where the mask is false, states stay and the output is the one before, or zero.
    fn masked(
        &self,
        mask: &Value,
        output: &Value,
        states: Vec<Value>,
        before: &[Value],
        output_before: &Value,
    ) -> ((Value, Value), Vec<Value>) {
        let keep = |new: &Value, old: &Value| {
            let mut mask = mask.clone();
            // After an error the rank stays what it is.
            for _ in mask.rank()..new.rank() {
                mask = mask.expand_dims(-1);
            }
            mask.select(new, old)
        };
        let kept = keep(output, output_before);
        let shown =
            if self.zero_output_for_mask { keep(output, &output.full_like(0.0)) } else { kept.clone() };
        let next = states.iter().zip(before).map(|(new, old)| keep(new, old)).collect();
        ((shown, kept), next)
    }

    fn unrolled(
        &self,
        x: &Value,
        mask: Option<&Value>,
        initial: Vec<Value>,
        step: &Step,
    ) -> Result<(Option<Value>, Value, Vec<Value>)> {
        let length = x.dim(0);
        let mut states = initial;
        let mut before: Option<Value> = None;
        let mut outputs: Vec<Value> = vec![];
        for i in 0..length {
            let at = if self.go_backwards { length - 1 - i } else { i };
            let (output, next) = step(&x.index_axis(0, at), &states)?;
            let Some(mask) = mask else {
                states = next;
                outputs.push(output);
                continue;
            };
            let previous = before.take().unwrap_or_else(|| output.full_like(0.0));
            let ((shown, kept), next) =
                self.masked(&mask.index_axis(0, at), &output, next, &states, &previous);
            states = next;
            before = Some(kept);
            outputs.push(shown);
        }
        let last = outputs.last().cloned().ok_or_else(|| Error::Data("a sequence of no steps".into()))?;
        Ok((Some(Value::stack(&outputs.iter().collect::<Vec<_>>(), 0)), last, states))
    }

    /// The mask goes on with sequences, and ends with the last output.
    pub fn masks(&self, cx: &Call, outputs: &[Value]) -> Vec<Option<Value>> {
        let first = if self.return_sequences { cx.mask().cloned() } else { None };
        let mut masks = vec![None; outputs.len()];
        masks[0] = first;
        masks
    }
}

/// The shapes of a cell's states without the batch axis, from that of one step.
fn state_shapes(cell: &LayerRef, step: &Shape) -> Result<Vec<Vec<usize>>> {
    cell.state_shapes(step)?.ok_or_else(|| {
        let error = Error::argument("cell", format!("{} is not a cell: it has no state", cell.class_name()));
        error.help("a cell's `state_sizes` says how large its states are")
    })
}

/// States of zeros for a sequence `x`, in the dtype of the cell.
pub(super) fn zero_states(cell: &LayerRef, x: &Value, step: &Shape) -> Result<Vec<Value>> {
    let dtype = cell.base().built().map_or(&cell.base().dtype, |built| &built.dtype).compute_dtype()?;
    let zero = x.scalar(0.0).cast(dtype);
    let zeros = |shape: Vec<usize>| zero.broadcast_to(&[&x.shape()[..1], &shape[..]].concat());
    Ok(state_shapes(cell, step)?.into_iter().map(zeros).collect())
}

fn state_name(i: usize) -> String {
    format!("rnn_state_{i}")
}

/// A mask that drops a share of the features, the same for all steps of a sequence; `None` when nothing is dropped.
pub(super) fn dropout_mask(cx: &Call, what: &str, rate: f64, shape: &[usize]) -> Result<Option<Value>> {
    checks::share(what, rate)?;
    if rate == 0.0 || !cx.training() {
        return Ok(None);
    }
    let dtype = cx.dtype();
    let kept = cx.random(|state| state.bernoulli(1.0 - rate, shape))?;
    let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
    Ok(Some(kept.cast(dtype) * scale))
}

/// Declares the recurrent layer of a cell: the arguments of the loop, then those of the cell, which `;` splits where Keras
/// writes `activity_regularizer`.
macro_rules! recurrent_layer {
    (
        $(#[$doc:meta])*
        $Layer:ident of $Cell:ident {
            $($(#[$first_doc:meta])* $first:ident: $FirstType:ty = $first_default:expr),* ;
            $($(#[$field_doc:meta])* $field:ident: $Type:ty = $default:expr),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[layer("keras.layers")]
        pub struct $Layer {
            /// Whether to give the outputs of all steps.
            #[default(false)]
            pub return_sequences: bool,
            /// Whether to give the last states too.
            #[default(false)]
            pub return_state: bool,
            /// Whether to run from the last step to the first.
            #[default(false)]
            pub go_backwards: bool,
            /// Whether the last states of a batch are the first of the next.
            #[default(false)]
            pub stateful: bool,
            /// Whether to lay the steps out one after the other instead of in a loop.
            #[default(false)]
            pub unroll: bool,
            /// Whether masked steps give zeros instead of the output before.
            #[default(false)]
            pub zero_output_for_mask: bool,
            /// Size of output and states.
            pub units: usize,
            $($(#[$first_doc])* #[default($first_default)] pub $first: $FirstType,)*
            /// On the output.
            #[default(None)]
            pub activity_regularizer: Option<Regularizer>,
            $($(#[$field_doc])* #[default($default)] pub $field: $Type,)*
        }

        impl $Layer {
            fn recurrence(&self) -> Recurrence {
                Recurrence {
                    return_sequences: self.return_sequences,
                    return_state: self.return_state,
                    go_backwards: self.go_backwards,
                    stateful: self.stateful,
                    unroll: self.unroll,
                    zero_output_for_mask: self.zero_output_for_mask,
                }
            }

            fn cell(&self) -> $Cell {
                // Keras names them all alike.
                let name = $crate::utils::naming::snake_case(stringify!($Cell));
                let mut cell = $Cell::new(self.units).dtype(self.base.dtype.clone()).name(name);
                $(cell.$first = self.$first.clone();)*
                $(cell.$field = self.$field.clone();)*
                cell
            }
        }

        impl Layer for $Layer {
            fn parameters(&self) -> &'static [&'static str] {
                &["sequences", "initial_state"]
            }

            fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
                let cell: LayerRef = Arc::new(self.cell());
                self.recurrence().build(weights, &cell, inputs)
            }

            fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
                self.recurrence().run(cx, inputs)
            }

            fn build_config(&self, inputs: &[Shape]) -> Option<serde_json::Value> {
                super::recurrence::build_config(inputs)
            }

            fn supports_masking(&self) -> bool {
                true
            }

            fn compute_mask(&self, cx: &Call, _: &[Value], outputs: &[Value]) -> Result<Vec<Option<Value>>> {
                Ok(self.recurrence().masks(cx, outputs))
            }
        }
    };
}
pub(super) use recurrent_layer;
