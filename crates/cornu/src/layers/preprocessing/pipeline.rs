//! Several layers as one.
use crate::layers::LayerBox;
use crate::layers::prelude::*;

/// Layers that follow each other, as one preprocessing step. Keras's `Pipeline`.
///
/// ```
/// use cornu::prelude::*;
/// let x = Input::new([9, 9, 3]).tensor();
/// let y = Pipeline::new([Rescaling::new(1.0 / 255.0).into(), CenterCrop::new(5, 5).into()]).apply(&x);
/// assert_eq!(y.shape().to_string(), "(None, 5, 5, 3)");
/// ```
#[layer("keras.layers", order(layers, name))]
pub struct Pipeline {
    /// The layers, first to last.
    pub layers: Vec<LayerBox>,
}

impl Layer for Pipeline {
    fn call_masked(&self, cx: &Call, inputs: &[Value]) -> Result<(Vec<Value>, Vec<Option<Value>>)> {
        let start = (inputs.to_vec(), cx.masks().to_vec());
        self.layers.iter().try_fold(start, |(x, masks), layer| cx.apply_masked(layer.layer(), &x, &masks))
    }

    fn sublayers(&self) -> Vec<LayerRef> {
        self.layers.iter().map(|layer| layer.layer().clone()).collect()
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
