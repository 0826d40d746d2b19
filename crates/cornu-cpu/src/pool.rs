//! Threads that wait for work: they spin for a moment, since the next step is mostly near, then sleep.
//!
//! A piece of work is a number of tasks. Each thread, the caller among them, has a share of them that follow each other, and then
//! helps others with the end of theirs. Tasks go through arrays in order, so that a thread finds in its caches what it wrote in the
//! step before. Which thread runs a task does not matter to its result.
use cornu_graph::{Error, Result, environment};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Threads that can have a share of their own; more of them only help.
const SHARES: usize = 128;

/// How long a thread spins before it sleeps.
const SPIN: Duration = Duration::from_micros(300);

/// Work in progress: the task, type erased, and how far it is.
struct Job {
    /// Valid until `left` is 0 and all helpers have gone.
    task: *const (dyn Fn(usize) + Sync),
    shares: usize,
}

// SAFETY: the task is `Sync`, and `Pool::run` does not return while a thread may use it.
unsafe impl Send for Job {}

/// The tasks of a thread that nobody has taken: the first in the upper half, the end in the lower. Alone in its lines of the cache.
#[derive(Default)]
#[repr(align(128))]
struct Share(AtomicU64);

impl Share {
    fn set(&self, tasks: std::ops::Range<u32>) {
        self.0.store(u64::from(tasks.start) << 32 | u64::from(tasks.end), Ordering::Relaxed);
    }

    /// Takes a task: the first for the owner, the last for others.
    fn take(&self, is_owner: bool) -> Option<usize> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |share| {
            let is_left = share >> 32 < share & u64::from(u32::MAX);
            is_left.then(|| if is_owner { share + (1 << 32) } else { share - 1 })
        });
        let share = taken.ok()?;
        Some(if is_owner { (share >> 32) as usize } else { (share as u32 - 1) as usize })
    }
}

#[derive(Default)]
struct Shared {
    /// The work to help with.
    job: Option<Job>,
    /// Threads that hold on to the job.
    helpers: usize,
    /// A task panicked in a helper.
    panicked: bool,
    /// Threads there are, besides the caller.
    threads: usize,
    /// Threads that sleep.
    sleeping: usize,
}

/// The threads of the process.
pub(crate) struct Pool {
    shared: Mutex<Shared>,
    wake: Condvar,
    done: Condvar,
    /// Moves on with each job, so that spinning threads see it without the lock.
    epoch: AtomicUsize,
    shares: Box<[Share]>,
    /// Helpers at work, for the caller to spin on.
    active: AtomicUsize,
    /// One job at a time; a caller that finds another at work runs its tasks itself.
    busy: Mutex<()>,
    wanted: AtomicUsize,
}

