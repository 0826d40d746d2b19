//! Architectures against what Keras says of them, in numbers and hashes.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::applications::{
    self, Application, DenseNet121, EfficientNetB0, InceptionV3, MobileNet, MobileNetV2, MobileNetV3Large,
    MobileNetV3Small, NASNetMobile, Pretrained, ResNet50, VGG16, Xception, efficientnet, imagenet_utils,
    resnet, resnet_v2, vgg16,
};
use cornu::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
    published: Vec<Row>,
}

/// Class, arguments, file, address and hash.
type Row = (String, Map<String, Json>, String, String, Option<String>);

#[derive(Deserialize)]
struct Case {
    class: String,
    arguments: Map<String, Json>,
    params: usize,
    trainable: usize,
    layers: String,
    config: String,
    #[serde(default)]
    shown: Vec<String>,
}

fn file() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/keras/applications.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn net(class: &str, arguments: &Map<String, Json>) -> Box<dyn Application> {
    let mut net = applications::named(class).unwrap();
    for (name, value) in arguments {
        net.set(name, value.clone()).unwrap();
    }
    net
}

fn digest(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// A text for a part of a config, in which numbers are their bits.
fn plain(json: &Json, out: &mut String) {
    match json {
        Json::Number(n) => *out += &format!("{:016x}", n.as_f64().unwrap().to_bits()),
        Json::Object(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                *out += if i > 0 { "," } else { "" };
                *out += key;
                out.push(':');
                plain(value, out);
            }
            out.push('}');
        }
        Json::Array(list) => {
            out.push('[');
            for (i, value) in list.iter().enumerate() {
                *out += if i > 0 { "," } else { "" };
                plain(value, out);
            }
            out.push(']');
        }
        other => *out += &other.to_string(),
    }
}

/// The shapes of the tensors among the arguments of a call.
fn shapes(arguments: &Json, out: &mut String) {
    match arguments {
        Json::Object(map) if map.get("class_name").is_some_and(|c| c == "__keras_tensor__") => {
            let shape: Shape = serde_json::from_value(map["config"]["shape"].clone()).unwrap();
            *out += &format!(" {shape}");
        }
        Json::Object(map) => map.values().for_each(|v| shapes(v, out)),
        Json::Array(list) => list.iter().for_each(|v| shapes(v, out)),
        _ => {}
    }
}

fn line(layer: &Json) -> String {
    let text = |key: &str| layer[key].as_str().unwrap();
    let mut line = format!("{} {}", text("name"), text("class_name"));
    shapes(&layer["inbound_nodes"], &mut line);
    line
}

fn check(case: &Case) -> Result<(), String> {
    utils::clear_session();
    let mut net = net(&case.class, &case.arguments);
    net.set("weights", Json::Null).map_err(|e| e.to_string())?;
    let start = Instant::now();
    let model = net.build().map_err(|e| e.to_string())?;
    println!("{} {}: built in {:.2?}", case.class, Json::from(case.arguments.clone()), start.elapsed());
    let config = model.get_config().unwrap();
    let lines: Vec<String> = config["layers"].as_array().unwrap().iter().map(line).collect();
    for (i, (ours, keras)) in lines.iter().zip(&case.shown).enumerate() {
        if ours != keras {
            return Err(format!("layer {i} is {ours:?}, in Keras {keras:?}"));
        }
    }
    if digest(&lines.join("\n")) != case.layers {
        return Err(format!("the {} layers have other names, classes or shapes than Keras's", lines.len()));
    }
    for (what, ours, keras) in [
        ("parameters", model.count_params().unwrap(), case.params),
        ("trainable parameters", model.count_trainable_params().unwrap(), case.trainable),
    ] {
        if ours != keras {
            return Err(format!("{ours} {what}, in Keras {keras}"));
        }
    }
    let mut text = String::new();
    plain(&config, &mut text);
    if digest(&text) != case.config { Err("the config is not Keras's".into()) } else { Ok(()) }
}

/// Names, classes and shapes of all layers, numbers of parameters, and the whole config.
#[test]
fn architectures_like_keras() {
    let cases = file().cases;
    let tested: HashSet<&str> =
        cases.iter().filter(|c| c.arguments.is_empty()).map(|c| c.class.as_str()).collect();
    assert_eq!(tested, applications::NAMES.iter().copied().collect::<HashSet<_>>());
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|e| format!("{} {:?}: {e}", case.class, case.arguments)))
        .collect();
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

