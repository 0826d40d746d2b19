//! Callbacks: when they are called, what they write and send.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::callbacks::{Callback, Context, UpdateFreq};
use cornu::prelude::*;
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

fn data(rows: usize) -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..rows * 3).map(|i| (i % 5) as f32 / 5.0).collect();
    (Tensor::new([rows, 3], x).unwrap(), Tensor::ones([rows, 1], DType::F32))
}

fn model() -> Sequential {
    utils::set_random_seed(1);
    utils::clear_session();
    let mut model =
        Sequential::new().add(Input::new([3])).add(Dense::new(4).activation("relu")).add(Dense::new(1));
    model.compile(Compile::new("sgd", "mse").metrics(["mae"])).unwrap();
    model
}

fn names(logs: &Logs) -> String {
    logs.iter().map(|(name, _)| name).collect::<Vec<_>>().join("/")
}

/// Notes each call, by itself or as the closures of a [`LambdaCallback`].
struct Notes<'a>(&'a RefCell<Vec<String>>);

impl Notes<'_> {
    fn note(&self, what: String) -> Result<()> {
        self.0.borrow_mut().push(what);
        Ok(())
    }
}

impl Callback for Notes<'_> {
    fn on_train_begin(&mut self, _: &mut Context) -> Result<()> {
        self.note("train_begin".into())
    }
    fn on_train_end(&mut self, _: &mut Context, logs: &Logs) -> Result<()> {
        self.note(format!("train_end {}", names(logs)))
    }
    fn on_epoch_begin(&mut self, _: &mut Context, epoch: usize) -> Result<()> {
        self.note(format!("epoch_begin {epoch}"))
    }
    fn on_epoch_end(&mut self, _: &mut Context, epoch: usize, logs: &mut Logs) -> Result<()> {
        self.note(format!("epoch_end {epoch} {}", names(logs)))
    }
    fn on_train_batch_begin(&mut self, _: &mut Context, batch: usize) -> Result<()> {
        self.note(format!("train_batch_begin {batch}"))
    }
    fn on_train_batch_end(&mut self, _: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        self.note(format!("train_batch_end {batch} {}", names(logs)))
    }
    fn on_test_begin(&mut self, _: &mut Context) -> Result<()> {
        self.note("test_begin".into())
    }
    fn on_test_end(&mut self, _: &mut Context, logs: &Logs) -> Result<()> {
        self.note(format!("test_end {}", names(logs)))
    }
    fn on_test_batch_begin(&mut self, _: &mut Context, batch: usize) -> Result<()> {
        self.note(format!("test_batch_begin {batch}"))
    }
    fn on_test_batch_end(&mut self, _: &mut Context, batch: usize, logs: &Logs) -> Result<()> {
        self.note(format!("test_batch_end {batch} {}", names(logs)))
    }
    fn on_predict_begin(&mut self, _: &mut Context) -> Result<()> {
        self.note("predict_begin".into())
    }
    fn on_predict_end(&mut self, _: &mut Context) -> Result<()> {
        self.note("predict_end".into())
    }
    fn on_predict_batch_begin(&mut self, _: &mut Context, batch: usize) -> Result<()> {
        self.note(format!("predict_batch_begin {batch}"))
    }
    fn on_predict_batch_end(&mut self, _: &mut Context, batch: usize, outputs: &[Tensor]) -> Result<()> {
        self.note(format!("predict_batch_end {batch} {:?}", outputs[0].shape()))
    }
}

/// What Keras 3.15.1 calls for the same.
const ORDER: &str = "train_begin
epoch_begin 0
train_batch_begin 0
train_batch_end 0 loss
train_batch_begin 1
train_batch_end 1 loss
test_begin
test_batch_begin 0
test_batch_end 0 loss
test_batch_begin 1
test_batch_end 1 loss
test_end loss
epoch_end 0 loss/val_loss
train_end loss/val_loss
test_begin
test_batch_begin 0
test_batch_end 0 loss
test_batch_begin 1
test_batch_end 1 loss
test_end loss
predict_begin
predict_batch_begin 0
predict_batch_end 0 [4, 1]
predict_batch_begin 1
predict_batch_end 1 [2, 1]
predict_end";

