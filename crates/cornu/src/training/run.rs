//! Running compiled steps over batches.
use crate::models::Model;
use crate::models::keras_tensor::library;
use crate::training::data::Samples;
use crate::training::history::Logs;
use crate::training::step::{Phase, StepGraph, StepSpec, step_graph};
use crate::training::trainer::Ready;
use crate::variable::{DeviceGuard, Role, Variable};
use cornu_graph::{Backend, Buffer, Error, Executable, Pending, Profile, Result, Spec, Tensor, memory};
use std::fmt;
use std::sync::Arc;

/// A compiled step.
pub(crate) struct Program {
    executable: Box<dyn Executable>,
    backend: Arc<dyn Backend>,
    variables: Vec<Arc<Variable>>,
    /// How many arrays it takes that stay on the device.
    data: usize,
    names: Vec<String>,
    /// Written by each run.
    pub outputs: Vec<Tensor>,
    /// Where a batch is put together: x, then y, then sample weights; or the numbers of its samples.
    pub batch: Vec<Tensor>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Zeros, if there is room for them.
fn zeros(spec: &Spec) -> Result<Tensor> {
    memory::check(spec)?;
    memory::room(spec).map_err(|e| e.help("a smaller `batch_size` needs less"))?;
    Ok(Tensor::zeros(spec.shape.clone(), spec.dtype))
}

impl Program {
    /// Compiles a step for the engine in use.
    pub fn compile(step: StepGraph) -> Result<Program> {
        let graph = &step.graph;
        let outputs =
            graph.outputs[graph.state..].iter().map(|&v| zeros(graph.spec(v))).collect::<Result<_>>()?;
        let batch =
            graph.inputs[graph.state..].iter().map(|&v| zeros(graph.spec(v))).collect::<Result<_>>()?;
        let backend = crate::backend::current()?;
        // Each is on the host and on the device for a moment: before the program takes its memory.
        step.variables.iter().try_for_each(|v| v.on_device(&backend).map(drop))?;
        let axes = vec![Some(step.batch_axis); graph.inputs.len() - graph.state];
        let executable = backend.compile_shared(graph, &axes)?;
        let data = graph.state - step.variables.len();
        Ok(Program {
            executable,
            backend,
            variables: step.variables,
            data,
            names: step.names,
            outputs,
            batch,
        })
    }

    /// Whether the engine has not changed since this was compiled.
    pub fn is_for_engine_in_use(&self) -> bool {
        crate::backend::current().is_ok_and(|current| Arc::ptr_eq(&current, &self.backend))
    }

    /// Runs once on what is in [`Program::batch`].
    pub fn run(&mut self) -> Result<()> {
        self.run_over(&[], &mut (0..1).map(Ok), |_| Ok(()), |_| Ok(()))
    }

    /// Runs once for each item of `items`, with the arrays `data` that stay on the device: `fill` puts the batch together, `done`
    /// sees the outputs. Variables stay locked on the device all along, so that a step allocates nothing. Where the engine
    /// computes by itself, the next item is put together while it does, and `done` comes one item later. Variables that are
    /// lost with a step that fails are marked.
    pub fn run_over<I>(
        &mut self,
        data: &[Arc<Variable>],
        items: &mut dyn Iterator<Item = Result<I>>,
        fill: impl FnMut((&I, &mut [Tensor])) -> Result<()>,
        done: impl FnMut((&I, &[Tensor])) -> Result<()>,
    ) -> Result<()> {
        if data.len() != self.data {
            let message =
                format!("a program of {} arrays that stay on the device got {}", self.data, data.len());
            return Err(Error::State(message));
        }
        let variables = self.variables.iter().chain(data);
        let mut guards: Vec<DeviceGuard> =
            variables.map(|v| v.on_device(&self.backend)).collect::<Result<_>>()?;
        let mut state: Vec<&mut dyn Buffer> = guards.iter_mut().filter_map(DeviceGuard::buffer).collect();
        let Program { executable, batch, outputs, .. } = self;
        let ran = run_each(&mut **executable, &mut state, (batch, outputs), items, fill, done);
        if let Err(e) = &ran {
            guards.iter_mut().for_each(|guard| guard.check(e));
        }
        ran
    }

    pub fn start_profile(&mut self) {
        self.executable.start_profile();
    }

    pub fn take_profile(&mut self) -> Option<Profile> {
        self.executable.take_profile()
    }

