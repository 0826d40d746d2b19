//! Factors of matrices, hard ones among them, make up the matrix again: by kernels and by decompositions into simpler ops.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_cpu::Cpu;
use cornu_graph::passes::legalize;
use cornu_graph::{Backend, Builder, DType, Graph, Op, Spec, Tensor, Value};

/// The numbers of a matrix by row and column.
type Numbers = fn(usize, usize) -> f64;

const MATRICES: [(&str, Numbers); 7] = [
    ("zeros", |_, _| 0.0),
    ("ones", |_, _| 1.0),
    ("identity", |i, j| f64::from(u8::from(i == j))),
    ("of rank 2", |i, j| (i as f64).sin() * (j as f64).cos() + i as f64 * 0.1),
    ("mixed", |i, j| ((i * 37 + j * 17 + 5) % 23) as f64 / 23.0 - 0.5),
    ("graded", |i, j| 10f64.powi(-((i + j) as i32) / 2) * (1.0 + ((i * 7 + j * 3) % 5) as f64)),
    ("large", |i, j| 1e6 * (((i * 13 + j * 29) % 31) as f64 - 15.0)),
];

fn tensor(dtype: DType, (m, n): (usize, usize), f: impl Fn(usize, usize) -> f64) -> Tensor {
    let values: Vec<f64> = (0..m * n).map(|k| f(k / n, k % n)).collect();
    Tensor::from_f64([m, n], dtype, &values).unwrap()
}

fn run(graph: &Graph, x: &Tensor) -> Vec<Tensor> {
    let zeros = |&v: &cornu_graph::ValueId| Tensor::zeros(graph.spec(v).shape.clone(), graph.spec(v).dtype);
    let mut outputs: Vec<Tensor> = graph.outputs.iter().map(zeros).collect();
    Cpu::new().compile(graph).unwrap().run(&mut [], std::slice::from_ref(x), &mut outputs).unwrap();
    outputs
}

/// Every output of `f` is 0 up to rounding beside the matrix (or beside 1, for those after the first).
fn vanish(name: &str, x: &Tensor, f: impl FnOnce(&Value) -> Vec<Value>) {
    let b = Builder::new();
    let input = b.input(Spec::new(x.dtype(), x.shape()));
    let graph = b.finish(&f(&input)).unwrap();
    let lacks = |op: &Op| matches!(op, Op::Lu(_) | Op::Qr(_) | Op::Eigh(_) | Op::Svd(_) | Op::Pinv(_));
    let simpler = legalize(&graph, &|op, _, _| !lacks(op)).unwrap();
    assert!(simpler.nodes.iter().all(|node| !lacks(&node.op)));
    let largest = x.to_f64().iter().fold(0f64, |l, x| l.max(x.abs()));
    let epsilon = if x.dtype() == DType::F64 { 1e-13 } else { 3e-6 };
    for (how, graph) in [("kernels", &graph), ("simpler ops", &simpler)] {
        for (k, left) in run(graph, x).iter().enumerate() {
            let near =
                epsilon * if k == 0 { largest.max(1e-3) } else { 1.0 } * x.shape()[0].max(4) as f64 / 4.0;
            let worst = left.to_f64().iter().fold(0f64, |l, x| if x.is_nan() { *x } else { l.max(x.abs()) });
            assert!(worst <= near, "{name} {:?} {} by {how}: {k} is {worst:.1e}", x.shape(), x.dtype());
        }
    }
}

/// The product of the transpose with the matrix, less the unit matrix.
fn apart_from_unit(q: &Value) -> Value {
    let n = q.dim(-1);
    let place = |axis| q.builder().iota(DType::I32, [n, n], axis);
    q.matrix_transpose().matmul(q) - place(0).equal(&place(1)).cast(q.dtype())
}

fn each(f: impl Fn(&str, &Tensor, Numbers, (usize, usize))) {
    for (name, numbers) in MATRICES {
        for size in [(1, 1), (2, 2), (5, 5), (12, 12), (7, 3), (3, 8), (1, 4), (4, 1)] {
            for dtype in [DType::F32, DType::F64] {
                f(name, &tensor(dtype, size, numbers), numbers, size);
            }
        }
    }
}

#[test]
fn triangular_factors() {
    each(|name, x, _, (m, n)| {
        vanish(name, x, |a| {
            let [lu, _, order] = a.lu();
            let k = m.min(n);
            let place = |axis| a.builder().iota(DType::I32, [m, k], axis);
            let ones = place(0).equal(&place(1)).cast(a.dtype());
            let l = lu.slice_axis(-1, 0, k).tril(-1) + ones;
            let product = l.matmul(&lu.slice_axis(-2, 0, k).triu(0));
            vec![product - a.take(&order, 0)]
        });
    });
}

#[test]
fn orthonormal_columns() {
    for full in [false, true] {
        each(|name, x, _, _| {
            vanish(name, x, |a| {
                let (q, r) = a.qr(full);
                vec![q.matmul(&r) - a, apart_from_unit(&q), r.tril(-1)]
            });
        });
    }
}

#[test]
fn singular_values() {
    for full in [false, true] {
        each(|name, x, _, (m, n)| {
            vanish(name, x, |a| {
                let [u, s, vt] = a.svd(full);
                let k = m.min(n);
                let product = (u.slice_axis(-1, 0, k) * &s).matmul(&vt.slice_axis(-2, 0, k));
                let mut left =
                    vec![product - a, apart_from_unit(&u), apart_from_unit(&vt.matrix_transpose())];
                // They fall.
                left.extend((k > 1).then(|| (s.slice_axis(0, 1, k) - s.slice_axis(0, 0, k - 1)).relu()));
                left
            });
        });
    }
}

#[test]
fn eigenvectors() {
    each(|name, _, numbers, (n, _)| {
        for dtype in [DType::F32, DType::F64] {
            let x = tensor(dtype, (n, n), |i, j| numbers(i.max(j), i.min(j)));
            vanish(name, &x, |a| {
                let (values, vectors) = a.eigh();
                let left = (&vectors * &values).matmul(&vectors.matrix_transpose()) - a;
                vec![left, apart_from_unit(&vectors)]
            });
        }
    });
}

#[test]
fn pseudoinverses() {
    // What is left out of a graded matrix is more than rounding.
    each(|name, x, _, _| {
        if name != "graded" {
            vanish(name, x, |a| vec![a.matmul(&a.pinv(1e-3)).matmul(a) - a]);
        }
    });
}
