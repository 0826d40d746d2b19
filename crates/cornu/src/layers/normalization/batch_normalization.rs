//! Batch normalization.
use crate::layers::prelude::*;
use std::collections::BTreeMap;

/// Keeps the mean of each channel near 0 and its deviation near 1: in training by the batch's own, else by moving means.
/// Keras's `BatchNormalization` (Ioffe and Szegedy, 2015).
///
/// With `renorm` the batch's own statistics are brought near the moving ones (Ioffe, 2017). `synchronized` is refused: there
/// is one replica.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// assert_eq!(BatchNormalization::new().apply(&x).shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct BatchNormalization {
    /// The axis of the channels; -1 by default, 1 for `channels_first`.
    #[default(-1)]
    pub axis: i64,
    /// How much of the moving means stays at each step; 0.99 by default.
    #[default(0.99)]
    pub momentum: f64,
    /// Added to the variance; 0.001 by default.
    #[default(1e-3)]
    pub epsilon: f64,
    /// Whether to add `beta`.
    #[default(true)]
    pub center: bool,
    /// Whether to multiply by `gamma`.
    #[default(true)]
    pub scale: bool,
    /// For `beta`.
    #[default("zeros")]
    pub beta_initializer: Initializer,
    /// For `gamma`.
    #[default("ones")]
    pub gamma_initializer: Initializer,
    /// For the moving mean.
    #[default("zeros")]
    pub moving_mean_initializer: Initializer,
    /// For the moving variance.
    #[default("ones")]
    pub moving_variance_initializer: Initializer,
    /// On `beta`.
    #[default(None)]
    pub beta_regularizer: Option<Regularizer>,
    /// On `gamma`.
    #[default(None)]
    pub gamma_regularizer: Option<Regularizer>,
    /// On `beta`.
    #[default(None)]
    pub beta_constraint: Option<Constraint>,
    /// On `gamma`.
    #[default(None)]
    pub gamma_constraint: Option<Constraint>,
    /// Whether statistics are shared by replicas; refused.
    #[default(false)]
    pub synchronized: bool,
    /// Whether to use batch renormalization.
    #[default(false)]
    pub renorm: bool,
    /// Limits of batch renormalization: `rmax`, `rmin`, `dmax`.
    #[default(None)]
    pub renorm_clipping: Option<BTreeMap<String, f64>>,
    /// Momentum of batch renormalization.
    #[default(0.99)]
    pub renorm_momentum: f64,
}

impl Layer for BatchNormalization {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        if self.synchronized {
            return Err(Error::argument("synchronized", "is not supported"));
        }
        self.check_clipping()?;
        let channels = input.known(self.axis)?;
        if self.scale {
            weights
                .add("gamma", [channels], &self.gamma_initializer)
                .regularizer(&self.gamma_regularizer)
                .constraint(&self.gamma_constraint);
        }
        if self.center {
            weights
                .add("beta", [channels], &self.beta_initializer)
                .regularizer(&self.beta_regularizer)
                .constraint(&self.beta_constraint);
        }
        weights.add("moving_mean", [channels], &self.moving_mean_initializer).trainable(false);
        weights.add("moving_variance", [channels], &self.moving_variance_initializer).trainable(false);
        if self.renorm {
            let (mean, variance) = (&self.moving_mean_initializer, &self.moving_variance_initializer);
            weights.add("moving_stddev", [channels], variance).map(f64::sqrt).trainable(false);
            weights.add("renorm_mean", [channels], mean).trainable(false);
            weights.add("renorm_stddev", [channels], variance).map(f64::sqrt).trainable(false);
        }
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        // Half precision would overflow in the sums.
        let wide = DType::promote(x.dtype(), DType::F32);
        let x = x.cast(wide);
        let channel = cornu_graph::normalize_axis("axis", self.axis, x.rank())?;
        let axes: Vec<i64> = (0..x.rank()).filter(|&a| a != channel).map(|a| a as i64).collect();
        let along = |v: &Value| v.broadcast_in_dim(&channel_shape(&x, channel), vec![channel]);

        let (moving_mean, moving_variance) =
            (cx.variable_value("moving_mean")?.cast(wide), cx.variable_value("moving_variance")?.cast(wide));
        let weight =
            |used: bool, name: &str| used.then(|| Ok(cx.variable_value(name)?.cast(wide))).transpose();
        let (mut gamma, mut beta) = (weight(self.scale, "gamma")?, weight(self.center, "beta")?);
        let (mean, variance) = if cx.training() && cx.trainable() {
            let (mean, variance) = moments(&x, cx.mask(), &axes, &along);
            let moved = |old: &Value, new: &Value| old * self.momentum + new * (1.0 - self.momentum);
            cx.update("moving_mean", &moved(&moving_mean, &mean))?;
            if self.renorm {
                let (r, d) = self.renormalize(cx, &mean, &variance)?;
                let shift = gamma.as_ref().map_or_else(|| d.clone(), |g| &d * g);
                beta = Some(beta.map_or_else(|| shift.clone(), |b| &shift + b));
                gamma = Some(gamma.map_or_else(|| r.clone(), |g| &r * g));
            } else {
                cx.update("moving_variance", &moved(&moving_variance, &variance))?;
            }
            (mean, variance)
        } else {
            (moving_mean, moving_variance)
        };

