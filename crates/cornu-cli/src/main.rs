//! The `cornu` command: predicts, trains, evaluates and shows Keras models.
mod arguments;
mod commands;
mod data;
mod json;
mod samples;

use arguments::{count, option};
use clap::{ArgMatches, Command};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    const TENSORFLOW_LOG: &str = "TF_CPP_MIN_LOG_LEVEL";
    if std::env::var_os(TENSORFLOW_LOG).is_none() {
        // Else TensorFlow tells on standard error how it starts.
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var(TENSORFLOW_LOG, "2") };
    }
    end_with_the_reader();
    let matches = command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ends in silence where nobody reads the output any more, as in `cornu summary model.keras | head -3`.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

fn run(matches: &ArgMatches) -> cornu::Result<()> {
    if let Some(backend) = matches.get_one::<String>("backend") {
        cornu::backend::set(backend)?;
    }
    if let Some(&threads) = matches.get_one::<usize>("threads") {
        cornu::backend::set_num_threads(threads)?;
    }
    if let Some(policy) = matches.get_one::<String>("dtype-policy") {
        cornu::mixed_precision::set_dtype_policy(policy.as_str())?;
    }
    let Some((name, m)) = matches.subcommand() else { return Ok(()) };
    let known = commands::ALL.iter().find(|(command, _)| command().get_name() == name);
    known.map_or(Ok(()), |(_, run)| run(m))
}

const EXAMPLES: &str = "\
Examples:
  cornu summary model.keras
  cornu predict model.keras --input images.npy --output labels.npy
  cornu fit model.keras --data train.npz --epochs 5 --validation-split 0.1 --output trained.keras --history history.json
  cornu evaluate trained.keras --data test.npz
  cornu bench model.keras --data train.npz --mode train";

pub(crate) fn command() -> Command {
    const BACKEND: &str =
        "The engine, one that `cornu devices` names; `cpu` unless CORNU_BACKEND names another";
    const POLICY: &str = "The dtype policy of layers whose file names none, as in Keras: `mixed_bfloat16`";
    Command::new("cornu")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keras models from the command line, without Python")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(option("backend", "NAME", BACKEND).global(true))
        .arg(count("threads", "N", "Threads of the CPU engine").global(true))
        .arg(option("dtype-policy", "NAME", POLICY).global(true))
        .subcommands(commands::ALL.iter().map(|(command, _)| command()))
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    #[test]
    fn arguments_make_sense() {
        super::command().debug_assert();
    }

    #[test]
    fn a_profile_may_be_written_to_a_file() {
        let of = |profile: &str| {
            let args = ["cornu", "bench", "model.keras", "--data", "data.npz", profile];
            let matches = super::command().try_get_matches_from(args).unwrap_or_else(|e| panic!("{e}"));
            let bench = matches
                .subcommand_matches("bench")
                .map(|m| m.get_one::<std::path::PathBuf>("profile").cloned());
            bench.flatten().map(|path| path.display().to_string())
        };
        assert_eq!(of("--profile").as_deref(), Some("-"));
        assert_eq!(of("--profile=trace.json").as_deref(), Some("trace.json"));
    }
}
