//! How this engine computes each op that is no part of a loop over elements.
mod affine;
mod arg_reduce;
mod convolution;
mod copies;
mod dot;
mod dynamic;
mod fill;
mod index;
mod linalg;
mod loops;
mod plain;
mod reduce;
pub(crate) use reduce::{reduce_rows, sum_rows};
mod reference;
mod rng_bits;
mod softmax;
mod spectra;
mod strided;
pub(crate) use strided::row_major;
mod window;

pub(crate) use affine::affine;
#[cfg(test)]
pub(crate) use convolution::geometry;
pub(crate) use index::scatter_over_zeros;
pub(crate) use window::may_overwrite;

use crate::memory::{Bases, Loc};
use cornu_graph::{Graph, Op, Result, Spec, ValueId, for_each_op};
use std::fmt;

/// Where a kernel finds its operands during a run.
pub(crate) struct Args<'a> {
    pub bases: Bases<'a>,
    pub inputs: &'a [Loc],
    pub outputs: &'a [Loc],
    pub scratch: Loc,
}

impl Args<'_> {
    pub fn input<T>(&self, i: usize) -> *const T {
        self.bases.ptr(self.inputs[i])
    }

    pub fn output<T>(&self, i: usize) -> *mut T {
        self.bases.ptr(self.outputs[i])
    }

    /// Memory that no other step uses meanwhile, of as many bytes as the kernel asked for.
    pub fn scratch<T>(&self) -> *mut T {
        self.bases.ptr(self.scratch)
    }
}

type Run = Box<dyn Fn(&Args) -> Result<()> + Send + Sync>;

/// A node ready to run.
pub(crate) struct Kernel {
    pub run: Run,
    /// Bytes of working memory.
    pub scratch: usize,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Kernel {
    /// A kernel that cannot fail and needs no working memory.
    pub fn new(run: impl Fn(&Args) + Send + Sync + 'static) -> Kernel {
        Kernel::with_scratch(0, run)
    }

    /// A kernel that cannot fail.
    pub fn with_scratch(scratch: usize, run: impl Fn(&Args) + Send + Sync + 'static) -> Kernel {
        let run = move |args: &Args| {
            run(args);
            Ok(())
        };
        Kernel { run: Box::new(run), scratch }
    }
}

/// How this engine computes an op.
#[diagnostic::on_unimplemented(
    message = "the CPU engine cannot run the op `{Self}`",
    label = "no kernel for this op",
    note = "write `impl Lower for {Self}` in `kernels/<op>.rs`, or add it to the list in `kernels/reference.rs`"
)]
pub(crate) trait Lower {
    /// The kernel for inputs and outputs of these specs; `None` leaves the node to the interpreter.
    ///
    /// # Errors
    /// When a graph inside the op cannot be compiled.
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>>;
}

macro_rules! dispatch {
    ($($Op:ident)+) => {
        fn lower_op(op: &Op, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
            match op {
                Op::Input => Ok(None),
                $(Op::$Op(op) => Lower::lower(op, inputs, outputs),)+
            }
        }
    };
}
for_each_op!(dispatch);

/// The kernel of a node.
///
/// # Errors
/// When a graph inside the op cannot be compiled.
pub(crate) fn lower(graph: &Graph, node: usize) -> Result<Kernel> {
    let n = &graph.nodes[node];
    let inputs: Vec<&Spec> = n.inputs.iter().map(|&v: &ValueId| graph.spec(v)).collect();
    match lower_op(&n.op, &inputs, &n.outputs)? {
        Some(kernel) => Ok(kernel),
        None => Ok(reference::kernel(&n.op, &inputs, &n.outputs)),
    }
}
