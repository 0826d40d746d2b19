//! Ops whose evaluation is being written: each leaves this list with its own file, and the file goes when it is empty.
use super::{Array, Eval};
use crate::ops::*;
use crate::{Error, Result, Spec};

macro_rules! pending {
    ($($Op:ident)+) => { $(
        impl Eval for $Op {
            fn eval(&self, _: &[&Array], _: &[Spec]) -> Result<Vec<Array>> {
                Err(Error::op($Op::NAME, "is not evaluated yet"))
            }
        }
    )+ };
}
pending!(ArgReduce Concat Cumulative DynamicSlice DynamicUpdate Gather Pad Reverse Scatter Slice Sort TopK While);
