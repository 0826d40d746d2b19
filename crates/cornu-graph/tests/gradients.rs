//! Gradients against central differences of the interpreter in f64: every op, loops, random graphs, second order.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu_graph::testing::{self, Case, Random};
use cornu_graph::{Array, Builder, DType, Graph, Spec, Tensor, Value, gradient, interpret_arrays};

const CASES: u64 = 30;
const STEP: f64 = 1e-5;

/// The same graph in f64, with a random weighted sum of its float outputs as the only output, and the inputs in f64.
struct Probe {
    builder: Builder,
    inputs: Vec<Value>,
    loss: Value,
    tensors: Vec<Tensor>,
}

fn widen(graph: &Graph) -> Option<Graph> {
    // The text form knows every dtype by name.
    let text = graph.to_string();
    let wide = ["float32[", "float16[", "bfloat16["].iter().fold(text, |t, name| t.replace(name, "float64["));
    let wide = ["dtype=float32", "dtype=float16", "dtype=bfloat16"]
        .iter()
        .fold(wide, |t, name| t.replace(name, "dtype=float64"));
    cornu_graph::text::parse(&wide).ok()
}

impl Probe {
    fn new(case: &Case, seed: u64) -> Option<Probe> {
        let graph = widen(&case.graph)?;
        let wide = |t: &Tensor| if t.dtype().is_float() { t.cast(DType::F64) } else { t.clone() };
        let tensors: Vec<Tensor> = case.inputs.iter().map(wide).collect();
        let builder = Builder::new();
        let inputs: Vec<Value> =
            tensors.iter().map(|t| builder.input(Spec::new(t.dtype(), t.shape()))).collect();
        let outputs = builder.inline(&graph, &inputs);
        let mut random = Random::new(seed);
        let weighted = outputs.iter().filter(|o| o.dtype().is_float() && !o.spec().is_empty()).map(|o| {
            let weights = builder.constant(random.tensor(DType::F64, o.shape(), -1.0, 1.0));
            let axes: Vec<i64> = (0..o.rank() as i64).collect();
            (o * weights).reduce(cornu_graph::ops::ReduceKind::Sum, &axes, false)
        });
        let loss = weighted.reduce(|a, b| a + b)?;
        Some(Probe { builder, inputs, loss, tensors })
    }

    /// Inputs that derivatives are taken by.
    fn floats(&self) -> Vec<usize> {
        (0..self.inputs.len()).filter(|&i| self.tensors[i].dtype().is_float()).collect()
    }
}

fn value(graph: &Graph, tensors: &[Tensor]) -> f64 {
    let arrays: Vec<Array> = tensors.iter().map(|t| Array::from_tensor(t).unwrap()).collect();
    interpret_arrays(graph, &arrays).unwrap()[0].to_tensor().unwrap().item().unwrap()
}

/// Compares the gradient by each float input with differences at some of its elements.
fn check(what: &str, probe: &Probe, kinks: bool) -> usize {
    let floats = probe.floats();
    let wrt: Vec<Value> = floats.iter().map(|&i| probe.inputs[i].clone()).collect();
    let gradients = match gradient(&probe.loss, &wrt) {
        // Bases that complete others: refused, and said so.
        Err(e) if e.to_string().contains("use the reduced form") => return 0,
        gradients => gradients.unwrap_or_else(|e| panic!("{what}\n{e}")),
    };
    let both: Vec<Value> = std::iter::once(probe.loss.clone()).chain(gradients).collect();
    let with_gradients = probe.builder.finish(&both).unwrap_or_else(|e| panic!("{what}\n{e}"));
    let alone = probe.builder.finish(&both[..1]).unwrap();
    let arrays: Vec<Array> = probe.tensors.iter().map(|t| Array::from_tensor(t).unwrap()).collect();
    let results = interpret_arrays(&with_gradients, &arrays).unwrap_or_else(|e| panic!("{what}\n{e}"));
    let mut random = Random::new(3);
    let mut count = 0;
    for (k, &input) in floats.iter().enumerate() {
        let gradient = results[1 + k].to_tensor().unwrap().to_f64();
        let at = probe.tensors[input].to_f64();
        for _ in 0..at.len().min(4) {
            let element = random.below(at.len());
            let moved = |by: f64| {
                let mut values = at.clone();
                values[element] += by;
                let mut tensors = probe.tensors.clone();
                tensors[input] = Tensor::from_f64(tensors[input].shape(), DType::F64, &values).unwrap();
                value(&alone, &tensors)
            };
            let (low, high, here) = (moved(-STEP), moved(STEP), value(&alone, &probe.tensors));
            let (left, right) = ((here - low) / STEP, (high - here) / STEP);
            let difference = (high - low) / (2.0 * STEP);
            // At a kink the sides differ: no derivative.
            if kinks && (left - right).abs() > 1e-3 * (1.0 + difference.abs()) || !difference.is_finite() {
                continue;
            }
            let got = gradient[element];
            let near = (got - difference).abs() <= 2e-5 * (1.0 + difference.abs().max(got.abs()));
            assert!(
                near,
                "{what}\ninput {input}, element {element}: gradient {got}, difference {difference}"
            );
            count += 1;
        }
    }
    count
}

/// Ops through which nothing is differentiated.
const NONE: [&str; 11] = [
    "input",
    "alias",
    "stop_gradient",
    "compare",
    "constant",
    "iota",
    "rng_bits",
    "arg_reduce",
    "while",
    "cast",
    "fused",
];

#[test]
fn every_op() {
    let only = std::env::var("CORNU_TEST_OP").ok();
    let mut total = 0;
    let chosen = |op: &&str| only.as_deref().is_none_or(|only| only.split(',').any(|o| o == *op));
    for op in testing::ops().filter(|op| !NONE.contains(op)).filter(chosen) {
        let mut count = 0;
        for seed in 0..CASES {
            let Some(case) = testing::case(op, seed).unwrap() else { continue };
            if case.inputs.iter().all(|t| !t.dtype().is_float()) {
                continue;
            }
            let Some(probe) = Probe::new(&case, seed) else { continue };
            count += check(&format!("op {op}, seed {seed}\n{}", case.graph), &probe, true);
        }
        assert!(count > 2, "only {count} derivatives of {op} were compared");
        total += count;
    }
    assert!(only.is_some() || total > 1000, "{total}");
}

#[test]
fn random_graphs() {
    for seed in 0..40 {
        let case = testing::random_graph(seed, 4 + (seed % 20) as usize).unwrap();
        let probe = Probe::new(&case, seed).unwrap();
        let count = check(&format!("random graph, seed {seed}\n{}", case.graph), &probe, false);
        assert!(count > 0, "seed {seed}");
    }
}

#[test]
fn second_order() {
    for seed in 0..25 {
        let case = testing::random_graph(1000 + seed, 3 + (seed % 8) as usize).unwrap();
        let probe = Probe::new(&case, seed).unwrap();
        let wrt: Vec<Value> = probe.floats().iter().map(|&i| probe.inputs[i].clone()).collect();
        // A sum of squares of the first gradient, differentiated again.
        let first = gradient(&probe.loss, &wrt).unwrap();
        let squares = first.iter().map(|g| {
            let axes: Vec<i64> = (0..g.rank() as i64).collect();
            g.square().reduce(cornu_graph::ops::ReduceKind::Sum, &axes, false)
        });
        let loss = squares.reduce(|a, b| a + b).unwrap();
        let probe = Probe { loss, ..probe };
        let count = check(&format!("second order, seed {seed}\n{}", case.graph), &probe, false);
        assert!(count > 0, "seed {seed}");
    }
}
