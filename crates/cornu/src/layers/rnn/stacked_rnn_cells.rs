//! Several cells as one.
use super::recurrence::zero_states;
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

    /// What is asked of each cell, with the sequence that it gets. Only the shape matters of those that other cells give.
    fn each<T>(&self, cx: &Call, x: &Value, ask: impl Fn(&LayerRef, &Value) -> Result<T>) -> Result<Vec<T>> {
        let mut x = x.clone();
        let mut found = vec![];
        for i in 0..self.cells.len() {
            let cell = cx.child(&format!("cells/{i}"))?;
            found.push(ask(cell, &x)?);
            x = x.scalar(0.0).broadcast_to(&[x.dim(0), x.dim(1), cell.output_size().unwrap_or(1)]);
        }
        Ok(found)
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
        Ok(self.each(cx, x, |cell, x| cx.cell_constants(cell, x))?.concat())
    }

    fn initial_states(&self, cx: &Call, x: &Value) -> Result<Option<Vec<Value>>> {
        let states = self.each(cx, x, |cell, x| {
            let step = Shape::from([&x.shape()[..1], &x.shape()[2..]].concat());
            Ok(cx.cell_states(cell, x)?.unwrap_or(zero_states(cell, x, &step)?))
        })?;
        Ok(Some(states.concat()))
    }

    fn constant_count(&self, training: bool) -> usize {
        self.cells.iter().map(|c| c.layer().constant_count(training)).sum()
    }
}
