//! Where TensorFlow is.
use super::failure;
use crate::python;
use cornu_graph::{Error, Result, environment};
use std::path::{Path, PathBuf};

/// The command that installs it.
pub const INSTALL: &str = "pip install tensorflow-cpu";

/// Opened in this order: the second needs the symbols of the first.
pub(super) const LIBRARIES: [&str; 2] = if cfg!(target_os = "macos") {
    ["libtensorflow_framework.2.dylib", "libtensorflow_cc.2.dylib"]
} else {
    ["libtensorflow_framework.so.2", "libtensorflow_cc.so.2"]
};

/// An installed TensorFlow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The folder with its libraries.
    pub dir: PathBuf,
    /// Its version, where the installation says it.
    pub version: Option<String>,
}

/// The TensorFlow that would be opened: of `TENSORFLOW_DIR`, else of the active Python. Nothing is loaded.
pub fn find() -> Option<Found> {
    locate(None).ok()
}

/// The same with the reason why not; `dir` instead of `TENSORFLOW_DIR`.
pub(super) fn locate(dir: Option<&Path>) -> Result<Found> {
    let given =
        dir.map(Path::to_path_buf).or_else(|| environment::variable("TENSORFLOW_DIR").map(PathBuf::from));
    if let Some(dir) = given {
        return match missing(&dir) {
            None => Ok(found(dir)),
            Some(file) => {
                let message = format!("there is no `{file}` in {}", dir.display());
                Err(failure(message).help(format!(
                    "`TENSORFLOW_DIR` is the folder `tensorflow` of Python's packages; {INSTALL}"
                )))
            }
        };
    }
    let packages = python::site_packages();
    let all = packages.iter().map(|packages| packages.join("tensorflow"));
    all.into_iter().find(|dir| missing(dir).is_none()).map(found).ok_or_else(|| absent(&packages))
}

fn missing(dir: &Path) -> Option<&'static str> {
    LIBRARIES.into_iter().find(|file| !dir.join(file).is_file())
}

fn found(dir: PathBuf) -> Found {
    let packages = dir.parent().unwrap_or(&dir);
    let named = |name| python::version(packages, name);
    let version = named("tensorflow_cpu").or_else(|| named("tensorflow"));
    Found { dir, version }
}

fn absent(packages: &[PathBuf]) -> Error {
    let places: Vec<String> = packages.iter().map(|dir| dir.display().to_string()).collect();
    let places = if places.is_empty() {
        "there is no Python".to_string()
    } else {
        format!("not in {}", places.join(", "))
    };
    failure(format!("TensorFlow is not installed: {places}"))
        .help(format!("{INSTALL}, or say in `TENSORFLOW_DIR` where it is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing() {
        let e = locate(Some(Path::new("/nowhere"))).unwrap_err().to_string();
        let first = LIBRARIES[0];
        assert!(
            e.starts_with(&format!("backend `tensorflow`: there is no `{first}` in /nowhere\n  help:")),
            "{e}"
        );
        assert!(e.ends_with(INSTALL), "{e}");
        let e = absent(&["/a".into(), "/b".into()]).to_string();
        assert!(e.starts_with("backend `tensorflow`: TensorFlow is not installed: not in /a, /b"), "{e}");
        assert!(e.contains("help: pip install tensorflow-cpu"), "{e}");
        assert!(absent(&[]).to_string().contains("there is no Python"));
    }
}
