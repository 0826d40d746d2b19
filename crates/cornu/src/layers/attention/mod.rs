//! Attention: weighted sums whose weights come from the data.
mod additive_attention;
#[allow(clippy::module_inception)]
mod attention;
mod dot_product;
mod group_query_attention;
mod multi_head_attention;

pub use additive_attention::AdditiveAttention;
pub use attention::Attention;
pub(crate) use dot_product::Products;
pub use group_query_attention::GroupQueryAttention;
pub use multi_head_attention::MultiHeadAttention;
