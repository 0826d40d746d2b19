//! What every layer has: name, trainable, dtype, and the identity that its weights hang on.
use crate::dtype_policy::{DTypePolicy, dtype_policy};
use crate::layers::as_read::AsRead;
use crate::layers::weights::Built;
use crate::models::keras_tensor::Node;
use crate::object::Fields;
use crate::regularizers::Regularizer;
use crate::shape::Shape;
use crate::training::Compiled;
use crate::utils::naming;
use cornu_graph::Result;
use serde::ser::SerializeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Writes the shared arguments of a layer, with the name that was made for it if none was given.
///
/// # Errors
/// When the map refuses them.
pub fn write_base<M: SerializeMap>(
    base: &LayerBase,
    class: &str,
    has_own_activity_regularizer: bool,
    map: &mut M,
) -> std::result::Result<(), M::Error> {
    map.serialize_entry("name", base.resolved_name(class))?;
    map.serialize_entry("trainable", &base.is_trainable())?;
    map.serialize_entry("dtype", &base.dtype)?;
    // Keras writes this key of all layers only when it is given.
    match &base.activity_regularizer {
        Some(regularizer) if !has_own_activity_regularizer => {
            map.serialize_entry("activity_regularizer", regularizer)
        }
        _ => Ok(()),
    }
}

impl Fields {
    /// The shared arguments of a layer; without the activity regularizer if the class has one of its own.
    ///
    /// # Errors
    /// When one is of another type.
    pub fn base<E: serde::de::Error>(
        &mut self,
        has_own_activity_regularizer: bool,
    ) -> std::result::Result<LayerBase, E> {
        let activity_regularizer = if has_own_activity_regularizer {
            None
        } else {
            self.optional("activity_regularizer")?.flatten()
        };
        Ok(LayerBase {
            name: self.optional("name")?.flatten(),
            trainable: self.optional("trainable")?.unwrap_or(true),
            dtype: self.optional::<Option<DTypePolicy>, E>("dtype")?.flatten().unwrap_or_else(dtype_policy),
            activity_regularizer,
            identity: Arc::default(),
        })
    }
}

/// The arguments that all layers share.
///
/// A layer's config never changes after it is made. Its weights belong to its identity: applying one layer twice shares
/// them, a clone is another layer with weights of its own.
#[derive(Debug)]
pub struct LayerBase {
    /// Name, unique within a model; when not given, made from the class and a number.
    pub name: Option<String>,
    /// Whether the optimizer updates the weights. [`LayerBase::is_trainable`] is the present state.
    pub trainable: bool,
    /// In which dtype to compute and keep weights.
    pub dtype: DTypePolicy,
    /// Adds to the loss for each output.
    pub activity_regularizer: Option<Regularizer>,
    identity: Arc<Identity>,
}

/// What makes two uses of a layer the same layer.
#[derive(Debug)]
struct Identity {
    id: u64,
    name: OnceLock<String>,
    frozen: AtomicBool,
    built: OnceLock<Arc<Built>>,
    /// The shapes that copies of it were built for.
    copies: OnceLock<Vec<Shape>>,
    /// What the file that it comes from said of it.
    as_read: OnceLock<Arc<AsRead>>,
    /// Whether that was said of the layer that it is a clone of.
    is_clone: bool,
    /// Whether it found by itself what else is an argument.
    learned: AtomicBool,
    /// The first of its calls on symbolic tensors that there still are.
    call: Mutex<Weak<Node>>,
    /// Of a model within others: what it is compiled with by itself. Copies of the layer see the same.
    compiled: OnceLock<Arc<Mutex<Option<Arc<Compiled>>>>>,
}

impl Default for Identity {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Identity {
            id,
            name: OnceLock::new(),
            frozen: AtomicBool::new(false),
            built: OnceLock::new(),
            copies: OnceLock::new(),
            as_read: OnceLock::new(),
            call: Mutex::default(),
            compiled: OnceLock::new(),
            is_clone: false,
            learned: AtomicBool::new(false),
        }
    }
}

/// A layer whose base can be reached; written by `#[layer]`.
pub trait HasBase {
    /// The shared arguments.
    fn base(&self) -> &LayerBase;
    /// The shared arguments, to set.
    fn base_mut(&mut self) -> &mut LayerBase;
    /// What the outputs add to the loss.
    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.base().activity_regularizer.as_ref()
    }
}

impl Default for LayerBase {
    fn default() -> Self {
        LayerBase {
            name: None,
            trainable: true,
            dtype: dtype_policy(),
            activity_regularizer: None,
            identity: Arc::default(),
        }
    }
}

/// Equal configs; whether it is the same layer plays no part.
impl PartialEq for LayerBase {
    fn eq(&self, other: &LayerBase) -> bool {
        self.name == other.name
            && self.trainable == other.trainable
            && self.dtype == other.dtype
            && self.activity_regularizer == other.activity_regularizer
    }
}

