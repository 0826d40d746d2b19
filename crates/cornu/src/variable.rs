//! Variables: weights, seeds, optimizer slots and metric states, shared by every model that uses them.
use crate::constraints::Constraint;
use crate::layers::weights::Start;
use crate::regularizers::Regularizer;
use cornu_graph::{Backend, Buffer, DType, Error, Result, Spec, Tensor};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What a variable is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A weight that the optimizer updates.
    Trainable,
    /// A weight that the layer itself updates, as a moving mean.
    NonTrainable,
    /// The state of a random generator; not a weight.
    Seed,
    /// A slot of the optimizer, the state of a metric, or that of a layer from batch to batch; not a weight.
    State,
}

impl Role {
    /// Whether it counts among the weights of a layer.
    pub fn is_weight(self) -> bool {
        matches!(self, Role::Trainable | Role::NonTrainable)
    }
}

/// A value that lives from step to step, on the host until an engine first needs it.
#[derive(Debug)]
pub struct Variable {
    /// Its name within the layer: `kernel`.
    pub name: String,
    /// Shape and dtype.
    pub spec: Spec,
    /// What it is for.
    pub role: Role,
    /// Adds to the loss.
    pub regularizer: Option<Regularizer>,
    /// Applied after each update.
    pub constraint: Option<Constraint>,
    /// The dtype in which the file had it that it comes from: Keras's backends differ in that of integers.
    saved_as: OnceLock<DType>,
    place: Mutex<Place>,
    held: AtomicBool,
}

#[derive(Debug)]
enum Place {
    /// Not made yet.
    Later(Box<Start>),
    Host(Tensor),
    Device(Arc<dyn Backend>, Box<dyn Buffer>),
    /// Gone with a step that failed, for this reason.
    Lost(String),
}

impl Variable {
    /// A variable without regularizer and constraint.
    pub fn new(name: impl Into<String>, role: Role, value: Tensor) -> Variable {
        Variable {
            name: name.into(),
            spec: Spec::new(value.dtype(), value.shape()),
            role,
            regularizer: None,
            constraint: None,
            saved_as: OnceLock::new(),
            place: Mutex::new(Place::Host(value)),
            held: AtomicBool::new(false),
        }
    }

    /// A variable whose value is made when it is first needed.
    pub(crate) fn later(name: impl Into<String>, role: Role, start: Start) -> Variable {
        Variable {
            name: name.into(),
            spec: start.spec().clone(),
            role,
            regularizer: None,
            constraint: None,
            saved_as: OnceLock::new(),
            place: Mutex::new(Place::Later(Box::new(start))),
            held: AtomicBool::new(false),
        }
    }

    /// Whether the optimizer updates it as long as its layer is trainable.
    pub fn is_trained(&self) -> bool {
        self.role == Role::Trainable && !self.held.load(Ordering::Relaxed)
    }

    /// Keeps a trainable weight from being trained, or releases it.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// A copy of its value.
    ///
    /// # Errors
    /// When the device fails, or failed in a step that had the value.
    pub fn value(&self) -> Result<Tensor> {
        match &mut *self.lock() {
            place @ Place::Later(_) => place.make().cloned(),
            Place::Host(tensor) => Ok(tensor.clone()),
            Place::Device(_, buffer) => buffer.download(),
            Place::Lost(why) => Err(self.lost(why)),
        }
    }

    /// What to say of a value that is gone.
    fn lost(&self, why: &str) -> Error {
        let (kind, help) = match self.role {
            Role::Trainable | Role::NonTrainable => ("weight", "load the model again, or set its weights"),
            Role::Seed => ("state", "load the model again"),
            Role::State => ("state", "load the model again, or compile it: the optimizer starts over then"),
        };
        let message =
            format!("{kind} `{}` is lost: a step that had it in its hands failed: {why}", self.name);
        Error::State(message).help(help)
    }

    /// Takes its value from a file. It is written again in the dtype in which integers were there.
    ///
    /// # Errors
    /// As [`Variable::assign`].
    pub(crate) fn load(&self, value: &Tensor) -> Result<()> {
        let known = [DType::I32, DType::I64];
        if known.contains(&self.spec.dtype) && known.contains(&value.dtype()) {
            self.saved_as.get_or_init(|| value.dtype());
        }
        self.assign(value)
    }

    /// Its value for a file.
    ///
    /// # Errors
    /// As [`Variable::value`].
    pub(crate) fn to_save(&self) -> Result<Tensor> {
        let value = self.value()?;
        let small = || value.to_vec::<i64>().is_ok_and(|v| v.iter().all(|&n| i32::try_from(n).is_ok()));
        Ok(match self.saved_as.get() {
            Some(DType::I64) => value.cast(DType::I64),
            Some(_) if value.dtype() != DType::I32 && small() => value.cast(DType::I32),
            _ => value,
        })
    }

    /// Replaces its value. Another float dtype is converted.
    ///
    /// # Errors
    /// When the shape differs, or the device fails.
    pub fn assign(&self, value: &Tensor) -> Result<()> {
        if value.shape() != self.spec.shape {
            let message = format!("expects shape {:?}, got {:?}", self.spec.shape, value.shape());
            return Err(Error::argument(format!("weight `{}`", self.name), message));
        }
        let value = value.cast(self.spec.dtype);
        match &mut *self.lock() {
            Place::Device(_, buffer) => buffer.write(&value)?,
            place => *place = Place::Host(value),
        }
        Ok(())
    }

    /// Locks the variable and moves it to the engine if it is not there yet: from the host or from another engine.
    ///
    /// # Errors
    /// When the device fails, or failed in a step that had the value.
    pub(crate) fn on_device(&self, backend: &Arc<dyn Backend>) -> Result<DeviceGuard<'_>> {
        let mut place = self.lock();
        if let Place::Lost(why) = &*place {
            return Err(self.lost(why));
        }
        if !matches!(&*place, Place::Device(engine, _) if Arc::ptr_eq(engine, backend)) {
            if let Place::Device(_, elsewhere) = &*place {
                *place = Place::Host(elsewhere.download()?);
            }
            *place = Place::Device(backend.clone(), backend.upload(place.make()?)?);
        }
        Ok(DeviceGuard(place))
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        // A panic elsewhere leaves a whole value, old or new.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The value on the host, made if it is not yet.
    fn make(&mut self) -> Result<&Tensor> {
        if let Place::Later(start) = self {
            *self = Place::Host(start.value()?);
        }
        match self {
            Place::Host(tensor) => Ok(tensor),
            _ => Err(Error::State("a value on a device was taken for one on the host".into())),
        }
    }
}

/// A locked variable on its device.
pub(crate) struct DeviceGuard<'a>(MutexGuard<'a, Place>);

impl DeviceGuard<'_> {
    /// The buffer; `None` never, once [`Variable::on_device`] made it.
    pub(crate) fn buffer(&mut self) -> Option<&mut dyn Buffer> {
        match &mut *self.0 {
            Place::Device(_, buffer) => Some(&mut **buffer),
            Place::Later(_) | Place::Host(_) | Place::Lost(_) => None,
        }
    }

    /// After a step failed with `error`: whether the value is still there. What is gone is never used again.
    pub(crate) fn check(&mut self, error: &Error) {
        if matches!(&*self.0, Place::Device(_, buffer) if buffer.download().is_err()) {
            let text = error.to_string();
            *self.0 = Place::Lost(text.lines().next().unwrap_or_default().to_string());
        }
    }
}