#[test]
fn called_in_keras_s_order() {
    let run = |callback: &dyn Fn() -> Box<dyn Callback>| {
        let (x, y) = data(6);
        let mut model = model();
        model.compile(Compile::new("sgd", "mse")).unwrap();
        let fit = Fit::new().batch_size(4).verbose(0).validation_data((&x, &y));
        model.fit(&x, &y, fit.callback(callback())).unwrap();
        model.evaluate(&x, &y, Evaluate::new().batch_size(4).verbose(0).callback(callback())).unwrap();
        model.predict(&x, Predict::new().batch_size(4).verbose(0).callback(callback())).unwrap();
    };
    let notes: &'static RefCell<Vec<String>> = Box::leak(Box::default());
    run(&|| Box::new(Notes(notes)));
    assert_eq!(notes.take().join("\n"), ORDER);

    let note = |what: String| {
        notes.borrow_mut().push(what);
        Ok(())
    };
    run(&|| {
        Box::new(
            LambdaCallback::new()
                .on_train_begin(move |_| note("train_begin".into()))
                .on_train_end(move |_, logs| note(format!("train_end {}", names(logs))))
                .on_epoch_begin(move |_, epoch| note(format!("epoch_begin {epoch}")))
                .on_epoch_end(move |_, epoch, logs| note(format!("epoch_end {epoch} {}", names(logs))))
                .on_train_batch_begin(move |_, batch| note(format!("train_batch_begin {batch}")))
                .on_train_batch_end(move |_, i, logs| note(format!("train_batch_end {i} {}", names(logs))))
                .on_test_begin(move |_| note("test_begin".into()))
                .on_test_end(move |_, logs| note(format!("test_end {}", names(logs))))
                .on_test_batch_begin(move |_, batch| note(format!("test_batch_begin {batch}")))
                .on_test_batch_end(move |_, i, logs| note(format!("test_batch_end {i} {}", names(logs))))
                .on_predict_begin(move |_| note("predict_begin".into()))
                .on_predict_end(move |_| note("predict_end".into()))
                .on_predict_batch_begin(move |_, batch| note(format!("predict_batch_begin {batch}")))
                .on_predict_batch_end(move |_, i, y| {
                    note(format!("predict_batch_end {i} {:?}", y[0].shape()))
                }),
        )
    });
    assert_eq!(notes.take().join("\n"), ORDER);
}

#[test]
fn a_loss_that_is_no_number() {
    let (x, y) = data(6);
    let bad = Tensor::full([6, 3], DType::F32, f64::INFINITY);
    let history = model()
        .fit(&bad, &y, Fit::new().batch_size(2).epochs(3).verbose(0).callback(TerminateOnNaN::new()))
        .unwrap();
    assert_eq!(history.epoch, [0]);
    let strict = TerminateOnNaN::new().raise_error(true);
    let e =
        model().fit(&bad, &y, Fit::new().batch_size(2).verbose(0).callback(strict)).unwrap_err().to_string();
    assert!(e.starts_with("NaN or Inf loss encountered at batch 0. Loss value: "), "{e}");
    let fine = Fit::new().verbose(0).callback(TerminateOnNaN::new().raise_error(true));
    model().fit(&x, &y, fit_twice(fine)).unwrap();
}

fn fit_twice(fit: Fit) -> Fit {
    fit.epochs(2)
}

/// Answers so many requests; their heads and bodies.
fn serve(requests: usize) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let (send, received) = channel();
    std::thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(n) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            let _ = send.send((head, String::from_utf8(body).unwrap()));
        }
    });
    (root, received)
}

