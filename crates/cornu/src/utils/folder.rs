//! Data sets from folders: one folder a class, one file a sample.
use crate::training::data::stack;
use crate::training::{Batch, Dataset, PyDataset};
use crate::utils::random_state::RandomState;
use crate::utils::{next_seed, print_message};
use cornu_graph::{Error, Result, Tensor};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Where the labels of files come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Labels {
    /// The folder that a file is in.
    #[default]
    Inferred,
    /// There are none; folders do not matter.
    None,
    /// One for each file, in the order of their paths.
    Given(Vec<i32>),
    /// A word that is none of these.
    Unknown(String),
}

impl From<&str> for Labels {
    /// `"inferred"`; no other word is known.
    fn from(word: &str) -> Labels {
        if word == "inferred" { Labels::Inferred } else { Labels::Unknown(word.into()) }
    }
}

impl From<Vec<i32>> for Labels {
    fn from(labels: Vec<i32>) -> Labels {
        Labels::Given(labels)
    }
}

/// What labels look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LabelMode {
    /// int32 `(batch)`.
    #[default]
    Int,
    /// float32 `(batch, classes)` with a single 1.
    Categorical,
    /// float32 `(batch, 1)`, 0 or 1.
    Binary,
    /// No labels.
    None,
    /// A word that is none of these.
    Unknown(String),
}

impl From<&str> for LabelMode {
    fn from(word: &str) -> LabelMode {
        match word {
            "int" => LabelMode::Int,
            "categorical" => LabelMode::Categorical,
            "binary" => LabelMode::Binary,
            _ => LabelMode::Unknown(word.into()),
        }
    }
}

/// What the data sets from folders have in common.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub labels: Labels,
    pub label_mode: LabelMode,
    pub class_names: Option<Vec<String>>,
    pub batch_size: Option<usize>,
    pub shuffle: bool,
    pub seed: Option<u32>,
    pub validation_split: Option<f64>,
    pub subset: Option<String>,
    pub follow_links: bool,
    pub verbose: bool,
}

impl Default for Folder {
    fn default() -> Self {
        Folder {
            labels: Labels::Inferred,
            label_mode: LabelMode::Int,
            class_names: None,
            batch_size: Some(32),
            shuffle: true,
            seed: None,
            validation_split: None,
            subset: None,
            follow_links: false,
            verbose: true,
        }
    }
}

/// Setters for the settings of [`Folder`], which the struct has in its field `folder`.
macro_rules! folder_settings {
    ($Settings:ident, $samples:literal) => {
        impl $Settings {
            /// `"inferred"` (default): the folder that a file is in; a `Vec` of one label for each file in the order of their
            /// paths; or [`Labels::None`](crate::utils::Labels::None).
            pub fn labels(mut self, labels: impl Into<$crate::utils::Labels>) -> Self {
                self.folder.labels = labels.into();
                self
            }

            /// `"int"` (default): int32 `(batch)`; `"categorical"`: float32 `(batch, classes)`; `"binary"`: float32 `(batch, 1)`;
            /// or [`LabelMode::None`](crate::utils::LabelMode::None).
            pub fn label_mode(mut self, label_mode: impl Into<$crate::utils::LabelMode>) -> Self {
                self.folder.label_mode = label_mode.into();
                self
            }

            /// The folders that are classes, in the order of their numbers; by default all, in alphanumerical order.
            pub fn class_names<S: Into<String>>(mut self, class_names: impl IntoIterator<Item = S>) -> Self {
                self.folder.class_names = Some(class_names.into_iter().map(Into::into).collect());
                self
            }

            #[doc = concat!("How many ", $samples, " are in a batch; 32 by default. The last may have fewer.")]
            pub fn batch_size(mut self, batch_size: usize) -> Self {
                self.folder.batch_size = Some(batch_size);
                self
            }

            /// Single samples in place of batches; Keras's `batch_size=None`. [`Dataset::batch`](crate::training::Dataset::batch)
            /// makes batches of them.
            pub fn unbatched(mut self) -> Self {
                self.folder.batch_size = None;
                self
            }

            /// Whether files are in another order in each pass; true by default. Otherwise in the order of their paths.
            pub fn shuffle(mut self, shuffle: bool) -> Self {
                self.folder.shuffle = shuffle;
                self
            }

            /// Makes the order, and what is split off, repeat: as Keras splits with this seed.
            pub fn seed(mut self, seed: u32) -> Self {
                self.folder.seed = Some(seed);
                self
            }

            /// The part of the files, between 0 and 1, that is kept for validation.
            pub fn validation_split(mut self, validation_split: f64) -> Self {
                self.folder.validation_split = Some(validation_split);
                self
            }

            /// `"training"` or `"validation"`, with `validation_split`; `load_both` gives both.
            pub fn subset(mut self, subset: &str) -> Self {
                self.folder.subset = Some(subset.into());
                self
            }

            /// Whether links to folders are followed; false by default.
            pub fn follow_links(mut self, follow_links: bool) -> Self {
                self.folder.follow_links = follow_links;
                self
            }

            /// Whether to say how many files there are; true by default.
            pub fn verbose(mut self, verbose: bool) -> Self {
                self.folder.verbose = verbose;
                self
            }
        }
    };
}
pub(crate) use folder_settings;

