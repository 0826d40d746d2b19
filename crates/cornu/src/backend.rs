//! The engine that models run on.
use cornu_cpu::Cpu;
use cornu_graph::Backend;
use std::sync::{Arc, OnceLock};

/// The engine in use: the native CPU engine.
pub(crate) fn current() -> Arc<dyn Backend> {
    static CPU: OnceLock<Arc<dyn Backend>> = OnceLock::new();
    CPU.get_or_init(|| Arc::new(Cpu::new())).clone()
}
