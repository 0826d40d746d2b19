//! Where Keras keeps each variable in a file of weights: `layers/bidirectional/forward_layer/cell/vars/0`.
use crate::layers::as_read::{AsRead, NamedArrays};
use crate::layers::lora::Lora;
use crate::layers::weights::Built;
use crate::layers::{Layer, LayerRef};
use crate::models::functional::{as_input, is_operation};
use crate::training::Compiled;
use crate::utils::naming::snake_case;
use crate::variable::{Role, Variable};
use cornu_graph::{Error, Result, Tensor, nearest};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::array::Array;
use super::hdf5::Group;

/// Where the optimizer of a model lies beside its layers.
const OPTIMIZER: &str = "optimizer/";

/// The variables of an object, and the objects within it, by the names Keras gives them.
#[derive(Debug, Default)]
pub(super) struct Saveable {
    /// The name of the layer; none for what only holds others.
    name: Option<String>,
    variables: Vec<Arc<Variable>>,
    /// The layer, if it has LoRA: the weight that this is for is written with what is added to it.
    lora: Option<Arc<Built>>,
    /// What is written beside them, and not read: it follows from the config.
    arrays: Vec<(String, Tensor)>,
    /// A compiled model within another: its optimizer's arrays are kept as they are.
    as_read: Option<Arc<AsRead>>,
    /// One that was compiled here.
    compiled: Option<Arc<Compiled>>,
    within: Vec<(String, Saveable)>,
}

/// The variables of a list of layers, each layer once.
pub(super) fn of_layers(layers: &[LayerRef]) -> Saveable {
    list(layers, &mut HashSet::new())
}

/// [`of_layers`] without these layers and what is within them.
pub(super) fn without(layers: &[LayerRef], skip: &HashSet<u64>) -> Saveable {
    list(layers, &mut skip.clone())
}

/// A list of layers: named by their classes, with numbers from the second of a class on.
fn list(layers: &[LayerRef], seen: &mut HashSet<u64>) -> Saveable {
    let mut uses: HashMap<String, usize> = HashMap::new();
    let mut found = Saveable::default();
    for layer in layers {
        let class = snake_case(layer.class_name());
        let count = uses.entry(class.clone()).or_insert(0);
        let name = numbered(&class, *count);
        *count += 1;
        if let Some(saveable) = of_layer(&**layer, seen) {
            found.within.push((name, saveable));
        }
    }
    found
}

/// The name of a list's next object of a class, of which it has so many.
pub(super) fn numbered(class: &str, count: usize) -> String {
    if count == 0 { class.into() } else { format!("{class}_{count}") }
}

fn of_layer(layer: &dyn Layer, seen: &mut HashSet<u64>) -> Option<Saveable> {
    if !seen.insert(layer.base().id()) {
        return None;
    }
    let mut own = Saveable { name: Some(layer.name().to_string()), ..Saveable::default() };
    for (part, name) in layer.saved_parts() {
        own.at(part).name = Some((*name).into());
    }
    for (path, array) in layer.saved_arrays() {
        let (path, name) = path.rsplit_once('/').unwrap_or(("", path));
        own.at(path).arrays.push((name.into(), array));
    }
    if let Some(built) = layer.base().built() {
        own.lora = built.lora.get().map(|_| built.clone());
        // Keras keeps those that are trained before the others.
        let mut variables: Vec<&Arc<Variable>> =
            built.variables.iter().filter(|v| v.role != Role::State).collect();
        variables.sort_by_key(|v| v.role != Role::Trainable);
        for variable in variables {
            let path = match (variable.name.rsplit_once('/'), variable.role) {
                (Some((path, _)), _) => path,
                (None, Role::Seed) => "seed_generator",
                (None, _) => "",
            };
            own.at(path).variables.push(variable.clone());
        }
        for (path, child) in &built.children {
            let Some(saveable) = of_layer(&**child, seen) else { continue };
            match path.rsplit_once('/') {
                // One of a list, as the cells of stacked cells.
                Some((list, number)) if number.parse::<usize>().is_ok() => {
                    let list = own.at(list);
                    list.name = None;
                    let class = snake_case(child.class_name());
                    let taken = |n: &usize| list.within.iter().any(|(name, _)| *name == numbered(&class, *n));
                    let count = (0..).find(|n| !taken(n)).unwrap_or_default();
                    list.within.push((numbered(&class, count), saveable));
                }
                _ => *own.at(path) = saveable,
            }
        }
    }
    own.compiled = layer.base().compiled();
    let read = layer.base().as_read().filter(|read| read.compile_config().is_some());
    own.as_read = read.filter(|_| own.compiled.is_none()).cloned();
    let is_stack = layer.class_name() == "Sequential";
    let is_listed = |l: &LayerRef| !is_operation(l) && (!is_stack || as_input(l).is_none());
    let sublayers: Vec<LayerRef> = layer.sublayers().into_iter().filter(is_listed).collect();
    if !sublayers.is_empty() {
        own.within.push(("layers".into(), list(&sublayers, seen)));
    }
    Some(own)
}

