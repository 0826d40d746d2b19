//! Archives unpacked into folders: zip, and tar, which may be compressed by gzip.
use super::allowance::Allowance;
use super::atomic;
use cornu_graph::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;

/// What an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Tar,
    Zip,
}

/// Bytes of a header of tar, and what everything is filled up to.
const BLOCK: usize = 512;
/// Files and folders of one archive.
const MAX_ENTRIES: usize = 1 << 20;
/// Bytes of a long name, or of the settings of a file.
const MAX_SETTINGS: u64 = 1 << 20;

/// Unpacks an archive of one of these formats into a folder; whether it is one. All goes to a folder beside it first: when
/// something is wrong, nothing has changed.
///
/// # Errors
/// When it is damaged, unpacks to more than its data can give, or has a member that is a link or a device, leads out of the
/// folder, or is there twice.
pub(crate) fn unpack(archive: &Path, into: &Path, formats: &[Format]) -> Result<bool> {
    let Some(format) = format_of(archive)?.filter(|format| formats.contains(format)) else {
        return Ok(false);
    };
    let beside = atomic::beside(into);
    let size = fs::metadata(archive).map_err(|e| Error::io(archive, e))?.len();
    fs::create_dir_all(&beside).map_err(|e| Error::io(&beside, e))?;
    let mut target = Target { folder: &beside, what: archive, allowance: Allowance::of(size), entries: 0 };
    let unpacked = match format {
        Format::Zip => target.zip(),
        Format::Tar => target.tar(),
    };
    let moved = unpacked.and_then(|()| merge(&beside, into).map_err(|e| Error::io(into, e)));
    // What is left there is of no use.
    let _ = fs::remove_dir_all(&beside);
    moved.map(|()| true)
}

/// What a file begins as, if it is an archive.
fn format_of(archive: &Path) -> Result<Option<Format>> {
    let at = |e: io::Error| Error::io(archive, e);
    let mut file = File::open(archive).map_err(at)?;
    let mut start = vec![];
    file.by_ref().take(4).read_to_end(&mut start).map_err(at)?;
    file.seek(SeekFrom::Start(0)).map_err(at)?;
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(Some(Format::Zip));
    }
    if start.starts_with(b"BZh") {
        let error = Error::Format {
            what: archive.display().to_string(),
            message: "is packed by bzip2, which is not read".into(),
        };
        return Err(error.help("pack it by gzip, or unpack it by hand"));
    }
    let mut block = vec![];
    // What cannot be unpacked is no archive.
    let read = plain(file, &start).take(BLOCK as u64).read_to_end(&mut block);
    Ok((read.is_ok() && checksum_fits(&block)).then_some(Format::Tar))
}

/// The file without its compression.
fn plain(file: File, start: &[u8]) -> Box<dyn Read> {
    let file = BufReader::new(file);
    if start.starts_with(&[0x1f, 0x8b]) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) }
}

/// Whether a header of tar has the sum of its bytes in it.
fn checksum_fits(block: &[u8]) -> bool {
    const SUM: std::ops::Range<usize> = 148..156;
    if block.len() != BLOCK {
        return false;
    }
    let bytes = block.iter().enumerate().map(|(i, &b)| u64::from(if SUM.contains(&i) { b' ' } else { b }));
    octal(&block[SUM]) == Some(bytes.sum())
}

/// A number of tar: octal digits.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.split(|b| *b == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(digits).ok()?.trim();
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

struct Target<'a> {
    folder: &'a Path,
    what: &'a Path,
    allowance: Allowance,
    entries: usize,
}