#[test]
fn published_files_like_keras() {
    let published = file().published;
    let tested: HashSet<&str> = published.iter().map(|(class, ..)| class.as_str()).collect();
    assert_eq!(tested.len(), applications::NAMES.len());
    for (class, arguments, file, url, hash) in &published {
        let ours = net(class, arguments).published().unwrap();
        let keras = (file.as_str(), url.as_str(), hash.as_deref());
        assert_eq!((ours.file.as_str(), ours.url.as_str(), ours.hash), keras, "{class} {arguments:?}");
    }
}

#[test]
fn an_input_tensor_of_ones_own() {
    utils::clear_session();
    let x = Input::new([40, 40, 1]).name("gray").tensor();
    let rgb = Concatenate::new().apply([&x, &x, &x]);
    let model = MobileNetV2::new().weights(None).include_top(false).input_tensor(&rgb).build().unwrap();
    assert_eq!(model.input_names().unwrap(), ["gray"]);
    assert_eq!(model.outputs().unwrap()[0].shape().to_string(), "(None, 2, 2, 1280)");
    assert_eq!(model.count_params().unwrap(), 2_257_984);
    let message = error(MobileNetV2::new().weights(None).input_tensor(&rgb).input_shape([32, 32, 3]).build());
    assert_eq!(
        message,
        "input_shape: is (32, 32, 3), `input_tensor` has shape (None, 40, 40, 3)\n  help: give one of the two"
    );
}

fn error<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn arguments_that_make_no_sense() {
    let messages = [
        error(VGG16::new().classes(10).build()),
        error(ResNet50::new().weights("nowhere.weights.h5").build()),
        error(ResNet50::new().weights(None).include_top(false).pooling("average").build()),
        error(ResNet50::new().weights(None).classifier_activation("sofmax").build()),
        error(ResNet50::new().weights(None).classes(0).build()),
        error(ResNet50::new().classifier_activation("relu").build()),
        error(ResNet50::new().input_shape([200, 200, 3]).build()),
        error(DenseNet121::new().weights(None).include_top(false).input_shape([31, 40, 3]).build()),
        error(InceptionV3::new().weights(None).include_top(false).input_shape([74, 75, 3]).build()),
        error(Xception::new().weights(None).include_top(false).input_shape([100, 70, 3]).build()),
        error(MobileNetV3Small::new().weights(None).input_shape([31, 31, 3]).build()),
        error(VGG16::new().weights(None).input_shape([None, Some(64), Some(3)]).build()),
        error(VGG16::new().include_top(false).input_shape([64, 64, 1]).build()),
        error(VGG16::new().weights(None).input_shape([64, 64]).build()),
        error(MobileNet::new().alpha(0.3).build()),
        error(MobileNet::new().depth_multiplier(2).build()),
        error(MobileNetV2::new().alpha(0.3).build()),
        error(MobileNetV3Large::new().minimalistic(true).alpha(0.75).build()),
        error(NASNetMobile::new().include_top(false).input_shape([None, None, Some(3)]).build()),
        error(applications::named("ResNet52").map(|_| ())),
        error(applications::named("VGG16").unwrap().set("alfa", 1.into())),
        error(applications::named("MobileNet").unwrap().set("alpha", "wide".into())),
    ];
    let expected = "\
classes: should be 1000 when weights are \"imagenet\" and `include_top` is true, got 10
  help: for other classes leave the top away with `include_top(false)` and put a `Dense` there
weights: should be None (random ones), \"imagenet\" or the path of a file of weights; there is no file `nowhere.weights.h5`
unknown pooling `average`; did you mean `avg`?
unknown activation `sofmax`; did you mean `softmax`?
classes: must be positive, got 0
classifier_activation: only \"linear\" (Keras's None) and \"softmax\" are allowed with pretrained weights and `include_top`, got `relu`
input_shape: should be (224, 224, 3) when weights are \"imagenet\" and `include_top` is true, got (200, 200, 3)
input_shape: must be at least 32x32, got (31, 40, 3)
input_shape: must be at least 75x75, got (74, 75, 3)
input_shape: must be at least 71x71, got (100, 70, 3)
input_shape: must be at least 32x32, got (31, 31, 3)
input_shape: must be known in full when `include_top` is true, got (None, 64, 3)
input_shape: must have 3 channels with weights \"imagenet\", got (64, 64, 1)
input_shape: must be of three sizes: height, width and channels, got (64, 64)
alpha: must be 0.25, 0.5, 0.75 or 1 with weights \"imagenet\", got 0.3
depth_multiplier: must be 1 with weights \"imagenet\", got 2
alpha: must be 0.35, 0.5, 0.75, 1, 1.3 or 1.4 with weights \"imagenet\", got 0.3
alpha: must be 0.75 or 1, for minimalistic networks 1, with weights \"imagenet\", got 0.75
input_shape: must be known in full with weights \"imagenet\"
unknown application `ResNet52`; did you mean `ResNet152`?
unknown argument `alfa`
alpha: invalid type: string \"wide\", expected f64";
    assert_eq!(messages.join("\n"), expected);
}

