//! Steps of user code: several models, several optimizers, any loss.
mod context;
mod own_step;
mod predict_step;
mod train_step;

pub(crate) use context::OfModel;
pub use context::StepContext;
pub(crate) use own_step::OwnStep;
pub use predict_step::PredictStep;
pub use train_step::TrainStep;

use crate::layers::Trace;
use crate::layers::lora::changes;
use crate::training::data::Data;
use crate::training::run::Program;
use crate::training::step::StepGraph;
use crate::training::trainer::LossMean;
use crate::utils::next_seed;
use crate::variable::{Role, Variable};
use cornu_graph::{Builder, DType, Error, Result, Spec, Tensor, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a user's code gives: values, and the names of those that are reported.
type Given = (Vec<String>, Vec<Value>);
type Body<'a> = dyn Fn(&StepContext, &[Value]) -> Result<Given> + 'a;

/// Code of a user, compiled once for each shape of batch.
struct Traced<'a> {
    body: Box<Body<'a>>,
    programs: HashMap<Vec<Spec>, Program>,
    /// [`changes`] when they were made.
    changes: u64,
    state: State,
}

/// What lives on when a batch of another shape is traced.
struct State {
    seed: Arc<Variable>,
    /// The variables of the optimizer of each call of `minimize` or `apply_gradients`, in order.
    optimizers: RefCell<Vec<Vec<Arc<Variable>>>>,
    /// Those of an epoch, by their names.
    means: RefCell<Vec<LossMean>>,
}

impl State {
    fn new() -> State {
        let seed = Arc::new(Variable::new("seed", Role::Seed, Tensor::from([next_seed(), 0])));
        State { seed, optimizers: RefCell::default(), means: RefCell::default() }
    }
}

/// Scalars with their names, as logs have them.
///
/// # Errors
/// When one is no scalar.
fn reported(reports: Vec<(&'static str, Value)>) -> Result<Given> {
    if let Some((name, value)) = reports.iter().find(|(_, v)| v.rank() > 0) {
        let message = format!("`{name}` is reported as {}", value.spec());
        return Err(Error::argument("TrainStep", message).help("report scalars, such as means"));
    }
    Ok(reports.into_iter().map(|(name, v)| (name.to_string(), v.cast(DType::F32))).unzip())
}

impl<'a> Traced<'a> {
    fn new(body: impl Fn(&StepContext, &[Value]) -> Result<Given> + 'a) -> Traced<'a> {
        Traced { body: Box::new(body), programs: HashMap::new(), changes: changes(), state: State::new() }
    }

    /// Runs the program for arrays of these shapes; its outputs are what the code gives.
    fn run(&mut self, batch: &Data) -> Result<&Program> {
        let tensors = batch.tensors();
        let specs: Vec<Spec> = tensors.iter().map(|t| Spec::new(t.dtype(), t.shape())).collect();
        if self.changes != changes() {
            self.programs.clear();
            self.changes = changes();
        }
        let known = self.programs.remove(&specs).filter(Program::is_for_engine_in_use);
        let mut program = known.map_or_else(|| Program::compile(self.trace(&specs)?), Ok)?;
        program.batch.clone_from_slice(tensors);
        let ran = program.run();
        let program = self.programs.entry(specs).insert_entry(program).into_mut();
        ran.map(|()| &*program)
    }

    fn trace(&self, specs: &[Spec]) -> Result<StepGraph> {
        let builder = Builder::new();
        let trace = Trace::new(builder.clone(), true);
        let batch: Vec<Value> = specs.iter().map(|s| builder.input(s.clone())).collect();
        let (names, given) = (self.body)(&StepContext::new(&trace, &self.state, None), &batch)?;
        builder.check()?;
        let variables = trace.variables();
        let mut outputs: Vec<Value> = variables.iter().map(|(_, _, now)| now.clone()).collect();
        outputs.extend(given);
        let mut graph = builder.finish(&outputs)?;
        // The variables were met after the batch was declared, but a graph's state comes first.
        graph.inputs = variables.iter().map(|(_, start, _)| start).chain(&batch).map(Value::id).collect();
        graph.state = variables.len();
        let variables = variables.into_iter().map(|(v, _, _)| v).collect();
        Ok(StepGraph { graph, variables, names, batch_axis: 0 })
    }
}

impl fmt::Debug for Traced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").field("programs", &self.programs).finish_non_exhaustive()
    }
}
