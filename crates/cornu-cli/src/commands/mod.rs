//! The commands: each says its arguments and what it does.
use clap::{ArgMatches, Command};
use cornu::Result;

/// How a command is declared, and how it is run.
type Entry = (fn() -> Command, fn(&ArgMatches) -> Result<()>);

macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// In the order in which help lists them.
        pub const ALL: &[Entry] = &[$(($name::command, $name::run)),*];
    };
}

commands! {
    predict,
    fit,
    evaluate,
    summary,
    info,
    convert,
    application,
    bench,
    devices,
    completions,
}
