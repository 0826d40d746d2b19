//! Where the files of data sets come from.
use crate::data::{Checksum, download_checked};
use crate::utils::unpack::{Format, unpack};
use cornu_graph::{Error, Result, environment};
use std::env;
use std::path::PathBuf;

/// Keras's folder on its server. Hashes make plain http safe; https needs the feature `tls`.
const KERAS_URL: &str = if cfg!(feature = "tls") {
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
} else {
    "http://storage.googleapis.com/tensorflow/tf-keras-datasets"
};

/// A folder of data sets and the server that has what is missing there.
pub(crate) struct Source {
    folder: PathBuf,
    /// The folder is the user's own: what is there is right.
    trusted: bool,
    /// The user's server.
    url: Option<String>,
}

impl Source {
    /// Data sets, where the environment says.
    pub(crate) fn from_env() -> Source {
        Source::of("datasets")
    }

    /// Weights of [`applications`](crate::applications), where the environment says.
    pub(crate) fn models() -> Source {
        Source::of("models")
    }

    fn of(kind: &str) -> Source {
        let url = environment::text("CORNU_DATA_URL");
        match environment::variable("CORNU_DATA_DIR") {
            Some(folder) => Source { folder: folder.into(), trusted: true, url },
            None => Source { folder: keras_home().join(kind), trusted: false, url },
        }
    }

    /// The path of the data set `name`, which is there when this returns.
    pub(crate) fn file(&self, name: &str, sha256: &str) -> Result<PathBuf> {
        self.get(name, &format!("{KERAS_URL}/{name}"), Some(Checksum::Sha256(sha256)))
    }

    /// The path of the file `name`, which is there when this returns; `url` is its own `https` address.
    pub(crate) fn published(&self, name: &str, url: &str, checksum: Option<Checksum>) -> Result<PathBuf> {
        let plain = cfg!(not(feature = "tls")) && checksum.is_some();
        let url = if plain { url.replacen("https:", "http:", 1) } else { url.into() };
        self.get(name, &url, checksum)
    }

    /// [`Source::file`] with a hash of the older kind.
    pub(crate) fn file_of_md5(&self, name: &str, md5: &str) -> Result<PathBuf> {
        self.get(name, &format!("{KERAS_URL}/{name}"), Some(Checksum::Md5(md5)))
    }

    /// The folder of a data set that is published as an archive, unpacked as Keras does.
    pub(crate) fn unpacked(&self, data: &Unpacked) -> Result<PathBuf> {
        let target = self.folder.join(data.folder);
        let places = [target.join(data.within), self.folder.join(data.within), target.clone()];
        let whole = |place: &PathBuf| data.files.iter().all(|file| place.join(file).is_file());
        if let Some(place) = places.iter().find(|place| whole(place)) {
            return Ok(place.clone());
        }
        let name = format!("{}_archive", data.folder);
        let archive = self.published(&name, data.url, Some(Checksum::Sha256(data.sha256)))?;
        unpack(&archive, &target, &[Format::Tar])?;
        let [place, ..] = places;
        if whole(&place) {
            return Ok(place);
        }
        let message = format!("does not hold {:?} in `{}`", data.files, data.within);
        Err(Error::Format { what: archive.display().to_string(), message })
    }

    /// The path of a data set in a folder, of which no hash is known.
    pub(crate) fn unhashed(&self, folder: &str, name: &str) -> Result<PathBuf> {
        self.get(&format!("{folder}/{name}"), &format!("{KERAS_URL}/{name}"), None)
    }

    fn get(&self, name: &str, url: &str, checksum: Option<Checksum>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let fits = || checksum.map_or(Ok(true), |checksum| checksum.fits(&path));
        if path.exists() && (self.trusted || fits()?) {
            return Ok(path);
        }
        let own = self.url.as_ref().map(|server| format!("{}/{name}", server.trim_end_matches('/')));
        download_checked(&own.unwrap_or_else(|| url.into()), checksum, &path).map_err(|e| {
            let by_hand = format!("put {name} into {} by hand", self.folder.display());
            e.help(format!("{by_hand}, or set CORNU_DATA_DIR to a folder that has it"))
        })?;
        Ok(path)
    }
}

/// A data set that is published as an archive.
pub(crate) struct Unpacked {
    /// What it is unpacked to; the archive is called so with `_archive` at its end.
    pub folder: &'static str,
    /// The folder in the archive.
    pub within: &'static str,
    pub url: &'static str,
    pub sha256: &'static str,
    /// What is needed of it.
    pub files: &'static [&'static str],
}

/// Keras's folder in the user's home.
pub(crate) fn keras_home() -> PathBuf {
    let set = |home: &PathBuf| !home.as_os_str().is_empty();
    let home = || env::home_dir().filter(set).unwrap_or_else(env::temp_dir);
    environment::variable("KERAS_HOME").map_or_else(|| home().join(".keras"), PathBuf::from)
}

/// Small files of the same form as the published ones, and what Keras made of them: `tools/oracle/datasets.py`.
#[cfg(test)]
pub(super) mod testing {
    use super::super::{Sequences, TrainTest};
    use cornu_graph::Tensor;
    use serde_json::{Value as Json, json};
    use std::path::{Path, PathBuf};

    pub fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/datasets").join(name)
    }

    fn expected(name: &str) -> Json {
        let all: Json = serde_json::from_slice(&std::fs::read(file("expected.json")).unwrap()).unwrap();
        all[name].clone()
    }

    /// Shape, dtype and the numbers that a checksum is made of.
    fn summary(x: &Tensor) -> Json {
        let values = x.to_f64();
        let sum: f64 = values.iter().enumerate().map(|(i, v)| (i % 9973) as f64 * v).sum();
        json!({"shape": x.shape(), "dtype": x.dtype().name(), "sum": sum, "first": values[..values.len().min(40)]})
    }

    pub fn pictures(name: &str, ((x_train, y_train), (x_test, y_test)): &TrainTest) {
        assert_eq!(json!([x_train, y_train, x_test, y_test].map(summary)), expected(name), "{name}");
    }

    pub fn sequences(name: &str, ((x_train, y_train), (x_test, y_test)): &Sequences) {
        assert_eq!((y_train.dtype().name(), y_test.dtype().name()), ("int64", "int64"));
        let labels = |y: &Tensor| y.to_vec::<i64>().unwrap();
        assert_eq!(json!([x_train, labels(y_train), x_test, labels(y_test)]), expected(name), "{name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// SHA-256 of `abc`, from FIPS 180-4's examples.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn own_files_are_used_as_they_are() {
        let folder = env::temp_dir().join(format!("cornu-source-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a"), "abc").unwrap();
        // Nothing listens on port 1.
        let source =
            |trusted| Source { folder: folder.clone(), trusted, url: Some("http://127.0.0.1:1/".into()) };
        assert_eq!(source(false).file("a", ABC).unwrap(), folder.join("a"));
        fs::write(folder.join("a"), "a part").unwrap();
        assert_eq!(source(true).file("a", ABC).unwrap(), folder.join("a"));
        let e = source(false).file("a", ABC).unwrap_err().to_string();
        assert!(e.starts_with("http://127.0.0.1:1/a: "), "{e}");
        let help = format!(
            "help: put a into {} by hand, or set CORNU_DATA_DIR to a folder that has it",
            folder.display()
        );
        assert!(e.ends_with(&help), "{e}");
        fs::remove_dir_all(folder).unwrap();
    }
}
