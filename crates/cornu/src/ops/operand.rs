//! The three kinds of tensor that ops work on.
use crate::backend;
use crate::layers::Given;
use crate::models::KerasTensor;
use crate::models::keras_tensor::{apply_layer, library, one_output};
use crate::ops::Operation;
use crate::utils::next_seed;
use cornu_graph::{Builder, Error, Result, Spec, Tensor, Value, memory};
use std::panic::Location;
use std::sync::Arc;

/// A kind of tensor: symbolic ([`KerasTensor`]), of a graph ([`Value`]), or on the host ([`Tensor`]).
pub trait Operand: Clone + Sized {
    /// What an op gives: another of this kind; a [`Result`] where it is computed at once.
    type Output;
    /// What an op with several results gives.
    type Outputs;

    /// Calls an op with one result.
    #[doc(hidden)]
    fn one(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Self::Output;

    /// Calls an op with several results.
    #[doc(hidden)]
    fn many(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Self::Outputs;

    /// What another op makes of a result.
    #[doc(hidden)]
    fn then(output: Self::Output, next: impl FnOnce(&Self) -> Self::Output) -> Self::Output;

    /// Two results as those of one op.
    #[doc(hidden)]
    fn both(first: Self::Output, second: Self::Output) -> Self::Outputs;
}

impl Operand for KerasTensor {
    type Output = KerasTensor;
    type Outputs = Vec<KerasTensor>;

    fn one(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> KerasTensor {
        one_output(Self::many(operation, tensors, at))
    }

    fn many(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Vec<KerasTensor> {
        apply_layer(Arc::new(operation), Given::in_order(), tensors, Some(at))
    }

    fn then(output: KerasTensor, next: impl FnOnce(&Self) -> KerasTensor) -> KerasTensor {
        next(&output)
    }

    fn both(first: KerasTensor, second: KerasTensor) -> Vec<KerasTensor> {
        vec![first, second]
    }
}

impl Operand for Value {
    type Output = Value;
    type Outputs = Vec<Value>;

    fn one(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Value {
        Self::many(operation, tensors, at).remove(0)
    }

    fn many(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Vec<Value> {
        let builder = tensors.first().map_or_else(Builder::new, |x| x.builder().clone());
        match operation.call_on(&builder, &tensors, || Err(without_seed())) {
            Ok(outputs) => outputs,
            Err(e) => vec![builder.fail(e.at(at))],
        }
    }

    fn then(output: Value, next: impl FnOnce(&Self) -> Value) -> Value {
        next(&output)
    }

    fn both(first: Value, second: Value) -> Vec<Value> {
        vec![first, second]
    }
}

impl Operand for Tensor {
    type Output = Result<Tensor>;
    type Outputs = Result<Vec<Tensor>>;

    fn one(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Result<Tensor> {
        Ok(Self::many(operation, tensors, at)?.remove(0))
    }

    fn many(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Result<Vec<Tensor>> {
        let computed = operation.call_on_host(&tensors).unwrap_or_else(|| compute(&operation, &tensors));
        computed.map_err(|e| e.at_user(Some(at), library()))
    }

    fn then(output: Result<Tensor>, next: impl FnOnce(&Self) -> Result<Tensor>) -> Result<Tensor> {
        next(&output?)
    }

    fn both(first: Result<Tensor>, second: Result<Tensor>) -> Result<Vec<Tensor>> {
        Ok(vec![first?, second?])
    }
}

fn compute(operation: &Operation, tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    run(tensors, |builder, inputs| {
        let drawn = || Ok(builder.constant(Tensor::from([next_seed(), 0])));
        operation.call_on(builder, inputs, drawn)
    })
}

/// A graph is made once and run often: what it drew without a seed would be the same each time.
fn without_seed() -> Error {
    let e = Error::argument("seed", "is needed within a layer, a loss or a metric");
    e.help("draw in the layer: its `Call::random` gives other numbers in each step")
}

/// Compiles a graph of what `trace` makes of these inputs and runs it.
pub(crate) fn run(
    tensors: &[Tensor],
    trace: impl FnOnce(&Builder, &[Value]) -> Result<Vec<Value>>,
) -> Result<Vec<Tensor>> {
    let builder = Builder::new();
    let inputs: Vec<Value> = tensors.iter().map(|t| builder.input(Spec::new(t.dtype(), t.shape()))).collect();
    let graph = builder.finish(&trace(&builder, &inputs)?)?;
    let empty = |&id| {
        let spec = graph.spec(id);
        memory::room(spec).map(|_| Tensor::zeros(spec.shape.clone(), spec.dtype))
    };
    let mut outputs: Vec<Tensor> = graph.outputs.iter().map(empty).collect::<Result<_>>()?;
    backend::of_host()?.compile(&graph)?.run(&mut [], tensors, &mut outputs)?;
    Ok(outputs)
}

/// The kinds of tensor that closures compute with: values of a graph, and tensors on the host.
///
/// A symbolic tensor is none of them: a closure has no config that a model could be saved with. In a functional model,
/// [`Lambda`](crate::layers::Lambda) or a layer of one's own takes the closure.
pub trait Traced: Operand {
    /// Calls `trace` on values of a graph; it gives `count` results.
    #[doc(hidden)]
    fn trace(
        tensors: &[Self],
        count: usize,
        at: &'static Location<'static>,
        trace: impl FnOnce(&Builder, &[Value]) -> Result<Vec<Value>>,
    ) -> Self::Outputs;

    /// The number, where it is known before a graph runs.
    #[doc(hidden)]
    fn known(&self) -> Option<f64>;
}

impl Traced for Value {
    fn trace(
        tensors: &[Self],
        count: usize,
        at: &'static Location<'static>,
        trace: impl FnOnce(&Builder, &[Value]) -> Result<Vec<Value>>,
    ) -> Vec<Value> {
        let builder = Value::innermost(tensors).cloned().unwrap_or_default();
        match trace(&builder, tensors) {
            Ok(outputs) => outputs,
            Err(e) => vec![builder.fail(e.at(at)); count.max(1)],
        }
    }

    fn known(&self) -> Option<f64> {
        None
    }
}

impl Traced for Tensor {
    fn trace(
        tensors: &[Self],
        _: usize,
        at: &'static Location<'static>,
        trace: impl FnOnce(&Builder, &[Value]) -> Result<Vec<Value>>,
    ) -> Result<Vec<Tensor>> {
        run(tensors, trace).map_err(|e| e.at_user(Some(at), library()))
    }

    fn known(&self) -> Option<f64> {
        self.item().ok()
    }
}
