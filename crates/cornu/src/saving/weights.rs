//! Weights and optimizer state as trees of HDF5 arrays.
use super::hdf5::Group;
use super::layout::{self, Arrays, Found};
use crate::models::Model;
use crate::variable::Variable;
use cornu_graph::Result;
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
    let mut found = Found::default();
    layout::of_layers(&super::layers(model)).find("layers/", arrays, &mut found)?;
    found.values.iter().try_for_each(|(variable, value)| variable.assign(value))
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
