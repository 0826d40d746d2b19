//! Vocabularies in files of their own, as Keras saves those that a layer has learned.
use super::archive::Archive;
use super::layout::Arrays;
use cornu_graph::{DType, Result};
use serde_json::{Value as Json, json};

/// Layers that keep a vocabulary, and whether it is one of integers.
const LOOKUPS: [(&str, bool); 3] =
    [("StringLookup", false), ("TextVectorization", false), ("IntegerLookup", true)];

/// Puts vocabularies, and the weights that go with them, into the configs of the layers of a model.
///
/// # Errors
/// When a file is damaged.
pub(super) fn add(config: &mut Json, archive: &mut Archive, arrays: &Arrays) -> Result<()> {
    let Some(layers) = config.pointer_mut("/config/layers").and_then(Json::as_array_mut) else {
        return Ok(());
    };
    for layer in layers {
        let class = layer["class_name"].as_str().unwrap_or_default();
        let Some(&(_, integers)) = LOOKUPS.iter().find(|(name, _)| *name == class) else { continue };
        let Some(name) = layer["config"]["name"].as_str().map(str::to_string) else { continue };
        if !layer["config"]["vocabulary"].is_null() {
            continue;
        }
        let Some(bytes) = archive.optional(&format!("assets/layers/{name}/vocabulary.txt"))? else {
            continue;
        };
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
        let weights = arrays.by_path.get(&format!("layers/{name}/vars/idf_weights"));
        if let Some(weights) = weights.filter(|_| layer["config"]["idf_weights"].is_null()) {
            layer["config"]["idf_weights"] = json!(weights.cast(DType::F64).to_f64());
        }
    }
    Ok(())
}