    /// The values of losses and metrics after the last run.
    pub fn read_logs(&self, logs: &mut Logs) -> Result<()> {
        read_logs(&self.names, &self.outputs, logs)
    }
}

/// Runs a program once for each item, one item ahead where the engine computes by itself.
fn run_each<I>(
    executable: &mut dyn Executable,
    state: &mut [&mut dyn Buffer],
    (batch, outputs): (&mut [Tensor], &mut [Tensor]),
    items: &mut dyn Iterator<Item = Result<I>>,
    mut fill: impl FnMut((&I, &mut [Tensor])) -> Result<()>,
    mut done: impl FnMut((&I, &[Tensor])) -> Result<()>,
) -> Result<()> {
    let mut running: Option<(I, Box<dyn Pending>)> = None;
    for item in items {
        let item = item?;
        fill((&item, batch))?;
        match executable.start(state, batch)? {
            None => {
                executable.run(state, batch, outputs)?;
                done((&item, outputs))?;
            }
            Some(pending) => {
                if let Some((before, pending)) = running.replace((item, pending)) {
                    pending.finish(outputs)?;
                    done((&before, outputs))?;
                }
            }
        }
    }
    if let Some((last, pending)) = running {
        pending.finish(outputs)?;
        done((&last, outputs))?;
    }
    Ok(())
}

/// The values of losses and metrics, by their names in the order of the outputs.
pub(crate) fn read_logs(names: &[String], outputs: &[Tensor], logs: &mut Logs) -> Result<()> {
    names.iter().zip(outputs).try_for_each(|(name, output)| logs.set_tensor(name, output))
}

/// Data in the order of a model's inputs and outputs.
#[derive(Clone, Debug)]
pub(crate) struct Batches {
    pub samples: Samples,
    /// How many of the arrays are inputs of the model.
    inputs: usize,
    /// For each output: whether there is a target, whether there is a weight.
    targets: Vec<(bool, bool)>,
    /// The arrays as variables, where they stay on the device.
    resident: Vec<Arc<Variable>>,
}

impl Batches {
    /// # Errors
    /// When the arrays do not have one number of samples.
    pub fn new(
        inputs: Vec<(String, Tensor)>,
        targets: Vec<Option<(String, Tensor)>>,
        weights: Vec<Option<(String, Tensor)>>,
    ) -> Result<Batches> {
        let kinds = targets.iter().zip(&weights).map(|(y, w)| (y.is_some(), w.is_some())).collect();
        let count = inputs.len();
        let all =
            inputs.into_iter().chain(targets.into_iter().flatten()).chain(weights.into_iter().flatten());
        let samples = Samples::new(all.collect())?;
        Ok(Batches { samples, inputs: count, targets: kinds, resident: vec![] })
    }

    /// The samples `from..to`.
    pub fn part(&self, from: usize, to: usize) -> Result<Batches> {
        Ok(Batches { samples: self.samples.part(from, to)?, resident: vec![], ..self.clone() })
    }

    /// Copies the arrays to the device if the engine in use has `room` for them, which becomes less; batches are taken from
    /// there then. Where that fails after all, batches are copied as ever.
    pub fn stay(&mut self, room: &mut u64) -> Result<()> {
        let bytes: usize = self.samples.tensors.iter().map(|t| t.bytes().len()).sum();
        if bytes as u64 > *room || i32::try_from(self.samples.count).is_err() {
            return Ok(());
        }
        let backend = crate::backend::current()?;
        let one = |t: &Tensor| {
            let variable = Arc::new(Variable::new("data", Role::State, t.clone()));
            variable.on_device(&backend).map(drop)?;
            Ok(variable)
        };
        let copied: Result<Vec<_>> = self.samples.tensors.iter().map(one).collect();
        if let Ok(variables) = copied {
            *room -= bytes as u64;
            self.resident = variables;
        }
        Ok(())
    }

    /// Puts the batch of the samples `order[..]` together, as a program of these arrays takes it.
    fn fill(&self, order: &[u32], batch: &mut [Tensor]) -> Result<()> {
        match batch {
            [numbers] if !self.resident.is_empty() => {
                let numbers = numbers.as_slice_mut::<i32>()?;
                numbers.iter_mut().zip(order).for_each(|(to, &i)| *to = i as i32);
                Ok(())
            }
            _ => self.samples.gather(order, batch),
        }
    }

    /// The spec of a step on `rows` samples.
    pub fn step_spec(&self, phase: Phase, rows: usize) -> StepSpec {
        self.steps_spec(phase, rows, 1)
    }

