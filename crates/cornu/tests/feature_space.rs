//! Columns of tables as features: the numbers of Keras 3.15.1.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::text;
use cornu::prelude::*;
use cornu::utils::{Cross, Feature, FeatureSpace};

fn words(words: [&str; 4]) -> Tensor {
    text::encode([4], &words).unwrap()
}

fn table() -> Vec<(String, Tensor)> {
    let columns: Vec<(&str, Tensor)> = vec![
        ("age", Tensor::from([20f32, 40.0, 60.0, 35.0])),
        ("raw", Tensor::from([1f32, 2.0, 3.0, 4.0])),
        ("size", Tensor::from([0.5f32, 1.5, 2.5, 3.5])),
        ("bin", Tensor::from([1f32, 5.0, 9.0, 30.0])),
        ("floor", Tensor::from([1i32, 2, 1, 7])),
        ("city", words(["Rome", "Oslo", "Rome", "Bern"])),
        ("zip", Tensor::from([123i32, 456, 789, 123])),
        ("street", words(["a", "b", "c", "a"])),
    ];
    columns.into_iter().map(|(name, column)| (name.to_string(), column)).collect()
}

/// Age; 3 bins; 3 cities; 4 floors; raw and size; 5 streets; 4 zips; 4 and 6 combinations.
const FEATURES: [[f64; 32]; 4] = [
    [
        -1.31056, 1., 0., 0., 0., 1., 0., 0., 1., 0., 0., 1., 2., 0., 0., 0., 0., 1., 0., 0., 0., 1., 0., 1.,
        0., 0., 0., 0., 0., 0., 1., 0.,
    ],
    [
        0.08737, 0., 1., 0., 0., 0., 1., 0., 0., 0., 1., 2., 4., 0., 0., 1., 0., 0., 0., 0., 1., 0., 1., 0.,
        0., 0., 0., 0., 0., 1., 0., 0.,
    ],
    [
        1.4853, 0., 0., 1., 0., 1., 0., 0., 1., 0., 0., 3., 6., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 1.,
        0., 0., 0., 0., 0., 1., 0., 0.,
    ],
    [
        -0.26211, 0., 0., 1., 1., 0., 0., 0., 0., 1., 0., 4., 8., 0., 0., 0., 0., 1., 0., 0., 0., 1., 0., 0.,
        1., 0., 0., 0., 0., 0., 1., 0.,
    ],
];

#[test]
fn keras_s_features() {
    let mut space = FeatureSpace::new()
        .feature("age", "float_normalized")
        .feature("raw", "float")
        .feature("size", Feature::float_rescaled(2.0, 1.0))
        .feature("bin", Feature::float_discretized(3))
        .feature("floor", "integer_categorical")
        .feature("city", Feature::string_categorical().max_tokens(3))
        .feature("zip", Feature::integer_hashed(4))
        .feature("street", Feature::string_hashed(5))
        .cross(["city", "floor"])
        .cross(Cross::new(["zip", "street"]).crossing_dim(6))
        .crossing_dim(4);
    let e = space.transform(table()).unwrap_err().to_string();
    assert!(e.starts_with("the features are not known before the data is\n  help: call `adapt`"), "{e}");
    space.adapt(table()).unwrap();
    let features = space.transform(table()).unwrap();
    let [features] = features.tensors() else { panic!("several") };
    assert_eq!(features.shape(), [4, 32]);
    for (row, known) in features.to_f64().chunks(32).zip(FEATURES) {
        assert!(row.iter().zip(known).all(|(a, b)| (a - b).abs() < 1e-4), "{row:?}\n{known:?}");
    }

    // As part of a model, which trains on it.
    let inputs: Vec<KerasTensor> = space.get_inputs().unwrap().into_iter().map(|(_, x)| x).collect();
    let (_, encoded) = space.get_encoded_features().unwrap().remove(0);
    assert_eq!(encoded.shape().to_string(), "(None, 32)");
    let mut model = Model::new(inputs, Dense::new(1).apply(&encoded)).unwrap();
    model.compile(Compile::new("sgd", "mse")).unwrap();
    let y = Tensor::from([[0f32], [1.0], [0.0], [1.0]]);
    let history = model.fit(table(), &y, Fit::new().epochs(3).verbose(0)).unwrap();
    assert!(history.get("loss").iter().all(|loss| loss.is_finite()));
}

