//! `cornu predict`: the outputs of a model.
use crate::arguments::{batch_size, file, model, path, progress, steps, verbose, with_given};
use crate::data;
use clap::{ArgMatches, Command};
use cornu::prelude::*;
use cornu::saving::LoadModel;

pub fn command() -> Command {
    Command::new("predict")
                .about("The outputs of a model for each sample")
                .after_help("INPUT is `.npz` (array `x`, or one array for each input's name), `.npy` or `.csv`. OUTPUT is of the same kinds: `y`, or one array for each output's name.")
                .arg(model())
                .arg(file("input", "INPUT", "The samples").required(true))
                .arg(file("output", "OUTPUT", "Where to write the outputs").required(true))
                .arg(batch_size("steps"))
                .arg(steps())
                .arg(progress())
}

pub fn run(m: &ArgMatches) -> Result<()> {
    let mut model = LoadModel::new().compile(false).load(path(m, "model")?)?;
    let arrays = data::read(path(m, "input")?, &[])?;
    let x = data::inputs(&arrays, &model.input_names()?)?;
    let options = Predict::new().verbose(verbose(m));
    let options = with_given(m, options, &[("batch-size", Predict::batch_size), ("steps", Predict::steps)]);
    let outputs = model.predict_many(x, options)?;
    let mut names = model.output_names()?;
    if let [only] = names.as_mut_slice() {
        *only = "y".into();
    }
    let symbols = model.outputs()?;
    let text: Vec<&str> =
        names.iter().zip(&symbols).filter(|(_, x)| x.is_text()).map(|(name, _)| name.as_str()).collect();
    let named: Vec<(String, Tensor)> = names.iter().cloned().zip(outputs).collect();
    data::write(path(m, "output")?, &named, &text)
}
