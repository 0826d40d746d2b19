//! Where random numbers start from.
use crate::utils::next_seed;
use cornu_graph::philox::Generator;
use std::sync::{Mutex, PoisonError};

/// A sequence of seeds: each function that draws with it takes the next one. Keras's `SeedGenerator`.
///
/// ```
/// use cornu::prelude::*;
/// let seeds = random::SeedGenerator::new(7);
/// let (a, b) = (random::uniform([2], 0.0, 1.0, None, &seeds)?, random::uniform([2], 0.0, 1.0, None, &seeds)?);
/// assert_ne!(a, b);
/// let seeds = random::SeedGenerator::new(7);
/// assert_eq!(a, random::uniform([2], 0.0, 1.0, None, &seeds)?);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Debug)]
pub struct SeedGenerator {
    seed: u64,
    seeds: Mutex<Generator>,
}

impl SeedGenerator {
    /// A sequence that repeats itself for each seed; without one (`None`), a seed is drawn.
    pub fn new(seed: impl Into<Option<u64>>) -> SeedGenerator {
        let seed = seed.into().unwrap_or_else(next_seed);
        SeedGenerator { seed, seeds: Mutex::new(Generator::new(seed)) }
    }

    /// The seed that the sequence starts from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The next seed.
    pub fn next(&self) -> u64 {
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

/// The seed of one draw: a number, the next of a [`SeedGenerator`], or one that is drawn (`None`).
#[derive(Clone, Copy, Debug)]
pub struct Seed<'a>(Kind<'a>);

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Drawn,
    Number(u64),
    Next(&'a SeedGenerator),
}

impl Seed<'_> {
    pub(super) fn number(self) -> u64 {
        match self.0 {
            Kind::Drawn => next_seed(),
            Kind::Number(seed) => seed,
            Kind::Next(seeds) => seeds.next(),
        }
    }
}

impl From<Option<u64>> for Seed<'_> {
    fn from(seed: Option<u64>) -> Self {
        Seed(seed.map_or(Kind::Drawn, Kind::Number))
    }
}

impl From<u64> for Seed<'_> {
    fn from(seed: u64) -> Self {
        Seed(Kind::Number(seed))
    }
}

impl<'a> From<&'a SeedGenerator> for Seed<'a> {
    fn from(seeds: &'a SeedGenerator) -> Self {
        Seed(Kind::Next(seeds))
    }
}
