//! Philox4x32-10, the counter-based random generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011),
//! with the state and the order of XLA's `rng_bit_generator`.
//!
//! The state is two u64: the key, and a counter that each block of four u32 moves on by one. The same state gives the same
//! bits everywhere, and block `n` can be computed without the others.

/// One block: four u32 from a 64-bit key and a 128-bit counter.
pub fn philox4x32(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    const ROUNDS: usize = 10;
    let ([mut k0, mut k1], mut c) = (key, counter);
    for _ in 0..ROUNDS {
        let p0 = 0xD251_1F53 * u64::from(c[0]);
        let p1 = 0xCD9E_8D57 * u64::from(c[2]);
        c = [(p1 >> 32) as u32 ^ c[1] ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k1, p0 as u32];
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    c
}

/// Block `n` after `state`.
pub fn block(state: [u64; 2], n: u64) -> [u32; 4] {
    let [key, low] = state;
    let (low, carry) = low.overflowing_add(n);
    // The upper half of the counter starts at the key, as in XLA.
    let high = key.wrapping_add(u64::from(carry));
    philox4x32(
        [key as u32, (key >> 32) as u32],
        [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32],
    )
}

/// The state after so many blocks.
pub fn advance(state: [u64; 2], blocks: u64) -> [u64; 2] {
    [state[0], state[1].wrapping_add(blocks)]
}

/// Random numbers on the host, for initial weights and shuffling.
///
/// ```
/// use cornu_graph::philox::Generator;
/// let mut a = Generator::new(7);
/// let mut b = Generator::new(7);
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert!((0.0..1.0).contains(&a.uniform()));
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    state: [u64; 2],
    unused: Vec<u32>,
}

impl Generator {
    /// A generator that repeats itself for each seed.
    pub fn new(seed: u64) -> Generator {
        Generator { state: [seed, 0], unused: vec![] }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.unused.pop().unwrap_or_else(|| {
            let bits = block(self.state, 0);
            self.state = advance(self.state, 1);
            self.unused.extend(bits[1..].iter().rev());
            bits[0]
        })
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Normal, drawn again until within two deviations.
    pub fn truncated_normal(&mut self) -> f64 {
        loop {
            let x = self.normal();
            if x.abs() < 2.0 {
                return x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drawn by `jax.lax.rng_bit_generator` with `RNG_PHILOX`.
    #[test]
    fn bits_of_xla() {
        let cases = [
            (
                [1, 0],
                [117906450, 1115841718, 956895307, 1839381922, 995334991, 4031402112, 3514262466, 1513550755],
            ),
            (
                [12345678901234, 7],
                [1379779178, 448332283, 879963919, 2929674648, 3462582486, 877814516, 355961024, 1168534533],
            ),
            (
                [0xdead_beef_cafe_babe, u64::MAX],
                [
                    1079415792, 743406381, 537449310, 1385819565, 3379939900, 4099824502, 3401522806,
                    3175646855,
                ],
            ),
        ];
        for (state, want) in cases {
            let got: Vec<u32> = (0..2).flat_map(|n| block(state, n)).collect();
            assert_eq!(got, want, "{state:?}");
        }
    }

    #[test]
    fn moments() {
        let mut g = Generator::new(3);
        let n = 100_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let x = g.normal();
            sum += x;
            squares += x * x;
        }
        assert!((sum / f64::from(n)).abs() < 0.02);
        assert!((squares / f64::from(n) - 1.0).abs() < 0.02);
        assert!((0..1000).all(|_| g.truncated_normal().abs() < 2.0));
    }
}
