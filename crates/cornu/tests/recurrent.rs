//! Recurrent layers in odd configurations. The expected values are those that Keras 3.15.1 gave for the same calls and weights.
#![allow(clippy::unwrap_used, clippy::panic)]
use cornu::layers::prelude::*;
use cornu::layers::{GRU, LSTMCell, LayerBox, SimpleRNN, SimpleRNNCell, StackedRNNCells};
use cornu::losses::Loss;
use cornu::metrics::Metric;
use cornu::prelude::*;
use serde_json::json;

fn ramp(shape: &[usize], scale: f32) -> Tensor {
    let n: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..n).map(|i| (((i * 7 + 3) % 11) as f32 * 0.2 - 1.0) * scale).collect();
    Tensor::from(numbers).reshape(shape.to_vec()).unwrap()
}

/// Sequences of four steps, of which some are zeros.
fn gaps() -> Tensor {
    let mut x: Vec<f32> = ramp(&[2, 4, 2], 1.0).to_f64().iter().map(|&v| v as f32).collect();
    x[4..8].fill(0.0);
    x[10..12].fill(0.0);
    Tensor::from(x).reshape(vec![2, 4, 2]).unwrap()
}

fn close(got: &[f64], want: &[f64]) {
    let near = got.iter().zip(want).all(|(a, b)| (a - b).abs() < 2e-5);
    assert!(got.len() == want.len() && near, "{got:?}, want {want:?}");
}

fn model(layer: impl Layer, masked: bool, batch: Option<usize>) -> Model {
    let input = Input::new([4, 2]);
    let x = batch.map_or(input.clone(), |n| input.batch_size(n)).tensor();
    let hidden = if masked { Masking::new().apply(&x) } else { x.clone() };
    let mut model = Model::new([x], layer.apply_many(&hidden)).unwrap();
    let weights: Vec<Tensor> = model.get_weights().unwrap().iter().map(|w| ramp(w.shape(), 0.5)).collect();
    model.set_weights(&weights).unwrap();
    model
}

fn predict(model: &mut Model, x: &Tensor) -> Vec<f64> {
    let outputs = model.predict_many(x, Predict::new().batch_size(2).verbose(0)).unwrap();
    outputs.iter().flat_map(Tensor::to_f64).collect()
}

/// `tanh(x @ kernel + h @ recurrent_kernel)`
#[layer("tests")]
struct MinimalCell {
    units: usize,
}

impl Layer for MinimalCell {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        weights.add("kernel", [input.last()?, self.units], &"glorot_uniform".into());
        weights.add("recurrent_kernel", [self.units, self.units], &"glorot_uniform".into());
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let (x, h) = (&inputs[0], &inputs[1]);
        let y = (x.matmul(&cx.weight("kernel")?) + h.matmul(&cx.weight("recurrent_kernel")?)).tanh();
        Ok(vec![y.clone(), y])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![self.units])
    }
}

/// A [`MinimalCell`] that learns what it begins with.
#[layer("tests")]
struct LearnedStart {
    units: usize,
}

impl Layer for LearnedStart {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        MinimalCell::new(self.units).build(weights, input)?;
        weights.add("start", [self.units], &"zeros".into());
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        MinimalCell::new(self.units).call_many(cx, inputs)
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![self.units])
    }

    fn initial_states(&self, cx: &Call, x: &Value) -> Result<Option<Vec<Value>>> {
        Ok(Some(vec![cx.weight("start")?.broadcast_to(&[x.dim(0), self.units])]))
    }
}

/// Two states, and an output that is as wide as both.
#[layer("tests")]
struct Counter {}

impl Layer for Counter {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        weights.add("kernel", [input.last()?, 3], &"glorot_uniform".into());
        Ok(())
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x, n, m] = inputs else { return Err(Error::State("takes two states".into())) };
        let n = n + 1.0;
        let m = m * 0.5 + x.matmul(&cx.weight("kernel")?);
        Ok(vec![Value::concat(&[&(&n * 0.1), &m], -1), n, m])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![1, 3])
    }

    fn output_size(&self) -> Option<usize> {
        Some(4)
    }
}

