//! PNG files of 8-bit pixels, grey or colours, with or without opacity: one `IDAT`, compressed as a whole. Format: W3C, *Portable Network Graphics (PNG)
//! Specification*.
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::{self, Write};

/// The file of an image of `width` pixels a row, of as many bytes each as there are channels, 1 to 4.
pub(crate) fn encode(width: u32, height: u32, channels: usize, pixels: &[u8]) -> io::Result<Vec<u8>> {
    const BITS: u8 = 8;
    const FILTER_NONE: u8 = 0;
    // Grey, grey with opacity, colours, colours with opacity.
    let kind = match channels {
        1 => 0,
        2 => 4,
        3 => 2,
        4 => 6,
        n => return Err(io::Error::other(format!("PNG has no pixels of {n} channels"))),
    };
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // Compression, filter method and interlacing have one value each that is in use, 0.
    header.extend([BITS, kind, 0, 0, 0]);

    let mut data = ZlibEncoder::new(vec![], Compression::best());
    for row in pixels.chunks_exact((width as usize * channels).max(1)) {
        data.write_all(&[FILTER_NONE])?;
        data.write_all(row)?;
    }

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &data.finish()?);
    chunk(&mut file, b"IEND", &[]);
    Ok(file)
}

/// Length, kind, data, and the checksum of the last two.
fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(kind);
    checksum.update(data);
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(checksum.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_red_pixel() {
        let file = encode(1, 1, 3, &[255, 0, 0]).unwrap();
        assert_eq!(file[..16], *b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
        assert_eq!(file[16..29], [0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
        // The checksum of an empty last chunk is in the specification.
        assert_eq!(file[file.len() - 12..], *b"\0\0\0\0IEND\xaeB`\x82");
    }
}
