//! Layers that learn from data before training.
use cornu_graph::{Result, Tensor};

/// A layer whose state comes from the data in one pass. Keras's `adapt`.
pub trait Adapt {
    /// Looks at all samples of `data` (the first axis) and replaces what was known before. Call it before the layer is
    /// applied: it may change what the layer gives.
    ///
    /// # Errors
    /// When the data does not fit the layer, or an argument leaves nothing to find.
    fn adapt(&mut self, data: &Tensor) -> Result<()>;
}
