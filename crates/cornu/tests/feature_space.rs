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