thread_local! {
    /// Whether this thread is inside of a task.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn shares() -> Box<[Share]> {
    (0..SHARES).map(|_| Share::default()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// The pool of the process.
    pub fn global() -> &'static Pool {
        static POOL: OnceLock<Pool> = OnceLock::new();
        POOL.get_or_init(|| Pool {
            shared: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            epoch: AtomicUsize::new(0),
            shares: shares(),
            active: AtomicUsize::new(0),
            busy: Mutex::new(()),
            wanted: AtomicUsize::new(default_threads()),
        })
    }

    /// Runs `task` for each of `0..tasks`, on all threads; returns when all are done. Within a task it runs on this
    /// thread alone.
    ///
    /// # Panics
    /// When a task does.
    pub fn run(&'static self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let helpers = self.wanted.load(Ordering::Relaxed).min(tasks).saturating_sub(1);
        let alone = helpers == 0 || INSIDE.get() || u32::try_from(tasks).is_err();
        let guard = if alone { None } else { self.busy.try_lock().ok() };
        let Some(_guard) = guard else { return (0..tasks).for_each(task) };
        self.ensure_threads(helpers);
        // SAFETY: only the lifetime changes; this function returns after the last use.
        let erased: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(task) };
        let count = (helpers + 1).min(SHARES);
        let sleeping = {
            let mut shared = lock(&self.shared);
            for (i, share) in self.shares.iter().take(count).enumerate() {
                share.set((i * tasks / count) as u32..((i + 1) * tasks / count) as u32);
            }
            shared.job = Some(Job { task: erased, shares: count });
            self.epoch.fetch_add(1, Ordering::Release);
            shared.sleeping
        };
        if sleeping > 0 {
            self.wake.notify_all();
        }
        let own = catch_unwind(AssertUnwindSafe(|| self.take_tasks(task, 0, count)));
        let panicked = self.finish();
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!panicked, "a task panicked on another thread");
    }

    /// As [`Pool::run`], for tasks that may fail.
    ///
    /// # Errors
    /// That of one of the tasks that failed.
    ///
    /// # Panics
    /// When a task does.
    pub fn try_run(&'static self, tasks: usize, task: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<()> {
        let failed = Mutex::new(None);
        self.run(tasks, &|i| {
            if let Err(e) = task(i) {
                *lock(&failed) = Some(e);
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Runs the tasks of thread `own` of so many, then those that others have left.
    fn take_tasks(&self, task: &(dyn Fn(usize) + Sync), own: usize, shares: usize) {
        INSIDE.set(true);
        let _reset = Reset;
        for i in own..own + shares {
            let is_owner = i == own && own < shares;
            while let Some(i) = self.shares[i % shares].take(is_owner) {
                task(i);
            }
        }
    }

    /// Takes the job back and waits for those who still hold it. Whether a task panicked.
    fn finish(&self) -> bool {
        let mut shared = lock(&self.shared);
        shared.job = None;
        if shared.helpers > 0 {
            drop(shared);
            let start = Instant::now();
            while self.active.load(Ordering::Acquire) > 0 && start.elapsed() < SPIN {
                (0..64).for_each(|_| std::hint::spin_loop());
            }
            shared = lock(&self.shared);
            while shared.helpers > 0 {
                shared = self.done.wait(shared).unwrap_or_else(PoisonError::into_inner);
            }
        }
        std::mem::take(&mut shared.panicked)
    }

    fn ensure_threads(&'static self, count: usize) {
        let mut shared = lock(&self.shared);
        while shared.threads < count {
            let number = shared.threads;
            let spawned =
                std::thread::Builder::new().name(format!("cornu-{number}")).spawn(move || self.serve(number));
            // Without more threads the work is done by those there are.
            if spawned.is_err() {
                return;
            }
            shared.threads += 1;
        }
    }

    /// The life of a thread.
    fn serve(&self, number: usize) {
        let mut seen = 0;
        loop {
            let start = Instant::now();
            while self.epoch.load(Ordering::Acquire) == seen && start.elapsed() < SPIN {
                (0..64).for_each(|_| std::hint::spin_loop());
            }
            let mut shared = lock(&self.shared);
            while self.epoch.load(Ordering::Acquire) == seen {
                shared.sleeping += 1;
                shared = self.wake.wait(shared).unwrap_or_else(PoisonError::into_inner);
                shared.sleeping -= 1;
            }
            seen = self.epoch.load(Ordering::Acquire);
            let allowed = number + 1 < self.wanted.load(Ordering::Relaxed);
            let Some(job) = shared.job.as_ref().filter(|_| allowed) else { continue };
            let (task, shares) = (job.task, job.shares);
            shared.helpers += 1;
            self.active.fetch_add(1, Ordering::AcqRel);
            drop(shared);
            // SAFETY: the caller waits until `helpers` is 0 again.
            let result =
                catch_unwind(AssertUnwindSafe(|| self.take_tasks(unsafe { &*task }, number + 1, shares)));
            let mut shared = lock(&self.shared);
            shared.panicked |= result.is_err();
            shared.helpers -= 1;
            self.active.fetch_sub(1, Ordering::AcqRel);
            if shared.helpers == 0 {
                self.done.notify_all();
            }
        }
    }
}

/// Leaves the task, also when it panics.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// `CORNU_NUM_THREADS`, else as many as the machine runs at a time.
fn default_threads() -> usize {
    // What makes no sense is refused where the engine is opened.
    let given = environment::num_threads().ok().flatten().map(NonZeroUsize::get);
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

/// Number of threads in use: what was set, else `CORNU_NUM_THREADS`, else as many as the machine runs at a time.
pub fn num_threads() -> usize {
    Pool::global().wanted.load(Ordering::Relaxed)
}

/// Number of threads that work of this thread is shared by: it alone within a task.
pub(crate) fn threads_here() -> usize {
    if INSIDE.get() { 1 } else { num_threads() }
}

/// Sets the number of threads. Results do not depend on it, to the bit.
///
/// # Errors
/// When it is 0.
///
/// ```
/// cornu_cpu::set_num_threads(2)?;
/// assert_eq!(cornu_cpu::num_threads(), 2);
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn set_num_threads(n: usize) -> Result<()> {
    if n == 0 {
        return Err(Error::argument("num_threads", "must be at least 1, got 0"));
    }
    Pool::global().wanted.store(n, Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> &'static Pool {
        let pool = Pool {
            shared: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            epoch: AtomicUsize::new(0),
            shares: shares(),
            active: AtomicUsize::new(0),
            busy: Mutex::new(()),
            wanted: AtomicUsize::new(threads),
        };
        Box::leak(Box::new(pool))
    }

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 5] {
            let pool = pool(threads);
            for tasks in [0, 1, 2, 7, 1000] {
                for _ in 0..200 {
                    let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    pool.run(tasks, &|i| {
                        counts[i].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
                }
            }
        }
    }

    #[test]
    fn tasks_within_tasks_and_callers_at_once() {
        let pool = pool(3);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        pool.run(4, &|i| {
                            pool.run(3, &|j| {
                                sum.fetch_add(i * 3 + j, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(sum.load(Ordering::Relaxed), 4 * 50 * (0..12).sum::<usize>());
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = pool(2);
        for _ in 0..20 {
            let result = catch_unwind(|| {
                pool.run(8, &|i| assert!(i != 5, "task 5"));
            });
            assert!(result.is_err());
            let count = AtomicUsize::new(0);
            pool.run(8, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.load(Ordering::Relaxed), 8);
        }
    }
}
