//! Random choices that repeat.
use crate::{DType, Tensor};

/// A stream of random numbers: SplitMix64 (Steele et al., 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, 0 if that is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as usize) as i64
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Either.
    pub fn coin(&mut self) -> bool {
        self.bits() & 1 == 1
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A size: mostly small, sometimes 0, 1 or beyond a vector.
    pub fn size(&mut self) -> usize {
        match self.below(20) {
            0 => 0,
            1 | 2 => 1,
            3 => 17 + self.below(60),
            _ => 2 + self.below(6),
        }
    }

    /// A shape of `low..=high` axes, of at most some thousand elements.
    pub fn shape(&mut self, low: usize, high: usize) -> Vec<usize> {
        let rank = self.between(low as i64, high as i64) as usize;
        loop {
            let shape: Vec<usize> = (0..rank).map(|_| self.size()).collect();
            if shape.iter().product::<usize>() <= 4000 {
                return shape;
            }
        }
    }

    /// An order of the numbers below `n`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        (1..n).rev().for_each(|i| order.swap(i, self.below(i + 1)));
        order
    }

    /// Any dtype; float32 is the most frequent.
    pub fn dtype(&mut self) -> DType {
        if self.coin() { DType::F32 } else { *self.pick(&DType::ALL) }
    }

    /// Any dtype but bool.
    pub fn number_dtype(&mut self) -> DType {
        match self.dtype() {
            DType::Bool => DType::F32,
            other => other,
        }
    }

    /// A float dtype; float32 is the most frequent.
    pub fn float_dtype(&mut self) -> DType {
        if self.below(3) > 0 { DType::F32 } else { *self.pick(&[DType::F16, DType::BF16, DType::F64]) }
    }

    /// Values between `low` and `high`, whole numbers for integers and not negative for unsigned ones.
    pub fn tensor(&mut self, dtype: DType, shape: &[usize], low: f64, high: f64) -> Tensor {
        let count = shape.iter().product();
        let low = if dtype.is_unsigned_int() { low.max(0.0) } else { low };
        let values: Vec<f64> = (0..count)
            .map(|_| match dtype {
                DType::Bool => f64::from(u8::from(self.coin())),
                d if d.is_float() => low + (high - low) * self.unit(),
                _ => self.between(low.ceil() as i64, high.floor().max(low.ceil()) as i64) as f64,
            })
            .collect();
        let zeros = || Tensor::zeros(shape, dtype);
        Tensor::from_f64(shape, dtype, &values).unwrap_or_else(|_| zeros())
    }
}
