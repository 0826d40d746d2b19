//! Linear algebra, of matrices whose results do not depend much on rounding.
use super::Generator;
use crate::{DType, Tensor, Value};

pub(super) fn outputs(op: &str, g: &mut Generator) -> Vec<Value> {
    let dtype = if g.random.below(3) == 0 { DType::F64 } else { DType::F32 };
    let batch: Vec<usize> = (0..g.random.below(3)).map(|_| g.random.below(4)).collect();
    let (m, n) = (1 + g.random.below(7), 1 + g.random.below(7));
    match op {
        // Distinct numbers on the diagonal keep the rest apart.
        "cholesky" | "eigh" => {
            let x = dominant(g, dtype, &batch, (m, m), false);
            if op == "cholesky" {
                return vec![x.cholesky()];
            }
            let (values, vectors) = x.eigh();
            vec![values, vectors]
        }
        "triangular_solve" => {
            let a = dominant(g, dtype, &batch, (m, m), false);
            let b = g.input(dtype, &[&batch[..], &[m, n]].concat(), -2.0, 2.0);
            vec![a.triangular_solve(&b, g.random.coin(), g.random.coin(), g.random.below(4) == 0)]
        }
        "lu" => dominant(g, dtype, &batch, (m, n), true).lu().to_vec(),
        "qr" => {
            let full = g.random.coin() && (m <= n || g.random.below(4) == 0);
            let (q, r) = dominant(g, dtype, &batch, (m, n), true).qr(full);
            vec![q, r]
        }
        "svd" => {
            let [u, s, v] = dominant(g, dtype, &batch, (m, n), true).svd(g.random.coin());
            vec![u, s, v]
        }
        _ => vec![dominant(g, dtype, &batch, (m, n), true).pinv(1e-6)],
    }
}

/// Small numbers, and 1.5, 3, 4.5, .. in each row and column once: on the diagonal, or where chance wants it.
fn dominant(
    g: &mut Generator,
    dtype: DType,
    batch: &[usize],
    (m, n): (usize, usize),
    anywhere: bool,
) -> Value {
    let shape = [batch, &[m, n]].concat();
    let mut values = vec![];
    for _ in 0..batch.iter().product() {
        let long = if anywhere { g.random.permutation(m.max(n)) } else { (0..m.max(n)).collect() };
        let place = |i: usize, j: usize| if m >= n { long[j] == i } else { long[i] == j };
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let large = if place(i, j) { 1.5 * (1 + if m >= n { j } else { i }) as f64 } else { 0.0 };
            values.push(large + 0.6 * g.random.unit() - 0.3);
        }
    }
    match Tensor::from_f64(shape, dtype, &values) {
        Ok(tensor) => g.given(tensor),
        Err(e) => g.builder.fail(e),
    }
}
