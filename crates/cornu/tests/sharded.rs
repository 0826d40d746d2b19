//! Weights in several files, and models in folders.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::saving::{LoadWeights, SaveModel, load_model};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::PathBuf;

/// A folder of this test that is removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("cornu-sharded-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mlp(units: usize) -> Sequential {
    Sequential::new()
        .add(Input::new([32]))
        .add(Dense::new(units))
        .add(BatchNormalization::new())
        .add(Dense::new(units))
        .add(Dense::new(1))
}

/// Gigabytes that are this many bytes.
fn bytes(n: usize) -> f64 {
    n as f64 / f64::from(1 << 30)
}

fn sharded(n: usize) -> SaveModel {
    SaveModel::new().max_shard_size(bytes(n))
}

fn map(path: &PathBuf) -> Json {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn weights_in_several_files() {
    let folder = Folder::new("several");
    let path = folder.path("m.weights.json");
    let mut model = mlp(32);
    model.compile(Compile::new("adam", "mse")).unwrap();
    let (x, y) = (Tensor::ones([8, 32], DType::F32), Tensor::ones([8, 1], DType::F32));
    model.fit(&x, &y, Fit::new().verbose(0)).unwrap();
    // A kernel of 4096 bytes fits, one more weight does not.
    sharded(4300).save_weights(&model, &path).unwrap();
    let found = map(&path);
    let shards = folder.names().len() - 1;
    assert!(shards > 2 && folder.names()[0] == "m.weights.json" && folder.names()[1] == "m_00000.weights.h5");
    // The kernel of the first layer and its bias are in one, the second is too large for the rest.
    assert_eq!(found["weight_map"]["/layers/dense/vars"], "m_00000.weights.h5");
    let total: usize = model.get_weights().unwrap().iter().map(|w| 4 * w.len()).sum();
    assert!(found["metadata"]["total_size"].as_u64().unwrap() > 3 * total as u64 - 4096);

    let mut other = mlp(32);
    other.compile(Compile::new("adam", "mse")).unwrap();
    other.fit(Tensor::zeros([8, 32], DType::F32), &y, Fit::new().verbose(0)).unwrap();
    assert!(LoadWeights::new().load(&mut other, &path).unwrap().is_empty());
    assert_eq!(other.get_weights().unwrap(), model.get_weights().unwrap());
    // The state of the optimizer came along: both go on alike.
    model.fit(&x, &y, Fit::new().verbose(0).shuffle(false)).unwrap();
    other.fit(&x, &y, Fit::new().verbose(0).shuffle(false)).unwrap();
    assert_eq!(other.get_weights().unwrap(), model.get_weights().unwrap());
}

#[test]
fn a_save_over_another() {
    let folder = Folder::new("over");
    let path = folder.path("m.weights.json");
    let mut last = vec![];
    for limit in [5000, 9000, 5000, 1 << 20, 4300, 4300] {
        let model = mlp(32);
        sharded(limit).save_weights(&model, &path).unwrap();
        let named: std::collections::BTreeSet<String> = map(&path)["weight_map"]
            .as_object()
            .unwrap()
            .values()
            .map(|file| file.as_str().map_or_else(|| file[0].as_str().unwrap().into(), String::from))
            .collect();
        // No file of the save before is among them, and nothing is left but the first, which Keras opens in any case.
        assert!(last.iter().all(|old| !named.contains(old)), "{named:?} after {last:?}");
        let mut there = folder.names();
        there
            .retain(|name| !named.contains(name) && name != "m.weights.json" && name != "m_00000.weights.h5");
        assert_eq!(there, Vec::<String>::new());
        assert!(folder.path("m_00000.weights.h5").exists());
        last = named.into_iter().collect();
        let mut other = mlp(32);
        other.load_weights(&path).unwrap();
        assert_eq!(other.get_weights().unwrap(), model.get_weights().unwrap());
    }
}

#[test]
fn mistakes() {
    let folder = Folder::new("mistakes");
    let path = folder.path("m.weights.json");
    let mut model = mlp(32);
    let said = |done: Result<()>, word: &str| {
        let message = done.err().map_or("there was no error".into(), |e| e.to_string());
        assert!(message.contains(word), "{word:?} not in:\n{message}");
    };
    said(sharded(4000).save_weights(&model, &path), "takes 4096 bytes");
    said(sharded(4300).save_weights(&model, folder.path("m.weights.h5")), "`.weights.json`");
    said(SaveModel::new().save_weights(&model, &path), "max_shard_size");
    said(sharded(4300).save(&model, folder.path("m.keras")), "max_shard_size");
    for size in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        said(SaveModel::new().max_shard_size(size).save_weights(&model, &path), "max_shard_size");
    }
    assert_eq!(folder.names(), Vec::<String>::new());

    sharded(4300).save_weights(&model, &path).unwrap();
    let whole = map(&path);
    let before = model.get_weights().unwrap();
    let mut refused = |change: &dyn Fn(&mut Json), word: &str| {
        let mut map = whole.clone();
        change(&mut map);
        fs::write(&path, map.to_string()).unwrap();
        said(model.load_weights(&path), word);
        assert_eq!(model.get_weights().unwrap(), before);
    };
    let place = |files: Json| move |map: &mut Json| map["weight_map"]["/layers/dense/vars"] = files.clone();
    for outside in [
        "/etc/m.weights.h5",
        "../m.weights.h5",
        "a/m.weights.h5",
        "a\\m.weights.h5",
        "c:m.weights.h5",
        "m.weights.json",
        ".weights.h5",
        "m.h5",
        "",
    ] {
        refused(&place(json!(outside)), "names no `.weights.h5` file beside the map");
        refused(&place(json!(["m_00000.weights.h5", outside])), "names no `.weights.h5` file beside the map");
    }
    refused(&place(json!(7)), "names no");
    refused(&place(json!([])), "in no file");
    refused(&place(json!(["m_00000.weights.h5", "m_00000.weights.h5"])), "twice in one");
    refused(&place(json!("m_00099.weights.h5")), "`m_00099.weights.h5`, which is not there");
    refused(&place(json!("m_00001.weights.h5")), "should be in `m_00001.weights.h5`, and is not");
    refused(
        &|map| drop(map["weight_map"].as_object_mut().unwrap().shift_remove("/layers/dense/vars")),
        "bytes",
    );
    refused(&|map| map["metadata"]["total_size"] = json!(1), "bytes of weights, they hold");
    refused(&|map| map["metadata"]["total_size"] = json!(-1), "`total_size` is a number of bytes");
    refused(&|map| map["weight_map"] = json!([]), "no `weight_map`");
    fs::write(&path, "[".repeat(100_000)).unwrap();
    said(model.load_weights(&path), "is no map of sharded weights");
    // The folder itself is no file of weights.
    fs::create_dir(folder.path("d.weights.h5")).unwrap();
    let mut map = whole.clone();
    map["weight_map"]["/layers/dense/vars"] = json!("d.weights.h5");
    fs::write(&path, map.to_string()).unwrap();
    said(model.load_weights(&path), "which is not there");
}

