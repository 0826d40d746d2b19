//! Correlations of predictions and targets.
use super::declare::metric;
use crate::utils::numerical::{EPSILON, same_rank};
use cornu_graph::Value;

metric! {
    /// The mean of Pearson's correlation along `axis`. Keras's `PearsonCorrelation`.
    pub struct PearsonCorrelation("pearson_correlation") {
        /// Along which they correlate; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    mean Up |self, y_true, y_pred| {
        let (y_true, y_pred) = same_rank(&y_true.cast(y_pred.dtype()), y_pred);
        let standard = |y: &Value| {
            let centered = y - y.mean_keepdims([self.axis]);
            &centered / centered.std_keepdims([self.axis])
        };
        (standard(&y_true) * standard(&y_pred)).mean([self.axis])
    }
}

metric! {
    /// The mean of the concordance correlation along `axis`. Keras's `ConcordanceCorrelation` (Lin, 1989).
    pub struct ConcordanceCorrelation("concordance_correlation") {
        /// Along which they correlate; -1 by default.
        #[default(-1)]
        pub axis: i64,
    }
    mean Up |self, y_true, y_pred| {
        let (y_true, y_pred) = same_rank(&y_true.cast(y_pred.dtype()), y_pred);
        let axis = [self.axis];
        let (mean_true, mean_pred) = (y_true.mean_keepdims(axis), y_pred.mean_keepdims(axis));
        // Keras centres the targets by the mean of the predictions; the sum over the axis is the same.
        let covariance = (&y_true - &mean_pred) * (&y_pred - &mean_pred);
        let spread = y_true.var_keepdims(axis) + y_pred.var_keepdims(axis) + (mean_true - mean_pred).square();
        (covariance * 2.0 / (spread + EPSILON)).mean(axis)
    }
}
