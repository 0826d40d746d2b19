//! Scaling of the loss that finds its own factor.
use super::wrapper::{Inner, Wrapper};
use super::{LearningRate, Optimizer, OptimizerRule, Slot, Step, Weight, wrapper};
use cornu_graph::{Error, Result, Tensor, Value};

/// Multiplies the loss so that small gradients do not vanish in float16, and divides the gradients again. The factor is
/// halved, and the step left out, when a gradient is not finite; it is doubled after `dynamic_growth_steps` steps without
/// that. Keras's `LossScaleOptimizer` (Micikevicius et al., 2018).
///
/// ```
/// use cornu::optimizers::{Adam, LossScaleOptimizer};
/// let optimizer = LossScaleOptimizer::new(Adam::new()).initial_scale(1024.0);
/// # assert_eq!(optimizer.name, "loss_scale_optimizer");
/// ```
#[cornu_derive::config("keras.optimizers")]
pub struct LossScaleOptimizer {
    /// Name; the class in small letters by default.
    #[default("loss_scale_optimizer")]
    pub name: String,
    /// The optimizer that updates the weights.
    pub inner_optimizer: Inner,
    /// The factor of the first step; 2 to the 15th by default.
    #[default(32768.0)]
    pub initial_scale: f64,
    /// After how many steps with finite gradients the factor is doubled; 2000 by default.
    #[default(2000)]
    pub dynamic_growth_steps: usize,
}

/// Places among the variables.
const STEP_COUNTER: usize = 2;
const DYNAMIC_SCALE: usize = 3;

impl OptimizerRule for LossScaleOptimizer {
    fn learning_rate(&self) -> LearningRate {
        LearningRate::Constant(0.0)
    }

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![]
    }

    fn update_step(&self, _: &Step, _: &Value, _: &Value, _: &mut [Value]) -> Result<Value> {
        Err(Error::State("a LossScaleOptimizer updates no weight itself".into()))
    }

    fn wrapper(&self) -> Option<&dyn Wrapper> {
        Some(self)
    }

    fn check(&self) -> Result<()> {
        self.inner_optimizer.check()?;
        let inner = self.inner_optimizer.get()?;
        let factor = inner.wrapper().map_or(inner.settings().loss_scale_factor, Wrapper::loss_scale_factor);
        if factor.is_some() {
            let message =
                "the optimizer within has a `loss_scale_factor`, but gradients are scaled only once";
            return Err(Error::argument("LossScaleOptimizer.inner_optimizer", message));
        }
        if self.initial_scale.is_nan() || self.initial_scale <= 0.0 {
            let message = format!("must be positive, got {}", self.initial_scale);
            return Err(Error::argument("LossScaleOptimizer.initial_scale", message));
        }
        Ok(())
    }
}

impl Wrapper for LossScaleOptimizer {
    fn inner(&self) -> Vec<&Optimizer> {
        vec![&self.inner_optimizer]
    }

    fn scalars(&self) -> Vec<(&'static str, Tensor)> {
        let scale = Tensor::scalar(self.initial_scale as f32);
        vec![("step_counter", Tensor::scalar(0i64)), ("dynamic_scale", scale)]
    }

    fn choose(&self, _: &str) -> Result<usize> {
        Ok(0)
    }

    fn leading(&self) -> Option<usize> {
        Some(0)
    }

    fn file_path(&self, _: usize) -> String {
        "inner_optimizer".into()
    }

    fn loss_scale_factor(&self) -> Option<f64> {
        None
    }

    fn scale_loss(&self, loss: &Value, own: &[Value]) -> Value {
        loss * own[DYNAMIC_SCALE].cast(loss.dtype())
    }

    fn gradients(&self, grads: &[Value], own: &[Value]) -> Vec<Value> {
        grads.iter().map(|g| g / own[DYNAMIC_SCALE].cast(g.dtype())).collect()
    }

    fn finish(&self, grads: &[Value], before: wrapper::Step<&[Value]>, after: wrapper::Step<&mut [Value]>) {
        let all_finite = |g: &Value| g.is_finite().all(g.all_axes());
        let Some(finite) = grads.iter().map(all_finite).reduce(|a, b| a.select(&b, &a)) else { return };
        let choose = |yes: &Value, no: &Value| finite.broadcast_to(yes.shape()).select(yes, no);
        let pairs =
            before.weights.iter().zip(&mut *after.weights).chain(before.own.iter().zip(&mut *after.own));
        for (before, after) in pairs.filter(|(before, after)| before.id() != after.id()) {
            *after = choose(after, before);
        }
        let (counter, scale) = (&before.own[STEP_COUNTER], &before.own[DYNAMIC_SCALE]);
        let last = counter.scalar(self.dynamic_growth_steps as f64 - 1.0);
        let grows = counter.equal(&last);
        let zero = counter.full_like(0.0);
        after.own[STEP_COUNTER] = choose(&grows.select(&zero, &(counter + 1)), &zero);
        after.own[DYNAMIC_SCALE] = choose(&grows.select(&(scale * 2.0), scale), &(scale * 0.5));
    }
}
