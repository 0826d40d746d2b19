//! Weights in several files, and a map that says which has what: `model.weights.json` and `model_00000.weights.h5`, ...
use super::array::Array;
use super::hdf5::{self, Group, Image};
use crate::utils::atomic;
use cornu_graph::{DType, Error, Result, Spec, Tensor};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const MAP_ENDING: &str = ".weights.json";
const SHARD_ENDING: &str = ".weights.h5";
/// A map of some millions of weights.
const MAX_MAP: u64 = 256 << 20;
/// Keras gives sizes in these.
const GIB: f64 = (1u64 << 30) as f64;

/// Whether a file of this name is the map of weights in several files.
pub(super) fn is_map(path: &Path) -> bool {
    path.to_string_lossy().ends_with(MAP_ENDING)
}

/// Writes a tree of weights into files of at most so many gigabytes (of 2^30 bytes) and a map. What was there stays whole until
/// the new map takes its place: new files have other names than those that the old map lists.
///
/// # Errors
/// When the size is none, one weight is larger, or a file cannot be written.
pub(super) fn save(path: &Path, root: &Group, max_shard_size: f64) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(base) = name.strip_suffix(MAP_ENDING) else {
        let message =
            format!("with `max_shard_size` the name of the file ends in `{MAP_ENDING}`, got `{name}`");
        return Err(Error::argument("save_weights", message));
    };
    if !(max_shard_size > 0.0 && max_shard_size.is_finite()) {
        let message = format!("must be a number of gigabytes above 0, got {max_shard_size}");
        return Err(Error::argument("max_shard_size", message));
    }
    let mut shards = Shards { limit: max_shard_size * GIB, used: 0.0, total: 0.0, files: vec![] };
    shards.add(root, "")?;
    let old = read_map(path).map(|map| map.shards()).unwrap_or_default();
    let name_of = |i: usize| format!("{base}_{i:05}{SHARD_ENDING}");
    let count = shards.files.len();
    let start = (0..).step_by(count).find(|&s| (s..s + count).all(|i| !old.contains(&name_of(i))));
    let start = start.unwrap_or_default();

    let mut weights: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    for (i, file) in shards.files.iter().enumerate() {
        let mut tree = Group::default();
        for part in file {
            let place = tree.at(&part.group);
            place.attributes = part.texts.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
            place.arrays = part.arrays.clone();
            weights.entry(&part.group).or_default().push(name_of(start + i));
        }
        Image::of(&tree)?.save(&path.with_file_name(name_of(start + i)))?;
    }
    let entry = |(group, files): (&String, Vec<String>)| {
        let files = if files.len() == 1 { json!(files[0]) } else { json!(files) };
        (format!("/{group}"), files)
    };
    let weight_map: Map<String, Json> = weights.into_iter().map(entry).collect();
    let total = if shards.total.fract() == 0.0 { json!(shards.total as u64) } else { json!(shards.total) };
    let map = json!({"metadata": {"total_size": total}, "weight_map": weight_map});
    let text = serde_json::to_string_pretty(&map).unwrap_or_default();
    atomic::write(path, text.as_bytes())?;

    // Keras opens the first file of all, whatever the map says.
    let first = name_of(0);
    if start > 0 {
        Image::of(&Group::default())?.save(&path.with_file_name(&first))?;
    }
    let now: BTreeSet<String> = (start..start + count).map(name_of).chain([first]).collect();
    for gone in old.difference(&now) {
        // Nothing names it any more; what cannot be removed is left.
        let _ = fs::remove_file(path.with_file_name(gone));
    }
    Ok(())
}

type Texts = Vec<(String, String)>;

/// Weights dealt out to files in their order.
struct Shards {
    /// Bytes that a file may hold, those in the last, and in all.
    limit: f64,
    used: f64,
    total: f64,
    files: Vec<Vec<Part>>,
}

/// What one file has of a group.
struct Part {
    group: String,
    texts: Texts,
    arrays: Vec<(String, Array)>,
}

impl Shards {
    fn add(&mut self, group: &Group, path: &str) -> Result<()> {
        let texts: Texts =
            group.attributes.iter().filter_map(|(k, v)| Some((k.clone(), v.text()?))).collect();
        for (name, array) in &group.arrays {
            let size = size_of(&array.spec());
            if size > self.limit {
                let message = format!(
                    "weight `{path}/{name}` takes {:.0} bytes, more than the {:.0} of a file",
                    size, self.limit
                );
                return Err(
                    Error::argument("max_shard_size", message).help("allow larger files, or leave it away")
                );
            }
            self.total += size;
            self.used += size;
            if self.files.is_empty() || self.used > self.limit {
                self.files.push(vec![]);
                self.used = size;
            }
            let Some(file) = self.files.last_mut() else { continue };
            if file.last().is_none_or(|part| part.group != path) {
                file.push(Part { group: path.into(), texts: texts.clone(), arrays: vec![] });
            }
            if let Some(part) = file.last_mut() {
                part.arrays.push((name.clone(), array.clone()));
            }
        }
        for (name, inner) in &group.groups {
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            self.add(inner, &path)?;
        }
        // A model without weights has one file, too.
        if path.is_empty() && self.files.is_empty() {
            self.files.push(vec![]);
        }
        Ok(())
    }
}

