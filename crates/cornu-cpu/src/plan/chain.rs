//! Steps that samples go through one by one, each with the memory of the thread that takes it.
use super::{Nested, Plan};
use crate::aligned::sample_memory;
use crate::memory::{Bases, Loc};
use crate::pool::{Pool, threads_here};
use cornu_graph::Result;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The steps of one sample, and how many samples there are.
#[derive(Debug)]
pub(super) struct Chain {
    pub nested: Nested,
    pub samples: usize,
    /// Where each begins, and bytes from one sample to the next: 0 for what is the same for all.
    pub inputs: Vec<(Loc, usize)>,
    pub outputs: Vec<(Loc, usize)>,
}

impl Chain {
    /// Takes all samples through the steps.
    ///
    /// # Errors
    /// As for [`Plan::run`].
    pub fn run(&self, bases: Bases) -> Result<()> {
        // SAFETY: the slots hold what the plan says.
        self.each(bases, &|plan, slots| unsafe { plan.run(slots) })
    }

    /// As [`Chain::run`]; the shares of the steps in the time of all threads.
    ///
    /// # Errors
    /// As for [`Plan::run`].
    pub fn run_timed(&self, bases: Bases) -> Result<Vec<f64>> {
        // Each took a moment at least, so that the shares are numbers.
        let took: Vec<AtomicU64> = self.nested.plan.steps.iter().map(|_| AtomicU64::new(1)).collect();
        self.each(bases, &|plan, slots| {
            let mut start = Instant::now();
            for (step, took) in plan.steps.iter().zip(&took) {
                step.run(Bases(slots))?;
                let end = Instant::now();
                took.fetch_add((end - start).as_nanos() as u64, Ordering::Relaxed);
                start = end;
            }
            Ok(())
        })?;
        let took: Vec<f64> = took.into_iter().map(|n| n.into_inner() as f64).collect();
        let all: f64 = took.iter().sum();
        Ok(took.into_iter().map(|n| n / all).collect())
    }

    fn each(&self, bases: Bases, run: &(dyn Fn(&Plan, &[*mut u8]) -> Result<()> + Sync)) -> Result<()> {
        let plan = &self.nested.plan;
        let task = |sample: usize| {
            sample_memory(self.nested.scratch_bytes(), |memory| {
                // SAFETY: the memory is as large, and aligned.
                let slots = unsafe { self.nested.slots(memory) };
                let place = |(loc, bytes): (Loc, usize)| bases.ptr::<u8>(loc).wrapping_add(sample * bytes);
                for (i, &input) in self.inputs.iter().enumerate() {
                    slots[plan.input_slot(i)] = place(input);
                }
                for (i, &output) in self.outputs.iter().enumerate() {
                    slots[plan.output_slot(i)] = place(output);
                }
                run(plan, slots)
            })
        };
        // As many as all threads take alike, then the rest, in whose steps all threads take part.
        let alike = self.samples / threads_here() * threads_here();
        Pool::global().try_run(alike, &task)?;
        (alike..self.samples).try_for_each(task)
    }
}
