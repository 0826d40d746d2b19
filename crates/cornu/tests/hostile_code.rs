//! What no program can mean, passed in code: an error that says it, never a panic. `hostile.rs` has files.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]
use cornu::callbacks::Context;
use cornu::layers::{Call, Weights};
use cornu::optimizers::{Muon, schedules};
use cornu::prelude::*;
use cornu::training::{Batch, Dataset, PyDataset};
use cornu::{initializers, models, random};
use std::panic::{AssertUnwindSafe, catch_unwind};

const HUGE: usize = usize::MAX;
/// What fits into no memory, though its bytes are a number.
const LARGE: usize = 1 << 40;

/// Runs each case; an error must have the word before it.
macro_rules! refused {
    ($($word:literal: $($case:expr),+;)*) => {{
        let mut wrong = vec![];
        $($(
            let ran = catch_unwind(AssertUnwindSafe(|| -> Result<()> { $case.map(drop) }));
            let said = match ran {
                Err(_) => Some("it panicked".to_string()),
                Ok(Ok(())) => Some("it was taken".to_string()),
                Ok(Err(e)) => (!e.to_string().contains($word)).then(|| e.to_string()),
            };
            wrong.extend(said.map(|said| format!("{}\n    {:?} expected, but {said}", stringify!($case), $word)));
        )+)*
        assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    }};
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32)
}

/// A model of one layer, built, saved as text and asked.
fn on(shape: &[usize], layer: impl Layer) -> Result<Tensor> {
    let mut model = Sequential::new().add(Input::new(shape.to_vec())).add(layer);
    let _ = (model.summary(), model.to_json());
    model.predict(zeros(&[&[2], shape].concat()), Predict::new().verbose(0))
}

fn small() -> Sequential {
    Sequential::new().add(Input::new([4])).add(Dense::new(3).name("last"))
}

fn compiled(compile: Compile) -> Result<History> {
    let mut model = small();
    model.compile(compile)?;
    model.fit(zeros(&[6, 4]), zeros(&[6, 3]), Fit::new().verbose(0))
}

fn with_optimizer(optimizer: impl Into<Optimizer>) -> Result<History> {
    compiled(Compile::new(optimizer, "mse"))
}

fn with_loss(loss: impl Into<Loss>) -> Result<History> {
    compiled(Compile::new("sgd", loss.into()))
}

fn with_metric(metric: impl Into<Metric>) -> Result<History> {
    compiled(Compile::new("sgd", "mse").metrics([metric.into()]))
}

fn fitted(fit: Fit) -> Result<History> {
    let mut model = small();
    model.compile(Compile::new("sgd", "mse"))?;
    model.fit(zeros(&[6, 4]), zeros(&[6, 3]), fit.verbose(0))
}

fn with_callback(callback: impl Callback) -> Result<History> {
    fitted(Fit::new().callback(callback))
}

/// The output of a layer on symbolic tensors.
fn applied(layer: impl Layer, inputs: usize) -> Result<Model> {
    let x = Input::new([4, 3]).tensor();
    Model::new([x.clone()], [layer.apply(vec![x; inputs])])
}

