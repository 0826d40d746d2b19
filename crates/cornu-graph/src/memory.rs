//! How much memory may be asked for: sizes that no machine has are errors before anything is allocated.
use crate::{DType, Error, Result, Spec};
use std::cell::Cell;
use std::thread::LocalKey;

/// No machine addresses more.
const MAX: u64 = if usize::BITS < 64 { isize::MAX as u64 } else { 1 << 47 };

/// NumPy has no more.
const MAX_RANK: usize = 64;

thread_local! {
    static LIMIT: Cell<u64> = const { Cell::new(MAX) };
    static TABLES: Cell<u64> = const { Cell::new(MAX) };
}

/// Runs `f`, within which no value of a graph, and no computation made on this thread, may take more than `bytes`. A limit
/// around it that is lower stays.
pub fn within<R>(bytes: u64, f: impl FnOnce() -> R) -> R {
    limited(&LIMIT, bytes, f)
}

/// Runs `f`, within which no table that follows from settings alone, as the weights by which an image is resized, may take more
/// than `bytes`: it is there as soon as a graph is built, before anything is computed.
pub fn tables_within<R>(bytes: u64, f: impl FnOnce() -> R) -> R {
    limited(&TABLES, bytes, f)
}

fn limited<R>(limit: &'static LocalKey<Cell<u64>>, bytes: u64, f: impl FnOnce() -> R) -> R {
    /// Puts the limit back on the way out.
    struct Restore(&'static LocalKey<Cell<u64>>, u64);
    impl Drop for Restore {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(limit, limit.replace(bytes.min(limit.get())));
    f()
}

/// The limit of this thread, in bytes.
pub fn limit() -> u64 {
    LIMIT.get()
}

/// The bytes of a value, if they are within the limit. Empty axes count as 1, so that distances between elements can be
/// numbers too.
///
/// # Errors
/// When they are not, or there are more axes than any tensor has.
pub fn check(spec: &Spec) -> Result<u64> {
    check_within(spec, limit())
}

/// [`check`] for a tensor that is made next. The memory is asked for and given back: what the system refuses here would be an
/// abort a moment later.
///
/// # Errors
/// As [`check`]; and when the system has no room for it now.
pub fn room(spec: &Spec) -> Result<u64> {
    let bytes = check(spec)?;
    if usize::try_from(bytes).is_ok_and(|n| Vec::<u8>::new().try_reserve_exact(n).is_ok()) {
        return Ok(bytes);
    }
    Err(Error::Data(format!("a value of {}{:?} does not fit into memory", spec.dtype, spec.shape)))
}

/// [`check`] for a table that follows from settings alone; to be asked before it is made.
///
/// # Errors
/// As [`check`]; and when it is larger than [`tables_within`] allows.
pub fn check_table(shape: &[usize], dtype: DType) -> Result<u64> {
    check_within(&Spec::new(dtype, shape), limit().min(TABLES.get()))
}

fn check_within(spec: &Spec, limit: u64) -> Result<u64> {
    if spec.rank() > MAX_RANK {
        return Err(Error::Data(format!("a value has {} axes, more than {MAX_RANK}", spec.rank())));
    }
    let size = spec.dtype.size() as u64;
    let bytes = spec.shape.iter().try_fold(size, |n, &d| n.checked_mul(d.max(1) as u64));
    bytes.filter(|&n| n <= limit).ok_or_else(|| {
        let most = if limit < MAX { format!("the {limit} bytes allowed") } else { "any memory".into() };
        Error::Data(format!("a value of {}{:?} is larger than {most}", spec.dtype, spec.shape))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(check(&Spec::f32([2, 0, 3])).unwrap(), 24);
        let error = check(&Spec::f32([1 << 40, 1 << 40, 0])).unwrap_err().to_string();
        assert!(error.ends_with("is larger than any memory"), "{error}");
        let error = check(&Spec::f32([1; 65])).unwrap_err().to_string();
        assert_eq!(error, "a value has 65 axes, more than 64");
        let error = within(100, || check(&Spec::f32([26]))).unwrap_err().to_string();
        assert_eq!(error, "a value of float32[26] is larger than the 100 bytes allowed");
        assert_eq!(within(10, || within(100, limit)), 10);
        let table = || check_table(&[30], DType::F32);
        assert!(tables_within(100, table).is_err() && within(100, table).is_err() && table().is_ok());
        assert_eq!(tables_within(100, || check(&Spec::f32([30]))).unwrap(), 120);
        assert_eq!(limit(), MAX);
    }
}
