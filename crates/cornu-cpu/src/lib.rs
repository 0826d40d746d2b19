//! The native CPU engine of cornu.
mod buffer;
mod pool;
pub(crate) mod simd;
pub(crate) mod vector;

pub use buffer::CpuBuffer;
pub use pool::{num_threads, set_num_threads};

use cornu_graph::{Backend, Buffer, Executable, Graph, Reference, Result, Tensor};

/// The native CPU engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {}

impl Cpu {
    /// The engine.
    pub fn new() -> Cpu {
        Cpu {}
    }
}

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }
    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        Reference.compile(graph)
    }
    fn upload(&self, tensor: &Tensor) -> Result<Box<dyn Buffer>> {
        Reference.upload(tensor)
    }
}
