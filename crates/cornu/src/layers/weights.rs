//! What a layer asks for in `build`, and the variables it gets.
use crate::constraints::Constraint;
use crate::dtype_policy::DTypePolicy;
use crate::initializers::Initializer;
use crate::layers::lora::{self, EnableLora, Lora};
use crate::layers::{Layer, LayerRef, list};
use crate::regularizers::Regularizer;
use crate::shape::Shape;
use crate::utils::{naming, next_seed};
use crate::variable::{Role, Variable};
use cornu_graph::philox::Generator;
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Collects the weights that a layer wants. Given to [`Layer::build`].
#[derive(Debug)]
pub struct Weights {
    /// Weights of layers within that this layer lists as its own.
    shared: Vec<Arc<Variable>>,
    wanted: Vec<Wanted>,
    children: Vec<(String, LayerRef)>,
    lora: Option<EnableLora>,
    dtype: DType,
}

/// One weight wanted; setters add what Keras's `add_weight` takes.
#[derive(Debug)]
pub struct Wanted {
    name: String,
    shape: Vec<usize>,
    dtype: DType,
    initializer: Initializer,
    role: Role,
    seed: Option<u64>,
    ones: Range<usize>,
    map: Option<fn(f64) -> f64>,
    value: Option<Tensor>,
    regularizer: Option<Regularizer>,
    constraint: Option<Constraint>,
}

/// The variables of a built layer.
#[derive(Debug, Default)]
pub struct Built {
    /// In the order they were asked for.
    pub variables: Vec<Arc<Variable>>,
    /// Layers within, by the attribute they are saved under.
    pub children: Vec<(String, LayerRef)>,
    /// The shapes it was built for.
    pub inputs: Vec<Shape>,
    /// What is trained in place of a weight.
    pub(crate) lora: OnceLock<Lora>,
    /// In which dtype it computes and keeps weights.
    pub(crate) dtype: DTypePolicy,
}

impl Built {
    /// The variables, and those of LoRA after them.
    pub(crate) fn all_variables(&self) -> impl Iterator<Item = &Arc<Variable>> {
        self.variables.iter().chain(self.lora.get().into_iter().flat_map(|lora| [&lora.a, &lora.b]))
    }

    /// The variable of this name.
    pub fn variable(&self, name: &str) -> Option<&Arc<Variable>> {
        self.variables.iter().find(|v| v.name == name)
    }
}

impl Weights {
    /// Asks for a weight. A name with a slash is saved under that attribute: `cell/kernel`.
    pub fn add(
        &mut self,
        name: &str,
        shape: impl Into<Vec<usize>>,
        initializer: &Initializer,
    ) -> &mut Wanted {
        self.push(Wanted {
            name: name.into(),
            shape: shape.into(),
            dtype: self.dtype,
            initializer: initializer.clone(),
            role: Role::Trainable,
            seed: None,
            ones: 0..0,
            map: None,
            value: None,
            regularizer: None,
            constraint: None,
        })
    }

    /// Asks for the state of a random generator, which [`Call::random`](crate::layers::Call::random) draws from.
    pub fn add_seed(&mut self, name: &str, seed: Option<u64>) {
        self.push(Wanted {
            name: name.into(),
            shape: vec![2],
            dtype: DType::U64,
            initializer: Initializer::from("zeros"),
            role: Role::Seed,
            seed: Some(seed.unwrap_or_else(next_seed)),
            ones: 0..0,
            map: None,
            value: None,
            regularizer: None,
            constraint: None,
        });
    }

    /// Builds a layer within this one, saved under the attribute `name`. Its weights are found by
    /// [`Call::apply`](crate::layers::Call::apply).
    ///
    /// # Errors
    /// When that layer cannot be built on these shapes.
    pub fn add_layer(&mut self, name: &str, layer: &LayerRef, inputs: &[Shape]) -> Result<()> {
        ensure_built(&**layer, inputs)?;
        self.children.push((name.into(), layer.clone()));
        Ok(())
    }

