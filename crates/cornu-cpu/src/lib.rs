//! The native CPU engine of cornu: graphs compiled to flat lists of steps over one arena of memory.
//!
//! A graph is planned once: elementwise nodes are grouped into loops over cache-sized tiles, every value gets its place
//! from the time it lives, and variables are updated where they are. A run then allocates nothing. Results are the same
//! bits for any number of threads: sums are cut by the shape of the data alone.
mod aligned;
#[doc(hidden)]
pub mod bench_support;
mod buffer;
mod clock;
mod conv;
mod elementwise;
mod executable;
mod gemm;
mod kernels;
mod memory;
mod plan;
mod pool;
mod schedule;
mod simd;
mod vector;

pub use buffer::CpuBuffer;
pub use pool::{num_threads, set_num_threads};

use cornu_graph::{Backend, Buffer, Executable, Graph, Peaks, Result, Tensor, environment};

/// The native CPU engine.
///
/// ```
/// use cornu_cpu::Cpu;
/// use cornu_graph::{Backend, Builder, DType, Spec, Tensor};
///
/// let b = Builder::new();
/// let x = b.input(Spec::f32([3]));
/// let graph = b.finish(&[x.exp()])?;
/// let mut exp = Cpu::new().compile(&graph)?;
/// let mut out = [Tensor::zeros([3], DType::F32)];
/// exp.run(&mut [], &[Tensor::from([0f32, 1.0, 2.0])], &mut out)?;
/// assert!((out[0].to_vec::<f32>()?[1] - 1f32.exp()).abs() < 1e-6);
/// # Ok::<(), cornu_graph::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {}

impl Cpu {
    /// The engine. `CORNU_NUM_THREADS` or [`set_num_threads`] say on how many threads it runs.
    pub fn new() -> Cpu {
        Cpu {}
    }

    /// The engine, once what the environment says to it makes sense.
    ///
    /// # Errors
    /// When `CORNU_NUM_THREADS` is no number from 1, or `CORNU_SIMD` is none of `portable`, `avx2` and `avx512`.
    pub fn from_env() -> Result<Cpu> {
        environment::num_threads()?;
        simd::Isa::allowed()?;
        Ok(Cpu::new())
    }
}

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn compile(&self, graph: &Graph) -> Result<Box<dyn Executable>> {
        Ok(Box::new(executable::CpuExecutable::new(graph)?))
    }

    fn upload(&self, tensor: &Tensor) -> Result<Box<dyn Buffer>> {
        Ok(Box::new(CpuBuffer::new(tensor)))
    }

    fn peaks(&self) -> Option<Peaks> {
        Some(bench_support::peaks())
    }
}
