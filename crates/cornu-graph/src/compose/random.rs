//! Random numbers of distributions, from the state of a generator as [`Value::random_bits`] takes it.
use crate::{Builder, DType, Error, Result, Tensor, Value};

/// Each gives the next state, then the numbers.
impl Value {
    /// Gamma numbers of `shape` with the shape parameters `alpha`, positive and broadcast, in its dtype.
    ///
    /// By rejection (Marsaglia and Tsang, 2000) in a loop until all numbers are accepted; below 1, of `alpha + 1` and a power
    /// of a uniform number.
    #[track_caller]
    pub fn random_gamma(&self, alpha: &Value, shape: &[usize]) -> (Value, Value) {
        let (state, log) = self.random_log_gamma(alpha, shape);
        (state, log.exp().cast(alpha.dtype()))
    }

    /// Beta numbers of `shape` with the parameters `alpha` and `beta`, positive and broadcast, in the dtype of the first: the
    /// share of one gamma number in the sum of two.
    #[track_caller]
    pub fn random_beta(&self, alpha: &Value, beta: &Value, shape: &[usize]) -> (Value, Value) {
        let (state, a) = self.random_log_gamma(alpha, shape);
        let (state, b) = state.random_log_gamma(beta, shape);
        (state, (a - b).sigmoid().cast(alpha.dtype()))
    }

    /// How many of `counts` trials succeed that each do with `probabilities`, both broadcast to `shape`, as float64.
    ///
    /// Exact: few successes by the gaps between them, many by transformed rejection (Hörmann, 1993), each in a loop until all
    /// numbers are there.
    #[track_caller]
    pub fn random_binomial(&self, counts: &Value, probabilities: &Value, shape: &[usize]) -> (Value, Value) {
        let n = counts.cast(DType::F64).broadcast_to(shape);
        let p = probabilities.cast(DType::F64).broadcast_to(shape);
        let rare = p.minimum(&(1.0 - &p));
        let few = (&n * &rare).lt(&n.scalar(FEW));
        let counted = by_gaps(self, &n, &rare, &few).and_then(|(state, a)| {
            let (state, b) = by_rejection(&state, &n, &rare, &few)?;
            Ok((state, few.select(&a, &b)))
        });
        match counted {
            Ok((state, k)) => (state, rare.lt(&p).select(&(&n - &k), &k)),
            Err(e) => (self.fail(e.clone()), self.fail(e)),
        }
    }

    /// For each row of `logits`, `samples` classes, int32, each with a probability in proportion to `e^logit`: those where the
    /// sum of the logit and a Gumbel number is largest.
    #[track_caller]
    pub fn random_categorical(&self, logits: &Value, samples: usize) -> (Value, Value) {
        let &[rows, classes] = logits.shape() else {
            let e =
                Error::op("categorical", format!("takes logits (rows, classes), got {:?}", logits.shape()));
            return (self.fail(e.clone()), self.fail(e));
        };
        let (state, u) = self.random_between(&[rows, samples, classes]);
        let gumbel = -(-u.log()).log();
        (state, (logits.cast(DType::F64).expand_dims(1) + gumbel).argmax(-1))
    }

    /// Uniform float64 between 0 and 1, neither of them, with 48 random bits.
    fn random_between(&self, shape: &[usize]) -> (Value, Value) {
        let (state, high) = self.random_uniform(shape);
        let (state, low) = state.random_uniform(shape);
        let step = 1.0 / f64::from(1 << 24);
        (state, high.cast(DType::F64) + low.cast(DType::F64) * step + 0.5 * step * step)
    }

    fn random_log_gamma(&self, alpha: &Value, shape: &[usize]) -> (Value, Value) {
        let alpha = alpha.cast(DType::F64).broadcast_to(shape);
        let one = alpha.full_like(1.0);
        let small = alpha.lt(&one);
        let d = small.select(&(&alpha + 1.0), &alpha) - 1.0 / 3.0;
        let c = (&d * 9.0).rsqrt();
        let drawn = until_accepted(self, &alpha.equal(&alpha), |state| {
            let (state, x) = state.random_normal(shape);
            let (state, u) = state.random_between(shape);
            let x = x.cast(DType::F64);
            let v = 1.0 + &c * &x;
            let positive = v.gt(&v.scalar(0.0));
            let log_v = positive.select(&v, &one).log() * 3.0;
            let bound = x.square() * 0.5 + &d - &d * log_v.exp() + &d * &log_v;
            (state, d.log() + log_v, positive.and(&u.log().lt(&bound)))
        });
        match drawn {
            Ok((state, log)) => {
                let (state, u) = state.random_between(shape);
                (state, small.select(&(&log + u.log() / &alpha), &log))
            }
            Err(e) => (self.fail(e.clone()), self.fail(e)),
        }
    }
}

