//! Products and sums over shared axes.
use super::Lower;
use super::emit::{Emitter, Val, list};
use cornu_graph::ops::Dot;
use cornu_graph::{DType, Result, Spec};

impl Lower for Dot {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let bools = out[0].dtype == DType::Bool;
        let (a, b) = if bools {
            (e.cast(&x[0], DType::I32), e.cast(&x[1], DType::I32))
        } else {
            (x[0].clone(), x[1].clone())
        };
        let attributes = format!(
            "dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = {}, rhs_batching_dimensions = {}, \
             lhs_contracting_dimensions = {}, rhs_contracting_dimensions = {}>{}",
            list(&self.a_batch),
            list(&self.b_batch),
            list(&self.a_contract),
            list(&self.b_contract),
            e.precision(a.spec.dtype),
        );
        let spec = out[0].with_dtype(a.spec.dtype);
        let y = e.one("stablehlo.dot_general", &[&a, &b], &attributes, &spec);
        Ok(vec![e.cast(&y, out[0].dtype)])
    }
}
