//! What `clap` found.
use clap::ArgMatches;
use cornu::{Error, Result};
use std::path::{Path, PathBuf};

/// An argument that `clap` has checked to be there.
pub fn path<'a>(m: &'a ArgMatches, name: &str) -> Result<&'a Path> {
    optional(m, name).ok_or_else(|| Error::argument(name, "is missing"))
}

/// An argument that may be left out.
pub fn optional<'a>(m: &'a ArgMatches, name: &str) -> Option<&'a Path> {
    m.get_one::<PathBuf>(name).map(PathBuf::as_path)
}

/// A number; 0 when it is left out.
pub fn number(m: &ArgMatches, name: &str) -> usize {
    m.get_one::<usize>(name).copied().unwrap_or_default()
}

/// An argument and what sets it.
type Setter<O> = (&'static str, fn(O, usize) -> O);

/// Options with those numbers set that were given.
pub fn with_given<O>(m: &ArgMatches, options: O, setters: &[Setter<O>]) -> O {
    setters.iter().fold(options, |options, (name, set)| match m.get_one::<usize>(name) {
        Some(&n) => set(options, n),
        None => options,
    })
}

/// How much to say while a model works: nothing, or a bar.
pub fn verbose(m: &ArgMatches) -> u8 {
    cornu::utils::disable_interactive_logging();
    u8::from(m.get_flag("progress"))
}
