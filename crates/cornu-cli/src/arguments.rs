//! Arguments as commands declare them, and what `clap` found.
use clap::{Arg, ArgMatches, value_parser};
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

/// A file or folder, by its place among the arguments.
pub fn place(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).help(help).value_parser(value_parser!(PathBuf))
}

/// An option with a text.
pub fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// An option with a file.
pub fn file(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).value_parser(value_parser!(PathBuf))
}

/// An option with a whole number.
pub fn count(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).value_parser(value_parser!(usize))
}

/// An option that is there or not.
pub fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(clap::ArgAction::SetTrue)
}

/// A model to be run.
pub fn model() -> Arg {
    place("model", "The model: a `.keras` or `.h5` file, or a folder").required(true)
}

/// How many samples go together, where another option says how many batches.
pub fn batch_size(steps: &str) -> Arg {
    let help = format!("Samples in a batch; by default 32, or as many as --{steps} needs for all samples");
    count("batch-size", "B", "").help(help)
}

/// How many batches there are at most.
pub fn steps() -> Arg {
    count("steps", "N", "Batches to stop after")
}

/// How large files of weights may be.
pub fn shards() -> Arg {
    let help = "For `.weights.json`: the most gigabytes (of 2^30 bytes) of weights in one of its files";
    option("max-shard-size", "GB", help).value_parser(value_parser!(f64))
}

/// Columns of a CSV file.
pub fn target() -> Arg {
    option("target", "COLUMNS", "Columns of a CSV file that are targets, joined by commas")
}

/// Whether to show progress.
pub fn progress() -> Arg {
    flag("progress", "Shows progress on standard error")
}
