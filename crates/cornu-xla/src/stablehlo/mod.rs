//! Graphs as StableHLO text.
//!
//! Each op has its lowering in a file of its family; ops that are combinations of others are decomposed first. The text
//! uses MLIR's generic form, which says all types and depends on no shorthand of a version.
mod composite;
mod constant;
mod conv;
mod dot;
mod elementwise;
mod emit;
mod indexing;
mod linalg;
mod loops;
mod movement;
mod random;
mod reduce;
mod sort;
mod window;

use cornu_graph::{Graph, Op, Result, Spec, ValueId, for_each_op, passes, verify};
use emit::{Emitter, Val, tensor_type};
use std::collections::HashMap;

/// How exact products of float32 are, where an engine has faster and coarser ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The engine's choice: TensorFloat-32 on recent GPUs.
    #[default]
    Default,
    /// All bits of the dtype.
    Highest,
}

/// What the text of a module says besides the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// Each variable of the graph shares its memory with its new value (`tf.aliasing_output`), so that an engine updates
    /// it in place.
    pub alias_state: bool,
    /// Of matrix products and convolutions.
    pub precision: Precision,
    /// For engines whose maximum and minimum lose NaN: both are spelled out as comparisons.
    pub keep_nan: bool,
    /// For a run by several devices.
    pub shared: Option<Shared>,
}

/// How several devices share a program, which XLA cuts into a part for each: inputs are cut as said here, outputs are whole on
/// each device. The numbers are those of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shared {
    /// The number of devices.
    pub parts: usize,
    /// For each input the axis along which it is cut, whose size must be a multiple of `parts`; `None`: it is whole on each.
    pub axes: Vec<Option<usize>>,
}

impl Shared {
    /// The attribute of a value of this rank, in the dialect of Shardy, XLA's partitioner.
    fn attribute(&self, rank: usize, axis: Option<usize>) -> String {
        let axes: Vec<&str> = (0..rank).map(|a| if Some(a) == axis { "{\"batch\"}" } else { "{}" }).collect();
        format!("sdy.sharding = #sdy.sharding<@mesh, [{}]>", axes.join(", "))
    }
}

/// How an op becomes StableHLO.
#[diagnostic::on_unimplemented(
    message = "the op `{Self}` has no lowering to StableHLO",
    label = "no lowering of this op",
    note = "write `impl Lower for {Self}` in `stablehlo/<family>.rs`, or add it to the list in `stablehlo/composite.rs`"
)]
pub(crate) trait Lower {
    /// Whether [`Lower::lower`] writes it; else it is decomposed first.
    fn is_native(&self) -> bool {
        true
    }

    /// Writes the op on values `x`; its results, of the specs `out`, of which one has elements.
    ///
    /// # Errors
    /// When the graph is malformed.
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>>;
}

macro_rules! dispatch {
    ($($Op:ident)+) => {
        fn is_native(op: &Op) -> bool {
            match op { Op::Input => true, $(Op::$Op(op) => Lower::is_native(op),)+ }
        }

        fn lower_op(op: &Op, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
            match op { Op::Input => Ok(vec![]), $(Op::$Op(op) => Lower::lower(op, e, x, out),)+ }
        }
    };
}
for_each_op!(dispatch);

