//! Files and folders that are whole or not there.
use cornu_graph::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Replaces the file at `path`: written beside it, brought to the disk, then moved there, so that nobody sees half of it and
/// what was there stays until then.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes).map_err(|e| Error::io(path, e)))
}

/// [`write`] of what `content` writes, piece by piece.
pub(crate) fn write_with(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let beside = beside(path);
    let written = write_file(&beside, path, content).and_then(|()| {
        let moved = fs::rename(&beside, path).and_then(|()| sync_folder(path));
        moved.map_err(|e| Error::io(path, e))
    });
    if written.is_err() {
        // What went wrong is the first error; the part may not even exist.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Writes a file and brings it to the disk; `path` is what errors name.
fn write_file(
    file: &Path,
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let io = |e| Error::io(path, e);
    let mut out = BufWriter::new(File::create(file).map_err(io)?);
    content(&mut out)?;
    let file = out.into_inner().map_err(|e| io(e.into_error()))?;
    file.sync_all().map_err(io)
}

/// Replaces the folder at `path` by one with these files: written beside it, brought to the disk, then put in its place at once
/// where the system can exchange two names, as Linux and macOS can.
pub(crate) fn write_folder<C: FnOnce(&mut BufWriter<File>) -> Result<()>>(
    path: &Path,
    files: impl IntoIterator<Item = (String, C)>,
) -> Result<()> {
    let io = |e| Error::io(path, e);
    let beside = beside(path);
    let fill = || {
        fs::create_dir_all(&beside).map_err(io)?;
        for (name, content) in files {
            let place = beside.join(name);
            if let Some(folder) = place.parent() {
                fs::create_dir_all(folder).map_err(io)?;
            }
            write_file(&place, path, content)?;
        }
        sync(&beside).map_err(io)?;
        let moved = if path.exists() { exchange(&beside, path) } else { fs::rename(&beside, path) };
        moved.and_then(|()| sync_folder(path)).map_err(io)
    };
    let written = fill();
    // What stands there now is the old folder, or a part.
    let _ = fs::remove_dir_all(&beside);
    written
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_halfway_leaves_the_old_file() {
        let folder = std::env::temp_dir().join(format!("cornu-atomic-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("file");
        write(&path, b"old").unwrap();
        let half = |file: &mut BufWriter<File>| {
            // More than is kept in memory.
            file.write_all(&[0; 1 << 17]).unwrap();
            Err(Error::State("enough".into()))
        };
        assert_eq!(write_with(&path, half).unwrap_err().to_string(), "enough");
        let failing = [("a/b".to_string(), half)];
        assert_eq!(write_folder(&folder.join("new"), failing).unwrap_err().to_string(), "enough");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
