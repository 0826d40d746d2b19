//! Every op on TensorFlow against the interpreter, over generated cases; random graphs; the same random bits.
//!
//! Skipped where there is no TensorFlow, unless `CORNU_REQUIRE_TENSORFLOW=1`. A failure prints op and seed;
//! `CORNU_TEST_OP=conv CORNU_TEST_SEED=17` runs that case alone, `CORNU_TEST_CASES=150` that many of each op.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::testing::{self, Case};
use cornu_graph::{Backend, Builder, DType, Graph, Spec, Tensor, ValueId, interpret};
use cornu_xla::tensorflow::{self, TensorFlow};
use std::collections::BTreeMap;

/// Cases of each op; those that an op refuses count.
const CASES: u64 = 30;
const GRAPHS: u64 = 30;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|s| s.parse().unwrap())
}

/// The engine, or `None` where TensorFlow need not be.
fn engine() -> Option<TensorFlow> {
    let required = std::env::var_os("CORNU_REQUIRE_TENSORFLOW").is_some_and(|v| v == "1");
    if !required && tensorflow::find().is_none() {
        println!("skipped: there is no TensorFlow");
        return None;
    }
    Some(TensorFlow::open(None).unwrap())
}

fn run(engine: &TensorFlow, graph: &Graph, inputs: &[Tensor]) -> cornu_graph::Result<Vec<Tensor>> {
    let zeros = |&v: &ValueId| {
        let spec = graph.spec(v);
        Tensor::zeros(spec.shape.clone(), spec.dtype)
    };
    let mut outputs: Vec<Tensor> = graph.outputs.iter().map(zeros).collect();
    engine.compile(graph)?.run(&mut [], inputs, &mut outputs)?;
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
fn check(engine: &TensorFlow, case: &Case, worst: &mut BTreeMap<DType, f64>) -> Result<(), String> {
    let want = interpret(&case.graph, &case.inputs).unwrap();
    let got = run(engine, &case.graph, &case.inputs).map_err(|e| e.to_string())?;
    for (k, (got, want)) in got.iter().zip(&want).enumerate() {
        let apart = distance(got, want);
        if !(apart <= tolerance(got.dtype())) {
            return Err(format!("output {k} is\n{got:?}\nnot\n{want:?}\nrelative error {apart:e}"));
        }
        if got.dtype().is_float() {
            let most = worst.entry(got.dtype()).or_default();
            *most = most.max(apart);
        }
    }
    Ok(())
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
            if let Err(why) = check(&engine, &case, &mut worst) {
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
        check(&engine, &case, &mut worst).unwrap_or_else(|why| panic!("seed {seed}\n{}\n{why}", case.graph));
    }
    report(GRAPHS as usize, &worst);
}
