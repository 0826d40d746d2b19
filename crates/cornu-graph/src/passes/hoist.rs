//! Work moved out of loops over time.
//!
//! - A sum that a loop only adds products to (as the gradient of a recurrent kernel is) becomes one product over time after
//!   the loop: the operands of all steps are stacked, and time is one more contracted axis. Likewise a sum of what the loop
//!   stacks anyway.
//! - A sequence that a loop only stacks again is that sequence.
//! - A matrix that every step multiplies by its transpose is transposed once, before the loop.
use super::dce;
use super::project::{add_input, inputs_first};
use super::rewrite::Rewriter;
use crate::ops::{Binary, BinaryKind, Dot, Reduce, ReduceKind, Scan, Transpose};
use crate::{Graph, Node, Op, Result, Source, Spec, ValueId};

/// Moves work out of every [`Scan`].
///
/// # Errors
/// When the graph is malformed.
pub fn hoist(graph: &Graph) -> Result<Graph> {
    let mut new = Rewriter::default();
    for (i, node) in graph.nodes.iter().enumerate() {
        match &node.op {
            Op::Scan(scan) => hoist_scan(&mut new, i, node, scan)?,
            _ => {
                new.copy(i, node)?;
            }
        }
    }
    new.finish(graph)
}

/// A sum over steps: the carry it is kept in, and what each step adds.
struct Sum {
    carry: usize,
    term: Term,
}

enum Term {
    Dot(Dot, [ValueId; 2]),
    Reduce(Reduce, ValueId),
    Stacked(ValueId),
}

fn hoist_scan(new: &mut Rewriter, at: usize, node: &Node, scan: &Scan) -> Result<()> {
    let mut scan = scan.clone();
    let mut inputs = node.inputs.iter().map(|&v| new.get(v)).collect::<Result<Vec<_>>>()?;
    transpose_constants(new, &mut scan, &mut inputs, node.source)?;
    let sums = sums(&scan);
    let kept: Vec<usize> = (0..scan.carries).filter(|i| sums.iter().all(|s| s.carry != *i)).collect();

    // The operands of sums that are no sequences already are stacked by the loop.
    let (carries, loops) = (scan.carries, scan.carries + scan.sequences);
    let sequence = |v: ValueId| scan.body.inputs[carries..loops].iter().position(|&s| s == v);
    let mut outputs: Vec<ValueId> = kept.iter().map(|&i| scan.body.outputs[i]).collect();
    let mut stacked = vec![];
    for (i, &v) in scan.body.outputs.iter().enumerate().skip(carries) {
        match sequence(v) {
            Some(input) => new.set(ValueId::new(at, i), inputs[carries + input]),
            None => {
                stacked.push((i, outputs.len()));
                outputs.push(v);
            }
        }
    }
    let mut stacked_at = |v: ValueId| -> Stacked {
        if let Some(i) = sequence(v) {
            return Stacked::Input(carries + i);
        }
        let known = outputs[kept.len()..].iter().position(|&o| o == v);
        Stacked::Output(
            kept.len()
                + known.unwrap_or_else(|| {
                    outputs.push(v);
                    outputs.len() - kept.len() - 1
                }),
        )
    };
    let placed: Vec<Vec<Stacked>> = sums
        .iter()
        .map(|sum| match &sum.term {
            Term::Dot(_, operands) => operands.iter().map(|&v| stacked_at(v)).collect(),
            Term::Reduce(_, operand) | Term::Stacked(operand) => vec![stacked_at(*operand)],
        })
        .collect();

    let mut body = scan.body.clone();
    let is_kept = |i: &usize| *i >= carries || kept.contains(i);
    body.inputs = (0..body.inputs.len()).filter(is_kept).map(|i| scan.body.inputs[i]).collect();
    body.outputs = outputs;
    let smaller = Scan { body: dce(&body)?, carries: kept.len(), ..scan.clone() };
    let of_scan: Vec<ValueId> = (0..inputs.len()).filter(is_kept).map(|i| inputs[i]).collect();
    let first = new.emit(smaller, &of_scan, node.source)?;

    for (place, &i) in kept.iter().enumerate() {
        new.set(ValueId::new(at, i), ValueId::new(first.index(), place));
    }
    for (i, place) in stacked {
        new.set(ValueId::new(at, i), ValueId::new(first.index(), place));
    }
    for (sum, places) in sums.iter().zip(&placed) {
        let operand = |i: usize| match places[i] {
            Stacked::Input(i) => inputs[i],
            Stacked::Output(i) => ValueId::new(first.index(), i),
        };
        let total = match &sum.term {
            Term::Dot(dot, _) => new.emit(over_time(dot), &[operand(0), operand(1)], node.source)?,
            Term::Reduce(reduce, _) => {
                let axes = std::iter::once(0).chain(reduce.axes.iter().map(|a| a + 1)).collect();
                new.emit(Reduce { kind: ReduceKind::Sum, axes }, &[operand(0)], node.source)?
            }
            Term::Stacked(_) => {
                new.emit(Reduce { kind: ReduceKind::Sum, axes: vec![0] }, &[operand(0)], node.source)?
            }
        };
        let add = Binary { kind: BinaryKind::Add };
        let result = new.emit(add, &[inputs[sum.carry], total], node.source)?;
        new.set(ValueId::new(at, sum.carry), result);
    }
    Ok(())
}

