//! Axes taken apart, reordered and joined by a pattern.
use super::operation::{Rule, one};
use super::{Arg, Operand};
use crate::object::excerpt;
use cornu_graph::{Error, Result, Value};
use serde_json::{Map, Value as Json};

/// The op.
#[derive(Debug)]
pub(super) struct Rearrange {
    pattern: String,
    lengths: Vec<(String, usize)>,
}

impl Rearrange {
    /// From the arguments of a saved call: the tensor, the pattern; lengths by name.
    pub fn from_saved(args: &[Json], kwargs: &Json) -> Result<Rearrange> {
        let bad = |what: &Json| Error::Format { what: "op Rearrange".into(), message: excerpt(what) };
        let pattern = args.get(1).or(kwargs.get("pattern")).unwrap_or(&Json::Null);
        let pattern = pattern.as_str().ok_or_else(|| bad(pattern))?.to_string();
        let named = kwargs.as_object().into_iter().flatten().filter(|(name, _)| *name != "pattern");
        let length = |(name, n): (&String, &Json)| {
            n.as_u64().map(|n| (name.clone(), n as usize)).ok_or_else(|| bad(n))
        };
        Ok(Rearrange { pattern, lengths: named.map(length).collect::<Result<_>>()? })
    }
}

impl Rule for Rearrange {
    fn class_name(&self) -> &'static str {
        "Rearrange"
    }

    fn module(&self) -> &'static str {
        "keras.src.ops.einops"
    }

    fn config(&self) -> serde_json::Result<Json> {
        Ok(serde_json::json!({}))
    }

    fn further_arguments(&self) -> (Vec<Json>, Map<String, Json>) {
        let lengths = self.lengths.iter().map(|(name, n)| (name.clone(), (*n).into())).collect();
        (vec![self.pattern.as_str().into()], lengths)
    }

    fn call(&self, tensors: &[Value]) -> Vec<Value> {
        let [x] = tensors else { return vec![] };
        vec![rearranged(x, &self.pattern, &self.lengths).unwrap_or_else(|e| x.fail(e))]
    }
}

/// The axes in another order by names: `"b (h k) w -> b h (k w)"`. Names in parentheses are parts of one axis; all of them
/// but one need a length.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([6, 5]).tensor();
/// let y = ops::rearrange(&x, "b (h k) w -> b h (k w)", [("k", 2)]);
/// assert_eq!(y.shape().to_string(), "(None, 3, 10)");
/// ```
#[track_caller]
pub fn rearrange<'a, X: Operand>(
    tensor: impl Into<Arg<X>>,
    pattern: &str,
    axes_lengths: impl IntoIterator<Item = (&'a str, usize)>,
) -> X::Output {
    let lengths = axes_lengths.into_iter().map(|(name, n)| (name.to_string(), n)).collect();
    one(Rearrange { pattern: pattern.into(), lengths }, false, vec![tensor.into()])
}

fn rearranged(x: &Value, pattern: &str, lengths: &[(String, usize)]) -> Result<Value> {
    let error = |why: String| Error::argument(format!("pattern `{pattern}`"), why);
    let (from, to) = pattern.split_once("->").ok_or_else(|| error("there is no `->`".into()))?;
    let (from, to) = (groups(from).map_err(error)?, groups(to).map_err(error)?);
    if from.len() != x.rank() {
        return Err(error(format!("names {} axes of an input of shape {:?}", from.len(), x.shape())));
    }
    let mut sizes: Vec<(&str, usize)> = vec![];
    for (group, &size) in from.iter().zip(x.shape()) {
        let known = |name: &&str| {
            let given = lengths.iter().find(|(n, _)| n == name).map(|(_, n)| *n);
            if group.len() == 1 { Some(size) } else { given }
        };
        let free = group.iter().filter(|name| known(name).is_none()).count();
        let product = group.iter().filter_map(known).try_fold(1usize, usize::checked_mul).unwrap_or(0);
        if free > 1 || product == 0 || !size.is_multiple_of(product) || (free == 0 && product != size) {
            let parts = group.join(" ");
            return Err(error(format!("an axis of size {size} is not `({parts})` with lengths {lengths:?}")));
        }
        for name in group {
            if sizes.iter().any(|(n, _)| n == name) {
                return Err(error(format!("`{name}` appears twice")));
            }
            sizes.push((*name, known(name).unwrap_or(size / product)));
        }
    }
    if let Some((name, _)) = lengths.iter().find(|(name, _)| !sizes.iter().any(|(n, _)| n == name)) {
        return Err(error(format!("has no axis `{name}`")));
    }
    let place = |name: &&str| {
        sizes
            .iter()
            .position(|(n, _)| n == name)
            .ok_or_else(|| error(format!("`{name}` is in the result only")))
    };
    let order = to.iter().flatten().map(place).collect::<Result<Vec<usize>>>()?;
    if order.len() != sizes.len() {
        return Err(error("every axis must be in the result once".into()));
    }
    let result: Vec<usize> = to
        .iter()
        .map(|group| group.iter().map(|name| place(name).map(|at| sizes[at].1)).product::<Result<usize>>())
        .collect::<Result<_>>()?;
    let apart: Vec<usize> = sizes.iter().map(|(_, n)| *n).collect();
    Ok(x.reshape(&apart).transpose(&order).reshape(&result))
}

/// The names of each axis.
fn groups(side: &str) -> std::result::Result<Vec<Vec<&str>>, String> {
    let mut groups: Vec<Vec<&str>> = vec![];
    let mut rest = side.trim_start();
    while !rest.is_empty() {
        let group;
        if let Some(inner) = rest.strip_prefix('(') {
            (group, rest) = inner.split_once(')').ok_or("a parenthesis is not closed")?;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '(').unwrap_or(rest.len());
            (group, rest) = rest.split_at(end);
        }
        let names: Vec<&str> = group.split_whitespace().collect();
        let is_name = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(format!("`{name}` is no name of an axis"));
        }
        groups.push(names);
        rest = rest.trim_start();
    }
    Ok(groups)
}
