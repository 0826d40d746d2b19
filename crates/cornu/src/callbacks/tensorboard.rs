//! Training as TensorBoard shows it.
use crate::callbacks::event_file::EventFile;
use crate::callbacks::rates::named_rates;
use crate::callbacks::{Callback, Context};
use crate::models::Model;
use crate::training::Logs;
use cornu_graph::{Error, Result, Tensor};
use std::path::PathBuf;
use std::time::Instant;

/// When [`TensorBoard`] writes losses and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateFreq {
    /// After each epoch.
    Epoch,
    /// After each so many training steps as well, counted from the start of `fit`.
    Batches(usize),
}

impl From<&str> for UpdateFreq {
    /// `"epoch"` or `"batch"`; no other word is known.
    fn from(word: &str) -> UpdateFreq {
        match word {
            "epoch" => UpdateFreq::Epoch,
            "batch" => UpdateFreq::Batches(1),
            _ => UpdateFreq::Batches(0),
        }
    }
}

impl From<usize> for UpdateFreq {
    fn from(batches: usize) -> UpdateFreq {
        UpdateFreq::Batches(batches)
    }
}

/// The files that tell what the rows of embeddings stand for: one for all, or by the name of the layer.
#[derive(Clone, Debug)]
pub enum EmbeddingsMetadata {
    /// One file.
    All(String),
    /// Layers and their files.
    ByLayer(Vec<(String, String)>),
}

impl From<&str> for EmbeddingsMetadata {
    fn from(file: &str) -> EmbeddingsMetadata {
        EmbeddingsMetadata::All(file.into())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for EmbeddingsMetadata {
    fn from(files: [(&str, &str); N]) -> EmbeddingsMetadata {
        EmbeddingsMetadata::ByLayer(files.map(|(layer, file)| (layer.into(), file.into())).into())
    }
}

/// Writes what TensorBoard shows: losses and metrics by epoch and by step, the learning rate, the layers of the model, and if
/// asked for the weights, as histograms and pictures. Keras's `TensorBoard`.
///
/// Files are in `train` and `validation` in the folder, under Keras's tags. There is no profiler: `cornu bench` and the tools of
/// the system measure. Keras leaves an epoch out whose last step is none that `update_freq` writes; here each is written.
///
/// ```no_run
/// use cornu::prelude::*;
/// # fn main() -> Result<()> {
/// # let mut model = Sequential::new();
/// # let (x, y) = (Tensor::zeros([1], DType::F32), Tensor::zeros([1], DType::F32));
/// model.fit(&x, &y, Fit::new().epochs(10).callback(TensorBoard::new().log_dir("logs/first").histogram_freq(1)))?;
/// // tensorboard --logdir logs
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    log_dir: PathBuf,
    histogram_freq: usize,
    write_graph: bool,
    write_images: bool,
    write_steps_per_second: bool,
    update_freq: UpdateFreq,
    profile_batch: usize,
    embeddings_freq: usize,
    embeddings_metadata: Option<EmbeddingsMetadata>,
    train: Option<EventFile>,
    validation: Option<EventFile>,
    /// Training steps since the start of `fit`.
    steps: usize,
    batch_start: Instant,
    epoch_start: (Instant, i64),
}

impl Default for TensorBoard {
    fn default() -> Self {
        TensorBoard {
            log_dir: "logs".into(),
            histogram_freq: 0,
            write_graph: true,
            write_images: false,
            write_steps_per_second: false,
            update_freq: UpdateFreq::Epoch,
            profile_batch: 0,
            embeddings_freq: 0,
            embeddings_metadata: None,
            train: None,
            validation: None,
            steps: 0,
            batch_start: Instant::now(),
            epoch_start: (Instant::now(), 0),
        }
    }
}

impl TensorBoard {
    /// Writes to `logs` after each epoch, as in Keras.
    pub fn new() -> TensorBoard {
        TensorBoard::default()
    }

    /// The folder; `"logs"` by default.
    pub fn log_dir(mut self, log_dir: impl Into<PathBuf>) -> Self {
        self.log_dir = log_dir.into();
        self
    }

    /// Epochs from one histogram of the weights to the next; 0 (default): none.
    pub fn histogram_freq(mut self, histogram_freq: usize) -> Self {
        self.histogram_freq = histogram_freq;
        self
    }

    /// Whether to write the layers of the model; true by default.
    pub fn write_graph(mut self, write_graph: bool) -> Self {
        self.write_graph = write_graph;
        self
    }

    /// Whether to write weights as pictures, when histograms are written.
    pub fn write_images(mut self, write_images: bool) -> Self {
        self.write_images = write_images;
        self
    }

