//! Pictures and folders of files, beside what Keras, Pillow and TensorFlow make of them (`tools/oracle/pictures.py`).
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(feature = "image")]
use cornu::data::{npz, text};
use cornu::prelude::*;
use cornu::training::Batch;
use cornu::utils::{
    AudioDatasetFromDirectory, Image, ImageDatasetFromDirectory, LabelMode, Labels, LoadImg, SplitDataset,
    TextDatasetFromDirectory, array_to_img, img_to_array, load_img, save_img,
};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/pictures")
}

fn expected() -> std::collections::BTreeMap<String, Tensor> {
    npz::load(folder().join("expected.npz")).unwrap()
}

fn bytes(image: &Image) -> Tensor {
    img_to_array(image).unwrap().cast(DType::U8)
}

fn apart(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.to_f64().iter().zip(b.to_f64()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn pillow_s_bytes() {
    let mut count = 0;
    for (name, tensor) in &expected() {
        let fields: Vec<&str> = name.split('|').collect();
        let got = match fields[..] {
            ["load", file, mode] => LoadImg::new().color_mode(mode).load(folder().join(file)).unwrap(),
            ["resize", file, mode, filter, rows, columns, keep] => LoadImg::new()
                .color_mode(mode)
                .target_size((rows.parse().unwrap(), columns.parse().unwrap()))
                .interpolation(filter)
                .keep_aspect_ratio(keep == "1")
                .load(folder().join(file))
                .unwrap(),
            _ => continue,
        };
        count += 1;
        assert!(bytes(&got) == *tensor, "{name}: {}", apart(&bytes(&got), tensor));
    }
    assert_eq!(count, 8 * 3 + 2 * 6 * 4 * 2);
    // Decoders of JPEG round otherwise.
    let photo = bytes(&load_img(folder().join("photo.jpg")).unwrap());
    let known = &expected()["jpeg"];
    let worst = apart(&photo, known);
    let sum: f64 = photo.to_f64().iter().zip(known.to_f64()).map(|(a, b)| (a - b).abs()).sum();
    assert!(worst <= 12.0 && sum / (photo.len() as f64) < 1.5, "{worst}, mean {}", sum / photo.len() as f64);
    let deep = LoadImg::new().color_mode("grayscale").load(folder().join("deep.png")).unwrap();
    assert_eq!((deep.height(), deep.width(), deep.channels()), (6, 7, 1));
}

#[test]
fn folders_as_tensorflow_reads_them() {
    let expected = expected();
    let mut worst = 0f64;
    for (name, tensor) in &expected {
        let ["folder", filter, rows, columns, fit] = name.split('|').collect::<Vec<_>>()[..] else {
            continue;
        };
        let mut dataset = ImageDatasetFromDirectory::new()
            .image_size((rows.parse().unwrap(), columns.parse().unwrap()))
            .interpolation(filter)
            .crop_to_aspect_ratio(fit == "crop")
            .pad_to_aspect_ratio(fit == "pad")
            .shuffle(false)
            .batch_size(20)
            .verbose(false)
            .load(folder().join("colors"))
            .unwrap();
        let batch = dataset.iter().unwrap().next().unwrap().unwrap();
        let off = apart(&batch.x.tensors()[0], tensor);
        // Bytes to the precision of float32.
        assert!(off < 2e-3, "{name}: {off}");
        worst = worst.max(off);
        assert_eq!(batch.y.unwrap().tensors()[0], expected["folder labels"]);
    }
    println!("worst difference {worst}");
}

#[test]
fn orders_and_splits_are_keras_s() {
    let colors = folder().join("colors");
    let names = |files: &[PathBuf]| {
        let short = |f: &PathBuf| f.strip_prefix(&colors).unwrap().to_string_lossy().replace('\\', "/");
        files.iter().map(short).collect::<Vec<_>>().join(" ")
    };
    let known = std::fs::read_to_string(folder().join("expected.txt")).unwrap();
    for line in known.lines() {
        let (what, rest) = line.split_once(' ').unwrap();
        let quiet = || ImageDatasetFromDirectory::new().verbose(false);
        if what == "classes" {
            assert_eq!(quiet().load(&colors).unwrap().class_names().join(" "), rest);
        } else if what == "unshuffled" {
            assert_eq!(names(quiet().shuffle(false).load(&colors).unwrap().file_paths()), rest);
        } else {
            let (seed, rest) = rest.split_once(' ').unwrap();
            if what == "split" {
                let x = Tensor::from((0..11).collect::<Vec<i64>>());
                let split = SplitDataset::new().left_size(0.4).shuffle(true).seed(seed.parse().unwrap());
                let (mut left, mut right) = split.split(&x).unwrap();
                let mut found: Vec<String> = vec![];
                for part in [&mut left, &mut right] {
                    found.extend(
                        part.iter().unwrap().map(|b| b.unwrap().x.tensors()[0].item().unwrap().to_string()),
                    );
                }
                assert_eq!(found.join(" "), rest);
                continue;
            }
            let split = quiet().validation_split(0.3).seed(seed.parse().unwrap());
            assert_eq!(names(split.clone().subset(what).load(&colors).unwrap().file_paths()), rest);
            let (training, validation) = split.load_both(&colors).unwrap();
            let both = if what == "training" { training } else { validation };
            assert_eq!(names(both.file_paths()), rest);
        }
    }
}

#[test]
fn labels_and_batches() {
    let colors = folder().join("colors");
    let small = || ImageDatasetFromDirectory::new().image_size((4, 4)).shuffle(false).verbose(false);
    let first = |d: ImageDatasetFromDirectory| {
        let mut dataset = d.load(&colors).unwrap();
        dataset.iter().unwrap().next().unwrap().unwrap()
    };
    let y = |batch: &Batch| batch.y.as_ref().unwrap().tensors()[0].clone();
    let batch = first(small().label_mode("categorical").batch_size(5));
    assert_eq!(y(&batch).shape(), [5, 3]);
    assert_eq!(y(&batch).to_f64()[12..], [0.0, 1.0, 0.0]);
    let batch = first(small().label_mode("binary").class_names(["b", "a"]).batch_size(3));
    assert_eq!((y(&batch).shape(), y(&batch).dtype()), (&[3, 1][..], DType::F32));
    assert_eq!(y(&batch).to_f64(), [0.0, 0.0, 1.0]);
    let batch = first(small().unbatched().color_mode("grayscale").data_format("channels_first"));
    assert_eq!((batch.x.tensors()[0].shape(), y(&batch).shape()), (&[1, 4, 4][..], &[][..]));
    assert!(first(small().labels(Labels::None)).y.is_none());
    assert!(first(small().label_mode(LabelMode::None)).y.is_none());
    let given = first(small().labels((0..8).map(|i| i % 2).collect::<Vec<i32>>()));
    assert_eq!(y(&given).to_f64(), [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);

    // Passes are in other orders, of whole samples.
    let mut mixed = ImageDatasetFromDirectory::new()
        .seed(1)
        .image_size((4, 4))
        .batch_size(3)
        .verbose(false)
        .load(&colors)
        .unwrap();
    let mut pass = || {
        let batches = mixed.iter().unwrap().map(|b| y(&b.unwrap()).to_f64());
        batches.collect::<Vec<_>>().concat()
    };
    let (one, two) = (pass(), pass());
    assert_ne!(one, two);
    assert_eq!(one.iter().sum::<f64>(), two.iter().sum::<f64>());

    let fail = |d: ImageDatasetFromDirectory, message: &str| {
        let e = d.load(&colors).unwrap_err().to_string();
        assert!(e.starts_with(message), "{e}");
    };
    fail(small().validation_split(0.5), "subset: must be given together");
    fail(small().subset("training"), "subset: must be given together");
    fail(small().shuffle(true).validation_split(0.5).subset("training"), "seed: is needed");
    fail(small().validation_split(1.5).subset("training"), "validation_split: must be between 0 and 1");
    fail(small().validation_split(0.5).subset("both"), "unknown subset `both`");
    fail(small().label_mode("binary"), "label_mode: \"binary\" needs exactly 2 classes");
    fail(small().label_mode("ints"), "unknown label_mode `ints`; did you mean `int`?");
    fail(small().labels(vec![1]), "labels: there are 1 labels and 8 files");
    fail(small().class_names(["c"]), "class_names: expected some of the folders");
    fail(small().interpolation("bilinaer"), "unknown interpolation `bilinaer`; did you mean `bilinear`?");
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("cornu-pictures-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn saved_and_read_again() {
    let scratch = Scratch::new("saved");
    for (file, mode) in
        [("colors/b/rgb.png", "rgb"), ("colors/b/rgba.PNG", "rgba"), ("colors/a/grey.png", "grayscale")]
    {
        let image = LoadImg::new().color_mode(mode).load(folder().join(file)).unwrap();
        let x = img_to_array(&image).unwrap();
        assert_eq!(array_to_img(&x, "channels_last", false).unwrap(), image);
        for format in ["png", "bmp", "jpg"] {
            let path = scratch.0.join(format!("a.{format}"));
            utils::SaveImg::new().scale(false).save(&path, &x).unwrap();
            let again = LoadImg::new().color_mode(mode).load(&path).unwrap();
            let (colors, worst) = (image.channels().min(3), if format == "jpg" { 255.0 } else { 0.0 });
            let pixels = |i: &Image| -> Vec<f64> {
                let chunks = i.pixels().chunks_exact(i.channels());
                chunks.flat_map(|p| p[..colors].to_vec()).map(f64::from).collect()
            };
            let off =
                pixels(&image).iter().zip(pixels(&again)).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>();
            assert!(off.iter().all(|&d| d <= worst), "{file} as {format}");
            assert!(off.iter().sum::<f64>() / off.len() as f64 <= worst / 8.0, "{file} as {format}");
        }
    }
    let x = Tensor::new([2, 1, 1], vec![-2f32, 2.0]).unwrap();
    save_img(scratch.0.join("two.png"), &x).unwrap();
    assert_eq!(load_img(scratch.0.join("two.png")).unwrap().pixels(), [0, 0, 0, 255, 255, 255]);
    let e = save_img(scratch.0.join("two.gif"), &x).unwrap_err().to_string();
    assert!(e.starts_with("unknown file_format `gif`"), "{e}");
    let e = array_to_img(&Tensor::zeros([2, 2], DType::F32), "channels_last", true).unwrap_err().to_string();
    assert!(e.contains("expected (rows, columns, channels), got shape [2, 2]"), "{e}");
    assert!(array_to_img(&Tensor::zeros([2, 2, 5], DType::F32), "channels_last", true).is_err());
    let first =
        array_to_img(&Tensor::new([1, 1, 2], vec![0f32, 9.0]).unwrap(), "channels_first", true).unwrap();
    assert_eq!((first.height(), first.width(), first.pixels()), (1, 2, &[0, 255][..]));
}

#[test]
fn damaged_pictures_give_errors() {
    let scratch = Scratch::new("damaged");
    let path = scratch.0.join("damaged");
    for file in [
        "colors/b/rgb.png",
        "photo.jpg",
        "colors/a/more/rgb.bmp",
        "colors/a-c/first.gif",
        "colors/a/palette.png",
    ] {
        let whole = std::fs::read(folder().join(file)).unwrap();
        for i in (0..whole.len()).step_by(whole.len().div_ceil(150)) {
            for flip in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[i] ^= flip;
                std::fs::write(&path, &bytes).unwrap();
                let _ = load_img(&path);
            }
            std::fs::write(&path, &whole[..i]).unwrap();
            let _ = load_img(&path);
        }
    }
    std::fs::write(&path, "text").unwrap();
    assert!(load_img(&path).unwrap_err().to_string().contains("is no picture of a known format"));
    assert!(load_img(scratch.0.join("nowhere.png")).is_err());
}

#[test]
fn texts_and_sounds() {
    let scratch = Scratch::new("texts");
    for (class, name, content) in [("bad", "0", "no"), ("bad", "1", "not so goöd"), ("good", "0", "yes")] {
        std::fs::create_dir_all(scratch.0.join(class)).unwrap();
        std::fs::write(scratch.0.join(class).join(format!("{name}.txt")), content).unwrap();
    }
    let read = |d: TextDatasetFromDirectory| {
        let mut dataset = d.shuffle(false).verbose(false).load(&scratch.0).unwrap();
        let batch = dataset.iter().unwrap().next().unwrap().unwrap();
        (text::decode(&batch.x.tensors()[0]).unwrap(), batch.y.unwrap().tensors()[0].to_f64())
    };
    let (texts, labels) = read(TextDatasetFromDirectory::new());
    assert_eq!(texts, ["no", "not so goöd", "yes"]);
    assert_eq!(labels, [0.0, 0.0, 1.0]);
    assert_eq!(read(TextDatasetFromDirectory::new().max_length(2)).0, ["no", "no", "ye"]);

    let write = |class: &str, values: &[i16], rate| {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(scratch.0.join(class).join("a.wav"), spec).unwrap();
        values.iter().for_each(|&v| file.write_sample(v).unwrap());
        file.finalize().unwrap();
    };
    write("bad", &[0, 16384, -32768], 8000);
    write("good", &[8192], 8000);
    let read = |d: AudioDatasetFromDirectory| {
        let mut dataset = d.shuffle(false).verbose(false).load(&scratch.0).unwrap();
        dataset.iter().unwrap().next().unwrap().map(|batch| batch.x.tensors()[0].clone())
    };
    let sounds = read(AudioDatasetFromDirectory::new()).unwrap();
    assert_eq!((sounds.shape(), sounds.to_f64()), (&[2, 3, 1][..], vec![0.0, 0.5, -1.0, 0.25, 0.0, 0.0]));
    let cut = read(AudioDatasetFromDirectory::new().output_sequence_length(2).sampling_rate(8000)).unwrap();
    assert_eq!((cut.shape(), cut.to_f64()), (&[2, 2, 1][..], vec![0.0, 0.5, 0.25, 0.0]));
    let e = read(AudioDatasetFromDirectory::new().sampling_rate(16000)).unwrap_err().to_string();
    assert!(e.contains("has 8000 samples a second, not 16000"), "{e}");
}

#[test]
fn a_model_learns_from_a_folder() {
    utils::set_random_seed(2);
    let mut dataset = ImageDatasetFromDirectory::new()
        .image_size((8, 8))
        .batch_size(4)
        .verbose(false)
        .load(folder().join("colors"))
        .unwrap();
    let mut model = Sequential::new()
        .add(Input::new([8, 8, 3]))
        .add(Rescaling::new(1.0 / 255.0))
        .add(Flatten::new())
        .add(Dense::new(3).activation("softmax"));
    model.compile(Compile::new("adam", "sparse_categorical_crossentropy").metrics(["accuracy"])).unwrap();
    let history = model.fit(&mut dataset, (), Fit::new().epochs(60).verbose(0)).unwrap();
    assert!(history.last("loss").unwrap() < 0.5 * history.get("loss")[0]);
    assert_eq!(model.predict(&mut dataset, Predict::new().verbose(0)).unwrap().shape(), [8, 3]);
}
