//! The engine against the interpreter: every op over generated cases, and random graphs; each with 1 and 2 threads.
//!
//! A failure prints op and seed; `CORNU_TEST_OP=conv CORNU_TEST_SEED=17` runs that case alone.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_cpu::{Cpu, set_num_threads};
use cornu_graph::ops::{ConvWindow, Dot, PoolKind, ReduceWindow, WindowGrad};
use cornu_graph::testing::{self, Case};
use cornu_graph::{Backend, Builder, DType, Graph, Spec, Tensor, interpret};
use std::sync::Mutex;

/// Cases of each op; those that an op refuses count.
const CASES: u64 = 150;
const GRAPHS: u64 = 200;

/// The number of threads is one for the process.
static THREADS: Mutex<()> = Mutex::new(());

fn run(graph: &Graph, inputs: &[Tensor]) -> Vec<Tensor> {
    let zeros = |&v: &cornu_graph::ValueId| {
        let spec = graph.spec(v);
        Tensor::zeros(spec.shape.clone(), spec.dtype)
    };
    let mut outputs: Vec<Tensor> = graph.outputs.iter().map(zeros).collect();
    let mut executable = Cpu::new().compile(graph).unwrap();
    // Twice: what a first run leaves behind must not matter.
    executable.run(&mut [], inputs, &mut outputs).unwrap();
    executable.run(&mut [], inputs, &mut outputs).unwrap();
    outputs
}

/// How far apart two values of a dtype may be, relative to the largest of all.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-9,
        DType::F32 => 2e-5,
        DType::F16 => 4e-3,
        DType::BF16 => 3e-2,
        _ => 0.0,
    }
}

fn close(what: &str, got: &Tensor, want: &Tensor) {
    assert_eq!((got.dtype(), got.shape()), (want.dtype(), want.shape()), "{what}");
    let (got_values, want_values) = (got.to_f64(), want.to_f64());
    let largest = want_values.iter().filter(|x| x.is_finite()).fold(0f64, |m, x| m.max(x.abs()));
    let near = tolerance(got.dtype()) * largest.max(1e-3);
    for (i, (a, b)) in got_values.iter().zip(&want_values).enumerate() {
        let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= near;
        assert!(same, "{what}\nelement {i} is {a}, not {b}");
    }
}

/// Both thread counts give the same bits, near the interpreter's.
fn check(what: &str, case: &Case) {
    let what = format!("{what}\n{}", case.graph);
    let want = interpret(&case.graph, &case.inputs).unwrap_or_else(|e| panic!("{what}\n{e}"));
    let of = |threads: usize| {
        set_num_threads(threads).unwrap();
        run(&case.graph, &case.inputs)
    };
    let (one, two) = (of(1), of(2));
    for (k, ((one, two), want)) in one.iter().zip(&two).zip(&want).enumerate() {
        assert_eq!(one.bytes(), two.bytes(), "{what}\noutput {k} differs between 1 and 2 threads");
        close(&format!("{what}\noutput {k}"), one, want);
    }
}

#[test]
fn every_op() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    let only = std::env::var("CORNU_TEST_OP").ok();
    let seed: Option<u64> = std::env::var("CORNU_TEST_SEED").ok().map(|s| s.parse().unwrap());
    let mut total = 0;
    let chosen = |op: &&str| only.as_deref().is_none_or(|only| only.split(',').any(|o| o == *op));
    for op in testing::ops().filter(chosen) {
        let mut valid = 0;
        for seed in seed.map_or(0..CASES, |s| s..s + 1) {
            let Some(case) = testing::case(op, seed).unwrap() else { continue };
            check(&format!("op {op}, seed {seed}"), &case);
            valid += 1;
        }
        let least = if seed.is_some() { 1 } else { CASES / 3 };
        assert!(valid >= least || op == "input", "only {valid} of {CASES} generated cases of {op} are valid");
        total += valid;
    }
    assert!(only.is_some() || seed.is_some() || total > 4000, "{total} cases");
}

#[test]
fn random_graphs() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for seed in 0..GRAPHS {
        let case = testing::random_graph(seed, 5 + (seed % 40) as usize).unwrap();
        check(&format!("random graph, seed {seed}"), &case);
    }
}

