//! Files of weights, looked at and changed.
use super::archive::Archive;
use super::hdf5::{self, Group, Image};
use super::layout;
use crate::models::Model;
use cornu_graph::{Error, Result, Tensor, nearest};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Shows, compares and changes the weights of a `.weights.h5` or `.keras` file. Keras's `KerasFileEditor`.
///
/// Objects are layers and what is within them, by path (`layers/dense`) or, where only one has it, by name (`dense`). Their
/// weights are called `"0"`, `"1"` and so on.
///
/// ```
/// use cornu::prelude::*;
/// use cornu::saving::KerasFileEditor;
///
/// let model = Sequential::new().add(Input::new([4])).add(Dense::new(2));
/// let path = std::env::temp_dir().join(format!("cornu-doc-editor-{}.weights.h5", std::process::id()));
/// model.save_weights(&path)?;
///
/// let mut editor = KerasFileEditor::new(&path)?;
/// assert!(editor.compare(&model)?.is_success());
/// editor.rename_object("dense", "dense_1")?;
/// editor.add_object("layers/dense", [("0", Tensor::ones([4, 3], DType::F32)), ("1", Tensor::ones([3], DType::F32))])?;
/// editor.save(&path)?;
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KerasFileEditor {
    config: Option<Json>,
    metadata: Option<Json>,
    objects: Objects,
}

/// The weights of an object, and the objects within it.
#[derive(Clone, Debug, Default)]
struct Objects {
    weights: BTreeMap<String, Tensor>,
    within: BTreeMap<String, Objects>,
}

/// What [`KerasFileEditor::compare`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Weights that are in both with one shape.
    pub match_count: usize,
    /// What differs, in words; Keras's `error_count` is its length.
    pub errors: Vec<String>,
}

impl Comparison {
    /// Whether the file fits the model.
    pub fn is_success(&self) -> bool {
        self.errors.is_empty()
    }
}

/// The group of an object's own weights.
const VARS: &str = "vars";

