//! Where an HDF5 file lies: in memory, or in a file or a part of one, from which arrays are read one by one. So a file takes the
//! memory of its arrays, and no more for itself.
use hdf5_pure::{Error, File};

/// The bytes of an HDF5 file.
#[derive(Debug)]
pub(super) enum Stored {
    Bytes(Vec<u8>),
    #[cfg(unix)]
    Part(part::Part),
}

impl From<Vec<u8>> for Stored {
    fn from(bytes: Vec<u8>) -> Stored {
        Stored::Bytes(bytes)
    }
}

impl Stored {
    /// The whole of an open file.
    #[cfg(unix)]
    pub fn file(file: std::fs::File) -> std::io::Result<Stored> {
        let size = file.metadata()?.len();
        Ok(Stored::Part(part::Part { file, start: 0, size }))
    }

    /// The whole of an open file.
    #[cfg(not(unix))]
    pub fn file(mut file: std::fs::File) -> std::io::Result<Stored> {
        let mut bytes = vec![];
        std::io::Read::read_to_end(&mut file, &mut bytes)?;
        Ok(Stored::Bytes(bytes))
    }

    /// So many bytes of a file from `start` on, where such parts can be read; the file must not be cut short meanwhile.
    pub fn part(file: &std::fs::File, start: u64, size: u64) -> Option<Stored> {
        #[cfg(unix)]
        return Some(Stored::Part(part::Part { file: file.try_clone().ok()?, start, size }));
        #[cfg(not(unix))]
        return None;
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        match self {
            Stored::Bytes(bytes) => bytes.len() as u64,
            #[cfg(unix)]
            Stored::Part(part) => part.size,
        }
    }

    pub fn open(self) -> Result<File, Error> {
        match self {
            Stored::Bytes(bytes) => File::from_bytes(bytes),
            #[cfg(unix)]
            Stored::Part(part) => {
                const METADATA: usize = 1 << 20;
                let cache = hdf5_pure::MetadataCacheConfig::new(METADATA);
                let properties = hdf5_pure::FileAccessProperties::new().with_metadata_cache(cache);
                File::from_source_with_options(part, properties)
            }
        }
    }
}

#[cfg(unix)]
mod part {
    use hdf5_pure::{FormatError, Source};
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    #[derive(Debug)]
    pub(in super::super) struct Part {
        pub(super) file: File,
        pub(super) start: u64,
        pub(super) size: u64,
    }

    impl Source for Part {
        fn len(&self) -> u64 {
            self.size
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), FormatError> {
            let length = buf.len() as u64;
            let overflow = FormatError::OffsetOverflow { offset, length };
            let end = offset.checked_add(length).ok_or(overflow)?;
            if end > self.size {
                let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
                return Err(FormatError::UnexpectedEof { expected: size(end), available: size(self.size) });
            }
            let at = self.start.checked_add(offset).ok_or(FormatError::OffsetOverflow { offset, length })?;
            self.file.read_exact_at(buf, at).map_err(|e| FormatError::Source(e.to_string()))
        }
    }
}
