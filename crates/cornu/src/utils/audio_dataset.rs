//! Sounds in folders.
use crate::training::Dataset;
use crate::training::data::stack;
use crate::utils::folder::{Folder, Read, folder_settings};
use cornu_graph::{Error, Result, Spec, Tensor, memory};
use std::path::Path;

/// The `.wav` files in a folder with a folder for each class, in batches of 32. Keras's `audio_dataset_from_directory` with its
/// defaults; [`AudioDatasetFromDirectory`] has the others.
///
/// # Errors
/// When the folder cannot be read or has no such files.
pub fn audio_dataset_from_directory(directory: impl AsRef<Path>) -> Result<Dataset<'static>> {
    AudioDatasetFromDirectory::new().load(directory)
}

/// Settings of [`audio_dataset_from_directory()`].
///
/// Sounds are float32 from -1 to 1, `(batch, samples, channels)`; shorter ones of a batch are filled up with 0. There are no ragged
/// tensors.
///
/// ```no_run
/// use cornu::utils::AudioDatasetFromDirectory;
/// let words = AudioDatasetFromDirectory::new().output_sequence_length(16_000).batch_size(8).load("words")?;
/// println!("{:?}", words.class_names());
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AudioDatasetFromDirectory {
    folder: Folder,
    sampling_rate: Option<u32>,
    output_sequence_length: Option<usize>,
}

folder_settings!(AudioDatasetFromDirectory, "sounds");

const ENDINGS: [&str; 1] = [".wav"];

impl AudioDatasetFromDirectory {
    /// Keras's defaults.
    pub fn new() -> AudioDatasetFromDirectory {
        AudioDatasetFromDirectory::default()
    }

    /// The samples a second that files must have: others are refused, not resampled.
    pub fn sampling_rate(mut self, sampling_rate: u32) -> Self {
        self.sampling_rate = Some(sampling_rate);
        self
    }

    /// The length of all sounds: longer ones are cut, shorter ones filled up with 0.
    pub fn output_sequence_length(mut self, output_sequence_length: usize) -> Self {
        self.output_sequence_length = Some(output_sequence_length);
        self
    }

    /// The data set of a folder.
    ///
    /// # Errors
    /// When a setting makes no sense, the folder cannot be read, or it has no sounds. A file that cannot be read ends the call of
    /// the model.
    pub fn load(&self, directory: impl AsRef<Path>) -> Result<Dataset<'static>> {
        self.folder.load(directory.as_ref(), &ENDINGS, self.sounds())
    }

    /// The data sets for training and for validation, as `validation_split` says. Keras's `subset="both"`.
    ///
    /// # Errors
    /// As [`AudioDatasetFromDirectory::load`].
    pub fn load_both(&self, directory: impl AsRef<Path>) -> Result<(Dataset<'static>, Dataset<'static>)> {
        self.folder.load_both(directory.as_ref(), &ENDINGS, self.sounds())
    }

    fn sounds(&self) -> Sounds {
        Sounds { rate: self.sampling_rate, length: self.output_sequence_length }
    }
}

#[derive(Clone, Debug)]
struct Sounds {
    rate: Option<u32>,
    length: Option<usize>,
}

impl Read for Sounds {
    fn read(&self, path: &Path) -> Result<Tensor> {
        let bad = |message: String| Error::Format { what: path.display().to_string(), message };
        let failed = |e: hound::Error| bad(e.to_string());
        let mut file = hound::WavReader::open(path).map_err(failed)?;
        let spec = file.spec();
        if let Some(rate) = self.rate.filter(|&rate| rate != spec.sample_rate) {
            let message = format!("has {} samples a second, not {rate}", spec.sample_rate);
            return Err(
                bad(message).help("resample it, for example with `ffmpeg -i IN.wav -ar RATE OUT.wav`")
            );
        }
        let channels = usize::from(spec.channels).max(1);
        let most = self.length.map_or(usize::MAX, |n| n.saturating_mul(channels));
        let full = (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
        let samples: std::result::Result<Vec<f32>, _> = match spec.sample_format {
            hound::SampleFormat::Float => file.samples::<f32>().take(most).collect(),
            hound::SampleFormat::Int => {
                file.samples::<i32>().take(most).map(|v| v.map(|v| v as f32 / full)).collect()
            }
        };
        let mut samples = samples.map_err(failed)?;
        if let Some(length) = self.length {
            let bytes = memory::check(&Spec::f32([length, channels]))?;
            let further = (bytes as usize / size_of::<f32>()).saturating_sub(samples.len());
            let full = |_| bad(format!("sounds of {length} samples need more memory than there is"));
            samples.try_reserve_exact(further).map_err(full)?;
            samples.resize(length * channels, 0.0);
        }
        Tensor::new([samples.len() / channels, channels], samples)
    }

    fn join(&self, samples: Vec<Tensor>) -> Result<Tensor> {
        let longest = samples.iter().map(|s| s.shape()[0]).max().unwrap_or(0);
        let filled = |sound: &Tensor| {
            let channels = sound.shape()[1];
            let mut values = sound.to_vec::<f32>()?;
            values.resize(longest * channels, 0.0);
            Tensor::new([longest, channels], values)
        };
        stack(&samples.iter().map(filled).collect::<Result<Vec<_>>>()?)
    }
}
