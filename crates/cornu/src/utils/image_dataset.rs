//! Pictures in folders.
use crate::DataFormat;
use crate::training::Dataset;
use crate::utils::folder::{Folder, Read, folder_settings};
use crate::utils::image::channels_of;
use crate::utils::image::codec::{EXTENSIONS, Picture};
use crate::utils::image::resample::{self, Filter};
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

/// The pictures in a folder with a folder for each class, in batches of 32 of 256 rows and columns. Keras's
/// `image_dataset_from_directory` with its defaults; [`ImageDatasetFromDirectory`] has the others.
///
/// # Errors
/// When the folder cannot be read or has no pictures.
pub fn image_dataset_from_directory(directory: impl AsRef<Path>) -> Result<Dataset<'static>> {
    ImageDatasetFromDirectory::new().load(directory)
}

/// Settings of [`image_dataset_from_directory()`].
///
/// Pictures are float32 from 0 to 255, `(batch, rows, columns, channels)`, resized as TensorFlow does; files are those of
/// [`load_img`](crate::utils::load_img). They are read on up to four threads while the model works.
///
/// ```no_run
/// use cornu::prelude::*;
/// use cornu::utils::ImageDatasetFromDirectory;
/// # fn main() -> Result<()> {
/// # let mut model = Sequential::new();
/// let pictures = ImageDatasetFromDirectory::new().image_size((64, 64)).validation_split(0.2).seed(1);
/// let (training, validation) = pictures.load_both("animals")?;
/// println!("{:?}", training.class_names());
/// model.fit(training, (), Fit::new().epochs(10).validation_data(validation))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ImageDatasetFromDirectory {
    folder: Folder,
    color_mode: String,
    image_size: (usize, usize),
    interpolation: String,
    crop_to_aspect_ratio: bool,
    pad_to_aspect_ratio: bool,
    data_format: DataFormat,
}

folder_settings!(ImageDatasetFromDirectory, "pictures");

impl Default for ImageDatasetFromDirectory {
    fn default() -> Self {
        ImageDatasetFromDirectory {
            folder: Folder::default(),
            color_mode: "rgb".into(),
            image_size: (256, 256),
            interpolation: "bilinear".into(),
            crop_to_aspect_ratio: false,
            pad_to_aspect_ratio: false,
            data_format: "channels_last".into(),
        }
    }
}

impl ImageDatasetFromDirectory {
    /// Keras's defaults.
    pub fn new() -> ImageDatasetFromDirectory {
        ImageDatasetFromDirectory::default()
    }

    /// `"rgb"` (default), `"rgba"` or `"grayscale"`.
    pub fn color_mode(mut self, color_mode: &str) -> Self {
        self.color_mode = color_mode.into();
        self
    }

    /// Height and width of all pictures; `(256, 256)` by default.
    pub fn image_size(mut self, image_size: (usize, usize)) -> Self {
        self.image_size = image_size;
        self
    }

    /// `"bilinear"` (default), `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"` or
    /// `"mitchellcubic"`.
    pub fn interpolation(mut self, interpolation: &str) -> Self {
        self.interpolation = interpolation.into();
        self
    }

    /// Whether to keep proportions by cutting what is too wide or too high from both sides.
    pub fn crop_to_aspect_ratio(mut self, crop_to_aspect_ratio: bool) -> Self {
        self.crop_to_aspect_ratio = crop_to_aspect_ratio;
        self
    }

    /// Whether to keep proportions by adding black to the sides.
    pub fn pad_to_aspect_ratio(mut self, pad_to_aspect_ratio: bool) -> Self {
        self.pad_to_aspect_ratio = pad_to_aspect_ratio;
        self
    }

    /// `"channels_last"` (default) or `"channels_first"`.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }

    /// The data set of a folder.
    ///
    /// # Errors
    /// When a setting makes no sense, the folder cannot be read, or it has no pictures. A picture that cannot be read ends the call
    /// of the model.
    pub fn load(&self, directory: impl AsRef<Path>) -> Result<Dataset<'static>> {
        self.folder.load(directory.as_ref(), &EXTENSIONS, self.pictures()?)
    }

    /// The data sets for training and for validation, as `validation_split` says. Keras's `subset="both"`.
    ///
    /// # Errors
    /// As [`ImageDatasetFromDirectory::load`].
    pub fn load_both(&self, directory: impl AsRef<Path>) -> Result<(Dataset<'static>, Dataset<'static>)> {
        self.folder.load_both(directory.as_ref(), &EXTENSIONS, self.pictures()?)
    }

    fn pictures(&self) -> Result<Pictures> {
        self.data_format.check()?;
        if self.crop_to_aspect_ratio && self.pad_to_aspect_ratio {
            return Err(Error::argument(
                "crop_to_aspect_ratio",
                "cannot be combined with `pad_to_aspect_ratio`",
            ));
        }
        if self.image_size.0 == 0 || self.image_size.1 == 0 {
            let message = format!("must be at least (1, 1), got {:?}", self.image_size);
            return Err(Error::argument("image_size", message));
        }
        Ok(Pictures {
            channels: channels_of(&self.color_mode)?,
            size: self.image_size,
            filter: Filter::of_tensorflow(&self.interpolation.to_lowercase())?,
            crop: self.crop_to_aspect_ratio,
            pad: self.pad_to_aspect_ratio,
            first: self.data_format == DataFormat::ChannelsFirst,
        })
    }
}

#[derive(Clone, Debug)]
struct Pictures {
    channels: usize,
    size: (usize, usize),
    filter: Filter,
    crop: bool,
    pad: bool,
    first: bool,
}

impl Read for Pictures {
    fn read(&self, path: &Path) -> Result<Tensor> {
        let picture = Picture::read(path)?.to(self.channels);
        let (rows, columns, channels) = (picture.rows, picture.columns, self.channels);
        let pixels: Vec<f32> = picture.pixels.iter().map(|&p| f32::from(p)).collect();
        let (height, width) = self.size;
        let resized = if self.crop {
            let cut = |size: usize, other: usize, to: usize, of: usize| {
                ((other as f32 * to as f32 / of as f32) as usize).min(size).max(1)
            };
            let (high, wide) = (cut(rows, columns, height, width), cut(columns, rows, width, height));
            let (top, left) = ((rows - high) / 2, (columns - wide) / 2);
            let lines = (top..top + high).map(|row| (row * columns + left) * channels);
            let part: Vec<f32> = lines.flat_map(|at| &pixels[at..at + wide * channels]).copied().collect();
            resample::floats(&part, (high, wide, channels), self.size, self.filter)
        } else if self.pad {
            let (h, w) = (rows as f32, columns as f32);
            let ratio = (w / width as f32).max(h / height as f32);
            let (high, wide) = ((h / ratio) as usize, (w / ratio) as usize);
            let (high, wide) = (high.clamp(1, height), wide.clamp(1, width));
            let small = resample::floats(&pixels, (rows, columns, channels), (high, wide), self.filter);
            let before = |size: usize, used: f32| ((size as f32 - used) / 2.0).floor().max(0.0) as usize;
            let (top, left) = (before(height, h / ratio), before(width, w / ratio));
            let mut all = vec![0.0; height * width * channels];
            for (row, line) in small.chunks_exact(wide * channels).enumerate() {
                let at = ((top + row) * width + left) * channels;
                all[at..at + line.len()].copy_from_slice(line);
            }
            all
        } else {
            resample::floats(&pixels, (rows, columns, channels), self.size, self.filter)
        };
        if self.first {
            let turned = (0..channels).flat_map(|c| resized.iter().skip(c).step_by(channels).copied());
            return Tensor::new([channels, height, width], turned.collect::<Vec<f32>>());
        }
        Tensor::new([height, width, channels], resized)
    }
}