    /// The spec of `steps` steps in one execution, each on `rows` samples.
    fn steps_spec(&self, phase: Phase, rows: usize, steps: usize) -> StepSpec {
        let mut specs = self.samples.tensors.iter().map(|t| {
            let mut shape = t.shape().to_vec();
            shape[0] = rows;
            Spec::new(t.dtype(), shape)
        });
        let x = specs.by_ref().take(self.inputs).collect();
        let y = self.targets.iter().map(|t| if t.0 { specs.next() } else { None }).collect();
        let sample_weight = self.targets.iter().map(|t| if t.1 { specs.next() } else { None }).collect();
        let resident = (!self.resident.is_empty()).then_some(self.samples.count);
        StepSpec { phase, x, y, sample_weight, steps, resident }
    }
}

impl Model {
    /// The compiled step of this spec, taken out of the model so that callbacks may use the model while it runs; give it back
    /// with [`Model::keep_program`].
    pub(crate) fn take_program(&mut self, spec: &StepSpec) -> Result<Program> {
        self.heed_changes(spec.phase)?;
        if let Some(program) = self.trainer.programs.remove(spec)
            && program.is_for_engine_in_use()
        {
            return Ok(program);
        }
        let functional = self.built()?.clone();
        let variables: Vec<Arc<Variable>> = self.variables()?.into_iter().map(|v| v.variable).collect();
        let ready = match spec.phase {
            Phase::Predict => None,
            _ => Some(self.ready_for(spec)?),
        };
        let own = self.trainer.own.get(&spec.phase);
        let own = own.map(|own| Ok::<_, Error>((own, self.as_layer()?))).transpose()?;
        let step = step_graph(&functional, &variables, ready.as_deref(), own, spec);
        // The mistake is in the data or in `compile`, not in a line of ours.
        let step = step.map_err(|e| e.at_user(None, library()))?;
        Program::compile(if spec.steps > 1 { step.repeated(spec)? } else { step })
    }

    pub(crate) fn keep_program(&mut self, spec: StepSpec, program: Program) {
        self.trainer.programs.insert(spec, program);
    }

    /// Optimizer and metrics for data of this spec.
    pub(crate) fn ready_for(&mut self, spec: &StepSpec) -> Result<Arc<Ready>> {
        let rows = spec.x.first().map_or(1, |s| s.shape[0]);
        let functional = self.built()?.clone();
        let y_pred: Vec<Spec> =
            functional.outputs.iter().map(|o| Spec::new(o.dtype(), o.shape().with(rows))).collect();
        self.ready(&spec.y, &y_pred)
    }

    /// Takes the program of one batch, runs `f` on it and gives it back, even on error.
    pub(crate) fn with_program<R>(
        &mut self,
        spec: StepSpec,
        f: impl FnOnce(&mut Program) -> Result<R>,
    ) -> Result<R> {
        let mut program = self.take_program(&spec)?;
        let result = f(&mut program);
        self.keep_program(spec, program);
        result
    }
}

impl Model {
    /// Runs a step on the samples `order`, `batch_size` at a time, fewer in the last batch; several batches in an execution
    /// as `compile` says, as long as there are so many. `done` sees the number of steps that are done, and names and
    /// outputs after each execution.
    pub(crate) fn run_batches(
        &mut self,
        batches: &Batches,
        phase: Phase,
        order: &[u32],
        batch_size: usize,
        mut done: impl FnMut(usize, &[String], &[Tensor]) -> Result<()>,
    ) -> Result<()> {
        let together = self.steps_per_execution();
        let (mut at, mut steps) = (0, 0);
        while at < order.len() {
            let rows = batch_size.min(order.len() - at);
            let whole = (order.len() - at) / rows;
            let (each, times) = if whole >= together { (together, whole / together) } else { (1, whole) };
            let size = each * rows;
            self.with_program(batches.steps_spec(phase, rows, each), |program| {
                let names = program.names.clone();
                program.run_over(
                    &batches.resident,
                    &mut (0..times).map(Ok),
                    |(&i, batch)| {
                        let from = at + i * size;
                        batches.fill(&order[from..from + size], batch)
                    },
                    |(&i, outputs)| done(steps + (i + 1) * each, &names, outputs),
                )
            })?;
            (at, steps) = (at + times * size, steps + times * each);
        }
        Ok(())
    }

    /// How many batches run as one program.
    pub(crate) fn steps_per_execution(&self) -> usize {
        self.trainer.compile.as_ref().map_or(1, |c| c.steps_per_execution)
    }
}

/// A size or count that makes sense.
///
/// # Errors
/// When it is 0.
pub(crate) fn check_positive(what: impl Into<String>, given: Option<usize>) -> Result<()> {
    match given {
        Some(0) => Err(Error::argument(what, "must be at least 1, got 0")),
        _ => Ok(()),
    }
}

/// How many samples of `count` a batch takes: as given, else so many that they last for `steps`, else 32.
pub(crate) fn batch_size_for(given: Option<usize>, steps: Option<usize>, count: usize) -> usize {
    given.unwrap_or_else(|| steps.map_or(32, |steps| count.div_ceil(steps.max(1)).max(1)))
}

/// Says where data ended before the steps that were asked for.
pub(crate) fn warn_of_end(done: usize, wanted: Option<usize>) {
    if let Some(wanted) = wanted.filter(|&wanted| done < wanted) {
        eprintln!("warning: the data ran out after {done} of {wanted} steps");
    }
}
