//! A process that saves is killed, again and again: the file is always whole.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
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

/// Saves without end, each time with another number in all weights, when started by the test below.
#[test]
fn saves_without_end() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let mut model = model();
    let shapes: Vec<Vec<usize>> = model.get_weights().unwrap().iter().map(|w| w.shape().to_vec()).collect();
    for number in 1.. {
        let full = |shape: &Vec<usize>| Tensor::full(shape.clone(), DType::F32, f64::from(number));
        model.set_weights(&shapes.iter().map(full).collect::<Vec<_>>()).unwrap();
        model.save(&path).unwrap();
        println!("{SAVED}");
    }
}

/// The number that all weights of a saved model are.
fn number_in(path: &Path) -> f64 {
    let model = saving::load_model(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let values: Vec<f64> = model.get_weights().unwrap().iter().flat_map(|w| w.to_f64()).collect();
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
    let mut seen = std::collections::BTreeSet::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "saves_without_end", "--nocapture"])
            .env(FILE, &path)
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
            seen.insert(number_in(&path) as u64);
        }
    }
    assert!(seen.len() > 2, "kills met no saves: {seen:?}");

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
