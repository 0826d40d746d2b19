//! `cornu devices`: the engines of this machine.
use crate::arguments::{flag};
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use serde_json::{Value as Json, json};

pub fn command() -> Command {
    Command::new("devices")
                .about("The engines, what this machine has of each, and how to get the others")
                .arg(flag("json", "As JSON"))
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let devices = cornu::backend::list_devices();
    if m.get_flag("json") {
        let all: Vec<Json> = devices
            .iter()
            .map(|d| {
                json!({
                    "backend": d.backend,
                    "found": d.is_found(),
                    "description": d.description,
                    "version": d.version,
                    "path": d.path,
                    "install": d.install,
                })
            })
            .collect();
        println!("{}", Json::from(all));
        return Ok(());
    }
    devices.iter().for_each(|device| println!("{device}"));
    Ok(())
}
