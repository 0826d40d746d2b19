//! Named arrays in `.safetensors` files: a length, a header of JSON, and the bytes.
//!
//! Format: <https://huggingface.co/docs/safetensors>. Read here rather than by the crate of that name, whose sum of header and
//! data can overflow on a hostile header.
use super::array::Array;
use crate::data::elements;
use crate::utils::atomic;
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of the length before the header.
const LENGTH: usize = 8;
/// The data begins at a multiple of this.
const ALIGNMENT: usize = 8;
/// What the format allows.
const MAX_HEADER: u64 = 100_000_000;
/// The entry that is no array.
const METADATA: &str = "__metadata__";

/// The format's names of dtypes.
const CODES: [(DType, &str); 13] = [
    (DType::Bool, "BOOL"),
    (DType::I8, "I8"),
    (DType::I16, "I16"),
    (DType::I32, "I32"),
    (DType::I64, "I64"),
    (DType::U8, "U8"),
    (DType::U16, "U16"),
    (DType::U32, "U32"),
    (DType::U64, "U64"),
    (DType::F16, "F16"),
    (DType::BF16, "BF16"),
    (DType::F32, "F32"),
    (DType::F64, "F64"),
];

/// Writes arrays by name; those with the widest elements first, so that each lies where its elements can be read.
///
/// # Errors
/// When two have one name, or the file cannot be written.
pub(super) fn save(path: &Path, arrays: &[(String, Array)]) -> Result<()> {
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let mut sorted: Vec<(Spec, &String, &Array)> = arrays.iter().map(|(n, a)| (a.spec(), n, a)).collect();
    sorted.sort_by_key(|(spec, name, _)| (std::cmp::Reverse(spec.dtype.size()), *name));
    let mut header = Map::new();
    header.insert(METADATA.into(), json!({"format": "keras"}));
    let mut end = 0;
    for (spec, name, _) in &sorted {
        let code = CODES.iter().find(|(dtype, _)| *dtype == spec.dtype).map(|(_, code)| *code);
        let start = end;
        end += spec.bytes();
        let entry = json!({"dtype": code, "shape": spec.shape, "data_offsets": [start, end]});
        if header.insert((*name).clone(), entry).is_some() {
            return Err(bad(format!("two weights are called `{name}`")));
        }
    }
    let mut text = Json::from(header).to_string().into_bytes();
    text.resize((LENGTH + text.len()).next_multiple_of(ALIGNMENT) - LENGTH, b' ');
    atomic::write_with(path, |file| {
        let io = |e| Error::io(path, e);
        file.write_all(&(text.len() as u64).to_le_bytes()).map_err(io)?;
        file.write_all(&text).map_err(io)?;
        sorted.iter().try_for_each(|(_, _, array)| elements::write(file, &array.tensor()?).map_err(io))
    })
}

/// The arrays of a file by name.
///
/// # Errors
/// When the file cannot be read, is damaged, or holds elements that a [`Tensor`] does not.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    read(&mut file, &path.display().to_string())
}

