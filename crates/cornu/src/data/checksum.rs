//! Hashes by which files are known.
use cornu_graph::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The hash that a file must have, in hexadecimal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Checksum<'a> {
    Sha256(&'a str),
    Md5(&'a str),
}

impl<'a> Checksum<'a> {
    /// Tells the kinds apart by their lengths, as Keras does.
    pub fn new(hex: &'a str) -> Checksum<'a> {
        const SHA256_DIGITS: usize = 64;
        if hex.len() == SHA256_DIGITS { Checksum::Sha256(hex) } else { Checksum::Md5(hex) }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Checksum::Sha256(_) => "SHA-256",
            Checksum::Md5(_) => "MD5",
        }
    }

    /// The digits.
    pub fn hex(&self) -> &'a str {
        match self {
            Checksum::Sha256(hex) | Checksum::Md5(hex) => hex,
        }
    }

    /// The hash of this kind of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(&self, path: &Path) -> Result<String> {
        match self {
            Checksum::Sha256(_) => sha256_of(path),
            Checksum::Md5(_) => {
                let mut hash = md5::Context::new();
                each_part(path, |bytes| hash.consume(bytes))?;
                Ok(format!("{:x}", hash.finalize()))
            }
        }
    }

    /// Whether a file has it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn fits(&self, path: &Path) -> Result<bool> {
        Ok(self.of(path)? == self.hex())
    }
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> Result<String> {
    let mut hash = hmac_sha256::Hash::new();
    each_part(path, |bytes| hash.update(bytes))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads a file part by part.
fn each_part(path: &Path, mut f: impl FnMut(&[u8])) -> Result<()> {
    let at = |e: std::io::Error| Error::io(path, e);
    let mut file = File::open(path).map_err(at)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(at)? {
            0 => return Ok(()),
            n => f(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        let path = std::env::temp_dir().join(format!("cornu-checksum-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        // From the examples of FIPS 180-4 and RFC 1321.
        for hex in [
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "900150983cd24fb0d6963f7d28e17f72",
        ] {
            assert!(Checksum::new(hex).fits(&path).unwrap());
        }
        assert!(!Checksum::new("900150983cd24fb0d6963f7d28e17f73").fits(&path).unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