/// Where the values of all steps are.
enum Stacked {
    Input(usize),
    Output(usize),
}

/// The product of stacked operands, time contracted.
fn over_time(dot: &Dot) -> Dot {
    let later = |axes: &[usize]| -> Vec<usize> { axes.iter().map(|a| a + 1).collect() };
    let with_time = |axes: &[usize]| [vec![0], later(axes)].concat();
    Dot {
        a_batch: later(&dot.a_batch),
        b_batch: later(&dot.b_batch),
        a_contract: with_time(&dot.a_contract),
        b_contract: with_time(&dot.b_contract),
    }
}

/// The carries to which each step only adds.
fn sums(scan: &Scan) -> Vec<Sum> {
    let body = &scan.body;
    let uses = body.uses();
    let once = |v: ValueId| uses[v.index()][v.output as usize] == 1;
    let constants = &body.inputs[scan.carries + scan.sequences..];
    let mut found = vec![];
    for carry in 0..scan.carries {
        let (before, after) = (body.inputs[carry], body.outputs[carry]);
        let node = &body.nodes[after.index()];
        let Op::Binary(Binary { kind: BinaryKind::Add }) = node.op else { continue };
        let Some(&term) = node.inputs.iter().find(|&&v| v != before) else { continue };
        if !node.inputs.contains(&before) || !once(before) || !once(after) {
            continue;
        }
        let is_float = body.spec(term).dtype.is_float();
        if is_float && body.outputs[scan.carries..].contains(&term) {
            found.push(Sum { carry, term: Term::Stacked(term) });
            continue;
        }
        if !once(term) {
            continue;
        }
        let made = &body.nodes[term.index()];
        let changes = |v: &ValueId| !constants.contains(v);
        let term = match &made.op {
            Op::Dot(dot) if made.inputs.iter().all(changes) => {
                Term::Dot(dot.clone(), [made.inputs[0], made.inputs[1]])
            }
            Op::Reduce(reduce) if reduce.kind == ReduceKind::Sum && changes(&made.inputs[0]) => {
                Term::Reduce(reduce.clone(), made.inputs[0])
            }
            _ => continue,
        };
        found.push(Sum { carry, term });
    }
    found
}

/// Constants of the loop that are right operands contracted along their last axis come in transposed.
fn transpose_constants(
    new: &mut Rewriter,
    scan: &mut Scan,
    inputs: &mut Vec<ValueId>,
    source: Source,
) -> Result<()> {
    let first = scan.carries + scan.sequences;
    let turned = |scan: &Scan, i: usize| -> Option<(usize, Dot)> {
        let node = &scan.body.nodes[i];
        let Op::Dot(dot) = &node.op else { return None };
        let matrix = node.inputs[1];
        let constant = scan.body.inputs[first..].iter().position(|&v| v == matrix)?;
        let flat = scan.body.spec(matrix).rank() == 2 && dot.b_batch.is_empty() && dot.b_contract == [1];
        flat.then(|| (first + constant, Dot { b_contract: vec![0], ..dot.clone() }))
    };
    while let Some(i) = (0..scan.body.nodes.len()).find(|&i| turned(scan, i).is_some()) {
        let Some((constant, dot)) = turned(scan, i) else { break };
        let op = Transpose { permutation: vec![1, 0] };
        inputs.push(new.emit(op, &[inputs[constant]], source)?);
        let spec = scan.body.spec(scan.body.inputs[constant]);
        let input = Spec::new(spec.dtype, vec![spec.shape[1], spec.shape[0]]);
        let end = scan.body.inputs.len();
        let input = add_input(&mut scan.body, input, end);
        scan.body.nodes[i].op = dot.into();
        scan.body.nodes[i].inputs[1] = input;
        inputs_first(&mut scan.body)?;
    }
    Ok(())
}
