//! The networks, from a batch in host memory to their logits.

use crate::common::Batch;
use burn::nn::conv::{Conv1d, Conv1dConfig, Conv2d, Conv2dConfig};
use burn::nn::pool::{
    AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool1d, MaxPool1dConfig, MaxPool2d, MaxPool2dConfig,
};
use burn::nn::{
    BatchNorm, BatchNormConfig, BiGru, BiGruConfig, Dropout, DropoutConfig, Embedding, EmbeddingConfig,
    LayerNorm, LayerNormConfig, Linear, LinearConfig, Lstm, LstmConfig, PaddingConfig1d, PaddingConfig2d,
};
use burn::prelude::*;
use burn::tensor::activation::relu;
use burn::tensor::module::attention;

pub trait Net: Module {
    fn new(device: &Device) -> Self;

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2>;
}

fn floats<const D: usize>(batch: &Batch<i32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(batch.floats.clone(), shape), device)
}

fn tokens(batch: &Batch<i32>, length: usize, device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(batch.tokens.clone(), [batch.size, length]), device)
}

fn linear(from: usize, to: usize, device: &Device) -> Linear {
    LinearConfig::new(from, to).init(device)
}

#[derive(Module, Debug)]
pub struct Mlp {
    a: Linear,
    b: Linear,
    c: Linear,
}

impl Net for Mlp {
    fn new(device: &Device) -> Self {
        Mlp { a: linear(784, 512, device), b: linear(512, 512, device), c: linear(512, 10, device) }
    }

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2> {
        let x = relu(self.a.forward(floats(batch, [batch.size, 784], device)));
        self.c.forward(relu(self.b.forward(x)))
    }
}

#[derive(Module, Debug)]
pub struct MnistCnn {
    a: Conv2d,
    b: Conv2d,
    pool: MaxPool2d,
    quarter: Dropout,
    c: Linear,
    half: Dropout,
    d: Linear,
}

impl Net for MnistCnn {
    fn new(device: &Device) -> Self {
        MnistCnn {
            a: Conv2dConfig::new([1, 32], [3, 3]).init(device),
            b: Conv2dConfig::new([32, 64], [3, 3]).init(device),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            quarter: DropoutConfig::new(0.25).init(),
            c: linear(9216, 128, device),
            half: DropoutConfig::new(0.5).init(),
            d: linear(128, 10, device),
        }
    }

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2> {
        let x = relu(self.a.forward(floats(batch, [batch.size, 1, 28, 28], device)));
        let x = self.pool.forward(relu(self.b.forward(x)));
        let x = self.quarter.forward(x).flatten(1, 3);
        self.d.forward(self.half.forward(relu(self.c.forward(x))))
    }
}

