//! Where Python packages are installed.
use cornu_graph::environment;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of the active Python's packages that exist, the most specific first: a virtual environment's, Conda's, then
/// those of the first `python3` or `python` on `PATH` and of the user. Python is run only when none of these is found.
pub(crate) fn site_packages() -> Vec<PathBuf> {
    let variable = |name: &str| environment::variable(name).map(PathBuf::from);
    let mut found = vec![];
    for prefix in ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable) {
        packages_of(&prefix, &mut found);
    }
    let path = environment::variable("PATH").unwrap_or_default();
    let python = std::env::split_paths(&path)
        .filter(|dir| !dir.as_os_str().is_empty())
        .find_map(|dir| ["python3", "python"].iter().map(|name| dir.join(name)).find(|file| file.is_file()));
    let before = found.len();
    if let Some(prefix) = python.as_deref().and_then(Path::parent).and_then(Path::parent) {
        packages_of(prefix, &mut found);
    }
    if let (Some(python), true) = (&python, found.len() == before) {
        found.extend(asked(python));
    }
    if let Some(home) = variable("HOME") {
        packages_of(&home.join(".local"), &mut found);
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|dir| seen.insert(dir.clone()));
    found
}

/// The folders of packages under an installation's prefix, newer versions of Python first.
fn packages_of(prefix: &Path, found: &mut Vec<PathBuf>) {
    let mut libraries = vec![];
    // Debian's Python has its own packages in one folder and those of administrators beside it.
    for lib in [prefix.join("lib"), prefix.join("lib64"), prefix.join("local/lib"), prefix.join("Lib")] {
        libraries.push(lib.clone());
        let Ok(entries) = std::fs::read_dir(&lib) else { continue };
        let versions = entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("python3"));
        let mut versions: Vec<PathBuf> = versions.map(|e| e.path()).collect();
        versions.sort_by_key(|path| std::cmp::Reverse(minor_version(path)));
        libraries.extend(versions);
    }
    let packages = libraries.iter().flat_map(|lib| [lib.join("site-packages"), lib.join("dist-packages")]);
    found.extend(packages.filter(|dir| dir.is_dir()));
}

/// 11 of `python3.11`.
fn minor_version(path: &Path) -> u32 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix("python3.").and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

fn asked(python: &Path) -> Option<PathBuf> {
    let program = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
    let output = Command::new(python).args(["-c", program]).output().ok().filter(|o| o.status.success())?;
    let dir = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    dir.is_dir().then_some(dir)
}

/// The version of an installed package, by the folder that pip leaves beside it: `name-1.2.dist-info`.
pub(crate) fn version(packages: &Path, name: &str) -> Option<String> {
    let entries = std::fs::read_dir(packages).ok()?;
    entries.flatten().find_map(|entry| {
        let file = entry.file_name().to_string_lossy().into_owned();
        let version = file.strip_suffix(".dist-info")?.strip_prefix(name)?.strip_prefix('-')?;
        Some(version.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_a_prefix() {
        let prefix = std::env::temp_dir().join(format!("cornu-python-{}", std::process::id()));
        let packages = |v: &str| prefix.join("lib").join(v).join("site-packages");
        for v in ["python3.9", "python3.12"] {
            std::fs::create_dir_all(packages(v).join("tensorflow_cpu-2.21.0.dist-info")).unwrap();
        }
        let mut found = vec![];
        packages_of(&prefix, &mut found);
        assert_eq!(found, [packages("python3.12"), packages("python3.9")]);
        assert_eq!(version(&found[0], "tensorflow_cpu").as_deref(), Some("2.21.0"));
        assert_eq!(version(&found[0], "tensorflow"), None);
        std::fs::remove_dir_all(prefix).unwrap();
    }
}
