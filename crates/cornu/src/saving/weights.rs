//! Weights and optimizer state as trees of HDF5 arrays.
use super::array::Array;
use super::hdf5::Group;
use super::layout::{self, Arrays, Found};
use crate::models::Model;
use crate::training::Compiled;
use crate::variable::Variable;
use cornu_graph::{DType, Result, Tensor};
use std::sync::Arc;

/// Everything that Keras keeps of a model, with the optimizer's variables if it has any.
pub(super) fn group(model: &Model) -> Result<Group> {
    let mut root = Group::default();
    root.groups.push(("layers".into(), layout::of_layers(&super::layers(model)).group()?));
    if let Some(compiled) = model.settings()? {
        root.groups.push(("optimizer".into(), optimizer(&compiled)?));
    }
    root.groups.push(("vars".into(), layout::vars(model.name(), &[])?));
    Ok(root)
}

/// The variables of an optimizer, and of those within it.
pub(super) fn optimizer(compiled: &Compiled) -> Result<Group> {
    let optimizer = &compiled.compile.optimizer;
    let state: Vec<Array> = optimizer_state(compiled)?.into_iter().map(|(_, value)| value).collect();
    let vars = layout::numbered_arrays(&optimizer.saved_name(), &state);
    let mut group = Group { groups: vec![("vars".into(), vars)], ..Group::default() };
    let known = compiled.optimizer.as_ref().map(|(_, trainable)| trainable.as_slice());
    for part in optimizer.parts(known)? {
        let vars = layout::numbered_arrays(&part.name, state.get(part.variables).unwrap_or_default());
        group.at(&part.path).groups.push(("vars".into(), vars));
    }
    Ok(group)
}

/// Variables of an optimizer: names and values.
pub(super) type State = Vec<(String, Array)>;

/// The variables of the optimizer by name. Before the first step Keras saves those that it has then.
pub(super) fn optimizer_state(compiled: &Compiled) -> Result<State> {
    let compile = &compiled.compile;
    let mut state = match &compiled.optimizer {
        Some((variables, _)) => {
            variables.iter().map(|v| (v.name.clone(), Array::Of(v.clone()))).collect::<Vec<_>>()
        }
        None => {
            let values = compile.optimizer.before_weights()?;
            values.into_iter().map(|(name, value)| (name, value.into())).collect()
        }
    };
    // Counters are of the dtype that the file had which the model came from: Keras's backends differ in it.
    let is_long = |array: &Array| compile.counters == DType::I32 && array.spec().dtype == DType::I64;
    for (_, array) in state.iter_mut().filter(|(_, array)| is_long(array)) {
        let value = array.tensor()?;
        if value.as_slice::<i64>()?.iter().all(|&n| i32::try_from(n).is_ok()) {
            *array = value.cast(DType::I32).into();
        }
    }
    Ok(state)
}

/// The dtype in which a file has the counters of its optimizer; that of Keras on TensorFlow where it has none.
pub(super) fn counters(arrays: &Arrays) -> DType {
    arrays.by_path.get("optimizer/vars/0").map_or(DType::I64, Tensor::dtype)
}

/// Gives the model its weights. All are found before the first is changed.
pub(super) fn load(model: &Model, arrays: &Arrays) -> Result<()> {
    // A stack whose shapes were not known yet has none.
    if !arrays.by_path.keys().any(|path| path.starts_with("layers/")) {
        model.build_if_known()?;
        if !model.is_built() {
            return Ok(());
        }
    }
    model.built()?;
    let mut found = Found::default();
    layout::of_layers(&super::layers(model)).find("layers/", arrays, &mut found)?;
    found.values.iter().try_for_each(|(variable, value)| variable.load(value))?;
    found.keep_optimizers();
    Ok(())
}

/// Gives an optimizer its state; whether the file has one that fits.
pub(super) fn load_optimizer(variables: &[Arc<Variable>], arrays: &Arrays) -> Result<bool> {
    let values = arrays.optimizer("", variables)?;
    values.iter().try_for_each(|(variable, value)| variable.load(value))?;
    Ok(values.len() == variables.len())
}

/// Says that the file has a state of more variables than the optimizer has, which is not used: as that of an optimizer that scales the
/// loss, which Keras puts around others under the policy `mixed_float16`, and names in no file.
pub(super) fn warn_of_more(variables: &[Arc<Variable>], arrays: &Arrays) {
    let (have, found) = (variables.len(), arrays.optimizer_size(""));
    if found > have {
        eprintln!(
            "warning: {}: the state of the optimizer is left out, for it has {found} variables, the optimizer {have}",
            arrays.what
        );
    }
}
