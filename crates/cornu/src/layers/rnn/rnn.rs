//! A recurrent layer of any cell.
use super::recurrence::Recurrence;
use super::stacked_rnn_cells::StackedRNNCells;
use crate::layers::LayerBox;
use crate::layers::prelude::*;

/// Runs a cell over time: `(batch, time, ..)` to the cell's output, or its outputs of all steps with `return_sequences`.
/// A list of cells is stacked. Keras's `RNN`.
///
/// A cell is a layer whose `state_sizes` are given: it takes one step of the input and its states, and gives its output and
/// the next states.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([10, 4]).tensor();
/// assert_eq!(RNN::new(LSTMCell::new(8)).apply(&x).shape().to_string(), "(None, 8)");
/// ```
#[layer("keras.layers")]
pub struct RNN {
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
    /// What is run.
    pub cell: LayerBox,
}

impl<const N: usize> From<[LayerBox; N]> for LayerBox {
    fn from(cells: [LayerBox; N]) -> LayerBox {
        StackedRNNCells::new(cells.to_vec()).into()
    }
}

impl RNN {
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
}

impl Layer for RNN {
    fn parameters(&self) -> &'static [&'static str] {
        &["sequences", "initial_state"]
    }

    fn build_many(&self, weights: &mut Weights, inputs: &[Shape]) -> Result<()> {
        self.recurrence().build(weights, self.cell.layer(), inputs)
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
