//! Positions of the largest and smallest.
use super::{Kernel, Lower, plain};
use cornu_graph::ops::{ArgKind, ArgReduce};
use cornu_graph::{Result, Spec};

impl Lower for ArgReduce {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        Ok(Some(plain::arg_reduction(self.kind == ArgKind::Max, self.axis, inputs[0])))
    }
}
