//! Core layers.
mod activation;
mod dense;
mod einsum_dense;
mod embedding;
mod identity;
mod input_layer;
mod lambda;
mod masking;
mod reversible_embedding;

pub use activation::Activation;
pub use dense::Dense;
pub use einsum_dense::{EinsumDense, OutputShape};
pub use embedding::Embedding;
pub use identity::Identity;
pub use input_layer::{Input, InputLayer};
pub use lambda::{Function, Lambda};
pub use masking::Masking;
pub use reversible_embedding::ReversibleEmbedding;
