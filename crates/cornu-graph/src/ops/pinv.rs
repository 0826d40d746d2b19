//! Inverses of matrices that have none.
use super::{Attributes, OpRule, arity, matrices};
use crate::{Error, Result, Spec, Value};

op! {
    /// The pseudoinverses `(.., n, m)` of matrices `a` `(.., m, n)`. The second input, a scalar, is the share of the largest
    /// singular value up to which singular values count as 0. Decomposes into [`Svd`](super::Svd).
    Pinv "pinv" {}
}

impl OpRule for Pinv {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [a, share] = arity(Self::NAME, inputs)?;
        let (m, n) = matrices::size(Self::NAME, a)?;
        if *share != Spec::new(a.dtype, []) {
            return Err(Error::op(Self::NAME, format!("the share must be a {} scalar, got {share}", a.dtype)));
        }
        Ok(vec![matrices::in_batch(a, &[n, m])])
    }

    /// Golub and Pereyra, "The Differentiation of Pseudo-Inverses", 1973. Unlike that of the decomposition, it holds where
    /// singular values are equal.
    fn grad(&self, x: &[Value], p: &Value, g: &Value) -> Vec<Option<Value>> {
        let (a, pt, gt) = (&x[0], &p.matrix_transpose(), &g.matrix_transpose());
        let beside = gt.matmul(p).matmul(pt);
        let below = pt.matmul(p).matmul(gt);
        let sum = (&beside - a.matmul(p).matmul(&beside)) + (&below - below.matmul(p).matmul(a));
        vec![Some(sum - pt.matmul(g).matmul(pt)), None]
    }

    fn decompose(&self, inputs: &[Value]) -> Option<Vec<Value>> {
        let (a, share) = (&inputs[0], &inputs[1]);
        let [u, s, vt] = a.svd(false);
        let counts = s.gt(&(s.max_keepdims([-1]) * share));
        let inverse = counts.select(&(1.0 / counts.select(&s, &s.scalar(1.0))), &s.scalar(0.0));
        let scaled = vt.matrix_transpose() * inverse.expand_dims(-2);
        Some(vec![scaled.matmul(&u.matrix_transpose())])
    }
}

impl Value {
    /// Pseudoinverses, in which singular values up to this share of the largest count as 0; see [`Pinv`].
    #[track_caller]
    pub fn pinv(&self, share: f64) -> Value {
        Value::emit1(Pinv {}, &[self, &self.scalar(share)])
    }
}
