//! Compiled programs on disk, each in a file named by a hash of all that it depends on.
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// How a file begins; the number is that of this layout: the mark, a checksum of the rest, the program.
const MARK: &[u8; 16] = b"cornu pjrt 1\r\n\x1a\n";
const CHECKSUM: usize = 16;

/// The place of one program.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
}

impl Entry {
    /// The place of a program that depends on these texts.
    pub fn new(folder: &Path, depends: &[&[u8]]) -> Entry {
        let mut hash = Hash::new();
        for text in depends {
            hash.add(&(text.len() as u64).to_le_bytes());
            hash.add(text);
        }
        Entry { path: folder.join("pjrt").join(format!("{:032x}.bin", hash.0)) }
    }

    /// The program, if the file is there and whole. It counts as used now.
    pub fn read(&self) -> Option<Vec<u8>> {
        let mut bytes = fs::read(&self.path).ok()?;
        let rest = bytes.strip_prefix(MARK)?;
        let (checksum, program) = rest.split_at_checked(CHECKSUM)?;
        if *checksum != checksum_of(program) {
            return None;
        }
        bytes.drain(..MARK.len() + CHECKSUM);
        // Where that cannot be noted, it is removed early and compiled again.
        let _ =
            fs::File::options().append(true).open(&self.path).and_then(|f| f.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Keeps the program: the file is whole or as it was. Then those that were not used for the longest time are removed, until
    /// all take at most `max_size` bytes.
    ///
    /// # Errors
    /// When the disk is full or the folder not ours.
    pub fn write(&self, program: &[u8], max_size: u64) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        create(folder)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let beside = self.path.with_extension(format!("{}-{count}.part", std::process::id()));
        let written = fs::File::create(&beside).and_then(|mut file| {
            file.write_all(MARK)?;
            file.write_all(&checksum_of(program))?;
            file.write_all(program)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        });
        if written.is_err() {
            // What went wrong is the first error; the part may not even exist.
            let _ = fs::remove_file(&beside);
        }
        written.and_then(|()| prune(folder, max_size))
    }
}

/// Removes the files that were not used for the longest time until all take at most `max_size` bytes; what a process that was
/// killed left behind, too. Several processes may do so at once: a file that is gone already is no matter.
fn prune(folder: &Path, max_size: u64) -> io::Result<()> {
    let mut files = vec![];
    for file in fs::read_dir(folder)?.flatten() {
        if let Ok(about) = file.metadata()
            && about.is_file()
        {
            files.push((about.modified()?, about.len(), file.path()));
        }
    }
    files.sort();
    let mut size: u64 = files.iter().map(|(_, size, _)| size).sum();
    for (_, bytes, path) in files {
        if size <= max_size {
            break;
        }
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => size -= bytes,
        }
    }
    Ok(())
}

/// A folder that only the user can write to: what lies in it is code.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Hash::new();
    hash.add(bytes);
    hash.0.to_le_bytes()
}

/// FNV-1a of 128 bits.
struct Hash(u128);

impl Hash {
    fn new() -> Hash {
        Hash(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_or_nothing() {
        let folder = std::env::temp_dir().join(format!("cornu-pjrt-cache-{}", std::process::id()));
        let entry = Entry::new(&folder, &[b"module", b"plugin"]);
        assert_ne!(entry.path, Entry::new(&folder, &[b"modulep", b"lugin"]).path);
        assert_eq!(entry.read(), None);
        entry.write(b"program", 1000).unwrap();
        assert_eq!(entry.read().unwrap(), b"program");
        assert_eq!(fs::read_dir(entry.path.parent().unwrap()).unwrap().count(), 1);

        let whole = fs::read(&entry.path).unwrap();
        for damaged in
            [&whole[..whole.len() - 1], &whole[..20], &whole[1..], b"", &[&whole[..], b"x"].concat()]
        {
            fs::write(&entry.path, damaged).unwrap();
            assert_eq!(entry.read(), None);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_least_recently_used_go() {
        let folder = std::env::temp_dir().join(format!("cornu-pjrt-prune-{}", std::process::id()));
        let entries = [b"a", b"b", b"c", b"d"].map(|name| Entry::new(&folder, &[name]));
        let there = || entries.each_ref().map(|e| e.path.exists());
        let size = (MARK.len() + CHECKSUM + 100) as u64;
        let age = |path: &Path, seconds: u64| {
            let time = SystemTime::now() - std::time::Duration::from_secs(seconds);
            fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        };
        for (i, entry) in entries[..3].iter().enumerate() {
            entry.write(&[i as u8; 100], 3 * size).unwrap();
            age(&entry.path, 100 - i as u64);
        }
        let part = entries[0].path.with_extension("1-0.part");
        fs::write(&part, [0; 50]).unwrap();
        age(&part, 1000);
        // The first was the oldest until it was read.
        assert_eq!(entries[0].read().unwrap(), [0; 100]);
        entries[3].write(&[3; 100], 3 * size).unwrap();
        assert_eq!((there(), part.exists()), ([true, false, true, true], false));
        age(&entries[0].path, 50);
        entries[1].write(&[1; 100], 2 * size).unwrap();
        assert_eq!(there(), [false, true, false, true]);
        // One that is larger than all may be is not kept; nor is anything else.
        entries[2].write(&[2; 100], size - 1).unwrap();
        assert_eq!(there(), [false; 4]);
        fs::remove_dir_all(folder).unwrap();
    }

    /// The numbers of the authors of FNV.
    #[test]
    fn known_hashes() {
        let mut hash = Hash::new();
        hash.add(b"foobar");
        assert_eq!(hash.0, 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }
}
