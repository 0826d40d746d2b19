//! Files that are whole or not there.
use cornu_graph::{Error, Result};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Replaces the file at `path`: written beside it, brought to the disk, then moved there, so that nobody sees half of it and
/// what was there stays until then.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_file_name(format!(".{name}.{}-{count}.part", std::process::id()));
    remove_stale(path, &name);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(path)
    });
    if written.is_err() {
        // What went wrong is the first error; the part may not even exist.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(|e| Error::io(path, e))
}

/// How long a part lies untouched before it is taken for one of a process that was killed: no file takes that long to write.
const STALE: Duration = Duration::from_secs(3600);

/// Removes what killed processes left of earlier attempts. What cannot be removed is left.
fn remove_stale(path: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    let start = format!(".{name}.");
    for entry in entries.flatten() {
        let found = entry.file_name();
        let is_part = found.to_str().is_some_and(|f| f.starts_with(&start) && f.ends_with(".part"));
        let age = || entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        if is_part && age().is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings the new name to the disk, where folders can be opened.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder_of(path))?.sync_all()
}
