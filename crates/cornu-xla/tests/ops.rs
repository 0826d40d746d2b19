//! Every op on TensorFlow, or with `CORNU_TEST_ENGINE=pjrt` on a PJRT plugin, against the interpreter, over generated cases;
//! random graphs; the same random bits.
//!
//! Skipped where there is no TensorFlow, unless `CORNU_REQUIRE_TENSORFLOW=1`. A failure prints op and seed;
//! `CORNU_TEST_OP=conv CORNU_TEST_SEED=17` runs that case alone, `CORNU_TEST_CASES=150` that many of each op;
//! `CORNU_TEST_DEVICES=2` shares them among two devices of the plugin.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::ops::{Binary, BinaryKind, CumulativeKind, PoolKind, ReduceWindow, WindowGrad, WindowPick};
use cornu_graph::testing::{self, Case};
use cornu_graph::{Backend, Builder, DType, Graph, Spec, Tensor, Value, ValueId, interpret};
use cornu_xla::pjrt::Pjrt;
use cornu_xla::tensorflow::{self, TensorFlow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cases of each op; those that an op refuses count.
const CASES: u64 = 30;
const GRAPHS: u64 = 30;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|s| s.parse().unwrap())
}

/// The engine, or `None` where TensorFlow need not be.
fn engine() -> Option<Arc<dyn Backend>> {
    if std::env::var_os("CORNU_TEST_ENGINE").is_some_and(|v| v == "pjrt") {
        let devices: Vec<usize> = (0..number("CORNU_TEST_DEVICES").unwrap_or(1) as usize).collect();
        return Some(Pjrt::open(None).unwrap().over(&devices).unwrap());
    }
    let required = std::env::var_os("CORNU_REQUIRE_TENSORFLOW").is_some_and(|v| v == "1");
    if !required && tensorflow::find().is_none() {
        println!("skipped: there is no TensorFlow");
        return None;
    }
    Some(Arc::new(TensorFlow::open(None).unwrap()))
}

fn run(engine: &dyn Backend, graph: &Graph, inputs: &[Tensor]) -> cornu_graph::Result<Vec<Tensor>> {
    let zeros = |&v: &ValueId| {
        let spec = graph.spec(v);
        Tensor::zeros(spec.shape.clone(), spec.dtype)
    };
    let mut outputs: Vec<Tensor> = graph.outputs.iter().map(zeros).collect();
    // Several devices share what can be shared.
    engine.compile_shared(graph, &vec![Some(0); inputs.len()])?.run(&mut [], inputs, &mut outputs)?;
    Ok(outputs)
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

/// The largest difference, relative to the largest value; infinite where one is NaN or infinite and the other is not.
fn distance(got: &Tensor, want: &Tensor) -> f64 {
    assert_eq!((got.dtype(), got.shape()), (want.dtype(), want.shape()));
    let (got, want) = (got.to_f64(), want.to_f64());
    let largest = want.iter().filter(|x| x.is_finite()).fold(1e-3f64, |m, x| m.max(x.abs()));
    let apart =
        |(a, b): (&f64, &f64)| if a == b || a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() / largest };
    got.iter().zip(&want).map(apart).fold(0.0, |m: f64, d| if d.is_nan() { f64::INFINITY } else { m.max(d) })
}