#[test]
fn sizes_of_layers() {
    refused! {
        "must be positive": on(&[4], Dense::new(0)), on(&[8, 8, 3], Resizing::new(0, 4)), on(&[4], CategoryEncoding::new(0)),
            on(&[8, 1], UpSampling1D::new().size(0)), applied(MultiHeadAttention::new(0, 2), 2);
        "Dense.units": on(&[4], Dense::new(HUGE));
        "does not fit into memory": on(&[1 << 10], Dense::new(1 << 30)), on(&[4], RepeatVector::new(1 << 30));
        "does not fit into 32 bits": on(&[4, 3], LSTM::new(HUGE)), on(&[4, 3], GRU::new(HUGE)), on(&[4, 3], LSTM::new(LARGE)),
            on(&[4, 3], RNN::new(LSTMCell::new(HUGE))), on(&[4, 3, 1], ConvLSTM1D::new(HUGE, 3)),
            on(&[8, 8, 1], Conv2D::new(2, 3).dilation_rate(HUGE)), on(&[8, 8, 1], Conv2DTranspose::new(2, 3).dilation_rate(HUGE)),
            on(&[8, 8, 2], SeparableConv2D::new(2, 3).depth_multiplier(HUGE)), on(&[8, 8, 1], Cropping2D::new().cropping(HUGE)),
            on(&[8, 8, 1], ZeroPadding2D::new().padding(HUGE)), on(&[8, 8, 1], UpSampling2D::new().size(HUGE)),
            on(&[8, 8, 1], MaxPooling2D::new().pool_size(HUGE)), on(&[4], Reshape::new([i64::MAX, i64::MAX])),
            on(&[4], IntegerLookup::new().num_oov_indices(HUGE).vocabulary(vec![1])), on(&[4], Hashing::new(HUGE)),
            on(&[8, 8, 3], CenterCrop::new(HUGE, 1)), on(&[8, 8, 3], Equalization::new().bins(HUGE)),
            on(&[100], STFTSpectrogram::new().frame_length(HUGE)), on(&[4, 3], Bidirectional::new(LSTM::new(HUGE))),
            applied(MultiHeadAttention::new(HUGE, HUGE), 2), on(&[4], BatchNormalization::new().axis(i64::MIN));
        "out of range": on(&[4], BatchNormalization::new().axis(9)), on(&[4], Softmax::new().axis(-9)), applied(Concatenate::new().axis(7), 2);
        "power_iterations": on(&[4], SpectralNormalization::new(Dense::new(2)).power_iterations(1 << 30));
        "larger than any data": on(&[0], Dense::new(2)).and(Model::new([Input::new([HUGE]).tensor()], [Input::new([HUGE]).tensor()]));
        "larger than any memory": Model::new([Input::new([1 << 30, 1 << 30]).tensor()], [Flatten::new().apply(Input::new([1 << 30, 1 << 30]).tensor())]);
        "more than 64": Model::new([Input::new([1; 70]).tensor()], [Flatten::new().apply(Input::new([1; 70]).tensor())]);
        "no steps": on(&[0, 3], LSTM::new(2)), on(&[0, 3], Bidirectional::new(GRU::new(2)));
    }
}

#[test]
fn numbers_of_layers() {
    refused! {
        "NaN": on(&[4], Dropout::new(f64::NAN)), on(&[4], GaussianNoise::new(f64::NAN)), on(&[4], ELU::new().alpha(f64::NAN)),
            on(&[4], BatchNormalization::new().momentum(f64::NAN)), on(&[4], BatchNormalization::new().epsilon(f64::NAN)),
            on(&[4], LayerNormalization::new().epsilon(f64::NAN)), on(&[8, 8, 3], RandomRotation::new(f64::NAN)),
            on(&[4], ActivityRegularization::new().l1(f64::NAN)),
            on(&[4], Dense::new(3).kernel_initializer(initializers::Orthogonal::new().gain(f64::NAN)));
        "must rise": on(&[4], Discretization::new().bin_boundaries(vec![f64::NAN, 1.0])), on(&[4], Discretization::new().bin_boundaries(vec![2.0, 1.0]));
        "recurrent_dropout": on(&[4, 3], LSTM::new(2).recurrent_dropout(2.0)), on(&[4, 3], GRU::new(2).recurrent_dropout(-1.0));
        "got (-1, 2)": on(&[8, 8, 3], RandomRotation::new(2.0));
        "unknown dtype policy `flaot32`": on(&[4], Dense::new(3).dtype("flaot32"));
        "layer `dense": on(&[4], Dense::new(3).dtype("flaot32"));
    }
}

/// A layer of user code that does what its number says.
#[layer("hostile")]
pub struct Careless {
    /// Which mistake it makes.
    pub mistake: i64,
}

impl Layer for Careless {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        match self.mistake {
            1 => _ = weights.add("k", [3], &"zeros".into()).ones_within(0..99),
            2 => _ = weights.add("k", [HUGE, 2], &"zeros".into()),
            3 => ["k", "k"].iter().for_each(|name| _ = weights.add(name, [3], &"zeros".into())),
            4 => _ = input.known(i64::MIN)?,
            _ => {}
        }
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let x = &inputs[0];
        Ok(match self.mistake {
            10 => vec![],
            11 => vec![x.split(0, 1).remove(0)],
            12 => vec![x.repeat(HUGE, 1)],
            13 => vec![x.tile(&[HUGE, HUGE])],
            14 => vec![x.reshape(&[HUGE, HUGE])],
            15 => vec![x.flatten_from(99)],
            16 => cx.cell_constants(&Dense::new(3).share(), &x.reshape(&[8]))?,
            17 => vec![cx.weight("none")?],
            18 => vec![Value::concat(&[], 0)],
            19 => vec![x.transpose(&[0, 0, 9])],
            _ => vec![x.roll(i64::MIN, 1)],
        })
    }
}