/// The text of a module whose function `main` computes `graph`: its inputs in their order, the variables first; its outputs
/// in theirs, the new values of the variables first.
///
/// ```
/// use cornu_graph::{Builder, Spec};
/// use cornu_xla::stablehlo::{Options, module};
///
/// let b = Builder::new();
/// let x = b.input(Spec::f32([3]));
/// let text = module(&b.finish(&[x.exp()])?, &Options::default())?;
/// assert!(text.contains(r#""stablehlo.exponential"(%0) : (tensor<3xf32>) -> tensor<3xf32>"#));
/// # Ok::<(), cornu_graph::Error>(())
/// ```
///
/// # Errors
/// When the graph is malformed.
pub fn module(graph: &Graph, options: &Options) -> Result<String> {
    verify(graph)?;
    let simple = passes::legalize(&passes::optimize(graph)?, &|op, _, _| is_native(op))?;
    let graph = passes::dce(&passes::cse(&simple)?)?;
    let mut e = Emitter::new(options);
    let inputs: Vec<Val> = graph.inputs.iter().map(|&v| e.fresh(graph.spec(v))).collect();
    let outputs = e.graph(&graph, &inputs)?;
    let argument = |(i, x): (usize, &Val)| {
        let aliased = options.alias_state && i < graph.state;
        let alias = aliased.then(|| format!("tf.aliasing_output = {i} : i32"));
        let cut = |s: &Shared| s.attribute(x.spec.rank(), s.axes.get(i).copied().flatten());
        let attributes = alias.into_iter().chain(options.shared.as_ref().map(cut)).collect();
        format!("{}: {}{}", x.name, tensor_type(&x.spec), dictionary(attributes))
    };
    let arguments: Vec<String> = inputs.iter().enumerate().map(argument).collect();
    let types: Vec<String> = outputs.iter().map(|y| tensor_type(&y.spec)).collect();
    let whole =
        |y: &Val| dictionary(options.shared.iter().map(|s| s.attribute(y.spec.rank(), None)).collect());
    let results: Vec<String> = outputs.iter().zip(&types).map(|(y, t)| format!("{t}{}", whole(y))).collect();
    let names: Vec<&str> = outputs.iter().map(|y| &*y.name).collect();
    let (arguments, results) = (arguments.join(", "), results.join(", "));
    let (types, names) = (types.join(", "), names.join(", "));
    let (parts, mesh) = options.shared.as_ref().map_or_else(Default::default, |s| {
        let counts = format!("mhlo.num_partitions = {} : i32, mhlo.num_replicas = 1 : i32", s.parts);
        (format!(" attributes {{{counts}}}"), format!("  sdy.mesh @mesh = <[\"batch\"={}]>\n", s.parts))
    });
    Ok(format!(
        "module @cornu{parts} {{\n{mesh}  func.func public @main({arguments}) -> ({results}) {{\n{}    \"func.return\"({names}) : \
         ({types}) -> ()\n  }}\n}}\n",
        e.into_text()
    ))
}

/// Attributes in braces; nothing where there are none.
fn dictionary(attributes: Vec<String>) -> String {
    if attributes.is_empty() { String::new() } else { format!(" {{{}}}", attributes.join(", ")) }
}

impl Emitter<'_> {
    /// Writes the nodes of a graph on these inputs; its outputs.
    fn graph(&mut self, graph: &Graph, inputs: &[Val]) -> Result<Vec<Val>> {
        let mut values: HashMap<ValueId, Val> =
            graph.inputs.iter().copied().zip(inputs.iter().cloned()).collect();
        let find = |values: &HashMap<ValueId, Val>, v: &ValueId| {
            let found = values.get(v).cloned();
            found.ok_or_else(|| cornu_graph::Error::Graph("a value is used before it is made".into()))
        };
        for (i, node) in graph.nodes.iter().enumerate() {
            if node.op == Op::Input {
                continue;
            }
            let x: Vec<Val> = node.inputs.iter().map(|v| find(&values, v)).collect::<Result<_>>()?;
            // Nothing is computed where there is nothing, whatever an engine thinks of such shapes.
            let made = if node.outputs.iter().all(Spec::is_empty) {
                node.outputs.iter().map(|spec| self.full(spec, 0.0)).collect()
            } else {
                lower_op(&node.op, self, &x, &node.outputs)?
            };
            for (output, value) in made.into_iter().enumerate() {
                values.insert(ValueId::new(i, output), value);
            }
        }
        graph.outputs.iter().map(|v| find(&values, v)).collect()
    }
}
