//! Optimizers around others, which update the weights.
use super::{Optimizer, Weight};
use cornu_graph::{Error, Result, Tensor, Value};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What an optimizer around others does besides them. Its variables are the number of steps, a learning rate that nothing
/// uses, its scalars, then those of the optimizers within.
pub trait Wrapper {
    /// The optimizers within, in the order of their variables.
    fn inner(&self) -> Vec<&Optimizer>;

    /// What it keeps besides, by name.
    fn scalars(&self) -> Vec<(&'static str, Tensor)> {
        vec![]
    }

    /// Which of those within updates the weight at a path.
    ///
    /// # Errors
    /// When several would.
    fn choose(&self, path: &str) -> Result<usize>;

    /// The one whose learning rate is that of the whole, if there is such.
    fn leading(&self) -> Option<usize>;

    /// Where the variables of one of those within stand in Keras's files: `inner_optimizer`.
    fn file_path(&self, inner: usize) -> String;

    /// What the optimizers within divide gradients by, in place of their own argument.
    fn loss_scale_factor(&self) -> Option<f64>;

    /// What the gradient is taken of; `own` are the variables of the wrapper.
    fn scale_loss(&self, loss: &Value, own: &[Value]) -> Value;

    /// The gradients that those within get.
    fn gradients(&self, grads: &[Value], own: &[Value]) -> Vec<Value>;

    /// Ends a step: weights and all variables, before it and as those within leave them.
    fn finish(&self, grads: &[Value], before: Step<&[Value]>, after: Step<&mut [Value]>);
}

/// Weights, and the variables of an optimizer.
#[derive(Debug)]
pub struct Step<T> {
    /// Every weight.
    pub weights: T,
    /// Every variable of the optimizer.
    pub own: T,
}

/// An optimizer within another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inner(Box<Optimizer>);

impl<T: Into<Optimizer>> From<T> for Inner {
    fn from(optimizer: T) -> Inner {
        Inner(Box::new(optimizer.into()))
    }
}

impl std::ops::Deref for Inner {
    type Target = Optimizer;

    fn deref(&self) -> &Optimizer {
        &self.0
    }
}

/// Number of steps and learning rate.
const BASE: usize = 2;

/// How weights and variables are shared out among the optimizers within.
pub(super) struct Parts<'a> {
    inner: Vec<&'a Optimizer>,
    /// Of each, its weights.
    weights: Vec<Vec<usize>>,
    /// Of each, where its variables are.
    variables: Vec<Range<usize>>,
}

impl<'a> Parts<'a> {
    pub fn new(wrapper: &'a dyn Wrapper, known: &[Weight]) -> Result<Parts<'a>> {
        let inner = wrapper.inner();
        let mut weights = vec![vec![]; inner.len()];
        for (i, weight) in known.iter().enumerate() {
            weights[wrapper.choose(weight.path)?].push(i);
        }
        let mut start = BASE + wrapper.scalars().len();
        let mut variables = vec![];
        for (optimizer, mine) in inner.iter().zip(&weights) {
            let mine: Vec<Weight> = mine.iter().map(|&i| known[i]).collect();
            let count = optimizer.count(&mine)?;
            variables.push(start..start + count);
            start += count;
        }
        Ok(Parts { inner, weights, variables })
    }

    /// Number of variables of the wrapper and all within.
    pub fn len(&self) -> usize {
        self.variables.last().map_or(BASE, |last| last.end)
    }
}

fn pick<T: Clone>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|&i| all[i].clone()).collect()
}

/// The variables of every optimizer, which a wrapper has and does not use.
pub(super) fn base() -> Vec<(String, Tensor)> {
    vec![("iteration".into(), Tensor::scalar(0i64)), ("learning_rate".into(), Tensor::scalar(0f32))]
}

/// The variables with which a wrapper starts; see [`Optimizer::build`].
pub(super) fn build(wrapper: &dyn Wrapper, weights: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
    let mut variables = base();
    variables.extend(wrapper.scalars().into_iter().map(|(name, value)| (name.to_string(), value)));
    let chosen = weights.iter().map(|(path, _)| wrapper.choose(path)).collect::<Result<Vec<_>>>()?;
    for (i, optimizer) in wrapper.inner().into_iter().enumerate() {
        let mine: Vec<_> = weights.iter().zip(&chosen).filter(|(_, c)| **c == i).map(|(w, _)| *w).collect();
        variables.extend(optimizer.build(&mine)?);
    }
    Ok(variables)
}

