//! Triangular factors and systems of equations. Half precision is computed in float32, as plugins want it.
use super::Lower;
use super::emit::{Emitter, Val, wide};
use cornu_graph::ops::{Cholesky, TriangularSolve};
use cornu_graph::{DType, Result, Spec};

impl Lower for Cholesky {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let dtype = out[0].dtype;
        let given = e.cast(&x[0], wide(dtype));
        let factor = e.one("stablehlo.cholesky", &[&given], "lower = true", &given.spec);
        // What an engine leaves above the diagonal is its own affair.
        let last = factor.spec.rank() - 1;
        let places = Spec::new(DType::I32, factor.spec.shape.clone());
        let place = |e: &mut Emitter, axis: usize| {
            e.one("stablehlo.iota", &[], &format!("iota_dimension = {axis} : i64"), &places)
        };
        let (row, column) = (place(e, last - 1), place(e, last));
        let below = e.compare("GE", &row, &column);
        let zeros = e.full(&factor.spec, 0.0);
        let lower = e.select(&below, &factor, &zeros);
        Ok(vec![e.cast(&lower, dtype)])
    }
}

impl Lower for TriangularSolve {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let dtype = out[0].dtype;
        let (a, b) = (e.cast(&x[0], wide(dtype)), e.cast(&x[1], wide(dtype)));
        let transpose = if self.transpose { "TRANSPOSE" } else { "NO_TRANSPOSE" };
        let attributes = format!(
            "left_side = true, lower = {}, unit_diagonal = {}, transpose_a = #stablehlo<transpose {transpose}>",
            self.lower, self.unit
        );
        let solved = e.one("stablehlo.triangular_solve", &[&a, &b], &attributes, &b.spec);
        Ok(vec![e.cast(&solved, dtype)])
    }
}
