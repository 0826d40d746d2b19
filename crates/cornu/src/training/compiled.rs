//! What a model is compiled with, and how far its optimizer is.
use crate::models::Model;
use crate::models::weights::ModelVariable;
use crate::training::Compile;
use crate::training::trainer::Ready;
use crate::variable::Variable;
use cornu_graph::Result;
use std::sync::Arc;

/// The settings and the optimizer of a model, for files. Models that hold the model as a layer see them, too.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub compile: Arc<Compile>,
    ready: Option<Arc<Ready>>,
    /// The variables of the optimizer and the weights that they are for, once there are any.
    pub optimizer: Option<(Vec<Arc<Variable>>, Vec<ModelVariable>)>,
}

impl Compiled {
    /// The learning rate of a model that was trained.
    pub fn learning_rate(&self) -> Option<f64> {
        self.ready.as_ref().and_then(|r| r.rule.current_learning_rate(&r.optimizer).ok())
    }
}

impl Model {
    /// What the model is compiled with, if it is.
    pub(crate) fn settings(&self) -> Result<Option<Compiled>> {
        let Some(compile) = self.trainer.compile.clone() else { return Ok(None) };
        let optimizer = match self.optimizer_variables() {
            Some(variables) => {
                let trainable = self.variables()?.into_iter().filter(|v| v.trainable).collect();
                Some((variables.to_vec(), trainable))
            }
            None => None,
        };
        Ok(Some(Compiled { compile, ready: self.trainer.ready.clone(), optimizer }))
    }

    /// Lets models that hold this one know what it is compiled with now.
    pub(crate) fn tell_settings(&self) -> Result<()> {
        self.base().set_compiled(self.settings()?);
        Ok(())
    }

    /// Goes on with these variables of the optimizer.
    pub(crate) fn resume(&mut self, optimizer: Vec<Arc<Variable>>) -> Result<()> {
        self.trainer.resume = Some(optimizer);
        self.tell_settings()
    }
}
