//! ConvNeXt: convolutions arranged as in a transformer. Keras module: `keras.applications.convnext`.
//!
//! Liu et al., "A ConvNet for the 2020s", 2022.
use super::blocks::{global_average, pooled};
use super::declare::{Architecture, Options, application};
use super::imagenet_utils::preprocessing;
use super::weights::{Published, top};
use crate::initializers::Constant;
use crate::layers::prelude::*;
use crate::layers::{Activation as ActivationLayer, Conv2D, Dense, LayerNormalization, Normalization};
use crate::models::{Apply, KerasTensor, Sequential};

preprocessing!();

/// Declares the family, all of whose members have the same arguments.
macro_rules! convnext {
    ($($(#[$doc:meta])* $Name:ident = $variant:expr;)*) => { $(
        application! {
            $(#[$doc])*
            $Name {
                /// Whether the network itself prepares pixels from 0 to 255; true by default.
                include_preprocessing: bool = true,
            } with it => ConvNeXt {
                variant: $variant,
                include_preprocessing: it.include_preprocessing,
            }
        }
    )* };
}

convnext! {
    /// The tiny ConvNeXt. Keras's `ConvNeXtTiny`.
    ConvNeXtTiny = Variant {
        name: "convnext_tiny", depths: [3, 3, 9, 3], filters: [96, 192, 384, 768],
        hashes: [
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ],
    };
    /// The small ConvNeXt. Keras's `ConvNeXtSmall`.
    ConvNeXtSmall = Variant {
        name: "convnext_small", depths: [3, 3, 27, 3], filters: [96, 192, 384, 768],
        hashes: [
            "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        ],
    };
    /// The ConvNeXt between small and large. Keras's `ConvNeXtBase`.
    ConvNeXtBase = Variant {
        name: "convnext_base", depths: [3, 3, 27, 3], filters: [128, 256, 512, 1024],
        hashes: [
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ],
    };
    /// The large ConvNeXt. Keras's `ConvNeXtLarge`.
    ConvNeXtLarge = Variant {
        name: "convnext_large", depths: [3, 3, 27, 3], filters: [192, 384, 768, 1536],
        hashes: [
            "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        ],
    };
    /// The largest ConvNeXt. Keras's `ConvNeXtXLarge`.
    ConvNeXtXLarge = Variant {
        name: "convnext_xlarge", depths: [3, 3, 27, 3], filters: [256, 512, 1024, 2048],
        hashes: [
            "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        ],
    };
}

/// What the members differ in.
struct Variant {
    name: &'static str,
    /// Blocks in each of four stages.
    depths: [usize; 4],
    filters: [usize; 4],
    hashes: [&'static str; 2],
}

struct ConvNeXt {
    variant: Variant,
    include_preprocessing: bool,
}

/// Multiplies each channel by a weight. The layer that Keras's `ConvNeXt` brings along.
///
/// Touvron et al., "Going Deeper with Image Transformers", 2021.
#[layer("keras.src.applications.convnext")]
pub struct LayerScale {
    /// What the weights start with.
    pub init_values: f64,
    /// Number of channels.
    pub projection_dim: usize,
}

impl Layer for LayerScale {
    fn build(&self, weights: &mut Weights, _: &Shape) -> Result<()> {
        weights.add("gamma", [self.projection_dim], &Constant::new().value(self.init_values).into());
        Ok(())
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        Ok(x * cx.weight("gamma")?)
    }
}

const EPSILON: f64 = 1e-6;

fn normalization() -> LayerNormalization {
    LayerNormalization::new().axis([-1]).epsilon(EPSILON)
}

/// Two layers as one, which Keras has as a model within the model.
fn pair(x: &KerasTensor, name: String, layers: Sequential) -> KerasTensor {
    let mut layers = layers.with_name(name);
    // An error that came before stays.
    if x.error().is_some() {
        return x.clone();
    }
    match layers.build(x.shape().clone()) {
        Ok(()) => layers.apply(x),
        Err(e) => x.fail(e),
    }
}

/// A convolution of each channel, then two layers across the channels; added to what went in.
fn block(x: &KerasTensor, filters: usize, name: &str) -> KerasTensor {
    let named = |what: &str| format!("{name}_{what}");
    let conv = Conv2D::new(filters, 7).padding("same").groups(filters);
    let y = conv.name(named("depthwise_conv")).apply(x);
    let y = normalization().name(named("layernorm")).apply(&y);
    let y = Dense::new(4 * filters).name(named("pointwise_conv_1")).apply(&y);
    let y = ActivationLayer::new("gelu").name(named("gelu")).apply(&y);
    let y = Dense::new(filters).name(named("pointwise_conv_2")).apply(&y);
    let y = LayerScale::new(1e-6, filters).name(named("layer_scale")).apply(&y);
    let y = ActivationLayer::new("linear").name(named("identity")).apply(&y);
    x + y
}

impl Architecture for ConvNeXt {
    fn sizes(&self) -> (usize, usize) {
        (224, 32)
    }

    fn layers(&self, options: &Options, x: &KerasTensor, shape: &Shape) -> KerasTensor {
        let Variant { name: default, depths, filters, .. } = self.variant;
        // Keras makes the names of layers from that of the model.
        let model = options.name.as_deref().unwrap_or(default);
        let named = |what: &str| format!("{model}_{what}");
        let mut x = x.clone();
        if self.include_preprocessing && shape.dim(-1) == Some(3) {
            let deviations: [f64; 3] = [0.229, 0.224, 0.225];
            let prepared = Normalization::new().mean([0.485, 0.456, 0.406].map(|m: f64| m * 255.0));
            let prepared = prepared.variance(deviations.map(|d| (d * 255.0) * (d * 255.0)));
            x = prepared.name(named("prestem_normalization")).apply(&x);
        }
        for stage in 0..4 {
            x = if stage == 0 {
                let stem = Sequential::new()
                    .add(Conv2D::new(filters[0], 4).strides(4).name(named("stem_conv")))
                    .add(normalization().name(named("stem_layernorm")));
                pair(&x, named("stem"), stem)
            } else {
                let i = stage - 1;
                let down = Sequential::new()
                    .add(normalization().name(named(&format!("downsampling_layernorm_{i}"))))
                    .add(
                        Conv2D::new(filters[stage], 2)
                            .strides(2)
                            .name(named(&format!("downsampling_conv_{i}"))),
                    );
                pair(&x, named(&format!("downsampling_block_{i}")), down)
            };
            for i in 0..depths[stage] {
                x = block(&x, filters[stage], &named(&format!("stage_{stage}_block_{i}")));
            }
        }
        if !options.include_top {
            x = pooled(options, &x, None);
            return normalization().apply(&x);
        }
        x = global_average(&x, Some(&named("head_gap")));
        x = normalization().name(named("head_layernorm")).apply(&x);
        let activation = options.classifier_activation.clone();
        Dense::new(options.classes).activation(activation).name(named("head_dense")).apply(&x)
    }

    fn name(&self, _: &Options, _: &Shape) -> String {
        self.variant.name.into()
    }

    fn published(&self, options: &Options, _: &Shape) -> Result<Published> {
        let (suffix, hash) = top(options.include_top, self.variant.hashes);
        Ok(Published::new("convnext", format!("{}{suffix}.h5", self.variant.name), hash))
    }
}
