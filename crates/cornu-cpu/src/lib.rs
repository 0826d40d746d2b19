//! The native CPU engine of cornu.
use cornu_graph::{Backend, Buffer, Executable, Graph, Result, Tensor};

/// The native CPU engine.
#[derive(Debug)]
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
    fn compile(&self, _: &Graph) -> Result<Box<dyn Executable>> {
        Err(cornu_graph::Error::State("no engine yet".into()))
    }
    fn upload(&self, _: &Tensor) -> Result<Box<dyn Buffer>> {
        Err(cornu_graph::Error::State("no engine yet".into()))
    }
}
