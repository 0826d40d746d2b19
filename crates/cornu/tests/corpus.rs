//! What fuzzing kept, replayed: the files of `fuzz/corpus`, each by its target. None may panic, abort or hang.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::path::Path;

#[path = "../../../fuzz/src/targets.rs"]
mod targets;

#[path = "../../../fuzz/src/mutate.rs"]
#[allow(dead_code)]
mod mutate;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 1, "{name}");
    for file in files {
        let result = std::panic::catch_unwind(|| target(&std::fs::read(&file).unwrap()));
        assert!(result.is_ok(), "{}", file.display());
    }
}

#[test]
fn keras() {
    replay("keras", targets::keras);
}

#[test]
fn h5() {
    replay("h5", targets::h5);
}

#[test]
fn npz() {
    replay("npz", targets::npz);
}

#[test]
fn config() {
    replay("config", targets::config);
}

#[test]
fn safetensors() {
    replay("safetensors", targets::safetensors);
}

#[test]
fn data() {
    replay("data", targets::data);
}

/// Files of the corpus, changed: the same changes in every run. `CORNU_ROUNDS` makes more of them for each file.
fn changed(
    name: &str,
    target: fn(&[u8]),
    change: fn(&[u8], &mut mutate::Dice) -> Option<Vec<u8>>,
    rounds: u32,
) {
    let more = std::env::var("CORNU_ROUNDS").ok().and_then(|n| n.parse().ok());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut found, mut count) = (vec![], 0);
    for file in &files {
        let whole = std::fs::read(file).unwrap();
        for seed in 0..more.unwrap_or(rounds) {
            let Some(changed) = change(&whole, &mut mutate::Dice::new(seed)) else { continue };
            count += 1;
            let start = std::time::Instant::now();
            let result = std::panic::catch_unwind(|| target(&changed));
            if result.is_err() || start.elapsed().as_secs() > 20 {
                found.push(format!("{} {seed}", file.display()));
            }
        }
    }
    println!("{name}: {count} changed files");
    assert!(found.is_empty(), "{} of {count}:\n{}", found.len(), found.join("\n"));
}

#[test]
fn changed_configs() {
    changed("config", targets::config, mutate::change_json, 4);
}

#[test]
fn changed_archives() {
    changed("keras", targets::keras, mutate::change_member, 60);
    changed("npz", targets::npz, mutate::change_member, 60);
}

#[test]
fn changed_files() {
    changed("h5", targets::h5, mutate::change_bytes, 60);
    changed("safetensors", targets::safetensors, mutate::change_bytes, 60);
    changed("data", targets::data, mutate::change_bytes, 60);
}
