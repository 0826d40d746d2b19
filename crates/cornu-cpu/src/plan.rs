//! A graph as a list of steps, with a place for every value.
use crate::aligned::Aligned;
use crate::clock::seconds;
use crate::elementwise::{self, External, Loop, View};
use crate::kernels::{self, Args, Kernel, row_major};
use crate::memory::{ARENA, Bases, Lifetime, Loc, lay_out};
use crate::schedule::{Unit, is_constant, is_view, root, schedule};
use cornu_graph::{Cost, Graph, Op, Profile, Result, Spec, StepProfile, Tensor, ValueId, interpret};
use std::collections::{HashMap, HashSet};

/// One step.
#[derive(Debug)]
enum Step {
    Loop(Loop),
    Kernel { kernel: Kernel, inputs: Vec<Loc>, outputs: Vec<Loc>, scratch: Loc },
    Copy { from: Loc, to: Loc, bytes: usize },
}

/// A compiled graph. Its slots are the arena, the inputs, the outputs that are not state, and the constants.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    /// For each step, what a profile says of it.
    described: Vec<StepProfile>,
    arena: usize,
    inputs: usize,
    outputs: usize,
    constants: Vec<Aligned>,
}

impl Plan {
    /// Plans a graph.
    ///
    /// # Errors
    /// When a graph inside an op cannot be planned.
    pub fn new(graph: &Graph) -> Result<Plan> {
        let units = schedule(graph);
        Planner::new(graph, &units)?.finish()
    }

    /// Bytes of the arena.
    pub fn arena_bytes(&self) -> usize {
        self.arena
    }

    /// Bytes of arena and constants.
    pub fn memory(&self) -> usize {
        self.arena + self.constants.iter().map(Aligned::len).sum::<usize>()
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        1 + self.inputs + self.outputs + self.constants.len()
    }

    /// The slot of input `i`.
    pub fn input_slot(&self, i: usize) -> usize {
        1 + i
    }

    /// The slot of output `i`, state not counted.
    pub fn output_slot(&self, i: usize) -> usize {
        1 + self.inputs + i
    }

    /// Fills in the slots of constants, which never change.
    pub fn fill_constants(&self, slots: &mut [*mut u8]) {
        let first = 1 + self.inputs + self.outputs;
        for (slot, constant) in slots[first..].iter_mut().zip(&self.constants) {
            // Steps only read them.
            *slot = constant.as_ptr().cast_mut();
        }
    }

    /// Runs all steps.
    ///
    /// # Safety
    /// Every slot must point to as much memory as the plan asks for, which nobody else uses meanwhile.
    ///
    /// # Errors
    /// When the interpreter refuses an op.
    pub unsafe fn run(&self, slots: &[*mut u8]) -> Result<()> {
        let bases = Bases(slots);
        for step in &self.steps {
            step.run(bases)?;
        }
        Ok(())
    }

    /// As [`Plan::run`], adding the times of steps to the profile.
    ///
    /// # Safety
    /// As for [`Plan::run`].
    ///
    /// # Errors
    /// As for [`Plan::run`].
    pub unsafe fn run_timed(&self, slots: &[*mut u8], profile: &mut Profile) -> Result<()> {
        let begin = seconds();
        let mut start = begin;
        for (step, times) in self.steps.iter().zip(&mut profile.steps) {
            step.run(Bases(slots))?;
            let end = seconds();
            times.seconds += end - start;
            times.last = (start - begin, end - start);
            start = end;
        }
        profile.runs += 1;
        Ok(())
    }

    /// A profile without times.
    pub fn profile(&self) -> Profile {
        Profile { runs: 0, steps: self.described.clone() }
    }
}

impl Step {
    fn run(&self, bases: Bases) -> Result<()> {
        match self {
            Step::Loop(l) => l.run(bases),
            Step::Kernel { kernel, inputs, outputs, scratch } => {
                (kernel.run)(&Args { bases, inputs, outputs, scratch: *scratch })?;
            }
            Step::Copy { from, to, bytes } => {
                let (from, to) = (bases.ptr::<u8>(*from), bases.ptr(*to));
                // Loops let what they keep stand where they stack it.
                if from != to {
                    // SAFETY: the plan gives both places this many bytes, which do not overlap.
                    unsafe { std::ptr::copy_nonoverlapping(from, to, *bytes) };
                }
            }
        }
        Ok(())
    }
}

/// The times, in steps, at which a value is written and read.
#[derive(Clone, Copy, Debug)]
struct Life {
    made: usize,
    last: usize,
}