/// Up to how many successes are counted by their gaps.
const FEW: f64 = 10.0;

/// Draws numbers until those that are wanted are accepted; others are 0.
fn until_accepted(
    state: &Value,
    wanted: &Value,
    draw: impl FnOnce(&Value) -> (Value, Value, Value),
) -> Result<(Value, Value)> {
    let zero = state.builder().constant(Tensor::scalar(0f64)).broadcast_to(wanted.shape());
    let all = wanted.all_axes();
    let goes_on = |_: &Builder, v: &[Value]| Ok(v[2].any(&all));
    let mut last = state.builder().while_loop(&[state.clone(), zero, wanted.clone()], goes_on, |_, v| {
        let (state, drawn, accepted) = draw(&v[0]);
        let taken = v[2].and(&accepted);
        Ok(vec![state, taken.select(&drawn, &v[1]), v[2].and(&accepted.not())])
    })?;
    last.truncate(2);
    let numbers = last.remove(1);
    Ok((last.remove(0), numbers))
}

/// The sum of geometric gaps passes `n` after the last success.
fn by_gaps(state: &Value, n: &Value, p: &Value, wanted: &Value) -> Result<(Value, Value)> {
    let shape = n.shape();
    let zero = n.full_like(0.0);
    let failure = (-wanted.select(p, &zero)).log1p();
    let start = [state.clone(), zero.clone(), zero, wanted.clone()];
    let all = wanted.all_axes();
    let goes_on = |_: &Builder, v: &[Value]| Ok(v[3].any(&all));
    let mut last = state.builder().while_loop(&start, goes_on, |_, v| {
        let (state, u) = v[0].random_between(shape);
        let reached = &v[1] + (u.log() / &failure).floor() + 1.0;
        let goes_on = v[3].and(&reached.le(n));
        Ok(vec![state, reached, goes_on.select(&(&v[2] + 1.0), &v[2]), goes_on])
    })?;
    last.truncate(3);
    let successes = last.remove(2);
    Ok((last.remove(0), successes))
}

fn by_rejection(state: &Value, n: &Value, p: &Value, few: &Value) -> Result<(Value, Value)> {
    let shape = n.shape();
    // Numbers that suit where none is wanted.
    let n = few.select(&n.full_like(40.0), n);
    let p = few.select(&p.full_like(0.5), p);
    let odds = &p / (1.0 - &p);
    let deviation = (&n * &p * (1.0 - &p)).sqrt();
    let b = 1.15 + 2.53 * &deviation;
    let a = -0.0873 + 0.0248 * &b + 0.01 * &p;
    let middle = &n * &p + 0.5;
    let (quick, alpha) = (0.92 - 4.2 / &b, (2.83 + 5.1 / &b) * &deviation);
    let mode = ((&n + 1.0) * &p).floor();
    let ways = |k: &Value| (k + 1.0).lgamma() + (&n - k + 1.0).lgamma();
    let most = ways(&mode);
    until_accepted(state, &few.not(), |state| {
        let (state, u) = state.random_between(shape);
        let (state, v) = state.random_between(shape);
        let u = u - 0.5;
        let edge = 0.5 - u.abs();
        let k = ((2.0 * &a / &edge + &b) * &u + &middle).floor();
        let at_once = edge.ge(&edge.scalar(0.07)).and(&v.le(&quick));
        let within = k.ge(&k.scalar(0.0)).and(&k.le(&n));
        let k = within.select(&k, &mode);
        let height = (&v * &alpha / (&a / edge.square() + &b)).log();
        let bound = &most - ways(&k) + (&k - &mode) * odds.log();
        (state, k, within.and(&at_once.or(&height.le(&bound))))
    })
}