/// Bytes as Keras counts them: a bool is a bit.
fn size_of(spec: &Spec) -> f64 {
    let bits = if spec.dtype == DType::Bool { 1 } else { 8 * spec.dtype.size() };
    spec.len() as f64 * bits as f64 / 8.0
}

/// What a map says.
struct ShardMap {
    total_size: Option<f64>,
    /// For each group its files.
    weights: BTreeMap<String, BTreeSet<String>>,
}

impl ShardMap {
    fn shards(&self) -> BTreeSet<String> {
        self.weights.values().flatten().cloned().collect()
    }
}

fn read_map(path: &Path) -> Result<ShardMap> {
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let size = fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if size > MAX_MAP {
        return Err(bad(format!("a map of {size} bytes is too large to be one")));
    }
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    let map: Json =
        serde_json::from_slice(&bytes).map_err(|e| bad(format!("is no map of sharded weights: {e}")))?;
    let Some(entries) = map["weight_map"].as_object() else {
        return Err(bad("is no map of sharded weights: it has no `weight_map`".into()));
    };
    let total_size = match &map["metadata"]["total_size"] {
        Json::Null => None,
        size => Some(size.as_f64().filter(|s| *s >= 0.0).ok_or_else(|| {
            bad(format!("`total_size` is a number of bytes, got {}", crate::object::excerpt(size)))
        })?),
    };
    let mut weights = BTreeMap::new();
    for (group, files) in entries {
        let listed = match files {
            Json::Array(list) => list.iter().collect(),
            one => vec![one],
        };
        let mut names = BTreeSet::new();
        for file in &listed {
            let plain = file.as_str().filter(|name| is_plain(name)).ok_or_else(|| {
                let excerpt = crate::object::excerpt(file);
                bad(format!("`{group}` is said to be in {excerpt}, which names no `{SHARD_ENDING}` file beside the map"))
            })?;
            names.insert(plain.to_string());
        }
        if names.is_empty() || names.len() != listed.len() {
            return Err(bad(format!("`{group}` is said to be in no file, or twice in one")));
        }
        weights.insert(group.trim_start_matches('/').to_string(), names);
    }
    Ok(ShardMap { total_size, weights })
}

/// Whether this is the name of a file of weights, and no way to elsewhere.
fn is_plain(name: &str) -> bool {
    const MAX_NAME: usize = 255;
    name.ends_with(SHARD_ENDING)
        && name.len() > SHARD_ENDING.len()
        && name.len() <= MAX_NAME
        && !name.contains(['/', '\\', ':', '\0'])
}

/// The arrays of all files of a map, by path.
///
/// # Errors
/// When the map is none, a file that it names is missing, damaged or does not hold what the map says, or the sizes differ.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let what = path.display().to_string();
    let bad = |message: String| Error::Format { what: what.clone(), message };
    let map = read_map(path)?;
    let mut found: BTreeMap<String, Tensor> = BTreeMap::new();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut total = 0.0;
    for shard in map.shards() {
        let file = path.with_file_name(&shard);
        if !file.is_file() {
            let error = bad(format!("names the file `{shard}`, which is not there"));
            return Err(error.help("the map and its files belong together, in one folder"));
        }
        for (place, tensor) in hdf5::read_file(&file)?.arrays {
            let group = place.rsplit_once('/').map_or("", |(group, _)| group).to_string();
            // What the map does not place in this file is left from an earlier save.
            if !map.weights.get(&group).is_some_and(|files| files.contains(&shard)) {
                continue;
            }
            seen.insert((group, shard.clone()));
            total += size_of(&Spec::new(tensor.dtype(), tensor.shape()));
            if found.insert(place.clone(), tensor).is_some() {
                return Err(bad(format!("`{place}` is in two of its files")));
            }
        }
    }
    for (group, files) in &map.weights {
        if let Some(file) = files.iter().find(|file| !seen.contains(&(group.clone(), (*file).clone()))) {
            return Err(bad(format!("`{group}` should be in `{file}`, and is not")));
        }
    }
    if let Some(expected) = map.total_size.filter(|size| *size != total) {
        return Err(bad(format!("says that its files hold {expected} bytes of weights, they hold {total}")));
    }
    Ok(found)
}
