//! Pictures: files, pixels and arrays.
mod bmp;
pub(crate) mod codec;
pub(crate) mod resample;

use crate::DataFormat;
use crate::utils::atomic;
use codec::Picture;
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory};
use resample::Filter;
use std::path::Path;

/// A picture of grey (1 channel), colours (3) or colours and opacity (4), a byte each. What Pillow's `Image` is for Keras.
#[derive(Clone, Debug, PartialEq)]
pub struct Image(Picture);

impl Image {
    /// Rows of pixels.
    pub fn height(&self) -> usize {
        self.0.rows
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.0.columns
    }

    /// 1: grey, 3: colours, 4: colours and opacity.
    pub fn channels(&self) -> usize {
        self.0.channels
    }

    /// The pixels, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.0.pixels
    }

    /// Another size, by one of Pillow's filters and with its bytes: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos"`, `"box"` or
    /// `"hamming"`.
    ///
    /// # Errors
    /// When the filter is unknown, or a size is 0.
    pub fn resize(&self, (height, width): (usize, usize), interpolation: &str) -> Result<Image> {
        self.resize_part((height, width), interpolation, (0, 0, self.width(), self.height()))
    }

    fn resize_part(
        &self,
        size: (usize, usize),
        interpolation: &str,
        window: resample::Window,
    ) -> Result<Image> {
        let filter = Filter::of_pillow(interpolation)?;
        if size.0 == 0 || size.1 == 0 {
            return Err(Error::argument("target_size", format!("must be at least (1, 1), got {size:?}")));
        }
        let Picture { rows, columns, channels, pixels } = &self.0;
        // What one pass makes for the other, and the weights of the wider.
        memory::room(&Spec::new(DType::I32, [size.0.max(*rows), size.1, *channels]))?;
        // Colours count by their opacity.
        let weighted = *channels == 4 && filter != Filter::Nearest;
        let source = if weighted { map_opaque(pixels, premultiplied) } else { pixels.clone() };
        let made = resample::bytes(&source, (*rows, *columns, *channels), size, filter, window);
        let pixels = if weighted { map_opaque(&made, unmultiplied) } else { made };
        Ok(Image(Picture { rows: size.0, columns: size.1, channels: *channels, pixels }))
    }
}

fn map_opaque(pixels: &[u8], f: fn(u32, u32) -> u32) -> Vec<u8> {
    let pixel = |p: &[u8]| {
        let alpha = u32::from(p[3]);
        [p[0], p[1], p[2]]
            .map(|c| f(u32::from(c), alpha).min(255) as u8)
            .into_iter()
            .chain([p[3]])
            .collect::<Vec<_>>()
    };
    pixels.chunks_exact(4).flat_map(pixel).collect()
}

fn premultiplied(color: u32, alpha: u32) -> u32 {
    let product = color * alpha + 128;
    ((product >> 8) + product) >> 8
}

fn unmultiplied(color: u32, alpha: u32) -> u32 {
    if alpha == 0 || alpha == 255 { color } else { 255 * color / alpha }
}

/// Reads a picture in colours and its own size: `.png`, `.jpg`, `.bmp` or the first of `.gif`. Keras's `load_img` with its
/// defaults; [`LoadImg`] has the others.
///
/// Colours of JPEG files differ from Pillow's by a few of 255, as decoders do.
///
/// # Errors
/// When the file cannot be read or is no picture.
pub fn load_img(path: impl AsRef<Path>) -> Result<Image> {
    LoadImg::new().load(path)
}

/// Settings of [`load_img`].
///
/// ```no_run
/// use cornu::utils::{LoadImg, img_to_array};
/// let image = LoadImg::new().color_mode("grayscale").target_size((28, 28)).interpolation("bilinear").load("one.png")?;
/// assert_eq!(img_to_array(&image)?.shape(), [28, 28, 1]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoadImg {
    color_mode: String,
    target_size: Option<(usize, usize)>,
    interpolation: String,
    keep_aspect_ratio: bool,
}

impl Default for LoadImg {
    fn default() -> Self {
        LoadImg {
            color_mode: "rgb".into(),
            target_size: None,
            interpolation: "nearest".into(),
            keep_aspect_ratio: false,
        }
    }
}

impl LoadImg {
    /// Colours, in the size of the file.
    pub fn new() -> LoadImg {
        LoadImg::default()
    }

    /// `"rgb"` (default), `"rgba"` or `"grayscale"`.
    pub fn color_mode(mut self, color_mode: &str) -> Self {
        self.color_mode = color_mode.into();
        self
    }

    /// Height and width; by default those of the file.
    pub fn target_size(mut self, target_size: (usize, usize)) -> Self {
        self.target_size = Some(target_size);
        self
    }

    /// `"nearest"` (default), `"bilinear"`, `"bicubic"`, `"lanczos"`, `"box"` or `"hamming"`.
    pub fn interpolation(mut self, interpolation: &str) -> Self {
        self.interpolation = interpolation.into();
        self
    }

    /// Whether to keep proportions by cutting what is too wide or too high from both sides.
    pub fn keep_aspect_ratio(mut self, keep_aspect_ratio: bool) -> Self {
        self.keep_aspect_ratio = keep_aspect_ratio;
        self
    }