/// A convolution without bias, then batch normalization.
#[derive(Module, Debug)]
struct Normed {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Normed {
    fn new(from: usize, to: usize, stride: usize, device: &Device) -> Self {
        let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
        let conv = Conv2dConfig::new([from, to], [3, 3])
            .with_stride([stride, stride])
            .with_padding(padding)
            .with_bias(false);
        let norm = BatchNormConfig::new(to).with_epsilon(1e-3).with_momentum(0.01);
        Normed { conv: conv.init(device), norm: norm.init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

#[derive(Module, Debug)]
struct Block {
    a: Normed,
    b: Normed,
    down: Option<Conv2d>,
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.b.forward(relu(self.a.forward(x.clone())));
        let skip = match &self.down {
            Some(conv) => conv.forward(x),
            None => x,
        };
        relu(y + skip)
    }
}

#[derive(Module, Debug)]
pub struct ResNet20 {
    first: Normed,
    blocks: Vec<Block>,
    pool: AdaptiveAvgPool2d,
    out: Linear,
}

impl Net for ResNet20 {
    fn new(device: &Device) -> Self {
        let (mut blocks, mut from) = (vec![], 16);
        for (stage, to) in [16, 32, 64].into_iter().enumerate() {
            for i in 0..3 {
                let stride = if stage > 0 && i == 0 { 2 } else { 1 };
                let down = Conv2dConfig::new([from, to], [1, 1]).with_stride([2, 2]).with_bias(false);
                blocks.push(Block {
                    a: Normed::new(from, to, stride, device),
                    b: Normed::new(to, to, 1, device),
                    down: (stride == 2).then(|| down.init(device)),
                });
                from = to;
            }
        }
        ResNet20 {
            first: Normed::new(3, 16, 1, device),
            blocks,
            pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            out: linear(64, 10, device),
        }
    }

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2> {
        let first = relu(self.first.forward(floats(batch, [batch.size, 3, 32, 32], device)));
        let x = self.blocks.iter().fold(first, |x, block| block.forward(x));
        self.out.forward(self.pool.forward(x).flatten(1, 3))
    }
}

#[derive(Module, Debug)]
pub struct TextLstm {
    words: Embedding,
    rnn: Lstm,
    out: Linear,
}

impl Net for TextLstm {
    fn new(device: &Device) -> Self {
        TextLstm {
            words: EmbeddingConfig::new(20000, 128).init(device),
            rnn: LstmConfig::new(128, 128, true).init(device),
            out: linear(128, 1, device),
        }
    }

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2> {
        let x = self.words.forward(tokens(batch, 80, device));
        self.out.forward(self.rnn.forward(x, None).1.hidden)
    }
}

#[derive(Module, Debug)]
pub struct CnnRnn {
    conv: Conv1d,
    pool: MaxPool1d,
    rnn: BiGru,
    out: Linear,
}

impl Net for CnnRnn {
    fn new(device: &Device) -> Self {
        CnnRnn {
            conv: Conv1dConfig::new(16, 64, 5).with_padding(PaddingConfig1d::Explicit(2, 2)).init(device),
            pool: MaxPool1dConfig::new(2).init(),
            rnn: BiGruConfig::new(64, 64, true).init(device),
            out: linear(128, 6, device),
        }
    }

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2> {
        let x = floats(batch, [batch.size, 128, 16], device).swap_dims(1, 2);
        let x = self.pool.forward(relu(self.conv.forward(x))).swap_dims(1, 2);
        // Two directions, batch, units.
        let last = self.rnn.forward(x, None).1;
        self.out.forward(last.swap_dims(0, 1).reshape([batch.size, 128]))
    }
}

/// Burn's MultiHeadAttention has heads of the width of the input divided by their number; here they are wider.
#[derive(Module, Debug)]
pub struct Transformer {
    words: Embedding,
    places: Embedding,
    q: Linear,
    k: Linear,
    v: Linear,
    project: Linear,
    norm1: LayerNorm,
    wide: Linear,
    narrow: Linear,
    norm2: LayerNorm,
    hidden: Linear,
    out: Linear,
    drop: Dropout,
}

impl Net for Transformer {
    fn new(device: &Device) -> Self {
        let norm = || LayerNormConfig::new(32).with_epsilon(1e-6).init(device);
        Transformer {
            words: EmbeddingConfig::new(20000, 32).init(device),
            places: EmbeddingConfig::new(200, 32).init(device),
            q: linear(32, 64, device),
            k: linear(32, 64, device),
            v: linear(32, 64, device),
            project: linear(64, 32, device),
            norm1: norm(),
            wide: linear(32, 32, device),
            narrow: linear(32, 32, device),
            norm2: norm(),
            hidden: linear(32, 20, device),
            out: linear(20, 2, device),
            drop: DropoutConfig::new(0.1).init(),
        }
    }

    fn forward(&self, batch: &Batch<i32>, device: &Device) -> Tensor<2> {
        let n = batch.size;
        let x = self.words.forward(tokens(batch, 200, device)) + self.places.weight.val().unsqueeze::<3>();
        let heads = |layer: &Linear| layer.forward(x.clone()).reshape([n, 200, 2, 32]).swap_dims(1, 2);
        let a = attention(heads(&self.q), heads(&self.k), heads(&self.v), None, None, Default::default());
        let a = self.project.forward(a.swap_dims(1, 2).reshape([n, 200, 64]));
        let x = self.norm1.forward(x + self.drop.forward(a));
        let f = self.narrow.forward(relu(self.wide.forward(x.clone())));
        let x = self.norm2.forward(x + self.drop.forward(f));
        let x = self.drop.forward(x.mean_dim(1).reshape([n, 32]));
        self.out.forward(self.drop.forward(relu(self.hidden.forward(x))))
    }
}