#[test]
fn layers_of_user_code() {
    refused! {
        "ones_within": on(&[4], Careless::new(1));
        "does not fit into memory": on(&[4], Careless::new(2));
        "two weights called `k`": on(&[4], Careless::new(3));
        "out of range": on(&[4], Careless::new(4)), on(&[4], Careless::new(15));
        "gives no output": on(&[4], Careless::new(10)), applied(Careless::new(10), 1);
        "split": on(&[4], Careless::new(11));
        "larger than any memory": on(&[4], Careless::new(12)), on(&[4], Careless::new(13));
        "reshape": on(&[4], Careless::new(14));
        "a sequence of shape": on(&[4], Careless::new(16));
        "unknown weight `none`": on(&[4], Careless::new(17));
        "at least one": on(&[4], Careless::new(18));
        "transpose": on(&[4], Careless::new(19));
    }
    assert_eq!(on(&[4], Careless::new(0)).unwrap(), zeros(&[2, 4]));
}

#[test]
fn models() {
    let a = || Input::new([4]).name("a").tensor();
    refused! {
        "no layers": Sequential::new().predict(zeros(&[2, 2]), Predict::new()), Sequential::new().pop(), Sequential::new().build([2]);
        "used by two layers": {
            let (x, y) = (a(), a());
            let sum = Add::new().apply([&x, &y]);
            Model::new([x, y], [sum])
        }, {
            let twice = Dense::new(4).share();
            Sequential::new().add(Input::new([4])).add(twice.clone()).add(twice).predict(zeros(&[2, 4]), Predict::new())
        };
        "after its first layer": Sequential::new().add(Dense::new(2)).add(Input::new([2])).predict(zeros(&[2, 4]), Predict::new()),
            Sequential::new().add(Input::new([2])).add(Input::new([2])).count_params();
        "begins with an `Input`": small().build([None, Some(9)]);
        "takes one input, got 0": Model::new([a()], [Dense::new(2).apply(Vec::<KerasTensor>::new())]);
        "at least one": Model::new([a()], [Add::new().apply(Vec::<KerasTensor>::new())]);
        "not among the inputs": Model::new(Vec::<KerasTensor>::new(), [a()]);
        "asked for layer": small().get_layer(HUGE), Sequential::new().get_layer(0);
        "unknown layer": small().get_layer("");
        "not built": Sequential::new().add(Sequential::new()).predict(zeros(&[2, 4]), Predict::new());
        "has 2 weights, got 0": small().set_weights(&[]);
        "Summary.line_length": models::Summary::new().line_length(HUGE).of(&small()), models::Summary::new().line_length(1).of(&small());
        "Summary.positions": models::Summary::new().positions(vec![f64::NAN, 0.5, 1.0]).of(&small());
        "not compiled": small().train_on_batch(zeros(&[2, 4]), zeros(&[2, 3]));
        "got 0 arrays": small().predict(Vec::<Tensor>::new(), Predict::new());
    }
    // A model may be a layer of itself as it was.
    let mut model = small();
    model.push(Dense::new(4));
    let itself = model.as_layer().unwrap();
    model.push(itself);
    assert_eq!(model.predict(zeros(&[2, 4]), Predict::new().verbose(0)).unwrap().shape(), [2, 4]);
}

#[test]
fn settings_of_compile() {
    use cornu::{losses, metrics};
    refused! {
        "NaN": with_optimizer(Adam::new().learning_rate(f64::NAN)), with_optimizer(Adam::new().beta_1(f64::NAN)),
            with_optimizer(Adam::new().epsilon(f64::NAN)), with_optimizer(Adam::new().clipnorm(f64::NAN)),
            with_optimizer(RMSprop::new().rho(f64::NAN)), with_optimizer(SGD::new().momentum(f64::NAN)),
            with_optimizer(Adam::new().learning_rate(schedules::CosineDecayRestarts::new(0.1, 3).t_mul(f64::NAN))),
            with_loss(losses::Huber::new().delta(f64::NAN)), with_loss(losses::Tversky::new().alpha(f64::NAN)),
            with_metric(metrics::BinaryAccuracy::new().threshold(f64::NAN)), with_metric(metrics::Precision::new().thresholds(f64::NAN)),
            compiled(Compile::new("sgd", "mse").loss_weights([f64::NAN]));
        "decay_steps": with_optimizer(Adam::new().learning_rate(schedules::ExponentialDecay::new(0.1, 0, 0.5)));
        "Muon.ns_steps": with_optimizer(Muon::new().ns_steps(HUGE));
        "loss `categorical_crossentropy` of y_true": with_loss(losses::CategoricalCrossentropy::new().axis(7));
        "metric `cosine_similarity` of y_true": with_metric(metrics::CosineSimilarity::new().axis(9));
        "memory": with_metric(metrics::AUC::new().num_thresholds(HUGE)), with_metric(metrics::AUC::new().num_thresholds(LARGE)),
            with_metric(metrics::MeanIoU::new(HUGE)), with_metric(metrics::MeanIoU::new(LARGE)),
            with_metric(metrics::SpecificityAtSensitivity::new(0.5).num_thresholds(HUGE));
        "class 9": with_metric(metrics::IoU::new(2, vec![9])), with_metric(metrics::Precision::new().class_id(9));
        "given twice": compiled(Compile::new("sgd", [("last", "mse"), ("last", "mae")])),
            compiled(Compile::new("sgd", "mse").metrics([("last", vec!["mse"]), ("last", vec!["mae"])]));
        "give `compile` a loss": compiled(Compile::new("sgd", ()));
    }
}

