//! `cornu completions`: what shells complete.
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use cornu::prelude::*;

pub fn command() -> Command {
    Command::new("completions")
                .about("Completions for a shell, on standard output")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell)))
}

pub fn run(m: &ArgMatches) -> Result<()> {
    if let Some(&shell) = m.get_one::<Shell>("shell") {
        clap_complete::generate(shell, &mut crate::command(), "cornu", &mut std::io::stdout());
    }
    Ok(())
}