    /// Whether to write how many steps a second takes.
    pub fn write_steps_per_second(mut self, write_steps_per_second: bool) -> Self {
        self.write_steps_per_second = write_steps_per_second;
        self
    }

    /// `"epoch"` (default), `"batch"`, or a number of training steps.
    pub fn update_freq(mut self, update_freq: impl Into<UpdateFreq>) -> Self {
        self.update_freq = update_freq.into();
        self
    }

    /// Only 0: there is no profiler.
    pub fn profile_batch(mut self, profile_batch: usize) -> Self {
        self.profile_batch = profile_batch;
        self
    }

    /// Epochs from one file with the weights of embeddings to the next; 0 (default): none.
    pub fn embeddings_freq(mut self, embeddings_freq: usize) -> Self {
        self.embeddings_freq = embeddings_freq;
        self
    }

    /// The files that tell what the rows of embeddings stand for.
    pub fn embeddings_metadata(mut self, embeddings_metadata: impl Into<EmbeddingsMetadata>) -> Self {
        self.embeddings_metadata = Some(embeddings_metadata.into());
        self
    }

    /// Whether this step of training is written.
    fn writes_step(&self) -> bool {
        match self.update_freq {
            UpdateFreq::Epoch => false,
            UpdateFreq::Batches(every) => self.steps.is_multiple_of(every.max(1)),
        }
    }

    fn train(&mut self) -> Result<&mut EventFile> {
        opened(&mut self.train, self.log_dir.join("train"))
    }

    fn validation(&mut self) -> Result<&mut EventFile> {
        opened(&mut self.validation, self.log_dir.join("validation"))
    }

    fn write_weights(&mut self, model: &Model, epoch: i64) -> Result<()> {
        // Keras's paths of a stack of layers begin with its name.
        let stack =
            if model.class_name() == "Sequential" { format!("{}/", model.name()) } else { String::new() };
        let images = self.write_images;
        for weight in model.weights()? {
            let path = format!("{stack}{}", weight.path).replace(':', "_");
            let value = weight.variable.value()?;
            let file = self.train()?;
            file.histogram(&format!("{path}/histogram"), &value.to_f64(), epoch)?;
            if let Some(picture) = picture(&value)?.filter(|_| images) {
                file.images(&format!("{path}/image"), &picture, epoch)?;
            }
        }
        Ok(())
    }

    /// Tells TensorBoard's projector of the embeddings.
    fn configure_embeddings(&mut self, model: &Model) -> Result<()> {
        let mut unused = match &self.embeddings_metadata {
            Some(EmbeddingsMetadata::ByLayer(files)) => files.clone(),
            _ => vec![],
        };
        let mut config = String::new();
        for layer in model.layers().iter().filter(|layer| layer.class_name() == "Embedding") {
            let file = match &self.embeddings_metadata {
                Some(EmbeddingsMetadata::All(file)) => Some(file.clone()),
                _ => {
                    let at = unused.iter().position(|(name, _)| name == layer.name());
                    at.map(|at| unused.remove(at).1)
                }
            };
            let tensor = "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE";
            config += &format!("embeddings {{\n  tensor_name: \"{tensor}\"\n");
            if let Some(file) = file {
                let file = file.replace('\\', "\\\\").replace('"', "\\\"");
                config += &format!("  metadata_path: \"{file}\"\n");
            }
            config += "}\n";
        }
        if let Some((name, _)) = unused.first() {
            let layers: Vec<String> = model.layers().iter().map(|l| l.name().to_string()).collect();
            return Err(Error::unknown("embedding layer", name, layers.iter().map(String::as_str)));
        }
        std::fs::create_dir_all(&self.log_dir).map_err(|e| Error::io(&self.log_dir, e))?;
        let path = self.log_dir.join("projector_config.pbtxt");
        std::fs::write(&path, config).map_err(|e| Error::io(&path, e))
    }
}

fn opened(file: &mut Option<EventFile>, folder: PathBuf) -> Result<&mut EventFile> {
    match file {
        Some(file) => Ok(file),
        none => Ok(none.insert(EventFile::create(&folder)?)),
    }
}

/// A weight as pictures `(n, rows, columns, channels)`, if it can be shown.
fn picture(weight: &Tensor) -> Result<Option<Tensor>> {
    let sizes: Vec<usize> = weight.shape().iter().copied().filter(|&n| n != 1).collect();
    let shown = match sizes[..] {
        [n] => weight.reshape([1, n, 1, 1])?,
        [rows, columns] if rows > columns => {
            transposed(weight, rows, columns)?.reshape([1, columns, rows, 1])?
        }
        [rows, columns] => weight.reshape([1, rows, columns, 1])?,
        [rows, columns, kernels] => {
            transposed(weight, rows * columns, kernels)?.reshape([kernels, rows, columns, 1])?
        }
        [_, _, _, 3 | 4] => weight.reshape(sizes)?,
        _ => return Ok(None),
    };
    Ok(Some(shown).filter(|shown| !shown.is_empty()))
}

fn transposed(weight: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
    let values = weight.to_f64();
    let turned = (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j)));
    Tensor::new([columns, rows], turned.map(|(i, j)| values[i * columns + j]).collect::<Vec<f64>>())
}

