//! Random bits.
use super::Lower;
use super::emit::{Emitter, Val};
use cornu_graph::ops::RngBits;
use cornu_graph::{Result, Spec};

impl Lower for RngBits {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        if out[1].is_empty() {
            return Ok(vec![x[0].clone(), e.full(&out[1], 0.0)]);
        }
        let attributes = "rng_algorithm = #stablehlo<rng_algorithm PHILOX>";
        Ok(e.emit("stablehlo.rng_bit_generator", &[&x[0]], attributes, out))
    }
}
