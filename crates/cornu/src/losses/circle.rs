//! Loss of embeddings.
use super::loss;
use crate::activations::softplus;
use cornu_graph::{DType, Error, Value};

/// Which pairs of samples have the same label; no sample is a pair with itself when `remove_diagonal`.
fn same_label(labels: &Value, remove_diagonal: bool) -> (Value, Value) {
    let n = labels.dim(0);
    let (row, column) = (labels.reshape(&[n, 1]), labels.reshape(&[1, n]));
    let same = row.equal(&column);
    let other = same.not();
    if !remove_diagonal {
        return (same, other);
    }
    let b = labels.builder();
    let diagonal = b.iota(DType::I32, [n, n], 0).equal(&b.iota(DType::I32, [n, n], 1));
    (same.and(&diagonal.not()), other)
}

loss! {
    /// Draws embeddings of one label together and those of others apart, the more the farther each pair is from where it
    /// should be. Predictions are unit vectors `(batch, size)`, targets whole numbers. Keras's `Circle` (Sun et al., 2020).
    pub struct Circle("circle") {
        /// Scale of the similarities; 80 by default.
        #[default(80.0)]
        pub gamma: f64,
        /// How far apart labels should be; 0.4 by default.
        #[default(0.4)]
        pub margin: f64,
        /// Whether no sample is compared to itself.
        #[default(true)]
        pub remove_diagonal: bool,
    }
    |self, y_true, y_pred| {
        let n = y_pred.dim(0);
        if y_pred.rank() != 2 || y_true.shape().iter().product::<usize>() != n {
            let message = format!("y_true has shape {:?} and y_pred {:?}", y_true.shape(), y_pred.shape());
            return Err(Error::op("circle", message).help("give vectors `(batch, size)` and one label for each"));
        }
        self.of_each(y_true, y_pred)
    },
    mask {
        // Samples without a loss do not count.
        let fits = y_pred.rank() == 2 && y_true.spec().len() == y_pred.dim(0);
        fits.then(|| self.of_each(y_true, y_pred)).map(|loss| loss.gt(&loss.scalar(0.0)))
    }
}

impl Circle {
    fn of_each(&self, y_true: &Value, y_pred: &Value) -> Value {
        let (same, other) = same_label(&y_true.cast(DType::I32), self.remove_diagonal);
        let distance = 1.0 - y_pred.matmul(&y_pred.transpose(&[1, 0]));
        let distance = distance.maximum(&distance.scalar(0.0));
        let none = distance.full_like(f64::NEG_INFINITY);
        let positive = |x: Value| x.maximum(&x.scalar(0.0));
        let attract = positive(&distance + self.margin) * (&distance - self.margin) * self.gamma;
        let repel = positive(1.0 + self.margin - &distance) * (1.0 - self.margin - &distance) * self.gamma;
        let far = same.select(&attract, &none).logsumexp([1]);
        let near = other.select(&repel, &none).logsumexp([1]);
        softplus(&(far + near))
    }
}
