//! Places given by values, and orders.
use super::Generator;
use crate::ops::{GatherDims, ScatterKind};
use crate::{DType, Value};

pub(super) fn outputs(op: &str, g: &mut Generator) -> Vec<Value> {
    match op {
        "gather" => vec![gather(g)],
        "scatter" => vec![scatter(g)],
        "dynamic_slice" => {
            let x = g.any();
            let sizes: Vec<usize> = x.shape().iter().map(|&d| g.random.below(d + 1)).collect();
            let starts = starts(g, x.rank());
            vec![x.dynamic_slice(&starts, &sizes)]
        }
        "dynamic_update" => {
            let x = g.any();
            let sizes: Vec<usize> = x.shape().iter().map(|&d| g.random.below(d + 1)).collect();
            let update = g.input(x.dtype(), &sizes, -4.0, 4.0);
            let starts = starts(g, x.rank());
            vec![x.dynamic_update(&update, &starts)]
        }
        "sort" => {
            // Few values, so that equal ones meet.
            let (dtype, shape) = (g.random.number_dtype(), g.random.shape(1, 3));
            let keys = g.random.tensor(DType::I32, &shape, -3.0, 3.0).cast(dtype);
            let keys = g.given(keys);
            let other = g.input(DType::F32, &shape, -4.0, 4.0);
            let axis = g.random.below(shape.len()) as i64;
            let descending = g.random.coin();
            Value::sort_together(&[&keys, &other], axis, descending, 1)
        }
        "top_k" => {
            let x = g.number(1..=3);
            let k = g.random.below(x.dim(-1) + 1);
            let (values, places) = x.top_k(k);
            vec![values, places]
        }
        _ => {
            let x = g.number(1..=4);
            let axis = g.random.below(x.rank()) as i64;
            vec![if g.random.coin() { x.argmax(axis) } else { x.argmin(axis) }]
        }
    }
}

/// Starting places, some of them outside.
fn starts(g: &mut Generator, rank: usize) -> Vec<Value> {
    (0..rank).map(|_| g.input(DType::I32, &[], -2.0, 6.0)).collect()
}

fn gather(g: &mut Generator) -> Value {
    let x = {
        let (dtype, shape) = (g.random.dtype(), g.random.shape(1, 4));
        g.input(dtype, &shape, -4.0, 4.0)
    };
    let indices = {
        let shape = g.random.shape(0, 2);
        g.input(DType::I32, &shape, -2.0, 7.0)
    };
    let axis = g.random.below(x.rank()) as i64;
    match g.random.below(3) {
        0 => x.take(&indices, axis),
        1 => x.take_clamped(&indices, axis),
        _ => {
            let mut shape = x.shape().to_vec();
            shape[axis as usize] = g.random.size() % 7;
            let places = g.input(DType::I32, &shape, -1.0, 7.0);
            x.take_along_axis(&places, axis)
        }
    }
}

/// Slices along the first axes, of an operand of up to three axes.
fn scatter(g: &mut Generator) -> Value {
    let (dtype, shape) = (g.random.number_dtype(), g.random.shape(1, 3));
    let x = g.input(dtype, &shape, -4.0, 4.0);
    let kind = *g.random.pick(ScatterKind::ALL);
    let depth = 1 + g.random.below(x.rank());
    let count = g.random.size() % 9;
    let indices = g.input(DType::I32, &[count, depth], -1.0, 6.0);
    let updates = g.input(dtype, &[&[count], &shape[depth..]].concat(), -4.0, 4.0);
    let dims = GatherDims {
        offset_dims: (1..1 + shape.len() - depth).collect(),
        collapsed_slice_dims: (0..depth).collect(),
        operand_batching_dims: vec![],
        start_indices_batching_dims: vec![],
        start_index_map: (0..depth).collect(),
        index_vector_dim: 1,
    };
    x.scatter(kind, &indices, &updates, dims)
}