    /// Lists a weight of a layer within this one as a weight of this one too, before its own.
    ///
    /// # Errors
    /// When that layer has no such weight.
    pub(crate) fn share(&mut self, layer: &LayerRef, name: &str) -> Result<&Variable> {
        let found = layer.base().built().and_then(|b| b.variable(name));
        let missing = || Error::State(format!("{} has no weight `{name}`", layer.class_name()));
        self.shared.push(found.cloned().ok_or_else(missing)?);
        Ok(&self.shared[self.shared.len() - 1])
    }

    /// Asks for LoRA of this rank, if there is one and it is not 0, for the weight that the layer has it for.
    pub(crate) fn lora(&mut self, rank: Option<usize>, alpha: Option<f64>) {
        let lora = rank.filter(|&rank| rank > 0).map(EnableLora::new);
        self.lora = lora.map(|lora| alpha.into_iter().fold(lora, EnableLora::lora_alpha));
    }

    fn push(&mut self, wanted: Wanted) -> &mut Wanted {
        self.wanted.push(wanted);
        let last = self.wanted.len() - 1;
        &mut self.wanted[last]
    }
}

impl Wanted {
    /// Adds to the loss.
    pub fn regularizer(&mut self, regularizer: &Option<Regularizer>) -> &mut Self {
        self.regularizer.clone_from(regularizer);
        self
    }

    /// Applied after each update.
    pub fn constraint(&mut self, constraint: &Option<Constraint>) -> &mut Self {
        self.constraint.clone_from(constraint);
        self
    }

    /// Whether the optimizer updates it; true unless said otherwise.
    pub fn trainable(&mut self, trainable: bool) -> &mut Self {
        self.role = if trainable { Role::Trainable } else { Role::NonTrainable };
        self
    }

    /// What it is for, other than a weight.
    pub(crate) fn role(&mut self, role: Role) -> &mut Self {
        self.role = role;
        self
    }

    /// Changes each element that the initializer gives.
    pub fn map(&mut self, f: fn(f64) -> f64) -> &mut Self {
        self.map = Some(f);
        self
    }

    /// What it starts as, in place of what the initializer gives.
    pub(crate) fn starts_as(&mut self, value: &Option<Tensor>) -> &mut Self {
        self.value.clone_from(value);
        self
    }

    /// Another dtype than the layer's.
    pub fn dtype(&mut self, dtype: DType) -> &mut Self {
        self.dtype = dtype;
        self
    }

    /// Elements of a vector that start at 1 whatever the initializer, as the bias of a forget gate.
    pub fn ones_within(&mut self, range: Range<usize>) -> &mut Self {
        self.ones = range;
        self
    }

    fn make(self) -> Result<Variable> {
        let bytes = spend(&self.shape, self.dtype, 1)?;
        if self.ones.end as u64 > bytes / self.dtype.size() as u64 {
            let message = format!("elements {:?} of a weight of shape {:?}", self.ones, self.shape);
            return Err(Error::argument("ones_within", message));
        }
        if let Some(regularizer) = &self.regularizer {
            regularizer.get()?;
        }
        if let Some(constraint) = &self.constraint {
            constraint.get()?;
        }
        let mut variable = match (self.seed, self.value) {
            (Some(seed), _) => Variable::new(self.name, self.role, Tensor::from([seed, 0])),
            (None, Some(value)) => {
                let start = Variable::new(self.name, self.role, Tensor::zeros(self.shape, self.dtype));
                start.assign(&value)?;
                start
            }
            (None, None) => {
                let (initializer, ones, map) = (self.initializer, self.ones, self.map);
                let spec = Spec::new(self.dtype, self.shape);
                let start = Start { spec, initializer, seed: next_seed(), ones, map };
                start.variable(self.name, self.role)?
            }
        };
        variable.regularizer = self.regularizer;
        variable.constraint = self.constraint;
        Ok(variable)
    }
}