#[test]
fn remote_monitor() {
    let (x, y) = data(6);
    let (root, received) = serve(2);
    let monitor =
        RemoteMonitor::new().root(&root).path("/epochs").send_as_json(true).headers([("X-Run", "7")]);
    let history = model().fit(&x, &y, Fit::new().epochs(2).verbose(0).callback(monitor)).unwrap();
    for epoch in 0..2 {
        let (head, body) = received.recv().unwrap();
        assert!(head.starts_with("POST /epochs HTTP/1.1\r\n"), "{head}");
        let head = head.to_lowercase();
        assert!(head.contains("content-type: application/json") && head.contains("x-run: 7"), "{head}");
        let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(sent["epoch"], epoch);
        assert_eq!(sent["loss"].as_f64().unwrap(), history.get("loss")[epoch]);
        assert_eq!(sent["mae"].as_f64().unwrap(), history.get("mae")[epoch]);
    }

    let (root, received) = serve(1);
    model().fit(&x, &y, Fit::new().verbose(0).callback(RemoteMonitor::new().root(&root))).unwrap();
    let (head, body) = received.recv().unwrap();
    assert!(head.starts_with("POST /publish/epoch/end/ HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/x-www-form-urlencoded"), "{head}");
    assert!(body.starts_with("data=%7B%22epoch%22%3A+0%2C+%22loss%22%3A+0."), "{body}");

    // Nothing listens on port 1: a warning, no more.
    let lost = RemoteMonitor::new().root("http://127.0.0.1:1");
    assert_eq!(model().fit(&x, &y, Fit::new().epochs(2).verbose(0).callback(lost)).unwrap().epoch, [0, 1]);
}

struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("cornu-callbacks-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The fields of a protocol buffer: number and bytes; numbers and floats as their bytes.
fn fields(mut rest: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(rest: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = rest[0];
            *rest = &rest[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        value
    }
    let mut found = vec![];
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let length = match key & 7 {
            0 => {
                let value = varint(&mut rest);
                found.push((key >> 3, value.to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut rest) as usize,
            kind => panic!("{kind}"),
        };
        let (bytes, after) = rest.split_at(length);
        found.push((key >> 3, bytes.to_vec()));
        rest = after;
    }
    found
}

fn field(message: &[u8], number: u64) -> Vec<u8> {
    fields(message).into_iter().find(|(n, _)| *n == number).map(|(_, bytes)| bytes).unwrap_or_default()
}

/// Tag, step and tensor of each event in the only file of a folder.
fn events(folder: &Path) -> Vec<(String, u64, Vec<u8>)> {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    let file = files.iter().find(|f| f.to_string_lossy().contains("events.out.tfevents.")).unwrap();
    let bytes = std::fs::read(file).unwrap();
    let (mut rest, mut found) = (&bytes[..], vec![]);
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let event = &rest[12..12 + length];
        rest = &rest[12 + length + 4..];
        let summary = field(event, 5);
        if summary.is_empty() {
            assert_eq!(field(event, 3), b"brain.Event:2");
            continue;
        }
        let value = field(&summary, 1);
        let step = field(event, 2).try_into().map_or(0, u64::from_le_bytes);
        found.push((String::from_utf8(field(&value, 1)).unwrap(), step, field(&value, 8)));
    }
    found
}

fn scalar(tensor: &[u8]) -> f32 {
    f32::from_le_bytes(field(tensor, 4).try_into().unwrap())
}

#[test]
fn tensorboard() {
    let folder = Folder::new("tensorboard");
    let (x, y) = data(6);
    let board =
        TensorBoard::new().log_dir(&folder.0).histogram_freq(1).write_images(true).update_freq("batch");
    let fit = Fit::new().batch_size(2).epochs(2).verbose(0).validation_data((&x, &y)).callback(board);
    let history = model().fit(&x, &y, fit).unwrap();

    let train = events(&folder.0.join("train"));
    let tags: Vec<(&str, u64)> = train.iter().map(|(tag, step, _)| (tag.as_str(), *step)).collect();
    let epoch = |epoch: u64| {
        let mut tags = vec![];
        for batch in 1..=3 {
            tags.extend([("batch_loss", 3 * epoch + batch), ("batch_mae", 3 * epoch + batch)]);
        }
        for tag in [
            "epoch_loss",
            "epoch_mae",
            "epoch_learning_rate",
            "sequential/dense/kernel/histogram",
            "sequential/dense/kernel/image",
            "sequential/dense/bias/histogram",
            "sequential/dense/bias/image",
            "sequential/dense_1/kernel/histogram",
            "sequential/dense_1/kernel/image",
            "sequential/dense_1/bias/histogram",
        ] {
            tags.push((tag, epoch));
        }
        tags
    };
    assert_eq!(tags, [vec![("keras", 0)], epoch(0), epoch(1)].concat());
    let of = |events: &[(String, u64, Vec<u8>)], tag: &str| -> Vec<f32> {
        events.iter().filter(|(t, ..)| t == tag).map(|(.., tensor)| scalar(tensor)).collect()
    };
    let expected = |name: &str| history.get(name).iter().map(|v| *v as f32).collect::<Vec<_>>();
    assert_eq!(of(&train, "epoch_loss"), expected("loss"));
    assert_eq!(of(&train, "epoch_learning_rate"), [0.01; 2]);
    assert_eq!(of(&train, "batch_mae")[5], expected("mae")[1]);
    let layers: serde_json::Value = serde_json::from_slice(&field(&train[0].2, 8)).unwrap();
    assert_eq!(layers["class_name"], "Sequential");

    let validation = events(&folder.0.join("validation"));
    let tags: Vec<(&str, u64)> = validation.iter().map(|(tag, step, _)| (tag.as_str(), *step)).collect();
    let epoch = |epoch: u64| {
        let steps = 3 * (epoch + 1);
        vec![
            ("evaluation_loss_vs_iterations", steps),
            ("evaluation_mae_vs_iterations", steps),
            ("epoch_loss", epoch),
            ("epoch_mae", epoch),
        ]
    };
    assert_eq!(tags, [epoch(0), epoch(1)].concat());
    assert_eq!(of(&validation, "epoch_mae"), expected("val_mae"));
}

/// Steps now and then, validation every other epoch, and a rate that another callback has put into the logs.
#[test]
fn tensorboard_now_and_then() {
    let epoch = |n| vec![("epoch_loss", n), ("epoch_mae", n), ("epoch_learning_rate", n)];
    let batch = |n| vec![("batch_loss", n), ("batch_mae", n)];
    let two = [batch(2), batch(4), epoch(0), batch(6), batch(8), epoch(1)].concat();
    let four = [batch(4), epoch(0), batch(8), epoch(1)].concat();
    for (freq, want) in
        [(UpdateFreq::from(2), two), (4.into(), four), ("epoch".into(), [epoch(0), epoch(1)].concat())]
    {
        let folder = Folder::new("now-and-then");
        let (x, y) = data(8);
        let board = TensorBoard::new().log_dir(&folder.0).write_graph(false).update_freq(freq);
        let rate = LearningRateScheduler::new(|_, _| 0.5);
        let fit = Fit::new().batch_size(2).epochs(2).verbose(0).validation_data((&x, &y)).validation_freq(2);
        model().fit(&x, &y, fit.callback(rate).callback(board)).unwrap();
        let train = events(&folder.0.join("train"));
        assert_eq!(train.iter().map(|(tag, step, _)| (tag.as_str(), *step)).collect::<Vec<_>>(), want);
        let validation = events(&folder.0.join("validation"));
        let tags: Vec<(&str, u64)> = validation.iter().map(|(tag, step, _)| (tag.as_str(), *step)).collect();
        let of_evaluation = [("evaluation_loss_vs_iterations", 8), ("evaluation_mae_vs_iterations", 8)];
        assert_eq!(tags, [&of_evaluation[..], &[("epoch_loss", 1), ("epoch_mae", 1)]].concat());
    }
}

#[test]
fn tensorboard_embeddings_and_refusals() {
    let folder = Folder::new("embeddings");
    let ids = Tensor::new([4, 2], vec![0i32, 1, 2, 3, 1, 0, 3, 2]).unwrap();
    let y = Tensor::ones([4, 1], DType::F32);
    let fit = |board: TensorBoard| {
        utils::clear_session();
        let mut model = Sequential::new()
            .add(Input::new([2]).dtype("int32"))
            .add(Embedding::new(5, 3))
            .add(Flatten::new())
            .add(Dense::new(1));
        model.compile(Compile::new("sgd", "mse")).unwrap();
        let board = board.log_dir(&folder.0);
        model.fit(&ids, &y, Fit::new().verbose(0).callback(board)).map(drop).map_err(|e| e.to_string())
    };
    fit(TensorBoard::new().embeddings_freq(1).embeddings_metadata([("embedding", "words.tsv")])).unwrap();
    let config = std::fs::read_to_string(folder.0.join("projector_config.pbtxt")).unwrap();
    let expected = "embeddings {\n  tensor_name: \"layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE\"\n  \
                    metadata_path: \"words.tsv\"\n}\n";
    assert_eq!(config, expected);
    assert!(folder.0.join("train/keras_embedding.ckpt-0.weights.h5").exists());

    let unknown = TensorBoard::new().embeddings_freq(1).embeddings_metadata([("embeding", "words.tsv")]);
    assert!(
        fit(unknown)
            .unwrap_err()
            .starts_with("unknown embedding layer `embeding`; did you mean `embedding`?")
    );
    let e = fit(TensorBoard::new().profile_batch(2)).unwrap_err();
    assert!(e.starts_with("TensorBoard.profile_batch: must be 0"), "{e}");
    let e = fit(TensorBoard::new().update_freq("batches")).unwrap_err();
    assert!(e.starts_with("TensorBoard.update_freq: takes"), "{e}");
}

/// As Keras writes it: room for a validation that may come, lists in quotes, numbers as Python shows them.
#[test]
fn csv_logger_writes_what_keras_writes() {
    let path = std::env::temp_dir().join(format!("cornu-csv-logger-{}.csv", std::process::id()));
    let saved = serde_json::json!({
        "class_name": "CSVLogger", "config": {"filename": path, "separator": ";", "append": false}
    });
    let x = Input::new([2]).tensor();
    let y = Dense::new(2).activation("softmax").kernel_initializer("ones").apply(&x);
    let mut model = Model::new([x], [y]).unwrap();
    let metrics = [cornu::metrics::Metric::from(cornu::metrics::F1Score::new()), "mae".into()];
    model.compile(Compile::new(SGD::new().learning_rate(1e-5), "mse").metrics(metrics)).unwrap();
    let (x, y) = (Tensor::from([[0f32, 1.0], [1.0, 0.0]]), Tensor::from([[1f32, 0.0], [1.0, 0.0]]));
    let callbacks = vec![
        Box::new(ReduceLROnPlateau::new().monitor("loss")) as Box<dyn Callback>,
        cornu::callbacks::from_saved(&saved).unwrap(),
    ];
    model.fit(&x, &y, Fit::new().callbacks(callbacks).verbose(0)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let want = "epoch;f1_score;learning_rate;loss;mae;val_f1_score;val_learning_rate;val_loss;val_mae\r\n\
                0;\"\"\"[1.0, 0.0]\"\"\";9.999999747378752e-06;0.25;0.5;NA;NA;NA;NA\r\n";
    assert_eq!(text, want);

    let nowhere = serde_json::json!({"class_name": "CSVLogger", "config": {}});
    let error = cornu::callbacks::from_saved(&nowhere).err().unwrap().to_string();
    assert!(error.contains("`filename` is missing"), "{error}");
    let checkpoint = serde_json::json!({
        "class_name": "ModelCheckpoint", "config": {"filepath": "m.keras", "save_freq": "epoch", "save_best_only": true}
    });
    assert!(cornu::callbacks::from_saved(&checkpoint).is_ok());
}