const STEP: &str = "CORNU_TEST_APPLICATION";

/// What the test below has done in a process with another environment.
#[test]
fn step() {
    match std::env::var(STEP).as_deref() {
        Ok("load") => {
            let net = || MobileNetV3Small::new().alpha(0.75).include_top(false);
            let loaded = net().build().unwrap();
            assert!(loaded.get_weights().unwrap().iter().all(|w| w.to_f64().iter().all(|&x| x == 0.25)));
            println!("weights are there");
        }
        Ok("fail") => println!("{}", error(MobileNetV3Small::new().build())),
        Ok("decode") => {
            let mut preds = vec![0.0f32; 2000];
            (preds[3], preds[999], preds[1000]) = (0.25, 0.75, 1.0);
            let preds = Tensor::new([2, 1000], preds).unwrap();
            println!("{:?}", imagenet_utils::decode_predictions(&preds, 2).unwrap());
        }
        _ => {}
    }
}

/// What a process with this environment prints of a step.
fn run(step: &str, variable: &str, value: &str) -> String {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "step", "--nocapture"])
        .env_remove("CORNU_DATA_DIR")
        .env("CORNU_DATA_URL", "http://127.0.0.1:1")
        .env(variable, value)
        .env(STEP, step)
        .output()
        .unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cornu-applications-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn files_of_keras_are_found() {
    let folder = folder("files");
    let text = folder.to_str().unwrap();
    let net = MobileNetV3Small::new().alpha(0.75).include_top(false);
    let file = folder.join(net.published().unwrap().file);
    let mut model = net.clone().weights(None).build().unwrap();
    let quarter = |w: &Tensor| Tensor::full(w.shape().to_vec(), w.dtype(), 0.25);
    let weights: Vec<Tensor> = model.get_weights().unwrap().iter().map(quarter).collect();
    model.set_weights(&weights).unwrap();
    model.save_weights(folder.join("a.weights.h5")).unwrap();
    std::fs::rename(folder.join("a.weights.h5"), &file).unwrap();
    assert!(run("load", "CORNU_DATA_DIR", text).contains("weights are there"));

    let said = run("fail", "KERAS_HOME", text);
    let name = "weights_mobilenet_v3_small_224_1.0_float.h5";
    assert!(said.contains(&format!("http://127.0.0.1:1/{name}: ")), "{said}");
    let help =
        format!("help: put {name} into {text}/models by hand, or set CORNU_DATA_DIR to a folder that has it");
    assert!(said.contains(&help), "{said}");

    let classes: Vec<String> = (0..1000).map(|i| format!("\"{i}\": [\"n{i}\", \"class {i}\"]")).collect();
    std::fs::write(folder.join("imagenet_class_index.json"), format!("{{{}}}", classes.join(", "))).unwrap();
    let said = run("decode", "CORNU_DATA_DIR", text);
    let expected = "[[(\"n999\", \"class 999\", 0.75), (\"n3\", \"class 3\", 0.25)], [(\"n0\", \"class 0\", 1.0), (\"n1\", \"class 1\", 0.0)]]";
    assert!(said.contains(expected), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn predictions_of_another_shape() {
    let message = error(resnet::decode_predictions(&Tensor::zeros([2, 10], DType::F32), 5));
    let expected = "decode_predictions: expects a batch of predictions, of shape (samples, 1000), got an array of shape [2, 10]";
    assert_eq!(message, expected);
}

/// Keras's numbers of `preprocess_input` for two pixels.
#[test]
fn pixels_like_keras() {
    let pixels: [f32; 6] = [0.0, 100.0, 200.0, 255.0, 128.0, 1.0];
    let tf = [-1.0, -0.215_686_3, 0.568_627_5, 1.0, 0.003_921_628, -0.992_156_9];
    let caffe = [96.061, -16.779_003, -123.68, -102.939, 11.221, 131.32];
    let torch = [-2.117_904, -0.285_014, 1.681_394_5, 2.248_908_3, 0.205_182_02, -1.787_015_2];
    let first = |x: &[f64]| [0, 3, 1, 4, 2, 5].map(|i| x[i]);
    let near = |got: Vec<f64>, want: &[f64]| {
        let all = got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6 * b.abs().max(1.0));
        assert!(all && got.len() == want.len(), "{got:?}, Keras gives {want:?}");
    };
    let last = Tensor::new([1, 2, 3], pixels.to_vec()).unwrap();
    let batch = last.reshape([1, 1, 2, 3]).unwrap();
    let columns = Tensor::new([3, 1, 2], [0, 3, 1, 4, 2, 5].map(|i| pixels[i]).to_vec()).unwrap();
    let modes = [("tf", &tf), ("caffe", &caffe), ("torch", &torch)];
    for (mode, want) in modes {
        for x in [&last, &batch, &last.cast(DType::U8)] {
            let y = imagenet_utils::preprocess_input(x, "channels_last", mode).unwrap();
            assert_eq!((y.shape(), y.dtype()), (x.shape(), DType::F32));
            near(y.to_f64(), want);
        }
        let y = imagenet_utils::preprocess_input(&columns, "channels_first", mode).unwrap();
        near(y.to_f64(), &first(want));
        // The same within a model.
        for (data, format, want) in [
            (batch.clone(), "channels_last", want.to_vec()),
            (columns.reshape([1, 3, 1, 2]).unwrap(), "channels_first", first(want).to_vec()),
        ] {
            let x = Input::new(data.shape()[1..].to_vec()).tensor();
            let y = imagenet_utils::preprocess_input(&x, format, mode);
            let mut model = Model::new([x], [y]).unwrap();
            near(model.predict(&data, Predict::new()).unwrap().to_f64(), &want);
        }
    }
    near(vgg16::preprocess_input(&last, "channels_last").unwrap().to_f64(), &caffe);
    near(resnet_v2::preprocess_input(&last, "channels_last").unwrap().to_f64(), &tf);
    assert_eq!(efficientnet::preprocess_input(&last, "channels_last").unwrap(), last);

    let e = error(imagenet_utils::preprocess_input(&last, "channels_last", "caffee"));
    assert_eq!(e, "unknown mode `caffee`; did you mean `caffe`?");
    let e = error(vgg16::preprocess_input(&last, "channels_lst"));
    assert_eq!(e, "unknown data_format `channels_lst`; did you mean `channels_last`?");
    let e = error(vgg16::preprocess_input(&Tensor::zeros([4, 4], DType::F32), "channels_last"));
    assert_eq!(e, "preprocess_input: an image has 3 axes, a batch of them 4; got 2");
    let x = Input::new([4, 4, 1]).tensor();
    let e = error(Model::new([x.clone()], [vgg16::preprocess_input(&x, "channels_last")]));
    assert!(e.starts_with("preprocess_input: an image has 3 channels, got 1\n  at "), "{e}");
}

/// A saved architecture is read back with the layers that it brings along.
#[test]
fn own_layers_are_read_back() {
    for class in ["ConvNeXtTiny", "InceptionResNetV2"] {
        let mut arguments = Map::new();
        arguments.insert("weights".into(), Json::Null);
        let model = net(class, &arguments).build().unwrap();
        let again = saving::model_from_json(&model.to_json().unwrap()).unwrap();
        assert_eq!(again.to_json().unwrap(), model.to_json().unwrap());
    }
}

#[test]
fn weights_by_several_kinds_of_names() {
    assert_eq!(Pretrained::from("imagenet"), Pretrained::ImageNet);
    assert_eq!(Pretrained::from(None), Pretrained::Random);
    assert_eq!(Pretrained::from(Some("a.h5")), Pretrained::from(PathBuf::from("a.h5")));
    let net = EfficientNetB0::new();
    assert_eq!(net.published().unwrap().file, "efficientnetb0.h5");
    // Without weights of its own a network still knows the file that there is.
    assert_eq!(net.weights(None).published().unwrap().file, "efficientnetb0.h5");
}
