//! `cornu application`: known architectures.
use crate::arguments::{option, path, place, shards};
use super::convert;
use clap::{Arg, ArgMatches, Command};
use cornu::prelude::*;
use serde_json::{Map, Value as Json};

pub fn command() -> Command {
    Command::new("application")
                .about("Writes a known architecture, with weights trained on ImageNet unless told otherwise")
                .after_help("OUTPUT is of the kinds of `convert`.")
                .arg(Arg::new("name").help("Keras's name of it: `MobileNetV2`").required(true))
                .arg(place("output", "The file or folder to write").required(true))
                .arg(shards())
                .arg(
                    option("arguments", "JSON", "Keras's arguments: '{\"alpha\": 0.5, \"weights\": null}'")
                        .default_value("{}"),
                )
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let name = m.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let text = m.get_one::<String>("arguments").map(String::as_str).unwrap_or_default();
    let arguments: Map<String, Json> = serde_json::from_str(text)
        .map_err(|e| Error::argument("--arguments", format!("expected '{{\"include_top\": false}}': {e}")))?;
    let mut net = applications::named(name)?;
    arguments.into_iter().try_for_each(|(name, value)| net.set(&name, value))?;
    convert::write(&net.build()?, path(m, "output")?, m.get_one::<f64>("max-shard-size").copied())
}
