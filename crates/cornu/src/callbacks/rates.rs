//! The learning rates that callbacks see and set.
use crate::callbacks::Context;
use crate::optimizers::Rate;
use crate::training::Logs;
use cornu_graph::Result;

/// One, or one for each optimizer within a `MultiOptimizer`.
pub(super) fn rates(cx: &mut Context) -> Result<Vec<Rate>> {
    let ready = cx.model().trainer.ready()?;
    ready.rule.rates(&ready.optimizer, &ready.trainable)
}

/// The rates under Keras's names: `learning_rate`, or `learning_rate_NAME` for each optimizer.
pub(super) fn named_rates(cx: &mut Context) -> Result<Vec<(String, f64)>> {
    let named = |rate: Rate| {
        let name = rate.optimizer.map_or("learning_rate".into(), |name| format!("learning_rate_{name}"));
        (name, rate.value)
    };
    Ok(rates(cx)?.into_iter().map(named).collect())
}

/// Adds them to the logs.
pub(super) fn log_rates(cx: &mut Context, logs: &mut Logs) -> Result<()> {
    named_rates(cx)?.into_iter().for_each(|(name, rate)| logs.set(&name, rate));
    Ok(())
}

/// What comes before "learning rate" in messages.
pub(super) fn owner(rate: &Rate) -> String {
    rate.optimizer.as_ref().map_or(String::new(), |name| format!(" {name}"))
}
