//! Where each value lives: with the caller, in the arena, or over another that nothing reads later.
use super::{Planner, Step};
use crate::kernels;
use crate::memory::{ARENA, Lifetime, Loc, lay_out};
use crate::schedule::{Unit, is_view, root};
use cornu_graph::{Op, Spec, ValueId};
use std::collections::{HashMap, HashSet};

/// The times, in steps, at which a value is written and read.
#[derive(Clone, Copy, Debug)]
struct Life {
    made: usize,
    last: usize,
}

impl Planner<'_> {
    /// The unit that makes each value, and the last that reads it.
    fn lives(&self) -> HashMap<ValueId, Life> {
        let mut lives: HashMap<ValueId, Life> = HashMap::new();
        for (at, unit) in self.units.iter().enumerate() {
            for &i in unit.nodes() {
                for output in 0..self.graph.nodes[i].outputs.len() {
                    lives.insert(ValueId::new(i, output), Life { made: at, last: at });
                }
            }
        }
        for (at, unit) in self.units.iter().enumerate() {
            for v in self.reads(unit) {
                let life = lives.entry(v).or_insert(Life { made: 0, last: at });
                life.last = life.last.max(at);
            }
        }
        lives
    }

    /// The values in memory that a unit reads: its own included where another of its nodes reads them.
    pub(super) fn reads(&self, unit: &Unit) -> Vec<ValueId> {
        if let Unit::Chain(chain) = unit {
            return chain.inputs.iter().map(|(v, _)| *v).collect();
        }
        let inputs = unit.nodes().iter().flat_map(|&i| {
            let node = &self.graph.nodes[i];
            node.inputs.iter().map(move |&v| self.memory_of(unit, i, v))
        });
        let columns: Vec<ValueId> = match unit {
            Unit::Affine(affine) => affine.operands().map(|v| root(self.graph, v)).collect(),
            _ => vec![],
        };
        inputs.chain(columns).collect()
    }

    /// The value whose memory stands for `v` when node `reader` of `unit` reads it: loops and epilogues read through
    /// views.
    fn memory_of(&self, unit: &Unit, reader: usize, v: ValueId) -> ValueId {
        let through = match unit {
            Unit::Loop(_) => true,
            Unit::Affine(affine) => affine.nodes[0] != reader,
            Unit::Node(_) | Unit::Chain(_) => false,
        };
        let made = root(self.graph, v);
        if through && made == v && is_view(self.graph, made.index()) {
            return root(self.graph, self.graph.nodes[made.index()].inputs[0]);
        }
        made
    }

    /// Outputs are written where the caller wants them, and new state over the old where nothing reads that later.
    pub(super) fn place_outputs(&mut self) {
        let lives = self.lives();
        for (i, &v) in self.graph.outputs.iter().enumerate() {
            let made = root(self.graph, v);
            let to = match i.checked_sub(self.graph.state) {
                None => Loc { slot: 1 + i as u32, offset: 0 },
                Some(i) => Loc { slot: (1 + self.graph.inputs.len() + i) as u32, offset: 0 },
            };
            let old = self.graph.inputs.get(i).filter(|_| i < self.graph.state);
            match self.places.get(&made) {
                Some(&from) if from == to => continue,
                None if old.is_none_or(|old| self.may_overwrite(*old, made, &lives)) => {
                    self.places.insert(made, to);
                    continue;
                }
                _ => {}
            }
            let bytes = self.graph.spec(v).bytes();
            // The place is known once the arena is laid out.
            self.copies.push(Step::Copy { from: Loc { slot: u32::MAX, offset: i }, to, bytes });
        }
    }

    /// Whether the step that makes `new` may write it over `old`: nothing reads that later, and the step itself only where
    /// it writes.
    fn may_overwrite(&self, old: ValueId, new: ValueId, lives: &HashMap<ValueId, Life>) -> bool {
        let Some(made) = lives.get(&new) else { return false };
        let Some(read) = lives.get(&old) else { return true };
        // The caller reads the old value through another output.
        if self.graph.outputs.iter().any(|&v| root(self.graph, v) == old) {
            return false;
        }
        // Parts of a whole and sums are not stored where they were read.
        let elsewhere = matches!(self.graph.nodes[new.index()].op, Op::Concat(_) | Op::Reduce(_));
        if read.last != made.made || elsewhere {
            return read.last < made.made;
        }
        match &self.units[made.made] {
            Unit::Loop(nodes) => nodes.iter().all(|&i| {
                self.graph.nodes[i].inputs.iter().all(|&v| {
                    let through = self.memory_of(&self.units[made.made], i, v);
                    through != old || root(self.graph, v) == old
                })
            }),
            _ => false,
        }
    }

    pub(super) fn place_arena(&mut self) {
        let mut lives = self.lives();
        for v in self.graph.outputs.iter().map(|&v| root(self.graph, v)) {
            if let Some(life) = lives.get_mut(&v) {
                life.last = self.units.len();
            }
        }
        let over = self.overwritten(&mut lives);
        let mut values: Vec<(ValueId, Lifetime)> = lives
            .iter()
            .filter(|(v, _)| !self.places.contains_key(v) && !over.iter().any(|(new, _)| new == *v))
            .filter(|(v, life)| self.is_stored(**v, life.made, life.last))
            .map(|(&v, life)| {
                let bytes = self.graph.spec(v).bytes();
                match self.is_kept(v) {
                    true => (v, Lifetime { bytes, first: 0, last: self.units.len() }),
                    false => (v, Lifetime { bytes, first: life.made, last: life.last }),
                }
            })
            .collect();
        values.sort_by_key(|(v, _)| *v);
        let mut lifetimes: Vec<Lifetime> = values.iter().map(|(_, l)| *l).collect();
        for (at, kernel) in self.kernels.iter().enumerate() {
            let bytes = kernel.as_ref().map_or(0, |k| k.scratch);
            let is_kept = self.kept.iter().any(|kept| kept.at == at);
            let (first, last) = if is_kept { (0, self.units.len()) } else { (at, at) };
            lifetimes.push(Lifetime { bytes, first, last });
        }
        let (offsets, total) = lay_out(&lifetimes);
        let loc = |i: usize| Loc { slot: ARENA, offset: offsets[i] };
        for (i, (v, _)) in values.iter().enumerate() {
            self.places.insert(*v, loc(i));
        }
        for (new, old) in over {
            self.places.insert(new, self.places[&old]);
        }
        self.scratch = (0..self.units.len()).map(|at| loc(values.len() + at)).collect();
        self.arena = total;
    }

    /// Values that are written over others, which nothing reads later; each after those that it is written over itself. Those
    /// live on until the new ones end.
    fn overwritten(&self, lives: &mut HashMap<ValueId, Life>) -> Vec<(ValueId, ValueId)> {
        let mut over: Vec<(ValueId, ValueId)> = vec![];
        for (at, unit) in self.units.iter().enumerate() {
            for (new, old) in self.replaced(unit) {
                let in_arena = |v| !self.places.contains_key(v);
                let (Some(before), Some(after)) = (lives.get(&old).copied(), lives.get(&new).copied()) else {
                    continue;
                };
                let stored = self.is_stored(old, before.made, before.last)
                    && self.is_stored(new, after.made, after.last);
                let taken = over.iter().any(|(v, _)| *v == new);
                if self.kept.iter().any(|kept| kept.value == old) {
                    continue;
                }
                if before.last == at && !taken && in_arena(&old) && in_arena(&new) && stored {
                    let place = over.iter().find(|(v, _)| *v == old).map_or(old, |(_, place)| *place);
                    for v in [old, place] {
                        if let Some(life) = lives.get_mut(&v) {
                            life.last = life.last.max(after.last);
                        }
                    }
                    over.push((new, place));
                }
            }
        }
        over
    }

    /// What a unit could write over what it reads: an array of which it changes a part, what windows were taken of, or arrays that a
    /// loop reads and writes element by element.
    fn replaced(&self, unit: &Unit) -> Vec<(ValueId, ValueId)> {
        match unit {
            &Unit::Node(i) => {
                let node = &self.graph.nodes[i];
                let may = match &node.op {
                    Op::Scatter(_) | Op::DynamicUpdate(_) => true,
                    Op::WindowGrad(op) => kernels::may_overwrite(
                        op,
                        self.graph.spec(node.inputs[0]),
                        self.graph.spec(node.inputs[1]),
                    ),
                    _ => false,
                };
                if !may {
                    return vec![];
                }
                let old = root(self.graph, node.inputs[0]);
                let read_once = node.inputs.iter().filter(|&&v| root(self.graph, v) == old).count() == 1;
                if read_once { vec![(ValueId::new(i, 0), old)] } else { vec![] }
            }
            Unit::Affine(_) | Unit::Chain(_) => vec![],
            Unit::Loop(nodes) => {
                let lanes = |spec: &Spec| spec.dtype.size() == 4;
                let first = &self.graph.nodes[nodes[0]].outputs[0];
                let own: HashSet<usize> = nodes.iter().copied().collect();
                let reads = nodes.iter().flat_map(|&i| &self.graph.nodes[i].inputs).copied();
                let reads: Vec<ValueId> = reads.filter(|v| !own.contains(&v.index())).collect();
                let whole = |old: ValueId| {
                    let spec = self.graph.spec(old);
                    let as_it_lies =
                        |&v: &ValueId| self.memory_of(unit, nodes[0], v) != old || root(self.graph, v) == old;
                    lanes(spec) && spec.len() == first.len() && reads.iter().all(as_it_lies)
                };
                let mut olds: Vec<ValueId> = reads.iter().map(|&v| root(self.graph, v)).collect();
                olds.sort_unstable();
                olds.dedup();
                olds.retain(|&v| whole(v));
                let is_new = |&&i: &&usize| {
                    let node = &self.graph.nodes[i];
                    lanes(&node.outputs[0]) && !matches!(node.op, Op::Concat(_) | Op::Reduce(_))
                };
                let news = nodes.iter().filter(is_new).map(|&i| ValueId::new(i, 0));
                news.flat_map(|new| olds.iter().map(move |&old| (new, old))).collect()
            }
        }
    }

    /// Whether a value has a place in memory: all but those that never leave their loop or epilogue.
    fn is_stored(&self, v: ValueId, made: usize, last: usize) -> bool {
        match &self.units[made] {
            Unit::Node(_) => true,
            Unit::Affine(affine) => affine.nodes.last() == Some(&v.index()),
            Unit::Loop(_) => last > made,
            Unit::Chain(chain) => chain.outputs.contains(&v),
        }
    }
}
