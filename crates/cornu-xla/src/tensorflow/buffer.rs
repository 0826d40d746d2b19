//! Tensors of TensorFlow.
use super::api::{Api, TfTensor, count, data_type, dims};
use super::failure;
use cornu_graph::{Buffer, Error, Result, Spec, Tensor};
use std::any::Any;
use std::ptr::NonNull;

/// A tensor that TensorFlow holds, deleted with this.
#[derive(Debug)]
pub(super) struct Held {
    api: &'static Api,
    tensor: NonNull<TfTensor>,
}

// SAFETY: tensors of TensorFlow may be used and deleted on any thread.
unsafe impl Send for Held {}
// SAFETY: shared, they are only read.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: it is deleted nowhere else.
        unsafe { (self.api.delete_tensor)(self.tensor.as_ptr()) };
    }
}

impl Held {
    /// Takes over what TensorFlow gave; `None` for a null pointer.
    pub fn from_raw(api: &'static Api, tensor: *mut TfTensor) -> Option<Held> {
        NonNull::new(tensor).map(|tensor| Held { api, tensor })
    }

    /// A copy of a tensor.
    pub fn copied(api: &'static Api, tensor: &Tensor) -> Result<Held> {
        let (bytes, dims) = (tensor.bytes(), dims(tensor.shape()));
        let rank = count(dims.len())?;
        // SAFETY: `dims` has `rank` sizes.
        let new =
            unsafe { (api.allocate_tensor)(data_type(tensor.dtype()), dims.as_ptr(), rank, bytes.len()) };
        let held = Held::from_raw(api, new).ok_or_else(|| {
            failure(format!("no memory for {} bytes", bytes.len())).help("take smaller batches")
        })?;
        if !bytes.is_empty() {
            // SAFETY: it was allocated with this size, and nobody else has it yet.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), held.data(), bytes.len()) };
        }
        Ok(held)
    }

    pub fn as_ptr(&self) -> *mut TfTensor {
        self.tensor.as_ptr()
    }

    fn data(&self) -> *mut u8 {
        // SAFETY: the tensor lives.
        unsafe { (self.api.tensor_data)(self.tensor.as_ptr()) }.cast()
    }

    /// Fails unless it holds elements of this spec.
    pub fn check(&self, spec: &Spec) -> Result<()> {
        // SAFETY: the tensor lives.
        let (dtype, bytes) = unsafe {
            ((self.api.tensor_type)(self.tensor.as_ptr()), (self.api.tensor_byte_size)(self.tensor.as_ptr()))
        };
        if dtype == data_type(spec.dtype) && bytes == spec.bytes() {
            return Ok(());
        }
        Err(failure(format!("expected {spec}, got {bytes} bytes of type {dtype}")))
    }

    /// Its elements, of a tensor that was checked for `spec`.
    pub fn read(&self, spec: &Spec, into: &mut Tensor) -> Result<()> {
        if into.dtype() != spec.dtype || into.shape() != spec.shape {
            *into = Tensor::zeros(spec.shape.clone(), spec.dtype);
        }
        if spec.is_empty() {
            return Ok(());
        }
        // SAFETY: it has the bytes of the spec, as was checked.
        into.copy_from_bytes(unsafe { std::slice::from_raw_parts(self.data(), spec.bytes()) })
    }
}

/// A variable that TensorFlow holds.
#[derive(Debug)]
pub struct TensorFlowBuffer {
    spec: Spec,
    held: Held,
}

impl TensorFlowBuffer {
    pub(super) fn new(api: &'static Api, tensor: &Tensor) -> Result<TensorFlowBuffer> {
        Ok(TensorFlowBuffer {
            spec: Spec::new(tensor.dtype(), tensor.shape()),
            held: Held::copied(api, tensor)?,
        })
    }

    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Puts a result of the same spec in place of the value.
    pub(super) fn replace(&mut self, held: Held) {
        self.held = held;
    }
}

impl Buffer for TensorFlowBuffer {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn download(&self) -> Result<Tensor> {
        let mut tensor = Tensor::zeros(self.spec.shape.clone(), self.spec.dtype);
        self.held.read(&self.spec, &mut tensor)?;
        Ok(tensor)
    }

    fn write(&mut self, tensor: &Tensor) -> Result<()> {
        let given = Spec::new(tensor.dtype(), tensor.shape());
        if given != self.spec {
            return Err(Error::Data(format!("a variable {} cannot be set to {given}", self.spec)));
        }
        // A new tensor: TensorFlow may share the memory of the old one.
        self.held = Held::copied(self.held.api, tensor)?;
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
