//! Other engines: one lowering of graphs to StableHLO text, and two ways to run it, TensorFlow's C library and the PJRT C API.
//!
//! Both libraries are opened at run time.
pub mod pjrt;
mod python;
mod signature;
pub mod stablehlo;
pub mod tensorflow;
