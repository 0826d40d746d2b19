//! What all optimizers do around the update of each weight.
use cornu_graph::{Error, Result, Value};
use regex_lite::Regex;

/// The arguments that all optimizers share; see [`Adam`](crate::optimizers::Adam) for what they mean.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are the arguments of every optimizer")]
pub struct Settings {
    pub weight_decay: Option<f64>,
    pub clipnorm: Option<f64>,
    pub global_clipnorm: Option<f64>,
    pub clipvalue: Option<f64>,
    pub use_ema: bool,
    pub ema_momentum: f64,
    pub ema_overwrite_frequency: Option<usize>,
    pub loss_scale_factor: Option<f64>,
    pub gradient_accumulation_steps: Option<usize>,
    pub exclude_from_weight_decay: Excluded,
}

/// Weights that do not decay, by parts of their names or regular expressions: `["bias", "^gamma$"]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Excluded(pub Vec<String>);

impl<T: Into<String>> From<Vec<T>> for Excluded {
    fn from(names: Vec<T>) -> Excluded {
        Excluded(names.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for Excluded {
    fn from(names: [T; N]) -> Excluded {
        Excluded(names.into_iter().map(Into::into).collect())
    }
}

impl Excluded {
    /// What to look for in names.
    ///
    /// # Errors
    /// When one is no regular expression.
    pub(super) fn patterns(&self) -> Result<Vec<Regex>> {
        let bad = |e: regex_lite::Error| Error::argument("exclude_from_weight_decay", e.to_string());
        self.0.iter().map(|name| Regex::new(name).map_err(bad)).collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            weight_decay: None,
            clipnorm: None,
            global_clipnorm: None,
            clipvalue: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
            exclude_from_weight_decay: Excluded::default(),
        }
    }
}

impl Settings {
    /// Fails on arguments that make no sense.
    pub(super) fn check(&self) -> Result<()> {
        let limits = [
            ("clipnorm", self.clipnorm),
            ("clipvalue", self.clipvalue),
            ("global_clipnorm", self.global_clipnorm),
        ];
        let given: Vec<&str> =
            limits.iter().filter(|(_, limit)| limit.is_some()).map(|(what, _)| *what).collect();
        if given.len() > 1 {
            let message = format!("only one of them can be set, got {}", given.join(" and "));
            return Err(Error::argument("clipnorm, clipvalue, global_clipnorm", message));
        }
        self.exclude_from_weight_decay.patterns()?;
        if let Some(steps @ 1) = self.gradient_accumulation_steps {
            let message = format!("must be at least 2, got {steps}");
            return Err(Error::argument("gradient_accumulation_steps", message));
        }
        if self.loss_scale_factor == Some(0.0) {
            return Err(Error::argument("loss_scale_factor", "must not be 0"));
        }
        if self.use_ema && !(0.0..=1.0).contains(&self.ema_momentum) {
            let message = format!("must be between 0 and 1, got {}", self.ema_momentum);
            return Err(Error::argument("ema_momentum", message));
        }
        if self.use_ema && self.ema_overwrite_frequency == Some(0) {
            return Err(Error::argument("ema_overwrite_frequency", "must be at least 1, got 0"));
        }
        Ok(())
    }

    /// Number of batches to a step, when more than one.
    pub(super) fn accumulation(&self) -> Option<usize> {
        self.gradient_accumulation_steps.filter(|&steps| steps > 0)
    }

    /// Gradients within their limits. A limit of 0 is none.
    pub(super) fn clip(&self, grads: Vec<Value>) -> Vec<Value> {
        let squares = |g: &Value| g.square().sum(g.all_axes());
        let set = |limit: Option<f64>| limit.filter(|&l| l > 0.0);
        if let Some(limit) = set(self.clipnorm) {
            let shorten = |g: &Value| {
                let norm = squares(g).sqrt();
                g * limit / norm.maximum(&norm.scalar(limit))
            };
            return grads.iter().map(shorten).collect();
        }
        if let Some(limit) = set(self.global_clipnorm) {
            let Some(sum) = grads.iter().map(squares).reduce(|a, b| a + b) else { return grads };
            let norm = sum.sqrt();
            let scale = limit / norm.maximum(&norm.scalar(limit));
            // One gradient that is not finite makes all of them NaN.
            let scale = norm.is_finite().select(&scale, &scale.scalar(f64::NAN));
            return grads.iter().map(|g| g * scale.cast(g.dtype())).collect();
        }
        if let Some(limit) = set(self.clipvalue) {
            return grads.iter().map(|g| g.clip(-limit, limit)).collect();
        }
        grads
    }
}