/// A variable of LoRA, that starts as an initializer says.
///
/// # Errors
/// When there is no room for it, or the initializer does not fit.
pub(crate) fn start(name: String, role: Role, spec: Spec, initializer: &Initializer) -> Result<Variable> {
    // A file has none of these numbers: what they may take goes by those that it has.
    spend(&spec.shape, spec.dtype, 16)?;
    let initializer = initializer.clone();
    Start { spec, initializer, seed: next_seed(), ones: 0..0, map: None }.variable(name, role)
}

/// How a weight starts. Its numbers are drawn when they are first needed: never, if a file gives others.
#[derive(Debug)]
pub(crate) struct Start {
    spec: Spec,
    initializer: Initializer,
    seed: u64,
    ones: Range<usize>,
    map: Option<fn(f64) -> f64>,
}

impl Start {
    fn variable(self, name: String, role: Role) -> Result<Variable> {
        if self.can_wait()? {
            Ok(Variable::later(name, role, self))
        } else {
            Ok(Variable::new(name, role, self.value()?))
        }
    }

    /// Whether the shape cannot make the initializer fail; its other mistakes come out here.
    ///
    /// # Errors
    /// When the initializer is unknown, or an argument of it makes no sense.
    fn can_wait(&self) -> Result<bool> {
        use Initializer::{Constant, Custom, STFT};
        self.initializer.get()?;
        let is_array = matches!(&self.initializer, Constant(c) if !c.value.shape().is_empty());
        if is_array || matches!(self.initializer, Custom(_) | STFT(_)) {
            return Ok(false);
        }
        // Others fail on some ranks at most, as on the small shape below.
        let small = vec![1; self.spec.rank()];
        self.initializer.sample(&small, self.spec.dtype, &mut Generator::new(self.seed)).map(|_| true)
    }

    /// Shape and dtype.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The numbers: the same each time.
    ///
    /// # Errors
    /// When there is no such tensor.
    pub fn value(&self) -> Result<Tensor> {
        let dtype = self.spec.dtype;
        let mut value = self.initializer.sample(&self.spec.shape, dtype, &mut Generator::new(self.seed))?;
        if !self.ones.is_empty() {
            let mut values = value.to_f64();
            values[self.ones.clone()].fill(1.0);
            value = Tensor::from_f64(value.shape(), dtype, &values)?;
        }
        if let Some(f) = self.map {
            let values: Vec<f64> = value.to_f64().into_iter().map(f).collect();
            value = Tensor::from_f64(value.shape(), dtype, &values)?;
        }
        Ok(value)
    }
}

/// Builds `layer` for inputs of these shapes unless it is built; its variables.
///
/// # Errors
/// When the layer does not take such inputs, named with its path.
pub(crate) fn ensure_built<'a>(layer: &'a dyn Layer, inputs: &[Shape]) -> Result<&'a Arc<Built>> {
    let base = layer.base();
    base.set_built(|| {
        let _within = Within::layer(base.resolved_name(layer.class_name()));
        let policy = base.dtype.at(&Within::path()).map_err(|e| in_layer(layer, e))?;
        let dtype = policy.variable_dtype().map_err(|e| in_layer(layer, e))?;
        list::refuse_absurd_layer(layer).map_err(|e| in_layer(layer, e))?;
        naming::check(base.resolved_name(layer.class_name()))?;
        let mut weights = Weights { shared: vec![], wanted: vec![], children: vec![], lora: None, dtype };
        layer.build_many(&mut weights, inputs).map_err(|e| in_layer(layer, e))?;
        let names: Vec<&str> = weights.wanted.iter().map(|w| w.name.as_str()).collect();
        if let Some((_, name)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            let error = Error::State(format!("`build` asks for two weights called `{name}`"));
            return Err(in_layer(layer, error));
        }
        let own = weights.wanted.into_iter().map(|w| w.make().map(Arc::new));
        let variables = weights.shared.into_iter().map(Ok).chain(own).collect::<Result<_>>();
        let variables = variables.map_err(|e| in_layer(layer, e))?;
        let lora = OnceLock::new();
        let built =
            Built { variables, children: weights.children, inputs: inputs.to_vec(), lora, dtype: policy };
        if let Some(lora) = &weights.lora {
            lora::enable(layer, &built, lora).map_err(|e| in_layer(layer, e))?;
        }
        Ok(built)
    })
}