#[test]
fn by_name_as_integers() {
    let mut space = FeatureSpace::new()
        .feature("floor", Feature::integer_categorical().output_mode("int"))
        .feature("city", Feature::string_hashed(7).output_mode("int"))
        .cross(Cross::new(["floor", "city"]).crossing_dim(9).output_mode("int"))
        .output_mode("dict");
    let table: Vec<_> = table().into_iter().filter(|(n, _)| n == "floor" || n == "city").collect();
    space.adapt(table.clone()).unwrap();
    let features = space.transform(table).unwrap();
    assert_eq!(features.names().unwrap(), ["city", "floor", "floor_X_city"]);
    let values: Vec<Vec<f64>> = features.tensors().iter().map(Tensor::to_f64).collect();
    assert_eq!(values, [[2.0, 0.0, 2.0, 3.0], [1.0, 3.0, 1.0, 2.0], [3.0, 1.0, 3.0, 2.0]]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let fail = |space: FeatureSpace, message: &str| {
        let mut space = space;
        let table: Vec<_> = table().into_iter().filter(|(n, _)| n == "floor").collect();
        let e = space
            .adapt(table.clone())
            .and_then(|()| space.transform(table).map(drop))
            .unwrap_err()
            .to_string();
        assert!(e.starts_with(message), "{e}");
    };
    let floor = |feature: &str| FeatureSpace::new().feature("floor", feature);
    fail(FeatureSpace::new(), "FeatureSpace.features: there are none");
    fail(
        floor("integer_categoricall"),
        "unknown feature type `integer_categoricall`; did you mean `integer_categorical`?",
    );
    fail(floor("integer_hashed").output_mode("list"), "unknown output_mode `list`");
    fail(floor("integer_hashed").cross(["floor", "flor"]), "unknown feature `flor`; did you mean `floor`?");
    fail(floor("integer_hashed").feature("floor", "float"), "FeatureSpace.features: `floor` is there twice");
    let integers = Feature::integer_categorical().output_mode("int");
    fail(
        FeatureSpace::new().feature("floor", integers),
        "FeatureSpace: feature `floor` is int64, which cannot be concatenated",
    );
    fail(
        FeatureSpace::new().feature("floor", Feature::float().max_tokens(3)),
        "unknown feature type `max_tokens of a feature",
    );
    fail(FeatureSpace::new().feature("height", "float"), "unknown feature `floor`");
}

fn close(got: &Tensor, want: &[f64]) {
    let got = got.to_f64();
    assert_eq!(got.len(), want.len(), "{got:?}");
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?} {want:?}");
}

