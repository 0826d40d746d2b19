use super::*;
use cornu_graph::ops::{Conv, ConvInputGrad, ConvKernelGrad, ConvWindow};
use cornu_graph::{Builder, Spec, Tensor, Value, interpret};

fn random(state: &mut u64, n: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % n
}

fn numbers(shape: &[usize], state: &mut u64) -> Tensor {
    let n = shape.iter().product();
    let values = (0..n).map(|_| random(state, 2000) as f32 / 1000.0 - 1.0).collect::<Vec<f32>>();
    Tensor::new(shape, values).unwrap()
}

fn run(op: impl Into<cornu_graph::Op>, inputs: &[Tensor]) -> Tensor {
    let b = Builder::new();
    let values: Vec<Value> = inputs.iter().map(|t| b.input(Spec::new(t.dtype(), t.shape()))).collect();
    let outputs = Value::emit(op, &values.iter().collect::<Vec<_>>());
    let graph = b.finish(&outputs).unwrap();
    interpret(&graph, inputs).unwrap().remove(0)
}

fn close(what: &str, got: &[f32], want: &Tensor) {
    for (i, (got, want)) in got.iter().zip(want.as_slice::<f32>().unwrap()).enumerate() {
        assert!((got - want).abs() < 2e-4, "{what}: element {i} is {got}, not {want}");
    }
}

#[test]
fn all_three_against_the_interpreter() {
    for case in 0..120u64 {
        let s = &mut (case * 77 + 5);
        let kernel: [usize; 3] = [1 + random(s, 2), 1 + random(s, 3), 1 + random(s, 4)];
        let image: [usize; 3] = [2 + random(s, 2), 3 + random(s, 4), 4 + random(s, 6)];
        let mut of = |n: usize| -> [usize; 3] { std::array::from_fn(|_| 1 + random(s, n)) };
        let (strides, lhs, rhs) = (of(2), of(2), of(2));
        let padding: Vec<(i64, i64)> =
            (0..3).map(|_| (random(s, 3) as i64 - 1, random(s, 3) as i64)).collect();
        let (groups, per_group, filters) = match case % 3 {
            0 if case % 2 == 0 => (1, 1, 1 + random(s, 40)),
            0 => (1, 1 + random(s, 40), 1 + random(s, 40)),
            1 => (2, 1 + random(s, 3), 1 + random(s, 3)),
            _ => (2 + random(s, 20), 1, 1),
        };
        let batch = 1 + random(s, 3);
        let window = ConvWindow {
            strides: strides.to_vec(),
            padding: padding.clone(),
            lhs_dilation: lhs.to_vec(),
            rhs_dilation: rhs.to_vec(),
            groups,
        };
        let x = numbers(&[&[batch], &image[..], &[groups * per_group]].concat(), s);
        let w = numbers(&[&kernel[..], &[per_group, groups * filters]].concat(), s);
        let fits = (0..3).all(|i| {
            let stretched = (image[i] - 1) * lhs[i] + 1;
            stretched as i64 + padding[i].0 + padding[i].1 > ((kernel[i] - 1) * rhs[i]) as i64
        });
        if !fits {
            continue;
        }
        let y = run(Conv { window: window.clone() }, &[x.clone(), w.clone()]);
        let result: [usize; 3] = std::array::from_fn(|i| y.shape()[i + 1]);
        let geometry = Geometry {
            batch,
            image,
            channels: groups * per_group,
            result,
            filters: groups * filters,
            kernel,
            stride: strides,
            low: std::array::from_fn(|i| padding[i].0 as isize),
            image_dilation: lhs,
            kernel_dilation: rhs,
            groups,
        };
        let dy = numbers(y.shape(), s);
        let dx_op = ConvInputGrad { window: window.clone(), shape: x.shape().to_vec() };
        let dx = run(dx_op, &[dy.clone(), w.clone()]);
        let dw = run(ConvKernelGrad { window, shape: w.shape().to_vec() }, &[x.clone(), dy.clone()]);
        let bytes =
            [geometry.forward_scratch(), geometry.input_grad_scratch(), geometry.kernel_grad_scratch()];
        let mut scratch = crate::buffer::Aligned::zeroed(bytes.into_iter().max().unwrap_or(0));
        let p = |t: &Tensor| t.as_slice::<f32>().unwrap().as_ptr();
        let scratch = scratch.as_mut_ptr();
        let mut out = [vec![0f32; y.len()], vec![0f32; x.len()], vec![0f32; w.len()]];
        // SAFETY: the tensors have the sizes of the geometry.
        unsafe {
            geometry.forward(p(&x), p(&w), out[0].as_mut_ptr(), &Epilogue::default(), scratch);
            geometry.input_grad(p(&dy), p(&w), out[1].as_mut_ptr(), scratch);
            geometry.kernel_grad(p(&x), p(&dy), out[2].as_mut_ptr(), scratch);
        }
        close(&format!("case {case}, forward {geometry:?}"), &out[0], &y);
        close(&format!("case {case}, input gradient {geometry:?}"), &out[1], &dx);
        close(&format!("case {case}, kernel gradient {geometry:?}"), &out[2], &dw);
    }
}
