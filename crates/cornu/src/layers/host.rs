//! Layers that work before the graph.
use crate::shape::Shape;
use cornu_graph::{DType, Result, Tensor};

/// What a layer does with data on the host, before the graph of the model: text and hashes have no place in a graph. Its
/// inputs must be inputs of the model, or come from other such layers.
pub trait HostLayer {
    /// Shape and dtype of the output, from those of the inputs. Text is `uint32` with an axis more, as in [`text`](crate::data::text).
    ///
    /// # Errors
    /// When the inputs do not fit, or an argument makes no sense.
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)>;

    /// The output for all samples at once.
    ///
    /// # Errors
    /// When the data does not fit.
    fn run(&self, inputs: &[Tensor]) -> Result<Tensor>;
}
