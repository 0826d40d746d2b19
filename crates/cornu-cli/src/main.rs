//! The `cornu` command: predicts, trains, evaluates and shows Keras models.
mod arguments;
mod bench;
mod commands;
mod convert;
mod data;
mod info;

use clap::{Arg, ArgMatches, Command, value_parser};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    const TENSORFLOW_LOG: &str = "TF_CPP_MIN_LOG_LEVEL";
    if std::env::var_os(TENSORFLOW_LOG).is_none() {
        // Else TensorFlow tells on standard error how it starts.
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var(TENSORFLOW_LOG, "2") };
    }
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

fn run(matches: &ArgMatches) -> cornu::Result<()> {
    if let Some(backend) = matches.get_one::<String>("backend") {
        cornu::backend::set(backend)?;
    }
    if let Some(&threads) = matches.get_one::<usize>("threads") {
        cornu::backend::set_num_threads(threads)?;
    }
    match matches.subcommand() {
        Some(("predict", m)) => commands::predict(m),
        Some(("fit", m)) => commands::fit(m),
        Some(("evaluate", m)) => commands::evaluate(m),
        Some(("summary", m)) => info::summary(m),
        Some(("info", m)) => info::info(m),
        Some(("convert", m)) => convert::run(m),
        Some(("application", m)) => commands::application(m),
        Some(("bench", m)) => bench::run(m),
        Some(("devices", m)) => {
            info::devices(m);
            Ok(())
        }
        Some(("completions", m)) => {
            if let Some(&shell) = m.get_one::<clap_complete::Shell>("shell") {
                clap_complete::generate(shell, &mut command(), "cornu", &mut std::io::stdout());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

const EXAMPLES: &str = "\
Examples:
  cornu summary model.keras
  cornu predict model.keras --input images.npy --output labels.npy
  cornu fit model.keras --data train.npz --epochs 5 --validation-split 0.1 --output trained.keras --history history.json
  cornu evaluate trained.keras --data test.npz
  cornu bench model.keras --data train.npz --mode train";

const CONVERT: &str = "\
Whole models: `.keras`, `.h5` (as Keras writes it too), or a folder of what is in a `.keras` file: a name without an ending.
Weights: `.weights.h5`, with the state of the optimizer; `.weights.json`, the same in several files; `.safetensors`, `.npz`.
Layers: `.json`; a model made of them has new weights.
What is read is known by how it begins, what is written by its name.

Examples:
  cornu convert model.keras model.h5
  cornu convert model.keras weights.safetensors
  cornu convert model.keras folder
  cornu convert model.keras model.weights.json --max-shard-size 2
  cornu convert weights.safetensors model.keras --layers layers.json";

const INFO: &str = "\
Of a model (`.keras`, `.h5`, a folder, or layers as `.json`): inputs, outputs, layers and parameters.
Of weights alone (`.weights.h5`, `.weights.json`, `.safetensors`, `.npz`): the arrays.";

fn command() -> Command {
    let model = || path("model", "The model: a `.keras` or `.h5` file, or a folder").required(true);
    let any_model =
        || path("model", "The model: a `.keras`, `.h5` or `.json` file, or a folder").required(true);
    let shards = || {
        let help = "For `.weights.json`: the most gigabytes (of 2^30 bytes) of weights in one of its files";
        option("max-shard-size", "GB", help).value_parser(value_parser!(f64))
    };
    let batch_size = |steps: &str| {
        let help =
            format!("Samples in a batch; by default 32, or as many as --{steps} needs for all samples");
        number("batch-size", "B", "").help(help)
    };
    let steps = || number("steps", "N", "Batches to stop after");
    Command::new("cornu")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keras models from the command line, without Python")
        .after_help(EXAMPLES)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(option("backend", "NAME", "The engine, one that `cornu devices` names; `cpu` unless CORNU_BACKEND names another").global(true))
        .arg(number("threads", "N", "Threads of the CPU engine").global(true))
        .subcommand(
            Command::new("predict")
                .about("The outputs of a model for each sample")
                .after_help("INPUT is `.npz` (array `x`, or one array for each input's name), `.npy` or `.csv`. OUTPUT is of the same kinds: `y`, or one array for each output's name.")
                .arg(model())
                .arg(file("input", "INPUT", "The samples").required(true))
                .arg(file("output", "OUTPUT", "Where to write the outputs").required(true))
                .arg(batch_size("steps"))
                .arg(steps())
                .arg(flag("progress", "Shows progress on standard error")),
        )
        .subcommand(
            Command::new("fit")
                .about("Trains a model as it was compiled, from the state it was saved in")
                .after_help("DATA is `.npz` with `x` or `x_INPUT`, `y` or `y_OUTPUT`, and perhaps `sample_weight` or `sample_weight_OUTPUT`; or `.csv` with the targets in the columns that --target names.")
                .arg(model())
                .arg(file("data", "DATA", "Samples and targets").required(true))
                .arg(option("target", "COLUMNS", "Columns of a CSV file that are targets, joined by commas"))
                .arg(number("epochs", "N", "Times to go through the data").default_value("1"))
                .arg(number("initial-epoch", "N", "The epoch to go on from").default_value("0"))
                .arg(batch_size("steps-per-epoch"))
                .arg(number("steps-per-epoch", "N", "Batches in an epoch, all by default; the next epoch goes on where one stops"))
                .arg(flag("no-shuffle", "Takes the samples in their order"))
                .arg(file("output", "MODEL", "Where to save the trained model"))
                .arg(file("history", "JSON", "Where to write losses and metrics by epoch"))
                .arg(file("plot", "PICTURE", "Where to draw them: `.svg` or `.png`"))
                .arg(file("validation-data", "DATA", "Evaluated after each epoch"))
                .arg(
                    option("validation-split", "F", "The part of the samples, the last ones, to evaluate on instead of training")
                        .value_parser(value_parser!(f64)),
                )
                .arg(number("validation-batch-size", "B", "Samples in a batch of validation; by default as --batch-size"))
                .arg(number("validation-steps", "N", "Batches of a validation, all by default"))
                .arg(option("validation-freq", "N", "Validates after every so many epochs, or after those of a list: `1,5,10`, or `5,` for one"))
                .arg(option("class-weight", "JSON", "How much each class counts: '{\"0\": 0.5, \"1\": 2.0}'"))
                .arg(file("callbacks", "JSON", "Callbacks: [{\"class_name\": \"EarlyStopping\", \"config\": {\"patience\": 3}}]"))
                .arg(option("seed", "N", "Makes the run repeat bit for bit").value_parser(value_parser!(u64)))
                .arg(flag("progress", "Shows progress on standard error")),
        )
        .subcommand(
            Command::new("evaluate")
                .about("Loss and metrics of a model over data")
                .arg(model())
                .arg(file("data", "DATA", "Samples and targets, as for `fit`").required(true))
                .arg(option("target", "COLUMNS", "Columns of a CSV file that are targets, joined by commas"))
                .arg(file("output", "JSON", "Where to write them; standard output unless given"))
                .arg(batch_size("steps"))
                .arg(steps())
                .arg(flag("progress", "Shows progress on standard error")),
        )
        .subcommand(Command::new("summary").about("A table of layers, shapes and parameters").arg(any_model()))
        .subcommand(
            Command::new("info")
                .about("What a file holds: inputs, outputs, layers and parameters, or arrays")
                .after_help(INFO)
                .arg(path("model", "The file or folder").required(true))
                .arg(flag("json", "As JSON")),
        )
        .subcommand(
            Command::new("convert")
                .about("Writes a model, its weights or its layers in another form")
                .after_help(CONVERT)
                .arg(path("model", "The file or folder to read").required(true))
                .arg(path("output", "The file or folder to write").required(true))
                .arg(file("layers", "MODEL", "For weights: whose they are, a `.keras`, `.h5` or `.json` file or a folder"))
                .arg(shards())
                .arg(flag("by-name", "For weights in an older `.h5` file: finds layers by name, not in their order")),
        )
        .subcommand(
            Command::new("application")
                .about("Writes a known architecture, with weights trained on ImageNet unless told otherwise")
                .after_help("OUTPUT is of the kinds of `convert`.")
                .arg(Arg::new("name").help("Keras's name of it: `MobileNetV2`").required(true))
                .arg(path("output", "The file or folder to write").required(true))
                .arg(shards())
                .arg(
                    option("arguments", "JSON", "Keras's arguments: '{\"alpha\": 0.5, \"weights\": null}'")
                        .default_value("{}"),
                ),
        )
        .subcommand(
            Command::new("bench")
                .about("Times steps of a model")
                .arg(model())
                .arg(file("data", "DATA", "Samples, and targets for `train`").required(true))
                .arg(number("batch-size", "B", "Samples in a batch").default_value("32"))
                .arg(number("steps", "N", "Steps to time").default_value("50"))
                .arg(number("warmup", "N", "Steps before them").default_value("5"))
                .arg(
                    option("mode", "MODE", "What is timed: a batch at a time, or whole epochs of `fit`")
                        .value_parser(["train", "fit", "predict"])
                        .default_value("train"),
                )
                .arg(number("steps-per-execution", "N", "With `fit`: batches that run as one program"))
                .arg(
                    file("profile", "TRACE", "Prints the time of each part of a step on standard error, and writes a Chrome trace")
                        .num_args(0..=1)
                        .require_equals(true)
                        .default_missing_value("-"),
                )
                .arg(flag("json", "As JSON")),
        )
        .subcommand(
            Command::new("devices")
                .about("The engines, what this machine has of each, and how to get the others")
                .arg(flag("json", "As JSON")),
        )
        .subcommand(
            Command::new("completions")
                .about("Completions for a shell, on standard output")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(clap_complete::Shell))),
        )
}

fn path(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).help(help).value_parser(value_parser!(PathBuf))
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn file(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).value_parser(value_parser!(PathBuf))
}

fn number(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).value_parser(value_parser!(usize))
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(clap::ArgAction::SetTrue)
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