/// A file of Keras with a feature of each kind and a layer of one's own, what Keras makes of a table with it, and the same from a
/// file that was written here.
#[test]
fn files_of_keras_and_back() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/files/feature_space.keras");
    let mut space = FeatureSpace::load(file).unwrap();
    let mut table = table();
    table.push(("text".into(), words(["a b", "b c c", "", "a"])));
    let w = 0.847_297_847_3;
    let keras: [(&str, &[f64]); 11] = [
        ("age", &[-1.310_556_05, 0.087_370_40, 1.485_296_96, -0.262_111_22]),
        ("bin", &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]),
        ("city", &[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]),
        ("floor", &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        ("raw", &[1.0, 2.0, 3.0, 4.0]),
        ("size", &[2.0, 4.0, 6.0, 8.0]),
        ("street", &[4.0, 2.0, 2.0, 4.0]),
        ("text", &[0.0, 0.0, w, w, 0.0, 2.197_224_62, w, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, w]),
        ("zip", &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        ("city_X_floor", &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        ("zip_X_street", &[4.0, 3.0, 3.0, 4.0]),
    ];
    let path = std::env::temp_dir().join(format!("cornu-space-{}.keras", std::process::id()));
    for round in 0..2 {
        let features = space.transform(table.clone()).unwrap();
        let names: Vec<&str> = keras.iter().map(|(name, _)| *name).collect();
        assert_eq!(features.names().unwrap(), names, "{round}");
        features.tensors().iter().zip(keras).for_each(|(got, (_, want))| close(got, want));
        space.save(&path).unwrap();
        space = FeatureSpace::load(&path).unwrap();
    }
    // It learns from other data.
    space.adapt(table.clone()).unwrap();
    let again = space.transform(table).unwrap();
    close(&again.tensors()[0], keras[0].1);

    let message = saving::load_model(&path).unwrap_err().to_string();
    assert!(message.contains("FeatureSpace::load"), "{message}");
    std::fs::remove_file(&path).unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/files/text_within.keras");
    let message = FeatureSpace::load(model).unwrap_err().to_string();
    assert!(message.contains("holds no FeatureSpace"), "{message}");
    let mut fresh = FeatureSpace::new().feature("age", "float_normalized");
    assert!(fresh.save(&path).unwrap_err().to_string().contains("call `adapt`"));
    let mut hashed = FeatureSpace::new().feature("zip", "integer_hashed");
    assert!(hashed.save("space.h5").unwrap_err().to_string().contains("ends in `.keras`"));
}

/// A model of Keras on a FeatureSpace, and back.
#[test]
fn models_of_keras_on_features() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/files/on_feature_space.keras");
    let mut model = saving::load_model(file).unwrap();
    let data = || {
        let city = text::encode([3, 1], &["Oslo", "Rome", "Bern"]).unwrap();
        vec![("raw".to_string(), Tensor::from([[1f32], [2.0], [3.0]])), ("city".to_string(), city)]
    };
    // The unknown city, Rome and Oslo, then the number.
    let keras = [1100.0, 2010.0, 3001.0];
    let path = std::env::temp_dir().join(format!("cornu-on-space-{}.keras", std::process::id()));
    for _ in 0..2 {
        close(&model.predict(data(), Predict::new()).unwrap(), &keras);
        model.save(&path).unwrap();
        model = saving::load_model(&path).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
}

const KERAS_BINS: [[usize; 6]; 3] = [
    [1524, 3242, 4719, 5945, 7318, 8806],
    [1484, 3230, 4627, 5920, 7384, 8847],
    [1546, 3544, 5217, 6866, 7565, 8763],
];

/// The bins depend on how many rows Keras looks at together: 32 of a column, one of a column of shape `(rows, 1)`.
#[test]
fn bins_by_batches_as_in_keras() {
    let bits = |i: u64| (i.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99) >> 40) % 100_000;
    let values: Vec<f32> = (0..150).map(|i| bits(i * i + 7) as f32 / 1000.0).collect();
    let column = Tensor::from(values.clone());
    let bins = |column: &Tensor| {
        let feature = Feature::float_discretized(7).output_mode("int");
        let mut space = FeatureSpace::new().feature("x", feature).output_mode("dict");
        space.adapt([("x", column)]).unwrap();
        // What is counted is where the bins begin, to the hundredth.
        let grid: Vec<f32> = (0..10_000).map(|i| i as f32 / 100.0).collect();
        let places = space.transform([("x", &Tensor::from(grid))]).unwrap().tensors()[0].to_f64();
        (1..=6).map(|bin| places.iter().filter(|p| **p < f64::from(bin)).count()).collect::<Vec<_>>()
    };
    assert_eq!(bins(&column), KERAS_BINS[0]);
    assert_eq!(bins(&column.reshape([150, 1]).unwrap()), KERAS_BINS[1]);
    assert_eq!(bins(&Tensor::from(values[..40].to_vec())), KERAS_BINS[2]);
}

