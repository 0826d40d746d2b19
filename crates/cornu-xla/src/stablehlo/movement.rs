//! The same elements in other places.
use super::Lower;
use super::emit::{Emitter, Val, array};
use cornu_graph::ops::{Broadcast, Concat, Iota, Pad, Reshape, Reverse, Slice, Transpose};
use cornu_graph::{Result, Spec};

impl Lower for Reshape {
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        Ok(vec![e.reshape(&x[0], &self.shape)])
    }
}

impl Lower for Broadcast {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let attributes = format!("broadcast_dimensions = {}", array(&self.dims));
        Ok(vec![e.one("stablehlo.broadcast_in_dim", &[&x[0]], &attributes, &out[0])])
    }
}

impl Lower for Transpose {
    fn lower(&self, e: &mut Emitter, x: &[Val], _: &[Spec]) -> Result<Vec<Val>> {
        Ok(vec![e.transpose(&x[0], &self.permutation)])
    }
}

impl Lower for Slice {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (start, limit, stride) = (array(&self.start), array(&self.limit), array(&self.stride));
        let attributes = format!("start_indices = {start}, limit_indices = {limit}, strides = {stride}");
        Ok(vec![e.one("stablehlo.slice", &[&x[0]], &attributes, &out[0])])
    }
}

impl Lower for Pad {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let write = |e: &mut Emitter, x0: &Val, low: &[i64], high: &[i64], interior: &[usize], out: &Spec| {
            let (low, high, interior) = (array(low), array(high), array(interior));
            let attributes = format!(
                "edge_padding_low = {low}, edge_padding_high = {high}, interior_padding = {interior}"
            );
            e.one("stablehlo.pad", &[x0, &x[1]], &attributes, out)
        };
        let spread = self.interior.iter().any(|&n| n > 0);
        if !(e.is_shared() && spread) {
            return Ok(vec![write(e, &x[0], &self.low, &self.high, &self.interior, &out[0])]);
        }
        // XLA's partitioner ends the process where an axis that is cut is padded within and at its ends at once.
        let (no_edges, no_gaps) = (vec![0; self.low.len()], vec![0; self.low.len()]);
        let sizes = x[0].spec.shape.iter().zip(&self.interior);
        let shape: Vec<usize> = sizes.map(|(&size, &gaps)| Pad::dilated(size, gaps)).collect();
        let within = write(e, &x[0], &no_edges, &no_edges, &self.interior, &x[0].spec.with_shape(shape));
        Ok(vec![write(e, &within, &self.low, &self.high, &no_gaps, &out[0])])
    }
}

impl Lower for Concat {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let attributes = format!("dimension = {} : i64", self.axis);
        Ok(vec![e.one("stablehlo.concatenate", &x.iter().collect::<Vec<_>>(), &attributes, &out[0])])
    }
}

impl Lower for Reverse {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let attributes = format!("dimensions = {}", array(&self.axes));
        Ok(vec![e.one("stablehlo.reverse", &[&x[0]], &attributes, &out[0])])
    }
}

impl Lower for Iota {
    fn lower(&self, e: &mut Emitter, _: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let attributes = format!("iota_dimension = {} : i64", self.axis);
        Ok(vec![e.one("stablehlo.iota", &[], &attributes, &out[0])])
    }
}
