//! Arrays in files: `.npz`, `.npy` and CSV.
use cornu::data::{csv, npy, npz};
use cornu::training::Data;
use cornu::{DType, Error, Result, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// The arrays of a file by name; a file of one array calls it `x`.
pub fn read(path: &Path, targets: &[String]) -> Result<BTreeMap<String, Tensor>> {
    match extension(path) {
        "npz" => npz::load(path),
        "npy" => Ok(BTreeMap::from([("x".into(), npy::load(path)?)])),
        "csv" => read_csv(path, targets),
        _ => Err(unknown_kind(path)),
    }
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

fn unknown_kind(path: &Path) -> Error {
    let message = format!("a file of arrays ends in `.npz`, `.npy` or `.csv`, got `{}`", path.display());
    Error::argument("data", message)
}

/// Columns of numbers: the targets are `y`, all others `x`.
fn read_csv(path: &Path, targets: &[String]) -> Result<BTreeMap<String, Tensor>> {
    let table = csv::load(path, true)?;
    let y = targets.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let x: Vec<usize> = (0..table.names().len()).filter(|i| !y.contains(i)).collect();
    let mut arrays = BTreeMap::from([("x".into(), table.numbers(x)?)]);
    if !y.is_empty() {
        arrays.insert("y".into(), table.numbers(y)?);
    }
    Ok(arrays)
}

/// Writes outputs; low-precision numbers as float32, those that are `text` as strings.
pub fn write(path: &Path, named: &[(String, Tensor)], text: &[&str]) -> Result<()> {
    let widen = |t: &Tensor| {
        if matches!(t.dtype(), DType::F16 | DType::BF16) { t.cast(DType::F32) } else { t.clone() }
    };
    let named: Vec<(&str, Tensor)> = named.iter().map(|(n, t)| (n.as_str(), widen(t))).collect();
    match extension(path) {
        "npz" => npz::save_with_text(path, &named.iter().map(|(n, t)| (*n, t)).collect::<Vec<_>>(), text),
        "npy" | "csv" if named.len() != 1 => {
            let message = format!("the model has {} outputs; `.npz` holds them all", named.len());
            Err(Error::argument("output", message))
        }
        "npy" => npy::save(path, &named[0].1),
        "csv" => write_csv(path, named[0].0, &named[0].1),
        _ => Err(unknown_kind(path)),
    }
}

/// One line for each sample, one column for each number of its output.
fn write_csv(path: &Path, name: &str, tensor: &Tensor) -> Result<()> {
    let rows = tensor.shape().first().copied().unwrap_or(1);
    let columns = tensor.len() / rows.max(1);
    let header: Vec<String> =
        (0..columns).map(|i| if columns == 1 { name.into() } else { format!("{name}_{i}") }).collect();
    let mut text = header.join(",") + "\n";
    for row in tensor.to_f64().chunks(columns.max(1)) {
        let cells: Vec<String> = row.iter().map(f64::to_string).collect();
        text += &(cells.join(",") + "\n");
    }
    std::fs::write(path, text).map_err(|e| Error::io(path, e))
}

/// The arrays `PREFIX` or `PREFIX_NAME` for names of inputs or outputs; `None` when there is none.
pub fn take(arrays: &BTreeMap<String, Tensor>, prefix: &str, names: &[String]) -> Option<Data> {
    if let Some(tensor) = arrays.get(prefix) {
        return Some(tensor.into());
    }
    let of = |name: &String| arrays.get(&format!("{prefix}_{name}")).map(|t| (name.clone(), t.clone()));
    let named: Vec<(String, Tensor)> = names.iter().filter_map(of).collect();
    (!named.is_empty()).then(|| named.into())
}

/// The samples for `predict`: `x`, or arrays by the names of the inputs.
pub fn inputs(arrays: &BTreeMap<String, Tensor>, names: &[String]) -> Result<Data> {
    let of = |name: &String| arrays.get(name).map(|t| (name.clone(), t.clone()));
    let named: Vec<(String, Tensor)> = names.iter().filter_map(of).collect();
    if named.len() == names.len() {
        return Ok(named.into());
    }
    take(arrays, "x", names).ok_or_else(|| {
        let found: Vec<&str> = arrays.keys().map(String::as_str).collect();
        Error::Data(format!("the model's inputs are {names:?}, the file holds {found:?}"))
    })
}
