//! The networks, up to their logits.

use crate::common::{Batch, Result};
use candle_core::{D, Device, Module, ModuleT, Result as Candle, Tensor};
use candle_nn::ops::{layer_norm, layer_norm_slow, softmax, softmax_last_dim};
use candle_nn::rnn::{GRU, LSTM, RNN};
use candle_nn::{
    BatchNorm, BatchNormConfig, Conv1dConfig, Conv2d, Conv2dConfig, Dropout, GRUConfig, Init, LSTMConfig,
    Linear, VarBuilder, batch_norm, conv1d, conv2d, conv2d_no_bias, embedding, gru, linear, lstm,
};

/// From the input, and whether it trains, to the logits.
pub type Model = Box<dyn Fn(&Tensor, bool) -> Candle<Tensor>>;

pub fn build(name: &str, vb: VarBuilder) -> Result<Model> {
    Ok(match name {
        "mlp" => mlp(vb)?,
        "mnist_cnn" => mnist_cnn(vb)?,
        "resnet20" => resnet20(vb)?,
        "lstm" => text_lstm(vb)?,
        "cnn_rnn" => cnn_rnn(vb)?,
        "transformer" => transformer(vb)?,
        _ => return Err(format!("the workload {name} is not written for Candle").into()),
    })
}

/// A batch as the model takes it; pictures have their channels first.
pub fn input(name: &str, batch: &Batch<u32>) -> Candle<Tensor> {
    let (n, cpu) = (batch.size, &Device::Cpu);
    match name {
        "mlp" => Tensor::from_slice(&batch.floats, (n, 784), cpu),
        "mnist_cnn" => Tensor::from_slice(&batch.floats, (n, 1, 28, 28), cpu),
        "resnet20" => Tensor::from_slice(&batch.floats, (n, 3, 32, 32), cpu),
        "cnn_rnn" => Tensor::from_slice(&batch.floats, (n, 128, 16), cpu)?.transpose(1, 2)?.contiguous(),
        _ => Tensor::from_slice(&batch.tokens, (n, ()), cpu),
    }
}

fn mlp(vb: VarBuilder) -> Candle<Model> {
    let a = linear(784, 512, vb.pp("a"))?;
    let b = linear(512, 512, vb.pp("b"))?;
    let c = linear(512, 10, vb.pp("c"))?;
    Ok(Box::new(move |x, _| c.forward(&b.forward(&a.forward(x)?.relu()?)?.relu()?)))
}

fn mnist_cnn(vb: VarBuilder) -> Candle<Model> {
    let a = conv2d(1, 32, 3, Conv2dConfig::default(), vb.pp("a"))?;
    let b = conv2d(32, 64, 3, Conv2dConfig::default(), vb.pp("b"))?;
    let c = linear(9216, 128, vb.pp("c"))?;
    let d = linear(128, 10, vb.pp("d"))?;
    let (quarter, half) = (Dropout::new(0.25), Dropout::new(0.5));
    Ok(Box::new(move |x, train| {
        let x = b.forward(&a.forward(x)?.relu()?)?.relu()?.max_pool2d(2)?;
        let x = quarter.forward(&x, train)?.flatten_from(1)?;
        d.forward(&half.forward(&c.forward(&x)?.relu()?, train)?)
    }))
}

/// A convolution without bias, then batch normalization.
struct Normed(Conv2d, BatchNorm);

impl Normed {
    fn new(cin: usize, f: usize, stride: usize, vb: VarBuilder) -> Candle<Normed> {
        let config = Conv2dConfig { padding: 1, stride, ..Default::default() };
        let norm = BatchNormConfig { eps: 1e-3, momentum: 0.01, ..Default::default() };
        Ok(Normed(conv2d_no_bias(cin, f, 3, config, vb.pp("conv"))?, batch_norm(f, norm, vb.pp("norm"))?))
    }

    fn forward(&self, x: &Tensor, train: bool) -> Candle<Tensor> {
        self.1.forward_t(&self.0.forward(x)?, train)
    }
}

fn resnet20(vb: VarBuilder) -> Candle<Model> {
    let first = Normed::new(3, 16, 1, vb.pp("first"))?;
    let (mut blocks, mut c) = (vec![], 16);
    for (stage, f) in [16, 32, 64].into_iter().enumerate() {
        for i in 0..3 {
            let vb = vb.pp(format!("block{stage}{i}"));
            let stride = if stage > 0 && i == 0 { 2 } else { 1 };
            let down = match stride {
                2 => Some(conv2d_no_bias(
                    c,
                    f,
                    1,
                    Conv2dConfig { stride, ..Default::default() },
                    vb.pp("down"),
                )?),
                _ => None,
            };
            blocks.push((Normed::new(c, f, stride, vb.pp("a"))?, Normed::new(f, f, 1, vb.pp("b"))?, down));
            c = f;
        }
    }
    let out = linear(64, 10, vb.pp("out"))?;
    Ok(Box::new(move |x, train| {
        let mut x = first.forward(x, train)?.relu()?;
        for (a, b, down) in &blocks {
            let y = b.forward(&a.forward(&x, train)?.relu()?, train)?;
            let skip = match down {
                Some(conv) => conv.forward(&x)?,
                None => x,
            };
            x = (y + skip)?.relu()?;
        }
        out.forward(&x.flatten_from(2)?.mean(2)?)
    }))
}