/// What went wrong with a case, and the worst relative error of each float dtype.
fn check(engine: &dyn Backend, case: &Case, worst: &mut BTreeMap<DType, f64>) -> Result<(), String> {
    let want = interpret(&case.graph, &case.inputs).unwrap();
    let got = run(engine, &case.graph, &case.inputs).map_err(|e| e.to_string())?;
    let mut wrong = vec![];
    for (k, (got, want)) in got.iter().zip(&want).enumerate() {
        let apart = distance(got, want);
        if apart > tolerance(got.dtype()) {
            wrong.push(format!("output {k} is\n{got:?}\nnot\n{want:?}\nrelative error {apart:e}"));
        }
        if got.dtype().is_float() {
            let most = worst.entry(got.dtype()).or_default();
            *most = most.max(apart);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn report(total: usize, worst: &BTreeMap<DType, f64>) {
    let worst: Vec<String> = worst.iter().map(|(d, e)| format!("{d} {e:.1e}")).collect();
    println!("{total} cases; worst relative errors: {}", worst.join(", "));
}

#[test]
fn every_op() {
    let Some(engine) = engine() else { return };
    let only = std::env::var("CORNU_TEST_OP").ok();
    let (seed, cases) = (number("CORNU_TEST_SEED"), number("CORNU_TEST_CASES").unwrap_or(CASES));
    let (mut total, mut worst, mut failures) = (0, BTreeMap::new(), vec![]);
    for op in testing::ops().filter(|op| only.as_deref().is_none_or(|o| o == *op)) {
        let mut valid = 0;
        for seed in seed.map_or(0..cases, |s| s..s + 1) {
            let Some(case) = testing::case(op, seed).unwrap() else { continue };
            valid += 1;
            if let Err(why) = check(&*engine, &case, &mut worst) {
                failures.push(format!("op {op}, seed {seed}\n{}\n{why}", case.graph));
            }
        }
        assert!(valid >= 1 || op == "input", "no generated case of {op} is valid");
        total += valid;
    }
    report(total, &worst);
    assert!(failures.is_empty(), "{} of {total} cases fail\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn random_graphs() {
    let Some(engine) = engine() else { return };
    let mut worst = BTreeMap::new();
    for seed in 0..GRAPHS {
        let case = testing::random_graph(seed, 5 + (seed % 40) as usize).unwrap();
        check(&*engine, &case, &mut worst).unwrap_or_else(|why| panic!("seed {seed}\n{}\n{why}", case.graph));
    }
    report(GRAPHS as usize, &worst);
}

/// A case from a function of values that starts with these tensors.
fn case(tensors: &[Tensor], f: impl FnOnce(&[Value]) -> Vec<Value>) -> Case {
    let b = Builder::new();
    let inputs: Vec<Value> = tensors.iter().map(|t| b.input(Spec::new(t.dtype(), t.shape()))).collect();
    Case { graph: b.finish(&f(&inputs)).unwrap(), inputs: tensors.to_vec() }
}

fn same(engine: &dyn Backend, what: &str, case: &Case) {
    check(engine, case, &mut BTreeMap::new()).unwrap_or_else(|why| panic!("{what}\n{}\n{why}", case.graph));
}

/// The same bits and the same next states as every engine's, whatever the shape, the key and the counter.
#[test]
fn random_bits() {
    let Some(engine) = engine() else { return };
    for state in [[7u64, 0], [0xdead_beef_cafe_babe, u64::MAX], [u64::MAX, u64::MAX - 2], [0, 1 << 32]] {
        for shape in [vec![], vec![1], vec![3], vec![4], vec![5, 7], vec![1000], vec![2, 0]] {
            let case = case(&[Tensor::from(state)], |x| {
                let (next, bits) = x[0].random_bits(&shape);
                let (last, more) = next.random_bits(&[6]);
                vec![next, bits, last, more]
            });
            same(&*engine, &format!("{state:?} {shape:?}"), &case);
        }
    }
}

/// What no generator draws: NaN, infinities and the ends of the integers.
#[test]
fn special_values() {
    let Some(engine) = engine() else { return };
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = Tensor::from([nan, inf, -inf, 0.0, -0.0, 1e30, -1e30, 2.5, -2.5, 300.0, -300.0, nan]);
    for dtype in DType::ALL {
        same(
            &*engine,
            &format!("cast to {dtype}"),
            &case(std::slice::from_ref(&x), |x| vec![x[0].cast(dtype)]),
        );
    }
    let wide = Tensor::from([i64::MIN, i64::MAX, -1, 0, 1, 255, 256, 1 << 40]);
    for dtype in DType::ALL {
        same(
            &*engine,
            &format!("int64 to {dtype}"),
            &case(std::slice::from_ref(&wide), |x| vec![x[0].cast(dtype)]),
        );
    }
    let rows = Tensor::new([2, 6], x.to_vec::<f32>().unwrap()).unwrap();
    let orders = case(std::slice::from_ref(&rows), |x| {
        let x = &x[0];
        let mut outputs = vec![x.argmax(1), x.argmin(1), x.argmax(0), x.sort(1), x.argsort(1)];
        outputs.extend(Value::sort_together(&[&x.sign(), &x.abs(), x], 1, true, 2));
        outputs.extend([x.max([1]), x.min([1]), x.maximum(&x.flip([1])), x.relu(), x.is_finite(), x.sign()]);
        let (values, places) = x.top_k(4);
        outputs.extend([values, places, x.cumulative(CumulativeKind::Max, 1, false)]);
        outputs
    });
    same(&*engine, "orders", &orders);
    let grad = Tensor::from([[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    for kind in [PoolKind::Max, PoolKind::Min, PoolKind::Sum] {
        let of =
            ReduceWindow { kind, window: vec![1, 3], strides: vec![1, 2], padding: vec![(0, 0), (1, 1)] };
        let windows = case(&[rows.clone(), grad.clone()], |x| {
            let mut outputs = vec![
                Value::emit1(of.clone(), &[&x[0]]),
                Value::emit1(WindowGrad { of: of.clone() }, &[&x[0], &x[1]]),
            ];
            if kind != PoolKind::Sum {
                outputs.push(Value::emit1(WindowPick { of: of.clone() }, &[&x[0], &x[0].flip([1])]));
            }
            outputs
        });
        same(&*engine, &format!("windows of {kind:?}"), &windows);
    }
    let (a, b) =
        (Tensor::from([i32::MIN, i32::MAX, 7, -7, 0, 2, -1, 3]), Tensor::from([-1, 0, 0, 2, 0, -1, -3, 40]));
    for &kind in BinaryKind::ALL.iter().filter(|&&k| k != BinaryKind::Atan2) {
        let case = case(&[a.clone(), b.clone()], |x| vec![Value::emit1(Binary { kind }, &[&x[0], &x[1]])]);
        same(&*engine, kind.name(), &case);
    }
    let one = Tensor::full([4], DType::F32, 1.0);
    same(
        &*engine,
        "constants",
        &case(&[one], |x| {
            let c = |t: Tensor| x[0].builder().constant(t);
            let bools: Vec<bool> = (0..40).map(|i| i % 3 == 0).collect();
            vec![
                c(Tensor::from([nan, inf, -inf, -0.0])),
                c(Tensor::from([u64::MAX, 0])),
                c(Tensor::from([i64::MIN, i64::MAX])),
                c(Tensor::new([5, 8], bools).unwrap()),
                c(Tensor::new([100], (0..100).map(|i| i as f32 / 7.0).collect::<Vec<_>>()).unwrap()),
                c(Tensor::full([3], DType::BF16, f64::NAN)),
                c(Tensor::full([3], DType::F16, f64::NEG_INFINITY)),
            ]
        }),
    );
}

/// Variables stay with the engine and are updated; what is wrong is said, and leaves them as they were.
#[test]
fn variables() {
    let Some(engine) = engine() else { return };
    let b = Builder::new();
    let (count, x) = (b.input(Spec::f32([2])), b.input(Spec::f32([2])));
    let mut graph = b.finish(&[&count + &x, &count * 2.0, x]).unwrap();
    graph.state = 1;
    let mut executable = engine.compile(&graph).unwrap();
    let mut variable = engine.upload(&Tensor::from([1f32, 2.0])).unwrap();
    let mut outputs = [Tensor::zeros([2], DType::F32), Tensor::zeros([0], DType::I8)];
    for step in 0..3 {
        let given = Tensor::from([10f32, 20.0]);
        executable.run(&mut [&mut *variable], std::slice::from_ref(&given), &mut outputs).unwrap();
        let before = [1.0 + 10.0 * step as f32, 2.0 + 20.0 * step as f32];
        assert_eq!(outputs[0].to_vec::<f32>().unwrap(), before.map(|v| v * 2.0));
        assert_eq!(outputs[1].to_vec::<f32>().unwrap(), [10.0, 20.0]);
    }
    assert_eq!(variable.download().unwrap().to_vec::<f32>().unwrap(), [31.0, 62.0]);
    let wrong = executable.run(&mut [&mut *variable], &[Tensor::from([1f32])], &mut outputs).unwrap_err();
    assert_eq!(wrong.to_string(), "input 0 of the graph is float32[2], got float32[1]");
    let mut other = cornu_graph::Reference.upload(&Tensor::from([1f32, 2.0])).unwrap();
    let wrong = executable.run(&mut [&mut *other], &[Tensor::from([1f32, 2.0])], &mut outputs).unwrap_err();
    assert_eq!(wrong.to_string(), "a variable lives on another engine");
    assert!(variable.write(&Tensor::from([1i32, 2])).is_err());
    variable.write(&Tensor::from([5f32, 6.0])).unwrap();
    assert_eq!(variable.download().unwrap().to_vec::<f32>().unwrap(), [5.0, 6.0]);
}
