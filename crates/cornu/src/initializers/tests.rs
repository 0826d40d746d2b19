use super::*;
use serde_json::{Value as Json, json};

const SEED: u64 = 20;

fn sample(initializer: impl Into<Initializer>, shape: &[usize]) -> Vec<f64> {
    let tensor = initializer.into().sample(shape, DType::F32, &mut Generator::new(SEED)).unwrap();
    assert_eq!(tensor.shape(), shape);
    tensor.to_f64()
}

fn error(initializer: impl Into<Initializer>, shape: &[usize]) -> String {
    initializer.into().sample(shape, DType::F32, &mut Generator::new(SEED)).unwrap_err().to_string()
}

/// Mean and standard deviation.
fn statistics(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, x| x.abs().max(max))
}

#[test]
fn distributions() {
    // Name, expected standard deviation on (200, 300), bound of the values.
    let kept = 0.8796256610342398;
    let glorot: f64 = 2.0 / 500.0;
    let (lecun, he): (f64, f64) = (1.0 / 200.0, 2.0 / 200.0);
    for (name, stddev, bound) in [
        ("random_normal", 0.05, f64::INFINITY),
        ("random_uniform", 0.05 / 3f64.sqrt(), 0.05),
        ("truncated_normal", 0.05 * kept, 0.1),
        ("variance_scaling", lecun.sqrt(), 2.0 * lecun.sqrt() / kept),
        ("glorot_uniform", glorot.sqrt(), (3.0 * glorot).sqrt()),
        ("glorot_normal", glorot.sqrt(), 2.0 * glorot.sqrt() / kept),
        ("lecun_uniform", lecun.sqrt(), (3.0 * lecun).sqrt()),
        ("lecun_normal", lecun.sqrt(), 2.0 * lecun.sqrt() / kept),
        ("he_uniform", he.sqrt(), (3.0 * he).sqrt()),
        ("he_normal", he.sqrt(), 2.0 * he.sqrt() / kept),
    ] {
        let values = sample(name, &[200, 300]);
        let (mean, got) = statistics(&values);
        assert!(mean.abs() < 0.02 * stddev, "{name}, seed {SEED}: mean {mean}");
        assert!((got / stddev - 1.0).abs() < 0.01, "{name}, seed {SEED}: deviation {got}, expected {stddev}");
        let max = largest(&values);
        assert!(max <= bound * 1.000001, "{name}, seed {SEED}: {max} is beyond {bound}");
        assert!(bound.is_infinite() || max > 0.98 * bound, "{name}, seed {SEED}: {max} is far from {bound}");
    }
}

#[test]
fn fans_of_convolutions() {
    let fan = |scaling: VarianceScaling, shape: &[usize]| 1.0 / statistics(&sample(scaling, shape)).1.powi(2);
    let close =
        |got: f64, expected: f64| assert!((got / expected - 1.0).abs() < 0.05, "{got}, expected {expected}");
    let uniform = || VarianceScaling::new().distribution("uniform");
    close(fan(uniform(), &[5, 5, 30, 40]), 750.0);
    close(fan(uniform().mode("fan_out"), &[5, 5, 30, 40]), 1000.0);
    close(fan(uniform().mode("fan_avg"), &[20_000]), 20_000.0);
    close(fan(uniform().input_axes([0]).output_axes([1, 2]), &[20, 30, 40]), 20.0);
    close(fan(VarianceScaling::new().distribution("untruncated_normal"), &[100, 200]), 100.0);
}

#[test]
fn seeds_repeat() {
    let mut rng = Generator::new(SEED);
    let seeded = Initializer::from(GlorotUniform::new().seed(3));
    let free = Initializer::from("glorot_uniform");
    let mut draw = |i: &Initializer| i.sample(&[4], DType::F32, &mut rng).unwrap();
    assert_eq!(draw(&seeded), draw(&seeded));
    assert_ne!(draw(&free), draw(&free));
}

