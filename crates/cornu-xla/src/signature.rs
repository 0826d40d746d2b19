//! What a compiled graph takes and gives.
use cornu_graph::{Error, Graph, Result, Spec, Tensor};

/// The specs of a graph's inputs and outputs, of which the first `state` are variables.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub inputs: Vec<Spec>,
    pub outputs: Vec<Spec>,
    pub state: usize,
}

impl Signature {
    pub fn of(graph: &Graph) -> Signature {
        let specs = |values: &[cornu_graph::ValueId]| values.iter().map(|&v| graph.spec(v).clone()).collect();
        Signature { inputs: specs(&graph.inputs), outputs: specs(&graph.outputs), state: graph.state }
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

    /// Fails unless there are `outputs` outputs besides the variables.
    pub fn check_outputs(&self, outputs: usize) -> Result<()> {
        let wanted = self.outputs.len() - self.state;
        if outputs == wanted {
            return Ok(());
        }
        Err(Error::Data(format!("a graph with {wanted} outputs was given room for {outputs}")))
    }
}
