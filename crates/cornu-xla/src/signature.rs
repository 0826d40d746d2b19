//! What a compiled graph takes and gives.
use cornu_graph::{Error, Graph, Result, Spec, Tensor};

/// The specs of a graph's inputs and outputs, of which the first `state` are variables.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub inputs: Vec<Spec>,
    pub outputs: Vec<Spec>,
    pub state: usize,
    /// The variables in the order in which the program takes them: those that it writes, then those that it only reads.
    pub order: Vec<usize>,
    /// How many variables the program writes.
    pub written: usize,
}

impl Signature {
    /// The program of a graph, and what the graph takes and gives. Of the program's variables only those are its state that
    /// get another value: the others are neither handed over nor given back, and outlive a run that fails.
    pub fn split(graph: &Graph) -> (Graph, Signature) {
        let specs = |values: &[cornu_graph::ValueId]| values.iter().map(|&v| graph.spec(v).clone()).collect();
        let (mut order, read): (Vec<usize>, Vec<usize>) =
            (0..graph.state).partition(|&i| graph.outputs[i] != graph.inputs[i]);
        let mut program = graph.clone();
        let results = &graph.outputs[graph.state..];
        program.state = order.len();
        program.outputs = order.iter().map(|&i| graph.outputs[i]).chain(results.iter().copied()).collect();
        order.extend(read);
        let batch = &graph.inputs[graph.state..];
        program.inputs = order.iter().map(|&i| graph.inputs[i]).chain(batch.iter().copied()).collect();
        let signature = Signature {
            inputs: specs(&graph.inputs),
            outputs: specs(&graph.outputs),
            state: graph.state,
            order,
            written: program.state,
        };
        (program, signature)
    }

    /// The variables that a run writes.
    pub fn written(&self) -> &[usize] {
        &self.order[..self.written]
    }

    /// The specs of the outputs besides the variables.
    pub fn results(&self) -> &[Spec] {
        &self.outputs[self.state..]
    }

    /// Fails unless a run fits: `state` variables, these inputs.
    pub fn check(&self, state: usize, inputs: &[Tensor]) -> Result<()> {
        let (wanted, got) = ((self.state, self.inputs.len() - self.state), (state, inputs.len()));
        if got != wanted {
            let message = format!("a graph with {wanted:?} variables and inputs was given {got:?}");
            return Err(Error::Data(message));
        }
        for (i, (tensor, spec)) in inputs.iter().zip(&self.inputs[self.state..]).enumerate() {
            if tensor.dtype() != spec.dtype || tensor.shape() != spec.shape {
                let got = Spec::new(tensor.dtype(), tensor.shape());
                return Err(Error::Data(format!("input {i} of the graph is {spec}, got {got}")));
            }
        }
        Ok(())
    }

    /// Fails unless variable `i` may be of this spec.
    pub fn check_variable(&self, i: usize, got: &Spec) -> Result<()> {
        let spec = &self.inputs[i];
        if got == spec { Ok(()) } else { Err(Error::Data(format!("variable {i} is {spec}, got {got}"))) }
    }

    /// Fails unless there are `outputs` outputs besides the variables.
    pub fn check_outputs(&self, outputs: usize) -> Result<()> {
        let wanted = self.results().len();
        if outputs == wanted {
            return Ok(());
        }
        Err(Error::Data(format!("a graph with {wanted} outputs was given room for {outputs}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornu_graph::Builder;

    #[test]
    fn variables_that_are_only_read() {
        let b = Builder::new();
        let [frozen, w, x] = [2, 3, 3].map(|n| b.input(Spec::f32([n])));
        let mut graph = b.finish(&[frozen.clone(), &w + &x, frozen.sum([0])]).unwrap();
        graph.state = 2;
        let (program, signature) = Signature::split(&graph);
        assert_eq!((program.state, &program.inputs[..]), (1, &[w.id(), frozen.id(), x.id()][..]));
        assert_eq!(program.outputs, [graph.outputs[1], graph.outputs[2]]);
        assert_eq!((&signature.order[..], signature.written()), (&[1, 0][..], &[1][..]));
        assert_eq!((signature.state, signature.results()), (2, &[Spec::f32([])][..]));
    }
}
