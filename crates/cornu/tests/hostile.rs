//! Files made to harm: they end in an error, in bounded time and memory. Each is made here.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::{npy, npz};
use cornu::prelude::*;
use cornu::saving::{load_model, model_from_json, within_memory};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/files").join(name)
}

/// A path for a file of this test that is removed with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("cornu-hostile-{}-{name}", std::process::id())))
    }

    fn with(name: &str, bytes: &[u8]) -> Scratch {
        let scratch = Scratch::new(name);
        std::fs::write(&scratch.0, bytes).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// One test at a time: memory is that of the process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most memory this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() << 10
}

/// An error that says this, soon, and without much memory.
#[track_caller]
fn refused<T>(load: impl FnOnce() -> Result<T>, word: &str) {
    let (start, before) = (Instant::now(), peak());
    let message = load().err().map_or("there was no error".into(), |e| e.to_string());
    let excerpt: String = message.chars().take(400).collect();
    assert!(message.contains(word), "{word:?} not in:\n{excerpt}");
    assert!(message.len() < 40_000, "an error of {} bytes: {excerpt}", message.len());
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}: {excerpt}", start.elapsed());
    // The system counts in lumps: what it says may even fall.
    let more = peak().saturating_sub(before);
    assert!(more < 700 << 20, "{} MB more: {excerpt}", more >> 20);
}

fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let member = |name: &str| {
        let mut bytes = vec![];
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        (name.to_string(), bytes)
    };
    ["metadata.json", "config.json", "model.weights.h5"].map(member).into()
}

fn zipped<'a>(members: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    for (name, bytes) in members {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The `.keras` file of a small model with another config, or another file of weights.
fn altered(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut all = members(&testdata("half.keras"));
    all.iter_mut().find(|(n, _)| n == name).unwrap().1 = bytes.to_vec();
    zipped(all.iter().map(|(n, b)| (n.as_str(), b.as_slice())))
}

