//! Files from servers, kept.
use crate::data::{Checksum, fetch};
use crate::datasets::keras_home;
use crate::utils::unpack::{Format, unpack};
use cornu_graph::{Error, Result};
use std::path::PathBuf;

/// Downloads a file to Keras's cache, `~/.keras/datasets`, unless it is there; its path. Keras's `get_file`; [`GetFile`] has its
/// settings.
///
/// # Errors
/// When the address names no file, or the server does not have it.
pub fn get_file(origin: &str) -> Result<PathBuf> {
    GetFile::new(origin).get()
}

/// Settings of [`get_file()`].
///
/// ```no_run
/// use cornu::utils::GetFile;
/// let path = GetFile::new("http://example.org/words.txt").cache_subdir("words").get()?;
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GetFile {
    origin: String,
    fname: Option<String>,
    file_hash: Option<String>,
    cache_subdir: String,
    cache_dir: Option<PathBuf>,
    force_download: bool,
    extract: bool,
    archive_format: String,
}

impl GetFile {
    /// The file at this address: `http://`, or `https://` with the feature `tls`.
    pub fn new(origin: impl Into<String>) -> GetFile {
        GetFile {
            origin: origin.into(),
            fname: None,
            file_hash: None,
            cache_subdir: "datasets".into(),
            cache_dir: None,
            force_download: false,
            extract: false,
            archive_format: "auto".into(),
        }
    }

    /// Its name here; by default the last part of the address.
    pub fn fname(mut self, fname: &str) -> Self {
        self.fname = Some(fname.into());
        self
    }

    /// The SHA-256 or MD5 that the file must have, in hexadecimal; a file that has another is downloaded anew. Without a SHA-256
    /// only `https` says that the file was not changed on the way.
    pub fn file_hash(mut self, file_hash: &str) -> Self {
        self.file_hash = Some(file_hash.to_lowercase());
        self
    }

    /// The folder within the cache; `"datasets"` by default.
    pub fn cache_subdir(mut self, cache_subdir: &str) -> Self {
        self.cache_subdir = cache_subdir.into();
        self
    }

    /// The cache; by default `KERAS_HOME`, or `~/.keras`.
    pub fn cache_dir(mut self, cache_dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(cache_dir.into());
        self
    }

    /// Whether to download the file even if it is there; false by default.
    pub fn force_download(mut self, force_download: bool) -> Self {
        self.force_download = force_download;
        self
    }

    /// Whether the file is an archive to unpack; false by default. Then the path is that of the folder it is unpacked to, called
    /// as the file (`words`, the archive is `words_archive`), or `words_extracted` when `fname` is `"words.zip"`. Members that
    /// are links, or lead out of the folder, are refused.
    pub fn extract(mut self, extract: bool) -> Self {
        self.extract = extract;
        self
    }

    /// What archive it may be: `"tar"`, which may be compressed by gzip, `"zip"`, or `"auto"`, either of them (default).
    pub fn archive_format(mut self, archive_format: &str) -> Self {
        self.archive_format = archive_format.into();
        self
    }

    /// The path of the file, or of the folder it was unpacked to, which is there when this returns.
    ///
    /// # Errors
    /// As [`get_file()`]; when the hash is another; when it is to be unpacked and is no archive, or one that is refused.
    pub fn get(&self) -> Result<PathBuf> {
        let last = || {
            self.origin.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default()
        };
        let name = self.fname.as_deref().unwrap_or_else(last);
        let plain = !name.is_empty() && ![".", ".."].contains(&name) && !name.contains(['/', '\\', ':']);
        if !plain {
            return Err(Error::argument("get_file.fname", format!("`{name}` is no name of a file")));
        }
        if self.file_hash.as_ref().is_some_and(|hash| ![64, 32].contains(&hash.len())) {
            return Err(Error::argument(
                "get_file.file_hash",
                "is neither a SHA-256 nor an MD5 in hexadecimal",
            ));
        }
        let checksum = self.file_hash.as_deref().map(Checksum::new);
        let folder = self.cache_dir.clone().unwrap_or_else(keras_home).join(&self.cache_subdir);
        if self.extract {
            let formats: &[Format] = match self.archive_format.as_str() {
                "auto" => &[Format::Tar, Format::Zip],
                "tar" => &[Format::Tar],
                "zip" => &[Format::Zip],
                other => return Err(Error::unknown("archive_format", other, ["auto", "tar", "zip"])),
            };
            let (archive, unpacked) = match (&self.fname, name.split_once('.')) {
                (Some(_), Some((start, _))) => (name.to_string(), format!("{start}_extracted")),
                _ => (format!("{name}_archive"), name.to_string()),
            };
            let archive = self.file(folder.join(archive), checksum)?;
            let unpacked = folder.join(unpacked);
            if !unpack(&archive, &unpacked, formats)? {
                let message = format!("is no archive ({})", self.archive_format);
                return Err(Error::Format { what: archive.display().to_string(), message });
            }
            return Ok(unpacked);
        }
        self.file(folder.join(name), checksum)
    }

    /// The file at `path`, downloaded if it is not there.
    fn file(&self, path: PathBuf, checksum: Option<Checksum>) -> Result<PathBuf> {
        let fits = || checksum.map_or(Ok(true), |checksum| checksum.fits(&path));
        if path.exists() && !self.force_download && fits()? {
            return Ok(path);
        }
        fetch(&self.origin, checksum, &path, self.force_download)?;
        Ok(path)
    }
}
