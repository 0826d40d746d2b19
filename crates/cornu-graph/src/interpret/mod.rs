//! The reference interpreter: plain loops in f64, with no thought of speed. The oracle of every engine.
//!
//! Floats of every width are computed in f64 and round only where a tensor is made of them, or where a graph casts to
//! `float16` or `bfloat16`; so derivatives of a float32 graph can be checked by finite differences. Integers are exact
//! and wrap at their width.
mod array;
mod binary;
mod conv;
mod dot;
mod elementwise;
mod fused;
mod indexing;
mod linalg;
mod loops;
mod movement;
mod order;
mod pool;
mod reduce;
mod reference;
mod rng_bits;
pub mod scalar;
mod softmax;
mod unary;

pub use array::{Array, Data, Indices};
pub use reference::Reference;

use crate::{Error, Graph, Op, Result, Spec, Tensor};

/// How the interpreter computes an op.
#[diagnostic::on_unimplemented(
    message = "the interpreter cannot run the op `{Self}`",
    label = "no evaluation of this op",
    note = "write `impl Eval for {Self}` in `interpret/<op>.rs`"
)]
pub(crate) trait Eval {
    /// The outputs, of specs `out`, from inputs that the op accepts.
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>>;
}

macro_rules! dispatch {
    ($($Op:ident)+) => {
        fn eval(op: &Op, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
            match op {
                Op::Input => Err(Error::Graph("an input is not computed".into())),
                $(Op::$Op(op) => Eval::eval(op, inputs, out),)+
            }
        }
    };
}
for_each_op!(dispatch);

/// Runs `graph` once; every input counts, those of state too.
///
/// # Errors
/// When `inputs` do not fit the graph, or the graph is malformed.
pub fn interpret(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let inputs: Vec<Array> = inputs.iter().map(Array::from_tensor).collect::<Result<_>>()?;
    interpret_arrays(graph, &inputs)?.iter().map(Array::to_tensor).collect()
}

/// [`interpret`] on arrays in f64, whose floats are not rounded to their dtype.
///
/// # Errors
/// When `inputs` do not fit the graph, or the graph is malformed.
pub fn interpret_arrays(graph: &Graph, inputs: &[Array]) -> Result<Vec<Array>> {
    let given: Vec<&Spec> = inputs.iter().map(|x| &x.spec).collect();
    let wanted: Vec<&Spec> = graph.inputs.iter().map(|&v| graph.spec(v)).collect();
    if given != wanted {
        return Err(Error::Data(format!("the graph takes {wanted:?}, got {given:?}")));
    }
    let mut values: Vec<Vec<Array>> = Vec::with_capacity(graph.nodes.len());
    for (i, node) in graph.nodes.iter().enumerate() {
        let outputs = if node.op == Op::Input {
            let position = graph.inputs.iter().position(|v| v.index() == i);
            let position =
                position.ok_or_else(|| Error::Graph(format!("node {i} is in no list of inputs")))?;
            vec![inputs[position].clone()]
        } else {
            let args: Vec<&Array> =
                node.inputs.iter().map(|v| &values[v.index()][v.output as usize]).collect();
            eval(&node.op, &args, &node.outputs)?
        };
        values.push(outputs);
    }
    Ok(graph.outputs.iter().map(|v| values[v.index()][v.output as usize].clone()).collect())
}
