//! Pictures of models, and functions of symbolic tensors.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::prelude::*;
use cornu::utils::{PlotModel, model_to_dot, plot_model};

fn model() -> Model {
    utils::clear_session();
    let a = Input::new([8]).name("a").tensor();
    let b = Input::new([3]).name("b").tensor();
    let inner = Sequential::new()
        .add(Input::new([8]))
        .add(Dense::new(4).activation("relu").name("inside"))
        .add(Dropout::new(0.5).name("drop"));
    let x = inner.apply(&a);
    let both = Concatenate::new().name("both").apply([&x, &b]);
    let y = Dense::new(2).name("out").activation("softmax").apply(&both);
    Model::new([a, b], [y]).unwrap().with_name("whole")
}

#[test]
fn dot() {
    let model = model();
    model.get_layer("out").unwrap().set_trainable(false);
    let text = model_to_dot(&model).unwrap();
    assert!(
        text.starts_with("digraph G {\nrankdir=TB;\nconcentrate=true;\ndpi=200;\nsplines=ortho;\n"),
        "{text}"
    );
    for label in ["a (InputLayer)", "sequential (Sequential)", "both (Concatenate)", "out (Dense)"] {
        assert!(text.contains(label), "{label}");
    }
    assert_eq!(text.matches(" -> ").count(), 4);
    assert!(!text.contains("inside"));

    let all = PlotModel::new()
        .expand_nested(true)
        .show_shapes(true)
        .show_dtype(true)
        .show_layer_names(true)
        .show_layer_activations(true)
        .show_trainable(true)
        .rankdir("LR");
    let text = all.dot(&model).unwrap();
    for part in [
        "subgraph cluster_sequential {",
        "inside (Dense)",
        "Activation: relu",
        "Input shape: (None, 8)",
        "Output shape: (None, 4)",
        "Input shape: [(None, 4), (None, 3)]",
        "Output dtype: float32",
        "bgcolor=\"forestgreen\"><font point-size=\"14\" color=\"white\">Trainable",
        "bgcolor=\"firebrick\"><font point-size=\"14\" color=\"white\">Non-trainable",
        "rankdir=LR",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("sequential (Sequential)"));
    // a, inside, drop, both, out; and b to both.
    assert_eq!(text.matches(" -> ").count(), 5);
}

#[test]
fn pictures() {
    let model = model();
    let path =
        |name: &str| std::env::temp_dir().join(format!("cornu-plot-model-{}-{name}", std::process::id()));
    plot_model(&model, path("a.svg")).unwrap();
    let svg = std::fs::read_to_string(path("a.svg")).unwrap();
    for word in ["<svg", "InputLayer", "Sequential", "Concatenate", "Dense", "polyline"] {
        assert!(svg.contains(word), "{word}");
    }
    let sizes = ["TB", "BT", "LR", "RL"].map(|side| {
        let settings = PlotModel::new().rankdir(side).show_shapes(true).expand_nested(true).dpi(100);
        settings.save(&model, path("b.png")).unwrap();
        let png = std::fs::read(path("b.png")).unwrap();
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (size(16), size(20))
    });
    assert!(sizes[0] == sizes[1] && sizes[2] == sizes[3], "{sizes:?}");
    assert!(sizes[2].0 > sizes[0].0 && sizes[2].1 < sizes[0].1, "{sizes:?}");
    plot_model(&model, path("c.dot")).unwrap();
    assert_eq!(std::fs::read_to_string(path("c.dot")).unwrap(), PlotModel::new().dot(&model).unwrap());
    for name in ["a.svg", "b.png", "c.dot"] {
        std::fs::remove_file(path(name)).unwrap();
    }
    let e = plot_model(&model, path("d.pdf")).unwrap_err().to_string();
    assert!(e.contains("names neither an SVG, a PNG nor a DOT file"), "{e}");
    let e = PlotModel::new().rankdir("UP").dot(&model).unwrap_err().to_string();
    assert!(e.starts_with("unknown rankdir `UP`"), "{e}");
    let unbuilt = Sequential::new().add(Dense::new(2));
    assert!(plot_model(&unbuilt, path("e.svg")).is_err());
}
