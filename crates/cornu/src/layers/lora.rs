//! Low-rank adaptation: a kernel that stays as it is, and two small matrices that are trained in its place.
use crate::initializers::Initializer;
use crate::layers::weights::{Built, in_layer, start};
use crate::layers::{Layer, Trace};
use crate::variable::{Role, Variable};
use cornu_graph::{DType, Error, Result, Spec, Tensor, Value};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The arguments of `enable_lora` of a layer: the kernel becomes `kernel + lora_alpha / rank * a @ b`, of which `a` and `b`
/// are trained (Hu and others, 2021).
///
/// ```
/// use cornu::layers::EnableLora;
/// use cornu::prelude::*;
///
/// let model = Sequential::new().add(Input::new([16])).add(Dense::new(8).name("d"));
/// assert_eq!(model.count_trainable_params()?, 16 * 8 + 8);
/// model.get_layer("d")?.enable_lora(EnableLora::new(2).lora_alpha(4.0))?;
/// // What is left are the bias, `a` and `b`.
/// assert_eq!(model.count_trainable_params()?, 8 + 16 * 2 + 2 * 8);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EnableLora {
    rank: usize,
    lora_alpha: Option<f64>,
    a_initializer: Initializer,
    b_initializer: Initializer,
}

impl EnableLora {
    /// With `rank`, the inner size of the two matrices, and the defaults of Keras for the rest.
    pub fn new(rank: usize) -> EnableLora {
        EnableLora {
            rank,
            lora_alpha: None,
            a_initializer: "he_uniform".into(),
            b_initializer: "zeros".into(),
        }
    }

    /// The product of the matrices counts `lora_alpha / rank` times; the rank by default, that is once.
    pub fn lora_alpha(mut self, lora_alpha: f64) -> EnableLora {
        self.lora_alpha = Some(lora_alpha);
        self
    }

    /// How `a` starts; `"he_uniform"` by default.
    pub fn a_initializer(mut self, a_initializer: impl Into<Initializer>) -> EnableLora {
        self.a_initializer = a_initializer.into();
        self
    }

    /// How `b` starts; `"zeros"` by default, so that the layer computes at first what it did.
    pub fn b_initializer(mut self, b_initializer: impl Into<Initializer>) -> EnableLora {
        self.b_initializer = b_initializer.into();
        self
    }
}

impl From<usize> for EnableLora {
    fn from(rank: usize) -> EnableLora {
        EnableLora::new(rank)
    }
}

/// How often a layer got LoRA so far; programs and optimizers of before know nothing of its weights.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// How often a layer got LoRA after it was built.
pub(crate) fn changes() -> u64 {
    CHANGES.load(Ordering::Relaxed)
}

/// An optimizer has a state for each weight that was trained when it was made.
pub(crate) fn other_weights() -> Error {
    Error::State("layers got LoRA since the optimizer began".into()).help(
        "call `compile` again, or make the `TrainStep` anew: it starts with the weights that are trained now",
    )
}