/// The same config with a new identity: another layer.
impl Clone for LayerBase {
    fn clone(&self) -> Self {
        LayerBase {
            name: self.name.clone(),
            trainable: self.trainable,
            dtype: self.dtype.clone(),
            activity_regularizer: self.activity_regularizer.clone(),
            identity: Arc::new(Identity {
                as_read: self.identity.as_read.clone(),
                is_clone: true,
                learned: AtomicBool::new(self.has_learned()),
                ..Identity::default()
            }),
        }
    }
}

impl LayerBase {
    /// A base with Keras's defaults.
    pub fn new() -> LayerBase {
        LayerBase::default()
    }

    /// The same layer under another handle.
    pub(crate) fn share(&self) -> LayerBase {
        LayerBase { identity: self.identity.clone(), ..self.clone() }
    }

    /// A number that only this layer has; later layers have higher ones.
    pub fn id(&self) -> u64 {
        self.identity.id
    }

    /// The name given, or one made from the class at first use: `dense`, `dense_1`, ...
    pub fn resolved_name(&self, class: &str) -> &str {
        self.identity.name.get_or_init(|| self.name.clone().unwrap_or_else(|| naming::unique(class)))
    }

    /// Whether the optimizer updates the weights now.
    pub fn is_trainable(&self) -> bool {
        self.trainable && !self.identity.frozen.load(Ordering::Relaxed)
    }

    /// Freezes or releases the weights. Takes effect at the next `compile`.
    pub(crate) fn set_frozen(&self, frozen: bool) {
        self.identity.frozen.store(frozen, Ordering::Relaxed);
    }

    /// The weights, once built.
    pub(crate) fn built(&self) -> Option<&Arc<Built>> {
        self.identity.built.get()
    }

    /// The shapes that it, or copies of it, were built for.
    pub(crate) fn built_for(&self) -> Option<&[Shape]> {
        self.built().map(|built| &built.inputs).or(self.identity.copies.get()).map(Vec::as_slice)
    }

    /// Says that copies of this layer were built for these shapes: it is saved as if it were.
    pub(crate) fn copies_built_for(&self, inputs: &[Shape]) {
        self.identity.copies.get_or_init(|| inputs.to_vec());
    }

    /// Keeps a call, unless an earlier one is still there.
    pub(crate) fn called(&self, node: &Arc<Node>) {
        let mut call = self.identity.call.lock().unwrap_or_else(PoisonError::into_inner);
        if call.strong_count() == 0 {
            *call = Arc::downgrade(node);
        }
    }

    /// The first of its calls on symbolic tensors that there still are.
    pub(crate) fn first_call(&self) -> Option<Arc<Node>> {
        self.identity.call.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// Keeps what a file said of it.
    pub(crate) fn set_as_read(&self, as_read: impl Into<Arc<AsRead>>) {
        self.identity.as_read.get_or_init(|| as_read.into());
    }

    /// What a file said of it, if it comes from one.
    pub(crate) fn as_read(&self) -> Option<&Arc<AsRead>> {
        self.identity.as_read.get()
    }

    /// Keeps what a model is compiled with.
    pub(crate) fn set_compiled(&self, compiled: Option<Compiled>) {
        *self.compiled_cell().lock().unwrap_or_else(PoisonError::into_inner) = compiled.map(Arc::new);
    }

    /// What the model is compiled with, if it is one and was compiled here.
    pub(crate) fn compiled(&self) -> Option<Arc<Compiled>> {
        self.compiled_cell().lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a copy of a model see what that is compiled with.
    pub(crate) fn compiled_as(&self, other: &LayerBase) {
        self.identity.compiled.get_or_init(|| other.compiled_cell().clone());
    }

    fn compiled_cell(&self) -> &Arc<Mutex<Option<Arc<Compiled>>>> {
        self.identity.compiled.get_or_init(Arc::default)
    }

    /// Whether [`LayerBase::as_read`] is of the layer that this one is a clone of.
    pub(crate) fn is_clone(&self) -> bool {
        self.identity.is_clone
    }

    /// Says that the layer has learned an argument from data, as `adapt` does: Keras saves that in a file of its own.
    pub(crate) fn set_learned(&self) {
        self.identity.learned.store(true, Ordering::Relaxed);
    }

    /// Whether the layer has learned an argument.
    pub(crate) fn has_learned(&self) -> bool {
        self.identity.learned.load(Ordering::Relaxed)
    }

    /// Keeps the weights; the first to come stay.
    pub(crate) fn set_built(&self, build: impl FnOnce() -> Result<Built>) -> Result<&Arc<Built>> {
        if self.identity.built.get().is_none() {
            let built = Arc::new(build()?);
            return Ok(self.identity.built.get_or_init(|| built));
        }
        Ok(self.identity.built.get_or_init(Arc::default))
    }
}
