//! What the user says in environment variables. One that is empty counts as one that is not set, so that scripts can switch it
//! off with `NAME=`.
use crate::{Error, Result};
use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;

/// The content of a variable, unless that is empty.
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The same as text; what is no UTF-8 in it is replaced.
pub fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

/// How many threads `CORNU_NUM_THREADS` allows.
///
/// # Errors
/// When it is no number, or 0.
pub fn num_threads() -> Result<Option<NonZeroUsize>> {
    text(NUM_THREADS).as_deref().map(threads).transpose()
}

const NUM_THREADS: &str = "CORNU_NUM_THREADS";

fn threads(text: &str) -> Result<NonZeroUsize> {
    let wrong = || Error::argument(NUM_THREADS, format!("expected a number of threads from 1, got `{text}`"));
    text.trim().parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_threads() {
        assert_eq!(threads(" 3").unwrap().get(), 3);
        for wrong in ["0", "-1", "two", "1.5", "99999999999999999999999"] {
            let expected = format!("CORNU_NUM_THREADS: expected a number of threads from 1, got `{wrong}`");
            assert_eq!(threads(wrong).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn of_a_process() {
        assert!(variable("PATH").is_some());
        assert_eq!(variable("CORNU_THAT_NOBODY_SETS"), None);
    }
}