impl dyn Layer {
    /// Freezes the kernel (of embeddings: the table) and trains two matrices of rank `rank` in its place, whose product is
    /// added to it. `rank` is a number or an [`EnableLora`]. Takes effect in training at the next `compile`. Keras's
    /// `enable_lora`, of `Dense`, `EinsumDense`, `Embedding`, `ReversibleEmbedding`, `Conv1D`, `Conv2D` and `Conv3D`.
    ///
    /// Files hold the sum in place of the kernel, as Keras's do: a loaded model starts with `a` and `b` of zeros. As in Keras,
    /// `set_trainable(true)` releases the kernel as well.
    ///
    /// # Errors
    /// When the layer has no LoRA, has it already, or is not built; when its kernel has a constraint, the rank is 0, or an
    /// initializer does not fit.
    pub fn enable_lora(&self, lora: impl Into<EnableLora>) -> Result<()> {
        let made = || {
            let error = "cannot enable lora on a layer that isn't yet built";
            let built = self.base().built().ok_or_else(|| Error::State(error.into()))?;
            enable(self, built, &lora.into())
        };
        made().map_err(|e| in_layer(self, e))?;
        CHANGES.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Gives the weights of a layer, fresh or not, LoRA.
pub(crate) fn enable(layer: &dyn Layer, built: &Built, lora: &EnableLora) -> Result<()> {
    let class = layer.class_name();
    let name = layer.lora_weight().ok_or_else(|| {
        let known = "`Dense`, `EinsumDense`, `Embedding`, `ReversibleEmbedding`, `Conv1D`, `Conv2D` and `Conv3D` have it";
        Error::argument("enable_lora", format!("{class} has no LoRA")).help(known)
    })?;
    if lora.rank == 0 {
        return Err(Error::argument("enable_lora.rank", "must be positive, got 0"));
    }
    let missing = || Error::State(format!("{class} has no weight `{name}`"));
    let target = built.variable(name).ok_or_else(missing)?.clone();
    if target.constraint.is_some() {
        let message = format!("is incompatible with constraints of `{name}`");
        let help = format!("remove the argument `{name}_constraint` of the layer");
        return Err(Error::argument("enable_lora", message).help(help));
    }
    let shape = &target.spec.shape;
    let (Some(&last), true) = (shape.last(), shape.len() >= 2) else {
        let message = format!("`{name}` of shape {shape:?} is no product of matrices");
        return Err(Error::argument("enable_lora", message));
    };
    let rows = [&shape[..shape.len() - 1], &[lora.rank]].concat();
    let weight = |letter: &str, shape: Vec<usize>, initializer: &Initializer| {
        // Whatever the dtype of the layer, so that small changes do not get lost.
        let spec = Spec::new(DType::F32, shape);
        let mut made = start(format!("lora_{name}_{letter}"), Role::Trainable, spec, initializer)?;
        made.regularizer.clone_from(&target.regularizer);
        Ok::<_, Error>(Arc::new(made))
    };
    let a = weight("a", rows, &lora.a_initializer)?;
    let b = weight("b", vec![lora.rank, last], &lora.b_initializer)?;
    let alpha = lora.lora_alpha.unwrap_or(lora.rank as f64);
    let made = Lora { target: target.clone(), a, b, rank: lora.rank, alpha };
    if built.lora.set(made).is_err() {
        let message = "lora is already enabled. This can only be done once per layer";
        return Err(Error::State(message.into()));
    }
    target.hold(true);
    Ok(())
}

/// The LoRA of one weight.
#[derive(Debug)]
pub(crate) struct Lora {
    /// What it is added to.
    pub target: Arc<Variable>,
    pub a: Arc<Variable>,
    pub b: Arc<Variable>,
    rank: usize,
    alpha: f64,
}

impl Lora {
    fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// The sum within a trace, each part taken in `dtype`; without one, in a dtype that loses nothing.
    pub fn read(&self, trace: &Trace, dtype: Option<DType>) -> Value {
        let wide = if self.target.spec.dtype == DType::F64 { DType::F64 } else { DType::F32 };
        let part = |variable| trace.read(variable).cast(dtype.unwrap_or(wide));
        let product = part(&self.a).tensordot(&part(&self.b), &[-1], &[0]);
        part(&self.target) + product * self.scale()
    }

    /// The sum as files hold it, in the dtype of the weight.
    ///
    /// # Errors
    /// When a device fails.
    pub fn merged(&self) -> Result<Tensor> {
        let (target, a, b) = (self.target.value()?, self.a.value()?, self.b.value()?);
        let mut sum = target.to_f64();
        let (a, b) = (a.to_f64(), b.to_f64());
        let columns = self.b.spec.shape[1].max(1);
        for (row, a) in sum.chunks_mut(columns).zip(a.chunks(self.rank)) {
            for (b, a) in b.chunks(columns).zip(a) {
                row.iter_mut().zip(b).for_each(|(sum, b)| *sum += self.scale() * a * b);
            }
        }
        Tensor::from_f64(target.shape(), target.dtype(), &sum)
    }
}

/// The arguments `lora_rank` and `lora_alpha` in a config as Keras writes them: at its end, both or none.
pub(crate) fn settle(config: &mut Json, lora: Option<&Lora>) {
    let Some(config) = config.as_object_mut() else { return };
    let (rank, alpha) = (config.shift_remove("lora_rank"), config.shift_remove("lora_alpha"));
    let (rank, alpha) = match (lora, rank.filter(|rank| rank != 0 && !rank.is_null())) {
        (Some(lora), _) => (json!(lora.rank), json!(lora.alpha)),
        (None, Some(rank)) => (rank.clone(), alpha.filter(|a| !a.is_null()).unwrap_or(rank)),
        (None, None) => return,
    };
    // Keras takes and writes whole numbers here.
    let whole = alpha.as_f64().filter(|a| a.fract() == 0.0 && a.abs() < 1e15).map(|a| json!(a as i64));
    config.insert("lora_rank".into(), rank);
    config.insert("lora_alpha".into(), whole.unwrap_or(alpha));
}
