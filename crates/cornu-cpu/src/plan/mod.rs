//! A graph as a list of steps, with a place for every value.
mod chain;
mod kept;
mod nested;
mod places;

pub(crate) use nested::Nested;

use crate::aligned::Aligned;
use crate::clock::seconds;
use crate::elementwise::{self, External, Loop, View};
use crate::kernels::{self, Args, Kernel, row_major};
use crate::memory::{Bases, Loc};
use crate::schedule::{self, Unit, is_constant, is_view, root, schedule};
use cornu_graph::{Cost, Graph, Op, Profile, Result, Spec, StepProfile, Tensor, ValueId, interpret};
use std::collections::{HashMap, HashSet};

/// One step.
#[derive(Debug)]
enum Step {
    Loop(Loop),
    Kernel { kernel: Kernel, inputs: Vec<Loc>, outputs: Vec<Loc>, scratch: Loc },
    Copy { from: Loc, to: Loc, bytes: usize },
    Chain(chain::Chain),
}

/// A compiled graph. Its slots are the arena, the inputs, the outputs that are not state, and the constants.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    /// For each step, or each step of a chain, what a profile says of it.
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
        Planner::new(graph, &units, false)?.finish()
    }

    /// Plans a graph whose arena is of zeros at first, and nobody else's until the last run.
    ///
    /// # Errors
    /// As for [`Plan::new`].
    pub fn of_program(graph: &Graph) -> Result<Plan> {
        let units = schedule(graph);
        Planner::new(graph, &units, true)?.finish()
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
        let mut rest = profile.steps.iter_mut();
        for step in &self.steps {
            let shares = match step {
                Step::Chain(chain) => chain.run_timed(Bases(slots))?,
                step => {
                    step.run(Bases(slots))?;
                    vec![1.0]
                }
            };
            let took = seconds() - start;
            for (share, times) in shares.into_iter().zip(&mut rest) {
                times.seconds += took * share;
                times.last = (start - begin, took * share);
                start += took * share;
            }
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
            Step::Chain(chain) => chain.run(bases)?,
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

struct Planner<'a> {
    graph: &'a Graph,
    units: &'a [Unit],
    /// Of values that steps make and others, or the caller, need.
    places: HashMap<ValueId, Loc>,
    constants: Vec<Aligned>,
    /// Scratch memory of each unit.
    scratch: Vec<Loc>,
    kernels: Vec<Option<Kernel>>,
    /// What stays in the arena from run to run.
    kept: Vec<kept::Kept>,
    copies: Vec<Step>,
    arena: usize,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, units: &'a [Unit], owns_arena: bool) -> Result<Planner<'a>> {
        let mut planner = Planner {
            graph,
            units,
            places: HashMap::new(),
            constants: vec![],
            scratch: vec![],
            kernels: vec![],
            kept: vec![],
            copies: vec![],
            arena: 0,
        };
        for (i, v) in graph.inputs.iter().enumerate() {
            planner.places.insert(*v, Loc { slot: 1 + i as u32, offset: 0 });
        }
        planner.kernels = units.iter().map(|u| planner.kernel_of(u)).collect::<Result<_>>()?;
        if owns_arena {
            planner.keep();
        }
        planner.place_constants()?;
        planner.place_outputs();
        planner.place_arena();
        Ok(planner)
    }

    fn kernel_of(&self, unit: &Unit) -> Result<Option<Kernel>> {
        Ok(match unit {
            Unit::Loop(_) | Unit::Chain(_) => None,
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

    fn finish(mut self) -> Result<Plan> {
        let mut steps = vec![];
        let mut described = vec![];
        let kernels = std::mem::take(&mut self.kernels);
        for ((at, unit), kernel) in self.units.iter().enumerate().zip(kernels) {
            let mut made = unit.nodes().iter().flat_map(|&i| &self.graph.nodes[i].outputs);
            if made.all(Spec::is_empty) {
                continue;
            }
            if let Unit::Chain(chain) = unit {
                let chain = self.chain_step(chain)?;
                let steps_of = chain.nested.plan.described.iter();
                described.extend(steps_of.map(|step| of_samples(step, chain.samples)));
                steps.push(Step::Chain(chain));
                continue;
            }
            steps.push(match (unit, kernel) {
                (Unit::Loop(nodes), _) => Step::Loop(self.compile_loop(nodes)),
                (unit, Some(kernel)) => self.kernel_step(unit, kernel, self.scratch[at]),
                (_, None) => continue,
            });
            described.push(self.describe(unit));
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

    fn chain_step(&self, chain: &schedule::Chain) -> Result<chain::Chain> {
        let bytes = |v: ValueId| self.graph.spec(v).bytes() / chain.samples;
        let input =
            |&(v, by_sample): &(ValueId, bool)| (self.places[&v], if by_sample { bytes(v) } else { 0 });
        Ok(chain::Chain {
            nested: Nested::new(Plan::new(&chain.graph)?),
            samples: chain.samples,
            inputs: chain.inputs.iter().map(input).collect(),
            outputs: chain.outputs.iter().map(|&v| (self.places[&v], bytes(v))).collect(),
        })
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

/// What a profile says of a step that is taken for each sample.
fn of_samples(step: &StepProfile, samples: usize) -> StepProfile {
    let Cost { flops, bytes } = step.cost;
    let cost = Cost { flops: flops * samples as f64, bytes: bytes * samples as f64 };
    StepProfile { name: format!("{}, {samples} times", step.name), cost, ..StepProfile::default() }
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
