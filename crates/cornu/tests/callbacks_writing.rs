//! Callbacks that write files, in odd configurations: the files are those of Keras 3.15.1 for the same.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::callbacks::{Callback, Context};
use cornu::prelude::*;
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("cornu-writing-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// The files in it, by name.
    fn files(&self) -> String {
        fn list(folder: &Path, under: &str, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = format!("{under}{}", entry.file_name().to_string_lossy());
                if entry.path().is_dir() {
                    list(&entry.path(), &format!("{name}/"), found);
                } else {
                    found.push(name);
                }
            }
        }
        let mut found = vec![];
        list(&self.0, "", &mut found);
        found.sort();
        found.join(" ")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn model(steps_per_execution: usize) -> Sequential {
    utils::clear_session();
    let mut model = Sequential::new().add(Input::new([1])).add(Dense::new(1).kernel_initializer("zeros"));
    let compile = Compile::new("sgd", "mse").metrics(["mae"]);
    model.compile(compile.steps_per_execution(steps_per_execution)).unwrap();
    model
}

/// Trains for some epochs of `samples / 2` batches; `logs` changes the logs of each epoch.
fn train<'a>(
    model: &mut Model,
    (samples, epochs): (usize, usize),
    logs: impl Fn(usize, &mut Logs) + 'a,
    callbacks: Vec<Box<dyn Callback + 'a>>,
) -> Result<History> {
    let zeros = Tensor::zeros([samples, 1], DType::F32);
    let changed = LambdaCallback::new().on_epoch_end(move |_, epoch, l| {
        logs(epoch, l);
        Ok(())
    });
    let fit = Fit::new().batch_size(2).epochs(epochs).verbose(0).callback(changed);
    model.fit(&zeros, &zeros, fit.callbacks(callbacks))
}

/// Three epochs of three batches with these `val_loss`es; a negative one is not there.
fn checkpointed(checkpoint: impl Callback, values: [f64; 3]) -> Result<History> {
    let logs = move |epoch: usize, logs: &mut Logs| {
        if values[epoch].is_nan() || values[epoch] >= 0.0 {
            logs.set("val_loss", f64::from(values[epoch] as f32));
        }
    };
    train(&mut model(1), (6, 3), logs, vec![Box::new(checkpoint)])
}

