//! The three kinds of tensor that ops work on.
use crate::backend;
use crate::layers::Given;
use crate::models::KerasTensor;
use crate::models::keras_tensor::{apply_layer, library, one_output};
use crate::ops::Operation;
use cornu_graph::{Builder, Result, Spec, Tensor, Value};
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
}

impl Operand for Value {
    type Output = Value;
    type Outputs = Vec<Value>;

    fn one(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Value {
        Self::many(operation, tensors, at).remove(0)
    }

    fn many(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Vec<Value> {
        let builder = tensors.first().map_or_else(Builder::new, |x| x.builder().clone());
        match operation.call_on(&builder, &tensors) {
            Ok(outputs) => outputs,
            Err(e) => vec![builder.fail(e.at(at))],
        }
    }
}

impl Operand for Tensor {
    type Output = Result<Tensor>;
    type Outputs = Result<Vec<Tensor>>;

    fn one(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Result<Tensor> {
        Ok(Self::many(operation, tensors, at)?.remove(0))
    }

    fn many(operation: Operation, tensors: Vec<Self>, at: &'static Location<'static>) -> Result<Vec<Tensor>> {
        compute(&operation, &tensors).map_err(|e| e.at_user(Some(at), library()))
    }
}

/// Compiles a graph of this op alone and runs it.
fn compute(operation: &Operation, tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    let builder = Builder::new();
    let inputs: Vec<Value> = tensors.iter().map(|t| builder.input(Spec::new(t.dtype(), t.shape()))).collect();
    let graph = builder.finish(&operation.call_on(&builder, &inputs)?)?;
    let empty = |&id| {
        let spec = graph.spec(id);
        Tensor::zeros(spec.shape.clone(), spec.dtype)
    };
    let mut outputs: Vec<Tensor> = graph.outputs.iter().map(empty).collect();
    backend::of_host()?.compile(&graph)?.run(&mut [], tensors, &mut outputs)?;
    Ok(outputs)
}
