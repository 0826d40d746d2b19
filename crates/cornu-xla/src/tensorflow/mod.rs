//! TensorFlow by its C API.
//!
//! The libraries of an installed TensorFlow are opened at run time: those in `TENSORFLOW_DIR`, else those of the active
//! Python. A graph of cornu becomes a graph of TensorFlow with one op, `XlaCallModule`, which its XLA compiles for the
//! processor.
mod api;
mod buffer;
mod executable;
mod find;

pub use buffer::TensorFlowBuffer;
pub use find::{Found, INSTALL, find};

use api::Api;
use cornu_graph::{Backend, Buffer, Error, Executable, Graph, Result, Tensor};
use std::path::Path;

/// The name of this engine.
const NAME: &str = "tensorflow";

/// TensorFlow's CPU engine.
///
/// ```
/// use cornu_graph::{Backend, Builder, DType, Spec, Tensor};
/// use cornu_xla::tensorflow::{self, TensorFlow};
///
/// if tensorflow::find().is_some() {
///     let b = Builder::new();
///     let x = b.input(Spec::f32([3]));
///     let graph = b.finish(&[x.exp()])?;
///     let mut exp = TensorFlow::open(None)?.compile(&graph)?;
///     let mut out = [Tensor::zeros([3], DType::F32)];
///     exp.run(&mut [], &[Tensor::from([0f32, 1.0, 2.0])], &mut out)?;
///     assert!((out[0].to_vec::<f32>()?[1] - 1f32.exp()).abs() < 1e-6);
/// }
/// # Ok::<(), cornu_graph::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TensorFlow {
    api: &'static Api,
}

impl TensorFlow {
    /// Opens the libraries in `dir`, or where [`find`] finds them. A process has one TensorFlow: it stays open, and the
    /// first one opened is used from then on.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn open(dir: Option<&Path>) -> Result<TensorFlow> {
        Ok(TensorFlow { api: api::open(dir)? })
    }

    /// TensorFlow's version.
    pub fn version(&self) -> String {
        self.api.version()
    }
}

impl Backend for TensorFlow {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        Ok(Box::new(executable::TensorFlowExecutable::new(self.api, graph)?))
    }

    fn upload(&self, tensor: &Tensor) -> Result<Box<dyn Buffer>> {
        Ok(Box::new(TensorFlowBuffer::new(self.api, tensor)?))
    }
}

fn failure(message: impl Into<String>) -> Error {
    Error::Backend { backend: NAME.into(), message: message.into() }
}