/// What makes samples of files, and batches of samples.
pub(crate) trait Read: Clone + Send + Sync + 'static {
    /// The sample in a file.
    fn read(&self, path: &Path) -> Result<Tensor>;

    /// Several as one.
    fn join(&self, samples: Vec<Tensor>) -> Result<Tensor> {
        stack(&samples)
    }
}

/// Files with their labels, and what the labels stand for.
#[derive(Clone)]
struct Index {
    paths: Vec<PathBuf>,
    labels: Option<Vec<i32>>,
    class_names: Vec<String>,
}

impl Folder {
    /// The data set of the files with these endings.
    pub fn load(&self, directory: &Path, endings: &[&str], read: impl Read) -> Result<Dataset<'static>> {
        let subset = self.subset.as_deref();
        if let Some(word) = subset.filter(|word| !["training", "validation"].contains(word)) {
            let error = Error::unknown("subset", word, ["training", "validation"]);
            return Err(if word == "both" { error.help("`load_both` gives both") } else { error });
        }
        let (mut index, seed) = self.index(directory, endings, subset.is_some())?;
        if let Some(subset) = subset {
            index = self.split(index, subset == "training");
        }
        self.dataset(directory, endings, index, self.shuffle.then_some(seed), read)
    }

    /// The data sets for training and for validation.
    pub fn load_both(
        &self,
        directory: &Path,
        endings: &[&str],
        read: impl Read,
    ) -> Result<(Dataset<'static>, Dataset<'static>)> {
        let (index, seed) = self.index(directory, endings, true)?;
        let training = self.split(index.clone(), true);
        let validation = self.split(index, false);
        let seed = self.shuffle.then_some(seed);
        let training = self.dataset(directory, endings, training, seed, read.clone())?;
        Ok((training, self.dataset(directory, endings, validation, None, read)?))
    }

    fn check(&self, splits: bool) -> Result<()> {
        if let Labels::Unknown(word) = &self.labels {
            return Err(Error::unknown("labels", word, ["inferred"]));
        }
        if let LabelMode::Unknown(word) = &self.label_mode {
            return Err(Error::unknown("label_mode", word, ["int", "categorical", "binary"]));
        }
        if self.class_names.is_some() && self.labels != Labels::Inferred {
            return Err(Error::argument("class_names", "can only be given with `labels` as \"inferred\""));
        }
        if self.batch_size == Some(0) {
            return Err(Error::argument("batch_size", "must be at least 1, got 0"));
        }
        match self.validation_split {
            Some(split) if !(split > 0.0 && split < 1.0) => {
                let message = format!("must be between 0 and 1, received: {split}");
                Err(Error::argument("validation_split", message))
            }
            None if !splits => Ok(()),
            Some(_) if splits && self.shuffle && self.seed.is_none() => {
                let message = "is needed to shuffle files that are split, so that no file is in both parts";
                Err(Error::argument("seed", message))
            }
            Some(_) if splits => Ok(()),
            _ => Err(Error::argument(
                "subset",
                "must be given together with `validation_split`, and inversely",
            )),
        }
    }

    /// All files, in the order in which they are split.
    fn index(&self, directory: &Path, endings: &[&str], splits: bool) -> Result<(Index, u32)> {
        self.check(splits)?;
        let inferred = self.labels == Labels::Inferred && self.label_mode != LabelMode::None;
        let (mut paths, mut found, mut class_names) = (vec![], vec![], vec![]);
        if inferred {
            let folders = folders_in(directory)?;
            class_names = self.class_names.clone().unwrap_or_else(|| folders.clone());
            if class_names.iter().any(|name| !folders.contains(name)) {
                let message = format!("expected some of the folders {folders:?}, got {class_names:?}");
                return Err(Error::argument("class_names", message));
            }
            for (label, name) in class_names.iter().enumerate() {
                files_in(&directory.join(name), endings, self.follow_links, &mut paths)?;
                found.resize(paths.len(), label as i32);
            }
        } else {
            files_in(directory, endings, self.follow_links, &mut paths)?;
        }
        let mut labels = match &self.labels {
            _ if self.label_mode == LabelMode::None => None,
            Labels::Given(given) => {
                if given.len() != paths.len() {
                    let message = format!(
                        "there are {} labels and {} files in {}",
                        given.len(),
                        paths.len(),
                        directory.display()
                    );
                    return Err(Error::argument("labels", message));
                }
                let mut classes = given.clone();
                classes.sort_unstable();
                classes.dedup();
                class_names = classes.iter().map(i32::to_string).collect();
                Some(given.clone())
            }
            Labels::None => None,
            _ => Some(found),
        };
        if self.verbose {
            let classes = labels.as_ref().map(|_| format!(" belonging to {} classes", class_names.len()));
            print_message(&format!("Found {} files{}.\n", paths.len(), classes.unwrap_or_default()));
        }
        let seed = self.seed.unwrap_or_else(|| (next_seed() % 1_000_000) as u32);
        if self.shuffle {
            RandomState::new(seed).shuffle(&mut paths);
            if let Some(labels) = &mut labels {
                RandomState::new(seed).shuffle(labels);
            }
        }
        if self.label_mode == LabelMode::Binary && labels.is_some() && class_names.len() != 2 {
            let message = format!("\"binary\" needs exactly 2 classes, there are {class_names:?}");
            return Err(Error::argument("label_mode", message));
        }
        Ok((Index { paths, labels, class_names }, seed))
    }

    /// The files before those for validation, or these.
    fn split(&self, index: Index, training: bool) -> Index {
        let Index { paths, labels, class_names } = index;
        let count = (self.validation_split.unwrap_or(0.0) * paths.len() as f64) as usize;
        let at = paths.len() - count;
        let range = if training { 0..at } else { at..paths.len() };
        if self.verbose {
            let (n, what) = (range.len(), if training { "training" } else { "validation" });
            print_message(&format!("Using {n} files for {what}.\n"));
        }
        Index { paths: paths[range.clone()].to_vec(), labels: labels.map(|l| l[range].to_vec()), class_names }
    }

    fn dataset(
        &self,
        directory: &Path,
        endings: &[&str],
        index: Index,
        seed: Option<u32>,
        read: impl Read,
    ) -> Result<Dataset<'static>> {
        let Index { paths, labels, class_names } = index;
        if paths.is_empty() {
            let message = format!("no files ending in {endings:?} were found");
            return Err(Error::Format { what: directory.display().to_string(), message });
        }
        let (names, files) = (class_names.clone(), paths.clone());
        let samples = Samples {
            order: (0..paths.len()).collect(),
            shuffler: seed.map(RandomState::new),
            classes: class_names.len(),
            paths,
            labels,
            label_mode: self.label_mode.clone(),
            batch_size: self.batch_size,
            read,
        };
        Ok(Dataset::new(samples).ordered(self.batch_size).described(names, files))
    }
}

