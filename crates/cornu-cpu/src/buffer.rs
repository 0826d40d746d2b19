//! Variables of a graph.
use crate::aligned::Aligned;
use cornu_graph::{Buffer, Error, Result, Spec, Tensor};
use std::any::Any;

/// A variable in memory.
#[derive(Debug)]
pub struct CpuBuffer {
    spec: Spec,
    memory: Aligned,
}

impl CpuBuffer {
    /// A copy of a tensor.
    pub fn new(tensor: &Tensor) -> CpuBuffer {
        let spec = Spec::new(tensor.dtype(), tensor.shape());
        let mut buffer = CpuBuffer { memory: Aligned::zeroed(spec.bytes()), spec };
        buffer.copy_from(tensor);
        buffer
    }

    fn copy_from(&mut self, tensor: &Tensor) {
        let bytes = tensor.bytes();
        // SAFETY: the memory holds at least the bytes of the spec, which the tensor has.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.memory.as_mut_ptr(), bytes.len()) };
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.memory.as_mut_ptr()
    }
}

impl Buffer for CpuBuffer {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn download(&self) -> Result<Tensor> {
        let mut tensor = Tensor::zeros(self.spec.shape.clone(), self.spec.dtype);
        // SAFETY: the memory holds the bytes of the spec, all of them written.
        let bytes = unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.spec.bytes()) };
        tensor.copy_from_bytes(bytes)?;
        Ok(tensor)
    }

    fn write(&mut self, tensor: &Tensor) -> Result<()> {
        let given = Spec::new(tensor.dtype(), tensor.shape());
        if given != self.spec {
            return Err(Error::Data(format!("a variable {} cannot be set to {given}", self.spec)));
        }
        self.copy_from(tensor);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
