//! Training steps and predictions of fixed models, timed: `workloads mlp train`, `workloads mnist_cnn predict`.
//!
//! Also takes `bench DIR/mlp.keras --data DATA.npz --batch-size B --steps N --warmup W --mode train --threads T --json`, and then
//! trains on that data the model of that name. Prints one JSON object: milliseconds of a step (median, least, first since
//! the program began), peak memory, losses of the first steps.
use cornu::data::npz;
use cornu::prelude::*;
use std::time::Instant;

fn mlp() -> Result<Sequential> {
    let mut model = Sequential::new()
        .add(Input::new([784]))
        .add(Dense::new(512).activation("relu"))
        .add(Dense::new(512).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]))?;
    Ok(model)
}

fn mnist_cnn() -> Result<Sequential> {
    let mut model = Sequential::new()
        .add(Input::new([28, 28, 1]))
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(Conv2D::new(64, 3).activation("relu"))
        .add(MaxPooling2D::new())
        .add(Dropout::new(0.25))
        .add(Flatten::new())
        .add(Dense::new(128).activation("relu"))
        .add(Dropout::new(0.5))
        .add(Dense::new(10).activation("softmax"));
    let optimizer = Adadelta::new().learning_rate(1.0);
    model.compile(Compile::new(optimizer, "categorical_crossentropy").metrics(["accuracy"]))?;
    Ok(model)
}

fn lstm() -> Result<Sequential> {
    let mut model = Sequential::new()
        .add(Input::new([80]).dtype("int32"))
        .add(Embedding::new(20000, 128))
        .add(LSTM::new(128))
        .add(Dense::new(1).activation("sigmoid"));
    model.compile(Compile::new("adam", "binary_crossentropy").metrics(["accuracy"]))?;
    Ok(model)
}

fn cnn_rnn() -> Result<Sequential> {
    let mut model = Sequential::new()
        .add(Input::new([128, 16]))
        .add(Conv1D::new(64, 5).padding("same").activation("relu"))
        .add(MaxPooling1D::new())
        .add(Bidirectional::new(GRU::new(64)))
        .add(Dense::new(6).activation("softmax"));
    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"]))?;
    Ok(model)
}

/// A model by the name of its workload, its batch size, and data like that of the workload.
fn workload(name: &str, batches: usize) -> Result<(Sequential, usize, Tensor, Tensor)> {
    let mut random = Random(1234);
    let mut uniform = |shape: &[usize], n: usize| -> Result<Tensor> {
        let shape = [&[n], shape].concat();
        let count = shape.iter().product();
        Tensor::new(shape, (0..count).map(|_| random.uniform() as f32).collect::<Vec<f32>>())
    };
    let mut labels = Random(4321);
    let mut label = |n: usize, classes: usize| -> Vec<i32> {
        (0..n).map(|_| (labels.uniform() * classes as f64) as i32).collect()
    };
    let n = |batch: usize| batch * batches;
    Ok(match name {
        "mlp" => (mlp()?, 128, uniform(&[784], n(128))?, label(n(128), 10).into()),
        "mnist_cnn" => {
            let mut one_hot = vec![0f32; n(128) * 10];
            label(n(128), 10).iter().enumerate().for_each(|(i, &c)| one_hot[i * 10 + c as usize] = 1.0);
            (mnist_cnn()?, 128, uniform(&[28, 28, 1], n(128))?, Tensor::new([n(128), 10], one_hot)?)
        }
        "lstm" => {
            let tokens = Tensor::new([n(32), 80], label(n(32) * 80, 20000))?;
            (lstm()?, 32, tokens, label(n(32), 2).iter().map(|&y| y as f32).collect::<Vec<f32>>().into())
        }
        "cnn_rnn" => (cnn_rnn()?, 64, uniform(&[128, 16], n(64))?, label(n(64), 6).into()),
        _ => {
            return Err(Error::argument(
                "workload",
                format!("`{name}` is none of mlp, mnist_cnn, lstm, cnn_rnn"),
            ));
        }
    })
}

/// Peak memory of this process in MB.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// Numbers in [0, 1) that look random (Knuth's linear congruence).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn main() -> Result<()> {
    let start = Instant::now();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let number = |name: &str, default: usize| option(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (name, mode) = match args.first().map(String::as_str) {
        Some("bench") => {
            let path = args.get(1).cloned().unwrap_or_default();
            let stem = std::path::Path::new(&path).file_stem().map(|s| s.to_string_lossy().into_owned());
            (stem.unwrap_or_default(), option("--mode").unwrap_or_else(|| "train".into()))
        }
        Some(name) => (name.to_string(), args.get(1).cloned().unwrap_or_else(|| "train".into())),
        None => ("mlp".into(), "train".into()),
    };
    if let Some(threads) = option("--threads").and_then(|t| t.parse().ok()) {
        cornu::backend::set_num_threads(threads)?;
    }
    let (steps, warmup) = (number("--steps", 60), number("--warmup", 5));
    cornu::utils::set_random_seed(7);
    let (mut model, batch, mut x, mut y) = workload(&name, 8)?;
    if let Some(path) = option("--data") {
        let arrays = npz::load(path)?;
        let get = |key: &str| arrays.iter().find(|(k, _)| k.as_str() == key).map(|(_, t)| t.clone());
        (x, y) = (get("x").unwrap_or(x), get("y").unwrap_or(y));
    }
    let batch = number("--batch-size", batch);
    let mut first = None;
    let mut losses = vec![];
    let mut times: Vec<f64> = vec![];
    // Epochs over the same batches, timed whole, as `fit` runs when nobody looks at single steps.
    let per_epoch = (x.shape()[0] / batch).max(1);
    let epochs = steps.div_ceil(per_epoch).max(3);
    if mode == "train" {
        let one = |from: usize, to: usize| Ok::<_, Error>((x.rows(from, to)?, y.rows(from, to)?));
        for step in 0..warmup.max(per_epoch) {
            let from = step % per_epoch * batch;
            let (x, y) = one(from, from + batch)?;
            let logs = model.train_on_batch(&x, &y)?;
            first.get_or_insert_with(|| start.elapsed());
            losses.push(logs.get("loss").unwrap_or(f64::NAN));
        }
        for _ in 0..epochs {
            let begin = Instant::now();
            model.fit(&x, &y, Fit::new().batch_size(batch).shuffle(false).verbose(0))?;
            times.push(begin.elapsed().as_secs_f64() * 1e3 / per_epoch as f64);
        }
    } else {
        let x = x.rows(0, batch)?;
        for _ in 0..warmup.max(1) {
            model.predict_on_batch(&x)?;
            first.get_or_insert_with(|| start.elapsed());
        }
        for _ in 0..steps {
            let begin = Instant::now();
            model.predict_on_batch(&x)?;
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let first = first.unwrap_or_default().as_secs_f64() * 1e3;
    println!(
        "{{\"median_ms\": {:.4}, \"min_ms\": {:.4}, \"first_step_ms\": {first:.3}, \"peak_rss_mb\": {:.1}, \"losses\": {losses:?}}}",
        times[times.len() / 2],
        times[0],
        peak_memory()
    );
    Ok(())
}
