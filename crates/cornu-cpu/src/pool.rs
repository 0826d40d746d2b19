//! Threads. (Serial until the pool lands.)
use cornu_graph::{Error, Result};

/// Runs tasks.
pub struct Pool {}

impl Pool {
    /// The pool of the process.
    pub fn global() -> &'static Pool {
        static POOL: Pool = Pool {};
        &POOL
    }

    /// Runs `task` for each of `0..tasks`.
    pub fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// Number of threads in use.
pub fn num_threads() -> usize {
    1
}

/// Sets the number of threads.
///
/// # Errors
/// When it is 0.
pub fn set_num_threads(n: usize) -> Result<()> {
    if n == 0 { Err(Error::argument("num_threads", "must be at least 1, got 0")) } else { Ok(()) }
}
