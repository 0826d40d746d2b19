//! Layers that learn from data, and those that work before the graph.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::data::text;
use cornu::prelude::*;
use cornu::saving::load_model;

fn predict(x: &KerasTensor, y: &KerasTensor, data: impl Into<Data>) -> Vec<f64> {
    Model::new(x, y).unwrap().predict(data, Predict::new()).unwrap().to_f64()
}

fn error<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn bins_hold_as_many_samples() {
    let data: Vec<f32> = (0..40).map(|i| ((i * 7 % 40) as f32).powf(1.5)).collect();
    let data = Tensor::from(data);
    // As Keras finds them.
    for (bins, epsilon, expected) in [
        (4, 0.01, vec![27.0, 82.819_08, 156.169_77]),
        (3, 0.1, vec![43.686_825, 130.298_77]),
        (5, 0.25, vec![27.0, 82.819_08, 156.169_77]),
    ] {
        let mut layer = Discretization::new().num_bins(bins).epsilon(epsilon);
        layer.adapt(&data).unwrap();
        let found = layer.bin_boundaries.unwrap();
        let near =
            found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near, "{bins} bins within {epsilon}: {found:?}, Keras finds {expected:?}");
    }
    assert!(error(Discretization::new().adapt(&data)).contains("num_bins"));

    // What was found goes with clones, configs and files, though `num_bins` is there, too.
    let mut layer = Discretization::new().num_bins(4);
    layer.adapt(&data).unwrap();
    let x = Input::new([1]).tensor();
    let mut model = Model::new(&x, layer.apply(&x)).unwrap();
    let column = data.reshape([40, 1]).unwrap();
    let found = model.predict(&column, Predict::new()).unwrap();
    let path = std::env::temp_dir().join(format!("cornu-bins-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let clone = cornu::models::clone_model(&model).unwrap();
    let json = cornu::saving::model_from_json(&model.to_json().unwrap()).unwrap();
    for mut same in [clone, json, load_model(&path).unwrap()] {
        assert_eq!(same.predict(&column, Predict::new()).unwrap(), found);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn integers_by_how_frequent_they_are() {
    let data = Tensor::from([[7i64, 9, 7], [9, 7, 3], [0, 4, 4]]);
    let mut layer = IntegerLookup::new().mask_token(0);
    layer.adapt(&data).unwrap();
    assert_eq!(layer.vocabulary, Some(vec![7, 9, 4, 3]));
    let x = Input::new([4]).dtype("int64").tensor();
    let places = layer.apply(&x);
    let back = layer.clone().invert(true).apply(&places);
    let given = Tensor::from([[7i64, 3, 5, 0]]);
    assert_eq!(predict(&x, &places, &given), [2.0, 5.0, 1.0, 0.0]);
    assert_eq!(predict(&x, &back, &given), [7.0, 3.0, -1.0, 0.0]);

    let mut weighted = IntegerLookup::new().output_mode("tf_idf").max_tokens(3);
    weighted.adapt(&data).unwrap();
    let weight = (1.0f64 + 3.0 / 3.0).ln();
    assert_eq!(weighted.vocabulary, Some(vec![7, 9]));
    assert_eq!(weighted.idf_weights, Some(vec![weight, weight]));

    // As a file of Keras has it: the vocabulary names the unknown, and padding has weights, too.
    let mut padded = IntegerLookup::new().output_mode("tf_idf").max_tokens(5).pad_to_max_tokens(true);
    padded.vocabulary = Some(vec![-1, 7, 9]);
    padded.idf_weights = Some(vec![0.5, 1.0, 2.0, 0.0, 0.0]);
    let x = Input::new([3]).dtype("int64").tensor();
    let y = padded.apply(&x);
    assert_eq!(predict(&x, &y, Tensor::from([[8i64, 9, 9]])), [0.5, 0.0, 4.0, 0.0, 0.0]);
}

#[test]
fn a_model_of_text_trains_and_is_saved() {
    utils::set_random_seed(1);
    let texts = text::encode([4], &["A good film!", "good, good", "a bad film", "Bad bad"]).unwrap();
    let labels = Tensor::from([1.0f32, 1.0, 0.0, 0.0]);
    let mut vectorize = TextVectorization::new().output_mode("multi_hot");
    vectorize.adapt(&texts).unwrap();
    assert_eq!(vectorize.vocabulary.as_deref().unwrap()[..2], ["good", "bad"].map(String::from));

    let x = Input::new([1]).dtype("string").tensor();
    let y = Dense::new(1).activation("sigmoid").apply(vectorize.apply(&x));
    let mut model = Model::new(&x, &y).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.5), "binary_crossentropy")).unwrap();
    let history = model.fit(&texts, &labels, Fit::new().epochs(20).verbose(0)).unwrap();
    let losses = history.get("loss");
    assert!(losses[19] < losses[0]);

    let path = std::env::temp_dir().join(format!("cornu-text-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    let mut same = load_model(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let unseen = text::encode([2], &["good", "bad thing"]).unwrap();
    let expected = model.predict(&unseen, Predict::new()).unwrap();
    assert_eq!(same.predict(&unseen, Predict::new()).unwrap(), expected);
}

#[test]
fn texts_that_are_split_already() {
    let texts = text::encode([2, 2], &["Cat", "the!", "x", ""]).unwrap();
    let vectorize = |mode: &str| {
        let mut layer = TextVectorization::new().vocabulary(["cat", "the"].map(String::from));
        layer.split = None;
        let x = Input::new([2]).dtype("string").tensor();
        let mut model = Model::new(&x, layer.output_mode(mode).apply(&x)).unwrap();
        model.predict(&texts, Predict::new()).unwrap().to_f64()
    };
    assert_eq!(vectorize("int"), [2.0, 3.0, 1.0, 0.0]);
    assert_eq!(vectorize("multi_hot"), [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn the_graph_takes_no_text() {
    let x = Input::new([2]).dtype("string").tensor();
    let y = Flatten::new().apply(&x);
    assert!(error(Model::new(&x, &y)).contains("is text"));

    let n = Input::new([2]).dtype("int64").tensor();
    let late = Hashing::new(3).dtype("int64").apply(Flatten::new().apply(&n));
    assert!(error(Model::new(&n, &late)).contains("before the graph"));

    let floats = Hashing::new(3).dtype("float16").apply(&n);
    assert!(error(Model::new(&n, &floats)).contains(".dtype(\"int64\")"));
}

/// Models within a model, and within those, that look up words: a file of Keras, its predictions, losses of three epochs on TensorFlow,
/// and predictions after them.
#[test]
fn models_with_text_within_a_model() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/files/text_within.keras");
    let mut model = load_model(file).unwrap();
    let numbers = Tensor::new([3, 2], vec![0.1f32, 0.2, 0.3, 0.4, 0.5, 0.6]).unwrap();
    let data = vec![
        text::encode([3], &["the cat", "a dog ran far away", "sat"]).unwrap(),
        text::encode([3, 1], &["red", "blue", "green"]).unwrap(),
        numbers,
        text::encode([3, 1], &["up", "down", "left"]).unwrap(),
    ];
    let check = |model: &mut Model, want: [f64; 3]| {
        let got = model.predict(data.clone(), Predict::new()).unwrap().to_f64();
        for (got, want) in got.chunks(2).zip(want) {
            assert!((got[0] - want).abs() < 1e-6 && (got[0] + got[1] - 1.0).abs() < 1e-6, "{got:?} {want}");
        }
    };
    check(&mut model, [0.4274880290031433, 0.5777233839035034, 0.565697431564331]);
    let y = Tensor::new([3, 2], vec![1f32, 0.0, 0.0, 1.0, 1.0, 0.0]).unwrap();
    let history = model.fit(data.clone(), y, Fit::new().epochs(3).batch_size(3).verbose(0)).unwrap();
    for (got, want) in
        history.get("loss").iter().zip([0.2833843529224396, 0.2825238108634949, 0.2816670835018158])
    {
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
    let after = [0.4312158524990082, 0.5773636102676392, 0.5692124366760254];
    check(&mut model, after);
    let path = std::env::temp_dir().join(format!("cornu-text-within-{}.keras", std::process::id()));
    model.save(&path).unwrap();
    check(&mut load_model(&path).unwrap(), after);
    std::fs::remove_file(path).unwrap();
}

/// A model with text within a model takes what the outer one has before the graph, not what it computes.
#[test]
fn a_model_with_text_within_comes_before_the_graph() {
    let words = Input::new([1]).dtype("string").tensor();
    let lookup = StringLookup::new().vocabulary(["a", "b"].map(String::from)).apply(&words);
    let inner = Model::new(&words, Flatten::new().apply(&lookup)).unwrap();
    let x = Input::new([1]).dtype("string").tensor();
    let twice = Concatenate::new().apply([&inner.apply(&x), &inner.apply(&x)]);
    let data = text::encode([2, 1], &["b", "c"]).unwrap();
    assert_eq!(predict(&x, &twice, data), [2.0, 2.0, 0.0, 0.0]);

    let n = Input::new([2]).dtype("int64").tensor();
    let hashed = Model::new(&n, Hashing::new(3).dtype("int64").apply(&n)).unwrap();
    let late = hashed.apply(Flatten::new().apply(&n));
    assert!(error(Model::new(&n, &late)).contains("before the graph"));
}

#[test]
fn unknown_strings_need_a_place() {
    let x = Input::new([1]).dtype("string").tensor();
    let layer = StringLookup::new().num_oov_indices(0).vocabulary(["a", "b"].map(String::from));
    let mut model = Model::new(&x, layer.apply(&x)).unwrap();
    let data = |s: &str| text::encode([1, 1], &[s]).unwrap();
    assert_eq!(model.predict(data("b"), Predict::new()).unwrap().to_f64(), [1.0]);
    assert!(error(model.predict(data("c"), Predict::new())).contains("\"c\" is not in the vocabulary"));

    let twice = StringLookup::new().vocabulary(["a", "a"].map(String::from));
    assert!(error(Model::new(&x, twice.apply(&x))).contains("twice"));
    assert!(error(Model::new(&x, StringLookup::new().apply(&x))).contains("no vocabulary yet"));
}

#[test]
fn random_layers_change_images_in_training_only() {
    let images = cornu::random::uniform([2, 6, 6, 3], 0.0, 255.0, None, 1).unwrap();
    let x = Input::new([6, 6, 3]).tensor();
    let layers: [KerasTensor; 4] = [
        RandomFlip::new().seed(1).apply(&x),
        RandomErasing::new().factor((1.0, 1.0)).seed(1).apply(&x),
        RandomHue::new(0.5).seed(1).apply(&x),
        RandomShear::new().x_factor(0.5).seed(1).apply(&x),
    ];
    for y in layers {
        let mut model = Model::new(&x, &y).unwrap();
        assert_eq!(model.predict(&images, Predict::new()).unwrap(), images, "{}", y.name());
        model.compile(Compile::new("sgd", "mse")).unwrap();
        let loss = model.evaluate(&images, &images, Evaluate::new().verbose(0)).unwrap();
        assert_eq!(loss.get("loss"), Some(0.0), "{}", y.name());
    }
    let mut mixed = Model::new(&x, Dense::new(3).apply(MixUp::new().apply(&x))).unwrap();
    mixed.compile(Compile::new("sgd", "mse")).unwrap();
    assert!(error(mixed.fit(&images, &images, Fit::new().verbose(0))).contains("augment the data before"));
}

#[test]
fn images_stay_in_their_range_while_training() {
    let images = cornu::random::uniform([3, 8, 7, 3], 0.0, 255.0, None, 2).unwrap();
    let layers: [LayerRef; 9] = [
        RandAugment::new().num_ops(3).seed(1).share(),
        AugMix::new().num_chains(2).chain_depth(2).seed(1).share(),
        RandomCrop::new(4, 3).seed(1).share(),
        RandomColorJitter::new().brightness_factor(0.3).contrast_factor(0.3).hue_factor(0.3).seed(1).share(),
        RandomGaussianBlur::new().factor((1.0, 1.0)).kernel_size(5).seed(1).share(),
        RandomErasing::new().factor((1.0, 1.0)).fill_value([1.0, 2.0, 3.0]).seed(1).share(),
        RandomZoom::new(0.5).width_factor(0.2).seed(1).share(),
        RandomPerspective::new().factor((1.0, 1.0)).seed(1).share(),
        Solarization::new().threshold_factor(0.7).seed(1).share(),
    ];
    for layer in layers {
        let builder = cornu_graph::Builder::new();
        let trace = cornu::layers::Trace::new(builder.clone(), true);
        let x = builder.constant(images.clone());
        let (y, _) = trace.apply(&*layer, &cornu::layers::Given::in_order(), &[x], &[None]).unwrap();
        let values: Vec<Tensor> = trace.variables().iter().map(|(v, _, _)| v.value().unwrap()).collect();
        let graph = builder.finish(&y).unwrap();
        let y = cornu_graph::interpret(&graph, &values).unwrap().remove(0);
        let name = layer.class_name();
        assert_eq!(y.shape()[0], 3, "{name}");
        assert_ne!(y, images, "{name}");
        assert!(y.to_f64().iter().all(|v| (-1e-3..=255.001).contains(v)), "{name} leaves the range");
    }
}

fn words(tokens: &[&str]) -> Vec<String> {
    tokens.iter().map(|t| t.to_string()).collect()
}

/// Vocabularies as Keras gives them: all tokens, the known ones and how many places there are.
#[test]
fn vocabularies_as_in_keras() {
    let data = text::encode([2, 3], &["a", "b", "", "b", "c", "[UNK]"]).unwrap();
    let lookups: [(StringLookup, &[&str], &[&str]); 6] = [
        (StringLookup::new(), &["[UNK]", "b", "c", "a", ""], &["b", "c", "a", ""]),
        (StringLookup::new().mask_token(""), &["", "[UNK]", "b", "c", "a"], &["b", "c", "a"]),
        (
            StringLookup::new().mask_token("").output_mode("multi_hot"),
            &["[UNK]", "b", "c", "a"],
            &["b", "c", "a"],
        ),
        (StringLookup::new().num_oov_indices(0), &["b", "c", "a", ""], &["b", "c", "a", ""]),
        (StringLookup::new().num_oov_indices(2).max_tokens(3), &["[UNK]", "[UNK]", "b"], &["b"]),
        (
            StringLookup::new().oov_token("b").output_mode("count"),
            &["b", "c", "a", "[UNK]", ""],
            &["c", "a", "[UNK]", ""],
        ),
    ];
    for (mut layer, all, known) in lookups {
        layer.adapt(&data).unwrap();
        assert_eq!(layer.get_vocabulary().unwrap(), all);
        assert_eq!(layer.get_vocabulary_without_special_tokens().unwrap(), known);
        assert_eq!(layer.vocabulary_size().unwrap(), all.len());
        assert_eq!(layer.config().unwrap()["vocabulary_size"], all.len());
    }

    let mut integers = IntegerLookup::new().mask_token(0).num_oov_indices(2);
    integers.set_vocabulary([9, 7], None).unwrap();
    assert_eq!(integers.get_vocabulary().unwrap(), [0, -1, -1, 9, 7]);
    integers.set_vocabulary([0, -1, -1, 7], None).unwrap();
    assert_eq!(integers.get_vocabulary_without_special_tokens().unwrap(), [7]);
    assert_eq!(integers.vocabulary_size().unwrap(), 4);
    // One sample each.
    let mut rare = IntegerLookup::new().output_mode("tf_idf");
    rare.adapt(&Tensor::from([1i64, 2, 2, 3, 3, 3])).unwrap();
    assert_eq!(rare.vocabulary, Some(vec![3, 2, 1]));
    let weights = rare.idf_weights.unwrap();
    let keras = [0.916_290_76, 1.098_612_3, 1.386_294_4];
    assert!(weights.iter().zip(keras).all(|(a, b)| (a - b).abs() < 1e-6), "{weights:?}");

    let mut texts = TextVectorization::new();
    texts.set_vocabulary(["the", "cat"], None).unwrap();
    assert_eq!(texts.get_vocabulary().unwrap(), ["", "[UNK]", "the", "cat"]);
    assert_eq!(texts.get_vocabulary_without_special_tokens().unwrap(), ["the", "cat"]);
    texts.adapt(&text::encode([1], &["dog"]).unwrap()).unwrap();
    assert_eq!((texts.vocabulary_size().unwrap(), texts.vocabulary), (3, Some(words(&["dog"]))));
}

/// What Keras refuses of vocabularies.
#[test]
fn vocabularies_that_do_not_fit() {
    let strings = || StringLookup::new().vocabulary(words(&["a", "b"]));
    let integers = || IntegerLookup::new().vocabulary([7, 9]);
    let weighted = |layer: StringLookup, weights: &[f64]| layer.output_mode("tf_idf").idf_weights(weights);
    let rows = [
        (error(strings().adapt(&text::encode([1], &["c"]).unwrap())), "vocabulary: is given"),
        (error(integers().adapt(&Tensor::from([1i64]))), "vocabulary: is given"),
        (
            error(
                TextVectorization::new().vocabulary(words(&["a"])).adapt(&text::encode([1], &["c"]).unwrap()),
            ),
            "is given",
        ),
        (error(strings().vocabulary(words(&["a", "[UNK]"])).invert(true).get_vocabulary()), "[UNK]"),
        (error(integers().vocabulary([7, -1]).invert(true).get_vocabulary()), "has -1 where"),
        (
            error(weighted(strings(), &[1.0, 2.0, 3.0]).get_vocabulary()),
            "must be as many as the 2 tokens, got 3",
        ),
        (error(weighted(strings(), &[1.0]).get_vocabulary()), "must be as many as the 2 tokens, got 1"),
        (error(integers().output_mode("tf_idf").idf_weights([1.0]).get_vocabulary()), "2 tokens, got 1"),
        (error(integers().vocabulary_dtype("int32").get_vocabulary()), "vocabulary_dtype"),
        (error(strings().set_vocabulary(["c", "c"], None)), "twice"),
        (error(strings().set_vocabulary(["c"], Some(vec![1.0]))), "idf_weights"),
        (error(strings().set_vocabulary(Vec::<String>::new(), None)), "is empty"),
        (error(strings().max_tokens(2).set_vocabulary(["c", "d"], None)), "allows 2 places"),
    ];
    for (i, (message, words)) in rows.iter().enumerate() {
        assert!(message.contains(words), "{i}: {message}");
    }
    // What was there stays.
    let mut kept = strings();
    error(kept.set_vocabulary(["c", "c"], None));
    assert_eq!(kept.get_vocabulary().unwrap(), ["[UNK]", "a", "b"]);

    // A literal token for what is unknown: at the start it has the weight given, elsewhere it is a word.
    let x = Input::new([4]).dtype("string").tensor();
    let data = text::encode([1, 4], &["a", "[UNK]", "z", "b"]).unwrap();
    for (vocabulary, keras) in
        [(["[UNK]", "a", "b"], vec![1.0, 1.5, 2.5]), (["a", "[UNK]", "b"], vec![1.5, 0.5, 1.5, 2.5])]
    {
        let layer = StringLookup::new().vocabulary(words(&vocabulary));
        let y = weighted(layer, &[0.5, 1.5, 2.5]).apply(&x);
        assert_eq!(predict(&x, &y, &data), keras, "{vocabulary:?}");
    }

    let x = Input::new([2]).dtype("int64").tensor();
    let mut model = Model::new(&x, integers().num_oov_indices(0).apply(&x)).unwrap();
    assert_eq!(model.predict(Tensor::from([[9i64, 7]]), Predict::new()).unwrap().to_f64(), [1.0, 0.0]);
    assert!(
        error(model.predict(Tensor::from([[9i64, 8]]), Predict::new()))
            .contains("\"8\" is not in the vocabulary")
    );
    let bins = Discretization::new().num_bins(3).bin_boundaries([1.0]);
    assert!(error(Model::new(&x, bins.apply(&x))).contains("must not be given with `bin_boundaries`"));
}

/// A vocabulary from a file of lines, which no line of is a special token; a model is saved with it in a file of its own.
#[test]
fn vocabularies_from_files() {
    let path = std::env::temp_dir().join(format!("cornu-vocabulary-{}.txt", std::process::id()));
    std::fs::write(&path, "b\na\n[UNK]\n").unwrap();
    let mut layer = StringLookup::new();
    layer.set_vocabulary_file(&path).unwrap();
    // As Keras has it.
    assert_eq!(layer.get_vocabulary().unwrap(), ["[UNK]", "b", "a", "[UNK]"]);
    let x = Input::new([4]).dtype("string").tensor();
    let y = layer.apply(&x);
    let mut model = Model::new(&x, &y).unwrap();
    let data = text::encode([1, 4], &["a", "b", "[UNK]", "z"]).unwrap();
    assert_eq!(model.predict(&data, Predict::new()).unwrap().to_f64(), [2.0, 1.0, 3.0, 0.0]);
    let file = path.with_extension("keras");
    model.save(&file).unwrap();
    let mut same = load_model(&file).unwrap();
    assert_eq!(same.predict(&data, Predict::new()).unwrap().to_f64(), [2.0, 1.0, 3.0, 0.0]);

    std::fs::write(&path, "7\n9\n").unwrap();
    let mut integers = IntegerLookup::new();
    integers.set_vocabulary_file(&path).unwrap();
    assert_eq!(integers.get_vocabulary().unwrap(), [-1, 7, 9]);
    std::fs::write(&path, "7\nx\n").unwrap();
    assert!(error(integers.set_vocabulary_file(&path)).contains("\"x\" is no i64"));
    assert!(
        error(StringLookup::new().output_mode("tf_idf").set_vocabulary_file(&path))
            .contains("has no weights")
    );
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(error(integers.set_vocabulary_file(&path)).contains("cornu-vocabulary"));
}

/// Bins by hash as Keras finds them: negative keys, and numbers with fractions beside a mask.
#[test]
fn hashes_as_in_keras() {
    let x = Input::new([1]).dtype("string").tensor();
    let y = Hashing::new(3).salt(-5).apply(&x);
    assert_eq!(predict(&x, &y, text::encode([4, 1], &["a", "b", "c", "d"]).unwrap()), [0.0, 1.0, 2.0, 0.0]);
    let x = Input::new([3]).tensor();
    let y = Hashing::new(3).mask_value(2).apply(&x);
    assert_eq!(predict(&x, &y, Tensor::from([[2.0f32, 2.5, 3.0]])), [0.0, 2.0, 2.0]);
}

#[test]
fn functions_of_python_are_not_run() {
    for key in ["standardize", "split"] {
        let function = serde_json::json!({"module": "my", "class_name": "function", "config": "f"});
        let saved = serde_json::json!({"class_name": "TextVectorization", "config": {key: function}});
        let message = error(cornu::layers::list::from_saved(&saved));
        assert!(message.contains(&format!("its `{key}` is a Python function")), "{message}");
    }
}