/// An epilogue reads its bias through a broadcast, but the product reads its operands from memory.
#[test]
fn product_of_a_broadcast_with_bias() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    let b = cornu_graph::Builder::new();
    let tensors = [
        Tensor::from([2f32]),
        Tensor::from([[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        Tensor::from([0.5f32, -9.0, 1.0]),
    ];
    let inputs: Vec<_> =
        tensors.iter().map(|t| b.input(cornu_graph::Spec::new(t.dtype(), t.shape()))).collect();
    let spread = inputs[0].broadcast_to(&[4, 2]);
    let y = (spread.matmul(&inputs[1]) + &inputs[2]).relu();
    let case = Case { graph: b.finish(&[y]).unwrap(), inputs: tensors.to_vec() };
    check("product of a broadcast", &case);
}

/// Numbers that repeat from run to run.
fn numbers(shape: &[usize]) -> Tensor {
    let values = (0..shape.iter().product()).map(|i: usize| ((i * 37 + 11) % 101) as f32 / 101.0 - 0.5);
    Tensor::new(shape, values.collect::<Vec<f32>>()).unwrap()
}

/// A case from a function of values that starts with these tensors.
fn case(tensors: Vec<Tensor>, f: impl FnOnce(&[cornu_graph::Value]) -> Vec<cornu_graph::Value>) -> Case {
    let b = cornu_graph::Builder::new();
    let inputs: Vec<_> =
        tensors.iter().map(|t| b.input(cornu_graph::Spec::new(t.dtype(), t.shape()))).collect();
    let outputs = f(&inputs);
    Case { graph: b.finish(&outputs).unwrap(), inputs: tensors }
}

/// Loops whose rows are shared among threads, and their gradients; with rows that depend on each other they are not.
#[test]
fn loops_over_many_rows() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for (rows, reverse, mixed) in
        [(31, false, false), (32, true, false), (50, false, false), (48, true, true)]
    {
        let tensors = [&[rows, 6][..], &[5, rows, 6], &[5, rows, 1], &[6, 12], &[12]].map(numbers).to_vec();
        let case = case(tensors, |x| {
            let step = |_: &cornu_graph::Builder,
                        state: &[cornu_graph::Value],
                        slice: &[cornu_graph::Value]| {
                let h = &state[0];
                let gates = h.matmul(&x[3]) + &x[4];
                let (open, new) = (gates.slice_axis(1, 0, 6).sigmoid(), gates.slice_axis(1, 6, 12).tanh());
                let mut next = &open * h + &new * &slice[0];
                if mixed {
                    next = &next - &next.mean([0]);
                }
                let next = slice[1].gt(&slice[1].scalar(0.0)).select(&next, h);
                Ok((vec![next.clone()], vec![next]))
            };
            let (last, all) = x[0].builder().scan(&x[..1], &x[1..3], 5, reverse, step).unwrap();
            let loss = (&last[0] * &last[0]).sum([0, 1]) + all[0].sum([0, 1, 2]);
            let mut outputs =
                cornu_graph::gradient(&loss, &[x[0].clone(), x[1].clone(), x[3].clone(), x[4].clone()])
                    .unwrap();
            outputs.extend(last.into_iter().chain(all));
            outputs
        });
        check(&format!("{rows} rows, reverse {reverse}, mixed {mixed}"), &case);
    }
}

/// Zeros to which rows are added stay from run to run: other rows each time, twice the same one, some outside; what reads them
/// could be written over them.
#[test]
fn rows_added_to_zeros() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    let builder = Builder::new();
    let rows = builder.input(Spec::new(DType::F32, [40, 32]));
    let indices = builder.input(Spec::new(DType::I32, [40]));
    let zeros = builder.constant([0f32]).broadcast_to(&[600, 32]);
    let sums = zeros.scatter_rows_add(&indices, &rows);
    let squares = &sums * &sums;
    let graph = builder.finish(&[squares, sums.sum([0])]).unwrap();
    let mut executable = Cpu::new().compile(&graph).unwrap();
    executable.start_profile();
    let mut outputs = vec![Tensor::zeros(vec![600, 32], DType::F32), Tensor::zeros(vec![32], DType::F32)];
    for run in 0..4i32 {
        let places: Vec<i32> = (0..40).map(|i| (i * 37 * (run + 1) + run) % 640 / (1 + i % 2)).collect();
        let inputs = [numbers(&[40, 32]), Tensor::from(places)];
        executable.run(&mut [], &inputs, &mut outputs).unwrap();
        for (got, want) in outputs.iter().zip(interpret(&graph, &inputs).unwrap()) {
            close(&format!("run {run}"), got, &want);
        }
    }
    let steps = executable.take_profile().unwrap().steps;
    assert!(steps.iter().all(|step| !step.name.starts_with("broadcast")), "{steps:?}");
}

