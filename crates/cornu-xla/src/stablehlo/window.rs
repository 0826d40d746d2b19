//! Reductions over windows, and their transposes.
use super::Lower;
use super::emit::{Emitter, Val, array, pairs};
use super::reduce::worst;
use cornu_graph::ops::{PoolKind, ReduceWindow, WindowGrad, WindowPick};
use cornu_graph::{DType, Result, Spec};

/// Sizes, steps and padding of a window.
fn attributes(window: &[usize], strides: &[usize], padding: &[(usize, usize)]) -> String {
    let padding: Vec<(i64, i64)> = padding.iter().map(|&(low, high)| (low as i64, high as i64)).collect();
    let (window, strides, padding) = (array(window), array(strides), pairs(&padding));
    format!("window_dimensions = {window}, window_strides = {strides}, padding = {padding}")
}

impl Emitter<'_> {
    /// A scalar reduces to itself.
    fn reduce_window(&mut self, of: &ReduceWindow, x: &Val, out: &Spec) -> Result<Val> {
        if x.spec.rank() == 0 {
            return Ok(x.clone());
        }
        let (op, start) = match of.kind {
            PoolKind::Max => ("stablehlo.maximum", worst(of.kind)),
            PoolKind::Min => ("stablehlo.minimum", worst(of.kind)),
            PoolKind::Sum => ("stablehlo.add", 0.0),
        };
        let wide = if of.kind == PoolKind::Sum { self.widened(x) } else { x.clone() };
        let start = self.scalar(wide.spec.dtype, start);
        let region = self.reducer(op, wide.spec.dtype)?;
        let attributes = attributes(&of.window, &of.strides, &of.padding);
        let out_wide = out.with_dtype(wide.spec.dtype);
        let y = self.with_regions(
            "stablehlo.reduce_window",
            &[&wide, &start],
            &[region],
            &attributes,
            &[out_wide],
        );
        Ok(self.cast(&y[0], out.dtype))
    }

    /// The sum of the elements of `g` whose windows hold each element of the image: windows over `g` with gaps.
    fn spread_sums(&mut self, of: &ReduceWindow, g: &Val, out: &Spec) -> Result<Val> {
        let g = self.widened(g);
        let rank = out.rank();
        let low: Vec<i64> = (0..rank).map(|a| (of.window[a] - 1 - of.padding[a].0) as i64).collect();
        let gaps: Vec<usize> = of.strides.iter().map(|s| s - 1).collect();
        let padded: Vec<usize> = (0..rank).map(|a| out.shape[a] + of.window[a] - 1).collect();
        let high: Vec<i64> = (0..rank)
            .map(|a| {
                let n = g.spec.shape[a];
                let stretched = if n == 0 { 0 } else { (n - 1) * of.strides[a] + 1 };
                padded[a] as i64 - low[a] - stretched as i64
            })
            .collect();
        let zero = self.scalar(g.spec.dtype, 0.0);
        let (low, high, gaps) = (array(low), array(high), array(gaps));
        let attributes =
            format!("edge_padding_low = {low}, edge_padding_high = {high}, interior_padding = {gaps}");
        let g = self.one("stablehlo.pad", &[&g, &zero], &attributes, &g.spec.with_shape(padded));
        let plain = ReduceWindow {
            kind: PoolKind::Sum,
            window: of.window.clone(),
            strides: vec![1; rank],
            padding: vec![(0, 0); rank],
        };
        let sums = self.reduce_window(&plain, &g, &out.with_dtype(g.spec.dtype))?;
        Ok(self.cast(&sums, out.dtype))
    }
}

impl Lower for ReduceWindow {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        Ok(vec![e.reduce_window(self, &x[0], &out[0])?])
    }
}

impl Lower for WindowGrad {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (x, g, of) = (&x[0], &x[1], &self.of);
        if of.kind == PoolKind::Sum || x.spec.rank() == 0 {
            return Ok(vec![e.spread_sums(of, g, &out[0])?]);
        }
        if g.spec.is_empty() {
            return Ok(vec![e.full(&out[0], 0.0)]);
        }
        let (x, g) = (e.widened(x), e.widened(g));
        let dtype = x.spec.dtype;
        let scalar = Spec::new(dtype, []);
        // Whether the first, which won so far, stays before the second: equals and NaN stay.
        let stays = e.region(&[scalar.clone(), scalar.clone()], |e, x| {
            let direction = if of.kind == PoolKind::Min { "LE" } else { "GE" };
            let mut stays = e.compare(direction, &x[0], &x[1]);
            if dtype.is_float() {
                let nan = e.compare("NE", &x[0], &x[0]);
                stays = e.like("stablehlo.or", &[&stays, &nan]);
            }
            Ok(vec![stays])
        })?;
        let add = e.reducer("stablehlo.add", dtype)?;
        let zero = e.scalar(dtype, 0.0);
        let attributes = attributes(&of.window, &of.strides, &of.padding);
        let spec = x.spec.clone();
        let y = e.with_regions(
            "stablehlo.select_and_scatter",
            &[&x, &g, &zero],
            &[stays, add],
            &attributes,
            &[spec],
        );
        Ok(vec![e.cast(&y[0], out[0].dtype)])
    }
}

impl Lower for WindowPick {
    /// A reduction of triples: element, place, what stands there in the other operand.
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (x, d, of) = (&x[0], &x[1], &self.of);
        if x.spec.rank() == 0 {
            return Ok(vec![d.clone()]);
        }
        let (x, d) = (e.widened(x), e.widened(d));
        let dtype = x.spec.dtype;
        let flat = Spec::new(DType::I32, [x.spec.len()]);
        let places = e.one("stablehlo.iota", &[], "iota_dimension = 0 : i64", &flat);
        let places = e.reshape(&places, &x.spec.shape);
        let (worst, last) = (e.scalar(dtype, worst(of.kind)), e.scalar(DType::I32, f64::from(i32::MAX)));
        let zero = e.scalar(dtype, 0.0);
        let region = e.winner(of.kind, &[dtype, DType::I32, dtype])?;
        let attributes = attributes(&of.window, &of.strides, &of.padding);
        let wide = out[0].with_dtype(dtype);
        let outs = [wide.clone(), wide.with_dtype(DType::I32), wide];
        let inputs = [&x, &places, &d, &worst, &last, &zero];
        let mut y = e.with_regions("stablehlo.reduce_window", &inputs, &[region], &attributes, &outs);
        let y = y.swap_remove(2);
        Ok(vec![e.cast(&y, out[0].dtype)])
    }
}
