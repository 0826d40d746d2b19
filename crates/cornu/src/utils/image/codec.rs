//! Files of pictures and their pixels.
use super::bmp;
use crate::utils::png;
use cornu_graph::{Error, Result};
use std::io::Cursor;
use std::path::Path;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

/// The extensions of the files that are read, as Keras knows them.
pub(crate) const EXTENSIONS: [&str; 5] = [".bmp", ".gif", ".jpeg", ".jpg", ".png"];

/// No picture is larger: a small file may claim to be.
const MOST_BYTES: usize = 1 << 29;

/// Bytes of grey, grey and opacity, colours, or colours and opacity, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    pub rows: usize,
    pub columns: usize,
    pub channels: usize,
    pub pixels: Vec<u8>,
}

impl Picture {
    /// The first picture of a file, whose format its first bytes tell.
    pub fn read(path: &Path) -> Result<Picture> {
        let file = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let bad = |message| Error::Format { what: path.display().to_string(), message };
        let picture = match &file[..] {
            [0x89, b'P', b'N', b'G', ..] => from_png(&file),
            [0xff, 0xd8, 0xff, ..] => from_jpeg(&file),
            [b'G', b'I', b'F', b'8', ..] => from_gif(&file),
            [b'B', b'M', ..] => bmp::decode(&file),
            _ => Err(format!("is no picture of a known format: {EXTENSIONS:?}")),
        };
        let picture = picture.map_err(bad)?;
        if picture.pixels.len() != picture.rows * picture.columns * picture.channels
            || picture.pixels.is_empty()
        {
            return Err(bad("holds another number of pixels than it says".into()));
        }
        Ok(picture)
    }

    /// The file of this format.
    pub fn write(&self, format: &str) -> Result<Vec<u8>> {
        let Picture { rows, columns, channels, pixels } = self;
        let failed = |e: String| Error::Format { what: format!("picture as {format}"), message: e };
        match format {
            "png" => png::encode(*columns as u32, *rows as u32, *channels, pixels)
                .map_err(|e| failed(e.to_string())),
            "bmp" => Ok(bmp::encode(&if self.has_opacity() { self.to(3) } else { self.clone() })),
            "jpeg" | "jpg" => {
                let picture = if self.has_opacity() { self.to(channels - 1) } else { self.clone() };
                let color = if picture.channels == 1 {
                    jpeg_encoder::ColorType::Luma
                } else {
                    jpeg_encoder::ColorType::Rgb
                };
                let (mut file, size) = (vec![], (u16::try_from(*columns), u16::try_from(*rows)));
                let (Ok(width), Ok(height)) = size else {
                    return Err(failed("JPEG has at most 65535 rows and columns".into()));
                };
                // Pillow's quality and halved colours.
                let mut encoder = jpeg_encoder::Encoder::new(&mut file, 75);
                encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
                encoder.encode(&picture.pixels, width, height, color).map_err(|e| failed(e.to_string()))?;
                Ok(file)
            }
            other => Err(Error::unknown("file_format", other, ["png", "jpeg", "jpg", "bmp"])),
        }
    }

    fn has_opacity(&self) -> bool {
        self.channels.is_multiple_of(2)
    }

    /// The same with 1, 3 or 4 channels, as Pillow's `convert`.
    pub fn to(&self, channels: usize) -> Picture {
        let grey = |p: &[u8]| {
            let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
            ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8
        };
        let convert = |p: &[u8]| -> [u8; 4] {
            match (p.len(), channels) {
                (1 | 2, _) => [p[0], p[0], p[0], p.get(1).copied().unwrap_or(255)],
                (_, 1) => [grey(p), 0, 0, 255],
                (_, _) => [p[0], p[1], p[2], p.get(3).copied().unwrap_or(255)],
            }
        };
        if channels == self.channels {
            return self.clone();
        }
        let pixels =
            self.pixels.chunks_exact(self.channels).flat_map(|p| convert(p).into_iter().take(channels));
        Picture { pixels: pixels.collect(), channels, ..*self }
    }
}

fn room(rows: usize, columns: usize, channels: usize) -> Result<usize, String> {
    let bytes = rows.checked_mul(columns).and_then(|n| n.checked_mul(channels));
    bytes
        .filter(|&n| n <= MOST_BYTES)
        .ok_or_else(|| format!("claims {rows} rows of {columns} pixels, too many"))
}

fn from_png(file: &[u8]) -> Result<Picture, String> {
    let mut decoder = ::png::Decoder::new(Cursor::new(file));
    // Palettes become colours, fewer bits 8, more bits 8.
    decoder.set_transformations(::png::Transformations::EXPAND | ::png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let channels = reader.output_color_type().0.samples();
    let mut pixels = vec![0; room(height, width, channels)?];
    reader.next_frame(&mut pixels).map_err(|e| e.to_string())?;
    Ok(Picture { rows: height, columns: width, channels, pixels })
}

fn from_jpeg(file: &[u8]) -> Result<Picture, String> {
    let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(file));
    decoder.decode_headers().map_err(|e| format!("{e:?}"))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (space, channels) = if grey { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    let info = decoder.info().ok_or("has no size")?;
    let (rows, columns) = (usize::from(info.height), usize::from(info.width));
    room(rows, columns, channels)?;
    // Each block of 8 times 8 pixels takes one bit or more.
    if rows * columns / 512 > file.len() {
        return Err(format!("claims {rows} rows of {columns} pixels, more than its data can give"));
    }
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(file), options);
    let pixels = decoder.decode().map_err(|e| format!("{e:?}"))?;
    Ok(Picture { rows, columns, channels, pixels })
}

fn from_gif(file: &[u8]) -> Result<Picture, String> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(file)).map_err(|e| e.to_string())?;
    let (rows, columns) = (usize::from(decoder.height()), usize::from(decoder.width()));
    let mut pixels = vec![0; room(rows, columns, 4)?];
    let frame = decoder.read_next_frame().map_err(|e| e.to_string())?.ok_or("holds no picture")?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let width = usize::from(frame.width);
    let shown = width.min(columns.saturating_sub(left)) * 4;
    for (row, line) in
        frame.buffer.chunks_exact((width * 4).max(1)).enumerate().take(rows.saturating_sub(top))
    {
        let at = ((top + row) * columns + left) * 4;
        // A frame may lie beside the picture.
        if let (Some(to), Some(from)) = (pixels.get_mut(at..at + shown), line.get(..shown)) {
            to.copy_from_slice(from);
        }
    }
    let picture = Picture { rows, columns, channels: 4, pixels };
    let opaque = picture.pixels.iter().skip(3).step_by(4).all(|&alpha| alpha == 255);
    Ok(if opaque { picture.to(3) } else { picture })
}