        let y = batch_normalize(&x, channel, &mean, &variance, beta.as_ref(), gamma.as_ref(), self.epsilon);
        Ok(y.cast(cx.dtype()))
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

impl BatchNormalization {
    fn clip(&self, name: &str) -> Option<f64> {
        self.renorm_clipping.as_ref().and_then(|limits| limits.get(name).copied())
    }

    fn check_clipping(&self) -> Result<()> {
        const KEYS: [&str; 3] = ["rmax", "rmin", "dmax"];
        let mut keys = self.renorm_clipping.iter().flat_map(BTreeMap::keys);
        if let Some(key) = keys.find(|k| !KEYS.contains(&k.as_str())) {
            return Err(Error::unknown("limit of `renorm_clipping`", key, KEYS));
        }
        if let (Some(rmax), Some(rmin)) = (self.clip("rmax"), self.clip("rmin"))
            && rmax <= rmin
        {
            let message = format!("rmax must be greater than rmin, got {rmax} and {rmin}");
            return Err(Error::argument("renorm_clipping", message));
        }
        match self.clip("dmax") {
            Some(d) if d < 0.0 => {
                Err(Error::argument("renorm_clipping", format!("dmax must not be negative, got {d}")))
            }
            _ => Ok(()),
        }
    }

    /// The corrections `r` and `d` of batch renormalization, which are no part of the gradient; moves its statistics on.
    fn renormalize(&self, cx: &Call, mean: &Value, variance: &Value) -> Result<(Value, Value)> {
        let read = |name: &str| Ok::<_, Error>(cx.variable_value(name)?.cast(mean.dtype()));
        let stddev = (variance + self.epsilon).sqrt();
        let (old_mean, old_stddev) = (read("renorm_mean")?, read("renorm_stddev")?);
        let at_least = old_stddev.maximum(&mean.scalar(self.epsilon.sqrt()));
        let (mut r, mut d) = (&stddev / &at_least, (mean - &old_mean) / &at_least);
        if let Some(rmin) = self.clip("rmin") {
            r = r.maximum(&r.scalar(rmin));
        }
        if let Some(rmax) = self.clip("rmax") {
            r = r.minimum(&r.scalar(rmax));
        }
        if let Some(dmax) = self.clip("dmax") {
            d = d.maximum(&d.scalar(-dmax)).minimum(&d.scalar(dmax));
        }
        let moved = |old: &Value, new: &Value, momentum: f64| old * momentum + new * (1.0 - momentum);
        cx.update("renorm_mean", &moved(&old_mean, mean, self.renorm_momentum))?;
        cx.update("renorm_stddev", &moved(&old_stddev, &stddev, self.renorm_momentum))?;
        let moving_stddev = moved(&read("moving_stddev")?, &stddev, self.momentum);
        let moving_variance = (moving_stddev.square() - self.epsilon).maximum(&mean.scalar(0.0));
        cx.update("moving_stddev", &moving_stddev)?;
        cx.update("moving_variance", &moving_variance)?;
        Ok((r.stop_gradient(), d.stop_gradient()))
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + offset`, each a number for each channel.
pub(crate) fn batch_normalize(
    x: &Value,
    channel: usize,
    mean: &Value,
    variance: &Value,
    offset: Option<&Value>,
    scale: Option<&Value>,
    epsilon: f64,
) -> Value {
    let along = |v: &Value| v.broadcast_in_dim(&channel_shape(x, channel), vec![channel]);
    let mut factor = (variance + epsilon).rsqrt();
    if let Some(scale) = scale {
        factor = factor * scale;
    }
    let mut shift = -(mean * &factor);
    if let Some(offset) = offset {
        shift = shift + offset;
    }
    x * along(&factor) + along(&shift)
}

/// `(1, .., channels, .., 1)`
fn channel_shape(x: &Value, channel: usize) -> Vec<usize> {
    (0..x.rank()).map(|a| if a == channel { x.shape()[a] } else { 1 }).collect()
}

/// Mean and variance of each channel, over what the mask keeps.
fn moments(x: &Value, mask: Option<&Value>, axes: &[i64], along: &dyn Fn(&Value) -> Value) -> (Value, Value) {
    match mask {
        None => {
            let mean = x.mean(axes);
            // The mean of squares less the square of the mean, as Keras computes it, never below 0.
            let variance = x.square().mean(axes) - mean.square();
            (mean, variance.maximum(&x.scalar(0.0)))
        }
        Some(mask) => {
            let weight = mask.cast(x.dtype()).expand_dims(-1).broadcast_to(x.shape());
            let total = weight.sum(axes) + 1e-7;
            let mean = (x * &weight).sum(axes) / &total;
            let distance = (x - along(&mean)).square();
            let variance = (distance * weight).sum(axes) / total;
            (mean, variance)
        }
    }
}
