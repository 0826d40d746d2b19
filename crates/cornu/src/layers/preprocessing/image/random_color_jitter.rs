//! Images of other brightness, contrast, saturation and hue.
use super::augment::{RawFactor, SEED};
use super::{RandomBrightness, RandomContrast, RandomHue, RandomSaturation};
use crate::arguments::DataFormat;
use crate::layers::LayerBox;
use crate::layers::prelude::*;
use crate::object::WholePair;

/// While training, changes brightness, contrast, saturation and hue of images, each at random and only if it has a factor.
/// Keras's `RandomColorJitter`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([8, 8, 3]).tensor();
/// let y = RandomColorJitter::new().brightness_factor(0.2).hue_factor(0.1).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 8, 8, 3)");
/// ```
#[layer("keras.layers")]
pub struct RandomColorJitter {
    /// `"channels_last"` (default) or `"channels_first"`.
    #[default("channels_last")]
    pub data_format: DataFormat,
    /// The least and the largest value of a pixel; 0 and 255 by default.
    #[default([0.0, 255.0])]
    #[save_as(WholePair)]
    pub value_range: [f64; 2],
    /// As of [`RandomBrightness`].
    #[default(None)]
    pub brightness_factor: Option<RawFactor>,
    /// As of [`RandomContrast`].
    #[default(None)]
    pub contrast_factor: Option<RawFactor>,
    /// As of [`RandomSaturation`].
    #[default(None)]
    pub saturation_factor: Option<RawFactor>,
    /// As of [`RandomHue`].
    #[default(None)]
    pub hue_factor: Option<RawFactor>,
    /// The same seed gives the same changes.
    #[default(None)]
    pub seed: Option<u64>,
}

impl RandomColorJitter {
    /// The layers whose changes follow each other, by the attribute they are saved under.
    fn changes(&self) -> Vec<(&'static str, LayerRef)> {
        macro_rules! change {
            ($Layer:ident $name:literal $factor:ident) => {
                self.$factor.map(|factor| {
                    let layer =
                        $Layer::new(factor).value_range(self.value_range).dtype(self.base.dtype.clone());
                    let layer = layer.data_format(self.data_format.clone());
                    let layer = match self.seed {
                        Some(seed) => layer.seed(seed),
                        None => layer,
                    };
                    ($name, LayerBox::from(layer).layer().clone())
                })
            };
        }
        let changes = [
            change!(RandomBrightness "random_brightness" brightness_factor),
            change!(RandomContrast "random_contrast" contrast_factor),
            change!(RandomSaturation "random_saturation" saturation_factor),
            change!(RandomHue "random_hue" hue_factor),
        ];
        changes.into_iter().flatten().collect()
    }
}

impl Layer for RandomColorJitter {
    fn build(&self, weights: &mut Weights, input: &Shape) -> Result<()> {
        weights.add_seed(SEED, self.seed);
        let changes = self.changes();
        changes
            .iter()
            .try_for_each(|(name, layer)| weights.add_layer(name, layer, std::slice::from_ref(input)))
    }

    fn call(&self, cx: &Call, x: &Value) -> Result<Value> {
        if !cx.training() {
            // Integers stay integers.
            return Ok(x.clone());
        }
        self.changes().iter().try_fold(x.cast(cx.dtype()), |x, (name, _)| {
            let mut y = cx.apply(cx.child(name)?, &[x])?;
            y.pop().ok_or_else(|| Error::State(format!("`{name}` has no output")))
        })
    }
}