impl KerasFileEditor {
    /// Opens a file.
    ///
    /// # Errors
    /// When the name ends in neither `.weights.h5` nor `.keras`, or the file cannot be read or is damaged.
    pub fn new(path: impl AsRef<Path>) -> Result<KerasFileEditor> {
        let path = path.as_ref();
        let what = path.display().to_string();
        let (arrays, config, metadata) = if what.ends_with(".keras") {
            let mut archive = Archive::open(path)?;
            let arrays = hdf5::read(archive.stored("model.weights.h5")?, archive.size(), &what)?;
            let (config, metadata) = (archive.json("config.json")?, archive.json("metadata.json")?);
            (arrays, Some(config), Some(metadata))
        } else if what.ends_with(".weights.h5") {
            (hdf5::read_file(path)?.arrays, None, None)
        } else {
            let message = format!("expected a `.keras` or `.weights.h5` file, got `{what}`");
            return Err(Error::argument("KerasFileEditor", message));
        };
        let mut objects = Objects::default();
        for (path, tensor) in arrays {
            let (groups, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let groups = groups.split('/').filter(|part| !part.is_empty() && *part != VARS);
            let object = groups.fold(&mut objects, |at, part| at.within.entry(part.into()).or_default());
            object.weights.insert(name.into(), tensor);
        }
        Ok(KerasFileEditor { config, metadata, objects })
    }

    /// The config of the model, of a `.keras` file.
    pub fn config(&self) -> Option<&Json> {
        self.config.as_ref()
    }

    /// The version of Keras and the date, of a `.keras` file.
    pub fn metadata(&self) -> Option<&Json> {
        self.metadata.as_ref()
    }

    /// The weights of the file: paths, shapes and dtypes.
    pub fn summary(&self) -> String {
        let mut text = String::from("Weights structure\n");
        self.objects.show(0, &mut text);
        text
    }

    /// What differs between the file and the weights of a model.
    ///
    /// # Errors
    /// When the model is not built.
    pub fn compare(&self, reference_model: &Model) -> Result<Comparison> {
        reference_model.built()?;
        let layers = layout::of_layers(&super::layers(reference_model));
        // Keras saves no generators: a file may lack them.
        let [required, expected] = [false, true].map(|with_generators| {
            let mut shapes = BTreeMap::new();
            layers.shapes("layers/", with_generators, &mut shapes);
            let paths = shapes.into_iter().map(|(path, shape)| (path.replace("/vars/", "/"), shape));
            paths.collect::<BTreeMap<String, Vec<usize>>>()
        });
        let mut own = BTreeMap::new();
        self.objects.list("", &mut own);
        let mut found = Comparison { match_count: 0, errors: vec![] };
        for (path, shape) in &expected {
            match own.get(path) {
                None if !required.contains_key(path) => {}
                None => found.errors.push(format!("weight `{path}` is in the model, not in the file")),
                Some(tensor) if tensor.shape() == shape => found.match_count += 1,
                Some(tensor) => {
                    let message = format!("weight `{path}` has shape {:?} in the file", tensor.shape());
                    found.errors.push(format!("{message}, {shape:?} in the model"));
                }
            }
        }
        // The optimizer is no part of the layers.
        let is_layer = |path: &&String| path.starts_with("layers/") && !expected.contains_key(*path);
        let unknown = own.keys().filter(is_layer);
        found.errors.extend(unknown.map(|path| format!("weight `{path}` is in the file, not in the model")));
        Ok(found)
    }

    /// Gives an object another name, which is no path.
    ///
    /// # Errors
    /// When there is no such object, several have the name, or another has the new one.
    pub fn rename_object(&mut self, object_name: &str, new_name: &str) -> Result<()> {
        leaf("new_name", new_name)?;
        let (parent, name) = self.parent(object_name)?;
        if parent.within.contains_key(new_name) {
            return Err(Error::argument("new_name", format!("`{new_name}` is there already")));
        }
        if let Some(object) = parent.within.remove(&name) {
            parent.within.insert(new_name.into(), object);
        }
        Ok(())
    }

    /// Removes an object with all that is within it.
    ///
    /// # Errors
    /// When there is no such object, or several have the name.
    pub fn delete_object(&mut self, object_name: &str) -> Result<()> {
        let (parent, name) = self.parent(object_name)?;
        parent.within.remove(&name);
        Ok(())
    }

    /// Adds an object by its path, or replaces one: its weights by name.
    ///
    /// # Errors
    /// When there is no object around it.
    pub fn add_object<'a>(
        &mut self,
        object_path: &str,
        weights: impl IntoIterator<Item = (&'a str, Tensor)>,
    ) -> Result<()> {
        let (groups, name) = object_path.rsplit_once('/').unwrap_or(("", object_path));
        leaf("object_path", name)?;
        let mut at = &mut self.objects;
        for part in groups.split('/').filter(|part| !part.is_empty()) {
            let known: Vec<String> = at.within.keys().cloned().collect();
            let missing = || Error::unknown("object", part, known.iter().map(String::as_str));
            at = at.within.get_mut(part).ok_or_else(missing)?;
        }
        let mut object = Objects::default();
        object.add(weights)?;
        at.within.insert(name.into(), object);
        Ok(())
    }

    /// Removes a weight of an object.
    ///
    /// # Errors
    /// When there is no such object or weight, or several objects have the name.
    pub fn delete_weight(&mut self, object_name: &str, weight_name: &str) -> Result<()> {
        let object = self.object(object_name)?;
        if object.weights.remove(weight_name).is_none() {
            let known: Vec<&String> = object.weights.keys().collect();
            let message = format!("`{object_name}` has no weight `{weight_name}`; it has {known:?}");
            return Err(Error::argument("weight_name", message));
        }
        Ok(())
    }

    /// Adds weights to an object by name, or replaces them.
    ///
    /// # Errors
    /// When there is no such object, or several have the name.
    pub fn add_weights<'a>(
        &mut self,
        object_name: &str,
        weights: impl IntoIterator<Item = (&'a str, Tensor)>,
    ) -> Result<()> {
        self.object(object_name)?.add(weights)
    }

    /// Saves the weights to a `.weights.h5` file, which is replaced whole or not at all.
    ///
    /// # Errors
    /// When the name ends otherwise, or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if !path.to_string_lossy().ends_with(".weights.h5") {
            let message = format!("expected a `.weights.h5` file, got `{}`", path.display());
            return Err(Error::argument("save", message));
        }
        Image::of(&self.objects.group())?.save(path)
    }

    /// [`KerasFileEditor::save`] under its other name.
    ///
    /// # Errors
    /// As that.
    pub fn resave_weights(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save(path)
    }

    fn object(&mut self, name: &str) -> Result<&mut Objects> {
        let (parent, name) = self.parent(name)?;
        Ok(parent.within.entry(name).or_default())
    }

    /// The object around one that is there, and the name of that within it.
    fn parent(&mut self, name: &str) -> Result<(&mut Objects, String)> {
        let mut paths = vec![];
        self.objects.paths("", &mut paths);
        let is_path = name.contains('/');
        let short = |path: &str| if is_path { path.to_string() } else { path.rsplit('/').take(1).collect() };
        let is_it = |path: &&String| short(path) == name;
        let found: Vec<&String> = paths.iter().filter(is_it).collect();
        let path = match found[..] {
            [path] => path.clone(),
            [] => {
                let known: Vec<String> = paths.iter().map(|path| short(path)).collect();
                let near = nearest(name, known.iter().map(String::as_str));
                let hint = near.map(|n| format!("; the nearest is `{n}`")).unwrap_or_default();
                return Err(Error::argument("object_name", format!("there is no `{name}`{hint}")));
            }
            _ => {
                let message = format!("several objects are called `{name}`: {found:?}");
                return Err(Error::argument("object_name", message).help("give the whole path"));
            }
        };
        let (groups, last) = path.rsplit_once('/').unwrap_or(("", &path));
        let groups = groups.split('/').filter(|part| !part.is_empty());
        let parent = groups.fold(&mut self.objects, |at, part| at.within.entry(part.into()).or_default());
        Ok((parent, last.into()))
    }
}

