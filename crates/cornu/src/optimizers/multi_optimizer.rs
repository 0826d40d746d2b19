//! Different optimizers for different weights.
use super::wrapper::{Inner, Wrapper};
use super::{LearningRate, Optimizer, OptimizerRule, Slot, Step, Weight, wrapper};
use crate::object::{envelope, from_envelope};
use crate::utils::naming;
use cornu_graph::{Error, Result, Value};
use regex_lite::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json};

/// Which optimizer updates which weight: by paths of weights (`dense/kernel`) or regular expressions that match them whole.
/// Keras's `OptimizerMap`.
///
/// ```
/// use cornu::optimizers::{Adam, OptimizerMap, SGD};
/// let map = OptimizerMap::new(SGD::new()).optimizer("encoder/.*", Adam::new());
/// # assert_eq!(map.optimizer_map.0.len(), 1);
/// ```
#[cornu_derive::config("keras.optimizers")]
pub struct OptimizerMap {
    /// For all other weights.
    pub default_optimizer: Inner,
    /// Path or expression, and optimizer.
    #[default(Patterns(vec![]))]
    pub optimizer_map: Patterns,
}

impl OptimizerMap {
    /// Adds an optimizer for the weights at a path, or at those that an expression matches.
    pub fn optimizer(mut self, pattern: &str, optimizer: impl Into<Inner>) -> OptimizerMap {
        self.optimizer_map.0.push((pattern.into(), optimizer.into()));
        self
    }
}

/// Paths or expressions with their optimizers, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Patterns(pub Vec<(String, Inner)>);

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(pattern, optimizer)| (pattern, optimizer)))
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Patterns, D::Error> {
        let saved = Map::<String, Json>::deserialize(deserializer)?;
        let read = |(pattern, optimizer)| Ok((pattern, Inner::deserialize(optimizer)?));
        let read: serde_json::Result<Vec<_>> = saved.into_iter().map(read).collect();
        read.map(Patterns).map_err(serde::de::Error::custom)
    }
}

/// An [`OptimizerMap`] as an argument.
#[derive(Clone, Debug, PartialEq)]
pub struct ByPath(OptimizerMap);

impl From<OptimizerMap> for ByPath {
    fn from(map: OptimizerMap) -> ByPath {
        ByPath(map)
    }
}

impl Serialize for ByPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        envelope(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ByPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByPath, D::Error> {
        from_envelope(&Json::deserialize(deserializer)?).map(ByPath).map_err(serde::de::Error::custom)
    }
}

/// Lets different optimizers update different weights. Keras's `MultiOptimizer`.
///
/// ```
/// use cornu::optimizers::{Adam, MultiOptimizer, OptimizerMap, SGD};
/// let map = OptimizerMap::new(SGD::new()).optimizer("dense_1/.*", Adam::new());
/// let optimizer = MultiOptimizer::new(map);
/// # assert_eq!(optimizer.name, "multi_optimizer");
/// ```
#[cornu_derive::config("keras.optimizers")]
pub struct MultiOptimizer {
    /// Which optimizer updates which weight.
    pub optimizer_map: ByPath,
    /// What the loss is multiplied by, and gradients are divided by; it stands for that of the optimizers within.
    #[default(None)]
    pub loss_scale_factor: Option<f64>,
    /// Name; the class in small letters by default.
    #[default("multi_optimizer")]
    pub name: String,
}

impl MultiOptimizer {
    fn map(&self) -> &[(String, Inner)] {
        &self.optimizer_map.0.optimizer_map.0
    }
}

impl OptimizerRule for MultiOptimizer {
    fn learning_rate(&self) -> LearningRate {
        LearningRate::Constant(0.0)
    }

    fn slots(&self, _: &Weight) -> Vec<Vec<Slot>> {
        vec![]
    }

    fn update_step(&self, _: &Step, _: &Value, _: &Value, _: &mut [Value]) -> Result<Value> {
        Err(Error::State("a MultiOptimizer updates no weight itself".into()))
    }

    fn wrapper(&self) -> Option<&dyn Wrapper> {
        Some(self)
    }

    fn check(&self) -> Result<()> {
        let argument = "MultiOptimizer.optimizer_map";
        for (pattern, _) in self.map() {
            Regex::new(pattern).map_err(|e| Error::argument(argument, format!("`{pattern}`: {e}")))?;
            if self.map().iter().filter(|(other, _)| other == pattern).count() > 1 {
                return Err(Error::argument(argument, format!("`{pattern}` is there twice")));
            }
        }
        for inner in self.inner() {
            inner.check()?;
            let rule = inner.get()?;
            if rule.wrapper().is_some() {
                let message = "the optimizers within must update weights themselves";
                return Err(Error::argument(argument, message));
            }
            let factor = rule.settings().loss_scale_factor;
            if factor.is_some() && factor != self.loss_scale_factor {
                let message = "the `loss_scale_factor` of an optimizer within is another than that of all";
                return Err(Error::argument(argument, message));
            }
        }
        Ok(())
    }
}

impl Wrapper for MultiOptimizer {
    fn inner(&self) -> Vec<&Optimizer> {
        let default = &self.optimizer_map.0.default_optimizer;
        self.map().iter().map(|(_, optimizer)| optimizer).chain([default]).map(|inner| &**inner).collect()
    }

    fn choose(&self, path: &str) -> Result<usize> {
        if let Some(exact) = self.map().iter().position(|(pattern, _)| pattern == path) {
            return Ok(exact);
        }
        let matches = |pattern: &str| Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|r| r.is_match(path));
        let mut found = self.map().iter().enumerate().filter(|(_, (pattern, _))| matches(pattern));
        match (found.next(), found.next()) {
            (Some((first, _)), None) => Ok(first),
            (None, _) => Ok(self.map().len()),
            _ => Err(Error::argument(
                "MultiOptimizer.optimizer_map",
                format!("several match the weight `{path}`"),
            )),
        }
    }

    fn leading(&self) -> Option<usize> {
        None
    }

    fn file_path(&self, inner: usize) -> String {
        let class = |optimizer: &Optimizer| {
            let saved = serde_json::to_value(optimizer).unwrap_or_default();
            naming::snake_case(saved["class_name"].as_str().unwrap_or("optimizer"))
        };
        let all: Vec<String> = self.inner().into_iter().map(class).collect();
        match all[..inner].iter().filter(|name| **name == all[inner]).count() {
            0 => format!("optimizers/{}", all[inner]),
            n => format!("optimizers/{}_{n}", all[inner]),
        }
    }

    fn loss_scale_factor(&self) -> Option<f64> {
        self.loss_scale_factor
    }

    fn scale_loss(&self, loss: &Value, _: &[Value]) -> Value {
        self.loss_scale_factor.map_or_else(|| loss.clone(), |factor| loss * factor)
    }

    fn gradients(&self, grads: &[Value], _: &[Value]) -> Vec<Value> {
        grads.to_vec()
    }

    fn finish(&self, _: &[Value], _: wrapper::Step<&[Value]>, after: wrapper::Step<&mut [Value]>) {
        after.own[0] = &after.own[0] + 1;
    }
}
