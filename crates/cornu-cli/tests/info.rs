//! `cornu info` of all that files can hold, and of what is none of it.
#![allow(clippy::unwrap_used, clippy::panic)]
use std::path::{Path, PathBuf};
use std::process::Command;

/// Standard output, or what the command says on standard error when it fails.
fn cornu(arguments: &[&str], path: &Path) -> Result<String, String> {
    let done = Command::new(env!("CARGO_BIN_EXE_cornu")).args(arguments).arg(path).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/files").join(name)
}

#[test]
fn of_every_kind() {
    let place = std::env::temp_dir().join(format!("cornu-info-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let at = |name: &str| place.join(name);
    let convert = |output: &str, further: &[&str]| {
        let command = &mut Command::new(env!("CARGO_BIN_EXE_cornu"));
        let done = command.arg("convert").arg(testdata("cnn.keras")).arg(at(output)).args(further).output();
        assert!(done.unwrap().status.success(), "{output}");
    };
    let expected = cornu(&["info"], &testdata("cnn.keras")).unwrap();
    assert!(expected.contains("parameters"), "{expected}");
    for model in ["m.h5", "folder", "m.json"] {
        convert(model, &[]);
        assert_eq!(cornu(&["info"], &at(model)).unwrap(), expected, "{model}");
        assert!(cornu(&["summary"], &at(model)).unwrap().contains("Total params"), "{model}");
    }
    convert("w.weights.json", &["--max-shard-size", "1"]);
    for weights in ["w.weights.h5", "w.weights.json", "w.npz", "w.safetensors"] {
        if weights != "w.weights.json" {
            convert(weights, &[]);
        }
        let text = cornu(&["info"], &at(weights)).unwrap();
        assert!(text.starts_with("weights alone\n") && text.contains("float32 [3, 3, "), "{text}");
        let json: serde_json::Value =
            serde_json::from_str(&cornu(&["info", "--json"], &at(weights)).unwrap()).unwrap();
        let numbers = |t: &serde_json::Value| {
            t["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).product::<u64>()
        };
        let sum: u64 = json["arrays"].as_array().unwrap().iter().map(numbers).sum();
        assert_eq!(json["total_numbers"].as_u64(), Some(sum), "{weights}");
        let error = cornu(&["summary"], &at(weights)).unwrap_err();
        assert!(error.contains("holds weights alone, no layers"), "{error}");
    }
    for (name, content, words) in [
        ("empty.keras", "", "is empty"),
        ("a.txt", "hello", "is no file of a model, of weights or of layers"),
        ("a.h5", "hello", "is no HDF5 file, though its name says so"),
        ("a.keras", "hello", "is no `.keras` file"),
        ("a.npz", "hello", "a.npz"),
        ("a.safetensors", "hello", "a.safetensors"),
        ("a.json", "{}", "expected a saved `Sequential` or `Functional` model"),
        ("a.weights.json", "{}", "is no map of sharded weights"),
    ] {
        std::fs::write(at(name), content).unwrap();
        let error = cornu(&["info"], &at(name)).unwrap_err();
        assert!(error.starts_with("error: ") && error.contains(words), "{error}");
        assert!(error.lines().count() <= 2, "{error}");
    }
    // A stack whose shapes nobody knows yet.
    let stack = r#"{"class_name": "Sequential", "config": {"name": "lazy", "layers": [
        {"class_name": "Dense", "config": {"name": "d", "units": 3}}]}}"#;
    std::fs::write(at("lazy.json"), stack).unwrap();
    let text = cornu(&["info"], &at("lazy.json")).unwrap();
    assert_eq!(text, "Sequential `lazy`\n1 layers, 0 parameters, 0 of them trainable\n");
    assert!(cornu(&["summary"], &at("lazy.json")).unwrap().contains("0 (unbuilt)"));
    std::fs::create_dir_all(at("bare")).unwrap();
    let error = cornu(&["info"], &at("bare")).unwrap_err();
    assert!(error.contains("is a folder without a `config.json`"), "{error}");
    let error = cornu(&["info"], &at("none.keras")).unwrap_err();
    assert!(error.contains("none.keras"), "{error}");
    std::fs::remove_dir_all(place).unwrap();
}

/// Text is text, without its axis of code points.
#[test]
fn of_text() {
    let text = cornu(&["info"], &testdata("on_feature_space.keras")).unwrap();
    assert!(text.contains("input \"city\": \"string\" [null,1]\n"), "{text}");
}

/// `cornu summary model.keras | head -1`: nobody reads on, and nothing is said of it.
#[test]
fn to_a_reader_who_leaves() {
    use std::process::Stdio;
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornu"));
    command.args(["info", "--json"]).arg(testdata("letter.keras"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
}