#[test]
fn models_in_folders() {
    let folder = Folder::new("folders");
    let path = folder.path("model");
    let unzipped = SaveModel::new().zipped(false);
    for _ in 0..2 {
        let model = mlp(3);
        unzipped.save(&model, &path).unwrap();
        assert_eq!(folder.names(), ["model"]);
        assert_eq!(
            Folder(path.clone()).names_and_keep(),
            ["config.json", "metadata.json", "model.weights.h5"]
        );
        let same = load_model(&path).unwrap();
        assert_eq!(same.get_weights().unwrap(), model.get_weights().unwrap());
        assert_eq!(same.get_config().unwrap(), model.get_config().unwrap());
    }
    let model = mlp(3);
    let said = |done: Result<()>, word: &str| {
        let message = done.err().map_or("there was no error".into(), |e| e.to_string());
        assert!(message.contains(word), "{word:?} not in:\n{message}");
    };
    said(unzipped.save(&model, folder.path("m.keras")), "names a folder");
    said(unzipped.overwrite(false).save(&model, &path), "`overwrite` is false");
    fs::write(path.join("thesis.txt"), "years of work").unwrap();
    said(unzipped.save(&model, &path), "holds `thesis.txt`");
    assert_eq!(fs::read_to_string(path.join("thesis.txt")).unwrap(), "years of work");
    fs::write(folder.path("file"), "").unwrap();
    said(unzipped.save(&model, folder.path("file")), "a file is there");

    #[cfg(unix)]
    {
        let weights = path.join("model.weights.h5");
        fs::rename(&weights, folder.path("elsewhere.h5")).unwrap();
        std::os::unix::fs::symlink(folder.path("elsewhere.h5"), &weights).unwrap();
        said(load_model(&path).map(drop), "`model.weights.h5` in it is no file of its own");
    }
}

impl Folder {
    /// The names in a folder that stays.
    fn names_and_keep(self) -> Vec<String> {
        let names = self.names();
        std::mem::forget(self);
        names
    }
}