/// Outputs, the loss of one step with SGD towards zeros, and the weights after it.
fn trained(layer: impl Layer, masked: bool, outputs: &[f64], loss: f64, weights: &[f64]) {
    let mut model = model(layer, masked, None);
    let x = if masked { gaps() } else { ramp(&[2, 4, 2], 1.0) };
    close(&predict(&mut model, &x), outputs);
    let y = model.predict_many(&x, Predict::new().verbose(0)).unwrap();
    let zeros: Vec<Tensor> = y.iter().map(|y| Tensor::zeros(y.shape(), DType::F32)).collect();
    model.compile(Compile::new(SGD::new().learning_rate(0.1), vec!["mse"; y.len()])).unwrap();
    let logs = model.train_on_batch(x, zeros).unwrap();
    close(&[logs.get("loss").unwrap()], &[loss]);
    let after: Vec<f64> = model.get_weights().unwrap().iter().flat_map(Tensor::to_f64).collect();
    close(&after, weights);
}

#[test]
fn cells_of_user_code() {
    cornu::saving::register::<MinimalCell>();
    trained(
        RNN::new(MinimalCell::new(2)),
        false,
        &[0.247, -0.584282, 0.25376, -0.607155],
        0.208_856_4,
        &[-0.167078, 0.463815, 0.091163, -0.276703, -0.20129, 0.497891, 0.104005, -0.295854],
    );
    trained(
        Bidirectional::new(RNN::new(MinimalCell::new(2))),
        false,
        &[0.247, -0.584282, 0.174594, -0.454235, 0.25376, -0.607155, -0.05735, 0.190668],
        0.138_985_2,
        &[
            -0.183539, 0.481908, 0.095581, -0.288351, -0.200645, 0.498945, 0.102003, -0.297928, -0.19982,
            0.497813, 0.092599, -0.285298, -0.201007, 0.500613, 0.102376, -0.301417,
        ],
    );
    trained(
        RNN::new(MinimalCell::new(2)).return_sequences(true),
        true,
        &[
            0.178081, -0.462117, -0.17985, 0.468132, -0.17985, 0.468132, -0.17985, 0.468132, -0.059928,
            0.197375, -0.059928, 0.197375, -0.1472, 0.337106, 0.25724, -0.613635,
        ],
        0.111_733_6,
        &[-0.18489, 0.481931, 0.092434, -0.281278, -0.199126, 0.498077, 0.098265, -0.295707],
    );
}

#[test]
fn states_that_are_learned() {
    let last = [0.240973, -0.572393, 0.245556, -0.59156];
    trained(
        RNN::new(LearnedStart::new(2)).return_state(true),
        false,
        &[last, last].concat(),
        0.397_971_5,
        &[
            -0.13478, 0.426675, 0.082839, -0.252397, -0.208952, 0.499732, 0.123611, -0.301597, -0.203929,
            0.502175,
        ],
    );
    trained(
        RNN::new(LearnedStart::new(2)).return_sequences(true),
        true,
        &[
            0.263625, -0.635149, -0.212931, 0.538725, -0.212931, 0.538725, -0.212931, 0.538725, 0.029991,
            -0.049958, 0.029991, -0.049958, -0.188705, 0.438186, 0.274348, -0.644485,
        ],
        0.153_011_6,
        &[
            -0.182822, 0.480034, 0.092834, -0.286665, -0.194499, 0.493523, 0.08672, -0.284476, -0.189876,
            0.494248,
        ],
    );
    trained(
        RNN::new(StackedRNNCells::new([MinimalCell::new(2).into(), LearnedStart::new(2).into()])),
        false,
        &[-0.104884, 0.283634, -0.142404, 0.378261],
        0.063_702_2,
        &[
            -0.180845, 0.491189, 0.094409, -0.298007, -0.200588, 0.500476, 0.101894, -0.301352, -0.196302,
            0.492268, 0.091617, -0.281835, -0.198632, 0.498499, 0.096462, -0.296009, -0.198192, 0.498993,
        ],
    );
}

#[test]
fn outputs_of_another_size_than_the_state() {
    let (x, shown) = (ramp(&[2, 4, 2], 1.0), [0.4, -0.0925, 0.03, -0.04, 0.4, -0.1975, 0.2575, -0.0025]);
    let states = [4.0, 4.0, -0.0925, 0.03, -0.04, -0.1975, 0.2575, -0.0025];
    let mut counter = model(RNN::new(Counter::new()).return_state(true), false, None);
    close(&predict(&mut counter, &x), &[shown, states].concat());
    let cells = StackedRNNCells::new([Counter::new().into(), MinimalCell::new(2).into()]);
    trained(
        RNN::new(cells),
        false,
        &[-0.057802, 0.196534, 0.006994, 0.237361],
        0.024_589,
        &[
            -0.203805, 0.495945, 0.106846, -0.296214, 0.400166, -0.003911, -0.201417, 0.493165, 0.101903,
            -0.298116, 0.395097, -0.000342, -0.401014, 0.30093, -0.199425, 0.498213, 0.100192, -0.303584,
        ],
    );
}

