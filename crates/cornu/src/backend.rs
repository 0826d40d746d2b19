//! The engine that models run on.
//!
//! `cpu`, the native engine, unless `CORNU_BACKEND` or [`set`] say otherwise. `reference` interprets every op in f64:
//! slow, but a way to find out whether a surprising number comes from the engine or from the model.
use cornu_cpu::Cpu;
use cornu_graph::{Backend, Error, Reference, Result, nearest};
use std::sync::{Arc, OnceLock, RwLock};

pub use cornu_cpu::{num_threads, set_num_threads};

const NAMES: [&str; 2] = ["cpu", "reference"];

fn named(name: &str) -> Result<Arc<dyn Backend>> {
    match name {
        "cpu" => Ok(Arc::new(Cpu::new())),
        "reference" => Ok(Arc::new(Reference)),
        _ => {
            let e = Error::argument("backend", format!("there is no engine `{name}`; there are {NAMES:?}"));
            Err(match nearest(name, NAMES) {
                Some(near) => e.help(format!("did you mean `{near}`?")),
                None => e,
            })
        }
    }
}

fn chosen() -> &'static RwLock<Result<Arc<dyn Backend>>> {
    static CHOSEN: OnceLock<RwLock<Result<Arc<dyn Backend>>>> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("CORNU_BACKEND").unwrap_or_else(|_| "cpu".into());
        RwLock::new(named(&name))
    })
}

/// Chooses the engine for models that are compiled from now on.
///
/// # Errors
/// When there is no engine of this name.
///
/// ```
/// assert!(cornu::backend::set("gpu").is_err());
/// cornu::backend::set("cpu")?;
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn set(name: &str) -> Result<()> {
    let backend = named(name)?;
    *chosen().write().unwrap_or_else(std::sync::PoisonError::into_inner) = Ok(backend);
    Ok(())
}

/// The engine in use.
///
/// # Errors
/// When `CORNU_BACKEND` names none.
pub(crate) fn current() -> Result<Arc<dyn Backend>> {
    chosen().read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}
