//! Named arrays in `.safetensors` files: a length, a header of JSON, and the bytes.
//!
//! Format: <https://huggingface.co/docs/safetensors>. Read here rather than by the crate of that name, whose sum of header and
//! data can overflow on a hostile header.
use crate::utils::atomic;
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
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
pub(super) fn save(path: &Path, arrays: &[(String, Tensor)]) -> Result<()> {
    let bad = |message: String| Error::Format { what: path.display().to_string(), message };
    let mut sorted: Vec<&(String, Tensor)> = arrays.iter().collect();
    sorted.sort_by_key(|(name, tensor)| (std::cmp::Reverse(tensor.dtype().size()), name));
    let mut header = Map::new();
    header.insert(METADATA.into(), json!({"format": "keras"}));
    let mut end = 0;
    for (name, tensor) in &sorted {
        let code = CODES.iter().find(|(dtype, _)| *dtype == tensor.dtype()).map(|(_, code)| *code);
        let start = end;
        end += tensor.bytes().len();
        let entry = json!({"dtype": code, "shape": tensor.shape(), "data_offsets": [start, end]});
        if header.insert(name.clone(), entry).is_some() {
            return Err(bad(format!("two weights are called `{name}`")));
        }
    }
    let mut text = Json::from(header).to_string().into_bytes();
    text.resize((LENGTH + text.len()).next_multiple_of(ALIGNMENT) - LENGTH, b' ');
    let mut bytes = Vec::with_capacity(LENGTH + text.len() + end);
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text);
    for (_, tensor) in sorted {
        if cfg!(target_endian = "little") {
            bytes.extend(tensor.bytes());
        } else {
            let size = tensor.dtype().size();
            tensor.bytes().chunks_exact(size).for_each(|element| bytes.extend(element.iter().rev()));
        }
    }
    atomic::write(path, &bytes)
}

/// The arrays of a file by name.
///
/// # Errors
/// When the file cannot be read, is damaged, or holds elements that a [`Tensor`] does not.
pub(super) fn load(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    read(&bytes, &path.display().to_string())
}

fn read(bytes: &[u8], what: &str) -> Result<BTreeMap<String, Tensor>> {
    let bad = |message: String| Error::Format { what: what.to_string(), message };
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return Err(bad("is no .safetensors file: it ends too early".into()));
    };
    let length = u64::from_le_bytes(*length);
    let parts = usize::try_from(length).ok().filter(|_| length <= MAX_HEADER);
    let Some((header, data)) = parts.and_then(|n| rest.split_at_checked(n)) else {
        let message = format!("is no .safetensors file: it claims a header of {length} bytes");
        return Err(bad(message));
    };
    let header: Map<String, Json> =
        serde_json::from_slice(header).map_err(|e| bad(format!("has a header that cannot be read: {e}")))?;
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
        let number = |n: &Json| n.as_u64().and_then(|n| usize::try_from(n).ok());
        let list = |key: &str| entry[key].as_array()?.iter().map(number).collect::<Option<Vec<usize>>>();
        let (Some(shape), Some(offsets)) = (list("shape"), list("data_offsets")) else {
            return Err(bad("has no shape or no data_offsets".into()));
        };
        let [start, end] = offsets[..] else { return Err(bad("has no two data_offsets".into())) };
        let spec = Spec::new(dtype, shape);
        memory::check(&spec).map_err(|e| bad(format!("cannot be: {e}")))?;
        let piece = data.get(start..end).filter(|piece| piece.len() == spec.bytes());
        let piece = piece.ok_or_else(|| {
            let there = data.len();
            bad(format!("is bytes {start} to {end} of {there}, which is not {dtype}{:?}", spec.shape))
        })?;
        let mut tensor = Tensor::zeros(spec.shape, dtype);
        if cfg!(target_endian = "little") {
            tensor.copy_from_bytes(piece)
        } else {
            let turned = piece.chunks_exact(dtype.size()).flat_map(|element| element.iter().rev().copied());
            tensor.copy_from_bytes(&turned.collect::<Vec<u8>>())
        }
        .map_err(|e| bad(format!("is damaged: {e}")))?;
        places.push((start, end));
        arrays.insert(name, tensor);
    }
    // Without gaps, and no byte twice: what is in the file is what it says.
    places.sort_unstable();
    let end = places.iter().try_fold(0, |at, &(start, end)| (start == at).then_some(end));
    if end != Some(data.len()) {
        return Err(bad("has data that lies twice, or belongs to no array".into()));
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        save(&path, &arrays).unwrap();
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
            assert_eq!(read(&bytes, "a").unwrap_err().to_string(), want);
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let error = read(&file(&deep, &[]), "a").unwrap_err().to_string();
        assert!(error.starts_with("a: has a header that cannot be read: recursion limit"), "{error}");
    }
}
