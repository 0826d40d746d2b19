//! NASNet, whose cells a search found. Keras module: `keras.applications.nasnet`.
//!
//! Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", 2017.
use super::blocks::{self, called, channels, correct_pad};
use super::declare::{Architecture, Options, application, input_shape};
use super::imagenet_utils::preprocessing;
use super::weights::{Pretrained, Published};
use crate::layers::{
    Activation, Add, AveragePooling2D, BatchNormalization, Concatenate, Conv2D, Cropping2D, MaxPooling2D,
    SeparableConv2D, ZeroPadding2D,
};
use crate::models::{Apply, KerasTensor};
use crate::shape::Shape;
use cornu_graph::{Error, Result};

preprocessing!(Tf: "from -1 to 1");

application! {
    /// The small NASNet, for images of 224x224. Keras's `NASNetMobile`.
    NASNetMobile = NasNet {
        name: "nasnet_mobile",
        size: 224,
        penultimate: 1056,
        cells: 4,
        stem: 32,
        skips_reduction: false,
        hashes: ["020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"],
        remote: "NASNet-mobile",
    };
    /// The large NASNet, for images of 331x331. Keras's `NASNetLarge`.
    NASNetLarge = NasNet {
        name: "nasnet_large",
        size: 331,
        penultimate: 4032,
        cells: 6,
        stem: 96,
        skips_reduction: true,
        hashes: ["11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"],
        remote: "NASNet-large",
    };
}

struct NasNet {
    name: &'static str,
    size: usize,
    /// Channels that the classifier sees.
    penultimate: usize,
    /// Normal cells in each of three stacks.
    cells: usize,
    /// Channels of the first convolution.
    stem: usize,
    /// Whether the cell after a reduction sees, beside it, what came before, or what went into it.
    skips_reduction: bool,
    hashes: [&'static str; 2],
    /// The file's name on the server.
    remote: &'static str,
}

fn relu(x: &KerasTensor, name: Option<&str>) -> KerasTensor {
    called(Activation::new("relu"), name).apply(x)
}

fn batch_norm(x: &KerasTensor, name: String) -> KerasTensor {
    BatchNormalization::new().axis(-1).momentum(0.9997).epsilon(1e-3).name(name).apply(x)
}

/// A convolution of single pixels.
fn pointwise(x: &KerasTensor, filters: usize, name: String) -> KerasTensor {
    let conv = Conv2D::new(filters, 1).padding("same").use_bias(false).kernel_initializer("he_normal");
    conv.name(name).apply(x)
}

/// Means of windows of 3 that keep the size.
fn average(x: &KerasTensor, name: String) -> KerasTensor {
    AveragePooling2D::new().pool_size(3).strides(1).padding("same").name(name).apply(x)
}

fn add(a: &KerasTensor, b: &KerasTensor, name: Option<String>) -> KerasTensor {
    called(Add::new(), name.as_deref()).apply([a, b])
}

fn concat(branches: &[&KerasTensor], name: Option<String>) -> KerasTensor {
    let branches: Vec<KerasTensor> = branches.iter().map(|&x| x.clone()).collect();
    called(Concatenate::new().axis(-1), name.as_deref()).apply(branches)
}

/// Two separable convolutions, the first of which may halve the image.
fn separable(x: &KerasTensor, filters: usize, window: usize, stride: usize, id: &str) -> KerasTensor {
    let (mut x, mut padding) = (relu(x, None), "same");
    if stride == 2 {
        let zeros = correct_pad(&x, window);
        x = ZeroPadding2D::new().padding(zeros).name(format!("separable_conv_1_pad_{id}")).apply(&x);
        padding = "valid";
    }
    let conv = SeparableConv2D::new(filters, window).strides(stride).padding(padding).use_bias(false);
    x = conv.name(format!("separable_conv_1_{id}")).apply(&x);
    x = batch_norm(&x, format!("separable_conv_1_bn_{id}"));
    x = relu(&x, None);
    let conv = SeparableConv2D::new(filters, window).padding("same").use_bias(false);
    x = conv.name(format!("separable_conv_2_{id}")).apply(&x);
    batch_norm(&x, format!("separable_conv_2_bn_{id}"))
}

/// What came before, `p`, brought to the size of `x` and to this many channels.
fn adjust(p: Option<&KerasTensor>, x: &KerasTensor, filters: usize, id: &str) -> KerasTensor {
    let Some(p) = p else { return x.clone() };
    if p.shape().dim(-2) != x.shape().dim(-2) {
        let p = relu(p, Some(&format!("adjust_relu_1_{id}")));
        let half = |p: &KerasTensor, i: usize| {
            let pool = AveragePooling2D::new().pool_size(1).strides(2);
            let p = pool.name(format!("adjust_avg_pool_{i}_{id}")).apply(p);
            pointwise(&p, filters / 2, format!("adjust_conv_{i}_{id}"))
        };
        let first = half(&p, 1);
        // The same a pixel further.
        let moved = ZeroPadding2D::new().padding(((0, 1), (0, 1))).apply(&p);
        let moved = Cropping2D::new().cropping(((1, 0), (1, 0))).apply(&moved);
        let second = half(&moved, 2);
        return batch_norm(&concat(&[&first, &second], None), format!("adjust_bn_{id}"));
    }
    if channels(p) != filters {
        let p = pointwise(&relu(p, None), filters, format!("adjust_conv_projection_{id}"));
        return batch_norm(&p, format!("adjust_bn_{id}"));
    }
    p.clone()
}

/// A cell that keeps the size of `x`; `p` came before it.
fn normal(x: &KerasTensor, p: Option<&KerasTensor>, filters: usize, id: &str) -> KerasTensor {
    let named = |what: &str| format!("normal_{what}_{id}");
    let p = adjust(p, x, filters, id);
    let h = batch_norm(&pointwise(&relu(x, None), filters, named("conv_1")), named("bn_1"));

    let left = separable(&h, filters, 5, 1, &named("left1"));
    let right = separable(&p, filters, 3, 1, &named("right1"));
    let x1 = add(&left, &right, Some(named("add_1")));

    let left = separable(&p, filters, 5, 1, &named("left2"));
    let right = separable(&p, filters, 3, 1, &named("right2"));
    let x2 = add(&left, &right, Some(named("add_2")));

    let x3 = add(&average(&h, named("left3")), &p, Some(named("add_3")));

    let left = average(&p, named("left4"));
    let right = average(&p, named("right4"));
    let x4 = add(&left, &right, Some(named("add_4")));

    let x5 = add(&separable(&h, filters, 3, 1, &named("left5")), &h, Some(named("add_5")));
    concat(&[&p, &x1, &x2, &x3, &x4, &x5], Some(named("concat")))
}

/// A cell that halves `x`; `p` came before it.
fn reduction(x: &KerasTensor, p: Option<&KerasTensor>, filters: usize, id: &str) -> KerasTensor {
    let named = |what: &str| format!("reduction_{what}_{id}");
    let p = adjust(p, x, filters, id);
    let h = batch_norm(&pointwise(&relu(x, None), filters, named("conv_1")), named("bn_1"));
    let zeros = correct_pad(&h, 3);
    let padded = ZeroPadding2D::new().padding(zeros).name(named("pad_1")).apply(&h);
    let largest = |name: String| MaxPooling2D::new().pool_size(3).strides(2).name(name).apply(&padded);

    let left = separable(&h, filters, 5, 2, &named("left1"));
    let right = separable(&p, filters, 7, 2, &named("right1"));
    let x1 = add(&left, &right, Some(named("add_1")));

    let left = largest(named("left2"));
    let right = separable(&p, filters, 7, 2, &named("right2"));
    let x2 = add(&left, &right, Some(named("add_2")));

    let left = AveragePooling2D::new().pool_size(3).strides(2).name(named("left3")).apply(&padded);
    let right = separable(&p, filters, 5, 2, &named("right3"));
    let x3 = add(&left, &right, Some(named("add3")));

    let x4 = add(&x2, &average(&x1, named("left4")), None);

    let left = separable(&x1, filters, 3, 1, &named("left4"));
    let right = largest(named("right5"));
    let x5 = add(&left, &right, Some(named("add4")));
    concat(&[&x2, &x3, &x4, &x5], Some(named("concat")))
}

impl Architecture for NasNet {
    fn sizes(&self) -> (usize, usize) {
        (self.size, 32)
    }

