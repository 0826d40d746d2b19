//! Reductions over axes.
use super::Lower;
use super::emit::{Emitter, Val, array};
use cornu_graph::ops::{ArgKind, ArgReduce, PoolKind, Reduce, ReduceKind};
use cornu_graph::{DType, Result, Spec};

impl Lower for Reduce {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (op, start) = match self.kind {
            ReduceKind::Sum => ("stablehlo.add", 0.0),
            ReduceKind::Prod => ("stablehlo.multiply", 1.0),
            ReduceKind::Max => ("stablehlo.maximum", f64::NEG_INFINITY),
            ReduceKind::Min => ("stablehlo.minimum", f64::INFINITY),
            ReduceKind::Any => ("stablehlo.or", 0.0),
            ReduceKind::All => ("stablehlo.and", 1.0),
        };
        let sums = matches!(self.kind, ReduceKind::Sum | ReduceKind::Prod);
        let x = if sums { e.widened(&x[0]) } else { x[0].clone() };
        let start = e.scalar(x.spec.dtype, start);
        let region = e.reducer(op, x.spec.dtype)?;
        let attributes = format!("dimensions = {}", array(&self.axes));
        let wide = out[0].with_dtype(x.spec.dtype);
        let y = e.with_regions("stablehlo.reduce", &[&x, &start], &[region], &attributes, &[wide]);
        Ok(vec![e.cast(&y[0], out[0].dtype)])
    }
}

impl Lower for ArgReduce {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let x = &x[0];
        let places = x.spec.with_dtype(DType::I32);
        let attributes = format!("iota_dimension = {} : i64", self.axis);
        let places = e.one("stablehlo.iota", &[], &attributes, &places);
        let kind = if self.kind == ArgKind::Max { PoolKind::Max } else { PoolKind::Min };
        let worst = e.scalar(x.spec.dtype, worst(kind));
        // A tie with what no element beats goes to the first.
        let first = e.scalar(DType::I32, 0.0);
        let region = e.winner(kind, &[x.spec.dtype, DType::I32])?;
        let attributes = format!("dimensions = {}", array([self.axis]));
        let outs = [out[0].with_dtype(x.spec.dtype), out[0].clone()];
        let inputs = [x, &places, &worst, &first];
        let mut y = e.with_regions("stablehlo.reduce", &inputs, &[region], &attributes, &outs);
        Ok(vec![y.swap_remove(1)])
    }
}

/// What every element beats or equals.
pub(super) fn worst(kind: PoolKind) -> f64 {
    if kind == PoolKind::Min { f64::INFINITY } else { f64::NEG_INFINITY }
}

impl Emitter<'_> {
    /// The region of a reduction of tuples: of two, the one with the larger (or smaller) first part, where NaN beats all;
    /// of equals the one with the smaller second part, so that the order of the reduction does not matter.
    pub(super) fn winner(&mut self, kind: PoolKind, dtypes: &[DType]) -> Result<String> {
        let scalars: Vec<Spec> = dtypes.iter().map(|&d| Spec::new(d, [])).collect();
        let both = [&scalars[..], &scalars[..]].concat();
        self.region(&both, |e, x| {
            let (a, b) = x.split_at(dtypes.len());
            let beats = e.compare(if kind == PoolKind::Min { "LT" } else { "GT" }, &a[0], &b[0]);
            let same = e.compare("EQ", &a[0], &b[0]);
            let (beats, same) = if dtypes[0].is_float() {
                let (a_nan, b_nan) = (e.compare("NE", &a[0], &a[0]), e.compare("NE", &b[0], &b[0]));
                let only_a = e.compare("GT", &a_nan, &b_nan);
                let both = e.like("stablehlo.and", &[&a_nan, &b_nan]);
                (e.like("stablehlo.or", &[&beats, &only_a]), e.like("stablehlo.or", &[&same, &both]))
            } else {
                (beats, same)
            };
            let earlier = e.compare("LT", &a[1], &b[1]);
            let earlier = e.like("stablehlo.and", &[&same, &earlier]);
            let wins = e.like("stablehlo.or", &[&beats, &earlier]);
            Ok(a.iter().zip(b).map(|(a, b)| e.select(&wins, a, b)).collect())
        })
    }
}