impl Saveable {
    fn lora(&self) -> Option<&Lora> {
        self.lora.as_ref().and_then(|built| built.lora.get())
    }

    /// The object at a path of attributes, made if it is not there.
    fn at(&mut self, path: &str) -> &mut Saveable {
        let mut here = self;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            let known = here.within.iter().position(|(name, _)| name == part);
            let at = known.unwrap_or_else(|| {
                here.within.push((part.into(), Saveable { name: Some(part.into()), ..Saveable::default() }));
                here.within.len() - 1
            });
            here = &mut here.within[at].1;
        }
        here
    }

    /// The groups and arrays of a file.
    ///
    /// # Errors
    /// When a device fails.
    pub fn group(&self) -> Result<Group> {
        let mut group = Group::default();
        if let Some(name) = &self.name {
            let mut vars = vars(name, &self.variables)?;
            if let (Some(built), Some(lora)) = (&self.lora, self.lora()) {
                let at = self.variables.iter().position(|v| Arc::ptr_eq(v, &lora.target));
                if let Some((_, array)) = at.and_then(|at| vars.arrays.get_mut(at)) {
                    *array = Array::Merged(built.clone());
                }
            }
            vars.arrays.extend(self.arrays.iter().map(|(name, array)| (name.clone(), array.clone().into())));
            group.groups.push(("vars".into(), vars));
        }
        for (name, inner) in &self.within {
            if !inner.is_unused_generator()? {
                group.groups.push((name.clone(), inner.group()?));
            }
        }
        if let Some(compiled) = &self.compiled {
            group.groups.push((OPTIMIZER.trim_end_matches('/').into(), super::weights::optimizer(compiled)?));
        }
        if let Some(read) = &self.as_read {
            for (path, array) in read.optimizer() {
                let (place, name) = path.rsplit_once('/').unwrap_or(("", &path));
                group.at(&format!("{OPTIMIZER}{place}")).arrays.push((name.into(), array.into()));
            }
        }
        Ok(group)
    }

    /// Whether this is a generator that nothing was drawn from. Keras saves none; one that was drawn from is saved here, so that
    /// training goes on as it would have.
    fn is_unused_generator(&self) -> Result<bool> {
        match self.variables.as_slice() {
            [only] if only.role == Role::Seed => {
                let state = only.value()?;
                Ok(state.as_slice::<u64>().is_ok_and(|state| state.last() == Some(&0)))
            }
            _ => Ok(false),
        }
    }

    /// Adds the new value of every variable from the arrays of a file, by path.
    ///
    /// # Errors
    /// When an array is missing, is not used, or has another shape than its variable; with `skipped`, such objects are left
    /// out, and why is added there.
    pub fn find(&self, path: &str, arrays: &Arrays, found: &mut Found) -> Result<()> {
        match (self.own(path, arrays), &mut found.skipped) {
            (Ok(own), _) => found.values.extend(own),
            (Err(error), Some(skipped)) => skipped.push(error.to_string()),
            (Err(error), None) => return Err(error),
        }
        if let Some((variables, _)) = self.compiled.as_ref().and_then(|compiled| compiled.optimizer.as_ref())
        {
            found.values.extend(arrays.optimizer(path, variables)?);
        }
        if let Some(read) = &self.as_read {
            found.optimizers.push((read.clone(), arrays.below(&format!("{path}{OPTIMIZER}"))));
        }
        self.within.iter().try_for_each(|(name, inner)| inner.find(&format!("{path}{name}/"), arrays, found))
    }

    /// The new values of this object's own variables.
    fn own(&self, path: &str, arrays: &Arrays) -> Result<Vec<(Arc<Variable>, Tensor)>> {
        let mut found = vec![];
        let Some(name) = &self.name else { return Ok(found) };
        for (i, variable) in self.variables.iter().enumerate() {
            let path = format!("{path}vars/{i}");
            // Older files know fewer generators; those that they do not know stay as they are.
            if variable.role == Role::Seed && !arrays.by_path.contains_key(&path) {
                continue;
            }
            let value = arrays.get(&path, name, &variable.spec.shape)?;
            found.push((variable.clone(), value.clone()));
        }
        // What was added to the kernel is in it now.
        for v in self.lora().into_iter().flat_map(|lora| [&lora.a, &lora.b]) {
            found.push((v.clone(), Tensor::zeros(v.spec.shape.clone(), v.spec.dtype)));
        }
        let unused = format!("{path}vars/{}", self.variables.len());
        if arrays.by_path.contains_key(&unused) {
            let message = format!("layer `{name}` has {} variables, the file more", self.variables.len());
            return Err(arrays.bad(&unused, message));
        }
        Ok(found)
    }

    /// The shapes of all variables by path, as [`Saveable::group`] would write them; those of generators if they are asked for.
    pub fn shapes(&self, path: &str, generators: bool, found: &mut BTreeMap<String, Vec<usize>>) {
        if self.name.is_some() {
            let wanted = |(_, v): &(usize, &Arc<Variable>)| generators || v.role != Role::Seed;
            for (i, variable) in self.variables.iter().enumerate().filter(wanted) {
                found.insert(format!("{path}vars/{i}"), variable.spec.shape.clone());
            }
            for (name, array) in &self.arrays {
                found.insert(format!("{path}vars/{name}"), array.shape().to_vec());
            }
        }
        for (name, inner) in &self.within {
            inner.shapes(&format!("{path}{name}/"), generators, found);
        }
    }
}

