//! Linear algebra that is several ops. Matrices lie along the last two axes.
use crate::ops::matrices;
use crate::{Error, Value};

impl Value {
    /// The `x` with `a x = b` for square matrices `a` `(.., n, n)`, which are these, and `b` `(.., n, m)`, of the same batches.
    #[track_caller]
    pub fn solve(&self, b: &Value) -> Value {
        let [lu, _, order] = self.lu();
        let b = b.take_along_axis(&order.expand_dims(-1), -2);
        let y = lu.triangular_solve(&b, true, false, true);
        lu.triangular_solve(&y, false, false, false)
    }

    /// The inverses of square matrices.
    #[track_caller]
    pub fn inverse(&self) -> Value {
        let n = self.dim(-1);
        self.solve(&self.identity(n).broadcast_to(self.shape()))
    }

    /// The determinants of square matrices.
    #[track_caller]
    pub fn determinant(&self) -> Value {
        match self.pivoted_diagonal() {
            Ok((diagonal, sign)) => diagonal.prod([-1]) * sign,
            Err(e) => self.fail(e),
        }
    }

    /// The signs (-1, 0 or 1) of the determinants of square matrices, and the logarithms of their absolute values.
    #[track_caller]
    pub fn log_determinant(&self) -> (Value, Value) {
        match self.pivoted_diagonal() {
            Ok((diagonal, sign)) => (diagonal.sign().prod([-1]) * sign, diagonal.abs().log().sum([-1])),
            Err(e) => (self.fail(e), self.builder().failed()),
        }
    }

    /// The diagonal of the upper factor, and the sign of the exchange of rows that it took.
    fn pivoted_diagonal(&self) -> Result<(Value, Value), Error> {
        let n = matrices::square("determinant", self.spec())?;
        let [lu, pivots, _] = self.lu();
        let diagonal = (&lu * self.identity(n)).sum([-1]);
        let places = self.builder().iota(crate::DType::I32, [n], 0);
        let exchanged = pivots.not_equal(&places);
        let factors = exchanged.select(&diagonal.full_like(-1.0), &diagonal.full_like(1.0));
        Ok((diagonal, factors.prod([-1])))
    }

    /// The singular values of matrices, from the largest.
    #[track_caller]
    pub fn singular_values(&self) -> Value {
        let [_, s, _] = self.svd(false);
        s
    }
}

#[cfg(test)]
mod tests {
    use crate::{Builder, Spec, interpret};

    #[test]
    fn values() {
        let b = Builder::new();
        let (x, y) = (b.input(Spec::f32([2, 2])), b.input(Spec::f32([2, 1])));
        let (sign, log) = x.log_determinant();
        let outputs = [x.solve(&y), x.inverse(), x.determinant(), sign, log, x.singular_values()];
        let graph = b.finish(&outputs).unwrap();
        let inputs = [crate::Tensor::from([[0f32, 2.0], [4.0, 0.0]]), crate::Tensor::from([[2f32], [8.0]])];
        let got: Vec<Vec<f64>> = interpret(&graph, &inputs).unwrap().iter().map(|t| t.to_f64()).collect();
        let want = [
            vec![2.0, 1.0],
            vec![0.0, 0.25, 0.5, 0.0],
            vec![-8.0],
            vec![-1.0],
            vec![8f64.ln()],
            vec![4.0, 2.0],
        ];
        for (got, want) in got.iter().zip(&want) {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}, not {want:?}");
        }
    }

    #[test]
    fn refusals() {
        for shape in [vec![3], vec![2, 3], vec![0, 0]] {
            let x = Builder::new().input(Spec::f32(shape.clone()));
            x.determinant();
            assert!(
                x.builder().check().unwrap_err().to_string().starts_with("determinant: takes "),
                "{shape:?}"
            );
        }
    }
}
