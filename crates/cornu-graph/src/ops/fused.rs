//! Several ops that an engine runs as one.
use super::{Attributes, OpRule};
use crate::{Error, Graph, Result, Spec, Value};

op! {
    /// Runs `body`, whose elementwise ops and reductions an engine may run as one loop. Made by passes.
    Fused "fused" {
        /// What is computed, from as many inputs.
        body: Graph,
    }
}

impl OpRule for Fused {
    fn arity_out(&self) -> usize {
        self.body.outputs.len()
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let wanted: Vec<&Spec> = self.body.inputs.iter().map(|&v| self.body.spec(v)).collect();
        if inputs.is_empty() || wanted != inputs {
            return Err(Error::op(Self::NAME, format!("the body takes {wanted:?}, got {inputs:?}")));
        }
        Ok(self.body.outputs.iter().map(|&v| self.body.spec(v).clone()).collect())
    }

    fn bodies(&self) -> Vec<&Graph> {
        vec![&self.body]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        Some(inputs.first()?.builder().inline(&self.body, inputs))
    }
}

impl Value {
    /// Runs `body` on these inputs as one op.
    #[track_caller]
    pub fn fused(body: Graph, inputs: &[&Value]) -> Vec<Value> {
        Value::emit(Fused { body }, inputs)
    }
}