fn text_lstm(vb: VarBuilder) -> Candle<Model> {
    let words = embedding(20000, 128, vb.pp("words"))?;
    // One bias, as Keras has.
    let config = LSTMConfig { b_hh_init: None, ..Default::default() };
    let rnn: LSTM = lstm(128, 128, config, vb.pp("rnn"))?;
    let out = linear(128, 1, vb.pp("out"))?;
    Ok(Box::new(move |x, _| out.forward(last(&rnn.seq(&words.forward(x)?)?)?.h())))
}

fn last<T>(states: &[T]) -> Candle<&T> {
    states.last().ok_or_else(|| candle_core::Error::msg("the sequence is empty"))
}

fn cnn_rnn(vb: VarBuilder) -> Candle<Model> {
    let conv = conv1d(16, 64, 5, Conv1dConfig { padding: 2, ..Default::default() }, vb.pp("conv"))?;
    let forward: GRU = gru(64, 64, GRUConfig::default(), vb.pp("forward"))?;
    let backward: GRU = gru(64, 64, GRUConfig::default(), vb.pp("backward"))?;
    let out = linear(128, 6, vb.pp("out"))?;
    Ok(Box::new(move |x, _| {
        let x = conv.forward(x)?.relu()?;
        // Candle pools two dimensions only.
        let (n, c, t) = x.dims3()?;
        let x = x.reshape((n, c, t / 2, 2))?.max(D::Minus1)?.transpose(1, 2)?.contiguous()?;
        let ahead = forward.seq(&x)?;
        let back = backward.seq(&x.flip(&[1])?)?;
        out.forward(&Tensor::cat(&[last(&ahead)?.h(), last(&back)?.h()], 1)?)
    }))
}

/// Candle's fused layer normalization has no gradient.
struct Norm(Tensor, Tensor);

impl Norm {
    fn new(vb: VarBuilder) -> Candle<Norm> {
        Ok(Norm(
            vb.get_with_hints(32, "weight", Init::Const(1.0))?,
            vb.get_with_hints(32, "bias", Init::Const(0.0))?,
        ))
    }

    fn forward(&self, x: &Tensor, train: bool) -> Candle<Tensor> {
        let function = if train { layer_norm_slow } else { layer_norm };
        function(x, &self.0, &self.1, 1e-6)
    }
}

fn transformer(vb: VarBuilder) -> Candle<Model> {
    let (words, places) = (embedding(20000, 32, vb.pp("words"))?, embedding(200, 32, vb.pp("places"))?);
    let (q, k, v) = (linear(32, 64, vb.pp("q"))?, linear(32, 64, vb.pp("k"))?, linear(32, 64, vb.pp("v"))?);
    let project = linear(64, 32, vb.pp("project"))?;
    let (norm1, norm2) = (Norm::new(vb.pp("norm1"))?, Norm::new(vb.pp("norm2"))?);
    let (wide, narrow) = (linear(32, 32, vb.pp("wide"))?, linear(32, 32, vb.pp("narrow"))?);
    let (hidden, out) = (linear(32, 20, vb.pp("hidden"))?, linear(20, 2, vb.pp("out"))?);
    let drop = Dropout::new(0.1);
    Ok(Box::new(move |tokens, train| {
        let x = words.forward(tokens)?.broadcast_add(places.embeddings())?;
        let (n, t, _) = x.dims3()?;
        let heads = |layer: &Linear| layer.forward(&x)?.reshape((n, t, 2, 32))?.transpose(1, 2)?.contiguous();
        let scores = (heads(&q)?.matmul(&heads(&k)?.t()?)? * (1.0 / 32f64.sqrt()))?;
        // The fused softmax has no gradient either.
        let weights = if train { softmax(&scores, D::Minus1)? } else { softmax_last_dim(&scores)? };
        let a = weights.matmul(&heads(&v)?)?.transpose(1, 2)?.reshape((n, t, 64))?;
        let x = norm1.forward(&(&x + drop.forward(&project.forward(&a)?, train)?)?, train)?;
        let f = narrow.forward(&wide.forward(&x)?.relu()?)?;
        let x = norm2.forward(&(&x + drop.forward(&f, train)?)?, train)?;
        let x = hidden.forward(&drop.forward(&x.mean(1)?, train)?)?.relu()?;
        out.forward(&drop.forward(&x, train)?)
    }))
}
