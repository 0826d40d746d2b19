//! Files of Keras that are read and written again are the same: the config as text, places, shapes and dtypes of arrays, files.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::saving::{load_arrays, load_model};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// The files in a `.keras` file, in their order.
fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let count = archive.len();
    let member = |i: usize| {
        let mut file = archive.by_index(i).unwrap();
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).unwrap();
        (file.name().unwrap().to_string(), bytes)
    };
    (0..count).map(member).collect()
}

/// The text without the numbers by which Keras marks objects that are shared in its program.
fn unmarked(text: &[u8]) -> String {
    const MARK: &str = ", \"shared_object_id\": ";
    let text = String::from_utf8(text.to_vec()).unwrap();
    let mut parts = text.split(MARK);
    let start = parts.next().unwrap().to_string();
    parts.fold(start, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Place, shape and dtype of every array, and its value.
fn arrays(scratch: &Path, bytes: &[u8]) -> BTreeMap<String, Tensor> {
    std::fs::write(scratch, bytes).unwrap();
    load_arrays(scratch).unwrap()
}

#[test]
fn what_keras_wrote_comes_back() {
    let folder = std::env::temp_dir().join(format!("cornu-letter-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (again, weights) = (folder.join("again.keras"), folder.join("some.weights.h5"));
    for name in [
        "files/attention",
        "files/cells",
        "files/cnn",
        "files/compiled_within",
        "files/functional",
        "files/half",
        "files/letter",
        "files/lstm",
        "files/shared_objects",
        "files/text_within",
        "training/cnn",
        "training/masked",
        "training/two_outputs",
    ] {
        let start = testdata(&format!("{name}.keras"));
        load_model(&start).unwrap().save(&again).unwrap();
        let (keras, ours) = (members(&start), members(&again));
        let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&keras), "{name}");
        assert_eq!(unmarked(&ours[1].1), unmarked(&keras[1].1), "{name}");
        assert_eq!(arrays(&weights, &ours[2].1), arrays(&weights, &keras[2].1), "{name}");
        assert_eq!(ours[3..], keras[3..], "{name}");
        // The time of writing differs, and nothing else.
        let metadata = |files: &[(String, Vec<u8>)]| files[0].1[..48].to_vec();
        assert_eq!(metadata(&ours), metadata(&keras), "{name}");
        assert_eq!(ours[0].1.len(), keras[0].1.len(), "{name}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// What is learned is in a file of its own, in a folder of a model, too; and is found again.
#[test]
fn learned_vocabularies() {
    let place = std::env::temp_dir().join(format!("cornu-learned-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let texts = cornu::data::text::encode([3], &["the cat", "the dog", "a cat"]).unwrap();
    let mut layer = TextVectorization::new().output_mode("tf_idf").name("words");
    layer.adapt(&texts).unwrap();
    let x = Input::new([1]).dtype("string").tensor();
    let mut model = Model::new(&x, layer.apply(&x)).unwrap();
    let expected = model.predict(&texts, Predict::new().verbose(0)).unwrap();
    let (file, folder) = (place.join("a.keras"), place.join("folder"));
    model.save(&file).unwrap();
    cornu::saving::SaveModel::new().zipped(false).save(&model, &folder).unwrap();
    let vocabulary = "assets/layers/text_vectorization/vocabulary.txt";
    let found = members(&file).into_iter().find(|(name, _)| name == vocabulary).unwrap().1;
    assert_eq!(String::from_utf8(found.clone()).unwrap(), "[UNK]\nthe\ncat\ndog\na");
    assert_eq!(std::fs::read(folder.join(vocabulary)).unwrap(), found);
    for path in [&file, &folder] {
        let mut same = load_model(path).unwrap();
        assert_eq!(same.predict(&texts, Predict::new().verbose(0)).unwrap(), expected);
        assert!(same.get_config().unwrap().to_string().contains("\"the\""));
    }
    // What was given stays in the config, as does what lines cannot hold.
    let given = StringLookup::new().vocabulary(["a", "b"].map(String::from).to_vec());
    let mut odd = StringLookup::new();
    odd.adapt(&cornu::data::text::encode([2], &["a\nb", "c"]).unwrap()).unwrap();
    for layer in [given, odd] {
        let x = Input::new([1]).dtype("string").tensor();
        Model::new(&x, layer.apply(&x)).unwrap().save(&file).unwrap();
        assert_eq!(members(&file).len(), 3);
        assert!(load_model(&file).is_ok());
    }
    std::fs::remove_dir_all(place).unwrap();
}
