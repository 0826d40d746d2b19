//! Products of matrices that need not wait for the state of a loop over time.
//!
//! - What a loop multiplies of its sequences by a constant, as recurrent layers project their inputs, is one product before the
//!   loop, and so is what is added to it.
//! - A product by a constant that only becomes a stacked output, as the gradient of such inputs does, is one product after it.
use super::dce;
use super::rewrite::Rewriter;
use crate::ops::{Binary, BinaryKind, Broadcast, Dot, Scan};
use crate::{Graph, Node, Op, Result, Source, Spec, ValueId};

/// Moves products out of every [`Scan`].
///
/// # Errors
/// When the graph is malformed.
pub fn project(graph: &Graph) -> Result<Graph> {
    let mut new = Rewriter::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        match &node.op {
            Op::Scan(scan) if scan.length > 0 => project_scan(&mut new, i, node, scan)?,
            _ => {
                new.copy(i, node)?;
            }
        }
    }
    new.finish(graph)
}

fn project_scan(new: &mut Rewriter, at: usize, node: &Node, scan: &Scan) -> Result<()> {
    let mut scan = scan.clone();
    let mut inputs = node.inputs.iter().map(|&v| new.get(v)).collect::<Result<Vec<_>>>()?;
    while let Some((place, value)) = ready(&scan) {
        let whole = before(new, &scan, &inputs, &value, node.source)?;
        take_in(&mut scan, &mut inputs, place, whole)?;
    }

    let (kept, late) = outputs(&mut scan);
    let wanted: Vec<ValueId> = late.iter().map(|late| inputs[late.constant]).collect();
    drop_unused(&mut scan, &mut inputs)?;
    let first = new.emit(scan, &inputs, node.source)?;
    let stacked = |i: usize| ValueId::new(first.index(), i);
    for (i, place) in kept {
        new.set(ValueId::new(at, i), stacked(place));
    }
    for (late, constant) in late.iter().zip(wanted) {
        let operands = [stacked(late.operand), constant];
        let whole = new.emit(of_all_steps(&late.dot), &operands, node.source)?;
        new.set(ValueId::new(at, late.output), whole);
    }
    Ok(())
}

/// A value of the body that can be known before the loop.
enum Ready {
    /// A sequence times a constant, by their inputs.
    Product(Dot, usize, usize),
    /// A sequence and a constant, spread over it.
    Sum { sequence: usize, broadcast: Broadcast, constant: usize },
}

/// The first node of the body that is ready, and used.
fn ready(scan: &Scan) -> Option<(usize, Ready)> {
    let body = &scan.body;
    let constants = scan.carries + scan.sequences;
    let input = |v: ValueId| body.inputs.iter().position(|&i| i == v);
    let sequence = |v: ValueId| input(v).filter(|i| (scan.carries..constants).contains(i));
    let constant = |v: ValueId| input(v).filter(|&i| i >= constants);
    let uses = body.uses();
    let used = |i: &usize| uses[*i].iter().any(|&n| n > 0);
    (0..body.nodes.len()).filter(used).find_map(|i| {
        let node = &body.nodes[i];
        let ready = match &node.op {
            Op::Dot(dot) if dot.a_batch.is_empty() => {
                Ready::Product(dot.clone(), sequence(node.inputs[0])?, constant(node.inputs[1])?)
            }
            Op::Binary(Binary { kind: BinaryKind::Add }) => {
                let side = (0..2).find(|&side| sequence(node.inputs[side]).is_some())?;
                let (sequence, other) = (sequence(node.inputs[side])?, node.inputs[1 - side]);
                if let Some(constant) = constant(other) {
                    let shape = body.spec(other).shape.clone();
                    let broadcast = Broadcast { dims: (0..shape.len()).collect(), shape };
                    return Some((i, Ready::Sum { sequence, broadcast, constant }));
                }
                let other = &body.nodes[other.index()];
                let Op::Broadcast(broadcast) = &other.op else { return None };
                Ready::Sum { sequence, broadcast: broadcast.clone(), constant: constant(other.inputs[0])? }
            }
            _ => return None,
        };
        Some((i, ready))
    })
}

/// The values of all steps.
fn before(
    new: &mut Rewriter,
    scan: &Scan,
    inputs: &[ValueId],
    value: &Ready,
    source: Source,
) -> Result<ValueId> {
    match value {
        Ready::Product(dot, sequence, constant) => {
            new.emit(of_all_steps(dot), &[inputs[*sequence], inputs[*constant]], source)
        }
        Ready::Sum { sequence, broadcast, constant } => {
            let shape = [&[scan.length], &broadcast.shape[..]].concat();
            let mut dims: Vec<usize> = broadcast.dims.iter().map(|d| d + 1).collect();
            let mut from = inputs[*constant];
            let node = &new.graph.nodes[from.index()];
            if let Op::Broadcast(inner) = &node.op {
                dims = inner.dims.iter().map(|&d| dims[d]).collect();
                from = node.inputs[0];
            }
            let spread = new.emit(Broadcast { shape, dims }, &[from], source)?;
            new.emit(Binary { kind: BinaryKind::Add }, &[inputs[*sequence], spread], source)
        }
    }
}