    fn input_shape(&self, options: &Options) -> Result<Shape> {
        let given = options.input_shape.as_ref();
        if options.weights == Pretrained::ImageNet && given.is_some_and(|s| s.dims().contains(&None)) {
            let message = "must be known in full with weights \"imagenet\"";
            return Err(Error::argument("input_shape", message));
        }
        // Keras has a default size for the small one without a top, too.
        if self.size == 224 && !options.include_top && given.is_none() {
            return Ok([self.size, self.size, 3].into());
        }
        input_shape(options, self.size, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, _: &Shape) -> KerasTensor {
        let filters = self.penultimate / 24;
        let conv = Conv2D::new(self.stem, 3).strides(2).use_bias(false).kernel_initializer("he_normal");
        let first = batch_norm(&conv.name("stem_conv1").apply(x), "stem_bn1".into());
        let mut p = first.clone();
        let mut x = reduction(&first, None, filters / 4, "stem_1");
        let next = reduction(&x, Some(&p), filters / 2, "stem_2");
        (p, x) = (x, next);
        for stack in 0..3 {
            let width = filters << stack;
            if stack > 0 {
                let reduced = reduction(&x, Some(&p), width, &format!("reduce_{}", self.cells * stack));
                if !self.skips_reduction {
                    p = x;
                }
                x = reduced;
            }
            for cell in 0..self.cells {
                let id = self.cells * stack + cell + usize::from(stack > 0);
                let next = normal(&x, Some(&p), width, &id.to_string());
                (p, x) = (x, next);
            }
        }
        blocks::top(options, &relu(&x, None), None, None)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        self.name.into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (here, there) = if options.include_top { ("", "") } else { ("_no_top", "-no-top") };
        let hash = self.hashes[usize::from(!options.include_top)];
        let on_server = Published::new("nasnet", format!("{}{there}.h5", self.remote), hash);
        Ok(Published { file: format!("{}{here}.h5", self.name), ..on_server })
    }
}
