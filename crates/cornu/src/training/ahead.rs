//! Batches made ahead of their use, on other threads, and used in order.
use cornu_graph::Result;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What came of one item: it, an error, the end of all, or a panic of the code that makes it.
type Made<T> = Result<Option<Result<T>>, Box<dyn Any + Send>>;

/// What the threads share.
struct Queue<T> {
    state: Mutex<State<T>>,
    /// An item was made.
    made: Condvar,
    /// There is room for another, or no more are wanted.
    room: Condvar,
}

struct State<T> {
    ready: BTreeMap<usize, Made<T>>,
    /// The next to be begun.
    next: usize,
    /// The next to be used.
    used: usize,
    stopped: bool,
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes items until there are enough.
    fn work(&self, capacity: usize, last: usize, make: &(dyn Fn(usize) -> Option<Result<T>> + Sync)) {
        loop {
            let mut state = self.lock();
            while !state.stopped && state.next < last && state.next - state.used >= capacity {
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stopped || state.next >= last {
                return;
            }
            let i = state.next;
            state.next += 1;
            drop(state);
            let made = catch_unwind(AssertUnwindSafe(|| make(i)));
            let ends = !matches!(made, Ok(Some(Ok(_))));
            let mut state = self.lock();
            state.ready.insert(i, made);
            // After an end or an error nothing is used any more.
            state.stopped |= ends;
            drop(state);
            self.made.notify_all();
        }
    }

    /// The next item in order.
    fn next(&self) -> Option<Result<T>> {
        let mut state = self.lock();
        loop {
            let used = state.used;
            if let Some(made) = state.ready.remove(&used) {
                state.used += 1;
                drop(state);
                self.room.notify_all();
                return made.unwrap_or_else(|panic| resume_unwind(panic));
            }
            state = self.made.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Lets the threads end, however their user ends.
struct Stop<'a, T>(&'a Queue<T>);

impl<T> Drop for Stop<'_, T> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.room.notify_all();
    }
}

/// Makes the items `first..last` and gives each to `take`, in order and in this thread, until `take` wants no more or `make`
/// gives none. `workers` threads make them, at most `capacity` ahead; without workers each is made when it is wanted.
///
/// How many were taken, and whether `make` gave none.
///
/// # Errors
/// The first in order of `make` or `take`.
pub(crate) fn each<T: Send>(
    (first, last): (usize, usize),
    (workers, capacity): (usize, usize),
    make: &(dyn Fn(usize) -> Option<Result<T>> + Sync),
    take: &mut dyn FnMut(T) -> Result<bool>,
) -> Result<(usize, bool)> {
    if workers == 0 {
        return consume((first, last), &mut |i| make(i), take);
    }
    let state = State { ready: BTreeMap::new(), next: first, used: first, stopped: false };
    let queue = Queue { state: Mutex::new(state), made: Condvar::new(), room: Condvar::new() };
    std::thread::scope(|scope| {
        let _stop = Stop(&queue);
        for _ in 0..workers.min(last - first) {
            scope.spawn(|| queue.work(capacity.max(1), last, make));
        }
        consume((first, last), &mut |_| queue.next(), take)
    })
}

fn consume<T>(
    (first, last): (usize, usize),
    next: &mut dyn FnMut(usize) -> Option<Result<T>>,
    take: &mut dyn FnMut(T) -> Result<bool>,
) -> Result<(usize, bool)> {
    let mut i = first;
    while i < last {
        let Some(item) = next(i) else { return Ok((i - first, true)) };
        let item = item?;
        i += 1;
        if !take(item)? {
            break;
        }
    }
    Ok((i - first, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cornu_graph::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn in_order_and_bounded() {
        for workers in [0, 1, 3] {
            let (making, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut seen = vec![];
            let make = |i: usize| {
                let begun = making.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(begun - used.load(Ordering::SeqCst) <= 4 + 1, "{begun}");
                // Later items are ready first.
                std::thread::sleep(Duration::from_millis(5 - (i % 3) as u64));
                Some(Ok(i))
            };
            let taken = each((2, 12), (workers, 4), &make, &mut |i| {
                used.fetch_add(1, Ordering::SeqCst);
                seen.push(i);
                Ok(true)
            });
            assert_eq!(taken.unwrap(), (10, false));
            assert_eq!(seen, (2..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ends() {
        for workers in [0, 1, 3] {
            let short = |i: usize| (i < 5).then_some(Ok(i));
            assert_eq!(each((0, usize::MAX), (workers, 2), &short, &mut |_| Ok(true)).unwrap(), (5, true));
            let endless = |i: usize| Some(Ok(i));
            assert_eq!(
                each((0, usize::MAX), (workers, 2), &endless, &mut |i| Ok(i < 6)).unwrap(),
                (7, false)
            );
            let broken = |i: usize| Some(if i == 3 { Err(Error::Data("three".into())) } else { Ok(i) });
            let mut seen = 0;
            let e = each((0, 9), (workers, 2), &broken, &mut |_| {
                seen += 1;
                Ok(true)
            });
            assert_eq!((e.unwrap_err().to_string().as_str(), seen), ("three", 3));
            let refused = each((0, 9), (workers, 2), &endless, &mut |_| Err(Error::Data("no".into())));
            assert_eq!(refused.unwrap_err().to_string(), "no");
            assert_eq!(each((4, 4), (workers, 2), &endless, &mut |_| Ok(true)).unwrap(), (0, false));
        }
    }

    #[test]
    fn a_panic_is_the_caller_s() {
        let panics = |i: usize| if i == 2 { panic!("two") } else { Some(Ok(i)) };
        let caught = catch_unwind(|| each((0, 9), (2, 2), &panics, &mut |_| Ok(true)));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"two"));
    }
}
