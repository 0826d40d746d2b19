//! `cornu summary`: a table of layers.
use crate::arguments::{path, place};
use super::convert::load;
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use std::io::IsTerminal;

pub fn command() -> Command {
    Command::new("summary").about("A table of layers, shapes and parameters").arg(place("model", "The model: a `.keras`, `.h5` or `.json` file, or a folder").required(true))
}

pub fn run(m: &ArgMatches) -> Result<()> {
    /// Wide enough for long names, where no terminal sets a limit.
    const WIDE: usize = 160;
    let file = path(m, "model")?;
    // Compile settings that are not known here do not matter to the layers.
    let model = load(file, true).or_else(|_| load(file, false))?;
    let is_terminal = std::io::stdout().is_terminal();
    println!("{}", if is_terminal { model.summary() } else { model.summary_of_width(WIDE) });
    Ok(())
}
