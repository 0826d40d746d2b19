//! Quantiles of many numbers from a small weighted sample of them.

/// Rising numbers, each with how many it stands for.
#[derive(Default)]
pub(super) struct Summary {
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Summary {
    /// Every so many-th of the numbers in order, about `1 / epsilon` of them.
    pub fn new(mut numbers: Vec<f64>, epsilon: f64) -> Summary {
        numbers.sort_by(f64::total_cmp);
        let step = (numbers.len() as f64 / (1.0 / epsilon)).max(1.0);
        let values: Vec<f64> =
            numbers.into_iter().skip((step - 1.0) as usize).step_by(step as usize).collect();
        let weights = vec![step; values.len()];
        Summary { values, weights }
    }

    /// The numbers of both.
    pub fn merge(self, other: Summary) -> Summary {
        let pairs = |of: Summary| of.values.into_iter().zip(of.weights);
        let mut all: Vec<(f64, f64)> = pairs(self).chain(pairs(other)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (values, weights) = all.into_iter().unzip();
        Summary { values, weights }
    }

    /// At most `1 / epsilon` numbers, at even shares of the weight.
    pub fn compress(self, epsilon: f64) -> Summary {
        if self.values.len() as f64 * epsilon < 1.0 {
            return self;
        }
        let mut total = 0.0;
        let sums: Vec<f64> = self
            .weights
            .iter()
            .map(|w| {
                total += w;
                total
            })
            .collect();
        let shares: Vec<f64> = sums.iter().map(|sum| sum / total).collect();
        let count = (1.0 / epsilon).ceil() as usize;
        let at = |k: usize| epsilon + k as f64 * epsilon;
        let values = (0..count).map(|k| f64::from(interpolate(at(k), &shares, &self.values) as f32));
        let ends: Vec<f64> = (0..count).map(|k| interpolate(at(k), &shares, &sums)).collect();
        let weights = (0..count).map(|k| ends[k] - if k > 0 { ends[k - 1] } else { 0.0 });
        Summary { values: values.collect(), weights: weights.collect() }
    }

    /// The boundaries of `bins` bins of equal weight.
    pub fn boundaries(self, bins: usize) -> Vec<f64> {
        let mut values = self.compress(1.0 / bins as f64).values;
        values.pop();
        values
    }
}

/// The line through the points `(x, y)` at `at`; the first or last y beyond them. `x` rises.
fn interpolate(at: f64, x: &[f64], y: &[f64]) -> f64 {
    let after = x.partition_point(|&x| x <= at);
    match after {
        0 => y[0],
        n if n == x.len() => y[n - 1],
        n => {
            let slope = (y[n] - y[n - 1]) / (x[n] - x[n - 1]);
            y[n - 1] + slope * (at - x[n - 1])
        }
    }
}
