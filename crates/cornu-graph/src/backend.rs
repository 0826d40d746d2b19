//! The only door to an engine.
use crate::Error;
use crate::{Graph, Peaks, Profile, Result, Spec, Tensor};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// An engine: compiles graphs and holds values between runs.
pub trait Backend: Send + Sync + Debug {
    /// Name by which users ask for it.
    fn name(&self) -> &'static str;

    /// Compiles `graph` for repeated runs.
    ///
    /// # Errors
    /// When the graph is malformed or holds something the engine cannot do.
    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>>;

    /// [`Backend::compile`] for an engine of several devices: `axes` say for each input beside the variables along which axis the
    /// devices may share it. The results are those of the whole.
    ///
    /// # Errors
    /// As [`Backend::compile`].
    fn compile_shared(&self, graph: &Graph, axes: &[Option<usize>]) -> Result<Box<dyn Executable>> {
        let _ = axes;
        self.compile(graph)
    }

    /// The devices that there are, as Keras names them: `cpu:0`, `gpu:1`.
    fn device_names(&self) -> Vec<String> {
        vec!["cpu:0".into()]
    }

    /// How many devices share a batch.
    fn num_parts(&self) -> usize {
        1
    }

    /// The same engine on the devices of these numbers, which work as one; they count from 0 in the order of
    /// [`Backend::device_names`].
    ///
    /// # Errors
    /// When there is no such device, or the engine uses but one.
    fn over(&self, devices: &[usize]) -> Result<Arc<dyn Backend>> {
        let _ = devices;
        let message = "it has one device".to_string();
        Err(Error::Backend { backend: self.name().into(), message })
    }

    /// Bytes of memory of its own that arrays may take to stay there from step to step; 0 where batches are best copied.
    fn room_for_data(&self) -> u64 {
        0
    }

    /// Copies a tensor to where this engine computes.
    ///
    /// # Errors
    /// When the device is out of memory or gone.
    fn upload(&self, tensor: &Tensor) -> Result<Box<dyn Buffer>>;

    /// What the device can do at the most, measured now; `None` where that is not known.
    fn peaks(&self) -> Option<Peaks> {
        None
    }
}

/// A value that stays on the device between runs: a weight, an optimizer slot, a metric's state.
pub trait Buffer: Send + Sync + Debug {
    /// Its shape and dtype.
    fn spec(&self) -> &Spec;
    /// Copies it to the host.
    ///
    /// # Errors
    /// When the device fails.
    fn download(&self) -> Result<Tensor>;
    /// Replaces its value; the spec must be the same.
    ///
    /// # Errors
    /// When the spec differs or the device fails.
    fn write(&mut self, tensor: &Tensor) -> Result<()>;
    /// The concrete buffer, for the engine that made it.
    fn as_any(&self) -> &dyn Any;
    /// The concrete buffer, for the engine that made it.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A compiled graph.
pub trait Executable: Send {
    /// Runs once. `state` stands for the first [`Graph::state`] inputs and is updated in place with the first
    /// `Graph::state` outputs; `inputs` are the remaining inputs; `outputs` receive the remaining outputs. A tensor in
    /// `outputs` that already has the right spec is written in place, without allocation.
    ///
    /// # Errors
    /// When a number, shape or dtype differs from the graph's, or the device fails.
    fn run(&mut self, state: &mut [&mut dyn Buffer], inputs: &[Tensor], outputs: &mut [Tensor])
    -> Result<()>;

    /// Begins a run and returns while the engine computes: inputs have been copied, variables have their new values in
    /// whatever follows, and [`Pending::finish`] gives the outputs. So the next batch is put together and copied
    /// meanwhile. `None` from an engine that computes on the caller's time: nothing was done, [`Executable::run`] does it.
    ///
    /// # Errors
    /// As [`Executable::run`].
    fn start(
        &mut self,
        state: &mut [&mut dyn Buffer],
        inputs: &[Tensor],
    ) -> Result<Option<Box<dyn Pending>>> {
        let _ = (state, inputs);
        Ok(None)
    }

    /// Bytes of working memory held besides state, inputs and outputs.
    fn memory(&self) -> usize;

    /// Starts to time the steps of each run, from nothing; engines that cannot do so go on as before.
    fn start_profile(&mut self) {}

    /// The times since [`Executable::start_profile`], and ends the timing.
    fn take_profile(&mut self) -> Option<Profile> {
        None
    }
}

/// A run that was begun.
pub trait Pending {
    /// Waits until it is done; its outputs, as [`Executable::run`] gives them.
    ///
    /// # Errors
    /// When the device failed meanwhile. The variables may be lost then.
    fn finish(self: Box<Self>, outputs: &mut [Tensor]) -> Result<()>;
}
