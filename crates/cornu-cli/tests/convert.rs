//! `cornu convert` between all forms of models, weights and layers.
#![allow(clippy::unwrap_used, clippy::panic)]
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the command says on standard error when it fails.
fn convert(arguments: &[&Path]) -> Result<(), String> {
    let done = Command::new(env!("CARGO_BIN_EXE_cornu")).arg("convert").args(arguments).output().unwrap();
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/files").join(name)
}

#[test]
fn all_pairs() {
    let folder = std::env::temp_dir().join(format!("cornu-convert-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let at = |name: &str| folder.join(name);
    let start = testdata("lstm.keras");
    let weights = |path: &Path| cornu::saving::load_model(path).unwrap().get_weights().unwrap();
    let expected = weights(&start);
    // From whole models to all.
    convert(&[&start, &at("a.h5")]).unwrap();
    for model in [&start, &at("a.h5"), &testdata("lstm.h5")] {
        for (name, option) in
            [("w.weights.h5", 0), ("w.safetensors", 0), ("w.npz", 0), ("b.keras", 1), ("b.h5", 1)]
        {
            convert(&[model, &at(name)]).unwrap();
            if option == 1 {
                assert_eq!(weights(&at(name)), expected, "{name}");
            }
        }
        convert(&[model, &at("layers.json")]).unwrap();
    }
    // Weights with layers to all.
    for name in ["w.weights.h5", "w.safetensors", "w.npz"] {
        for layers in ["layers.json", "b.keras", "a.h5"] {
            let (back, option) = (at("back.keras"), PathBuf::from("--layers"));
            convert(&[&at(name), &back, &option, &at(layers)]).unwrap();
            assert_eq!(weights(&back), expected, "{name} {layers}");
        }
    }
    convert(&[&at("layers.json"), &at("new.keras")]).unwrap();
    assert_eq!(weights(&at("new.keras")).len(), expected.len());

    let layers = PathBuf::from("--layers");
    for (arguments, words) in [
        (vec![at("w.npz"), at("c.keras")], "`--layers MODEL`"),
        (vec![at("layers.json"), at("c.npz")], "holds layers alone, no weights"),
        (
            vec![at("w.npz"), at("c.keras"), layers.clone(), at("w.safetensors")],
            "holds weights alone, no layers",
        ),
        (vec![at("b.keras"), at("c.keras"), layers.clone(), at("layers.json")], "has layers of its own"),
        (vec![at("b.keras"), at("c.pb")], "expected a `.keras`"),
        (vec![at("none.keras"), at("c.npz")], "none.keras"),
    ] {
        let arguments: Vec<&Path> = arguments.iter().map(PathBuf::as_path).collect();
        let error = convert(&arguments).unwrap_err();
        assert!(error.starts_with("error: ") && error.contains(words), "{error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
