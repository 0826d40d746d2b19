//! `.keras` files: zip archives of a handful of files, or folders of them.
use super::hdf5::Image;
use super::stored::Stored;
use crate::utils::allowance::Allowance;
use crate::utils::atomic;
use cornu_graph::{Error, Result};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// An open archive, or a folder of the files that it would hold.
pub(super) struct Archive {
    what: String,
    files: Files,
    size: u64,
    allowance: Allowance,
}

enum Files {
    /// The archive, and the file that it is in.
    Zip(ZipArchive<BufReader<File>>, File),
    Folder(PathBuf),
}

/// Whether a name leads to a file below the folder: the names of layers are in it.
fn is_within(name: &str) -> bool {
    !name.contains('\\') && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// A file in a folder; a link is none.
fn in_folder(folder: &Path, name: &str, what: &str) -> Result<PathBuf> {
    let bad = |message: String| Error::Format { what: what.into(), message };
    let path = folder.join(name);
    if !is_within(name) {
        return Err(bad(format!("`{name}` is not within it")));
    }
    let kind = path.symlink_metadata().map_err(|e| bad(format!("`{name}` in it: {e}")))?;
    // A folder on the way may be a link, too.
    let leads_out = || Some(!path.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?));
    if !kind.is_file() || leads_out().unwrap_or(true) {
        return Err(bad(format!("`{name}` in it is no file of its own")));
    }
    Ok(path)
}

