//! Several cells as one.
use crate::layers::LayerBox;
use crate::layers::prelude::*;

/// Cells on top of each other, each fed by the output of the one below. Keras's `StackedRNNCells`.
///
/// ```
/// use cornu::prelude::*;
/// let cells = StackedRNNCells::new([GRUCell::new(8).into(), LSTMCell::new(4).into()]);
/// let x = Input::new([10, 4]).tensor();
/// assert_eq!(RNN::new(cells).apply(&x).shape().to_string(), "(None, 4)");
/// ```
#[layer("keras.layers")]
pub struct StackedRNNCells {
    /// From bottom to top.
    pub cells: Vec<LayerBox>,
}

impl StackedRNNCells {
    /// The number of states of each cell.
    fn counts(&self) -> Vec<usize> {
        self.cells.iter().map(|c| c.layer().state_sizes().map_or(0, |s| s.len())).collect()
    }
}

impl Layer for StackedRNNCells {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        let mut input = input.clone();
        for (i, cell) in self.cells.iter().enumerate() {
            let layer = cell.layer();
            let Some(output) = layer.output_size() else {
                let message = format!("cell {i}, {}, is not a cell: it has no state", layer.class_name());
                return Err(Error::argument("cells", message));
            };
            weights.add_layer(&format!("cells/{i}"), layer, &[input.clone()])?;
            input = Shape(vec![input.dims().first().copied().flatten(), Some(output)]);
        }
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let counts = self.counts();
        let total: usize = counts.iter().sum();
        let Some((x, rest)) = inputs.split_first().filter(|(_, rest)| rest.len() >= total) else {
            return Err(Error::Data(format!("the cells take an input and {total} states")));
        };
        let (mut states, mut constants) = rest.split_at(total);
        let mut x = x.clone();
        let mut next = vec![];
        for (i, &count) in counts.iter().enumerate() {
            let cell = cx.child(&format!("cells/{i}"))?;
            let own;
            (own, states) = states.split_at(count);
            let drawn;
            (drawn, constants) = constants.split_at(cell.constant_count(cx.training()).min(constants.len()));
            let arguments: Vec<Value> = [&x].into_iter().chain(own).chain(drawn).cloned().collect();
            let mut outputs = cx.apply(cell, &arguments)?;
            next.extend(outputs.split_off(1));
            x = outputs.remove(0);
        }
        next.insert(0, x);
        Ok(next)
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        let sizes = self.cells.iter().map(|c| c.layer().state_sizes()).collect::<Option<Vec<_>>>()?;
        Some(sizes.concat())
    }

    fn output_size(&self) -> Option<usize> {
        self.cells.last().and_then(|c| c.layer().output_size())
    }

    fn cell_constants(&self, cx: &Call, x: &Value) -> Result<Vec<Value>> {
        let mut constants = vec![];
        let mut x = x.clone();
        for i in 0..self.cells.len() {
            let cell = cx.child(&format!("cells/{i}"))?;
            constants.extend(cx.cell_constants(cell, &x)?);
            // Only the sizes matter to a mask: the next cell gets this one's output.
            let width = cell.output_size().unwrap_or(1);
            x = x.scalar(0.0).broadcast_to(&[x.dim(0), x.dim(1), width]);
        }
        Ok(constants)
    }

    fn constant_count(&self, training: bool) -> usize {
        self.cells.iter().map(|c| c.layer().constant_count(training)).sum()
    }
}
