//! Training on several devices of one process. Keras's `keras.distribution`.
//!
//! [`DataParallel`] shares each batch among devices; weights, optimizer and metrics are on each. It is one program, which XLA cuts
//! into a part for each device and in which the devices tell each other sums: losses, metrics, gradients and the statistics of
//! batch normalization are those of the whole batch, random numbers are those of one device, and the results are those of
//! one device but for the order of sums.
//!
//! Several devices are what the engines `cuda` and `pjrt` have. Models go on with the distribution that is set at their next
//! call: their weights move along.
//!
//! ```
//! use cornu::distribution::{DataParallel, distribution, list_devices, set_distribution};
//!
//! assert_eq!(list_devices(None)?, ["cpu:0"]); // the engine of our own is one device
//! set_distribution(DataParallel::new())?; // all devices of the engine in use
//! assert!(distribution().is_some());
//! set_distribution(None)?;
//! # Ok::<(), cornu::Error>(())
//! ```
//!
//! A batch whose samples leave a rest, as the last of an epoch may, is computed whole by each device, where Keras fails; a batch
//! size that always leaves one is refused by `fit`.
use crate::backend;
use cornu_graph::{Backend, Error, Result, nearest};
use std::fmt;
use std::sync::Arc;

/// The devices of the engine in use: `gpu:0`, `gpu:1`. `device_type` is `cpu`, `gpu` or `tpu`; `None`: whatever there is.
///
/// # Errors
/// When the engine cannot be used, or has no device of this type.
pub fn list_devices(device_type: Option<&str>) -> Result<Vec<String>> {
    let all = backend::whole()?.device_names();
    let Some(wanted) = device_type else { return Ok(all) };
    let wanted = wanted.to_lowercase();
    let some: Vec<String> = all.iter().filter(|name| kind(name) == wanted).cloned().collect();
    if some.is_empty() {
        let message = format!("the engine in use has no device of type `{wanted}`; it has {all:?}");
        return Err(Error::argument("device_type", message).help("`backend::set` chooses another engine"));
    }
    Ok(some)
}

/// The number of devices of [`list_devices`].
///
/// # Errors
/// As [`list_devices`].
pub fn get_device_count(device_type: Option<&str>) -> Result<usize> {
    Ok(list_devices(device_type)?.len())
}

/// `gpu` of `gpu:1`.
fn kind(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

/// Devices in a grid with named axes. Keras's `DeviceMesh`; [`DataParallel`] takes those of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceMesh {
    shape: Vec<usize>,
    axis_names: Vec<String>,
    devices: Option<Vec<String>>,
}

impl DeviceMesh {
    /// A grid of this shape of all devices that there are. Checked when it is used.
    pub fn new<N: Into<String>>(
        shape: impl IntoIterator<Item = usize>,
        axis_names: impl IntoIterator<Item = N>,
    ) -> DeviceMesh {
        let axis_names = axis_names.into_iter().map(Into::into).collect();
        DeviceMesh { shape: shape.into_iter().collect(), axis_names, devices: None }
    }

    /// The devices, by the names of [`list_devices`]; by default all.
    pub fn devices<N: Into<String>>(mut self, devices: impl IntoIterator<Item = N>) -> DeviceMesh {
        self.devices = Some(devices.into_iter().map(Into::into).collect());
        self
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Names of the axes.
    pub fn axis_names(&self) -> &[String] {
        &self.axis_names
    }

    /// The names of its devices, of those that there are.
    fn among(&self, all: &[String]) -> Result<Vec<String>> {
        let wrong = |message: String| Err(Error::argument("DeviceMesh", message));
        let given = format!("shape={:?}, axis_names={:?}", self.shape, self.axis_names);
        if self.shape.is_empty() || self.axis_names.is_empty() {
            return wrong(format!("shape and axis_names cannot be empty, got {given}"));
        }
        if self.shape.len() != self.axis_names.len() {
            return wrong(format!("shape and axis_names should have same size, got {given}"));
        }
        let devices = self.devices.as_deref().unwrap_or(all);
        if self.shape.iter().product::<usize>() != devices.len() {
            let message = format!(
                "shape does not match the number of devices, got shape={:?} and {devices:?}",
                self.shape
            );
            return wrong(message);
        }
        Ok(devices.to_vec())
    }
}

/// Shares batches among devices, each of which has all variables. Keras's `DataParallel`.
///
/// ```
/// use cornu::distribution::{DataParallel, set_distribution};
///
/// let missing = set_distribution(DataParallel::new().devices(["gpu:0", "gpu:1"]));
/// # let devices = cornu::distribution::list_devices(None)?;
/// # if devices == ["cpu:0"] {
/// assert!(missing.unwrap_err().to_string().starts_with("DataParallel.devices: the engine `cpu` has no device `gpu:0`"));
/// # }
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataParallel {
    device_mesh: Option<DeviceMesh>,
    devices: Option<Vec<String>>,
    auto_shard_dataset: bool,
}

impl Default for DataParallel {
    fn default() -> Self {
        DataParallel { device_mesh: None, devices: None, auto_shard_dataset: true }
    }
}

impl DataParallel {
    /// All devices of the engine.
    pub fn new() -> DataParallel {
        DataParallel::default()
    }

