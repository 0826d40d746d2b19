//! What `compile` takes.
use crate::losses::Loss;
use crate::metrics::Metric;
use crate::optimizers::{LossScaleOptimizer, Optimizer};
use cornu_graph::{DType, Error, Result};

/// The arguments of [`Model::compile`](crate::models::Model::compile).
///
/// ```
/// use cornu::prelude::*;
/// let compile = Compile::new(Adam::new().learning_rate(1e-3), "sparse_categorical_crossentropy").metrics(["accuracy"]);
/// # let _ = compile;
/// ```
#[derive(Clone, Debug)]
pub struct Compile {
    pub(crate) optimizer: Optimizer,
    pub(crate) loss: Losses,
    pub(crate) loss_weights: Vec<(Option<String>, f64)>,
    pub(crate) metrics: MetricsFor,
    pub(crate) weighted_metrics: MetricsFor,
    pub(crate) steps_per_execution: usize,
    pub(crate) run_eagerly: bool,
    pub(crate) jit_compile: bool,
    /// The dtype in which counters of the optimizer are saved.
    pub(crate) counters: DType,
    /// Whether the optimizer was put into one that scales the loss, which no file mentions.
    pub(crate) scaled: bool,
    /// The settings as a file has them.
    pub(crate) saved: Option<serde_json::Value>,
}

impl Compile {
    /// With an optimizer and a loss, each by name or as an object. A model with several outputs takes one loss for all, or
    /// one per output in a list or by name.
    pub fn new(optimizer: impl Into<Optimizer>, loss: impl Into<Losses>) -> Compile {
        Compile {
            optimizer: optimizer.into(),
            loss: loss.into(),
            loss_weights: vec![],
            metrics: MetricsFor::default(),
            weighted_metrics: MetricsFor::default(),
            steps_per_execution: 1,
            run_eagerly: false,
            jit_compile: true,
            counters: DType::I64,
            scaled: false,
            saved: None,
        }
    }

    /// How much the loss of each output counts, in the order of the outputs; 1 by default.
    pub fn loss_weights(mut self, weights: impl IntoIterator<Item = f64>) -> Compile {
        self.loss_weights = weights.into_iter().map(|w| (None, w)).collect();
        self
    }

    /// How much the loss of each named output counts; 1 by default.
    pub fn named_loss_weights<'a>(mut self, weights: impl IntoIterator<Item = (&'a str, f64)>) -> Compile {
        self.loss_weights = weights.into_iter().map(|(name, w)| (Some(name.to_string()), w)).collect();
        self
    }

    /// Metrics that ignore sample weights.
    pub fn metrics(mut self, metrics: impl Into<MetricsFor>) -> Compile {
        self.metrics = metrics.into();
        self
    }

    /// Metrics that take sample weights and class weights into account.
    pub fn weighted_metrics(mut self, metrics: impl Into<MetricsFor>) -> Compile {
        self.weighted_metrics = metrics.into();
        self
    }

    /// Batches that `fit`, `evaluate` and `predict` run as one program; 1 by default. Callbacks see every so many batches
    /// only. It pays for small models on a GPU; the numbers stay the same.
    pub fn steps_per_execution(mut self, steps_per_execution: usize) -> Compile {
        self.steps_per_execution = steps_per_execution;
        self
    }
}

impl Compile {
    /// Whether steps run operation by operation: false. True is refused by [`Model::compile`](crate::models::Model::compile).
    pub fn run_eagerly(mut self, run_eagerly: bool) -> Compile {
        self.run_eagerly = run_eagerly;
        self
    }

    /// Whether Keras compiles the steps of the saved model by XLA; true by default. Here every step is compiled, whatever this
    /// says.
    pub fn jit_compile(mut self, jit_compile: bool) -> Compile {
        self.jit_compile = jit_compile;
        self
    }