/// One member of a zip file, written by hand: what the headers claim is free.
fn member(name: &str, packed: &[u8], claimed: u32, at: u32) -> (Vec<u8>, Vec<u8>) {
    let crc = 0u32.to_le_bytes();
    let sizes = [(packed.len() as u32).to_le_bytes(), claimed.to_le_bytes()].concat();
    let length = (name.len() as u16).to_le_bytes();
    let local =
        [&b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0"[..], &crc, &sizes, &length, &[0, 0], name.as_bytes(), packed]
            .concat();
    let central = [
        &b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0"[..],
        &crc,
        &sizes,
        &length,
        &[0; 12],
        &at.to_le_bytes(),
        name.as_bytes(),
    ]
    .concat();
    (local, central)
}

fn end(count: u16, size: usize, at: usize) -> Vec<u8> {
    let (size, at) = ((size as u32).to_le_bytes(), (at as u32).to_le_bytes());
    [&b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes(), &size, &at, &[0, 0]].concat()
}

fn deflated(bytes: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(vec![], Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn zip_bombs() {
    let _alone = alone();
    // A gigabyte of blanks in one megabyte, told truly and falsely.
    let bomb = deflated(1 << 30);
    for claimed in [1u32 << 30, 1000, u32::MAX] {
        let (local, central) = member("config.json", &bomb, claimed, 0);
        let file = [&local[..], &central, &end(1, central.len(), local.len())].concat();
        let scratch = Scratch::with("bomb.keras", &file);
        refused(|| load_model(&scratch.0), "config.json");
        let (local, central) = member("x.npy", &bomb, claimed, 0);
        let scratch =
            Scratch::with("bomb.npz", &[&local[..], &central, &end(1, central.len(), local.len())].concat());
        refused(|| npz::load(&scratch.0), "x");
    }
    // Many members that are the same bytes of the file: together they are too much.
    let array = {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (134217618,), }";
        let start =
            [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        let mut encoder = DeflateEncoder::new(vec![], Compression::best());
        encoder.write_all(&start).unwrap();
        encoder.write_all(&vec![0; 134_217_618]).unwrap();
        (encoder.finish().unwrap(), (start.len() + 134_217_618) as u32)
    };
    let (local, _) = member("x0.npy", &array.0, array.1, 0);
    let names: Vec<Vec<u8>> = (0..9).map(|i| member(&format!("x{i}.npy"), &array.0, array.1, 0).1).collect();
    let central = names.concat();
    let scratch =
        Scratch::with("overlap.npz", &[&local[..], &central, &end(9, central.len(), local.len())].concat());
    refused(|| npz::load(&scratch.0), "");
}

#[test]
fn odd_archives() {
    let _alone = alone();
    let whole = members(&testdata("half.keras"));
    let parts = || whole.iter().map(|(n, b)| (n.as_str(), b.as_slice()));
    // Names that lead elsewhere are no paths here: nothing is unpacked to disk.
    let outside: Vec<(&str, &[u8])> =
        vec![("../../outside.txt", b"x"), ("/etc/outside", b"x"), ("a\\..\\b", b"x")];
    let scratch = Scratch::with("outside.keras", &zipped(parts().chain(outside)));
    assert!(load_model(&scratch.0).is_ok());
    // Many members cost what the file is long.
    let names: Vec<String> = (0..50_000).map(|i| format!("{i}")).collect();
    let many = zipped(parts().chain(names.iter().map(|n| (n.as_str(), &b""[..]))));
    let scratch = Scratch::with("many.keras", &many);
    let start = Instant::now();
    assert!(load_model(&scratch.0).is_ok());
    assert!(start.elapsed() < Duration::from_secs(20));
    // Two members of one name, which readers take differently.
    let twice = zipped(parts().chain([("config.jsoX", &b"[]"[..])]));
    let twice: Vec<u8> = {
        let mut bytes = twice;
        while let Some(at) = bytes.windows(11).position(|w| w == b"config.jsoX") {
            bytes[at + 10] = b'n';
        }
        bytes
    };
    let scratch = Scratch::with("twice.keras", &twice);
    refused(|| load_model(&scratch.0), "two members of one name");
    // An archive in an archive is no config.
    let scratch = Scratch::with("nested.keras", &altered("config.json", &zipped(parts())));
    refused(|| load_model(&scratch.0), "config.json");
    for name in ["metadata.json", "config.json", "model.weights.h5"] {
        let scratch = Scratch::with("less.keras", &zipped(parts().filter(|(n, _)| *n != name)));
        // The version of Keras is of no use here.
        if name != "metadata.json" {
            refused(|| load_model(&scratch.0), name);
        }
    }
}

/// Weights of HDF5 whose one array claims much.
fn weights(fill: impl FnOnce(&mut hdf5_pure::DatasetBuilder)) -> Vec<u8> {
    let mut file = hdf5_pure::FileBuilder::new();
    fill(file.create_dataset("vars"));
    file.finish().unwrap()
}

#[test]
fn sizes_in_hdf5() {
    let _alone = alone();
    let whole = weights(|d| {
        d.with_f32_data(&[1.0; 40]).with_shape(&[8, 5]);
    });
    // Every place where the shape, or a size that follows from it, may stand.
    for absurd in [u64::MAX, 1 << 60, 1 << 40, 1 << 31] {
        for at in 0..whole.len() - 8 {
            let number = u64::from_le_bytes(whole[at..at + 8].try_into().unwrap());
            if ![8, 5, 40, 160].contains(&number) {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[at..at + 8].copy_from_slice(&absurd.to_le_bytes());
            let scratch = Scratch::with("sizes.weights.h5", &bytes);
            let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(3));
            refused(|| model.load_weights(&scratch.0), "");
            let scratch = Scratch::with("sizes.keras", &altered("model.weights.h5", &bytes));
            refused(|| load_model(&scratch.0), "");
        }
    }
    // A gigabyte of zeros, packed; and packed again.
    let bomb = weights(|d| {
        d.with_f32_data(&vec![0.0; 128 << 20])
            .with_shape(&[128 << 20])
            .with_chunks(&[1 << 20])
            .with_deflate(9);
    });
    assert!(bomb.len() < 4 << 20, "{}", bomb.len());
    let scratch = Scratch::with("bomb.weights.h5", &bomb);
    let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(3));
    refused(|| model.load_weights(&scratch.0), "more than a file of");
    let scratch = Scratch::with("bomb.keras", &altered("model.weights.h5", &bomb));
    refused(|| load_model(&scratch.0), "more than a file of");
}

#[test]
fn shapes_in_npy() {
    let _alone = alone();
    for shape in [
        "(99999999999999999999,)",
        "(9223372036854775807, 4)",
        "(4294967296, 4294967296, 0)",
        "(-1,)",
        "(0.5,)",
    ] {
        let header = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': {shape}, }}");
        let bytes =
            [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), &[0; 16]]
                .concat();
        let scratch = Scratch::with("shape.npy", &bytes);
        refused(|| npy::load(&scratch.0), "shape.npy");
    }
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}", "1,".repeat(4000));
    let bytes =
        [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), &[0; 8]].concat();
    let scratch = Scratch::with("axes.npy", &bytes);
    let _ = npy::load(&scratch.0);
}

