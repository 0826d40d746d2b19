//! Texts in folders.
use crate::data::text;
use crate::training::Dataset;
use crate::utils::folder::{Folder, Read, folder_settings};
use cornu_graph::{Error, Result, Tensor};
use std::path::Path;

/// The `.txt` files in a folder with a folder for each class, in batches of 32. Keras's `text_dataset_from_directory` with its
/// defaults; [`TextDatasetFromDirectory`] has the others.
///
/// # Errors
/// When the folder cannot be read or has no such files.
pub fn text_dataset_from_directory(directory: impl AsRef<Path>) -> Result<Dataset<'static>> {
    TextDatasetFromDirectory::new().load(directory)
}

/// Settings of [`text_dataset_from_directory()`].
///
/// Texts are UTF-8, and tensors of [`text`]: code points `(batch, longest)`, as
/// [`TextVectorization`](crate::layers::TextVectorization) takes them.
///
/// ```no_run
/// use cornu::{data::text, utils::TextDatasetFromDirectory};
/// let mut reviews = TextDatasetFromDirectory::new().label_mode("binary").batch_size(8).load("reviews")?;
/// let first = reviews.iter()?.next().unwrap()?;
/// assert_eq!(text::decode(&first.x.tensors()[0])?.len(), 8);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TextDatasetFromDirectory {
    folder: Folder,
    max_length: Option<usize>,
}

folder_settings!(TextDatasetFromDirectory, "texts");

const ENDINGS: [&str; 1] = [".txt"];

impl TextDatasetFromDirectory {
    /// Keras's defaults.
    pub fn new() -> TextDatasetFromDirectory {
        TextDatasetFromDirectory::default()
    }

    /// Characters after which texts are cut; by default nowhere.
    pub fn max_length(mut self, max_length: usize) -> Self {
        self.max_length = Some(max_length);
        self
    }

    /// The data set of a folder.
    ///
    /// # Errors
    /// When a setting makes no sense, the folder cannot be read, or it has no texts. A file that is no text ends the call of the
    /// model.
    pub fn load(&self, directory: impl AsRef<Path>) -> Result<Dataset<'static>> {
        self.folder.load(directory.as_ref(), &ENDINGS, Texts(self.max_length))
    }

    /// The data sets for training and for validation, as `validation_split` says. Keras's `subset="both"`.
    ///
    /// # Errors
    /// As [`TextDatasetFromDirectory::load`].
    pub fn load_both(&self, directory: impl AsRef<Path>) -> Result<(Dataset<'static>, Dataset<'static>)> {
        self.folder.load_both(directory.as_ref(), &ENDINGS, Texts(self.max_length))
    }
}

#[derive(Clone, Debug)]
struct Texts(Option<usize>);

impl Read for Texts {
    fn read(&self, path: &Path) -> Result<Tensor> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let text: String = text.chars().take(self.0.unwrap_or(usize::MAX)).collect();
        text::encode([], &[text])
    }

    fn join(&self, samples: Vec<Tensor>) -> Result<Tensor> {
        let texts = samples.iter().map(text::decode).collect::<Result<Vec<_>>>()?.concat();
        text::encode([texts.len()], &texts)
    }
}