/// A name without slashes, as objects and weights have.
fn leaf(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.contains('/') || name == VARS {
        return Err(Error::argument(what, format!("expected a name, got `{name}`")));
    }
    Ok(())
}

impl Objects {
    fn add<'a>(&mut self, weights: impl IntoIterator<Item = (&'a str, Tensor)>) -> Result<()> {
        for (name, tensor) in weights {
            leaf("weights", name)?;
            self.weights.insert(name.into(), tensor);
        }
        Ok(())
    }

    fn show(&self, depth: usize, text: &mut String) {
        let indent = "    ".repeat(depth);
        for (name, tensor) in &self.weights {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{indent}{name}: shape={:?}, dtype={}", tensor.shape(), tensor.dtype());
        }
        for (name, object) in &self.within {
            let _ = writeln!(text, "{indent}{name}");
            object.show(depth + 1, text);
        }
    }

    /// Every weight by path.
    fn list<'a>(&'a self, path: &str, found: &mut BTreeMap<String, &'a Tensor>) {
        found.extend(self.weights.iter().map(|(name, tensor)| (format!("{path}{name}"), tensor)));
        self.within.iter().for_each(|(name, object)| object.list(&format!("{path}{name}/"), found));
    }

    /// The paths of the objects within.
    fn paths(&self, path: &str, found: &mut Vec<String>) {
        for (name, object) in &self.within {
            found.push(format!("{path}{name}"));
            object.paths(&format!("{path}{name}/"), found);
        }
    }

    fn group(&self) -> Group {
        let mut group = Group::default();
        if !self.weights.is_empty() {
            let arrays =
                self.weights.iter().map(|(name, tensor)| (name.clone(), tensor.clone().into())).collect();
            group.groups.push((VARS.into(), Group { arrays, ..Group::default() }));
        }
        group.groups.extend(self.within.iter().map(|(name, object)| (name.clone(), object.group())));
        group
    }
}
