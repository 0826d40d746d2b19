//! Where a plugin is, and the libraries that it needs.
use super::failure;
use crate::python;
use cornu_graph::{Error, Result, environment};
use std::path::{Path, PathBuf};

/// The command that installs the CUDA plugin and NVIDIA's libraries.
pub const INSTALL: &str = "pip install \"jax-cuda13-plugin[with-cuda]\"";

/// Plugins in Python's packages, the best first: the file, and the package whose version it has.
const PLUGINS: [(&str, &str); 2] = [
    ("jax_plugins/xla_cuda13/xla_cuda_plugin.so", "jax_cuda13_pjrt"),
    ("jax_plugins/xla_cuda12/xla_cuda_plugin.so", "jax_cuda12_pjrt"),
];

/// NVIDIA's libraries in the folder `nvidia` of Python's packages, in the order in which they need each other. A plugin
/// asks for them by name only, and takes those that are loaded already.
const LIBRARIES: [(&str, &[&str]); 11] = [
    ("cuda_runtime", &["libcudart.so.12"]),
    ("cuda_nvrtc", &["libnvrtc.so.12"]),
    ("cublas", &["libcublasLt.so.12", "libcublas.so.12"]),
    (
        "cu13",
        &[
            "libcudart.so.13",
            "libnvrtc.so.13",
            "libcublasLt.so.13",
            "libcublas.so.13",
            "libcupti.so.13",
            "libnvJitLink.so.13",
            "libcusparse.so.12",
            "libcusolver.so.12",
            "libcufft.so.12",
        ],
    ),
    ("nccl", &["libnccl.so.2"]),
    ("cuda_cupti", &["libcupti.so.12"]),
    ("nvjitlink", &["libnvJitLink.so.12"]),
    ("cusparse", &["libcusparse.so.12"]),
    ("cusolver", &["libcusolver.so.11"]),
    ("cufft", &["libcufft.so.11"]),
    ("cudnn", &["libcudnn.so.9"]),
];

/// An installed plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The shared library.
    pub path: PathBuf,
    /// Its version, where the installation says it.
    pub version: Option<String>,
}

/// The plugin that would be opened: of `CORNU_PJRT_PLUGIN`, else of the active Python. Nothing is loaded.
pub fn find() -> Option<Found> {
    locate().ok()
}

/// The same with the reason why not.
pub(super) fn locate() -> Result<Found> {
    locate_in(environment::variable("CORNU_PJRT_PLUGIN").map(PathBuf::from), &python::site_packages())
}

fn locate_in(given: Option<PathBuf>, packages: &[PathBuf]) -> Result<Found> {
    if let Some(path) = given {
        return Ok(Found { path, version: None });
    }
    for (file, package) in PLUGINS {
        for packages in packages {
            let path = packages.join(file);
            if path.is_file() {
                return Ok(Found { path, version: python::version(packages, package) });
            }
        }
    }
    Err(absent(packages))
}

fn absent(packages: &[PathBuf]) -> Error {
    let places: Vec<String> = packages.iter().map(|dir| dir.display().to_string()).collect();
    let places = match places.len() {
        0 => "there is no Python".to_string(),
        _ => format!("no `jax-cuda13-pjrt` or `jax-cuda12-pjrt` in {}", places.join(", ")),
    };
    failure(format!("no PJRT plugin is installed: {places}"))
        .help(format!("{INSTALL}, or say in `CORNU_PJRT_PLUGIN` which shared library it is"))
}

/// The folder of Python's packages that a plugin lies in, if it is one of [`PLUGINS`].
fn packages_of(plugin: &Path) -> Option<&Path> {
    PLUGINS.iter().any(|(file, _)| plugin.ends_with(file)).then(|| plugin.ancestors().nth(3)).flatten()
}

/// NVIDIA's libraries beside a plugin that lies in Python's packages.
pub(super) fn libraries(plugin: &Path) -> Vec<PathBuf> {
    let Some(nvidia) = packages_of(plugin).map(|packages| packages.join("nvidia")) else { return vec![] };
    let files = LIBRARIES.iter().flat_map(|(folder, names)| {
        let lib = nvidia.join(folder).join("lib");
        names.iter().map(move |name| lib.join(name))
    });
    files.filter(|file| file.is_file()).collect()
}

/// The folder with `ptxas` and `libdevice` beside a plugin that lies in Python's packages; elsewhere XLA looks itself.
pub(super) fn cuda_data(plugin: &Path) -> Option<PathBuf> {
    let nvidia = packages_of(plugin)?.join("nvidia");
    ["cu13", "cuda_nvcc"].iter().map(|name| nvidia.join(name)).find(|dir| dir.join("nvvm/libdevice").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_newest_plugin_and_its_libraries() {
        let root = std::env::temp_dir().join(format!("cornu-pjrt-find-{}", std::process::id()));
        let e = locate_in(None, std::slice::from_ref(&root)).unwrap_err().to_string();
        let expected = format!(
            "backend `pjrt`: no PJRT plugin is installed: no `jax-cuda13-pjrt` or `jax-cuda12-pjrt` in {}\n  help: pip \
             install \"jax-cuda13-plugin[with-cuda]\", or say in `CORNU_PJRT_PLUGIN` which shared library it is",
            root.display()
        );
        assert_eq!(e, expected);
        assert!(locate_in(None, &[]).unwrap_err().to_string().contains("installed: there is no Python"));

        for (file, _) in PLUGINS {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        for dir in
            ["nvidia/cublas/lib", "nvidia/cuda_nvcc/nvvm/libdevice", "jax_cuda13_pjrt-0.12.0.dist-info"]
        {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::write(root.join("nvidia/cublas/lib/libcublas.so.12"), "").unwrap();
        let found = locate_in(None, std::slice::from_ref(&root)).unwrap();
        assert_eq!((found.path.clone(), found.version.as_deref()), (root.join(PLUGINS[0].0), Some("0.12.0")));
        assert_eq!(libraries(&found.path), [root.join("nvidia/cublas/lib/libcublas.so.12")]);
        assert_eq!(cuda_data(&found.path), Some(root.join("nvidia/cuda_nvcc")));
        assert_eq!(
            (libraries(Path::new("/x/plugin.so")), cuda_data(Path::new("/x/plugin.so"))),
            (vec![], None)
        );

        let given = locate_in(Some("/x/plugin.so".into()), std::slice::from_ref(&root)).unwrap();
        assert_eq!(given, Found { path: "/x/plugin.so".into(), version: None });
        fs::remove_dir_all(root).unwrap();
    }
}
