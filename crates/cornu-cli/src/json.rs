//! JSON in files, and results as JSON.
use cornu::{Error, Result};
use serde_json::{Value as Json, json};
use std::path::Path;

/// JSON has no infinities: they are the words for them; what is no number is null.
pub fn number(value: f64) -> Json {
    match value {
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    }
}

/// All of a list.
pub fn numbers(values: &[f64]) -> Json {
    values.iter().map(|value| number(*value)).collect()
}

/// Writes a line of JSON.
pub fn write(path: &Path, json: &Json) -> Result<()> {
    std::fs::write(path, format!("{json}\n")).map_err(|e| Error::io(path, e))
}

/// The items of a list in a file.
pub fn read_list(path: &Path) -> Result<Vec<Json>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_str(&text)
        .map_err(|e| Error::Format { what: path.display().to_string(), message: e.to_string() })
}