fn input() -> Json {
    json!({"class_name": "InputLayer", "config": {"batch_shape": [null, 4], "name": "x"}})
}

fn stack(layers: impl IntoIterator<Item = Json>) -> String {
    let layers: Vec<Json> = std::iter::once(input()).chain(layers).collect();
    json!({"class_name": "Sequential", "config": {"name": "m", "layers": layers}}).to_string()
}

/// A config alone, and in a file.
#[track_caller]
fn refused_config(text: &str, word: &str) {
    refused(|| within_memory(1 << 30, || model_from_json(text)), word);
    let scratch = Scratch::with("config.keras", &altered("config.json", text.as_bytes()));
    refused(|| load_model(&scratch.0), "");
}

#[test]
fn deep_and_long_configs() {
    let _alone = alone();
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    refused_config(&deep("[", "]"), "recursion limit");
    refused_config(&deep("{\"config\":", "}"), "recursion limit");
    let mut nested = json!({"class_name": "Dense", "config": {"units": 2}});
    for _ in 0..30 {
        nested = json!({"class_name": "TimeDistributed", "config": {"layer": nested}});
    }
    refused_config(&stack([nested]), "");
    let long = "x".repeat(20 << 20);
    refused_config(&stack([json!({"class_name": long, "config": {}})]), "unknown layer class");
    refused_config(&stack([json!({"class_name": "Dense", "config": {"units": 2, "activation": long}})]), "");
    refused_config(&stack([json!({"class_name": "Dense", "config": {"units": long}})]), "");
    refused_config(&format!("{{\"class_name\": \"{long}\", \"config\": {{}}}}"), "");
    refused_config(&long, "");
    // Twenty thousand layers, the last of which is none.
    let many = (0..20_000).map(|i| json!({"class_name": "ReLU", "config": {"name": format!("r{i}")}}));
    let last = json!({"class_name": "Nothing", "config": {}});
    refused(|| model_from_json(&stack(many.chain([last]))), "Nothing");
}