/// Layers of one's own, and what Keras says to them.
#[test]
fn layers_of_one_s_own() {
    let table = || vec![("c".to_string(), words(["a", "b", "a", "b"]))];
    let of = |layer: TextVectorization, mode: &str| {
        let mut space =
            FeatureSpace::new().feature("c", Feature::feature("string", layer, mode)).output_mode("dict");
        space.adapt(table()).and_then(|()| space.transform(table())).map(|data| data.tensors()[0].clone())
    };
    let texts = || TextVectorization::new().output_sequence_length(2);
    close(&of(texts(), "int").unwrap(), &[3.0, 0.0, 2.0, 0.0, 3.0, 0.0, 2.0, 0.0]);
    let given = TextVectorization::new().vocabulary(vec!["a".to_string()]).output_mode("multi_hot");
    close(&of(given, "float").unwrap(), &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    let message = of(texts(), "one_hot").unwrap_err().to_string();
    assert!(message.contains("no known number of categories"), "{message}");

    let numbers = |feature: Feature| {
        let mut space = FeatureSpace::new().feature("x", feature);
        let x = Tensor::from([1f32, 2.0, 3.0]);
        space
            .adapt([("x", &x)])
            .and_then(|()| space.transform([("x", &x)]))
            .map(|data| data.tensors()[0].clone())
    };
    let given = Normalization::new().mean(1.0).variance(4.0);
    close(&numbers(Feature::feature("float32", given, "float")).unwrap(), &[0.0, 0.5, 1.0]);
    close(&numbers(Feature::feature("float32", Rescaling::new(3.0), "float")).unwrap(), &[3.0, 6.0, 9.0]);
    let bins = Discretization::new().bin_boundaries([1.5]);
    let message = numbers(Feature::feature("float32", bins, "one_hot")).unwrap_err().to_string();
    assert!(message.contains("num_bins"), "{message}");
    let lookup = StringLookup::new().vocabulary(vec!["a".to_string()]);
    let mut space = FeatureSpace::new().feature("c", Feature::feature("string", lookup, "one_hot"));
    assert!(space.adapt(table()).unwrap_err().to_string().contains("vocabulary: is given"));
}

/// Combinations with what was found in bins, several places for the unknown, and features that nothing is to be learned for.
#[test]
fn tables_of_features_as_in_keras() {
    let word = || text::encode([3], &["a", "b", "a"]).unwrap();
    let table = || {
        let (i, x) = (Tensor::from([1i32, 2, 3]), Tensor::from([1f32, 2.0, 3.0]));
        [("c", word()), ("i", i), ("x", x)].map(|(name, t)| (name.to_string(), t))
    };
    let of = |mut space: FeatureSpace, names: &[&str]| {
        let table: Vec<_> = table().into_iter().filter(|(n, _)| names.contains(&n.as_str())).collect();
        space.adapt(table.clone()).unwrap();
        space.transform(table).unwrap().tensors()[0].to_f64()
    };
    let crossed = FeatureSpace::new()
        .feature("c", Feature::string_hashed(3))
        .feature("x", Feature::float_discretized(2))
        .cross(["c", "x"])
        .crossing_dim(5);
    let keras = [
        1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0,
        1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0,
    ];
    assert_eq!(of(crossed, &["c", "x"]), keras);
    let unknown = FeatureSpace::new()
        .feature("i", "integer_categorical")
        .feature("c", Feature::string_categorical().num_oov_indices(2));
    let keras = [
        0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0,
        0.0, 1.0, 0.0, 0.0,
    ];
    assert_eq!(of(unknown, &["c", "i"]), keras);
    let plain = FeatureSpace::new().feature("c", Feature::string_categorical().output_mode("float"));
    assert_eq!(of(plain.output_mode("dict"), &["c"]), [1.0, 2.0, 1.0]);
    let mut hashed = FeatureSpace::new().feature("c", Feature::string_hashed(3));
    let word = text::encode([1], &["a"]).unwrap();
    assert_eq!(hashed.transform([("c", &word)]).unwrap().tensors()[0].to_f64(), [1.0, 0.0, 0.0]);
}