#[test]
fn checkpoints() {
    const V: [f64; 3] = [0.5, 0.6, 0.4];
    let best = |c: ModelCheckpoint| c.save_best_only(true);
    type Change = fn(ModelCheckpoint) -> ModelCheckpoint;
    let same: Change = |c| c;
    let cases: &[(&str, Change, [f64; 3], &str)] = &[
        ("{epoch:02d}-{val_loss:.2f}.keras", same, V, "01-0.50.keras 02-0.60.keras 03-0.40.keras"),
        ("m{epoch}.keras", |c| c.save_best_only(true), V, "m1.keras m3.keras"),
        ("m{epoch}.keras", |c| c.save_best_only(true).initial_value_threshold(0.5), V, "m3.keras"),
        ("m{epoch}.keras", |c| c.save_best_only(true).initial_value_threshold(0.1), V, ""),
        ("m{epoch}.keras", |c| c.save_best_only(true).mode("max"), V, "m1.keras m2.keras"),
        // What is not there is saved.
        ("m{epoch}.keras", |c| c.save_best_only(true).monitor("val_mae"), V, "m1.keras m2.keras m3.keras"),
        ("m{epoch}.keras", |c| c.save_best_only(true), [-1.0, 0.5, 0.6], "m1.keras m2.keras"),
        ("m{epoch}.keras", |c| c.save_best_only(true), [f64::NAN, 0.5, f64::NAN], "m1.keras"),
        (
            "{epoch:03}.{val_loss:.1f}.weights.h5",
            |c| c.save_weights_only(true),
            V,
            "001.0.5.weights.h5 002.0.6.weights.h5 003.0.4.weights.h5",
        ),
        ("a.h5", same, V, "a.h5"),
        ("s{epoch}-{batch}.keras", |c| c.save_freq(2), V, "s1-2.keras s2-1.keras s2-3.keras s3-2.keras"),
        ("s{epoch}-{batch:02d}.keras", |c| c.save_freq(4), V, "s2-01.keras s3-02.keras"),
        ("s{epoch}-{batch}.keras", |c| c.save_freq(100), V, ""),
        ("{val_loss}.keras", same, V, "0.4000000059604645.keras 0.5.keras 0.6000000238418579.keras"),
        ("{{a}}{epoch:_>4}.keras", same, V, "{a}___1.keras {a}___2.keras {a}___3.keras"),
        (
            "{val_loss:e}_{val_loss:.1%}.keras",
            |c| c.save_best_only(true).mode("max"),
            V,
            "5.000000e-01_50.0%.keras 6.000000e-01_60.0%.keras",
        ),
        ("sub/dir/m{epoch}.keras", same, V, "sub/dir/m1.keras sub/dir/m2.keras sub/dir/m3.keras"),
    ];
    for (path, change, values, want) in cases {
        let folder = Folder::new("checkpoints");
        checkpointed(change(ModelCheckpoint::new(folder.path(path))), *values).unwrap();
        assert_eq!(folder.files(), *want, "{path}");
    }

    let folder = Folder::new("refused");
    let weights = |c: ModelCheckpoint| c.save_weights_only(true);
    for (path, change, want) in [
        ("a.keras", weights as Change, "ModelCheckpoint.filepath: must end in one of `.weights.h5`"),
        ("a.h5", weights, "ModelCheckpoint.filepath: must end in one of `.weights.h5`"),
        ("a", same, "ModelCheckpoint.filepath: must end in one of `.keras`"),
        ("s{epoch}-{batch}.keras", same, "`{batch}` cannot be filled in"),
        ("{none}.keras", same, "`{none}` cannot be filled in"),
        ("{val_loss:d}.keras", same, "`{val_loss:d}` cannot be filled in"),
        (
            "a.keras",
            |c| c.save_freq("batch"),
            "ModelCheckpoint.save_freq: takes \"epoch\" or a positive number",
        ),
    ] {
        let e = checkpointed(change(ModelCheckpoint::new(folder.path(path))), V).unwrap_err().to_string();
        assert!(e.contains(want), "{path}: {e}");
    }
    assert_eq!(folder.files(), "");

    // The best so far, and the steps since the last save, are those of all calls of `fit`.
    let mut again = best(ModelCheckpoint::new(folder.path("{epoch}.keras")));
    checkpointed(&mut again, V).unwrap();
    assert_eq!(folder.files(), "1.keras 3.keras");
    let folder = Folder::new("again");
    let mut again = ModelCheckpoint::new(folder.path("s{epoch}-{batch}.keras")).save_freq(5);
    checkpointed(&mut again, V).unwrap();
    assert_eq!(folder.files(), "s2-2.keras");
    checkpointed(&mut again, V).unwrap();
    assert_eq!(folder.files(), "s1-1.keras s2-2.keras s2-3.keras");

    // A value that is several numbers is none to compare.
    let folder = Folder::new("list");
    let logs = |_: usize, logs: &mut Logs| logs.set_list("val_loss", vec![0.5, 0.6]);
    let checkpoint = best(ModelCheckpoint::new(folder.path("{epoch}.keras")));
    train(&mut model(1), (6, 3), logs, vec![Box::new(checkpoint)]).unwrap();
    assert_eq!(folder.files(), "1.keras 2.keras 3.keras");
}

#[test]
fn checkpoints_between_executions_of_several_steps() {
    let every = "s1-2 s1-4 s1-6 s2-2 s2-4 s2-6 s3-2 s3-4 s3-6";
    let three = "s1-3 s1-6 s2-3 s2-6 s3-3 s3-6";
    for (together, save_freq, want) in [
        (2, 1, every),
        (2, 2, every),
        (2, 3, "s1-4 s2-2 s2-6 s3-4"),
        (2, 4, "s1-4 s2-2 s2-6 s3-4"),
        (2, 5, "s1-6 s2-6 s3-6"),
        (2, 7, "s2-2 s3-4"),
        (3, 1, three),
        (3, 3, three),
        (3, 4, "s1-6 s2-6 s3-6"),
        (3, 7, "s2-3 s3-6"),
    ] {
        let folder = Folder::new("executions");
        let checkpoint = ModelCheckpoint::new(folder.path("s{epoch}-{batch}.keras")).save_freq(save_freq);
        train(&mut model(together), (10, 3), |_, _| (), vec![Box::new(checkpoint)]).unwrap();
        assert_eq!(folder.files().replace(".keras", ""), want, "{together} {save_freq}");
    }
}

/// Fails after a batch.
struct Fails(usize, usize, usize);

impl Callback for Fails {
    fn on_epoch_begin(&mut self, _: &mut Context, epoch: usize) -> Result<()> {
        self.2 = epoch;
        Ok(())
    }

    fn on_train_batch_end(&mut self, _: &mut Context, batch: usize, _: &Logs) -> Result<()> {
        if (self.2, batch) == (self.0, self.1) { Err(Error::State("stop".into())) } else { Ok(()) }
    }
}

