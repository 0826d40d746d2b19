//! Files and folders that are whole or not there.
use cornu_graph::{Error, Result};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Replaces the file at `path`: written beside it, brought to the disk, then moved there, so that nobody sees half of it and
/// what was there stays until then.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(part_name(&name));
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

/// Replaces the folder at `path` by one with these files: written beside it, brought to the disk, then put in its place at once
/// where the system can exchange two names, as Linux and macOS can.
pub(crate) fn write_folder(path: &Path, files: &[(&str, &[u8])]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(part_name(&name));
    remove_stale(path, &name);
    let written = fs::create_dir_all(&beside).and_then(|()| {
        for (name, bytes) in files {
            let place = beside.join(name);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&place)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        sync(&beside)?;
        if path.exists() {
            exchange(&beside, path)?
        } else {
            fs::rename(&beside, path)?
        }
        sync_folder(path)
    });
    // What stands there now is the old folder, or a part.
    let _ = fs::remove_dir_all(&beside);
    written.map_err(|e| Error::io(path, e))
}

/// Gives two folders each other's name.
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    if !b.is_dir() {
        return Err(io::Error::other("a file is there, in place of which no folder is written"));
    }
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    // File systems without it: for a moment only the old one is there, under another name.
    let old = b.with_file_name(part_name(&b.file_name().unwrap_or_default().to_string_lossy()));
    fs::rename(b, &old)?;
    fs::rename(a, b)?;
    fs::rename(&old, a)
}

/// A path beside `path` for what is to be moved there once it is whole.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    remove_stale(path, &name);
    path.with_file_name(part_name(&name))
}

/// A name beside `name` that no other part has.
fn part_name(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{name}.{}-{count}.part", std::process::id())
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
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings the new name to the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    sync(folder_of(path))
}

/// Brings the names in a folder to the disk, where folders can be opened.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder)?.sync_all()
}
