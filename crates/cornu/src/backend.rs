//! The engine that models run on.
//!
//! `cpu`, the native engine, unless `CORNU_BACKEND` or [`set`] say otherwise. `tensorflow`, `cuda` and `pjrt` hand graphs to
//! XLA as StableHLO: to an installed TensorFlow (`TENSORFLOW_DIR`, else the active Python's), to the installed CUDA plugin of
//! PJRT, and to any plugin of PJRT (`CORNU_PJRT_PLUGIN`, else the installed one). Their libraries are opened when they are
//! first used. `reference` interprets every op in f64: slow, but a way to find out whether a surprising number comes from the
//! engine or from the model.
//!
//! What the environment says to `cuda` and `pjrt`, when they are first used:
//!
//! | | |
//! |---|---|
//! | `CORNU_PJRT_DEVICES` | the devices to see, by number: `0,2`; [`distribution`](crate::distribution) trains on several |
//! | `CORNU_PJRT_MEMORY_FRACTION`, `CORNU_PJRT_PREALLOCATE` | the part of a device's memory to use; whether it is taken at once |
//! | `CORNU_PJRT_DATA_MEMORY` | bytes of it that arrays may take which `fit` reads in several epochs: they stay there, and batches are taken from them; 0: none. By default a quarter of what the device says is free |
//! | `CORNU_CACHE_DIR` | the folder of compiled programs; empty: none are kept |
//! | `CORNU_CACHE_MAX_SIZE` | bytes that they may take, by default 2 GiB: those that were not used for the longest time go |
//!
//! A step that fails on a device may take the variables with it that it was to change. That is said, and a model without them
//! refuses to go on until it is loaded again.
use crate::distribution::DataParallel;
use cornu_cpu::Cpu;
use cornu_graph::{Backend, Error, Reference, Result, environment, nearest};
use cornu_xla::pjrt::{self, Pjrt};
use cornu_xla::tensorflow::{self, TensorFlow};
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

pub use cornu_cpu::{num_threads, set_num_threads};

type Engine = Arc<dyn Backend>;
type Open = fn() -> Result<Engine>;

/// Every engine by name, and how it is opened.
const ENGINES: [(&str, Open); 5] = [
    ("cpu", || Ok(Arc::new(Cpu::from_env()?))),
    ("reference", || Ok(Arc::new(Reference))),
    ("tensorflow", || Ok(Arc::new(TensorFlow::open(None)?))),
    ("cuda", cuda),
    ("pjrt", || Ok(Arc::new(Pjrt::open(None)?))),
];

fn cuda() -> Result<Engine> {
    let pjrt = Pjrt::open(None)?;
    if pjrt.platform() != "cuda" {
        let message = format!("the PJRT plugin is for `{}`", pjrt.platform());
        let e = Error::Backend { backend: "cuda".into(), message };
        return Err(e.help(format!("{}, and leave CORNU_PJRT_PLUGIN unset", pjrt::INSTALL)));
    }
    Ok(Arc::new(pjrt))
}

/// The engine of this name; one for the process.
fn named(name: &str) -> Result<Engine> {
    static OPEN: Mutex<Option<HashMap<&str, Engine>>> = Mutex::new(None);
    let Some(&(name, open)) = ENGINES.iter().find(|(known, _)| *known == name) else {
        let names = ENGINES.map(|(name, _)| name);
        let e = Error::argument("backend", format!("there is no engine `{name}`; there are {names:?}"));
        return Err(match nearest(name, names) {
            Some(near) => e.help(format!("did you mean `{near}`?")),
            None => e,
        });
    };
    let mut engines = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let engines = engines.get_or_insert_default();
    if let Some(engine) = engines.get(name) {
        return Ok(engine.clone());
    }
    let engine = open()?;
    engines.insert(name, engine.clone());
    Ok(engine)
}

/// What models run on.
struct Chosen {
    /// The engine of a name.
    whole: Result<Engine>,
    distribution: Option<DataParallel>,
    /// The engine on the devices of the distribution.
    used: Result<Engine>,
}

/// The engine chosen, once it was needed or [`set`].
fn chosen() -> &'static RwLock<Chosen> {
    static CHOSEN: OnceLock<RwLock<Chosen>> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = environment::text("CORNU_BACKEND").unwrap_or_else(|| "cpu".into());
        let whole = named(&name);
        RwLock::new(Chosen { used: whole.clone(), distribution: None, whole })
    })
}

fn read() -> RwLockReadGuard<'static, Chosen> {
    chosen().read().unwrap_or_else(PoisonError::into_inner)
}

/// The engine on the devices of a distribution; one for each, so that what was compiled for it stays.
fn over(engine: &Engine, distribution: Option<&DataParallel>) -> Result<Engine> {
    static OPEN: Mutex<Vec<(Engine, DataParallel, Engine)>> = Mutex::new(vec![]);
    let Some(distribution) = distribution else { return Ok(engine.clone()) };
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = open.iter().find(|(whole, how, _)| Arc::ptr_eq(whole, engine) && how == distribution);
    if let Some((.., used)) = known {
        return Ok(used.clone());
    }
    let used = distribution.over(engine)?;
    open.push((engine.clone(), distribution.clone(), used.clone()));
    Ok(used)
}