/// The gradient of windows that lie side by side is written over what they were taken of, unless something reads that later or
/// they overlap; at the edges they may be cut off, or leave elements out. Equals, and numbers that are none, are of one window.
#[test]
fn gradients_of_windows_in_place() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for (size, stride, end, kind) in [
        (2, 2, 0, PoolKind::Max),
        (2, 2, 1, PoolKind::Max),
        (2, 3, 0, PoolKind::Max),
        (3, 2, 1, PoolKind::Min),
        (3, 3, 2, PoolKind::Sum),
    ] {
        for (side, read_later) in [(12, false), (12, true), (13, false)] {
            let mut x = numbers(&[70, side, side, 19]);
            x.as_slice_mut::<f32>().unwrap()[5] = f32::NAN;
            let case = case(vec![x], |x| {
                let y = x[0].exp().relu().flip([0]);
                let (window, strides) = ([1, size, size, 1], [1, stride, stride, 1]);
                let end = if side % size == 0 { 0 } else { end };
                let padding = [(0, 0), (0, end), (0, end), (0, 0)];
                let pooled = y.reduce_window(kind, &window, &strides, &padding);
                let of = ReduceWindow {
                    kind,
                    window: window.to_vec(),
                    strides: strides.to_vec(),
                    padding: padding.to_vec(),
                };
                let grad = cornu_graph::Value::emit1(WindowGrad { of }, &[&y, &pooled.cos()]).flip([1]);
                if read_later { vec![grad, y.flip([2])] } else { vec![grad] }
            });
            check(&format!("{kind:?} of {size} by {stride} to {end}, {side}"), &case);
        }
    }
}

/// A scatter writes over its operand, unless something reads that later.
#[test]
fn scattered_in_place() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for read_later in [false, true] {
        let tensors = vec![numbers(&[9, 4]), Tensor::from([3i32, 3, 0]), numbers(&[3, 4])];
        let case = case(tensors, |x| {
            let before = x[0].exp().flip([0]);
            let once = before.scatter_rows_add(&x[1], &x[2]);
            let twice = once.scatter_rows_add(&x[1], &x[2].tanh());
            let sum = if read_later { &(&before + &once) * &twice } else { twice.sqrt() };
            vec![sum.flip([1])]
        });
        check(&format!("scatter, operand read later: {read_later}"), &case);
    }
}

/// Loops sum up what they make and read, by columns of many periods and by rows; what they sum up may be read further on.
#[test]
fn sums_along_with_loops() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for columns in [1, 3, 16, 24, 70, 96, 200, 256, 520] {
        for rows in [1, 7, 260] {
            let tensors =
                vec![numbers(&[rows, 3, columns]), numbers(&[columns]), numbers(&[rows, 3, columns])];
            let case = case(tensors, |x| {
                // As in the normalisation of batches: the sums of a value and of its squares, then the value again.
                let (mean, square) = (x[0].mean([0, 1]), (&x[0] * &x[0]).mean([0, 1]));
                let spread = (&square - &mean * &mean + 1e-3).rsqrt();
                let batch = (&x[0] - &mean) * &spread + &x[1];
                // And of layers.
                let scaled = (&batch * &x[2]).tanh();
                let total = scaled.sum([2]);
                let all = (&scaled - &x[1]).square().sum([0, 1, 2]);
                vec![mean, batch, scaled, total, all]
            });
            check(&format!("{rows} rows of {columns} columns"), &case);
        }
    }
}

/// Means that move and steps by their roots are few instructions, whichever way they are written and whatever else reads their
/// parts.
#[test]
fn moving_means_and_steps() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for len in [1, 15, 64, 700, 40_000] {
        let tensors = vec![numbers(&[len]), numbers(&[len]), numbers(&[len]), numbers(&[])];
        let case = case(tensors, |x| {
            let (p, g, m, rate) = (&x[0], &x[1], &x[2], &x[3]);
            let v = m.square();
            let mean = m + (g - m) * 0.1;
            let squares = (g * g - &v) * rate + &v;
            let by_other = rate * (g * p - &v) + &v;
            let away = m + (m - g) * rate;
            let step = p - &mean * rate / (squares.sqrt() + 1e-7);
            let scaled = &by_other / (p.scalar(1e-3) + v.sqrt());
            let (root, difference) = (v.sqrt() + 0.1, g - m);
            let shared = [p - m * rate / &root, m + &difference * rate, root, difference];
            [vec![mean, squares, by_other, away, step, scaled], shared.to_vec()].concat()
        });
        check(&format!("{len} numbers"), &case);
    }
}