    /// Devices as a mesh, which must have one axis; instead of [`DataParallel::devices`].
    pub fn device_mesh(mut self, device_mesh: DeviceMesh) -> DataParallel {
        self.device_mesh = Some(device_mesh);
        self
    }

    /// The devices, by the names of [`list_devices`]. The first gets the first samples of a batch.
    pub fn devices<N: Into<String>>(mut self, devices: impl IntoIterator<Item = N>) -> DataParallel {
        self.devices = Some(devices.into_iter().map(Into::into).collect());
        self
    }

    /// Whether each process takes its part of a data set. There is one process, which takes it whole, as in Keras.
    pub fn auto_shard_dataset(mut self, auto_shard_dataset: bool) -> DataParallel {
        self.auto_shard_dataset = auto_shard_dataset;
        self
    }

    /// The engine on its devices.
    pub(crate) fn over(&self, engine: &Arc<dyn Backend>) -> Result<Arc<dyn Backend>> {
        let all = engine.device_names();
        let names = match (&self.device_mesh, &self.devices) {
            (Some(_), Some(_)) => {
                return Err(Error::argument(
                    "DataParallel",
                    "`device_mesh` and `devices` cannot both be given",
                ));
            }
            (Some(mesh), None) => {
                let names = mesh.among(&all)?;
                if mesh.shape.len() > 1 {
                    let message = format!("expects a mesh of one axis, got shape={:?}", mesh.shape);
                    return Err(Error::argument("DataParallel.device_mesh", message));
                }
                names
            }
            (None, devices) => devices.clone().unwrap_or_else(|| all.clone()),
        };
        let number = |name: &String| {
            all.iter().position(|known| known == name).ok_or_else(|| {
                let message =
                    format!("the engine `{}` has no device `{name}`; it has {all:?}", engine.name());
                let error = Error::argument("DataParallel.devices", message);
                match nearest(name, all.iter().map(String::as_str)) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help("`backend::set` chooses another engine"),
                }
            })
        };
        let numbers: Vec<usize> = names.iter().map(number).collect::<Result<_>>()?;
        if numbers == [0] { Ok(engine.clone()) } else { engine.over(&numbers) }
    }
}

/// `<DataParallel devices=all>`
impl fmt::Display for DataParallel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.device_mesh, &self.devices) {
            (Some(mesh), _) => {
                let DeviceMesh { shape, axis_names, .. } = mesh;
                write!(f, "<DataParallel shape={shape:?}, axis_names={axis_names:?}>")
            }
            (None, Some(devices)) => write!(f, "<DataParallel devices={devices:?}>"),
            (None, None) => write!(f, "<DataParallel devices=all>"),
        }
    }
}

/// Sets how models are distributed from now on; `None`: not at all. Another engine that is [set](crate::backend::set) later is
/// distributed in the same way, or refused.
///
/// # Errors
/// When the engine in use has no such devices, or a mesh does not fit them; the distribution stays as it was then.
pub fn set_distribution(value: impl Into<Option<DataParallel>>) -> Result<()> {
    backend::distribute(value.into())
}

/// The distribution that is set.
pub fn distribution() -> Option<DataParallel> {
    backend::distribution()
}