#[test]
fn backups() {
    let freqs = |n: usize| if n == 0 { "epoch".into() } else { cornu::callbacks::SaveFreq::from(n) };
    // What is written down when training fails after a batch: of the first epoch, the second, the third.
    let cases: &[(usize, usize, [&str; 3], &[usize])] = &[
        (1, 0, ["", "1 0", "2 0"], &[2, 3]),
        (1, 1, ["0 1", "1 1", "2 3"], &[2, 3]),
        (1, 2, ["0 1", "1 1", "2 3"], &[2, 3]),
        (1, 3, ["", "1 1", "2 3"], &[2, 3]),
        (1, 4, ["", "0 3", "2 3"], &[2, 3]),
        (1, 5, ["", "1 0", "2 1"], &[2, 3]),
        (2, 0, ["", "1 0", "2 0"], &[2, 3]),
        (2, 1, ["0 1", "1 1", "2 3"], &[2, 3]),
        (2, 2, ["", "0 3", "2 3"], &[2, 3]),
        (2, 3, ["", "0 3", "2 3"], &[2, 3]),
        (2, 4, ["", "1 1", "2 3"], &[2, 3]),
        (2, 5, ["", "", "1 3"], &[1, 2, 3]),
    ];
    for (together, save_freq, want, rest) in cases {
        let run = |folder: &Folder, at: Option<(usize, usize)>| {
            let mut callbacks: Vec<Box<dyn Callback>> =
                vec![Box::new(BackupAndRestore::new(folder.0.join("backup")).save_freq(freqs(*save_freq)))];
            if let Some((epoch, batch)) = at {
                callbacks.push(Box::new(Fails(epoch, batch, 0)));
            }
            train(&mut model(*together), (8, 4), |_, _| (), callbacks)
        };
        let what = format!("{together} {save_freq}");
        let mut last = Folder::new("backups");
        for (at, want) in [(0, 1), (1, 1), (2, 3)].into_iter().zip(want) {
            last = Folder::new("backups");
            assert!(run(&last, Some(at)).is_err(), "{what}");
            let text = std::fs::read_to_string(last.0.join("backup/training_metadata.json"));
            let saved: serde_json::Value = serde_json::from_str(&text.unwrap_or("null".into())).unwrap();
            let got = if saved.is_null() {
                String::new()
            } else {
                format!("{} {}", saved["epoch"], saved["batch"])
            };
            assert_eq!(got, *want, "{what} {at:?}");
        }
        assert_eq!(run(&last, None).unwrap().epoch, *rest, "{what}");
        assert_eq!(last.files(), "", "{what}");
    }
}

#[test]
fn backups_that_stay_and_that_are_broken() {
    let folder = Folder::new("kept");
    let run = |backup: BackupAndRestore, epochs, at: Option<(usize, usize)>| {
        let mut callbacks: Vec<Box<dyn Callback>> = vec![Box::new(backup)];
        if let Some((epoch, batch)) = at {
            callbacks.push(Box::new(Fails(epoch, batch, 0)));
        }
        train(&mut model(1), (8, epochs), |_, _| (), callbacks).map(|history| history.epoch)
    };
    let new = || BackupAndRestore::new(folder.0.join("b"));
    assert_eq!(run(new().delete_checkpoint(false), 3, None).unwrap(), [0, 1, 2]);
    assert_eq!(folder.files(), "b/latest.weights.h5 b/training_metadata.json");
    assert!(run(new().delete_checkpoint(false), 3, None).unwrap().is_empty());
    std::fs::remove_dir_all(folder.0.join("b")).unwrap();

    assert!(run(new().double_checkpoint(true), 3, Some((2, 1))).is_err());
    let both =
        "b/latest.weights.h5 b/latest.weights.h5.bkp b/training_metadata.json b/training_metadata.json.bkp";
    assert_eq!(folder.files(), both);
    std::fs::write(folder.0.join("b/latest.weights.h5"), "x").unwrap();
    // The one that could be read is the last now, before anything else is saved.
    assert!(run(new(), 3, Some((1, 0))).is_err());
    let weights = ["b/latest.weights.h5", "b/latest.weights.h5.bkp"]
        .map(|name| std::fs::read(folder.0.join(name)).unwrap());
    assert!(weights[0] == weights[1]);
    assert_eq!(run(new().double_checkpoint(true), 3, None).unwrap(), [1, 2]);

    // Interrupted a second time in its first epoch, it still knows which that was. Keras begins with epoch 0 then.
    for _ in 0..2 {
        assert!(run(new().save_freq(2), 5, Some((2, 2))).is_err());
    }
    assert_eq!(run(new().save_freq(2), 5, None).unwrap(), [2, 3, 4]);
    // Interrupted in the very first epoch, the call says where to begin.
    assert!(run(new().save_freq(1), 5, Some((0, 1))).is_err());
    let zeros = Tensor::zeros([8, 1], DType::F32);
    let fit = Fit::new().batch_size(2).initial_epoch(3).epochs(5).verbose(0).callback(new());
    assert_eq!(model(1).fit(&zeros, &zeros, fit).unwrap().epoch, [3, 4]);
    assert!(run(BackupAndRestore::new(""), 1, None).unwrap_err().to_string().contains("is empty"));
}

