//! A process that saves is killed, again and again: the file is always whole.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::saving::SaveModel;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const FILE: &str = "CORNU_TEST_SAVES_TO";
const KILLS: u64 = 100;
/// What the saving process says after each save.
const SAVED: &str = "saved";

fn model() -> Sequential {
    Sequential::new().add(Input::new([64])).add(Dense::new(64).activation("relu")).add(Dense::new(64))
}

/// Saves as the name asks for: to a file, to a folder, or weights to several files.
fn save(model: &Model, path: &Path) {
    match path.extension().and_then(|e| e.to_str()) {
        Some("json") => {
            SaveModel::new().max_shard_size(20_000.0 / f64::from(1 << 30)).save_weights(model, path)
        }
        Some(_) => model.save(path),
        None => SaveModel::new().zipped(false).save(model, path),
    }
    .unwrap();
}

/// Saves without end, each time with another number in all weights, when started by the test below.
#[test]
fn saves_without_end() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let mut model = model();
    let shapes: Vec<Vec<usize>> = model.get_weights().unwrap().iter().map(|w| w.shape().to_vec()).collect();
    for number in 1.. {
        let full = |shape: &Vec<usize>| Tensor::full(shape.clone(), DType::F32, f64::from(number));
        model.set_weights(&shapes.iter().map(full).collect::<Vec<_>>()).unwrap();
        save(&model, Path::new(&path));
        println!("{SAVED}");
    }
}

/// The number that all weights of a saved model are.
fn number_in(path: &Path) -> f64 {
    let weights = if path.to_string_lossy().ends_with("json") {
        let mut model = model();
        model.load_weights(path).and_then(|()| model.get_weights())
    } else {
        saving::load_model(path).and_then(|model| model.get_weights())
    };
    let weights = weights.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let values: Vec<f64> = weights.iter().flat_map(|w| w.to_f64()).collect();
    assert!(values.iter().all(|v| *v == values[0]), "weights of two saves");
    values[0]
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cornu_{name}_{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_file_is_whole_after_every_kill() {
    let folder = folder("killed");
    let path = folder.join("model.keras");
    kill_again_and_again(&path, KILLS);

    // What the killed left lies there until it is old.
    let parts = || {
        let names = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
        names.filter(|p| p.extension().is_some_and(|e| e == "part")).collect::<Vec<_>>()
    };
    let old = SystemTime::now() - Duration::from_secs(7200);
    for part in parts() {
        std::fs::File::options().write(true).open(part).unwrap().set_modified(old).unwrap();
    }
    model().save(&path).unwrap();
    assert_eq!(parts(), Vec::<PathBuf>::new());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn several_files_are_whole_after_every_kill() {
    let folder = folder("killed_shards");
    kill_again_and_again(&folder.join("model.weights.json"), KILLS / 3);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn a_folder_is_whole_after_every_kill() {
    let folder = folder("killed_folder");
    kill_again_and_again(&folder.join("model"), KILLS / 3);
    std::fs::remove_dir_all(folder).unwrap();
}

fn kill_again_and_again(path: &Path, kills: u64) {
    let mut seen = std::collections::BTreeSet::new();
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "saves_without_end", "--nocapture"])
            .env(FILE, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut saves = lines.filter(|line| line.as_ref().is_ok_and(|line| line.ends_with(SAVED)));
        // However slow the machine is: at any moment of the second save or third, as long as the first took.
        assert!(saves.next().is_some());
        let start = Instant::now();
        assert!(saves.next().is_some());
        std::thread::sleep(start.elapsed().mul_f64((kill * 7919 % 2000) as f64 / 1000.0));
        child.kill().unwrap();
        child.wait().unwrap();
        if path.exists() {
            seen.insert(number_in(path) as u64);
        }
    }
    assert!(seen.len() > 2, "kills met no saves: {seen:?}");
}