impl Target<'_> {
    fn bad(&self, name: &str, message: &str) -> Error {
        let shown: String = name.chars().take(200).collect();
        Error::Format { what: self.what.display().to_string(), message: format!("`{shown}` in it {message}") }
    }

    /// Where a member goes.
    fn place(&mut self, name: &str) -> Result<PathBuf> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(self.bad(name, "is one more than a folder is unpacked with"));
        }
        let inside = |part: &Component| matches!(part, Component::Normal(_) | Component::CurDir);
        let path = Path::new(name);
        if name.is_empty() || name.contains(['\\', '\0', ':']) || !path.components().all(|part| inside(&part))
        {
            return Err(self.bad(name, "leads out of the folder"));
        }
        Ok(self.folder.join(path))
    }

    fn directory(&mut self, name: &str) -> Result<()> {
        let path = self.place(name)?;
        fs::create_dir_all(&path).map_err(|e| Error::io(&path, e))
    }

    /// Writes a member of `size` bytes.
    fn file(&mut self, name: &str, size: u64, content: &mut dyn Read) -> Result<()> {
        let path = self.place(name)?;
        if !self.allowance.take(size) {
            return Err(self.bad(name, "claims more than the data of the archive can give"));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        let made = File::options().write(true).create_new(true).open(&path);
        let mut file = made.map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => self.bad(name, "is there twice"),
            _ => Error::io(&path, e),
        })?;
        let written = io::copy(&mut content.take(size), &mut file);
        match written.map_err(|e| self.bad(name, &format!("cannot be unpacked: {e}")))? {
            n if n == size => Ok(()),
            _ => Err(self.bad(name, "ends too early")),
        }
    }

    fn zip(&mut self) -> Result<()> {
        let file = File::open(self.what).map_err(|e| Error::io(self.what, e))?;
        let bad = |e: zip::result::ZipError| Error::Format {
            what: self.what.display().to_string(),
            message: format!("is a damaged zip archive: {e}"),
        };
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(bad)?;
        if archive.has_duplicate_names() {
            return Err(self.bad("", "are two members of one name"));
        }
        for i in 0..archive.len() {
            const KIND: u32 = 0o170_000;
            const PLAIN: [u32; 3] = [0, 0o100_000, 0o040_000];
            let mut entry = archive.by_index(i).map_err(bad)?;
            let name = entry.name().map_err(bad)?.into_owned();
            if !PLAIN.contains(&(entry.unix_mode().unwrap_or(0) & KIND)) {
                return Err(self.bad(&name, "is a link or a device"));
            }
            if name.ends_with('/') {
                self.directory(&name)?;
                continue;
            }
            let size = entry.size();
            self.file(&name, size, &mut entry)?;
        }
        Ok(())
    }

    fn tar(&mut self) -> Result<()> {
        let mut file = File::open(self.what).map_err(|e| Error::io(self.what, e))?;
        let mut start = [0; 2];
        let known = file.read_exact(&mut start).and_then(|()| file.seek(SeekFrom::Start(0)));
        known.map_err(|e| Error::io(self.what, e))?;
        let mut input = plain(file, &start);
        let mut long_name: Option<String> = None;
        loop {
            let mut block = [0; BLOCK];
            input.read_exact(&mut block).map_err(|e| self.bad("", &format!("ends too early: {e}")))?;
            if block == [0; BLOCK] {
                return Ok(());
            }
            let text = |field: &[u8]| {
                String::from_utf8_lossy(field.split(|b| *b == 0).next().unwrap_or_default()).into_owned()
            };
            let (short, prefix) = (text(&block[..100]), text(&block[345..500]));
            let is_posix = &block[257..263] == b"ustar\0";
            let short = if is_posix && !prefix.is_empty() { format!("{prefix}/{short}") } else { short };
            let size = octal(&block[124..136]).filter(|_| checksum_fits(&block));
            let Some(size) = size else { return Err(self.bad(&short, "has a damaged header")) };
            let kind = block[156];
            match kind {
                // A name that is longer than a header, or settings, of which the name counts.
                b'L' | b'x' | b'g' => {
                    if size > MAX_SETTINGS {
                        return Err(self.bad(&short, "has settings that are too long"));
                    }
                    let mut settings = vec![];
                    let read = input.by_ref().take(size).read_to_end(&mut settings);
                    read.map_err(|e| self.bad(&short, &format!("cannot be unpacked: {e}")))?;
                    match kind {
                        b'L' => long_name = Some(text(&settings)),
                        b'x' => long_name = path_setting(&settings).or(long_name),
                        _ => {}
                    }
                }
                0 | b'0' | b'7' | b'5' => {
                    let name = long_name.take().unwrap_or(short);
                    if kind == b'5' || name.ends_with('/') {
                        self.directory(&name)?;
                    } else {
                        self.file(&name, size, &mut input)?;
                    }
                }
                _ => return Err(self.bad(&short, "is a link or a device")),
            }
            let rest = size.next_multiple_of(BLOCK as u64) - size;
            let skipped = if kind == b'5' { 0 } else { rest };
            io::copy(&mut input.by_ref().take(skipped), &mut io::sink())
                .map_err(|e| self.bad("", &format!("ends too early: {e}")))?;
        }
    }
}

/// The path among settings of the form `30 path=folder/name\n`.
fn path_setting(settings: &[u8]) -> Option<String> {
    let mut rest = std::str::from_utf8(settings).ok()?;
    let mut found = None;
    while let Some((length, _)) = rest.split_once(' ') {
        let (record, next) = rest.split_at_checked(length.parse().ok().filter(|n| *n > length.len())?)?;
        if let Some(path) = record[length.len() + 1..].strip_prefix("path=") {
            found = Some(path.trim_end_matches('\n').to_string());
        }
        rest = next;
    }
    found
}

