//! What is done with the columns of a product as they are stored, and in which order of the axes.
use super::alias_of;
use cornu_graph::ops::{BinaryKind, UnaryKind};
use cornu_graph::{DType, Graph, Op, ValueId};
use std::collections::HashMap;

/// A product whose numbers are scaled, get a bias, and are clipped as they are stored, with its axes moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Affine {
    /// The product, and what is done with it.
    pub nodes: Vec<usize>,
    /// How the axes are moved, before all else.
    pub permutation: Option<Vec<usize>>,
    /// How many axes make up the columns: the last ones.
    columns: usize,
    /// One number for each column.
    pub scale: Option<ValueId>,
    /// Likewise.
    pub bias: Option<ValueId>,
    pub relu: bool,
    /// The bits of the number that larger ones become.
    cap: u32,
}

impl Affine {
    /// The number that larger ones become.
    pub fn cap(&self) -> f32 {
        f32::from_bits(self.cap)
    }

    /// Scale and bias.
    pub fn operands(&self) -> impl Iterator<Item = ValueId> {
        self.scale.into_iter().chain(self.bias)
    }
}

/// Products of which each column is scaled or gets a bias, where nothing else reads what comes between.
pub(super) fn units(graph: &Graph, computed: &[bool]) -> Vec<Affine> {
    let mut users: HashMap<ValueId, Vec<usize>> = HashMap::new();
    for (i, node) in graph.nodes.iter().enumerate().filter(|(i, _)| computed[*i]) {
        node.inputs.iter().for_each(|&v| users.entry(v).or_default().push(i));
    }
    // An output is read by the caller.
    graph.outputs.iter().for_each(|&v| users.entry(v).or_default().push(usize::MAX));
    let only_user = |i: usize| match users.get(&ValueId::new(i, 0)).map(Vec::as_slice) {
        Some(&[user]) if user != usize::MAX => Some(user),
        _ => None,
    };
    let mut found = vec![];
    for i in (0..graph.nodes.len()).filter(|&i| computed[i]) {
        let node = &graph.nodes[i];
        let columns = match &node.op {
            Op::Dot(dot) => graph.spec(node.inputs[1]).rank() - dot.b_batch.len() - dot.b_contract.len(),
            Op::Conv(_) => 1,
            _ => continue,
        };
        if node.outputs[0].dtype != DType::F32 {
            continue;
        }
        let (cap, permutation) = (f32::INFINITY.to_bits(), None);
        let mut unit =
            Affine { nodes: vec![i], permutation, columns, scale: None, bias: None, relu: false, cap };
        while let Some(user) = only_user(unit.nodes[unit.nodes.len() - 1])
            && take(graph, &mut unit, user)
        {
            unit.nodes.push(user);
        }
        if unit.nodes.len() > 1 {
            found.push(unit);
        }
    }
    found
}

/// Lets an affine unit do what node `user` does with its result, if it can: first move axes, then scale, add, and clip.
fn take(graph: &Graph, unit: &mut Affine, user: usize) -> bool {
    let last = ValueId::new(unit.nodes[unit.nodes.len() - 1], 0);
    let (node, clips) = (&graph.nodes[user], unit.relu || unit.cap() < f32::INFINITY);
    let other = || match node.inputs[..] {
        [a, b] if a == last && b != last => Some(b),
        [a, b] if b == last && a != last => Some(a),
        _ => None,
    };
    let free = |place: &Option<ValueId>| place.is_none() && !clips;
    match &node.op {
        Op::Transpose(t) if unit.nodes.len() == 1 && alias_of(graph, user).is_none() => {
            let product = &graph.nodes[last.index()];
            let Op::Dot(dot) = &product.op else { return false };
            let ranks = [0, 1].map(|side| graph.spec(product.inputs[side]).rank());
            let Some(side) = dot.last_side(ranks, &t.permutation) else { return false };
            unit.columns = ranks[side] - dot.a_batch.len() - dot.a_contract.len();
            unit.permutation = Some(t.permutation.clone());
        }
        Op::Unary(unary) if unary.kind == UnaryKind::Relu && !clips => unit.relu = true,
        Op::Binary(binary) => {
            let Some(other) = other() else { return false };
            let column = per_column(graph, other, unit.columns);
            match (binary.kind, column) {
                (BinaryKind::Mul, Some(v)) if free(&unit.scale) && unit.bias.is_none() => {
                    unit.scale = Some(v)
                }
                (BinaryKind::Add, Some(v)) if free(&unit.bias) => unit.bias = Some(v),
                (BinaryKind::Min, _) if unit.cap() == f32::INFINITY => match single(graph, other) {
                    Some(cap) if cap < f32::INFINITY => unit.cap = cap.to_bits(),
                    _ => return false,
                },
                _ => return false,
            }
        }
        _ => return false,
    }
    true
}

/// What is broadcast to give each column a number, where columns are the last axes.
fn per_column(graph: &Graph, v: ValueId, columns: usize) -> Option<ValueId> {
    let node = &graph.nodes[v.index()];
    let Op::Broadcast(broadcast) = &node.op else { return None };
    let rank = broadcast.shape.len();
    let first = rank.checked_sub(columns.max(1))?;
    let fits = graph.spec(node.inputs[0]).shape == broadcast.shape[first..];
    (fits && broadcast.dims.iter().copied().eq(first..rank)).then(|| node.inputs[0])
}

/// The number that a broadcast constant is everywhere.
fn single(graph: &Graph, v: ValueId) -> Option<f32> {
    match &graph.nodes[v.index()].op {
        Op::Broadcast(_) => single(graph, graph.nodes[v.index()].inputs[0]),
        Op::Constant(c) if c.value.len() == 1 && c.value.dtype() == DType::F32 => {
            c.value.to_f64().first().map(|&x| x as f32)
        }
        _ => None,
    }
}
