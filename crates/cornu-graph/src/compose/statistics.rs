//! Reductions that are several ops.
use crate::Value;

impl Value {
    /// `log(sum(exp(x)))` over `axes`, exact where `exp` would overflow.
    #[track_caller]
    pub fn logsumexp(&self, axes: impl AsRef<[i64]>) -> Value {
        let with_axes = self.logsumexp_keepdims(&axes);
        with_axes.reshape(self.max(axes).shape())
    }

    /// [`Value::logsumexp`] over `axes`, which stay with size 1.
    #[track_caller]
    pub fn logsumexp_keepdims(&self, axes: impl AsRef<[i64]>) -> Value {
        let largest = self.max_keepdims(&axes).stop_gradient();
        // An infinite shift would give NaN.
        let shift = largest.is_finite().select(&largest, &largest.scalar(0.0));
        (self - &shift).exp().sum_keepdims(axes).log() + shift
    }

    /// Variance over `axes`, divided by the count (NumPy's `ddof` of 0).
    #[track_caller]
    pub fn var(&self, axes: impl AsRef<[i64]>) -> Value {
        (self - self.mean_keepdims(&axes)).square().mean(axes)
    }

    /// [`Value::var`] over `axes`, which stay with size 1.
    #[track_caller]
    pub fn var_keepdims(&self, axes: impl AsRef<[i64]>) -> Value {
        (self - self.mean_keepdims(&axes)).square().mean_keepdims(axes)
    }

    /// Standard deviation over `axes`, the root of [`Value::var`].
    #[track_caller]
    pub fn std(&self, axes: impl AsRef<[i64]>) -> Value {
        self.var(axes).sqrt()
    }

    /// [`Value::std`] over `axes`, which stay with size 1.
    #[track_caller]
    pub fn std_keepdims(&self, axes: impl AsRef<[i64]>) -> Value {
        self.var_keepdims(axes).sqrt()
    }
}