struct Planner<'a> {
    graph: &'a Graph,
    units: &'a [Unit],
    /// Of values that steps make and others, or the caller, need.
    places: HashMap<ValueId, Loc>,
    constants: Vec<Aligned>,
    /// Scratch memory of each unit.
    scratch: Vec<Loc>,
    kernels: Vec<Option<Kernel>>,
    copies: Vec<Step>,
    arena: usize,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, units: &'a [Unit]) -> Result<Planner<'a>> {
        let mut planner = Planner {
            graph,
            units,
            places: HashMap::new(),
            constants: vec![],
            scratch: vec![],
            kernels: vec![],
            copies: vec![],
            arena: 0,
        };
        for (i, v) in graph.inputs.iter().enumerate() {
            planner.places.insert(*v, Loc { slot: 1 + i as u32, offset: 0 });
        }
        planner.kernels = units.iter().map(|u| planner.kernel_of(u)).collect::<Result<_>>()?;
        planner.place_constants()?;
        planner.place_outputs();
        planner.place_arena();
        Ok(planner)
    }

    fn kernel_of(&self, unit: &Unit) -> Result<Option<Kernel>> {
        Ok(match unit {
            Unit::Loop(_) => None,
            Unit::Node(i) => Some(kernels::lower(self.graph, *i)?),
            Unit::Affine(affine) => Some(kernels::affine(self.graph, affine)?),
        })
    }

    fn place_constants(&mut self) -> Result<()> {
        let first = 1 + self.graph.inputs.len() + self.graph.outputs.len() - self.graph.state;
        for i in (0..self.graph.nodes.len()).filter(|&i| is_constant(self.graph, i)) {
            let slot = (first + self.constants.len()) as u32;
            self.constants.push(copy_of(&constant_value(self.graph, i)?));
            self.places.insert(ValueId::new(i, 0), Loc { slot, offset: 0 });
        }
        Ok(())
    }

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
    fn reads(&self, unit: &Unit) -> Vec<ValueId> {
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
            Unit::Node(_) => false,
        };
        let made = root(self.graph, v);
        if through && made == v && is_view(self.graph, made.index()) {
            return root(self.graph, self.graph.nodes[made.index()].inputs[0]);
        }
        made
    }

    /// Outputs are written where the caller wants them, and new state over the old where nothing reads that later.
    fn place_outputs(&mut self) {
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

    fn place_arena(&mut self) {
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
                (v, Lifetime { bytes, first: life.made, last: life.last })
            })
            .collect();
        values.sort_by_key(|(v, _)| *v);
        let mut lifetimes: Vec<Lifetime> = values.iter().map(|(_, l)| *l).collect();
        for (at, kernel) in self.kernels.iter().enumerate() {
            let bytes = kernel.as_ref().map_or(0, |k| k.scratch);
            lifetimes.push(Lifetime { bytes, first: at, last: at });
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

    /// What a unit could write over what it reads: an array of which it changes a part, or arrays that a loop reads and writes
    /// element by element.
    fn replaced(&self, unit: &Unit) -> Vec<(ValueId, ValueId)> {
        match unit {
            &Unit::Node(i) => {
                let node = &self.graph.nodes[i];
                if !matches!(node.op, Op::Scatter(_) | Op::DynamicUpdate(_)) {
                    return vec![];
                }
                let old = root(self.graph, node.inputs[0]);
                let read_once = node.inputs.iter().filter(|&&v| root(self.graph, v) == old).count() == 1;
                if read_once { vec![(ValueId::new(i, 0), old)] } else { vec![] }
            }
            Unit::Affine(_) => vec![],
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
        }
    }

    fn finish(mut self) -> Result<Plan> {
        let mut steps = vec![];
        let mut described = vec![];
        let kernels = std::mem::take(&mut self.kernels);
        for ((at, unit), kernel) in self.units.iter().enumerate().zip(kernels) {
            let mut made = unit.nodes().iter().flat_map(|&i| &self.graph.nodes[i].outputs);
            if made.all(Spec::is_empty) {
                continue;
            }
            described.push(self.describe(unit));
            steps.push(match (unit, kernel) {
                (Unit::Loop(nodes), _) => Step::Loop(self.compile_loop(nodes)),
                (unit, Some(kernel)) => self.kernel_step(unit, kernel, self.scratch[at]),
                (_, None) => continue,
            });
        }
        for copy in std::mem::take(&mut self.copies) {
            if let Step::Copy { from, to, bytes } = copy {
                let v = root(self.graph, self.graph.outputs[from.offset]);
                let moved = Cost { flops: 0.0, bytes: 2.0 * bytes as f64 };
                let name = format!("copy {}", self.graph.spec(v));
                described.push(StepProfile { name, cost: moved, ..StepProfile::default() });
                steps.push(Step::Copy { from: self.places[&v], to, bytes });
            }
        }
        Ok(Plan {
            steps,
            described,
            arena: self.arena,
            inputs: self.graph.inputs.len(),
            outputs: self.graph.outputs.len() - self.graph.state,
            constants: self.constants,
        })
    }

    fn describe(&self, unit: &Unit) -> StepProfile {
        let nodes = unit.nodes();
        let node = &self.graph.nodes[nodes[nodes.len() - 1]];
        let first = &self.graph.nodes[nodes[0]];
        let specs: Vec<String> = first.inputs.iter().map(|&v| self.graph.spec(v).to_string()).collect();
        let name = match unit {
            Unit::Loop(_) => format!("loop of {} {}", nodes.len(), node.outputs[0]),
            _ => format!("{} {} -> {}", first.op.name(), specs.join(" "), node.outputs[0]),
        };
        StepProfile { name, cost: self.cost_of(unit), ..StepProfile::default() }
    }

    /// What comes from other units is read once, what others read is written once.
    fn cost_of(&self, unit: &Unit) -> Cost {
        let own: HashSet<usize> = unit.nodes().iter().copied().collect();
        let read: HashSet<ValueId> =
            self.reads(unit).into_iter().filter(|v| !own.contains(&v.index())).collect();
        let made =
            own.iter().flat_map(|&i| (0..self.graph.nodes[i].outputs.len()).map(move |o| ValueId::new(i, o)));
        let written = made.filter(|v| self.places.contains_key(v));
        Cost {
            flops: own.iter().map(|&i| self.graph.flops(i)).sum(),
            bytes: read.into_iter().chain(written).map(|v| self.graph.spec(v).bytes() as f64).sum(),
        }
    }

    fn compile_loop(&self, nodes: &[usize]) -> Loop {
        let external = |v: ValueId| self.external(v);
        let stored = |i: usize| self.places.get(&ValueId::new(i, 0)).copied();
        elementwise::compile(self.graph, nodes, &external, &stored)
    }

    fn external(&self, v: ValueId) -> External {
        let graph = self.graph;
        let made = root(graph, v);
        let node = &graph.nodes[made.index()];
        let whole = |value: ValueId| External {
            loc: self.places[&value],
            dtype: graph.spec(value).dtype,
            view: View::Contiguous,
        };
        if made != v || !is_view(graph, made.index()) {
            return whole(made);
        }
        let shape = &graph.spec(node.inputs[0]).shape;
        let mut external = whole(root(graph, node.inputs[0]));
        match &node.op {
            Op::Broadcast(op) => {
                external.view = View::Strided(broadcast_dims(shape, &op.shape, &op.dims));
            }
            Op::Slice(op) => {
                let strides: Vec<usize> = row_major(shape).into_iter().map(|s| s as usize).collect();
                let first: usize = op.start.iter().zip(&strides).map(|(at, stride)| at * stride).sum();
                external.loc.offset += first * external.dtype.size();
                let strides: Vec<usize> = op.stride.iter().zip(&strides).map(|(a, b)| a * b).collect();
                external.view = match &merged(&node.outputs[0].shape, &strides)[..] {
                    [(_, 1)] => View::Contiguous,
                    dims => View::Strided(dims.to_vec()),
                };
            }
            _ => {}
        }
        external
    }

    fn kernel_step(&self, unit: &Unit, kernel: Kernel, scratch: Loc) -> Step {
        let nodes = unit.nodes();
        let first = &self.graph.nodes[nodes[0]];
        let mut inputs: Vec<Loc> = first.inputs.iter().map(|&v| self.places[&root(self.graph, v)]).collect();
        if let Unit::Affine(affine) = unit {
            inputs.extend(affine.operands().map(|v| self.places[&root(self.graph, v)]));
        }
        let last = nodes[nodes.len() - 1];
        let outputs =
            (0..self.graph.nodes[last].outputs.len()).map(|o| self.places[&ValueId::new(last, o)]).collect();
        Step::Kernel { kernel, inputs, outputs, scratch }
    }
}

