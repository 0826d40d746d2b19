//! BMP files without compression: 1, 4, 8, 24 and 32 bits a pixel. Format: Microsoft's `BITMAPFILEHEADER` and `BITMAPINFOHEADER`.
use super::codec::Picture;

const HEAD: usize = 14;
const INFO: usize = 40;

/// The picture in a file.
pub(super) fn decode(file: &[u8]) -> Result<Picture, String> {
    let bytes =
        |at: usize, count: usize| file.get(at..at.saturating_add(count)).ok_or("ends too early".to_string());
    let u16_at = |at| bytes(at, 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let i32_at = |at| bytes(at, 4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let (start, info) = (i32_at(10)?, i32_at(HEAD)?);
    if info < INFO as i32 {
        return Err(format!("has a header of {info} bytes, which is not supported"));
    }
    let (width, height, bits, kind) = (i32_at(18)?, i32_at(22)?, u16_at(28)?, i32_at(30)?);
    // Masks are those of the usual order in nearly all files; others are refused.
    let usual = [0x00ff_0000, 0xff00, 0xff];
    let masked = kind == 3 && bits == 32 && [54, 58, 62].map(i32_at) == usual.map(Ok);
    if kind != 0 && !masked || ![1, 4, 8, 24, 32].contains(&bits) {
        return Err(format!("has {bits} bits a pixel and compression {kind}, which is not supported"));
    }
    let (columns, rows) = (usize::try_from(width).unwrap_or(0), height.unsigned_abs() as usize);
    // Rows of nothing take no room in a file, and there may be two thousand million of them.
    if columns == 0 {
        return Err("holds no pixels".into());
    }
    let line = (columns * usize::from(bits)).div_ceil(32) * 4;
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let data = bytes(start, line.checked_mul(rows).ok_or("is too large")?)?;
    let colors = match i32_at(46)? {
        0 => 1 << bits.min(8),
        n => usize::try_from(n).unwrap_or(0).min(256),
    };
    let palette = if bits <= 8 { bytes(HEAD + info as usize, colors * 4)? } else { &[] };
    let opaque = !(masked && i32_at(66).is_ok_and(|alpha| alpha != 0) && info > INFO as i32);
    let channels = if bits == 32 && !opaque { 4 } else { 3 };
    let mut pixels = Vec::with_capacity(rows * columns * channels);
    for row in 0..rows {
        // Lines go from the bottom to the top, unless the height is negative.
        let row = if height > 0 { rows - 1 - row } else { row };
        let line = &data[row * line..(row + 1) * line];
        for column in 0..columns {
            let color = match bits {
                24 => &line[column * 3..column * 3 + 3],
                32 => &line[column * 4..column * 4 + 4],
                _ => {
                    let bit = column * usize::from(bits);
                    let shift = 8 - usize::from(bits) - bit % 8;
                    let index = usize::from(line[bit / 8] >> shift) & ((1 << bits) - 1);
                    palette.get(index * 4..index * 4 + 4).ok_or("has a pixel outside of its palette")?
                }
            };
            pixels.extend([color[2], color[1], color[0]]);
            if channels == 4 {
                pixels.push(color[3]);
            }
        }
    }
    Ok(Picture { rows, columns, channels, pixels })
}

/// The file of pictures of one or three channels.
pub(super) fn encode(picture: &Picture) -> Vec<u8> {
    let Picture { rows, columns, channels, pixels } = picture;
    let palette = if *channels == 1 { 256 * 4 } else { 0 };
    let line = (columns * channels).next_multiple_of(4);
    let start = HEAD + INFO + palette;
    let mut file = b"BM".to_vec();
    let u32s = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    file.extend(u32s(&[
        (start + line * rows) as u32,
        0,
        start as u32,
        INFO as u32,
        *columns as u32,
        *rows as u32,
    ]));
    file.extend([1, 0, *channels as u8 * 8, 0]);
    file.extend(u32s(&[0, (line * rows) as u32, 3780, 3780, if palette > 0 { 256 } else { 0 }, 0]));
    if palette > 0 {
        file.extend((0..=255).flat_map(|grey: u8| [grey, grey, grey, 0]));
    }
    for row in pixels.chunks_exact((columns * channels).max(1)).rev() {
        let end = file.len() + line;
        for pixel in row.chunks_exact(*channels) {
            file.extend(pixel.iter().rev());
        }
        file.resize(end, 0);
    }
    file
}