/// Moves what is in one folder into another, over files of the same names.
fn merge(from: &Path, into: &Path) -> io::Result<()> {
    if !into.exists() {
        return fs::rename(from, into);
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = into.join(entry.file_name());
        if entry.file_type()?.is_dir() && target.is_dir() {
            merge(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::{Cursor, Write};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    /// A header of tar.
    fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        let sum: u64 = block.iter().map(|&b| u64::from(b)).sum::<u64>() + 8 * u64::from(b' ');
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
        let mut file = vec![];
        for (name, kind, content) in members {
            file.extend(header(name, *kind, content.len()));
            file.extend(*content);
            file.resize(file.len().next_multiple_of(BLOCK), 0);
        }
        file.resize(file.len() + 2 * BLOCK, 0);
        file
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(vec![]));
        for (name, content) in members {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("cornu-unpack-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }

        fn unpack(&self, archive: &[u8]) -> Result<bool> {
            fs::write(self.0.join("archive"), archive).unwrap();
            unpack(&self.0.join("archive"), &self.0.join("out"), &[Format::Tar, Format::Zip])
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.0.join("out").join(name)).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn archives() {
        let folder = Folder::new("whole");
        let long = format!("deep/{}.txt", "n".repeat(150));
        let record = format!("{} path={long}\n", 9 + long.len() + 3);
        let record = record.replacen(&(9 + long.len() + 3).to_string(), &record.len().to_string(), 1);
        let members: &[(&str, u8, &[u8])] = &[
            ("./a/", b'5', b""),
            ("a/b.txt", b'0', b"one"),
            ("x", b'x', record.as_bytes()),
            ("short", 0, b"two"),
        ];
        for file in [tar(members), gz(&tar(members))] {
            assert!(folder.unpack(&file).unwrap());
            assert_eq!((folder.read("a/b.txt"), folder.read(&long)), ("one".into(), "two".into()));
        }
        let gnu = [tar(&[("././@LongLink", b'L', long.as_bytes()), ("short", b'0', b"three")])].concat();
        assert!(folder.unpack(&gnu).unwrap());
        assert_eq!(folder.read(&long), "three");
        // Over what is there; other files stay.
        assert!(folder.unpack(&zip(&[("a/b.txt", b"four"), ("c", b"five")])).unwrap());
        assert_eq!(
            (folder.read("a/b.txt"), folder.read("c"), folder.read(&long)),
            ("four".into(), "five".into(), "three".into())
        );
        assert!(!folder.unpack(b"no archive").unwrap() && !folder.unpack(&gz(b"no archive")).unwrap());
        assert!(folder.unpack(b"BZh91AY").unwrap_err().to_string().contains("bzip2"));
        let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn hostile_archives() {
        let folder = Folder::new("hostile");
        let said = |file: &[u8], word: &str| {
            let error = folder.unpack(file).map(drop).unwrap_err().to_string();
            assert!(error.contains(word), "{word:?} not in {error}");
            assert!(!folder.0.join("out").exists());
        };
        for name in ["../evil", "/tmp/evil", "a/../../evil", "..", "a\\..\\evil", "c:evil"] {
            said(&tar(&[("ok", b'0', b"x"), (name, b'0', b"x")]), "leads out of the folder");
            said(&tar(&[(name, b'5', b"")]), "leads out of the folder");
            said(
                &tar(&[("././@LongLink", b'L', name.as_bytes()), ("ok", b'0', b"x")]),
                "leads out of the folder",
            );
            said(&zip(&[("ok", b"x"), (name, b"x")]), "leads out of the folder");
        }
        for kind in [b'1', b'2', b'3', b'4', b'6', b'S', b'K'] {
            said(&tar(&[("link", kind, b"")]), "is a link or a device");
        }
        let mut links = ZipWriter::new(Cursor::new(vec![]));
        links.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        said(&links.finish().unwrap().into_inner(), "is a link or a device");
        said(&tar(&[("a", b'0', b"x"), ("a", b'0', b"y")]), "is there twice");
        said(&tar(&[("a", b'0', b"x"), ("./a", b'0', b"y")]), "is there twice");
        // A gigabyte in a megabyte, and in nothing.
        let zeros = gz(&[header("zeros", b'0', 1 << 30), vec![0; 300 << 20]].concat());
        said(&zeros, "more than the data of the archive can give");
        said(&header("zeros", b'0', 1 << 20), "more than the data of the archive can give");
        said(&tar(&[("a", b'0', &[7; 3000])])[..2000], "ends too early");
        said(&tar(&[("a", b'0', b"x")])[..BLOCK], "ends too early");
        let mut settings = header("x", b'x', 64 << 20);
        settings.resize(1 << 17, 0);
        said(&settings, "settings that are too long");
    }
}