/// An error with the layer it happened in, unless an inner layer is named already.
pub(crate) fn in_layer(layer: &dyn Layer, error: Error) -> Error {
    let class = layer.class_name();
    match error {
        e @ Error::Layer { .. } => e,
        e => e.in_layer(layer.base().resolved_name(class), class),
    }
}

thread_local! {
    /// The layers that are being built, each within the one before it.
    static BUILDING: RefCell<Vec<String>> = const { RefCell::new(vec![]) };
}

/// While it lives, a layer is being built.
struct Within;

impl Within {
    fn layer(name: &str) -> Within {
        BUILDING.with_borrow_mut(|names| names.push(name.into()));
        Within
    }

    /// Where the layer is within others.
    fn path() -> String {
        BUILDING.with_borrow(|names| names.join("/"))
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        BUILDING.with_borrow_mut(Vec::pop);
    }
}

thread_local! {
    /// Bytes of weights that may still be made.
    static BUDGET: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `f`, within which no more than `bytes` of weights may be made: what a file asks for, it must hold.
pub(crate) fn within_budget<R>(bytes: u64, f: impl FnOnce() -> R) -> R {
    /// Puts the budget back on the way out.
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BUDGET.set(self.0);
        }
    }
    let bytes = BUDGET.get().map_or(bytes, |around| around.min(bytes));
    let _restore = Restore(BUDGET.replace(Some(bytes)));
    f()
}

/// Takes the bytes of a weight, or one of so many parts of them, from the budget; all of them.
fn spend(shape: &[usize], dtype: DType, parts: u64) -> Result<u64> {
    let too_large = |_| Error::Data(format!("a weight of shape {shape:?} does not fit into memory"));
    let bytes = memory::room(&Spec::new(dtype, shape)).map_err(too_large)?;
    let Some(budget) = BUDGET.get() else { return Ok(bytes) };
    let left = budget.checked_sub(bytes / parts).ok_or_else(|| {
        let message = format!("a weight of shape {shape:?} is asked for, more than the file holds");
        Error::Data(message)
    })?;
    BUDGET.set(Some(left));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initializers::VarianceScaling;
    use crate::layers::Dense;
    use crate::utils::set_random_seed;

    #[test]
    fn numbers_do_not_depend_on_when_they_are_drawn() {
        set_random_seed(7);
        let seed = next_seed();
        set_random_seed(7);
        let dense = Dense::new(3);
        let built = ensure_built(&dense, &[Shape::batched(&[2])]).unwrap();
        next_seed();
        let initializer = Initializer::from("glorot_uniform");
        let expected = initializer.sample(&[2, 3], DType::F32, &mut Generator::new(seed)).unwrap();
        let kernel = built.variable("kernel").unwrap();
        assert_eq!(kernel.value().unwrap(), expected);
        assert_eq!(kernel.value().unwrap(), expected);
    }

    #[test]
    fn mistakes_come_out_at_once() {
        let wrong: [Initializer; 2] = ["glorot".into(), VarianceScaling::new().scale(-1.0).into()];
        for initializer in wrong {
            let dense = Dense::new(3).kernel_initializer(initializer);
            assert!(ensure_built(&dense, &[Shape::batched(&[2])]).is_err());
        }
        // A vector is no matrix.
        let dense = Dense::new(3).bias_initializer("identity");
        assert!(ensure_built(&dense, &[Shape::batched(&[2])]).is_err());
    }
}