/// Chooses the engine. Models go on with it at their next call: their weights move along.
///
/// # Errors
/// When there is no engine of this name, or it cannot be used on this machine; the error says what to install. When it has not
/// the devices of the [distribution](crate::distribution) that is set.
///
/// ```
/// assert!(cornu::backend::set("gpu").is_err());
/// cornu::backend::set("cpu")?;
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn set(name: &str) -> Result<()> {
    let engine = named(name)?;
    let mut chosen = chosen().write().unwrap_or_else(PoisonError::into_inner);
    let used = over(&engine, chosen.distribution.as_ref())?;
    (chosen.whole, chosen.used) = (Ok(engine), Ok(used));
    Ok(())
}

/// Sets the distribution over devices of the engine in use.
pub(crate) fn distribute(distribution: Option<DataParallel>) -> Result<()> {
    let mut chosen = chosen().write().unwrap_or_else(PoisonError::into_inner);
    let used = over(&chosen.whole.clone()?, distribution.as_ref())?;
    (chosen.distribution, chosen.used) = (distribution, Ok(used));
    Ok(())
}

/// The distribution that is set.
pub(crate) fn distribution() -> Option<DataParallel> {
    read().distribution.clone()
}

/// The engine chosen, with all its devices.
///
/// # Errors
/// As [`current`].
pub(crate) fn whole() -> Result<Engine> {
    read().whole.clone()
}

/// The engine in use.
///
/// # Errors
/// When `CORNU_BACKEND` names none, or one that cannot be used.
pub(crate) fn current() -> Result<Engine> {
    read().used.clone()
}

/// The engine for tensors on the host, which come and go: the one in use where it computes there without compiling long.
///
/// # Errors
/// When `CORNU_BACKEND` names none, or one that cannot be used.
pub(crate) fn of_host() -> Result<Engine> {
    let current = current()?;
    if matches!(current.name(), "cpu" | "reference") { Ok(current) } else { named("cpu") }
}

/// An engine and what this machine has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The name for [`set`].
    pub backend: &'static str,
    /// What was found; the reason why it cannot be used where it is missing.
    pub description: String,
    /// The version of its library.
    pub version: Option<String>,
    /// Where its library is.
    pub path: Option<PathBuf>,
    /// What to do to have it; nothing where it was found.
    pub install: Option<String>,
}

impl Device {
    /// Whether it was found. Whether it works shows when it is [`set`].
    pub fn is_found(&self) -> bool {
        self.install.is_none()
    }
}

/// One line: `tensorflow: TensorFlow's XLA on the processor, 2.21.0, /usr/lib/python3/...`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.backend, self.description)?;
        if let Some(version) = &self.version {
            write!(f, ", {version}")?;
        }
        if let Some(path) = &self.path {
            write!(f, ", {}", path.display())?;
        }
        match &self.install {
            Some(install) => write!(f, "; {install}"),
            None => Ok(()),
        }
    }
}

/// The engines, and what this machine has of each. Nothing is loaded.
///
/// ```
/// let devices = cornu::backend::list_devices();
/// assert!(devices.iter().any(|d| d.backend == "cpu" && d.is_found()));
/// ```
pub fn list_devices() -> Vec<Device> {
    let own = |backend, description: String| Device {
        backend,
        description,
        version: Some(env!("CARGO_PKG_VERSION").into()),
        path: None,
        install: None,
    };
    let threads = num_threads();
    let mut devices = vec![
        own("cpu", format!("the native engine, {threads} thread{}", if threads == 1 { "" } else { "s" })),
        own("reference", "the interpreter in f64".into()),
        tensorflow_device(),
    ];
    let plugin = pjrt::find();
    for backend in ["cuda", "pjrt"] {
        let (description, install) = match &plugin {
            Some(_) => ("XLA by a PJRT plugin", None),
            None => ("no PJRT plugin is installed", Some(pjrt::INSTALL.to_string())),
        };
        devices.push(Device {
            backend,
            description: description.into(),
            version: plugin.as_ref().and_then(|found| found.version.clone()),
            path: plugin.as_ref().map(|found| found.path.clone()),
            install,
        });
    }
    devices
}

fn tensorflow_device() -> Device {
    let found = tensorflow::find();
    let (description, install) = match &found {
        Some(_) => ("TensorFlow's XLA on the processor", None),
        None => ("TensorFlow is not installed", Some(tensorflow::INSTALL.to_string())),
    };
    Device {
        backend: "tensorflow",
        description: description.into(),
        version: found.as_ref().and_then(|found| found.version.clone()),
        path: found.map(|found| found.dir),
        install,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_is_listed() {
        let devices = list_devices();
        for (name, _) in ENGINES {
            assert!(devices.iter().any(|d| d.backend == name), "{name}");
        }
        let missing = Device {
            backend: "cuda",
            description: "no plugin".into(),
            version: None,
            path: None,
            install: Some("pip install it".into()),
        };
        assert_eq!(missing.to_string(), "cuda: no plugin; pip install it");
        assert!(!missing.is_found());
    }

    #[test]
    fn one_engine_for_the_process() {
        let (a, b) = (named("cpu").unwrap(), named("cpu").unwrap());
        assert!(Arc::ptr_eq(&a, &b));
        let e = named("tensorfow").unwrap_err().to_string();
        assert!(
            e.contains("there is no engine `tensorfow`") && e.ends_with("did you mean `tensorflow`?"),
            "{e}"
        );
    }
}
