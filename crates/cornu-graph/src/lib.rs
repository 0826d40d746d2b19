//! The graph of cornu: what a model's arithmetic is made of, before any engine runs it.
//!
//! A [`Builder`] records ops on [`Value`]s and keeps the first error with the user's source line. [`gradient`] adds the
//! reverse-mode derivative to the same graph. [`Builder::finish`] gives a [`Graph`], plain data that [`passes`]
//! rewrite and that a [`Backend`] compiles. [`interpret`] runs a graph with plain loops in f64: the oracle of every
//! engine.
//!
//! This crate knows nothing of layers, files, threads, devices or weights.
//!
//! ```
//! use cornu_graph::{Builder, Spec, Tensor, gradient, interpret};
//!
//! let b = Builder::new();
//! let x = b.input(Spec::f32([3]));
//! let loss = (&x * &x).sum([0]);
//! let dx = gradient(&loss, &[x])?;
//! let graph = b.finish(&dx)?;
//! let out = interpret(&graph, &[Tensor::from(vec![1f32, 2.0, 3.0])])?;
//! assert_eq!(out[0].to_vec::<f32>()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), cornu_graph::Error>(())
//! ```
mod backend;
mod compose;
mod dtype;
pub mod environment;
mod error;
mod grad;
mod graph;
#[macro_use]
pub mod ops;
mod interpret;
pub mod memory;
pub mod passes;
pub mod philox;
mod profile;
mod rows;
mod shape;
pub mod special;
mod tensor;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
mod value;
mod verify;

pub use backend::{Backend, Buffer, Executable, Pending};
pub use dtype::{DType, Element};
pub use error::{Error, Result, nearest};
pub use grad::{gradient, vjp};
pub use graph::{Graph, Node, Source, Spec, ValueId};
pub use half::{bf16, f16};
pub use interpret::{Array, Reference, interpret, interpret_arrays, scalar};
pub use ops::Op;
pub use profile::{Cost, Peaks, Profile, StepProfile};
pub use rows::{Rows, by_rows};
pub use shape::{broadcast_shapes, normalize_axis};
pub use tensor::{Tensor, TensorElement};
pub use value::{Builder, Scalar, Value};
pub use verify::verify;