/// Masked steps of a sequence give zeros in both directions, and the config says so, whatever the layer had.
#[test]
fn both_directions_of_a_masked_sequence() {
    for (sequences, zeros) in [(true, true), (false, false)] {
        let layer = || GRU::new(2).return_sequences(sequences).zero_output_for_mask(!sequences);
        let backward = layer().go_backwards(true);
        for both in [Bidirectional::new(layer()), Bidirectional::new(layer()).backward_layer(backward)] {
            let mut model = model(both, true, None);
            let config = &model.get_config().unwrap()["layers"][2]["config"];
            for direction in ["layer", "backward_layer"] {
                let found = &config[direction]["config"]["zero_output_for_mask"];
                assert_eq!(found, &json!(zeros), "{direction}");
            }
            let y = predict(&mut model, &gaps());
            assert_eq!(y.iter().filter(|&&v| v == 0.0).count(), if sequences { 3 * 4 } else { 0 }, "{y:?}");
        }
    }
}

#[test]
fn directions_that_do_not_fit() {
    let x = Input::new([4, 2]).tensor();
    let gru = || GRU::new(2).go_backwards(true);
    for (both, word) in [
        (Bidirectional::new(gru()), "must run the other way"),
        (Bidirectional::new(gru()).backward_layer(gru()), "must run the other way"),
        (Bidirectional::new(GRU::new(2)).backward_layer(gru().return_sequences(true)), "`return_sequences`"),
        (Bidirectional::new(GRU::new(2)).backward_layer(gru().return_state(true)), "`return_state`"),
        (Bidirectional::new(GRU::new(2)).backward_layer(gru().stateful(true)), "`stateful`"),
        (Bidirectional::new(GRU::new(2)).backward_layer(Dense::new(2)), "not a recurrent layer"),
    ] {
        let message = Model::new([x.clone()], [both.apply(&x)]).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    let forward = SimpleRNN::new(2).return_sequences(true);
    let both = Bidirectional::new(gru().return_sequences(true)).backward_layer(forward);
    assert_eq!(both.apply(&x).shape().to_string(), "(None, 4, 4)");
}

#[test]
fn states_from_batch_to_batch() {
    cornu::saving::register::<MinimalCell>();
    let cells = StackedRNNCells::new([LSTMCell::new(2).into(), MinimalCell::new(3).into()]);
    let both = Bidirectional::new(RNN::new(cells).stateful(true)).name("both");
    let mut model = model(both, false, Some(2));
    let layer = model.get_layer("both").unwrap();
    let x = ramp(&[2, 4, 2], 1.0);
    let first = predict(&mut model, &x);
    let states = layer.states().unwrap();
    let shapes: Vec<&[usize]> = states.iter().map(Tensor::shape).collect();
    assert_eq!(shapes, [[2, 2], [2, 2], [2, 3], [2, 2], [2, 2], [2, 3]]);
    let second = predict(&mut model, &x);
    assert_ne!(second, first);
    layer.reset_state().unwrap();
    assert_eq!(predict(&mut model, &x), first);
    assert_eq!(predict(&mut model, &x), second);
    // One layer within is put back as well as both.
    layer.layers_within().iter().for_each(|direction| direction.reset_state().unwrap());
    assert!(layer.states().unwrap().iter().flat_map(Tensor::to_f64).all(|v| v == 0.0));

    let message = model.predict(ramp(&[3, 4, 2], 1.0), Predict::new().verbose(0)).unwrap_err().to_string();
    assert!(message.contains("(2, 4, 2)") && message.contains("(3, 4, 2)"), "{message}");
    let x = Input::new([4, 2]).tensor();
    let y = GRU::new(2).stateful(true).apply(&x);
    let message = Model::new([x.clone()], [y]).unwrap_err().to_string();
    assert!(message.contains("the batch size must be known"), "{message}");
    let [plain, both, dense] =
        [LayerRef::from(GRU::new(2).share()), Bidirectional::new(GRU::new(2)).share(), Dense::new(2).share()];
    plain.reset_state().unwrap();
    for layer in [both, dense] {
        assert!(layer.reset_state().unwrap_err().to_string().contains("keeps no states"));
    }
}

/// Mean and mean square of a layer's outputs in training, and how far the steps of a sequence are from the first.
fn in_training(layer: impl Layer, x: &Tensor, states: Option<Tensor>) -> [f64; 3] {
    let dims = |t: &Tensor| t.shape()[1..].to_vec();
    let inputs: Vec<KerasTensor> =
        [Some(x), states.as_ref()].iter().flatten().map(|t| Input::new(dims(t)).tensor()).collect();
    let y = layer.apply(inputs.clone());
    let mut model = Model::new(inputs, [y]).unwrap();
    let weights: Vec<Tensor> =
        model.get_weights().unwrap().iter().map(|w| Tensor::ones(w.shape(), DType::F32)).collect();
    let data: Vec<Tensor> = [Some(x.clone()), states].into_iter().flatten().collect();
    let target = Tensor::zeros([x.shape()[0], 1, 1], DType::F32);
    utils::set_random_seed(5);
    model.set_weights(&weights).unwrap();
    let loss = Loss::function("mean", |_, y| y.mean([-1, -2]));
    let further = [
        Metric::function("square", |_, y| (y * y).mean([-1, -2])),
        Metric::function("steps", |_, y| (y - y.slice_axis(1, 0, 1)).abs().mean([-1, -2])),
    ];
    model.compile(Compile::new(SGD::new().learning_rate(0.0), loss).metrics(further)).unwrap();
    let logs = model.train_on_batch(data, target).unwrap();
    ["loss", "square", "steps"].map(|name| logs.get(name).unwrap())
}

/// Drops a share of the input by a layer of its own, and gives it.
#[layer("tests")]
struct DroppingCell {}

impl Layer for DroppingCell {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        weights.add_layer("dropout", &Dropout::new(0.5).share(), std::slice::from_ref(input))
    }

    fn call_many(&self, cx: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        let y = cx.apply(cx.child("dropout")?, &inputs[..1])?.remove(0);
        Ok(vec![y.clone(), y])
    }

    fn state_sizes(&self) -> Option<Vec<usize>> {
        Some(vec![1])
    }
}