struct Odd(u8);

impl PyDataset for Odd {
    fn num_batches(&self) -> Option<usize> {
        Some(if self.0 == 0 { HUGE } else { 3 })
    }

    fn get_item(&self, _: usize) -> Result<Batch> {
        Ok(match self.0 {
            1 => (zeros(&[2, 4]), zeros(&[3, 3])).into(),
            2 => (zeros(&[0, 4]), zeros(&[0, 3])).into(),
            3 => zeros(&[2, 4]).into(),
            4 => Batch::default(),
            5 => (Tensor::scalar(1f32), Tensor::scalar(1f32)).into(),
            _ => (zeros(&[2, 4]), zeros(&[2, 3])).into(),
        })
    }
}

#[test]
fn arguments_of_training() {
    let streamed = |kind| {
        let mut model = small();
        model.compile(Compile::new("sgd", "mse"))?;
        model.fit(Dataset::new(Odd(kind)), (), Fit::new().verbose(0))
    };
    let data = |x: Tensor, y: Tensor| {
        let mut model = small();
        model.compile(Compile::new("sgd", "mse"))?;
        model.fit(x, y, Fit::new().verbose(0))
    };
    refused! {
        "Fit.validation_split": fitted(Fit::new().validation_split(f64::NAN));
        "Fit.validation_batch_size": fitted(Fit::new().validation_split(0.5).validation_batch_size(0));
        "first axis": fitted(Fit::new().sample_weight(Tensor::scalar(1f32))), data(Tensor::scalar(1f32), Tensor::scalar(1f32));
        "more than arrays may have": data(zeros(&[LARGE, 0]), zeros(&[LARGE, 0])).or_else(|_| {
            Sequential::new().add(Flatten::new()).predict(zeros(&[LARGE, 0]), Predict::new()).map(|_| History::default())
        });
        "no samples": data(zeros(&[0, 4]), zeros(&[0, 3]));
        "samples": data(zeros(&[6, 4]), zeros(&[5, 3]));
        "got 0 arrays": { let mut model = small(); model.compile(Compile::new("sgd", "mse")).unwrap(); model.fit(zeros(&[6, 4]), (), Fit::new()) };
        "`a` is given twice": {
            let (a, b) = (Input::new([4]).name("a").tensor(), Input::new([4]).name("b").tensor());
            let sum = Add::new().apply([&a, &b]);
            Model::new([a, b], [sum]).unwrap().predict([("a", &zeros(&[2, 4])), ("a", &zeros(&[2, 4]))], Predict::new())
        };
        "steps: must be at least 1": small().predict(zeros(&[2, 4]), Predict::new().steps(0)), {
            let mut model = small();
            model.compile(Compile::new("sgd", "mse"))?;
            model.evaluate(zeros(&[2, 4]), zeros(&[2, 3]), Evaluate::new().steps(0))
        };
        "shuffle": streamed(0);
        "": streamed(1), streamed(2), streamed(3), streamed(4), streamed(5);
        "ModelCheckpoint.filepath": with_callback(ModelCheckpoint::new("model.txt")), with_callback(ModelCheckpoint::new("")),
            with_callback(ModelCheckpoint::new("{epoch:999999999999d}.keras")), with_callback(ModelCheckpoint::new("{loss:.99999f}.keras")),
            with_callback(ModelCheckpoint::new("{none}.keras")), with_callback(ModelCheckpoint::new("{epoch.keras"));
        "ReduceLROnPlateau.factor": with_callback(ReduceLROnPlateau::new().factor(f64::NAN)), with_callback(ReduceLROnPlateau::new().factor(1.0));
        "gave NaN": with_callback(LearningRateScheduler::new(|_: usize, _: f64| f64::NAN));
    }
    // Large numbers that mean something.
    for fit in [
        Fit::new().batch_size(HUGE),
        Fit::new().steps_per_epoch(HUGE).batch_size(HUGE),
        Fit::new().initial_epoch(HUGE),
        Fit::new()
            .validation_split(0.5)
            .validation_steps(HUGE)
            .validation_batch_size(HUGE)
            .validation_freq(HUGE),
        Fit::new().epochs(HUGE).callback(EarlyStopping::new().monitor("loss").min_delta(9.0)),
    ] {
        fitted(fit).unwrap();
    }
    let mut model = small();
    let busy = Dataset::new(Odd(9)).workers(HUGE).max_queue_size(HUGE);
    assert_eq!(model.predict(busy, Predict::new().verbose(0)).unwrap().shape(), [6, 3]);
}