impl Callback for TensorBoard {
    fn watches_batches(&self) -> bool {
        self.update_freq != UpdateFreq::Epoch
    }

    fn on_train_begin(&mut self, cx: &mut Context) -> Result<()> {
        if self.profile_batch != 0 {
            let error = Error::argument("TensorBoard.profile_batch", "must be 0: there is no profiler");
            return Err(error.help("`cornu bench` times a model"));
        }
        if self.update_freq == UpdateFreq::Batches(0) {
            let message = "takes \"epoch\", \"batch\" or a positive number of steps";
            return Err(Error::argument("TensorBoard.update_freq", message));
        }
        (self.train, self.validation, self.steps) = (None, None, 0);
        if self.write_graph {
            // A model that has no saved form is trained nevertheless.
            match cx.model().to_json() {
                Ok(json) => self.train()?.text("keras", "graph_keras_model", b"1", &json, 0)?,
                Err(e) => eprintln!("warning: TensorBoard does not show the layers: {e}"),
            }
        }
        if self.embeddings_freq > 0 {
            self.configure_embeddings(cx.model())?;
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Context, _: &Logs) -> Result<()> {
        (self.train, self.validation) = (None, None);
        Ok(())
    }

    fn on_test_end(&mut self, cx: &mut Context, logs: &Logs) -> Result<()> {
        let Some(step) = cx.model().iterations()? else { return Ok(()) };
        let file = self.validation()?;
        logs.iter().try_for_each(|(name, value)| {
            file.scalar(&format!("evaluation_{name}_vs_iterations"), value, step)
        })
    }

    fn on_train_batch_begin(&mut self, _: &mut Context, _: usize) -> Result<()> {
        self.steps += 1;
        self.batch_start = Instant::now();
        Ok(())
    }

    fn on_train_batch_end(&mut self, _: &mut Context, _: usize, logs: &Logs) -> Result<()> {
        if !self.writes_step() {
            return Ok(());
        }
        let (step, per_second) = (self.steps as i64, 1.0 / self.batch_start.elapsed().as_secs_f64());
        let timed = self.write_steps_per_second;
        let file = self.train()?;
        if timed {
            file.scalar("batch_steps_per_second", per_second, step)?;
        }
        logs.iter().try_for_each(|(name, value)| file.scalar(&format!("batch_{name}"), value, step))
    }

    fn on_epoch_begin(&mut self, cx: &mut Context, _: usize) -> Result<()> {
        self.epoch_start = (Instant::now(), cx.model().iterations()?.unwrap_or(0));
        Ok(())
    }

    fn on_epoch_end(&mut self, cx: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        let step = epoch as i64;
        let mut values: Vec<(String, f64)> = vec![];
        for (name, value) in logs.iter() {
            match name.strip_prefix("val_") {
                Some(name) => self.validation()?.scalar(&format!("epoch_{name}"), value, step)?,
                None => values.push((name.into(), value)),
            }
        }
        for (name, rate) in named_rates(cx)? {
            values.retain(|(other, _)| *other != name);
            values.push((name, rate));
        }
        if self.write_steps_per_second {
            let (start, before) = self.epoch_start;
            let steps = cx.model().iterations()?.unwrap_or(0) - before;
            values.push(("steps_per_second".into(), steps as f64 / start.elapsed().as_secs_f64()));
        }
        let file = self.train()?;
        values.iter().try_for_each(|(name, value)| file.scalar(&format!("epoch_{name}"), *value, step))?;
        if self.histogram_freq > 0 && epoch.is_multiple_of(self.histogram_freq) {
            self.write_weights(cx.model(), step)?;
        }
        if self.embeddings_freq > 0 && epoch.is_multiple_of(self.embeddings_freq) {
            let folder = self.log_dir.join("train");
            std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
            cx.model().save_weights(folder.join(format!("keras_embedding.ckpt-{epoch}.weights.h5")))?;
        }
        Ok(())
    }
}