    /// Fails on names that nothing is called by, whatever the outputs.
    ///
    /// # Errors
    /// The unknown name, with the nearest known one; an argument that makes no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let losses: Vec<&Loss> = match &self.loss {
            Losses::Same(loss) => vec![loss],
            Losses::Each(losses) => losses.iter().flatten().collect(),
            Losses::Named(named) => named.iter().map(|(_, loss)| loss).collect(),
        };
        losses.into_iter().try_for_each(Loss::check)?;
        self.metrics.all().chain(self.weighted_metrics.all()).try_for_each(Metric::check)?;
        check_steps_per_execution(self.steps_per_execution)?;
        self.check_run_eagerly()
    }

    /// # Errors
    /// When steps are not to be compiled.
    fn check_run_eagerly(&self) -> Result<()> {
        if !self.run_eagerly {
            return Ok(());
        }
        let error = Error::argument("Compile.run_eagerly", "a step here is one compiled program");
        Err(error.help("to see what a program computes, compare the engine `reference`"))
    }

    /// With an optimizer that scales the loss around the one given, as Keras has it under `mixed_float16`.
    pub(crate) fn scaling(mut self) -> Compile {
        if !matches!(self.optimizer, Optimizer::LossScaleOptimizer(_)) {
            self.optimizer = LossScaleOptimizer::new(self.optimizer).into();
            self.scaled = true;
        }
        self
    }
}

/// # Errors
/// When it is 0.
pub(crate) fn check_steps_per_execution(steps: usize) -> Result<()> {
    match steps {
        0 => Err(Error::argument("Compile.steps_per_execution", "must be at least 1, got 0")),
        _ => Ok(()),
    }
}

/// The loss of each output.
#[derive(Clone, Debug)]
pub enum Losses {
    /// The same for every output.
    Same(Loss),
    /// In the order of the outputs; `None` leaves one out.
    Each(Vec<Option<Loss>>),
    /// By name of the output; the others are left out.
    Named(Vec<(String, Loss)>),
}

impl<T: Into<Loss>> From<T> for Losses {
    fn from(loss: T) -> Losses {
        Losses::Same(loss.into())
    }
}

/// No loss: what layers add to it is minimized alone.
impl From<()> for Losses {
    fn from((): ()) -> Losses {
        Losses::Named(vec![])
    }
}

impl<T: Into<Loss>, const N: usize> From<[T; N]> for Losses {
    fn from(losses: [T; N]) -> Losses {
        Losses::Each(losses.into_iter().map(|l| Some(l.into())).collect())
    }
}

impl<T: Into<Loss>> From<Vec<T>> for Losses {
    fn from(losses: Vec<T>) -> Losses {
        Losses::Each(losses.into_iter().map(|l| Some(l.into())).collect())
    }
}

impl<T: Into<Loss>, const N: usize> From<[(&str, T); N]> for Losses {
    fn from(losses: [(&str, T); N]) -> Losses {
        Losses::Named(losses.into_iter().map(|(name, l)| (name.to_string(), l.into())).collect())
    }
}

/// The metrics of each output.
#[derive(Clone, Debug)]
pub enum MetricsFor {
    /// Of the only output.
    Only(Vec<Metric>),
    /// In the order of the outputs.
    Each(Vec<Vec<Metric>>),
    /// By name of the output.
    Named(Vec<(String, Vec<Metric>)>),
}

impl Default for MetricsFor {
    fn default() -> Self {
        MetricsFor::Only(vec![])
    }
}