/// What a file gives to a model.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub values: Vec<(Arc<Variable>, Tensor)>,
    /// Why objects were left out; `None` where that is an error.
    pub skipped: Option<Vec<String>>,
    /// What there is of the optimizers of models within the model.
    pub optimizers: Vec<(Arc<AsRead>, NamedArrays)>,
}

impl Found {
    /// Keeps the state of the optimizers of models within the model; those that the file does not have stay as they are.
    pub fn keep_optimizers(&mut self) {
        let some = self.optimizers.drain(..).filter(|(_, arrays)| !arrays.is_empty());
        some.for_each(|(read, arrays)| read.set_optimizer(arrays));
    }
}

/// Variables of one object as Keras numbers them.
pub(super) fn vars(name: &str, variables: &[Arc<Variable>]) -> Result<Group> {
    let arrays = variables.iter().map(Array::of).collect::<Result<Vec<_>>>()?;
    Ok(numbered_arrays(name, &arrays))
}

/// Arrays of one object by their numbers.
pub(super) fn numbered_arrays(name: &str, arrays: &[Array]) -> Group {
    let arrays = arrays.iter().enumerate().map(|(i, array)| (i.to_string(), array.clone())).collect();
    Group { attributes: vec![("name".into(), name.into())], arrays, groups: vec![] }
}

/// The arrays of a file.
pub(super) struct Arrays<'a> {
    pub what: &'a str,
    pub by_path: BTreeMap<String, Tensor>,
}

impl Arrays<'_> {
    /// The arrays whose paths begin so, by the rest of their paths.
    fn below(&self, start: &str) -> NamedArrays {
        let from = self.by_path.range(start.to_string()..);
        from.map_while(|(path, array)| Some((path.strip_prefix(start)?.into(), array.clone()))).collect()
    }

    /// The state of the optimizer of the object at a path, if there is one with so many variables.
    ///
    /// # Errors
    /// When an array has another shape than its variable.
    pub fn optimizer(&self, path: &str, variables: &[Arc<Variable>]) -> Result<Vec<(Arc<Variable>, Tensor)>> {
        if self.optimizer_size(path) != variables.len() {
            return Ok(vec![]);
        }
        let place = |i: usize| format!("{path}{OPTIMIZER}vars/{i}");
        let value = |(i, v): (usize, &Arc<Variable>)| {
            Ok((v.clone(), self.get(&place(i), "optimizer", &v.spec.shape)?.clone()))
        };
        variables.iter().enumerate().map(value).collect()
    }

    /// How many variables the optimizer of the object at a path has in the file.
    pub fn optimizer_size(&self, path: &str) -> usize {
        (0..).take_while(|i| self.by_path.contains_key(&format!("{path}{OPTIMIZER}vars/{i}"))).count()
    }

    pub fn bad(&self, path: &str, message: impl Into<String>) -> Error {
        Error::Format { what: format!("{}: {path}", self.what), message: message.into() }
    }

    /// The array at a path, for a variable of this shape of an object of this name.
    pub fn get(&self, path: &str, name: &str, shape: &[usize]) -> Result<&Tensor> {
        let Some(tensor) = self.by_path.get(path) else {
            let near = nearest(path, self.by_path.keys().map(String::as_str));
            let hint = near.map(|n| format!("; the nearest is `{n}`")).unwrap_or_default();
            return Err(self.bad(path, format!("is missing, a weight of `{name}`{hint}")));
        };
        if tensor.shape() == shape {
            return Ok(tensor);
        }
        Err(self.bad(path, format!("has shape {:?}, the weight of `{name}` {shape:?}", tensor.shape())))
    }
}
