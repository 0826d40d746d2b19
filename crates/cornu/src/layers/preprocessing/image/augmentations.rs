//! The changes that `RandAugment` and `AugMix` choose among.
use super::augment::{Images, RawFactor};
use super::{
    AutoContrast, Equalization, RandomBrightness, RandomColorDegeneration, RandomContrast,
    RandomPosterization, RandomRotation, RandomSharpness, RandomShear, RandomTranslation, Solarization,
};
use crate::arguments::DataFormat;
use crate::dtype_policy::DTypePolicy;
use crate::layers::LayerBox;
use crate::layers::prelude::*;
use crate::layers::reshaping::resize::Interpolation;

/// What the layers are made with.
pub(super) struct Augmentations<'a> {
    pub factor: [f64; 2],
    pub value_range: [f64; 2],
    pub interpolation: &'a Interpolation,
    pub data_format: &'a DataFormat,
    pub dtype: &'a DTypePolicy,
    pub seed: Option<u64>,
}

impl Augmentations<'_> {
    /// The layers by the attribute they are saved under: those that move pixels and change their shades; with `all`, those
    /// that change colours and sharpness too.
    pub fn layers(&self, all: bool) -> Vec<(&'static str, LayerRef)> {
        let ends = RawFactor::Ends(self.factor);
        macro_rules! layer {
            ($name:literal $layer:expr $(, $seed:ident)?) => {{
                let layer = $layer.data_format(self.data_format.clone()).dtype(self.dtype.clone());
                $(let layer = match self.$seed {
                    Some(seed) => layer.seed(seed),
                    None => layer,
                };)?
                ($name, LayerBox::from(layer).layer().clone())
            }};
        }
        let (range, interpolation) = (self.value_range, || self.interpolation.clone());
        let mut layers = vec![
            layer!("random_shear" RandomShear::new().x_factor(ends).y_factor(ends).interpolation(interpolation()), seed),
            layer!("random_translation" RandomTranslation::new(ends, ends).interpolation(interpolation()), seed),
            layer!("random_rotation" RandomRotation::new(ends).interpolation(interpolation()), seed),
        ];
        if all {
            layers.extend([
                layer!("random_brightness" RandomBrightness::new(ends).value_range(range), seed),
                layer!("random_color_degeneration" RandomColorDegeneration::new(ends).value_range(range), seed),
                layer!("random_contrast" RandomContrast::new(ends).value_range(range), seed),
                layer!("random_sharpness" RandomSharpness::new(ends).value_range(range), seed),
            ]);
        }
        let bits = (8.0 * self.factor[1]).floor().max(1.0);
        layers.extend([
            layer!("random_posterization" RandomPosterization::new(bits).value_range(range), seed),
            layer!("solarization"
                Solarization::new().addition_factor(ends).threshold_factor(ends).value_range(range), seed),
            layer!("auto_contrast" AutoContrast::new().value_range(range)),
            layer!("equalization" Equalization::new().value_range(range)),
        ]);
        layers
    }

    /// Asks for the layers.
    pub fn build(&self, all: bool, weights: &mut Weights, input: &Shape) -> Result<()> {
        let layers = self.layers(all);
        layers
            .iter()
            .try_for_each(|(name, layer)| weights.add_layer(name, layer, std::slice::from_ref(input)))
    }

    /// The images after one of the layers, chosen at random; with `or_none`, perhaps as they are.
    pub fn one(&self, all: bool, or_none: bool, images: &Images, x: &Value) -> Result<Value> {
        let layers = self.layers(all);
        let count = layers.len() + usize::from(or_none);
        let chosen = images.uniform([0.0, count as f64], &[])?.floor();
        let mut y = x.clone();
        for (i, (name, _)) in layers.iter().enumerate() {
            let changed = images.cx.apply(images.cx.child(name)?, std::slice::from_ref(x))?;
            let changed = changed.first().ok_or_else(|| Error::State(format!("`{name}` has no output")))?;
            y = chosen.equal(&chosen.scalar(i as f64)).select(changed, &y);
        }
        Ok(y)
    }
}