impl Archive {
    pub fn open(path: &Path) -> Result<Archive> {
        let what = path.display().to_string();
        if path.join("config.json").is_file() {
            let size = path.join("model.weights.h5").metadata().map_or(0, |m| m.len());
            let (files, allowance) = (Files::Folder(path.into()), Allowance::of(size));
            return Ok(Archive { what, files, size, allowance });
        }
        if path.is_dir() {
            let error = Error::Format { what, message: "is a folder, as TensorFlow's SavedModel is".into() };
            return Err(error.help("save the model in Python as a `.keras` file"));
        }
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
        let same = file.try_clone().map_err(|e| Error::io(path, e))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|e| {
            let error = Error::Format { what: what.clone(), message: format!("is no `.keras` file: {e}") };
            error.help("a whole model is a zip archive with `config.json` and `model.weights.h5`")
        })?;
        // Readers differ in which of the two they take.
        if zip.has_duplicate_names() {
            let error = Error::Format { what, message: "has two members of one name".into() };
            return Err(error.help("a file that means two things is not read; save the model again"));
        }
        Ok(Archive { what, files: Files::Zip(zip, same), size, allowance: Allowance::of(size) })
    }

    /// Bytes of the whole archive.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn bad(&self, message: String) -> Error {
        Error::Format { what: self.what.clone(), message }
    }

    /// The content of a file in the archive.
    ///
    /// # Errors
    /// When it is not there, is damaged, or claims more than its data can give.
    pub fn bytes(&mut self, name: &str) -> Result<Vec<u8>> {
        let (what, size) = (self.what.clone(), self.size);
        let bad = |message: String| Error::Format { what: what.clone(), message };
        let zip = match &mut self.files {
            Files::Zip(zip, _) => zip,
            Files::Folder(folder) => {
                let path = in_folder(folder, name, &what)?;
                return std::fs::read(path).map_err(|e| bad(format!("`{name}` in it: {e}")));
            }
        };
        let entry = zip.by_name(name).map_err(|e| bad(format!("`{name}` in it: {e}")))?;
        let (claimed, packed) = (entry.size(), entry.compressed_size());
        if packed > size || !self.allowance.take(claimed) {
            return Err(bad(format!("`{name}` in it claims {claimed} bytes, more than its data can give")));
        }
        let mut bytes = Vec::with_capacity(claimed as usize);
        entry.take(claimed + 1).read_to_end(&mut bytes).map_err(|e| bad(format!("`{name}` in it: {e}")))?;
        if bytes.len() as u64 != claimed {
            return Err(bad(format!("`{name}` in it does not have the {claimed} bytes that it claims")));
        }
        Ok(bytes)
    }

    /// An HDF5 file in the archive: where it lies, if it is not packed.
    ///
    /// # Errors
    /// As [`Archive::bytes`].
    pub fn stored(&mut self, name: &str) -> Result<Stored> {
        let (what, size) = (self.what.clone(), self.size);
        let bad = |message: String| Error::Format { what: what.clone(), message };
        let (zip, file) = match &mut self.files {
            Files::Zip(zip, file) => (zip, file),
            Files::Folder(folder) => {
                let path = in_folder(folder, name, &what)?;
                let opened = File::open(path).and_then(Stored::file);
                return opened.map_err(|e| bad(format!("`{name}` in it: {e}")));
            }
        };
        let mut entry = zip.by_name(name).map_err(|e| bad(format!("`{name}` in it: {e}")))?;
        let (claimed, packed) = (entry.size(), entry.compressed_size());
        let is_plain =
            entry.compression() == CompressionMethod::Stored && claimed == packed && packed <= size;
        let part = entry.data_start().filter(|_| is_plain).and_then(|at| Stored::part(file, at, claimed));
        let Some(part) = part else {
            drop(entry);
            return self.bytes(name).map(Stored::Bytes);
        };
        if !self.allowance.take(claimed) {
            return Err(bad(format!("`{name}` in it claims {claimed} bytes, more than its data can give")));
        }
        // To the end, where the checksum is compared.
        let read = io::copy(&mut entry, &mut io::sink()).map_err(|e| bad(format!("`{name}` in it: {e}")))?;
        if read != claimed {
            return Err(bad(format!("`{name}` in it does not have the {claimed} bytes that it claims")));
        }
        Ok(part)
    }

    /// The content of a file in the archive, if it is there.
    ///
    /// # Errors
    /// When it is damaged, or claims more than its data can give.
    pub fn optional(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let is_there = match &self.files {
            Files::Zip(zip, _) => zip.index_for_name(name).is_some(),
            Files::Folder(folder) => is_within(name) && folder.join(name).exists(),
        };
        if !is_there {
            return Ok(None);
        }
        self.bytes(name).map(Some)
    }

    /// A file in the archive as JSON.
    ///
    /// # Errors
    /// As [`Archive::bytes`], and when it is no such JSON.
    pub fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        let bytes = self.bytes(name)?;
        super::words::read(&bytes).map_err(|e| self.bad(format!("`{name}` in it: {e}")))
    }
}

/// A file of a model that is saved.
pub(super) enum Content {
    Bytes(Vec<u8>),
    Arrays(Image),
}

impl Content {
    /// Writes it; `path` is what errors name.
    pub fn write(self, out: &mut dyn Write, path: &Path) -> Result<()> {
        match self {
            Content::Bytes(bytes) => out.write_all(&bytes).map_err(|e| Error::io(path, e)),
            Content::Arrays(image) => image.write(out, path),
        }
    }

    /// Whether it may have 2^32 bytes and more, of which archives must know beforehand.
    fn is_large(&self) -> bool {
        // What a file of arrays has beside them is less than the rest.
        const LARGE: u64 = 3 << 30;
        match self {
            Content::Bytes(bytes) => bytes.len() as u64 > LARGE,
            Content::Arrays(image) => image.arrays() > LARGE,
        }
    }
}

/// Saves an archive of these files, not compressed, as Keras writes it.
pub(super) fn save(path: &Path, files: Vec<(String, Content)>) -> Result<()> {
    let bad = |e: zip::result::ZipError| Error::io(path, e.into());
    atomic::write_with(path, |file| {
        let mut archive = ZipWriter::new(file);
        for (name, content) in files {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .large_file(content.is_large());
            archive.start_file(name, options).map_err(bad)?;
            content.write(&mut archive, path)?;
        }
        archive.finish().map(drop).map_err(bad)
    })
}
