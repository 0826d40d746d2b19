//! Cases that real Keras computed: the programs in `tools/oracle` write them to `testdata/keras`.
#![allow(dead_code, reason = "each test uses a part of it")]
use cornu::{DType, Tensor, Value};
use cornu_cpu::Cpu;
use cornu_graph::{Backend, Builder, Reference, Spec};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// An array as the oracle writes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Array {
    shape: Vec<usize>,
    dtype: String,
    #[serde(deserialize_with = "numbers")]
    data: Vec<f64>,
}

/// Numbers, or words for what JSON has none for: `nan`, `inf`, `-inf`.
fn numbers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(f64),
        Word(String),
    }
    let number = |form| match form {
        Form::Number(x) => Ok(x),
        Form::Word(word) => word.parse().map_err(serde::de::Error::custom),
    };
    Vec::<Form>::deserialize(deserializer)?.into_iter().map(number).collect()
}

impl Array {
    pub fn dtype(&self) -> &str {
        &self.dtype
    }

    pub fn tensor(&self) -> Tensor {
        let dtype: DType = self.dtype.parse().unwrap();
        Tensor::from_f64(self.shape.clone(), dtype, &self.data).unwrap()
    }
}

/// The cases of one file.
pub fn cases<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/keras").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Inputs of a graph with their values.
#[derive(Default)]
pub struct Feed {
    pub builder: Builder,
    values: Vec<Tensor>,
}

impl Feed {
    pub fn input(&mut self, tensor: Tensor) -> Value {
        let value = self.builder.input(Spec::new(tensor.dtype(), tensor.shape()));
        self.values.push(tensor);
        value
    }

    pub fn array(&mut self, array: &Array) -> Value {
        self.input(array.tensor())
    }

    /// The value of an input that was made elsewhere, in the order of the inputs.
    pub fn provide(&mut self, tensor: Tensor) {
        self.values.push(tensor);
    }

    /// What an engine computes.
    pub fn run(&self, engine: &dyn Backend, outputs: &[Value]) -> cornu::Result<Vec<Tensor>> {
        let graph = self.builder.finish(outputs)?;
        let empty = |&v| Tensor::zeros(graph.spec(v).shape.clone(), graph.spec(v).dtype);
        let mut results: Vec<Tensor> = graph.outputs.iter().map(empty).collect();
        engine.compile(&graph)?.run(&mut [], &self.values, &mut results)?;
        Ok(results)
    }
}

/// How far a number may be from Keras's: `absolute + relative * |Keras's|`.
pub struct Near {
    pub relative: f64,
    pub absolute: f64,
}

impl Near {
    /// Says where `got` is not near `expected`.
    pub fn check(&self, what: &str, got: &Tensor, expected: &Array) -> Result<(), String> {
        if got.shape() != expected.shape {
            return Err(format!("{what}: shape {:?}, Keras gives {:?}", got.shape(), expected.shape));
        }
        for (i, (&a, &b)) in got.to_f64().iter().zip(&expected.data).enumerate() {
            let near = a == b
                || a.is_nan() && b.is_nan()
                || (a - b).abs() <= self.absolute + self.relative * b.abs();
            if !near {
                return Err(format!("{what}: element {i} is {a}, Keras gives {b}"));
            }
        }
        Ok(())
    }
}

/// Runs `check` on each case with each engine and reports all that fail.
pub fn check_all<T>(
    cases: &[T],
    name: impl Fn(&T) -> &str,
    check: impl Fn(&T, &dyn Backend) -> Result<(), String>,
) {
    assert!(!cases.is_empty());
    let engines: [&dyn Backend; 2] = [&Reference, &Cpu::new()];
    let mut failed = vec![];
    for case in cases {
        for engine in engines {
            if let Err(message) = check(case, engine) {
                failed.push(format!("{} ({})\n    {message}", name(case), engine.name()));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {} cases fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
