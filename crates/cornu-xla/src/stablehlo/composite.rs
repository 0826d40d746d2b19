//! Ops that are decomposed before anything is written.
use super::Lower;
use super::emit::{Emitter, Val};
use cornu_graph::ops::{Attributes, Cumulative, Fused, LogSoftmax, Softmax, TopK};
use cornu_graph::{Error, Result, Spec};

macro_rules! composite {
    ($($Op:ident)+) => { $(
        impl Lower for $Op {
            fn is_native(&self) -> bool {
                false
            }

            fn lower(&self, _: &mut Emitter, _: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
                Err(Error::Graph(format!("`{}` was not decomposed", Self::NAME)))
            }
        }
    )+ };
}
composite!(Cumulative Fused LogSoftmax Softmax TopK);