/// See [`Optimizer::stateless_apply`].
pub(super) fn apply(
    wrapper: &dyn Wrapper,
    own: &[Value],
    grads: &[Value],
    known: &[Weight],
    weights: &[Value],
) -> Result<(Vec<Value>, Vec<Value>)> {
    let parts = Parts::new(wrapper, known)?;
    let (mut weights_after, mut own_after) = (weights.to_vec(), own.to_vec());
    let unscaled = wrapper.gradients(grads, own);
    for ((optimizer, mine), variables) in parts.inner.iter().zip(&parts.weights).zip(&parts.variables) {
        if mine.is_empty() {
            continue;
        }
        let (known, factor) = (pick(known, mine), wrapper.loss_scale_factor());
        let before = &own[variables.clone()];
        let (new_weights, new_own) =
            optimizer.step(before, &pick(&unscaled, mine), &known, &pick(weights, mine), factor)?;
        mine.iter().zip(new_weights).for_each(|(&i, value)| weights_after[i] = value);
        own_after[variables.clone()].clone_from_slice(&new_own);
    }
    let before = Step { weights, own };
    wrapper.finish(grads, before, Step { weights: &mut weights_after, own: &mut own_after });
    Ok((weights_after, own_after))
}

/// See [`Optimizer::averages`].
pub(super) fn averages(wrapper: &dyn Wrapper, known: &[Weight]) -> Result<Vec<Option<usize>>> {
    let parts = Parts::new(wrapper, known)?;
    let mut places = vec![None; known.len()];
    for ((optimizer, mine), variables) in parts.inner.iter().zip(&parts.weights).zip(&parts.variables) {
        let found = optimizer.averages(&pick(known, mine))?;
        mine.iter().zip(found).for_each(|(&i, place)| places[i] = place.map(|p| p + variables.start));
    }
    Ok(places)
}

/// Variables of an optimizer within another, which stand a second time in Keras's files.
#[derive(Debug)]
pub(crate) struct Part {
    /// Where.
    pub path: String,
    /// The name of the optimizer.
    pub name: String,
    /// Which.
    pub variables: Range<usize>,
}

/// The parts of a wrapper's variables: those for these weights, or those that there are before it knows a weight.
///
/// # Errors
/// When a weight has no optimizer.
pub(super) fn files(wrapper: &dyn Wrapper, known: Option<&[Weight]>) -> Result<Vec<Part>> {
    let inner = wrapper.inner();
    let (mine, ranges) = match known {
        Some(known) => {
            let parts = Parts::new(wrapper, known)?;
            let mine = parts.weights.iter().map(|mine| Some(pick(known, mine))).collect();
            (mine, parts.variables)
        }
        None => {
            let mut start = BASE;
            let mut range = |optimizer: &&Optimizer| {
                let from = start;
                start += optimizer.before_weights()?.len();
                Ok(from..start)
            };
            (vec![None; inner.len()], inner.iter().map(&mut range).collect::<Result<_>>()?)
        }
    };
    let mut files = vec![];
    for (i, ((optimizer, mine), variables)) in inner.into_iter().zip(mine).zip(ranges).enumerate() {
        let (path, from) = (wrapper.file_path(i), variables.start);
        files.push(Part { path: path.clone(), name: optimizer.saved_name(), variables });
        if let Some(inner) = optimizer.get()?.wrapper() {
            files.extend(self::files(inner, mine.as_deref())?.into_iter().map(|part| Part {
                path: format!("{path}/{}", part.path),
                name: part.name,
                variables: part.variables.start + from..part.variables.end + from,
            }));
        }
    }
    Ok(files)
}

/// The optimizer whose learning rate is that of the whole, and where its variables begin.
pub(super) fn leading(wrapper: &dyn Wrapper) -> Result<(&Optimizer, usize)> {
    match (wrapper.leading(), wrapper.inner().first()) {
        (Some(0), Some(&first)) => {
            let (leading, from) = first.leading()?;
            Ok((leading, from + BASE + wrapper.scalars().len()))
        }
        _ => {
            let error = Error::State("a MultiOptimizer has no learning rate of its own".into());
            Err(error.help("the optimizers within have one each: give it where they are made"))
        }
    }
}