/// Trains, compiles and asks the model that is being trained.
struct Meddling;

impl Callback for Meddling {
    fn on_epoch_begin(&mut self, cx: &mut Context, _: usize) -> Result<()> {
        cx.model().fit(zeros(&[6, 4]), zeros(&[6, 3]), Fit::new().verbose(0)).map(drop)
    }

    fn on_train_batch_end(&mut self, cx: &mut Context, _: usize, _: &Logs) -> Result<()> {
        cx.model().compile(Compile::new("adam", "mae"))?;
        cx.model().predict(zeros(&[6, 4]), Predict::new().verbose(0)).map(drop)
    }
}

#[test]
fn a_callback_that_meddles() {
    with_callback(Meddling).unwrap();
}

#[test]
fn tensors_and_data() {
    let image = || utils::array_to_img(&zeros(&[4, 4, 3]), "channels_last", true).unwrap();
    refused! {
        "cannot become": zeros(&[0]).reshape([1usize << 32, 1 << 32]), zeros(&[0]).reshape([HUGE, 2]);
        "does not hold": Tensor::new([HUGE, 2], vec![1f32]), Tensor::from_f64([0, LARGE, LARGE], DType::F32, &[]);
        "rows": zeros(&[2]).rows(HUGE, 0), zeros(&[2]).rows(0, HUGE);
        "none of": utils::to_categorical(&Tensor::from([-1i64]), None), utils::to_categorical(&Tensor::from([1i64]), 0);
        "memory": utils::to_categorical(&Tensor::from([i64::MAX]), None), utils::to_categorical(&Tensor::from([1i64]), LARGE),
            utils::pad_sequences(&[vec![1]], HUGE, "pre", "pre", 0), utils::pad_sequences(&[vec![1]], LARGE, "pre", "pre", 0),
            image().resize((HUGE, HUGE), "nearest"), image().resize((HUGE, 1), "bilinear"), image().resize((LARGE, LARGE), "bicubic"),
            random::normal([LARGE], 0.0, 1.0, None, 1), random::normal([HUGE, HUGE], 0.0, 1.0, None, 1),
            random::categorical(&zeros(&[2, 3]), LARGE, DType::I32, 1), ops::zeros([LARGE], None), ops::eye(LARGE, None, 0, None);
        "broadcast": ops::add(zeros(&[2]), zeros(&[3]));
        "depth_to_space": ops::depth_to_space(zeros(&[1, 2, 2, 4]), HUGE, "channels_last");
        "no number": utils::to_categorical(&Tensor::from([f32::NAN]), None);
        "out of range": utils::normalize(&zeros(&[2, 2]), i64::MIN, 2);
        "split_dataset": utils::split_dataset(zeros(&[5, 2]), f64::NAN), utils::split_dataset(zeros(&[5, 2]), HUGE);
        "": utils::timeseries_dataset_from_array(&zeros(&[5, 2]), None, HUGE), Dataset::new(Odd(9)).batch(0);
    }
    // Far beyond the matrix there is nothing, and of far steps there is one.
    let x = zeros(&[2, 3]);
    assert_eq!(ops::diag(&x, i64::MIN).unwrap().shape(), [0]);
    assert_eq!(ops::diagonal(&x, i64::MAX, 0, 1).unwrap().shape(), [0]);
    let far = ops::Index::Slice(None, None, Some(i64::MIN));
    assert_eq!(ops::get_item(&x, [far]).unwrap().shape(), [1, 3]);
}