#[test]
fn csv_files() {
    type Epochs = [&'static [(&'static str, f64)]];
    const TWO: [&[(&str, f64)]; 2] = [&[("loss", 0.5), ("b", 1e-7)], &[("loss", 0.25), ("b", 1e20)]];
    let new = |folder: &Folder| CSVLogger::new(folder.0.join("l.csv"));
    let run = |logger: CSVLogger, epochs: &'static Epochs, fits: usize| {
        let mut logger = logger;
        for _ in 0..fits {
            let logs = |epoch: usize, logs: &mut Logs| {
                *logs = Logs::new();
                epochs[epoch].iter().for_each(|(name, value)| logs.set(name, *value));
            };
            train(&mut model(1), (2, epochs.len()), logs, vec![Box::new(&mut logger)])?;
        }
        Ok::<(), Error>(())
    };
    let rows = "0,1e-07,0.5,NA,NA\n1,1e+20,0.25,NA,NA\n";
    let head = "epoch,b,loss,val_b,val_loss\n";
    type Change = fn(CSVLogger) -> CSVLogger;
    let (same, append): (Change, Change) = (|l| l, |l| l.append(true));
    let odd: &'static Epochs = &[
        &[("loss", f64::NAN), ("val_loss", f64::NEG_INFINITY), ("z", f64::INFINITY)],
        &[("loss", 1.0), ("new", 2.0)],
    ];
    let names: &'static Epochs = &[&[("a,b", 0.1), ("c\"d", 0.2), ("val_x y", 0.3), ("n\nl", 0.4)]];
    let cases: &[(Change, &'static Epochs, usize, Option<&str>, String)] = &[
        (same, &TWO, 1, None, format!("{head}{rows}")),
        (same, &TWO, 2, Some("old"), format!("{head}{rows}")),
        (append, &TWO, 1, None, format!("{head}{rows}")),
        (append, &TWO, 2, None, format!("{head}{rows}{rows}")),
        (append, &TWO, 1, Some(""), format!("{head}{rows}")),
        (append, &TWO, 1, Some("x"), format!("x{rows}")),
        (|l| l.separator("\t"), &TWO, 1, None, format!("{head}{rows}").replace(',', "\t")),
        (
            |l| l.separator("."),
            &TWO,
            1,
            None,
            "epoch.b.loss.val_b.val_loss\n0.1e-07.\"0.5\".NA.NA\n1.1e+20.\"0.25\".NA.NA\n".into(),
        ),
        (same, odd, 1, None, "epoch,loss,val_loss,z\n0,nan,-inf,inf\n1,1.0,NA,NA\n".into()),
        (same, names, 1, None, "epoch,\"a,b\",\"c\"\"d\",\"n\nl\",val_x y\n0,0.1,0.2,0.4,0.3\n".into()),
        (same, &[&[], &[("loss", 1.0)]], 1, None, "epoch\n0\n1\n".into()),
    ];
    for (i, (change, epochs, fits, there, want)) in cases.iter().enumerate() {
        let folder = Folder::new("csv");
        if let Some(text) = there {
            std::fs::write(folder.0.join("l.csv"), text).unwrap();
        }
        run(change(new(&folder)), epochs, *fits).unwrap();
        let text = std::fs::read_to_string(folder.0.join("l.csv")).unwrap();
        assert_eq!(text.replace("\r\n", "\n"), *want, "case {i}");
    }
    let folder = Folder::new("csv-refused");
    for separator in ["", "ab"] {
        let e = run(new(&folder).separator(separator), &TWO, 1).unwrap_err().to_string();
        assert!(e.contains("CSVLogger.separator: must be one character"), "{e}");
    }
    let nowhere = CSVLogger::new(folder.0.join("none/l.csv"));
    assert!(run(nowhere, &TWO, 1).unwrap_err().to_string().contains("l.csv"));
}
