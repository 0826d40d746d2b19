//! All that training goes on from, in `.npz` files.
use crate::data::npz;
use crate::models::Model;
use crate::variable::{Role, Variable};
use cornu_graph::{Error, Result, Spec, Tensor};
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// Saves everything that training goes on from: weights, random states, the order of samples to come, optimizer. The file is replaced whole or not at
    /// all.
    ///
    /// # Errors
    /// When the model is not built, or the file cannot be written.
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        let variables = self.checkpoint_variables()?;
        npz::save_each(path.as_ref(), variables.iter().map(|(name, v)| Ok((name.as_str(), v.value()?))), &[])
    }

    /// Loads what [`Model::save_checkpoint`] saved, so that `fit` goes on as if it had never stopped. The model must be
    /// compiled as it was.
    ///
    /// # Errors
    /// When the model is neither built nor compiled, the file is not readable, or a value is missing or of another shape; then
    /// nothing is changed.
    pub fn load_checkpoint(&mut self, path: impl AsRef<Path>) -> Result<()> {
        if self.trainer.compile.is_some() && self.trainer.ready.is_none() {
            // The optimizer's variables do not depend on the targets; the metrics are made anew on first data.
            let functional = self.built()?.clone();
            let y: Vec<Option<Spec>> = vec![None; functional.outputs.len()];
            let y_pred: Vec<Spec> =
                functional.outputs.iter().map(|o| Spec::new(o.dtype(), o.shape().with(1))).collect();
            let ready = self.ready(&y, &y_pred)?;
            let result = load_into(path.as_ref(), &self.checkpoint_variables()?);
            self.trainer.ready = None;
            self.trainer.resume = Some(ready.optimizer.clone());
            return result;
        }
        load_into(path.as_ref(), &self.checkpoint_variables()?)
    }

    fn checkpoint_variables(&self) -> Result<Vec<(String, Arc<Variable>)>> {
        let mut variables: Vec<_> = self.variables()?.into_iter().map(|v| (v.path, v.variable)).collect();
        // Two layers may draw from generators of one name.
        for (i, (path, variable)) in variables.iter_mut().enumerate() {
            if variable.role == Role::Seed {
                *path = format!("{path}#{i}");
            }
        }
        variables.push(("shuffler".into(), self.trainer.shuffler().clone()));
        if let Some(ready) = &self.trainer.ready {
            let slots = ready.optimizer.iter().enumerate();
            variables.extend(slots.map(|(i, v)| (format!("optimizer/vars/{i}"), v.clone())));
        }
        Ok(variables)
    }
}

/// Reads all arrays first, so that a bad file changes nothing.
fn load_into(path: &Path, variables: &[(String, Arc<Variable>)]) -> Result<()> {
    let arrays = npz::load(path)?;
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let find = |(name, variable): &(String, Arc<Variable>)| -> Result<Tensor> {
        let found = arrays.iter().find(|(n, _)| *n == name);
        let Some((_, tensor)) = found else {
            let near = cornu_graph::nearest(name, arrays.keys().map(String::as_str));
            let hint = near.map(|n| format!("; the nearest name there is `{n}`")).unwrap_or_default();
            return Err(bad(format!("holds no `{name}`{hint}")));
        };
        if tensor.shape() != variable.spec.shape {
            let expected = &variable.spec.shape;
            return Err(bad(format!(
                "`{name}` has shape {:?}, the model's has {expected:?}",
                tensor.shape()
            )));
        }
        Ok(tensor.clone())
    };
    let values = variables.iter().map(find).collect::<Result<Vec<_>>>()?;
    variables.iter().zip(&values).try_for_each(|((_, variable), value)| variable.assign(value))
}