/// The product with time as the first axis of the left operand.
fn of_all_steps(dot: &Dot) -> Dot {
    Dot { a_contract: dot.a_contract.iter().map(|a| a + 1).collect(), ..dot.clone() }
}

/// Lets the body read a node's value from a sequence.
fn take_in(scan: &mut Scan, inputs: &mut Vec<ValueId>, place: usize, sequence: ValueId) -> Result<()> {
    let spec = scan.body.nodes[place].outputs[0].clone();
    let old = ValueId::new(place, 0);
    let input = add_input(&mut scan.body, spec, scan.carries + scan.sequences);
    inputs.insert(scan.carries + scan.sequences, sequence);
    scan.sequences += 1;
    let body = &mut scan.body;
    let used = body.nodes.iter_mut().flat_map(|n| &mut n.inputs).chain(&mut body.outputs);
    used.filter(|v| **v == old).for_each(|v| *v = input);
    inputs_first(body)
}

/// A new input at a place in the list.
pub(super) fn add_input(graph: &mut Graph, spec: Spec, place: usize) -> ValueId {
    let node = Node { op: Op::Input, inputs: vec![], outputs: vec![spec], source: Source::default() };
    graph.nodes.push(node);
    let input = ValueId::new(graph.nodes.len() - 1, 0);
    graph.inputs.insert(place, input);
    input
}

/// Inputs before all other nodes, so that each node uses only earlier ones.
pub(super) fn inputs_first(graph: &mut Graph) -> Result<()> {
    let mut new = Rewriter::default();
    for inputs in [true, false] {
        for (i, node) in graph.nodes.iter().enumerate() {
            if (node.op == Op::Input) == inputs {
                new.copy(i, node)?;
            }
        }
    }
    *graph = new.finish(graph)?;
    Ok(())
}

/// Takes out the nodes, sequences and constants that the body has no use for any more.
fn drop_unused(scan: &mut Scan, inputs: &mut Vec<ValueId>) -> Result<()> {
    let mut body = dce(&scan.body)?;
    let uses = body.uses();
    let loops = scan.carries + scan.sequences;
    let used: Vec<bool> = body.inputs.iter().map(|v| uses[v.index()][0] > 0).collect();
    let keep = |i: usize| i < scan.carries || used[i];
    body.inputs = (0..inputs.len()).filter(|&i| keep(i)).map(|i| body.inputs[i]).collect();
    *inputs = (0..inputs.len()).filter(|&i| keep(i)).map(|i| inputs[i]).collect();
    scan.sequences = (scan.carries..loops).filter(|&i| keep(i)).count();
    scan.body = dce(&body)?;
    Ok(())
}

/// An output that is computed after the loop, from another one and an input.
struct Late {
    output: usize,
    dot: Dot,
    operand: usize,
    constant: usize,
}

/// Takes products out of the outputs; where the others are now.
fn outputs(scan: &mut Scan) -> (Vec<(usize, usize)>, Vec<Late>) {
    let body = &scan.body;
    let uses = body.uses();
    let constants = scan.carries + scan.sequences;
    let mut outputs = body.outputs[..scan.carries].to_vec();
    let mut kept: Vec<(usize, usize)> = (0..scan.carries).map(|i| (i, i)).collect();
    let mut late = vec![];
    for (i, &v) in body.outputs.iter().enumerate().skip(scan.carries) {
        let node = &body.nodes[v.index()];
        let constant = |v: ValueId| body.inputs.iter().skip(constants).position(|&c| c == v);
        let product = match &node.op {
            Op::Dot(dot) if dot.a_batch.is_empty() && uses[v.index()][0] == 1 => {
                constant(node.inputs[1]).map(|c| (dot.clone(), node.inputs[0], constants + c))
            }
            _ => None,
        };
        let (wanted, product) = match product {
            Some((dot, operand, constant)) => (operand, Some((dot, constant))),
            None => (v, None),
        };
        let known = outputs.iter().skip(scan.carries).position(|&o| o == wanted);
        let place = known.map_or(outputs.len(), |k| k + scan.carries);
        if known.is_none() {
            outputs.push(wanted);
        }
        match product {
            Some((dot, constant)) => late.push(Late { output: i, dot, operand: place, constant }),
            None => kept.push((i, place)),
        }
    }
    scan.body.outputs = outputs;
    (kept, late)
}
