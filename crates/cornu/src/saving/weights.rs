//! Weights and optimizer state as trees of HDF5 arrays.
use super::hdf5::{self, Group};
use super::layout::{self, Arrays};
use super::legacy;
use crate::models::Model;
use crate::utils::atomic;
use crate::variable::Variable;
use cornu_graph::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Everything that Keras keeps of a model, with the optimizer's variables if it has any.
pub(super) fn group(model: &Model) -> Result<Group> {
    let mut root = Group::default();
    root.groups.push(("layers".into(), layout::of_layers(&super::layers(model)).group()?));
    let state = model.optimizer_variables();
    if let (Some(variables), Some(compile)) = (state, &model.trainer.compile) {
        let saved = serde_json::to_value(&compile.optimizer).unwrap_or_default();
        let vars = layout::vars(saved["config"]["name"].as_str().unwrap_or("optimizer"), variables)?;
        let mut group = Group { groups: vec![("vars".into(), vars)], ..Group::default() };
        let trainable: Vec<_> = model.variables()?.into_iter().filter(|v| v.trainable).collect();
        for (path, range) in compile.optimizer.parts(&trainable)? {
            let name = path.rsplit('/').next().unwrap_or_default();
            let part = layout::vars(name, variables.get(range).unwrap_or_default())?;
            group.at(&path).groups.push(("vars".into(), part));
        }
        root.groups.push(("optimizer".into(), group));
    }
    root.groups.push(("vars".into(), layout::vars(model.name(), &[])?));
    Ok(root)
}

/// Gives the model its weights. All are found before the first is changed.
pub(super) fn load(model: &Model, arrays: &Arrays) -> Result<()> {
    model.built()?;
    let mut found = vec![];
    layout::of_layers(&super::layers(model)).find("layers/", arrays, &mut found)?;
    found.iter().try_for_each(|(variable, value)| variable.assign(value))
}

/// Gives an optimizer its state; whether the file has one that fits.
pub(super) fn load_optimizer(variables: &[Arc<Variable>], arrays: &Arrays) -> Result<bool> {
    let path = |i: usize| format!("optimizer/vars/{i}");
    let count = (0..).take_while(|&i| arrays.by_path.contains_key(&path(i))).count();
    if count != variables.len() {
        return Ok(false);
    }
    let value = |(i, v): (usize, &Arc<Variable>)| arrays.get(&path(i), "optimizer", &v.spec.shape);
    let values = variables.iter().enumerate().map(value).collect::<Result<Vec<_>>>()?;
    variables.iter().zip(values).try_for_each(|(variable, value)| variable.assign(value))?;
    Ok(true)
}

/// Saves the weights, and the state of the optimizer if there is one, to a `.weights.h5` file.
pub(crate) fn save_weights(model: &Model, path: &Path) -> Result<()> {
    model.built()?;
    atomic::write(path, &hdf5::write(&group(model)?)?)
}

/// Loads the weights of a `.weights.h5` file, or of a file of Keras 2; with the state of the optimizer if the file has it and
/// the model has begun to train.
pub(crate) fn load_weights(model: &Model, path: &Path) -> Result<()> {
    let what = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let contents = hdf5::read_all(bytes, &what)?;
    if legacy::is_legacy(&contents) {
        return legacy::load_weights(model, contents, &what);
    }
    let arrays = Arrays { what: &what, by_path: contents.arrays };
    load(model, &arrays)?;
    if let Some(variables) = model.optimizer_variables() {
        load_optimizer(variables, &arrays)?;
    }
    Ok(())
}
