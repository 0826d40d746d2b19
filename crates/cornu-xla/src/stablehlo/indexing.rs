//! Places given by values.
use super::Lower;
use super::emit::{Emitter, Val, array, list};
use cornu_graph::ops::{DynamicSlice, DynamicUpdate, Gather, Scatter, ScatterKind};
use cornu_graph::{DType, Result, Spec};

/// Narrow indices widened: the last place of an axis may not fit them.
fn indices(e: &mut Emitter, x: &Val) -> Val {
    match x.spec.dtype {
        DType::I32 | DType::I64 | DType::U32 | DType::U64 => x.clone(),
        _ => e.cast(x, DType::I32),
    }
}

impl Lower for Gather {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (operand, d) = (&x[0], &self.dims);
        let attributes = format!(
            "dimension_numbers = #stablehlo.gather<offset_dims = {}, collapsed_slice_dims = {}, \
             operand_batching_dims = {}, start_indices_batching_dims = {}, start_index_map = {}, \
             index_vector_dim = {}>, slice_sizes = {}, indices_are_sorted = false",
            list(&d.offset_dims),
            list(&d.collapsed_slice_dims),
            list(&d.operand_batching_dims),
            list(&d.start_indices_batching_dims),
            list(&d.start_index_map),
            d.index_vector_dim,
            array(&self.slice_sizes),
        );
        let places = indices(e, &x[1]);
        Ok(vec![e.one("stablehlo.gather", &[operand, &places], &attributes, &out[0])])
    }
}

impl Lower for Scatter {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let d = &self.dims;
        if x[2].spec.is_empty() {
            return Ok(vec![x[0].clone()]);
        }
        let places = indices(e, &x[1]);
        let sums = matches!(self.kind, ScatterKind::Add | ScatterKind::Mul);
        let (operand, updates) =
            if sums { (e.widened(&x[0]), e.widened(&x[2])) } else { (x[0].clone(), x[2].clone()) };
        let dtype = operand.spec.dtype;
        let region = match self.kind {
            ScatterKind::Set => {
                let scalar = Spec::new(dtype, []);
                e.region(&[scalar.clone(), scalar], |_, x| Ok(vec![x[1].clone()]))?
            }
            ScatterKind::Add => e.reducer("stablehlo.add", dtype)?,
            ScatterKind::Mul => e.reducer("stablehlo.multiply", dtype)?,
            ScatterKind::Max => e.reducer("stablehlo.maximum", dtype)?,
            ScatterKind::Min => e.reducer("stablehlo.minimum", dtype)?,
        };
        let attributes = format!(
            "scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = {}, inserted_window_dims = {}, \
             input_batching_dims = {}, scatter_indices_batching_dims = {}, scatter_dims_to_operand_dims = {}, \
             index_vector_dim = {}>, indices_are_sorted = false, unique_indices = false",
            list(&d.offset_dims),
            list(&d.collapsed_slice_dims),
            list(&d.operand_batching_dims),
            list(&d.start_indices_batching_dims),
            list(&d.start_index_map),
            d.index_vector_dim,
        );
        let spec = operand.spec.clone();
        let inputs = [&operand, &places, &updates];
        let y = e.with_regions("stablehlo.scatter", &inputs, &[region], &attributes, &[spec]);
        Ok(vec![e.cast(&y[0], out[0].dtype)])
    }
}

impl Lower for DynamicSlice {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        if out[0].rank() == 0 {
            return Ok(vec![x[0].clone()]);
        }
        let attributes = format!("slice_sizes = {}", array(&self.sizes));
        Ok(vec![e.one("stablehlo.dynamic_slice", &x.iter().collect::<Vec<_>>(), &attributes, &out[0])])
    }
}

impl Lower for DynamicUpdate {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        if out[0].rank() == 0 {
            return Ok(vec![x[1].clone()]);
        }
        if x[1].spec.is_empty() {
            return Ok(vec![x[0].clone()]);
        }
        Ok(vec![e.one("stablehlo.dynamic_update_slice", &x.iter().collect::<Vec<_>>(), "", &out[0])])
    }
}
