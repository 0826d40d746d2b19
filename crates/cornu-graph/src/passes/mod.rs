//! Rewrites of a graph into a better one with the same results.
mod cse;
mod dce;
mod fold;
mod hoist;
mod legalize;
mod padding;
mod pooled;
mod project;
mod rewrite;
mod simplify;

pub use cse::cse;
pub use dce::dce;
pub use fold::fold;
pub use hoist::hoist;
pub use legalize::{IsNative, legalize};
pub use project::project;
pub use simplify::simplify;

use crate::{Graph, Op, Result, verify};

/// A pass: a graph with the same inputs, outputs and state, and the same results.
pub type Pass = fn(&Graph) -> Result<Graph>;

/// The passes that every engine runs, in order, with the names used in tests.
pub const PASSES: &[(&str, Pass)] = &[
    ("dce", dce),
    ("simplify", simplify),
    ("fold", fold),
    ("simplify", simplify),
    ("cse", cse),
    ("project", project),
    ("hoist", hoist),
    ("dce", dce),
];

/// Runs all passes on a graph and on the graphs inside its ops; in debug builds each result is verified.
///
/// # Errors
/// When the graph is malformed.
pub fn optimize(graph: &Graph) -> Result<Graph> {
    let mut graph = with_bodies(graph, &optimize)?;
    for (_, pass) in PASSES {
        graph = pass(&graph)?;
        if cfg!(debug_assertions) {
            verify(&graph)?;
        }
    }
    Ok(graph)
}

/// The graph with `f` of each graph inside its ops.
fn with_bodies(graph: &Graph, f: &dyn Fn(&Graph) -> Result<Graph>) -> Result<Graph> {
    let mut graph = graph.clone();
    for node in &mut graph.nodes {
        match &mut node.op {
            Op::Scan(scan) => scan.body = f(&scan.body)?,
            Op::While(w) => (w.cond, w.body) = (f(&w.cond)?, f(&w.body)?),
            Op::Fused(fused) => fused.body = f(&fused.body)?,
            _ => {}
        }
    }
    Ok(graph)
}
