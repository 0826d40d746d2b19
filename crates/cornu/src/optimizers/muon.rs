//! Muon.
use super::{OptimizerRule, Slot, Step, Weight, optimizer, shared_arguments};
use crate::object::Whole;
use cornu_graph::{Error, Result, Value};
use regex_lite::Regex;

/// Each is some ops of the graph for each weight.
const MOST_STEPS: usize = 100;

optimizer! {
    /// Steps of matrices by their momentum made orthogonal; of all other weights as [`Adam`](super::Adam). Keras's `Muon`
    /// (Jordan et al., 2024; Liu et al., 2025).
    pub struct Muon("muon", learning_rate = 0.001, weight_decay = 0.004) {
        /// Decay of the mean of gradients, for Adam; 0.9 by default.
        #[default(0.9)]
        pub adam_beta_1: f64,
        /// Decay of the mean of squares, for Adam; 0.999 by default.
        #[default(0.999)]
        pub adam_beta_2: f64,
        /// Added to the denominator, for Adam; 1e-7 by default.
        #[default(1e-7)]
        pub epsilon: f64,
        /// Regular expressions; weights whose path has a match are left to Adam.
        #[default(Vec::<String>::new())]
        pub exclude_layers: Vec<String>,
        /// Factor of `x` in the iteration that makes matrices orthogonal.
        #[default(3.4445)]
        pub muon_a: f64,
        /// Factor of its third power.
        #[default(-4.775)]
        pub muon_b: f64,
        /// Factor of its fifth power.
        #[default(2.0315)]
        pub muon_c: f64,
        /// Step size of Adam in units of the learning rate; 1 by default.
        #[default(1.0)]
        #[save_as(Whole)]
        pub adam_lr_ratio: f64,
        /// Decay of the sum of gradients; 0.95 by default.
        #[default(0.95)]
        pub momentum: f64,
        /// How often to iterate; 5 by default.
        #[default(5)]
        pub ns_steps: usize,
        /// Whether to look one step ahead (Nesterov).
        #[default(true)]
        pub nesterov: bool,
        /// Whether weights with `embedding` in their path are left to Adam.
        #[default(true)]
        pub exclude_embeddings: bool,
        /// Weight decay of what is left to Adam; 0.004 by default.
        #[default(0.004)]
        pub adam_weight_decay: Option<f64>,
        /// Root mean square that updates of square matrices get; 0.2 by default, none leaves them as they are.
        #[default(0.2)]
        pub rms_rate: Option<f64>,
    }
}

impl Muon {
    fn is_for_adam(&self, weight: &Weight) -> bool {
        let found = |pattern: &String| Regex::new(pattern).is_ok_and(|r| r.is_match(weight.path));
        weight.spec.rank() != 2
            || (self.exclude_embeddings && weight.path.to_lowercase().contains("embedding"))
            || self.exclude_layers.iter().any(found)
    }

    fn adam(&self, step: &Step, weight: &Value, gradient: &Value, slots: &mut [Value]) -> Value {
        let rate = &step.learning_rate * self.adam_lr_ratio;
        let alpha = rate * (1.0 - step.power(self.adam_beta_2)).sqrt() / (1.0 - step.power(self.adam_beta_1));
        slots[0] = &slots[0] + (gradient - &slots[0]) * (1.0 - self.adam_beta_1);
        slots[1] = &slots[1] + (gradient.square() - &slots[1]) * (1.0 - self.adam_beta_2);
        weight - &slots[0] * alpha / (slots[1].sqrt() + self.epsilon)
    }

    /// The nearest matrix with orthogonal rows or columns, roughly: Newton and Schulz's iteration in powers up to the fifth.
    fn orthogonal(&self, matrix: &Value) -> Value {
        let is_tall = matrix.dim(0) > matrix.dim(1);
        let turn = |x: Value| if is_tall { x.swap_axes(0, 1) } else { x };
        let x = turn(matrix.clone());
        let norm = x.square().sum([0, 1]).sqrt();
        // No singular value above 1, or the iteration diverges.
        let mut x = x / (norm + 1e-7);
        for _ in 0..self.ns_steps {
            let square = x.matmul(&x.swap_axes(0, 1));
            let powers = &square * self.muon_b + (&square * self.muon_c).matmul(&square);
            x = &x * self.muon_a + powers.matmul(&x);
        }
        turn(x)
    }
}

impl OptimizerRule for Muon {
    shared_arguments!();

    fn slots(&self, weight: &Weight) -> Vec<Vec<Slot>> {
        let momentum = Slot::zeros("momentum");
        if self.is_for_adam(weight) {
            return vec![vec![momentum, Slot::zeros("velocity")]];
        }
        vec![vec![momentum]]
    }

    fn weight_decay(&self, weight: &Weight) -> Option<f64> {
        if self.is_for_adam(weight) { self.adam_weight_decay } else { self.weight_decay }
    }

    fn update_step(
        &self,
        step: &Step,
        weight: &Value,
        gradient: &Value,
        slots: &mut [Value],
    ) -> Result<Value> {
        // Only what is left to Adam has a mean of squares.
        if slots.len() == 2 {
            return Ok(self.adam(step, weight, gradient, slots));
        }
        slots[0] = &slots[0] + (gradient + &slots[0] * (self.momentum - 1.0));
        let ahead = if self.nesterov { gradient + &slots[0] * self.momentum } else { slots[0].clone() };
        let update = self.orthogonal(&ahead) * &step.learning_rate;
        let scale = (weight.dim(0).max(weight.dim(1)) as f64).sqrt();
        Ok(weight - self.rms_rate.map_or(update.clone(), |rate| update * scale * rate))
    }

    fn check(&self) -> Result<()> {
        if self.ns_steps > MOST_STEPS {
            let message = format!("must be at most {MOST_STEPS}, got {}", self.ns_steps);
            return Err(Error::argument("Muon.ns_steps", message));
        }
        let bad = |pattern: &&String| Regex::new(pattern).is_err();
        match self.exclude_layers.iter().find(bad) {
            None => Ok(()),
            Some(pattern) => {
                let message = format!("`{pattern}` is no regular expression");
                Err(Error::argument("Muon.exclude_layers", message))
            }
        }
    }
}
