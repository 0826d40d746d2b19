//! Random bits.
use super::{Attributes, OpRule, arity};
use crate::{DType, Error, Result, Spec, Value};

op! {
    /// Random bits from a state of two u64; gives the next state, then the bits. StableHLO `rng_bit_generator` with
    /// `PHILOX`; see [`crate::philox`].
    RngBits "rng_bits" {
        /// uint32.
        dtype: DType,
        /// Shape of the bits.
        shape: Vec<usize>,
    }
}

impl OpRule for RngBits {
    fn arity_out(&self) -> usize {
        2
    }

    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [state] = arity(Self::NAME, inputs)?;
        if *state != Spec::new(DType::U64, [2]) || self.dtype != DType::U32 {
            return Err(Error::op(Self::NAME, format!("takes a state uint64[2] and gives uint32, got {state}")));
        }
        Ok(vec![state.clone(), Spec::new(self.dtype, self.shape.clone())])
    }

    fn vjp(&self, _: &[Value], _: &[Value], _: &[Option<Value>]) -> Vec<Option<Value>> {
        vec![None]
    }
}

/// Random numbers from this value, which is the state of a generator (`uint64[2]`). Each gives the next state, then the
/// numbers.
impl Value {
    /// Random uint32 of `shape`.
    #[track_caller]
    pub fn random_bits(&self, shape: &[usize]) -> (Value, Value) {
        let mut outputs = Value::emit(RngBits { dtype: DType::U32, shape: shape.to_vec() }, &[self]).into_iter();
        let failed = || self.builder().failed();
        (outputs.next().unwrap_or_else(failed), outputs.next().unwrap_or_else(failed))
    }

    /// Uniform float32 in [0, 1), with 24 random bits.
    #[track_caller]
    pub fn random_uniform(&self, shape: &[usize]) -> (Value, Value) {
        let (state, bits) = self.random_bits(shape);
        let top = bits.shift_right_logical(&bits.scalar(8.0)).cast(DType::F32);
        (state, top * (1.0 / f64::from(1 << 24)))
    }

    /// Normal float32 with mean 0 and deviation 1.
    #[track_caller]
    pub fn random_normal(&self, shape: &[usize]) -> (Value, Value) {
        let (state, uniform) = self.random_uniform(shape);
        // Centred between the steps of the uniform numbers, so that neither end is infinite.
        let centred = uniform * 2.0 + (f64::from(1 << 24).recip() - 1.0);
        (state, centred.erfinv() * std::f64::consts::SQRT_2)
    }

    /// Bools that are true with `probability`.
    #[track_caller]
    pub fn bernoulli(&self, probability: f64, shape: &[usize]) -> (Value, Value) {
        let (state, uniform) = self.random_uniform(shape);
        (state, uniform.lt(&uniform.scalar(probability)))
    }
}
