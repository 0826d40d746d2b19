//! The order of samples, which goes on after a resume as it would have gone on without a stop.
use crate::training::Trainer;
use crate::utils::next_seed;
use crate::variable::{Role, Variable};
use cornu_graph::philox::{Generator, block};
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory};
use std::sync::Arc;

impl Trainer {
    /// A seed, and the number of passes over data since.
    pub fn shuffler(&self) -> &Arc<Variable> {
        self.shuffler
            .get_or_init(|| Arc::new(Variable::new("shuffler", Role::Seed, Tensor::from([next_seed(), 0]))))
    }

    /// The numbers below `count` in the order of the next pass.
    ///
    /// # Errors
    /// When there are more than can be put in order.
    pub fn shuffle(&self, count: usize) -> Result<Vec<u32>> {
        let too_many = || {
            let error = Error::argument("Fit.shuffle", format!("{count} samples or batches are too many"));
            error.help("`shuffle(false)` takes them in order")
        };
        let end = u32::try_from(count).map_err(|_| too_many())?;
        memory::room(&Spec::new(DType::U32, [count])).map_err(|_| too_many())?;
        let variable = self.shuffler();
        let state = variable.value()?;
        let (seed, pass) = match state.as_slice::<u64>()? {
            [seed, pass] => (*seed, *pass),
            _ => (0, 0),
        };
        variable.assign(&Tensor::from([seed, pass.wrapping_add(1)]))?;
        let bits = block([seed, pass], 0);
        let mut generator = Generator::new(u64::from(bits[0]) | u64::from(bits[1]) << 32);
        let mut order: Vec<u32> = (0..end).collect();
        // Fisher and Yates.
        for i in (1..count).rev() {
            let j = generator.next_u64() % (i as u64 + 1);
            order.swap(i, j as usize);
        }
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pass_is_another_permutation() {
        let trainer = Trainer::default();
        let (first, second) = (trainer.shuffle(50).unwrap(), trainer.shuffle(50).unwrap());
        assert_ne!(first, second);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
        // Set back, it repeats.
        let state = trainer.shuffler().value().unwrap();
        let seed = state.as_slice::<u64>().unwrap()[0];
        trainer.shuffler().assign(&Tensor::from([seed, 0u64])).unwrap();
        assert_eq!(trainer.shuffle(50).unwrap(), first);
        assert!(trainer.shuffle(0).unwrap().is_empty());
    }
}
