//! The graph of cornu.
