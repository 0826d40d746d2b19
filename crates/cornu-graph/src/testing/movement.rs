//! The same elements in other places.
use super::Generator;
use crate::{DType, Value};

pub(super) fn outputs(op: &str, g: &mut Generator) -> Vec<Value> {
    match op {
        "reshape" => {
            let x = g.any();
            let mut shape = x.shape().to_vec();
            // Axes join, and axes of size 1 come in.
            while shape.len() > 1 && g.random.coin() {
                let at = g.random.below(shape.len() - 1);
                let size = shape.remove(at + 1);
                shape[at] *= size;
            }
            while g.random.coin() {
                let at = g.random.below(shape.len() + 1);
                shape.insert(at, 1);
            }
            vec![x.reshape(&shape)]
        }
        "broadcast" => {
            let shape = g.random.shape(0, 4);
            let dims: Vec<usize> = (0..shape.len()).filter(|_| g.random.coin()).collect();
            let sizes: Vec<usize> =
                dims.iter().map(|&d| if g.random.below(4) == 0 { 1 } else { shape[d] }).collect();
            let dtype = g.random.dtype();
            let x = g.input(dtype, &sizes, -4.0, 4.0);
            vec![x.broadcast_in_dim(&shape, dims)]
        }
        "transpose" => {
            let x = g.any();
            let order = g.random.permutation(x.rank());
            vec![x.transpose(&order)]
        }
        "slice" => {
            let x = g.any();
            let (mut start, mut limit, mut stride) = (vec![], vec![], vec![]);
            for &size in x.shape() {
                let from = g.random.below(size + 1);
                start.push(from);
                limit.push(from + g.random.below(size - from + 1));
                stride.push(1 + g.random.below(3));
            }
            vec![x.slice_strided(&start, &limit, &stride)]
        }
        "pad" => {
            let x = g.any();
            let value = g.input(x.dtype(), &[], -4.0, 4.0);
            let config: Vec<(i64, i64, usize)> = (0..x.rank())
                .map(|_| (g.random.between(-1, 3), g.random.between(-1, 3), g.random.below(3)))
                .collect();
            vec![x.pad(&value, &config)]
        }
        "concat" => {
            let dtype = g.random.dtype();
            let shape = g.random.shape(1, 4);
            let axis = g.random.below(shape.len());
            let parts: Vec<Value> = (0..1 + g.random.below(4))
                .map(|_| {
                    let mut shape = shape.clone();
                    shape[axis] = g.random.size() % 9;
                    g.input(dtype, &shape, -4.0, 4.0)
                })
                .collect();
            vec![Value::concat(&parts.iter().collect::<Vec<_>>(), axis as i64)]
        }
        "reverse" => {
            let x = g.any();
            let axes: Vec<i64> = (0..x.rank() as i64).filter(|_| g.random.coin()).collect();
            vec![x.flip(axes)]
        }
        "constant" => {
            let (dtype, shape) = (g.random.dtype(), g.random.shape(0, 3));
            let tensor = g.random.tensor(dtype, &shape, -4.0, 4.0);
            let x = g.input(dtype, &shape, -4.0, 4.0);
            let constant = g.builder.constant(tensor);
            vec![x.equal(&constant), constant]
        }
        "iota" => {
            let (dtype, shape) = (g.random.number_dtype(), g.random.shape(1, 3));
            let axis = g.random.below(shape.len());
            let places = g.builder.iota(dtype, shape.clone(), axis);
            let x = g.input(dtype, &shape, 0.0, 4.0);
            vec![places.equal(&x), places]
        }
        _ => {
            let state = g.random.tensor(DType::U64, &[2], 0.0, 1e15);
            let state = g.given(state);
            let shape = g.random.shape(0, 3);
            let (next, bits) = state.random_bits(&shape);
            vec![next, bits]
        }
    }
}
