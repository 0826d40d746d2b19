//! Files that are whole or not there.
use cornu_graph::{Error, Result};
use std::fs;
use std::path::Path;

/// Replaces the file at `path`: written beside it, then moved there, so that nobody sees half of it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let at = |e| Error::io(path, e);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What went wrong is the first error; the part may not even exist.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(at)
}
