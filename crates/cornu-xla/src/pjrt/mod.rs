//! Any PJRT plugin by the PJRT C API: GPUs of NVIDIA, AMD and Intel, TPUs, Metal.
//!
//! A plugin is a shared library, opened at run time: that of `CORNU_PJRT_PLUGIN`, else the CUDA plugin of the active
//! Python (`jax-cuda13-pjrt`, `jax-cuda12-pjrt`). Graphs go to it as StableHLO text; variables stay on the device, and a
//! run hands their memory over to the new values; compiled programs are kept on disk.
#[doc(hidden)]
pub mod api;
mod buffer;
mod cache;
mod client;
mod executable;
mod find;
mod mesh;
mod options;
mod plugin;
mod proto;

pub use buffer::PjrtBuffer;
pub use client::Device;
pub use find::{Found, INSTALL, find};
pub use options::Options;

use client::Client;
use cornu_graph::{Backend, Buffer, Error, Executable, Graph, Result, Tensor};
use mesh::Mesh;
use std::path::Path;
use std::sync::Arc;

/// The name of this engine.
const NAME: &str = "pjrt";

/// The engine of a PJRT plugin, on its first device, or on several at once.
///
/// Several devices ([`Backend::over`]) run one program, which XLA cuts into a part for each: each has all variables and its part
/// of the batch. What the devices must tell each other, such as their parts of a gradient or of a mean, is XLA's business;
/// the numbers are those of one device, but for the order of sums. A batch that would leave a rest is computed whole by each.
///
/// ```
/// use cornu_graph::{Backend, Builder, DType, Spec, Tensor};
/// use cornu_xla::pjrt::{self, Pjrt};
///
/// # fn main() -> cornu_graph::Result<()> {
/// if pjrt::find().is_some() {
///     let b = Builder::new();
///     let x = b.input(Spec::f32([3]));
///     let graph = b.finish(&[x.exp()])?;
///     # // Installed plugins may find no device.
///     # let Ok(pjrt) = Pjrt::open(None) else { return Ok(()) };
///     # let _ = "
///     let pjrt = Pjrt::open(None)?;
///     # ";
///     let mut exp = pjrt.compile(&graph)?;
///     let mut out = [Tensor::zeros([3], DType::F32)];
///     exp.run(&mut [], &[Tensor::from([0f32, 1.0, 2.0])], &mut out)?;
///     assert!((out[0].to_vec::<f32>()?[1] - 1f32.exp()).abs() < 1e-6);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Pjrt {
    mesh: Arc<Mesh>,
}

impl Pjrt {
    /// Opens the plugin at `path`, or the one that [`find`] finds, with the options of the environment
    /// ([`Options::from_env`]). While it is in use, opening it again gives the same devices and memory.
    ///
    /// # Errors
    /// When there is no plugin, its interface is another one, or it finds no device.
    pub fn open(path: Option<&Path>) -> Result<Pjrt> {
        Pjrt::with_options(path, &Options::from_env()?)
    }

    /// [`Pjrt::open`] with options of one's own.
    ///
    /// # Errors
    /// As [`Pjrt::open`], or when an option makes no sense.
    pub fn with_options(path: Option<&Path>, options: &Options) -> Result<Pjrt> {
        let path = match path {
            Some(path) => path.to_path_buf(),
            None => find::locate()?.path,
        };
        let client = Client::shared(plugin::open(&path)?, options)?;
        Ok(Pjrt { mesh: Arc::new(Mesh::new(client, &[0])?) })
    }

    /// The platform, as the plugin calls it: `cuda`, `tpu`, ...
    pub fn platform(&self) -> &str {
        self.mesh.client.platform()
    }

    /// What the plugin says of its version.
    pub fn version(&self) -> &str {
        self.mesh.client.version()
    }

    /// Major and minor version of the plugin's PJRT API.
    pub fn api_version(&self) -> (i32, i32) {
        self.mesh.client.plugin().version
    }

    /// The devices that this process can use; models run on the first, unless others are said.
    pub fn devices(&self) -> &[Device] {
        self.mesh.client.devices()
    }
}

impl Backend for Pjrt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        self.compile_shared(graph, &[])
    }

    fn compile_shared(&self, graph: &Graph, axes: &[Option<usize>]) -> Result<Box<dyn Executable>> {
        Ok(Box::new(executable::PjrtExecutable::new(&self.mesh, graph, axes)?))
    }

    fn device_names(&self) -> Vec<String> {
        let kind = match self.platform() {
            "cuda" | "rocm" => "gpu",
            other => other,
        };
        (0..self.devices().len()).map(|i| format!("{kind}:{i}")).collect()
    }

    fn num_parts(&self) -> usize {
        self.mesh.len()
    }

    fn over(&self, devices: &[usize]) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(Pjrt { mesh: Arc::new(Mesh::new(self.mesh.client.clone(), devices)?) }))
    }

    fn room_for_data(&self) -> u64 {
        self.mesh.client.options().data_memory.unwrap_or_else(|| self.mesh.free() / 4)
    }

    fn upload(&self, tensor: &Tensor) -> Result<Box<dyn Buffer>> {
        Ok(Box::new(PjrtBuffer::new(&self.mesh, tensor)?))
    }
}

fn failure(message: impl Into<String>) -> Error {
    Error::Backend { backend: NAME.into(), message: message.into() }
}
