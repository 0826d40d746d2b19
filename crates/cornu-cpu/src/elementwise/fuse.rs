//! Nodes that one instruction does together: what passes between them stays in a vector register.
use super::Code;
use cornu_graph::ops::{BinaryKind, UnaryKind};
use cornu_graph::{DType, Graph, Op, ValueId};
use std::collections::{HashMap, HashSet};

/// An instruction in place of a node and of those that only it reads.
#[derive(Clone, Debug)]
pub(super) struct Fused {
    pub code: Code,
    pub inputs: Vec<ValueId>,
}

/// The instructions of nodes that take others in, and those others.
pub(super) fn fused(
    graph: &Graph,
    nodes: &[usize],
    stored: &dyn Fn(usize) -> bool,
) -> (HashMap<usize, Fused>, HashSet<usize>) {
    let mut readers: HashMap<usize, usize> = HashMap::new();
    for &i in nodes {
        graph.nodes[i].inputs.iter().for_each(|v| *readers.entry(v.index()).or_default() += 1);
    }
    let is_inner = |i: usize| nodes.contains(&i) && readers.get(&i) == Some(&1) && !stored(i);
    let (mut fused, mut taken) = (HashMap::new(), HashSet::new());
    // The last first: what takes in most.
    for &i in nodes.iter().rev() {
        if taken.contains(&i) {
            continue;
        }
        let mut seen = Pattern { graph, is_inner: &is_inner, inner: vec![] };
        if let Some(one) = seen.of(i) {
            taken.extend(seen.inner);
            fused.insert(i, one);
        }
    }
    (fused, taken)
}

/// Looks at a node and those before it.
struct Pattern<'a> {
    graph: &'a Graph,
    /// Whether only one node reads a node.
    is_inner: &'a dyn Fn(usize) -> bool,
    /// The nodes that were taken in.
    inner: Vec<usize>,
}