/// Reads array by array.
fn read(input: &mut (impl Read + Seek), what: &str) -> Result<BTreeMap<String, Tensor>> {
    let bad = |message: String| Error::Format { what: what.to_string(), message };
    let io = |e: io::Error| bad(format!("cannot be read: {e}"));
    let size = input.seek(SeekFrom::End(0)).map_err(io)?;
    input.rewind().map_err(io)?;
    if size < LENGTH as u64 {
        return Err(bad("is no .safetensors file: it ends too early".into()));
    }
    let mut length = [0; LENGTH];
    input.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER.min(size - LENGTH as u64) {
        let message = format!("is no .safetensors file: it claims a header of {length} bytes");
        return Err(bad(message));
    }
    let mut header = vec![0; length as usize];
    input.read_exact(&mut header).map_err(io)?;
    let header: Map<String, Json> =
        serde_json::from_slice(&header).map_err(|e| bad(format!("has a header that cannot be read: {e}")))?;
    let start_of_data = LENGTH as u64 + length;
    let there = size - start_of_data;
    let mut arrays = BTreeMap::new();
    let mut places = vec![];
    for (name, entry) in header {
        if name == METADATA {
            continue;
        }
        let bad = |message: String| bad(format!("`{name}` in it {message}"));
        let code = entry["dtype"].as_str().unwrap_or_default();
        let Some(&(dtype, _)) = CODES.iter().find(|(_, c)| *c == code) else {
            return Err(bad(format!("holds elements of type {}, which are not supported", entry["dtype"])));
        };
        let list = |key: &str| entry[key].as_array()?.iter().map(Json::as_u64).collect::<Option<Vec<u64>>>();
        let sizes = |shape: Vec<u64>| shape.into_iter().map(|n| usize::try_from(n).ok()).collect();
        let shape: Option<Vec<usize>> = list("shape").and_then(sizes);
        let (Some(shape), Some(offsets)) = (shape, list("data_offsets")) else {
            return Err(bad("has no shape or no data_offsets".into()));
        };
        let [start, end] = offsets[..] else { return Err(bad("has no two data_offsets".into())) };
        let spec = Spec::new(dtype, shape);
        memory::check(&spec).map_err(|e| bad(format!("cannot be: {e}")))?;
        if end > there || end.checked_sub(start) != Some(spec.bytes() as u64) {
            let message =
                format!("is bytes {start} to {end} of {there}, which is not {dtype}{:?}", spec.shape);
            return Err(bad(message));
        }
        input.seek(SeekFrom::Start(start_of_data + start)).map_err(io)?;
        let tensor =
            elements::read(&spec.shape, dtype, true, &mut |piece| input.read_exact(piece)).map_err(io)?;
        let tensor = tensor.map_err(|e| bad(format!("is damaged: {e}")))?;
        places.push((start, end));
        arrays.insert(name, tensor);
    }
    // Without gaps, and no byte twice: what is in the file is what it says.
    places.sort_unstable();
    let end = places.iter().try_fold(0, |at, &(start, end)| (start == at).then_some(end));
    if end != Some(there) {
        return Err(bad("has data that lies twice, or belongs to no array".into()));
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn every_dtype_comes_back() {
        let path = std::env::temp_dir().join(format!("cornu-dtypes-{}.safetensors", std::process::id()));
        let mut arrays = vec![];
        for dtype in DType::ALL {
            for shape in [vec![], vec![3], vec![2, 0], vec![2, 3, 2]] {
                let n: usize = shape.iter().product();
                let values: Vec<f64> = (0..n).map(|i| (i % 2) as f64).collect();
                let name = format!("{dtype}{shape:?} \"é\"");
                arrays.push((name, Tensor::from_f64(shape, dtype, &values).unwrap()));
            }
        }
        let saved: Vec<(String, Array)> = arrays.iter().map(|(n, t)| (n.clone(), t.clone().into())).collect();
        save(&path, &saved).unwrap();
        let found = load(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found, arrays.into_iter().collect());
    }

    #[test]
    fn errors() {
        let entry = |dtype: &str, shape: &str, offsets: &str| {
            format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        let twice = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#;
        for (bytes, want) in [
            (b"abc".to_vec(), "a: is no .safetensors file: it ends too early"),
            (vec![0xff; 20], "a: is no .safetensors file: it claims a header of 18446744073709551615 bytes"),
            (vec![9, 0, 0, 0, 0, 0, 0, 0, b'{'], "a: is no .safetensors file: it claims a header of 9 bytes"),
            (file("{}", b"x"), "a: has data that lies twice, or belongs to no array"),
            (file(twice, b"xx"), "a: has data that lies twice, or belongs to no array"),
            (
                file(&entry("F8_E4M3", "[1]", "[0,1]"), b"x"),
                "a: `a` in it holds elements of type \"F8_E4M3\", which are not supported",
            ),
            (file(&entry("U8", "[-1]", "[0,1]"), b"x"), "a: `a` in it has no shape or no data_offsets"),
            (
                file(&entry("U8", "[2]", "[0,1]"), b"x"),
                "a: `a` in it is bytes 0 to 1 of 1, which is not uint8[2]",
            ),
            (
                file(&entry("U8", "[2]", "[1,0]"), b"x"),
                "a: `a` in it is bytes 1 to 0 of 1, which is not uint8[2]",
            ),
            (
                file(&entry("F32", "[4294967295,4294967295,4294967295]", "[0,1]"), b"x"),
                "a: `a` in it cannot be: a value of float32[4294967295, 4294967295, 4294967295] is larger than any memory",
            ),
            (
                file(&entry("BOOL", "[1]", "[0,1]"), b"x"),
                "a: `a` in it is damaged: a bool is neither 0 nor 1",
            ),
        ] {
            assert_eq!(read(&mut Cursor::new(bytes), "a").unwrap_err().to_string(), want);
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let error = read(&mut Cursor::new(file(&deep, &[])), "a").unwrap_err().to_string();
        assert!(error.starts_with("a: has a header that cannot be read: recursion limit"), "{error}");
    }
}