/// A cell drops the same at all steps of a sequence, a layer within it something else at each.
#[test]
fn dropout_over_time() {
    let near = |[mean, square, steps]: [f64; 3], want: [f64; 3]| {
        let found = [mean / want[0], square / want[1], steps - want[2]];
        let close = found.iter().zip([1.0, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 0.06);
        assert!(close, "{:?}, want {want:?}", [mean, square, steps]);
    };
    let cell = |rate: f64| SimpleRNNCell::new(1).use_bias(false).activation("linear").dropout(rate);
    let x = Tensor::ones([4000, 3, 1], DType::F32);
    // Steps add up: 2, 4 and 6 where nothing is dropped.
    let rnn = |cells: Vec<LayerBox>| RNN::new(StackedRNNCells::new(cells)).return_sequences(true);
    near(in_training(rnn(vec![cell(0.5).into()]), &x, None), [2.0, 28.0 / 3.0, 1.0]);
    // 4, 12 and 24 in one of four sequences.
    near(
        in_training(rnn(vec![cell(0.5).into(), cell(0.5).into()]), &x, None),
        [10.0 / 3.0, 184.0 / 3.0, 7.0 / 3.0],
    );
    // A state of 1 that doubles at each step, or is gone after the first.
    let recurrent = RNN::new(cell(0.0).recurrent_dropout(0.5)).return_sequences(true);
    let (zeros, ones) = (Tensor::zeros([4000, 3, 1], DType::F32), Tensor::ones([4000, 1], DType::F32));
    near(in_training(recurrent, &zeros, Some(ones)), [7.0 / 3.0, 14.0, 4.0 / 3.0]);
    for unroll in [false, true] {
        let own = RNN::new(DroppingCell::new()).return_sequences(true).unroll(unroll);
        near(in_training(own, &x, None), [1.0, 2.0, 2.0 / 3.0]);
    }
}

/// The gates of a cell see one choice of the input's features, or one each where the state is dropped as well, as those of a
/// convolutional LSTM always do. Directions do not share theirs. What is expected are means and mean squares in Keras 3.15.1.
#[test]
fn dropout_of_gates() {
    let near = |found: [f64; 3], mean: f64, square: f64| {
        let close = (found[0] - mean).abs() < 0.35 && (found[1] / square - 1.0).abs() < 0.1;
        assert!(close, "{found:?}, want {mean} and {square}");
    };
    let lstm = |input: f64, state: f64| {
        let linear = LSTM::new(1).use_bias(false).activation("linear").recurrent_activation("linear");
        linear.return_sequences(true).dropout(input).recurrent_dropout(state)
    };
    let gru = |input: f64, state: f64| {
        let linear = GRU::new(1).use_bias(false).activation("linear").recurrent_activation("linear");
        linear.return_sequences(true).dropout(input).recurrent_dropout(state)
    };
    // With linear gates and weights of 1 an input of 1 gives `m * m * m` and `(1 - m) * m`, where m is 0 or 2.
    let (one, state) = (Tensor::ones([3000, 1, 1], DType::F32), Tensor::ones([3000, 1], DType::F32));
    near(in_training(lstm(0.5, 0.0), &one, None), 4.0, 32.0);
    near(in_training(gru(0.5, 0.0), &one, None), -1.0, 2.0);
    near(in_training(Bidirectional::new(lstm(0.5, 0.0)).merge_mode("sum"), &one, None), 8.0, 96.0);
    // The state is 0: only that there are masks for it matters.
    near(in_training(lstm(0.5, 0.5), &one, None), 1.0, 8.0);
    near(in_training(gru(0.5, 0.5), &one, None), 0.0, 2.0);
    let zeros = Tensor::zeros([3000, 1, 1], DType::F32);
    near(in_training(gru(0.0, 0.5), &zeros, Some(state.clone())), 1.0, 4.0);
    near(in_training(gru(0.0, 0.5).reset_after(false), &zeros, Some(state)), 1.0, 4.0);
    // Keras drops nothing at a rate of 1, but for the simplest cell, which drops all.
    near(in_training(lstm(1.0, 0.0), &one, None), 1.0, 1.0);
    let simple = SimpleRNN::new(1).use_bias(false).activation("linear").return_sequences(true).dropout(1.0);
    assert_eq!(in_training(simple, &one, None), [0.0; 3]);
}

/// The penalty of what a cell gives counts at each step, once for the output and once for the state.
#[test]
fn penalties_within_a_cell() {
    let x = Input::new([4, 2]).tensor();
    let cell = SimpleRNNCell::new(2).activity_regularizer("l2");
    let y = RNN::new(cell).return_sequences(true).apply(&x);
    let mut model = Model::new([x], [y]).unwrap();
    model.compile(Compile::new(SGD::new().learning_rate(0.0), "mse")).unwrap();
    let x = ramp(&[2, 4, 2], 1.0);
    let y = model.predict(&x, Predict::new().verbose(0)).unwrap();
    let loss = model.evaluate(&x, &y, Evaluate::new().verbose(0)).unwrap().get("loss").unwrap();
    let squares: f64 = y.to_f64().iter().map(|v| v * v).sum();
    close(&[loss], &[2.0 * 0.01 * squares / 2.0]);
}

/// A cell computes in its own dtype, and its layer gives outputs and states in that of the layer.
#[test]
fn cells_of_another_dtype() {
    let cell = |dtype: &str| LSTMCell::new(2).dtype(dtype);
    let outputs =
        |layer: RNN| predict(&mut model(layer.return_state(true), false, None), &ramp(&[2, 4, 2], 1.0));
    let exact = outputs(RNN::new(cell("float32")));
    for (cell_dtype, dtype) in
        [("mixed_float16", "float32"), ("float32", "mixed_float16"), ("float64", "float32")]
    {
        let got = outputs(RNN::new(cell(cell_dtype)).dtype(dtype));
        let unequal = got.iter().zip(&exact).filter(|(a, b)| (*a - *b).abs() > 1e-6).count();
        assert!(got.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 2e-3), "{got:?}, want {exact:?}");
        assert_eq!(unequal > 0, cell_dtype != "float64", "{cell_dtype} in {dtype}");
        let x = Input::new([4, 2]).tensor();
        let shown = RNN::new(cell(cell_dtype)).dtype(dtype).apply(&x).dtype();
        assert_eq!(shown, if dtype == "float32" { DType::F32 } else { DType::F16 });
    }
    let x = Input::new([4, 2]).tensor();
    let both =
        Bidirectional::new(GRU::new(2).dtype("float32").return_state(true)).dtype("float16").apply_many(&x);
    let dtypes: Vec<DType> = both.iter().map(KerasTensor::dtype).collect();
    assert_eq!(dtypes, [DType::F16, DType::F32, DType::F32]);
}

#[test]
fn convolutions_without_a_loop() {
    let x = Input::new([3, 4, 2]).tensor();
    let [rolled, unrolled] = [false, true].map(|unroll| {
        let y = ConvLSTM1D::new(2, 2).return_sequences(true).unroll(unroll).apply(&x);
        let mut model = Model::new([x.clone()], [y]).unwrap();
        let weights: Vec<Tensor> =
            model.get_weights().unwrap().iter().map(|w| ramp(w.shape(), 0.5)).collect();
        model.set_weights(&weights).unwrap();
        predict(&mut model, &ramp(&[2, 3, 4, 2], 1.0))
    });
    close(&unrolled, &rolled);
}
