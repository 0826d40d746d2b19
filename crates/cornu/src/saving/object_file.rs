//! Files of what is no model and has layers: their config, vocabularies and weights.
use super::archive::{self, Archive, Content};
use super::hdf5::{self, Group, Image};
use super::layout::{self, Arrays, Found};
use super::save_model::ending;
use super::{KERAS_VERSION, assets, date, words};
use crate::layers::LayerRef;
use crate::layers::weights::within_budget;
use cornu_graph::{Error, Result, Tensor};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Saves layers, which lie under the name `root`, in a `.keras` file. `config` makes the config of the whole from those of the layers.
///
/// # Errors
/// When the name ends otherwise, or the file cannot be written.
pub(crate) fn save_object(
    path: &Path,
    root: &str,
    layers: &[LayerRef],
    mut saved: Vec<Json>,
    config: impl FnOnce(Vec<Json>) -> Json,
) -> Result<()> {
    if ending(path) != "keras" {
        let message = format!("the name of the file ends in `.keras`, got `{}`", path.display());
        return Err(Error::argument("save", message));
    }
    let learned = assets::take_from(&mut saved, root, layers)?;
    let metadata = json!({"keras_version": KERAS_VERSION, "date_saved": date::now()});
    let mut group = Group::default();
    group.groups.push((root.into(), layout::of_layers(layers).group()?));
    group.groups.push(("vars".into(), layout::vars("", &[])?));
    let mut files = vec![
        ("metadata.json".into(), Content::Bytes(words::write(&metadata).into_bytes())),
        ("config.json".into(), Content::Bytes(words::write(&config(saved)).into_bytes())),
        ("model.weights.h5".into(), Content::Arrays(Image::of(&group)?)),
    ];
    files.extend(learned.into_iter().map(|(name, bytes)| (name, Content::Bytes(bytes))));
    archive::save(path, files)
}

/// Such a file, read.
pub(crate) struct ObjectFile {
    what: String,
    pub config: Json,
    archive: Archive,
    arrays: BTreeMap<String, Tensor>,
}

impl ObjectFile {
    /// Opens a `.keras` file.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn open(path: &Path) -> Result<ObjectFile> {
        let what = path.display().to_string();
        let mut archive = Archive::open(path)?;
        let config: Json = archive.json("config.json")?;
        let arrays = hdf5::read(archive.stored("model.weights.h5")?, archive.size(), &what)?;
        Ok(ObjectFile { what, config, archive, arrays })
    }

    /// Puts vocabularies into the saved forms of the layers under the name `root`.
    ///
    /// # Errors
    /// When a file is damaged.
    pub fn add_vocabularies(&mut self, root: &str, layers: &mut [Json]) -> Result<()> {
        let arrays = Arrays { what: &self.what, by_path: std::mem::take(&mut self.arrays) };
        let added = assets::add_to(layers, root, &mut self.archive, &arrays);
        self.arrays = arrays.by_path;
        added
    }

    /// Runs `f`, within which layers may make no more weights than the file can hold.
    pub fn within_size<R>(&self, f: impl FnOnce() -> R) -> R {
        const SPARE: u64 = 1 << 20;
        let numbers: u64 = self.arrays.values().map(|t| t.len() as u64).sum();
        within_budget(8 * numbers + SPARE, f)
    }

    /// Gives the layers under the name `root` their weights.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn load(&self, root: &str, layers: &[LayerRef]) -> Result<()> {
        let arrays = Arrays { what: &self.what, by_path: self.arrays.clone() };
        let mut found = Found::default();
        layout::of_layers(layers).find(&format!("{root}/"), &arrays, &mut found)?;
        found.values.iter().try_for_each(|(variable, value)| variable.load(value))
    }
}