#[test]
fn cyclic_configs() {
    let _alone = alone();
    let tensor = |layer: &str| json!({"class_name": "__keras_tensor__", "config": {"shape": [null, 4], "dtype": "float32", "keras_history": [layer, 0, 0]}});
    let dense = |name: &str, from: &str| {
        json!({"class_name": "Dense", "name": name, "config": {"name": name, "units": 4},
            "inbound_nodes": [{"args": [tensor(from)], "kwargs": {}}]})
    };
    let x = json!({"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [null, 4], "name": "x"}, "inbound_nodes": []});
    let functional = |layers: Vec<Json>, inputs: Json, outputs: Json| {
        json!({"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}})
            .to_string()
    };
    let (ins, outs) = (json!([["x", 0, 0]]), json!([["a", 0, 0]]));
    // Two layers that wait for each other; one for itself; one for none.
    refused_config(
        &functional(vec![x.clone(), dense("a", "b"), dense("b", "a")], ins.clone(), outs.clone()),
        "waits for",
    );
    refused_config(&functional(vec![x.clone(), dense("a", "a")], ins.clone(), outs.clone()), "waits for");
    refused_config(&functional(vec![x.clone(), dense("a", "none")], ins.clone(), outs.clone()), "none");
    let far = json!([["a", 18446744073709551615u64, 18446744073709551615u64]]);
    refused_config(&functional(vec![x.clone(), dense("a", "x")], ins.clone(), far), "");
    refused_config(
        &functional(vec![x.clone(), x.clone(), dense("a", "x")], ins.clone(), outs.clone()),
        "two layers",
    );
    refused_config(&functional(vec![x.clone(), dense("a", "x")], json!([]), outs.clone()), "");
    // A tensor, and a constant, without what says which.
    for (class, layer) in [("__keras_tensor__", "Dense"), ("__numpy__", "Add")] {
        let mut bare = dense("a", "x");
        bare["class_name"] = json!(layer);
        bare["inbound_nodes"][0]["args"] = json!([{"class_name": class}, {"class_name": class}]);
        refused_config(&functional(vec![x.clone(), bare], ins.clone(), outs.clone()), "");
    }
    // Objects by numbers that other objects have: each is read for itself.
    let shared = json!({"class_name": "Dense", "config": {"name": "d", "units": 2, "kernel_initializer":
        {"class_name": "Zeros", "config": {}, "shared_object_id": 1}}, "shared_object_id": 1});
    assert!(model_from_json(&stack([shared])).is_ok());
    let only = json!({"class_name": "__shared_object__", "config": 1, "shared_object_id": 1});
    refused_config(&stack([only]), "unknown layer class");
    // Outputs that double from layer to layer: a small file, a large model.
    let mut layers = vec![x];
    let mut last = "x".to_string();
    for i in 0..60 {
        let name = format!("c{i}");
        layers.push(json!({"class_name": "Concatenate", "name": name, "config": {"name": name},
            "inbound_nodes": [{"args": [[tensor(&last), tensor(&last)]], "kwargs": {}}]}));
        last = name;
    }
    refused_config(&functional(layers, ins, json!([[last, 0, 0]])), "larger than");
}

#[test]
fn absurd_numbers() {
    let _alone = alone();
    let huge = 1_000_000_000_000_000_000u64;
    for units in [
        json!(huge),
        json!(-1),
        json!(0),
        json!(2.5),
        json!(1e300),
        json!(u64::MAX),
        json!("2"),
        json!([2]),
        json!(null),
    ] {
        refused_config(&stack([json!({"class_name": "Dense", "config": {"name": "d", "units": units}})]), "");
    }
    let image = |class: &str, config: Json| {
        let x = json!({"class_name": "InputLayer", "config": {"batch_shape": [null, 8, 8, 1], "name": "x"}});
        json!({"class_name": "Sequential", "config": {"layers": [x, {"class_name": class, "config": config}]}}).to_string()
    };
    for filters in [json!(-1), json!(0), json!(huge), json!(1.5)] {
        refused_config(&image("Conv2D", json!({"filters": filters, "kernel_size": 3})), "");
        refused_config(&image("Conv2D", json!({"filters": 1, "kernel_size": filters})), "");
    }
    for config in [
        json!({"filters": 1, "kernel_size": 3, "strides": huge, "padding": "same", "dilation_rate": huge}),
        json!({"filters": 3, "kernel_size": 3, "groups": 2}),
        json!({"filters": 3, "kernel_size": 3, "groups": huge}),
        json!({"filters": 3, "kernel_size": [3, 3, 3]}),
    ] {
        refused_config(&image("Conv2D", config), "");
    }
    for (class, config) in [
        ("ZeroPadding2D", json!({"padding": huge})),
        ("ZeroPadding2D", json!({"padding": [[huge, huge], [huge, huge]]})),
        ("UpSampling2D", json!({"size": huge})),
        ("Cropping2D", json!({"cropping": huge})),
        ("MaxPooling2D", json!({"pool_size": huge})),
        ("AdaptiveAveragePooling2D", json!({"output_size": 2_000_000_000})),
        ("AdaptiveMaxPooling2D", json!({"output_size": [1, 2_000_000_000]})),
        ("Resizing", json!({"height": huge, "width": huge})),
        ("Reshape", json!({"target_shape": [huge, huge]})),
        ("Reshape", json!({"target_shape": [-1, -1]})),
        ("Reshape", json!({"target_shape": vec![1; 5000]})),
        ("Permute", json!({"dims": [huge, 1, 2]})),
    ] {
        refused_config(&image(class, config), "");
    }
    for (class, config) in [
        ("RepeatVector", json!({"n": huge})),
        ("RepeatVector", json!({"n": -1})),
        ("Embedding", json!({"input_dim": huge, "output_dim": huge})),
        ("Embedding", json!({"input_dim": 1_000_000, "output_dim": 1_000_000})),
        ("CategoryEncoding", json!({"num_tokens": huge})),
        ("Dropout", json!({"rate": 1e300})),
    ] {
        refused_config(&stack([json!({"class_name": class, "config": config})]), "");
    }
    for shape in [
        json!([null, huge]),
        json!([null, huge, huge]),
        json!([-5, 3]),
        json!([null, 2.5]),
        json!("x"),
        json!(vec![1; 3000]),
    ] {
        let x = json!({"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "x"}});
        let dense = json!({"class_name": "Dense", "config": {"units": 4}});
        let text = json!({"class_name": "Sequential", "config": {"layers": [x, dense]}}).to_string();
        refused_config(&text, "");
    }
}

/// Settings of ops that make tables as a model is read: they are refused before anything is made.
#[test]
fn absurd_numbers_in_ops() {
    let _alone = alone();
    let model = |module: &str, class: &str, config: &Json, shape: &Json, count: usize| {
        let tensor = json!({"class_name": "__keras_tensor__", "config": {"shape": shape, "dtype": "float32", "keras_history": ["x", 0, 0]}});
        let x = json!({"class_name": "InputLayer", "name": "x", "config": {"batch_shape": shape, "name": "x"}, "inbound_nodes": []});
        let op = json!({"module": format!("keras.src.ops.{module}"), "class_name": class, "name": "op", "config": config,
            "inbound_nodes": [{"args": vec![tensor; count], "kwargs": {}}]});
        json!({"class_name": "Functional", "config": {"name": "m", "layers": [x, op], "input_layers": [["x", 0, 0]],
            "output_layers": [["op", 0, 0]]}})
        .to_string()
    };
    let (flat, image) = (json!([4, 4]), json!([2, 4, 4, 3]));
    for absurd in [30_000_000i64, 2_000_000_000, 1 << 40, i64::MAX, -1] {
        let n = json!(absurd);
        let spaced = json!({"num": n, "endpoint": true, "dtype": null, "axis": 0});
        let powers = json!({"num": n, "endpoint": true, "base": 10, "dtype": null, "axis": 0});
        let size = json!({"size": [n, n], "interpolation": "bilinear", "antialias": false, "data_format": "channels_last"});
        let blur = json!({"kernel_size": [n, 3], "sigma": [1.0, 1.0], "data_format": "channels_last"});
        let patches = json!({"size": [n, 2], "strides": 1, "dilation_rate": 1, "padding": "valid", "data_format": "channels_last"});
        let volumes = json!({"size": [2, n, 2], "strides": 1, "dilation_rate": 1, "padding": "valid", "data_format": "channels_last"});
        let rubber = json!({"alpha": 1.0, "sigma": n, "interpolation": "bilinear", "fill_mode": "wrap", "fill_value": 0, "seed": 1, "data_format": null});
        let likeness = json!({"max_val": 1.0, "filter_size": n, "filter_sigma": 1.5, "k1": 0.01, "k2": 0.03, "data_format": null});
        let stft = json!({"sequence_length": 2, "sequence_stride": 1, "fft_length": n, "window": null, "center": true});
        for (module, class, config, shape, count) in [
            ("numpy", "Linspace", &spaced, &flat, 2),
            ("numpy", "Logspace", &powers, &flat, 2),
            ("numpy", "Geomspace", &spaced, &flat, 2),
            ("image", "Resize", &size, &image, 1),
            ("image", "GaussianBlur", &blur, &image, 1),
            ("image", "ExtractPatches", &patches, &image, 1),
            ("image", "ExtractPatches", &volumes, &image, 1),
            ("image", "ElasticTransform", &rubber, &image, 1),
            ("image", "SSIM", &likeness, &image, 2),
            ("numpy", "Repeat", &json!({"repeats": [1, n, 1, 1], "axis": 0}), &flat, 1),
            ("math", "RFFT", &json!({"fft_length": n}), &flat, 1),
            ("math", "STFT", &stft, &flat, 1),
            ("numpy", "Hsplit", &json!({"indices_or_sections": n}), &flat, 1),
            ("numpy", "ArraySplit", &json!({"indices_or_sections": n, "axis": 0}), &flat, 1),
            ("numpy", "Tensordot", &json!({"axes": n}), &flat, 2),
        ] {
            refused_config(&model(module, class, config, shape, count), "");
        }
        // Such differences are empty; others are too large for any memory.
        let diff = model("numpy", "Diff", &json!({"n": n, "axis": -1}), &flat, 1);
        assert_eq!(model_from_json(&diff).is_ok(), (0..=i64::from(i32::MAX)).contains(&absurd));
    }
}

/// Calls whose arguments do not fit together: an error, where there were loops without an end, panics and endless recursion.
#[test]
fn calls_that_do_not_fit() {
    let _alone = alone();
    let tensor = |layer: &str, shape: &str| {
        format!(
            r#"{{"class_name": "__keras_tensor__", "config": {{"shape": {shape}, "dtype": "float32", "keras_history": ["{layer}", 0, 0]}}}}"#
        )
    };
    let model = |layers: &[String], last: &str| {
        let input = r#"{"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [3, 4, 2], "name": "x"}, "name": "x", "inbound_nodes": []}"#;
        format!(
            r#"{{"class_name": "Functional", "config": {{"name": "m", "layers": [{input}, {}], "input_layers": ["x", 0, 0], "output_layers": ["{last}", 0, 0]}}}}"#,
            layers.join(", ")
        )
    };
    let call = |module: &str, class: &str, name: &str, config: &str, args: &str, kwargs: &str| {
        format!(
            r#"{{"module": "{module}", "class_name": "{class}", "config": {{"name": "{name}"{config}}}, "name": "{name}", "inbound_nodes": [{{"args": [{args}], "kwargs": {{{kwargs}}}}}]}}"#
        )
    };
    let x = tensor("x", "[3, 4, 2]");
    // A mask of other axes than the sequence has.
    let any = call("keras.src.ops.numpy", "Any", "any", r#", "axis": 0, "keepdims": false"#, &x, "");
    let mask = format!(r#""mask": {}"#, tensor("any", "[4, 2]"));
    for class in ["GRU", "LSTM", "SimpleRNN"] {
        let gru = call("keras.layers", class, "rnn", r#", "units": 3"#, &x, &mask);
        refused_config(&model(&[any.clone(), gru], "rnn"), "rnn");
    }
    let few = call("keras.src.ops.numpy", "Any", "few", r#", "axis": [0, 1], "keepdims": false"#, &x, "");
    let mask = format!(r#""attention_mask": {}"#, tensor("few", "[2]"));
    let settings = r#", "num_heads": 1, "key_dim": 2"#;
    let attention =
        call("keras.layers", "MultiHeadAttention", "attention", settings, &format!("{x}, {x}"), &mask);
    refused_config(&model(&[few, attention], "attention"), "attention");
    // Patches of what is no image.
    let patches = r#", "size": [2, 2], "strides": [2, 2], "dilation_rate": 1, "padding": "valid", "data_format": "channels_last""#;
    let flat = call("keras.src.ops.numpy", "Reshape", "flat", r#", "newshape": [-1]"#, &x, "");
    let patches =
        call("keras.src.ops.image", "ExtractPatches", "patches", patches, &tensor("flat", "[24]"), "");
    refused_config(&model(&[flat, patches], "patches"), "perhaps a batch, got");
    // The lowest of all steps has no opposite.
    for slice in [
        r#""start": null, "stop": null, "step": -9223372036854775808"#,
        r#""start": -9223372036854775808, "stop": 9223372036854775807, "step": -1"#,
        r#""start": 9223372036854775807, "stop": -9223372036854775808, "step": 9223372036854775807"#,
    ] {
        let key = format!(r#"{x}, [{{"class_name": "__slice__", "config": {{{slice}}}}}]"#);
        let item = call("keras.src.ops.numpy", "GetItem", "item", "", &key, "");
        assert!(model_from_json(&model(&[item], "item")).is_ok(), "{slice}");
    }
    // Weights of a shape that no memory holds, whatever they start with: they are not made before they are needed.
    let sequence = json!({"class_name": "InputLayer", "config": {"batch_shape": [null, 4, 2]}});
    let rnn = json!({"class_name": "SimpleRNN", "config": {"name": "r", "units": 65536}});
    let large = json!({"class_name": "Sequential", "config": {"name": "m", "layers": [sequence, rnn]}});
    let start = Instant::now();
    let model = model_from_json(&large.to_string());
    assert!(model.is_ok_and(|m| m.count_params().unwrap() > 1 << 32));
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// Results that no memory holds, and windows far larger than what they lie on: errors or results, soon.
#[test]
fn large_results_and_windows() {
    let _alone = alone();
    let images = |shape: &str| {
        format!(r#"{{"class_name": "InputLayer", "config": {{"batch_shape": {shape}, "name": "x"}}}}"#)
    };
    let model = |shape: &str, layer: &str| {
        let text = format!(
            r#"{{"class_name": "Sequential", "config": {{"name": "m", "layers": [{}, {layer}]}}}}"#,
            images(shape)
        );
        model_from_json(&text).unwrap()
    };
    let adaptive =
        r#"{"class_name": "AdaptiveAveragePooling2D", "config": {"name": "p", "output_size": 1000000}}"#;
    let mut large = model("[null, 4, 4, 2]", adaptive);
    let x = Tensor::ones([1, 4, 4, 2], DType::F32);
    refused(|| large.predict(&x, Predict::new().verbose(0)), "memory");
    // Outputs that no memory holds are refused before any table of windows is made; one that is far longer than its input,
    // and one that is made on the way to a small one, take memory as what goes in and comes out.
    for class in ["AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D"] {
        let pool = |size: &str| {
            format!(r#"{{"class_name": "{class}", "config": {{"name": "p", "output_size": {size}}}}}"#)
        };
        let x = Tensor::ones([1, 64, 64, 64, 1], DType::F32);
        let before = peak();
        for size in ["100000", "[4000000, 4000000, 64]", "2147483647"] {
            let config = format!(
                r#"{{"class_name": "Sequential", "config": {{"name": "m", "layers": [{}, {}]}}}}"#,
                images("[null, 64, 64, 64, 1]"),
                pool(size)
            );
            let run = || model_from_json(&config)?.predict(&x, Predict::new().verbose(0));
            refused(run, "larger than any memory");
        }
        for (size, count) in
            [("[2000000, 1, 1]", 2_000_000), ("[1, 1, 2000000]", 2_000_000), ("[1, 600000, 2]", 1_200_000)]
        {
            let mut long = model("[null, 64, 64, 64, 1]", &pool(size));
            let y = long.predict(&x, Predict::new().verbose(0)).unwrap().to_vec::<f32>().unwrap();
            assert!(y.len() == count && y.iter().all(|y| (y - 1.0).abs() < 1e-5), "{class} {size}");
        }
        let more = peak().saturating_sub(before);
        assert!(more < 400 << 20, "{class}: {} MB more", more >> 20);
    }
    // On the host, before any graph.
    let text = model_from_json(
        r#"{"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 1], "dtype": "string", "name": "x"}},
        {"class_name": "TextVectorization", "config": {"name": "t", "ngrams": 2147483647, "vocabulary": ["a b", "c"]}}]}}"#,
    );
    let words = cornu::data::text::encode([1], &["a b"]).unwrap();
    let y = text.unwrap().predict(&words, Predict::new().verbose(0)).unwrap();
    assert_eq!(y.to_f64(), [1.0, 1.0, 2.0]);
    let hashes = model_from_json(
        r#"{"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [null, 1], "dtype": "string", "name": "x"}},
        {"class_name": "Hashing", "config": {"name": "h", "num_bins": 2147483647, "output_mode": "one_hot"}}]}}"#,
    );
    let words = cornu::data::text::encode([100], &["a"; 100]).unwrap();
    refused(|| hashes.unwrap().predict(&words, Predict::new().verbose(0)), "memory");
    for class in ["AveragePooling3D", "MaxPooling3D"] {
        let config = r#""name": "p", "pool_size": 2147483647, "strides": 1, "padding": "same""#;
        let mut wide =
            model("[null, 2, 2, 2, 1]", &format!(r#"{{"class_name": "{class}", "config": {{{config}}}}}"#));
        let y = wide.predict(Tensor::ones([1, 2, 2, 2, 1], DType::F32), Predict::new().verbose(0)).unwrap();
        assert_eq!(y.to_f64(), [1.0; 8], "{class}");
    }
    for class in ["AveragePooling1D", "MaxPooling1D"] {
        let config = r#""name": "p", "pool_size": 2147483647, "strides": 2, "padding": "same""#;
        let mut wide =
            model("[null, 4, 2]", &format!(r#"{{"class_name": "{class}", "config": {{{config}}}}}"#));
        let (x, start) = (Tensor::ones([3, 4, 2], DType::F32), Instant::now());
        let y = wide.predict(&x, Predict::new().verbose(0)).unwrap();
        assert_eq!(y.to_f64(), [1.0; 12], "{class}");
        assert!(start.elapsed() < Duration::from_secs(20), "{class}: {:?}", start.elapsed());
    }
}

/// Models that are small as files and large as computations: the error comes with the data, not an abort.
#[test]
fn large_computations() {
    let _alone = alone();
    let layers = [
        json!({"class_name": "RepeatVector", "config": {"n": 1_000_000_000}}),
        json!({"class_name": "Flatten", "config": {}}),
    ];
    let mut model = model_from_json(&stack(layers)).unwrap();
    let x = Tensor::zeros([100_000, 4], DType::F32);
    let predict = Predict::new().batch_size(100_000).verbose(0);
    let message = model.predict(&x, predict).unwrap_err().to_string();
    assert!(message.contains("memory") || message.contains("larger"), "{message}");
    let x = Tensor::zeros([1, 4], DType::F32);
    let message =
        within_memory(1 << 20, || model.predict(&x, Predict::new().verbose(0))).unwrap_err().to_string();
    assert!(message.contains("larger than the 1048576 bytes allowed"), "{message}");
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

/// Flips and cuts of files: an error, or some content; never a panic.
fn damage(whole: &[u8], times: usize, seed: u64, ending: &str, load: impl Fn(&Path) -> bool) {
    let mut dice = Dice(seed);
    let scratch = Scratch::new(&format!("damaged.{ending}"));
    for _ in 0..times {
        let mut bytes = whole.to_vec();
        for _ in 0..=dice.below(3) {
            let at = dice.below(whole.len());
            bytes[at] = match dice.below(4) {
                0 => 0xff,
                1 => 0,
                _ => bytes[at] ^ (1 << dice.below(8)),
            };
        }
        std::fs::write(&scratch.0, &bytes).unwrap();
        load(&scratch.0);
        let end = dice.below(whole.len());
        std::fs::write(&scratch.0, &whole[..end]).unwrap();
        assert!(!load(&scratch.0), "cut at {end}");
    }
}

#[test]
fn flips_and_cuts() {
    let _alone = alone();
    let model = || Sequential::new().add(Input::new([2])).add(Dense::new(3)).add(Dense::new(1));
    let saved = |ending: &str| {
        let scratch = Scratch::new(&format!("whole.{ending}"));
        model().save_weights(&scratch.0).unwrap();
        std::fs::read(&scratch.0).unwrap()
    };
    let whole_model = |path: &Path| load_model(path).is_ok();
    for name in ["cnn.h5", "functional.h5", "lstm.h5", "keras2.h5"] {
        damage(&std::fs::read(testdata(name)).unwrap(), 150, 3, "h5", whole_model);
    }
    for name in ["half.keras", "shared_objects.keras"] {
        damage(&std::fs::read(testdata(name)).unwrap(), 150, 4, "keras", whole_model);
    }
    let into_model = |path: &Path| model().load_weights(path).is_ok();
    for ending in ["safetensors", "weights.h5", "npz"] {
        damage(&saved(ending), 400, 5, ending, into_model);
    }
    for name in ["cnn.npz", "functional.npz"] {
        damage(&std::fs::read(testdata(name)).unwrap(), 300, 6, "npz", |path| npz::load(path).is_ok());
    }
    let whole = {
        let scratch = Scratch::new("whole.npy");
        npy::save(&scratch.0, &Tensor::from([[1f32, 2.0], [3.0, 4.0]])).unwrap();
        std::fs::read(&scratch.0).unwrap()
    };
    damage(&whole, 400, 7, "npy", |path| npy::load(path).is_ok());
}

/// Arrays that lie in other files, and groups without end: written by h5py, kept for the fuzzer.
#[test]
fn what_hdf5_links_to() {
    let _alone = alone();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/h5");
    for (name, word) in [("external", "external"), ("virtual", "irtual"), ("links", "groups")] {
        let scratch = Scratch::with("links.weights.h5", &std::fs::read(corpus.join(name)).unwrap());
        let mut model = Sequential::new().add(Input::new([2])).add(Dense::new(3));
        refused(|| model.load_weights(&scratch.0), word);
    }
}

/// Pictures that claim more than their data can give, and rows of nothing without end; a length of sounds that no memory holds.
#[test]
fn pictures_and_sounds() {
    let _alone = alone();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/data");
    let read = |name: &str| std::fs::read(corpus.join(name)).unwrap();
    let picture = |name: &str, bytes: &[u8], word: &str| {
        let scratch = Scratch::with(name, bytes);
        refused(|| utils::load_img(&scratch.0), word);
    };
    let start = Instant::now();
    picture("rows.bmp", &read("bmp_rows_of_nothing"), "holds no pixels");
    for name in ["jpeg", "jpeg_progressive", "jpeg_grey"] {
        let mut jpeg = read(name);
        // The sizes stand in the header of the frame.
        let frame = jpeg.windows(2).position(|w| matches!(w, [0xff, 0xc0..=0xc2])).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x2f, 0xff, 0x2f, 0xff]);
        picture("large.jpg", &jpeg, "more than its data can give");
    }
    let mut png = read("png_rgba");
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    picture("large.png", &png, "");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());

    let folder = Scratch::new("sounds");
    std::fs::create_dir_all(folder.0.join("class")).unwrap();
    std::fs::write(folder.0.join("class/a.wav"), read("wav")).unwrap();
    let sounds = |length: usize| {
        let sounds = utils::AudioDatasetFromDirectory::new().verbose(false).output_sequence_length(length);
        let first = sounds.load(&folder.0)?.iter()?.next().transpose()?;
        Ok(first.map(|batch| batch.x.tensors()[0].shape().to_vec()))
    };
    refused(|| sounds(usize::MAX), "larger than any memory");
    refused(|| sounds(usize::MAX / 4), "larger than any memory");
    assert_eq!(sounds(40).unwrap(), Some(vec![1, 40, 1]));
    std::fs::remove_dir_all(&folder.0).unwrap();
}