#[test]
fn constants() {
    assert_eq!(sample("zeros", &[2]), [0.0, 0.0]);
    assert_eq!(sample("one", &[2]), [1.0, 1.0]);
    assert_eq!(sample(Constant::new().value(3.0), &[2]), [3.0, 3.0]);
    // Arrays as Keras stretches them, from all forms in which it saves them.
    let keras = [
        (
            r#"{"class_name": "__numpy__", "config": {"value": [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], "dtype": "float32"}}"#,
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
        ),
        ("[1.0, 2.0]", [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]),
        ("[[1], [2], [3]]", [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]),
        ("[[5]]", [5.0; 6]),
        ("\"Infinity\"", [f64::INFINITY; 6]),
    ];
    for (value, want) in keras {
        let config = format!(r#"{{"class_name": "Constant", "config": {{"value": {value}}}}}"#);
        let read: Initializer = serde_json::from_str(&config).unwrap();
        assert_eq!(sample(read.clone(), &[3, 2]), want, "{value}");
        let again: Initializer = serde_json::from_value(serde_json::to_value(&read).unwrap()).unwrap();
        assert_eq!(sample(again, &[3, 2]), want, "{value}");
    }
    let misfit = Initializer::from(Constant::new().value([1.0, 2.0, 3.0]));
    let message = misfit.sample(&[3, 2], DType::F32, &mut Generator::new(SEED)).unwrap_err().to_string();
    assert!(message.contains("of shape [3] does not fit a weight of shape [3, 2]"), "{message}");
    assert_eq!(sample(Identity::new().gain(2.0), &[2, 3]), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    let ints = Initializer::from("ones").sample(&[2], DType::I32, &mut Generator::new(SEED)).unwrap();
    assert_eq!(ints.to_vec::<i32>().unwrap(), [1, 1]);
}

#[test]
fn orthogonal() {
    for shape in [[40, 70], [70, 40], [33, 33]] {
        let [rows, columns] = shape;
        let values = sample(Orthogonal::new().gain(2.0), &shape);
        let at = |vector: usize, i: usize| {
            if rows < columns { values[vector * columns + i] } else { values[i * columns + vector] }
        };
        for a in 0..rows.min(columns) {
            for b in 0..rows.min(columns) {
                let product: f64 = (0..rows.max(columns)).map(|i| at(a, i) * at(b, i)).sum();
                let expected = if a == b { 4.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-5, "{shape:?}, vectors {a} and {b}: {product}");
            }
        }
    }
    assert_eq!(sample("orthogonal", &[3, 3, 4, 8]).len(), 288);
}

/// `keras.initializers.STFT(side, window, scaling, periodic)((5, 1, 3))` of Keras 3.15.1.
#[test]
fn stft() {
    let close = |stft: STFT, expected: &[f64]| {
        let got = sample(stft, &[5, 1, 3]);
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 2e-6, "{got}, expected {expected}");
        }
    };
    close(
        STFT::new(),
        &[
            0.0, 0.0, 0.0, 0.4082483, 0.0, -0.4082483, 0.8164966, -0.8164966, 0.8164966, 0.4082483, 0.0,
            -0.4082483, 0.0, 0.0, 0.0,
        ],
    );
    close(
        STFT::new().side("imag").window("hamming").scaling("spectrum").periodic(true),
        &[0.0, 0.0, 0.0, 0.0, -0.14735265, 0.0, 0.0, 0.0, 0.0, 0.0, 0.33783251, 0.0, 0.0, 0.0, 0.0],
    );
    let third = 1.0 / 3.0;
    let mut triangle = STFT::new().window("triang");
    triangle.scaling = None;
    close(
        triangle,
        &[
            third,
            third,
            third,
            2.0 * third,
            0.0,
            -2.0 * third,
            1.0,
            -1.0,
            1.0,
            2.0 * third,
            0.0,
            -2.0 * third,
            third,
            third,
            third,
        ],
    );
}

#[test]
fn what_cannot_be_made_is_an_error() {
    assert_eq!(
        error("glorot_unifrom", &[2]),
        "unknown initializer `glorot_unifrom`; did you mean `glorot_uniform`?"
    );
    assert_eq!(error("identity", &[2]), "Identity: makes matrices, not shape [2]");
    assert_eq!(error("orthogonal", &[2]), "Orthogonal: needs at least two axes, got shape [2]");
    assert_eq!(
        error(VarianceScaling::new().mode("fan_on"), &[2]),
        "unknown mode `fan_on`; did you mean `fan_in`?"
    );
    assert_eq!(
        error(VarianceScaling::new().scale(0.0), &[2]),
        "VarianceScaling.scale: must be positive, got 0"
    );
    assert_eq!(
        error(VarianceScaling::new().input_axes([4]).output_axes([0]), &[2]).split(':').next(),
        Some("VarianceScaling")
    );
    assert!(Initializer::from("normal").sample(&[2], DType::I32, &mut Generator::new(SEED)).is_err());
}

#[test]
fn saved_as_keras_does() {
    let saved = |i: Initializer| serde_json::to_value(&i).unwrap();
    let config = |i: Initializer| saved(i)["config"].to_string();
    assert_eq!(saved("normal".into())["class_name"], "RandomNormal");
    assert_eq!(saved("normal".into())["module"], "keras.initializers");
    assert_eq!(config("GlorotUniform".into()), r#"{"seed":null,"input_axes":null,"output_axes":null}"#);
    assert_eq!(
        config("variance_scaling".into()),
        r#"{"seed":null,"scale":1.0,"mode":"fan_in","distribution":"truncated_normal","input_axes":null,"output_axes":null}"#
    );
    assert_eq!(config("orthogonal".into()), r#"{"seed":null,"gain":1.0}"#);
    assert_eq!(config("identity".into()), "{}");
    assert_eq!(config(Identity::new().gain(2.0).into()), r#"{"gain":2.0}"#);
    assert_eq!(config("uniform".into()), r#"{"seed":null,"minval":-0.05,"maxval":0.05}"#);
    assert_eq!(
        config("stft".into()),
        r#"{"side":"real","window":"hann","periodic":false,"scaling":"density"}"#
    );
    for name in Initializer::NAMES {
        let initializer = Initializer::from(*name);
        let read: Initializer = serde_json::from_value(saved(initializer.clone())).unwrap();
        assert_eq!(read, initializer, "{name}");
    }
    let old = json!({"class_name": "OrthogonalInitializer", "config": {"gain": 2.0}});
    let read: Initializer = serde_json::from_value::<Json>(old).and_then(serde_json::from_value).unwrap();
    assert_eq!(read, Orthogonal::new().gain(2.0).into());
}