/// Sizes and strides of a broadcast, as of [`merged`].
fn broadcast_dims(from: &[usize], to: &[usize], dims: &[usize]) -> Vec<(usize, usize)> {
    let mut strides = vec![0; to.len()];
    let mut stride = 1;
    for (axis, &size) in from.iter().enumerate().rev() {
        if size != 1 {
            strides[dims[axis]] = stride;
        }
        stride *= size;
    }
    merged(to, &strides)
}

/// Sizes and strides of a view, the innermost first, neighbours that move alike in one.
pub(crate) fn merged(sizes: &[usize], strides: &[usize]) -> Vec<(usize, usize)> {
    let mut merged: Vec<(usize, usize)> = vec![];
    for (&size, &stride) in sizes.iter().zip(strides).rev().filter(|(size, _)| **size != 1) {
        match merged.last_mut() {
            Some(last) if stride == last.1 * last.0 => last.0 *= size,
            _ => merged.push((size, stride)),
        }
    }
    if merged.is_empty() {
        merged.push((1, 0));
    }
    merged
}

/// What a constant node holds.
fn constant_value(graph: &Graph, node: usize) -> Result<Tensor> {
    if let Op::Constant(c) = &graph.nodes[node].op {
        return Ok(c.value.clone());
    }
    let alone = Graph {
        nodes: vec![graph.nodes[node].clone()],
        inputs: vec![],
        outputs: vec![ValueId::new(0, 0)],
        state: 0,
    };
    Ok(interpret(&alone, &[])?.remove(0))
}

fn copy_of(tensor: &Tensor) -> Aligned {
    let bytes = tensor.bytes();
    let mut memory = Aligned::zeroed(bytes.len());
    // SAFETY: the memory is as large, and new.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.as_mut_ptr(), bytes.len()) };
    memory
}