/// Loops read slices where they lie, and store parts where they belong.
#[test]
fn parts_of_wholes() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    for (rows, width) in [(1, 8), (3, 3), (5, 12), (40, 33), (300, 64)] {
        let tensors = vec![numbers(&[rows, 3 * width]), numbers(&[3 * width, 2 * width])];
        let case = case(tensors, |x| {
            let of = |v: &cornu_graph::Value, i: usize| v.slice_axis(1, i * width, (i + 1) * width);
            let (a, b, c) = (of(&x[0], 0), of(&x[0], 1), of(&x[0], 2));
            let gate = a.sigmoid() * b.tanh();
            let parts = [&gate + &c, &gate * &b, &a * &c, b.exp()];
            let parts = cornu_graph::Value::concat(&parts.each_ref(), 1);
            // One that something else reads too is stored twice.
            let shared = a.relu();
            let both = cornu_graph::Value::concat(&[&shared, &b.abs()], 0);
            let product = x[0].matmul(&x[1]);
            let halves = of(&product, 0) - of(&product, 1);
            // The whole is summed up elsewhere.
            let sums = [parts.sum([0]), parts.sum([1])];
            [vec![parts, both, shared, halves.slice_axis(0, 0, 1)], sums.to_vec()].concat()
        });
        check(&format!("{rows} rows of parts of {width}"), &case);
    }
}

/// What batch normalisation and a clipped activation make of a product or convolution is done as it is stored.
#[test]
fn products_scaled_and_clipped() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    type Tail = fn(&cornu_graph::Value, &cornu_graph::Value, &cornu_graph::Value) -> cornu_graph::Value;
    let tails: [Tail; 6] = [
        |y, scale, bias| (&(y * scale) + bias).relu().minimum(&y.scalar(6.0)),
        |y, scale, _| y * scale,
        |y, scale, bias| (bias + &(scale * y)).relu(),
        |y, _, bias| (y + bias).minimum(&y.scalar(6.0)),
        |y, _, _| y.relu().minimum(&y.scalar(6.0)),
        // Not in this order.
        |y, scale, bias| &(&y.relu() + bias) * scale,
    ];
    for (at, tail) in tails.into_iter().enumerate() {
        for (groups, kernel, size) in [(1, [1, 1], 9), (1, [3, 3], 17), (24, [3, 3], 11), (2, [3, 2], 8)] {
            let tensors = vec![
                numbers(&[2, size, size + 1, 24]),
                numbers(&[kernel[0], kernel[1], 24 / groups, 24]),
                numbers(&[24]),
                numbers(&[24]),
            ];
            let case = case(tensors, |v| {
                let window = ConvWindow { groups, ..ConvWindow::new(2) };
                let y = v[0].conv(&v[1], &window);
                let [scale, bias] = [&v[2], &v[3]].map(|c| c.broadcast_to(y.shape()));
                vec![tail(&y, &scale, &bias)]
            });
            check(&format!("tail {at} of a convolution in {groups} groups"), &case);
        }
    }
}

/// A loop writes over what nothing reads later.
#[test]
fn results_over_operands() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    let case = case(vec![numbers(&[64, 64]); 3], |v| {
        let (a, b) = (v[0].matmul(&v[1]), v[0].matmul(&v[2]));
        // `a` is read once more after the first of them is there.
        let (sum, product) = (&a + &b, &(&a * &b) + &a.tanh());
        vec![sum.matmul(&v[1]), product.matmul(&v[2])]
    });
    check("results over operands", &case);
    let memory = Cpu::new().compile(&case.graph).unwrap().memory();
    assert!(memory < 3 * 64 * 64 * 4, "{memory} bytes for two arrays at a time");
}

/// A product of batches, given its axes.
fn product(
    a: &cornu_graph::Value,
    b: &cornu_graph::Value,
    batch: [&[usize]; 2],
    contract: [&[usize]; 2],
) -> cornu_graph::Value {
    let [a_batch, b_batch, a_contract, b_contract] =
        [batch[0], batch[1], contract[0], contract[1]].map(<[usize]>::to_vec);
    cornu_graph::Value::emit1(Dot { a_batch, b_batch, a_contract, b_contract }, &[a, b])
}

