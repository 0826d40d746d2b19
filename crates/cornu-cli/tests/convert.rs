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
        (vec![at("b.keras"), at("c.weights.json")], "--max-shard-size: says how many gigabytes"),
        (vec![at("b.keras"), at("c.keras"), "--max-shard-size=1".into()], "is for a `.weights.json`"),
        (vec![at("b.keras"), at("c.keras"), "--by-name".into()], "is for weights alone"),
        (vec![at("none.keras"), at("c.npz")], "none.keras"),
    ] {
        let arguments: Vec<&Path> = arguments.iter().map(PathBuf::as_path).collect();
        let error = convert(&arguments).unwrap_err();
        assert!(error.starts_with("error: ") && error.contains(words), "{error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// Layers of a few lines can ask for weights of any size.
#[test]
fn weights_that_do_not_fit_into_memory() {
    let place = std::env::temp_dir().join(format!("cornu-convert-large-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let layer = |class: &str, config: &str| format!(r#"{{"class_name": "{class}", "config": {{{config}}}}}"#);
    let input = layer("InputLayer", r#""batch_shape": [null, 4, 1000000]"#);
    for (class, config) in
        [("Dense", r#""name": "d", "units": 2147483647"#), ("SimpleRNN", r#""name": "r", "units": 2000000"#)]
    {
        let text = format!(
            r#"{{"class_name": "Sequential", "config": {{"layers": [{input}, {}]}}}}"#,
            layer(class, config)
        );
        std::fs::write(place.join("large.json"), text).unwrap();
        let error = convert(&[&place.join("large.json"), &place.join("a.keras")]).unwrap_err();
        assert!(error.contains("does not fit into memory") || error.contains("is asked for"), "{error}");
        assert!(!place.join("a.keras").exists());
    }
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn folders_and_weights_in_several_files() {
    let place = std::env::temp_dir().join(format!("cornu-convert-parts-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let at = |name: &str| place.join(name);
    let start = testdata("lstm.keras");
    let weights = |path: &Path| cornu::saving::load_model(path).unwrap().get_weights().unwrap();
    let expected = weights(&start);
    let size = PathBuf::from("--max-shard-size=2e-7");
    // To both, and from each to the others.
    convert(&[&start, &at("model")]).unwrap();
    assert!(at("model").join("model.weights.h5").is_file());
    convert(&[&start, &at("m.weights.json"), &size]).unwrap();
    assert!(at("m_00001.weights.h5").is_file());
    convert(&[&at("model"), &at("n.weights.json"), &size]).unwrap();
    let layers = PathBuf::from("--layers");
    for map in ["m.weights.json", "n.weights.json"] {
        for whose in [&start, &at("model")] {
            for back in ["back.keras", "back.h5", "back"] {
                convert(&[&at(map), &at(back), &layers, whose]).unwrap();
                assert_eq!(weights(&at(back)), expected, "{map} {back}");
            }
        }
    }
    for name in ["f.keras", "f.h5", "f.npz", "f.safetensors", "f.weights.h5", "f.json"] {
        convert(&[&at("back"), &at(name)]).unwrap();
    }
    // A second time: in place of the first.
    convert(&[&start, &at("model")]).unwrap();
    assert_eq!(weights(&at("model")), expected);
    convert(&[&at("m.weights.json"), &at("o.weights.json"), &layers, &start, &size]).unwrap();
    std::fs::remove_file(at("o_00001.weights.h5")).unwrap();
    let error = convert(&[&at("o.weights.json"), &at("x.keras"), &layers, &start]).unwrap_err();
    assert!(error.contains("names the file `o_00001.weights.h5`, which is not there"), "{error}");
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn the_state_of_the_optimizer_goes_with_the_weights() {
    use cornu::prelude::*;
    let place = std::env::temp_dir().join(format!("cornu-convert-state-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let at = |name: &str| place.join(name);
    let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(1));
    model.compile(Compile::new("adam", "mse")).unwrap();
    model
        .fit(Tensor::ones([4, 2], DType::F32), Tensor::ones([4, 1], DType::F32), Fit::new().verbose(0))
        .unwrap();
    model.save(at("a.keras")).unwrap();
    convert(&[&at("a.keras"), &at("a.weights.h5")]).unwrap();
    let arrays = cornu::saving::load_arrays(at("a.weights.h5")).unwrap();
    assert!(arrays.contains_key("optimizer/vars/5"), "{:?}", arrays.keys());
    std::fs::remove_dir_all(place).unwrap();
}