/// In the order of their characters, not folder by folder.
fn sorted(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    paths
}

/// The names of the folders in a folder, without hidden ones.
fn folders_in(directory: &Path) -> Result<Vec<String>> {
    let at = |e| Error::io(directory, e);
    let mut names = vec![];
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Adds the files with these endings in a folder and those within, folder by folder.
fn files_in(directory: &Path, endings: &[&str], follow_links: bool, paths: &mut Vec<PathBuf>) -> Result<()> {
    let mut folders = vec![];
    walk(directory, follow_links, 0, &mut folders)?;
    for folder in sorted(folders) {
        let at = |e| Error::io(&folder, e);
        let mut files: Vec<PathBuf> = vec![];
        for entry in std::fs::read_dir(&folder).map_err(at)? {
            let path = entry.map_err(at)?.path();
            let name = path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().to_lowercase();
            if endings.iter().any(|ending| name.ends_with(ending)) && !path.is_dir() {
                files.push(path);
            }
        }
        paths.extend(sorted(files));
    }
    Ok(())
}

/// Links may go around in circles: no deeper than this.
const DEEPEST: usize = 64;

fn walk(directory: &Path, follow_links: bool, depth: usize, folders: &mut Vec<PathBuf>) -> Result<()> {
    let at = |e| Error::io(directory, e);
    folders.push(directory.to_path_buf());
    if depth == DEEPEST {
        return Ok(());
    }
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.is_dir() && (follow_links || !path.is_symlink()) {
            walk(&path, follow_links, depth + 1, folders)?;
        }
    }
    Ok(())
}

