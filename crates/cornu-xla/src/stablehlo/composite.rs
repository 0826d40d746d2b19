//! Ops that are decomposed before anything is written.
use super::Lower;
use super::emit::{Emitter, Val};
use cornu_graph::ops::{
    Attributes, Cumulative, CustomVjp, Eigh, Fused, LogSoftmax, Lu, Pinv, Qr, Softmax, Svd, TopK,
};
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
composite!(Cumulative Eigh Fused LogSoftmax Lu Pinv Qr Softmax Svd TopK);

/// After the gradient was taken, the values themselves.
impl Lower for CustomVjp {
    fn lower(&self, _: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        Ok(x[..out.len()].to_vec())
    }
}
