//! NumPy's `.npz` files: named arrays in a zip archive.
use super::{elements, npy};
use crate::utils::allowance::Allowance;
use crate::utils::atomic;
use cornu_graph::{Error, Result, Tensor};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Reads all arrays of an `.npz` file, by name. Fortran order and big-endian numbers are converted.
///
/// # Errors
/// When the file cannot be read, is not what it should be, or holds elements that a [`Tensor`] does not.
///
/// ```
/// use cornu::data::npz;
/// use cornu_graph::Tensor;
///
/// let path = std::env::temp_dir().join(format!("cornu-doc-{}.npz", std::process::id()));
/// let (x, y) = (Tensor::from([[1f32, 2.0], [3.0, 4.0]]), Tensor::from([0u8, 1]));
/// npz::save(&path, &[("x", &x), ("y", &y)])?;
/// let arrays = npz::load(&path)?;
/// assert_eq!((&arrays["x"], &arrays["y"]), (&x, &y));
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), cornu_graph::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    read(BufReader::new(file), &path.display().to_string())
}

/// Writes arrays to a compressed `.npz` file, as NumPy's `savez_compressed`. A file that is there is replaced whole or not at all.
///
/// # Errors
/// When the file cannot be written, a name is there twice, or for `bfloat16`, which NumPy does not have.
pub fn save(path: impl AsRef<Path>, arrays: &[(&str, &Tensor)]) -> Result<()> {
    save_with_text(path, arrays, &[])
}

/// [`save`] with the arrays of these names as strings; they are tensors of [`text`](super::text).
///
/// # Errors
/// As [`save`]; and when one of these is no text.
pub fn save_with_text(path: impl AsRef<Path>, arrays: &[(&str, &Tensor)], text: &[&str]) -> Result<()> {
    save_each(path.as_ref(), arrays.iter().map(|(name, tensor)| Ok((*name, (*tensor).clone()))), text)
}

/// [`save_with_text`] of arrays that are made one after the other.
pub(crate) fn save_each<'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = Result<(&'a str, Tensor)>>,
    text: &[&str],
) -> Result<()> {
    let io = |e| Error::io(path, e);
    let bad = |e: zip::result::ZipError| io(e.into());
    atomic::write_with(path, |file| {
        let mut archive = ZipWriter::new(file);
        for named in arrays {
            let (name, tensor) = named?;
            let what = format!("{}: {name}", path.display());
            let is_text = text.contains(&name);
            let header =
                if is_text { npy::text_header(&tensor, &what) } else { npy::header(&tensor, &what) }?;
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .large_file(u32::try_from(header.len() + tensor.bytes().len()).is_err());
            archive.start_file(format!("{name}.npy"), options).map_err(bad)?;
            archive.write_all(&header).map_err(io)?;
            elements::write(&mut archive, &tensor).map_err(io)?;
        }
        archive.finish().map(drop).map_err(bad)
    })
}

/// Reads all arrays of an archive; `what` names it in errors.
pub(crate) fn read(mut input: impl Read + Seek, what: &str) -> Result<BTreeMap<String, Tensor>> {
    let bad = |message: String| Error::Format { what: what.to_string(), message };
    let stored = input.seek(SeekFrom::End(0)).map_err(|e| bad(format!("cannot be read: {e}")))?;
    let mut allowance = Allowance::of(stored);
    let mut archive = ZipArchive::new(input).map_err(|e| bad(format!("is no .npz file: {e}")))?;
    let mut arrays = BTreeMap::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| bad(format!("entry {i}: {e}")))?;
        let file = entry.name().map_err(|e| bad(format!("entry {i}: {e}")))?.into_owned();
        let name = file.strip_suffix(".npy").ok_or_else(|| bad(format!("`{file}` in it is no .npy file")))?;
        let size = entry.size();
        if !allowance.take(size) {
            return Err(bad(format!("`{file}` in it claims {size} bytes, more than its data can give")));
        }
        let tensor = npy::read(&mut entry, size, &format!("{what}: {name}"))?;
        arrays.insert(name.to_string(), tensor);
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn errors() {
        let e = read(Cursor::new(b"not a zip".to_vec()), "a.npz").unwrap_err().to_string();
        assert!(e.starts_with("a.npz: is no .npz file: "), "{e}");

        let mut archive = ZipWriter::new(Cursor::new(vec![]));
        archive.start_file("readme.txt", SimpleFileOptions::default()).unwrap();
        let e = read(archive.finish().unwrap(), "a.npz").unwrap_err().to_string();
        assert_eq!(e, "a.npz: `readme.txt` in it is no .npy file");

        let e = load("/nowhere/a.npz").unwrap_err().to_string();
        assert!(e.starts_with("/nowhere/a.npz: "), "{e}");
    }

    #[test]
    fn damaged_files_give_errors() {
        let path = std::env::temp_dir().join(format!("cornu-damaged-{}.npz", std::process::id()));
        save(&path, &[("a", &Tensor::from([1f32; 40])), ("b", &Tensor::from([true, false]))]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(Cursor::new(whole.clone()), "").unwrap().len(), 2);
        for i in 0..whole.len() {
            for bits in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[i] ^= bits;
                let _ = read(Cursor::new(bytes), "");
            }
            assert!(read(Cursor::new(whole[..i].to_vec()), "").is_err(), "cut at {i}");
        }
    }
}