/// Files that become samples when they are needed.
struct Samples<R> {
    paths: Vec<PathBuf>,
    labels: Option<Vec<i32>>,
    label_mode: LabelMode,
    classes: usize,
    batch_size: Option<usize>,
    /// The files in the order of this pass.
    order: Vec<usize>,
    shuffler: Option<RandomState>,
    read: R,
}

impl<R: Read> Samples<R> {
    fn label(&self, labels: &[i32], alone: bool) -> Result<Tensor> {
        let shape = |inner: &[usize]| if alone { inner.to_vec() } else { [&[labels.len()], inner].concat() };
        match self.label_mode {
            LabelMode::Categorical => {
                let hot =
                    |&label: &i32| (0..self.classes as i32).map(move |k| f32::from(u8::from(k == label)));
                Tensor::new(shape(&[self.classes]), labels.iter().flat_map(hot).collect::<Vec<f32>>())
            }
            LabelMode::Binary => {
                Tensor::new(shape(&[1]), labels.iter().map(|&l| l as f32).collect::<Vec<f32>>())
            }
            _ => Tensor::new(shape(&[]), labels.to_vec()),
        }
    }
}

impl<R: Read> PyDataset for Samples<R> {
    fn num_batches(&self) -> Option<usize> {
        Some(self.paths.len().div_ceil(self.batch_size.unwrap_or(1)))
    }

    fn get_item(&self, index: usize) -> Result<Batch> {
        let size = self.batch_size.unwrap_or(1);
        let files = &self.order[index * size..self.paths.len().min((index + 1) * size)];
        let mut samples =
            files.iter().map(|&i| self.read.read(&self.paths[i])).collect::<Result<Vec<_>>>()?;
        let alone = self.batch_size.is_none();
        let x = if alone { samples.swap_remove(0) } else { self.read.join(samples)? };
        let Some(labels) = &self.labels else { return Ok(x.into()) };
        let labels: Vec<i32> = files.iter().map(|&i| labels[i]).collect();
        Ok((x, self.label(&labels, alone)?).into())
    }

    fn on_epoch_begin(&mut self) -> Result<()> {
        if let Some(shuffler) = &mut self.shuffler {
            shuffler.shuffle(&mut self.order);
        }
        Ok(())
    }

    fn workers(&self) -> usize {
        std::thread::available_parallelism().map_or(1, |n| n.get().min(4))
    }
}
