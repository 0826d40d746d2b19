//! Vocabularies in files of their own, as Keras saves those that a layer has learned.
use super::archive::Archive;
use super::layout::{Arrays, numbered};
use crate::layers::LayerRef;
use crate::utils::naming::snake_case;
use cornu_graph::{DType, Result};
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet};

/// Layers that keep a vocabulary, and whether it is one of integers.
const LOOKUPS: [(&str, bool); 3] =
    [("StringLookup", false), ("TextVectorization", false), ("IntegerLookup", true)];

/// Marks the saved form of a layer whose vocabulary was in a file of its own.
const LEARNED: &str = "learned";

/// Puts vocabularies, and the weights that go with them, into the configs of the layers of a model.
///
/// # Errors
/// When a file is damaged.
pub(super) fn add(config: &mut Json, archive: &mut Archive, arrays: &Arrays) -> Result<()> {
    layers_of(config).map_or(Ok(()), |layers| add_to(layers, "layers", archive, arrays))
}

/// [`add`] for the saved forms of layers that lie under the name `root`.
///
/// # Errors
/// When a file is damaged.
pub(super) fn add_to(layers: &mut [Json], root: &str, archive: &mut Archive, arrays: &Arrays) -> Result<()> {
    let mut fill = |layer: &mut Json, path: &str| {
        let class = layer["class_name"].as_str().unwrap_or_default();
        let known = LOOKUPS.iter().find(|(name, _)| *name == class);
        let Some(&(_, integers)) = known.filter(|_| layer["config"]["vocabulary"].is_null()) else {
            return Ok(());
        };
        let Some(bytes) = archive.optional(&format!("assets/{path}/vocabulary.txt"))? else { return Ok(()) };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
        while lines.last() == Some(&"") {
            lines.pop();
        }
        layer["config"]["vocabulary"] = if integers {
            lines.iter().filter_map(|line| line.trim().parse::<i64>().ok()).collect()
        } else {
            json!(lines)
        };
        layer[LEARNED] = true.into();
        let weights = arrays.by_path.get(&format!("{path}/vars/idf_weights"));
        if let Some(weights) = weights.filter(|_| layer["config"]["idf_weights"].is_null()) {
            let mut weights = weights.cast(DType::F64).to_f64();
            weights.truncate(layer["config"]["vocabulary"].as_array().map_or(0, Vec::len));
            layer["config"]["idf_weights"] = json!(weights);
        }
        Ok(())
    };
    each(layers, &format!("{root}/"), &mut fill)
}

/// Whether the saved form of a layer says that its vocabulary is learned.
pub(crate) fn is_learned(saved: &Json) -> bool {
    saved.get(LEARNED).is_some()
}

/// Takes what layers have learned out of the config of a model; the files for it.
pub(super) fn take(config: &mut Json, layers: &[LayerRef]) -> Result<Vec<(String, Vec<u8>)>> {
    layers_of(config).map_or(Ok(vec![]), |saved| take_from(saved, "layers", layers))
}

/// [`take`] for the saved forms of layers that lie under the name `root`.
pub(super) fn take_from(
    saved: &mut [Json],
    root: &str,
    layers: &[LayerRef],
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut learned = HashSet::new();
    find(layers, &mut learned);
    let mut files = vec![];
    let mut empty = |layer: &mut Json, path: &str| {
        let class = layer["class_name"].as_str().unwrap_or_default().to_string();
        let known = LOOKUPS.iter().any(|(name, _)| *name == class);
        let name = layer["config"]["name"].as_str().unwrap_or_default();
        if !known || !learned.contains(name) {
            return Ok(());
        }
        let config = &mut layer["config"];
        // Keras does not read its own files of these: they have more weights than words.
        if config["output_mode"] == "tf_idf" && config["pad_to_max_tokens"] == true {
            return Ok(());
        }
        let Some(text) = vocabulary(&class, config) else { return Ok(()) };
        config["vocabulary"] = Json::Null;
        config["idf_weights"] = Json::Null;
        if class == "TextVectorization" {
            files.push((format!("assets/{path}/_lookup_layer/vocabulary.txt"), text.clone().into_bytes()));
        }
        files.push((format!("assets/{path}/vocabulary.txt"), text.into_bytes()));
        Ok(())
    };
    each(saved, &format!("{root}/"), &mut empty)?;
    Ok(files)
}

/// The layers that have learned, by name.
fn find(layers: &[LayerRef], learned: &mut HashSet<String>) {
    for layer in layers {
        if layer.base().has_learned() {
            learned.insert(layer.name().to_string());
        }
        find(&layer.sublayers(), learned);
    }
}

/// The saved forms of the layers of a model.
fn layers_of(model: &mut Json) -> Option<&mut Vec<Json>> {
    model.pointer_mut("/config/layers").and_then(Json::as_array_mut)
}

/// Calls `f` with the saved form of each of some layers, and of those of the models among them, and with its place in files.
fn each(layers: &mut [Json], path: &str, f: &mut dyn FnMut(&mut Json, &str) -> Result<()>) -> Result<()> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for layer in layers {
        let class = snake_case(layer["class_name"].as_str().unwrap_or_default());
        let count = uses.entry(class.clone()).or_insert(0);
        let path = format!("{path}{}", numbered(&class, *count));
        *count += 1;
        f(layer, &path)?;
        if let Some(within) = layers_of(layer) {
            each(within, &format!("{path}/layers/"), f)?;
        }
    }
    Ok(())
}

/// The vocabulary of a saved layer as a file: the tokens of all places, one a line. None if there is none, or one that lines
/// cannot hold.
fn vocabulary(class: &str, config: &Json) -> Option<String> {
    let text = |token: &Json| token.as_str().map_or_else(|| token.to_string(), str::to_string);
    let tokens: Vec<String> = config["vocabulary"].as_array()?.iter().map(text).collect();
    let has_mask = config["output_mode"] == "int";
    let (mask, oov, oov_count) = match class {
        "TextVectorization" => (Some(String::new()), "[UNK]".to_string(), 1),
        _ => {
            let mask = Some(&config["mask_token"]).filter(|mask| !mask.is_null());
            let count = config["num_oov_indices"].as_u64().and_then(|n| usize::try_from(n).ok());
            (mask.map(text), text(&config["oov_token"]), count?)
        }
    };
    // No more places than are really there.
    const MAX_PLACES: usize = 1 << 20;
    if oov_count > MAX_PLACES {
        return None;
    }
    let mut all: Vec<String> = mask.into_iter().filter(|_| has_mask).collect();
    all.extend(std::iter::repeat_n(oov, oov_count));
    if tokens.starts_with(&all) {
        all.clear();
    }
    all.extend(tokens);
    // What Python takes for the end of a line; an empty last line would be lost.
    const ENDS: [char; 10] =
        ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let is_line = |token: &String| !token.contains(ENDS);
    (all.iter().all(is_line) && all.last().is_some_and(|last| !last.is_empty())).then(|| all.join("\n"))
}