impl<T: Into<Metric>, const N: usize> From<[T; N]> for MetricsFor {
    fn from(metrics: [T; N]) -> MetricsFor {
        MetricsFor::Only(metrics.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Metric>> From<Vec<T>> for MetricsFor {
    fn from(metrics: Vec<T>) -> MetricsFor {
        MetricsFor::Only(metrics.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Metric>, const N: usize> From<[Vec<T>; N]> for MetricsFor {
    fn from(metrics: [Vec<T>; N]) -> MetricsFor {
        MetricsFor::Each(metrics.into_iter().map(|m| m.into_iter().map(Into::into).collect()).collect())
    }
}

impl<T: Into<Metric>, const N: usize> From<[(&str, Vec<T>); N]> for MetricsFor {
    fn from(metrics: [(&str, Vec<T>); N]) -> MetricsFor {
        let named = |(name, m): (&str, Vec<T>)| (name.to_string(), m.into_iter().map(Into::into).collect());
        MetricsFor::Named(metrics.into_iter().map(named).collect())
    }
}

/// Everything that `compile` says, brought into the order of the outputs.
#[derive(Debug)]
pub(crate) struct PerOutput {
    pub loss: Option<Loss>,
    pub loss_weight: Option<f64>,
    pub metrics: Vec<Metric>,
    pub weighted_metrics: Vec<Metric>,
}

impl Compile {
    /// # Errors
    /// When a name is no output's, or a list has another length than the outputs.
    pub(crate) fn per_output(&self, outputs: &[String]) -> Result<Vec<PerOutput>> {
        let n = outputs.len();
        let losses = match &self.loss {
            Losses::Same(loss) => vec![Some(loss.clone()); n],
            Losses::Each(losses) => exactly("loss", losses.clone(), n)?,
            Losses::Named(named) => by_name("loss", named, outputs)?,
        };
        let weights = match self.loss_weights.first() {
            None => vec![None; n],
            Some((None, _)) => {
                let weights = self.loss_weights.iter().map(|(_, w)| Some(*w)).collect();
                exactly("loss_weights", weights, n)?
            }
            Some((Some(_), _)) => {
                let named: Vec<(String, f64)> =
                    self.loss_weights.iter().filter_map(|(name, w)| Some((name.clone()?, *w))).collect();
                by_name("loss_weights", &named, outputs)?
            }
        };
        if let Some((_, weight)) = self.loss_weights.iter().find(|(_, w)| !w.is_finite()) {
            return Err(Error::argument("Compile.loss_weights", format!("must be finite, got {weight}")));
        }
        let metrics = self.metrics.per_output("metrics", outputs)?;
        let weighted = self.weighted_metrics.per_output("weighted_metrics", outputs)?;
        let zipped = losses.into_iter().zip(weights).zip(metrics.into_iter().zip(weighted));
        Ok(zipped
            .map(|((loss, loss_weight), (metrics, weighted_metrics))| PerOutput {
                loss,
                loss_weight,
                metrics,
                weighted_metrics,
            })
            .collect())
    }
}

impl MetricsFor {
    fn all(&self) -> Box<dyn Iterator<Item = &Metric> + '_> {
        match self {
            MetricsFor::Only(metrics) => Box::new(metrics.iter()),
            MetricsFor::Each(lists) => Box::new(lists.iter().flatten()),
            MetricsFor::Named(named) => Box::new(named.iter().flat_map(|(_, metrics)| metrics)),
        }
    }

    fn per_output(&self, what: &str, outputs: &[String]) -> Result<Vec<Vec<Metric>>> {
        match self {
            MetricsFor::Only(metrics) if metrics.is_empty() => Ok(vec![vec![]; outputs.len()]),
            MetricsFor::Only(metrics) if outputs.len() == 1 => Ok(vec![metrics.clone()]),
            MetricsFor::Only(_) => {
                let message = format!("the model has {} outputs: {outputs:?}", outputs.len());
                Err(Error::argument(format!("Compile.{what}"), message)
                    .help("give one list per output, or pairs of an output's name and a list"))
            }
            MetricsFor::Each(lists) => exactly(what, lists.clone(), outputs.len()),
            MetricsFor::Named(named) => {
                Ok(by_name(what, named, outputs)?.into_iter().map(Option::unwrap_or_default).collect())
            }
        }
    }
}

fn exactly<T>(what: &str, list: Vec<T>, outputs: usize) -> Result<Vec<T>> {
    if list.len() == outputs {
        return Ok(list);
    }
    let message = format!("one for each of the {outputs} outputs is needed, got {}", list.len());
    Err(Error::argument(format!("Compile.{what}"), message))
}

fn by_name<T: Clone>(what: &str, named: &[(String, T)], outputs: &[String]) -> Result<Vec<Option<T>>> {
    if let Some((name, _)) = named.iter().find(|(name, _)| !outputs.contains(name)) {
        let unknown = Error::unknown("output", name, outputs.iter().map(String::as_str));
        return Err(unknown.help(format!("`Compile.{what}` takes the outputs {outputs:?}")));
    }
    if let Some((name, _)) = named
        .iter()
        .enumerate()
        .find(|(i, (name, _))| named[..*i].iter().any(|(n, _)| n == name))
        .map(|(_, n)| n)
    {
        return Err(Error::argument(format!("Compile.{what}"), format!("`{name}` is given twice")));
    }
    let of = |output: &String| named.iter().find(|(name, _)| name == output).map(|(_, value)| value.clone());
    Ok(outputs.iter().map(of).collect())
}
