//! Rows or columns at right angles.
use crate::object::Rounded;
use crate::regularizers::{Regularize, check_factor};
use cornu_derive::config;
use cornu_graph::{DType, Error, Result, Value};

/// `factor` times the mean absolute cosine between the rows (or columns) of a matrix.
#[config("keras.regularizers")]
pub struct OrthogonalRegularizer {
    /// The factor.
    #[default(0.01)]
    #[save_as(Rounded)]
    pub factor: f64,
    /// `"rows"` or `"columns"`.
    #[default("rows")]
    pub mode: String,
}

impl Regularize for OrthogonalRegularizer {
    fn regularize(&self, x: &Value) -> Result<Value> {
        check_factor("OrthogonalRegularizer.factor", self.factor)?;
        if x.rank() != 2 {
            let message = format!("takes a matrix, got shape {:?}", x.shape());
            return Err(Error::argument("OrthogonalRegularizer", message));
        }
        let rows = match self.mode.as_str() {
            "rows" => x.clone(),
            "columns" => x.transpose(&[1, 0]),
            mode => return Err(Error::unknown("mode", mode, ["rows", "columns"])),
        };
        let n = rows.dim(0);
        let rows = l2_normalize(&rows, -1);
        let product = rows.matmul(&rows.transpose(&[1, 0]));
        let b = x.builder();
        let diagonal = b.iota(DType::I32, [n, n], 0).equal(&b.iota(DType::I32, [n, n], 1));
        let others = product * (1.0 - diagonal.cast(x.dtype()));
        let pairs = n as f64 * (n as f64 - 1.0) / 2.0;
        Ok(self.factor * 0.5 * others.abs().sum(others.all_axes()) / pairs)
    }
}

/// `x` divided by its Euclidean norm along `axis`; nothing grows by more than 1 / 1e-7.
pub(crate) fn l2_normalize(x: &Value, axis: i64) -> Value {
    const EPSILON: f64 = 1e-7;
    let inverse = x.square().sum_keepdims([axis]).rsqrt();
    x * inverse.minimum(&x.scalar(1.0 / EPSILON))
}