    /// Reads a picture.
    ///
    /// # Errors
    /// When the file cannot be read or is no picture, or a setting is unknown.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Image> {
        let channels = channels_of(&self.color_mode)?;
        let image = Image(Picture::read(path.as_ref())?.to(channels));
        let Some((height, width)) = self.target_size.filter(|&s| s != (image.height(), image.width())) else {
            return Ok(image);
        };
        let window = if self.keep_aspect_ratio && height > 0 && width > 0 {
            let rows = image.height().min(image.width() * height / width);
            let columns = image.width().min(image.height() * width / height);
            let (top, left) = ((image.height() - rows) / 2, (image.width() - columns) / 2);
            if rows == 0 || columns == 0 {
                let message =
                    format!("{height}x{width} leaves nothing of {}x{}", image.height(), image.width());
                return Err(Error::argument("target_size", message));
            }
            (left, top, left + columns, top + rows)
        } else {
            (0, 0, image.width(), image.height())
        };
        image.resize_part((height, width), &self.interpolation, window)
    }
}

/// The channels of Keras's `color_mode`.
pub(crate) fn channels_of(color_mode: &str) -> Result<usize> {
    match color_mode {
        "grayscale" => Ok(1),
        "rgb" => Ok(3),
        "rgba" => Ok(4),
        _ => Err(Error::unknown("color_mode", color_mode, ["grayscale", "rgb", "rgba"])),
    }
}

/// The pixels as float32 `(rows, columns, channels)` from 0 to 255. Keras's `img_to_array`, whose `data_format` and `dtype` are
/// `ops::transpose` and `Tensor::cast` here.
///
/// # Errors
/// None in practice.
pub fn img_to_array(image: &Image) -> Result<Tensor> {
    let Picture { rows, columns, channels, pixels } = &image.0;
    Tensor::new([*rows, *columns, *channels], pixels.iter().map(|&p| f32::from(p)).collect::<Vec<f32>>())
}

/// A picture from an array `(rows, columns, channels)`, or `(channels, rows, columns)` for `"channels_first"`. With `scale` the
/// smallest number is black and the largest white; otherwise numbers are bytes. Keras's `array_to_img`, whose defaults are
/// `"channels_last"` and true.
///
/// # Errors
/// When the array has other axes, or numbers of one channel are larger than 255.
///
/// ```
/// use cornu::{DataFormat, Tensor, utils};
/// let x = Tensor::new([1, 2, 1], vec![-1f32, 3.0])?;
/// let image = utils::array_to_img(&x, "channels_last", true)?;
/// assert_eq!(image.pixels(), [0, 255]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn array_to_img(x: &Tensor, data_format: impl Into<DataFormat>, scale: bool) -> Result<Image> {
    let data_format = data_format.into();
    data_format.check()?;
    let &[a, b, c] = x.shape() else {
        let message = format!("expected (rows, columns, channels), got shape {:?}", x.shape());
        return Err(Error::argument("array_to_img", message));
    };
    let given = x.cast(DType::F32).to_vec::<f32>()?;
    let (rows, columns, channels, mut values) = if data_format == DataFormat::ChannelsFirst {
        let turned = (0..b * c).flat_map(|place| (0..a).map(move |channel| channel * b * c + place));
        (b, c, a, turned.map(|at| given[at]).collect::<Vec<f32>>())
    } else {
        (a, b, c, given)
    };
    if ![1, 3, 4].contains(&channels) || values.is_empty() {
        return Err(Error::argument("array_to_img", format!("unsupported channel number: {channels}")));
    }
    if scale {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        values.iter_mut().for_each(|v| *v -= low);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if high != 0.0 {
            values.iter_mut().for_each(|v| *v /= high);
        }
        values.iter_mut().for_each(|v| *v *= 255.0);
    } else if channels == 1 && values.iter().any(|&v| v > 255.0) {
        let error = Error::argument("array_to_img", "numbers larger than 255 need more than a byte");
        return Err(error.help("give `scale` as true"));
    }
    // As NumPy does: what is no byte wraps around.
    let pixels = values.into_iter().map(|v| v as i64 as u8).collect();
    Ok(Image(Picture { rows, columns, channels, pixels }))
}

/// Saves an array as a picture; the file's name says the format: `.png`, `.jpg` or `.bmp`. Keras's `save_img` with its defaults.
///
/// # Errors
/// Those of [`array_to_img`]; when the format is unknown or the file cannot be written.
pub fn save_img(path: impl AsRef<Path>, x: &Tensor) -> Result<()> {
    SaveImg::new().save(path, x)
}

/// Settings of [`save_img`].
#[derive(Clone, Debug)]
pub struct SaveImg {
    data_format: DataFormat,
    file_format: Option<String>,
    scale: bool,
}

impl Default for SaveImg {
    fn default() -> Self {
        SaveImg { data_format: "channels_last".into(), file_format: None, scale: true }
    }
}

impl SaveImg {
    /// Channels last, scaled, in the format that the name says.
    pub fn new() -> SaveImg {
        SaveImg::default()
    }

    /// `"channels_last"` (default) or `"channels_first"`.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }

    /// `"png"`, `"jpeg"` or `"bmp"`, whatever the name says.
    pub fn file_format(mut self, file_format: &str) -> Self {
        self.file_format = Some(file_format.into());
        self
    }

    /// Whether the smallest number is black and the largest white; true by default.
    pub fn scale(mut self, scale: bool) -> Self {
        self.scale = scale;
        self
    }

    /// Writes a picture.
    ///
    /// # Errors
    /// As [`save_img`].
    pub fn save(&self, path: impl AsRef<Path>, x: &Tensor) -> Result<()> {
        let path = path.as_ref();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let format = self.file_format.as_ref().map_or(ending, |f| f.to_lowercase());
        let file = array_to_img(x, self.data_format.clone(), self.scale)?.0.write(&format)?;
        atomic::write(path, &file)
    }
}