/// Products stored with their axes moved: columns of either side last, rows and columns of several axes, with a bias for each column.
#[test]
fn products_stored_in_another_order() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    let tensors = [&[3, 7, 2, 5, 4][..], &[3, 2, 4, 6, 35], &[6, 35], &[7, 5]].map(numbers).to_vec();
    let case = case(tensors, |x| {
        // Its axes are two of batches, 7 and 5 of the left, 6 and 35 of the right.
        let product = || product(&x[0], &x[1], [&[0, 2], &[0, 1]], [&[4], &[2]]);
        let moved = |permutation: &[usize]| product().transpose(permutation);
        let right_last = moved(&[2, 3, 0, 1, 4, 5]);
        let left_last = moved(&[4, 5, 1, 0, 2, 3]);
        vec![
            (&right_last + &x[2].broadcast_to(right_last.shape())).relu(),
            &left_last + &x[3].broadcast_to(left_last.shape()),
            product() + &x[2],
            moved(&[0, 1, 4, 2, 3, 5]),
            moved(&[1, 2, 4, 0, 3, 5]),
            moved(&[0, 1, 3, 2, 4, 5]),
        ]
    });
    check("products in another order", &case);
}

/// Attention takes one sample after the other through its steps, also with a mask between them, and its gradient does.
#[test]
fn attention_by_samples() {
    let _one = THREADS.lock().unwrap_or_else(|e| e.into_inner());
    /// Samples, positions, heads, depth: the scores of all are larger than caches.
    const SHAPE: [usize; 4] = [9, 101, 2, 3];
    const SCORES: usize = SHAPE[0] * SHAPE[2] * SHAPE[1] * SHAPE[1] * 4;
    let mask = (0..SHAPE[0] * SHAPE[1]).map(|i| i % 7 != 3).collect::<Vec<bool>>();
    let attend = |x: &[cornu_graph::Value]| {
        let scores = product(&x[0], &x[1], [&[0, 2], &[0, 2]], [&[3], &[3]]);
        let mask = x[3].broadcast_to(scores.shape());
        let shares = mask.select(&scores, &scores.scalar(-1e9)).softmax(-1);
        product(&shares, &x[2], [&[0, 1], &[0, 2]], [&[3], &[1]]).transpose(&[0, 2, 1, 3])
    };
    for with_gradient in [false, true] {
        let mut tensors = vec![numbers(&SHAPE); 3];
        tensors.push(Tensor::new([SHAPE[0], 1, 1, SHAPE[1]], mask.clone()).unwrap());
        let case = case(tensors, |x| {
            let y = attend(x);
            if !with_gradient {
                return vec![y];
            }
            cornu_graph::gradient(&(&y * &y).sum([0, 1, 2, 3]), &x[..3]).unwrap()
        });
        check(&format!("attention, with gradient {with_gradient}"), &case);
        // More threads than samples.
        let many = [1, 12].map(|threads| {
            set_num_threads(threads).unwrap();
            run(&case.graph, &case.inputs)
        });
        assert_eq!(many[0], many[1], "the bits of 1 and 12 threads");
        set_num_threads(2).unwrap();
        let mut executable = Cpu::new().compile(&case.graph).unwrap();
        // The gradient needs the shares of all samples, the scores and their gradients never are in one array.
        let arrays = usize::from(with_gradient);
        let memory = executable.memory();
        assert!(memory < arrays * SCORES + SCORES / 4, "{memory} bytes, of which scores are {SCORES}");

        executable.start_profile();
        let mut outputs = vec![Tensor::zeros([0], DType::F32); case.graph.outputs.len()];
        executable.run(&mut [], &case.inputs, &mut outputs).unwrap();
        let profile = executable.take_profile().unwrap();
        let of_samples = profile.steps.iter().filter(|s| s.name.ends_with(", 9 times"));
        let of_samples: Vec<_> = of_samples.filter(|s| s.seconds > 0.0 && s.last.1 > 0.0).collect();
        let products = of_samples.iter().filter(|s| s.name.starts_with("dot"));
        let flops: f64 = products.map(|s| s.cost.flops).sum();
        let one = (2 * SHAPE[3] * SCORES / 4) as f64;
        assert_eq!(flops, if with_gradient { 6.0 } else { 2.0 } * one, "{profile:?}");
        assert!(of_samples.iter().any(|s| s.name.starts_with("softmax")), "{profile:?}");
    }
}
