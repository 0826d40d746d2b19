//! Generated test cases: every op over random shapes, dtypes and attributes, and random graphs of many ops.
//!
//! The same op and seed give the same case, so that a failure can be repeated.
mod elementwise;
mod graphs;
mod indexing;
mod linalg;
mod linear;
mod loops;
mod movement;
mod random;

pub use graphs::random_graph;
pub use random::Random;

use crate::{Builder, DType, Graph, Op, Result, Spec, Tensor, Value};

/// A graph with inputs that it takes.
#[derive(Clone, Debug)]
pub struct Case {
    /// The graph; its first outputs depend on the op under test.
    pub graph: Graph,
    /// One tensor for each input.
    pub inputs: Vec<Tensor>,
}

/// What generators draw from and build with.
pub struct Generator {
    /// The source of all choices.
    pub random: Random,
    /// The graph being built.
    pub builder: Builder,
    inputs: Vec<Tensor>,
}

impl Generator {
    fn new(seed: u64) -> Generator {
        Generator { random: Random::new(seed), builder: Builder::new(), inputs: vec![] }
    }

    /// An input of values between `low` and `high`; bools are either.
    pub fn input(&mut self, dtype: DType, shape: &[usize], low: f64, high: f64) -> Value {
        let tensor = self.random.tensor(dtype, shape, low, high);
        self.given(tensor)
    }

    /// An input of these values.
    pub fn given(&mut self, tensor: Tensor) -> Value {
        let value = self.builder.input(Spec::new(tensor.dtype(), tensor.shape()));
        self.inputs.push(tensor);
        value
    }

    /// An input of any dtype, shape and small values.
    pub fn any(&mut self) -> Value {
        let dtype = self.random.dtype();
        let shape = self.random.shape(0, 4);
        self.input(dtype, &shape, -4.0, 4.0)
    }

    /// An input of a number type, not bool.
    pub fn number(&mut self, ranks: std::ops::RangeInclusive<usize>) -> Value {
        let dtype = self.random.number_dtype();
        let shape = self.random.shape(*ranks.start(), *ranks.end());
        self.input(dtype, &shape, -4.0, 4.0)
    }
}

/// A case of one op by its name in the text form; `None` for what the generator drew and the op refuses, or for `input`.
///
/// # Errors
/// When there is no generator for this op.
pub fn case(op: &str, seed: u64) -> Result<Option<Case>> {
    let mut generator =
        Generator::new(seed ^ op.bytes().fold(7u64, |h, b| h.wrapping_mul(131).wrapping_add(u64::from(b))));
    let outputs = outputs(op, &mut generator)?;
    let inputs = std::mem::take(&mut generator.inputs);
    Ok(generator.builder.finish(&outputs).ok().filter(|g| uses(g, op)).map(|graph| Case { graph, inputs }))
}

fn uses(graph: &Graph, op: &str) -> bool {
    graph.nodes.iter().any(|node| node.op.name() == op)
}

fn outputs(op: &str, g: &mut Generator) -> Result<Vec<Value>> {
    Ok(match op {
        "input" => vec![g.any()],
        "alias" | "stop_gradient" | "unary" | "binary" | "compare" | "select" | "cast" | "polygamma"
        | "fused" => elementwise::outputs(op, g),
        "reshape" | "broadcast" | "transpose" | "slice" | "pad" | "concat" | "reverse" | "constant"
        | "iota" | "rng_bits" => movement::outputs(op, g),
        "gather" | "scatter" | "dynamic_slice" | "dynamic_update" | "sort" | "top_k" | "arg_reduce" => {
            indexing::outputs(op, g)
        }
        "dot" | "conv" | "conv_input_grad" | "conv_kernel_grad" | "reduce" | "cumulative"
        | "reduce_window" | "window_grad" | "window_pick" | "softmax" | "log_softmax" => {
            linear::outputs(op, g)
        }
        "cholesky" | "triangular_solve" | "lu" | "qr" | "eigh" | "svd" | "pinv" => linalg::outputs(op, g),
        "scan" | "while" | "custom_vjp" => loops::outputs(op, g),
        _ => {
            let message = format!("no generator of cases for `{op}`");
            return Err(crate::Error::argument("testing", message).help("add one in `testing`"));
        }
    })
}

/// The name of every op that cases are made for.
pub fn ops() -> impl Iterator<Item = &'static str> {
    Op::NAMES.iter().copied()
}