impl Pattern<'_> {
    fn of(&mut self, i: usize) -> Option<Fused> {
        for pattern in [Self::step, Self::quotient, Self::approach, Self::product_sum] {
            self.inner.clear();
            if let Some(fused) = pattern(self, i) {
                return Some(fused);
            }
        }
        self.inner.clear();
        None
    }

    /// The operands of a node of a kind.
    fn binary(&self, i: usize, kind: BinaryKind) -> Option<[ValueId; 2]> {
        let node = &self.graph.nodes[i];
        let is = node.outputs[0].dtype == DType::F32 && matches!(&node.op, Op::Binary(b) if b.kind == kind);
        is.then(|| [node.inputs[0], node.inputs[1]])
    }

    /// The operands of a value of a kind that only this pattern reads.
    fn inner(&mut self, v: ValueId, kind: BinaryKind) -> Option<[ValueId; 2]> {
        let operands = self.binary(v.index(), kind).filter(|_| (self.is_inner)(v.index()))?;
        self.inner.push(v.index());
        Some(operands)
    }

    /// `[a, v, e]` of `a / (sqrt(v) + e)`, as optimizers divide by the root of a mean square.
    fn by_root(&mut self, [a, below]: [ValueId; 2]) -> Option<[ValueId; 3]> {
        let [x, y] = self.inner(below, BinaryKind::Add)?;
        let is_root = |v: ValueId| {
            matches!(&self.graph.nodes[v.index()].op, Op::Unary(u) if u.kind == UnaryKind::Sqrt)
                && (self.is_inner)(v.index())
        };
        let (root, e) = if is_root(x) { (x, y) } else { (y, x) };
        is_root(root).then(|| {
            self.inner.push(root.index());
            [a, self.graph.nodes[root.index()].inputs[0], e]
        })
    }

    fn quotient(&mut self, i: usize) -> Option<Fused> {
        let operands = self.binary(i, BinaryKind::Div)?;
        let [a, v, e] = self.by_root(operands)?;
        Some(Fused { code: Code::DivSqrt, inputs: vec![a, v, e] })
    }

    fn step(&mut self, i: usize) -> Option<Fused> {
        let [x, quotient] = self.binary(i, BinaryKind::Sub)?;
        let operands = self.inner(quotient, BinaryKind::Div)?;
        let [a, v, e] = self.by_root(operands)?;
        let [a, b] = self.inner(a, BinaryKind::Mul)?;
        Some(Fused { code: Code::RootStep, inputs: vec![x, a, b, v, e] })
    }

    /// `m + (x - m) c` and `m + (x x - m) c`, means that move.
    fn approach(&mut self, i: usize) -> Option<Fused> {
        let sum = self.binary(i, BinaryKind::Add)?;
        for [m, product] in [sum, [sum[1], sum[0]]] {
            self.inner.clear();
            let Some(factors) = self.inner(product, BinaryKind::Mul) else { continue };
            for [difference, c] in [factors, [factors[1], factors[0]]] {
                self.inner.truncate(1);
                let Some([x, _]) = self.inner(difference, BinaryKind::Sub).filter(|d| d[1] == m) else {
                    continue;
                };
                let square = self.binary(x.index(), BinaryKind::Mul).filter(|s| s[0] == s[1]);
                return Some(match square {
                    Some([x_of, _]) if (self.is_inner)(x.index()) => {
                        self.inner.push(x.index());
                        Fused { code: Code::ApproachSquare, inputs: vec![x_of, m, c] }
                    }
                    _ => Fused { code: Code::Approach, inputs: vec![x, m, c] },
                });
            }
        }
        None
    }

    /// A product and the sum or difference that it is part of.
    fn product_sum(&mut self, i: usize) -> Option<Fused> {
        if let Some([x, y]) = self.binary(i, BinaryKind::Add) {
            let (factors, other) = match self.inner(x, BinaryKind::Mul) {
                Some(factors) => (factors, y),
                None => (self.inner(y, BinaryKind::Mul)?, x),
            };
            return Some(Fused { code: Code::MulAdd, inputs: vec![factors[0], factors[1], other] });
        }
        let [x, y] = self.binary(i, BinaryKind::Sub)?;
        let (code, factors, other) = match self.inner(x, BinaryKind::Mul) {
            Some(factors) => (Code::MulSub, factors, y),
            None => (Code::NegMulAdd, self.inner(y, BinaryKind::Mul)?, x),
        };
        Some(Fused { code, inputs: vec![factors[0], factors[1], other] })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use cornu_graph::{Builder, Spec, Value};

    /// The instructions that a result over `[p, g, m, v]` becomes, but for those of one node.
    fn codes(f: impl Fn(&[Value; 4]) -> Value) -> Vec<Code> {
        let b = Builder::new();
        let inputs: [Value; 4] = std::array::from_fn(|_| b.input(Spec::new(DType::F32, &[8])));
        let graph = b.finish(&[f(&inputs)]).unwrap();
        let result = graph.outputs[0].index();
        let elementwise = |i: &usize| matches!(graph.nodes[*i].op, Op::Binary(_) | Op::Unary(_));
        let nodes: Vec<usize> = (0..graph.nodes.len()).filter(elementwise).collect();
        let (fused, _) = fused(&graph, &nodes, &|i| i == result);
        let mut all: Vec<_> = fused.into_iter().collect();
        all.sort_by_key(|one| one.0);
        all.into_iter().map(|one| one.1.code).collect()
    }

    #[test]
    fn patterns() {
        let cases: [(Vec<Code>, fn(&[Value; 4]) -> Value); 10] = [
            (vec![Code::Approach], |[_, g, m, _]| m + (g - m) * 0.1),
            (vec![Code::Approach], |[p, g, m, _]| p * (g - m) + m),
            (vec![Code::MulAdd], |[_, g, m, v]| (g - m) * 0.1 + v),
            (vec![Code::ApproachSquare], |[_, g, _, v]| v + (g * g - v) * 0.1),
            (vec![Code::Approach], |[p, g, _, v]| v + (g * p - v) * 0.1),
            (vec![Code::DivSqrt], |[_, g, _, v]| g / (v.sqrt() + 1e-7)),
            (vec![Code::DivSqrt], |[_, g, m, v]| g / (m + v.sqrt())),
            (vec![Code::RootStep], |[p, g, m, v]| p - g * m / (v.sqrt() + 1e-7)),
            (vec![Code::ApproachSquare, Code::RootStep], |[p, g, m, v]| {
                p - m * 0.1 / ((v + (g * g - v) * 0.1).sqrt() + 1e-7)
            }),
            // What two read stays by itself.
            (vec![Code::MulAdd], |[_, g, m, _]| {
                let difference = g - m;
                &difference * 0.1 + &difference
            }),
        ];
        for (i, (want, f)) in cases.into_iter().enumerate() {
            assert_eq!(codes(f), want, "case {i}");
        }
    }
}
