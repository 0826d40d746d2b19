//! What all architectures share: their arguments, and the way from these to a model.
use super::weights::{Pretrained, Published};
use crate::activations::Activation;
use crate::layers::core::Input;
use crate::models::{KerasTensor, Model};
use crate::shape::Shape;
use cornu_graph::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

crate::arguments::keyword! {
    /// What becomes of the last feature maps when there is no classifier.
    Pooling as "pooling" {
        /// Their means.
        Avg "avg",
        /// Their greatest values.
        Max "max",
    }
}

/// An architecture with its arguments, behind a pointer; see [`named`](super::named).
pub trait Application {
    /// Sets an argument by Keras's name to what Python's JSON has for it; `null` is `None`.
    ///
    /// # Errors
    /// When there is no such argument, or it is of another type.
    fn set(&mut self, name: &str, value: Json) -> Result<()>;

    /// The file of weights that `weights="imagenet"` stands for.
    ///
    /// # Errors
    /// When an argument makes no sense, or Keras publishes no weights for it.
    fn published(&self) -> Result<Published>;

    /// The model.
    ///
    /// # Errors
    /// When an argument makes no sense, or the weights cannot be had.
    fn build(&self) -> Result<Model>;
}

/// The arguments that all architectures have.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub include_top: bool,
    pub weights: Pretrained,
    pub input_tensor: Option<KerasTensor>,
    pub input_shape: Option<Shape>,
    pub pooling: Option<Pooling>,
    pub classes: usize,
    pub classifier_activation: Activation,
    pub name: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            include_top: true,
            weights: Pretrained::ImageNet,
            input_tensor: None,
            input_shape: None,
            pooling: None,
            classes: 1000,
            classifier_activation: "softmax".into(),
            name: None,
        }
    }
}

/// What one architecture adds to [`Options`].
pub(super) trait Architecture {
    /// Keras's default size of images, and the smallest that is taken.
    fn sizes(&self) -> (usize, usize);

    /// The shape of one image, from the arguments and [`Architecture::sizes`].
    ///
    /// # Errors
    /// When it does not fit the architecture or the weights.
    fn input_shape(&self, options: &Options) -> Result<Shape> {
        let (default, smallest) = self.sizes();
        input_shape(options, default, smallest)
    }

    /// The layers, classifier or pooling included.
    fn layers(&self, options: &Options, x: &KerasTensor, shape: &Shape) -> KerasTensor;

    /// Keras's name of the model for images of this shape.
    fn name(&self, options: &Options, shape: &Shape) -> String;

    /// Keras's file of weights for images of this shape.
    ///
    /// # Errors
    /// When Keras has none for these arguments.
    fn published(&self, options: &Options, shape: &Shape) -> Result<Published>;
}

/// The name of the file of weights.
pub(super) fn published(net: &impl Architecture, options: &Options) -> Result<Published> {
    let options = Options { weights: Pretrained::ImageNet, ..options.clone() };
    options.check()?;
    net.published(&options, &net.input_shape(&options)?)
}

/// The model, with its weights.
pub(super) fn build(net: &impl Architecture, options: &Options) -> Result<Model> {
    options.check()?;
    let shape = net.input_shape(options)?;
    let published = match options.weights {
        Pretrained::ImageNet => Some(net.published(options, &shape)?),
        _ => None,
    };
    if let (Some(x), Some(given)) = (&options.input_tensor, &options.input_shape) {
        same_shape(x, given)?;
    }
    let (x, inputs) = match &options.input_tensor {
        Some(x) => (x.clone(), sources(x)),
        None => {
            let x = Input::new(shape.clone()).tensor();
            (x.clone(), vec![x])
        }
    };
    let y = net.layers(options, &x, &shape);
    let name = options.name.clone().unwrap_or_else(|| net.name(options, &shape));
    let mut model = Model::new(inputs, y)?.with_name(name);
    match (&options.weights, published) {
        (Pretrained::File(path), _) => model.load_weights(path)?,
        (_, Some(file)) => model.load_weights(file.path()?)?,
        _ => {}
    }
    Ok(model)
}

/// Fails when an image of this shape is no `given`.
fn same_shape(x: &KerasTensor, given: &Shape) -> Result<()> {
    let sizes = x.shape().dims().get(1..).unwrap_or_default();
    let fits = |(a, b): (&Option<usize>, &Option<usize>)| a.is_none() || b.is_none() || a == b;
    if x.error().is_none() && (sizes.len() != given.rank() || !sizes.iter().zip(given.dims()).all(fits)) {
        let message = format!("is {given}, `input_tensor` has shape {}", x.shape());
        return Err(Error::argument("input_shape", message).help("give one of the two"));
    }
    Ok(())
}

/// The inputs that a tensor comes from.
fn sources(x: &KerasTensor) -> Vec<KerasTensor> {
    let (mut found, mut seen, mut stack) = (vec![], vec![], vec![x.clone()]);
    while let Some(x) = stack.pop() {
        let node = x.node();
        if seen.contains(&node.id) {
            continue;
        }
        seen.push(node.id);
        if node.inputs.is_empty() {
            found.push(x);
        } else {
            stack.extend(node.inputs.iter().rev().cloned());
        }
    }
    found
}

impl Options {
    /// Fails when the arguments do not go together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self) -> Result<()> {
        self.weights.check()?;
        if let Some(pooling) = &self.pooling {
            pooling.check()?;
        }
        if self.classes == 0 {
            return Err(Error::argument("classes", "must be positive, got 0"));
        }
        self.classifier_activation.check()?;
        if !self.include_top {
            return Ok(());
        }
        if self.weights == Pretrained::ImageNet && self.classes != 1000 {
            let message = format!(
                "should be 1000 when weights are \"imagenet\" and `include_top` is true, got {}",
                self.classes
            );
            let help =
                "for other classes leave the top away with `include_top(false)` and put a `Dense` there";
            return Err(Error::argument("classes", message).help(help));
        }
        let activation = self.classifier_activation.name();
        if self.weights != Pretrained::Random && !["softmax", "linear"].contains(&activation) {
            let message = format!(
                "only \"linear\" (Keras's None) and \"softmax\" are allowed with pretrained weights and `include_top`, \
                 got `{activation}`"
            );
            return Err(Error::argument("classifier_activation", message));
        }
        Ok(())
    }

    /// Sets an argument by its name; `own` are those that the architecture has besides.
    ///
    /// # Errors
    /// When there is none of this name, or it is of another type.
    pub fn set(&mut self, name: &str, value: Json, own: &[&str]) -> Result<()> {
        const NAMES: [&str; 7] =
            ["include_top", "weights", "input_shape", "pooling", "classes", "classifier_activation", "name"];
        match name {
            "include_top" => self.include_top = read(name, value)?,
            "weights" => self.weights = read::<Option<String>>(name, value)?.as_deref().into(),
            "input_shape" => self.input_shape = read(name, value)?,
            "pooling" => self.pooling = read(name, value)?,
            "classes" => self.classes = read(name, value)?,
            "classifier_activation" => self.classifier_activation = read(name, value)?,
            "name" => self.name = read(name, value)?,
            "input_tensor" if value.is_null() => self.input_tensor = None,
            "input_tensor" => return Err(Error::argument(name, "a tensor has no form in JSON")),
            _ => return Err(Error::unknown("argument", name, NAMES.iter().chain(own).copied())),
        }
        Ok(())
    }
}

/// An argument from JSON.
pub(super) fn read<T: DeserializeOwned>(name: &str, value: Json) -> Result<T> {
    serde_json::from_value(value).map_err(|e| Error::argument(name, e.to_string()))
}

/// The shape of one image: what was given, if it will do, or the default.
///
/// # Errors
/// When it is too small, has the wrong number of axes or channels, or is not known where it must be.
pub(super) fn input_shape(options: &Options, default_size: usize, min_size: usize) -> Result<Shape> {
    let bad = |message: String| Err(Error::argument("input_shape", message));
    let imagenet = options.weights == Pretrained::ImageNet;
    let given = options.input_shape.as_ref();
    let channels =
        given.filter(|shape| !imagenet && shape.rank() == 3).map_or(Some(3), |shape| shape.dim(-1));
    if !matches!(channels, Some(1 | 3)) {
        let channels = channels.map_or("an unknown number of".into(), |n| n.to_string());
        eprintln!("warning: this model usually takes 1 or 3 channels, `input_shape` has {channels}");
    }
    let default = Shape(vec![Some(default_size), Some(default_size), channels]);
    if imagenet && options.include_top {
        return match given {
            Some(shape) if *shape != default => bad(format!(
                "should be {default} when weights are \"imagenet\" and `include_top` is true, got {shape}"
            )),
            _ => Ok(default),
        };
    }
    let shape = match given {
        Some(shape) => {
            check_shape(shape, min_size, imagenet)?;
            shape.clone()
        }
        None if options.include_top => default,
        None => Shape(vec![None, None, Some(3)]),
    };
    if options.include_top && shape.dims().contains(&None) {
        return bad(format!("must be known in full when `include_top` is true, got {shape}"));
    }
    Ok(shape)
}

/// Fails unless this is the shape of an image of at least `min_size` on each side.
fn check_shape(shape: &Shape, min_size: usize, imagenet: bool) -> Result<()> {
    let bad = |message: String| Err(Error::argument("input_shape", message));
    let &[height, width, channels] = shape.dims() else {
        return bad(format!("must be of three sizes: height, width and channels, got {shape}"));
    };
    if imagenet && channels != Some(3) {
        return bad(format!("must have 3 channels with weights \"imagenet\", got {shape}"));
    }
    if [height, width].into_iter().flatten().any(|size| size < min_size) {
        return bad(format!("must be at least {min_size}x{min_size}, got {shape}"));
    }
    Ok(())
}

/// Declares an architecture: its own arguments beside those of all, and what it is made of.
macro_rules! application {
    (
        $(#[$doc:meta])*
        $Name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty = $default:expr,)* } with $this:ident => $net:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $Name {
            options: $crate::applications::declare::Options,
            $($field: $ty,)*
        }

        impl Default for $Name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $Name {
            /// The architecture with the defaults of Keras.
            pub fn new() -> Self {
                $Name { options: Default::default(), $($field: $default,)* }
            }

            $($(#[$field_doc])*
            #[must_use]
            pub fn $field(mut self, $field: $ty) -> Self {
                self.$field = $field;
                self
            })*

            /// Whether the classifier is there; true by default.
            #[must_use]
            pub fn include_top(mut self, include_top: bool) -> Self {
                self.options.include_top = include_top;
                self
            }

            /// `"imagenet"` (default), the path of a file of weights, or `None` for random ones.
            #[must_use]
            pub fn weights(mut self, weights: impl Into<$crate::applications::Pretrained>) -> Self {
                self.options.weights = weights.into();
                self
            }

            /// A symbolic tensor to use as the image, in place of an input of its own.
            #[must_use]
            pub fn input_tensor(mut self, x: &$crate::models::KerasTensor) -> Self {
                self.options.input_tensor = Some(x.clone());
                self
            }

            /// Height, width and channels of an image; `None` where any size will do, if there is no classifier.
            #[must_use]
            pub fn input_shape(mut self, shape: impl Into<$crate::Shape>) -> Self {
                self.options.input_shape = Some(shape.into());
                self
            }

            /// `"avg"` or `"max"`: what becomes of the last feature maps when there is no classifier. They stay as they
            /// are by default.
            #[must_use]
            pub fn pooling(mut self, pooling: impl Into<$crate::applications::Pooling>) -> Self {
                self.options.pooling = Some(pooling.into());
                self
            }

            /// Number of classes of the classifier; 1000 by default.
            #[must_use]
            pub fn classes(mut self, classes: usize) -> Self {
                self.options.classes = classes;
                self
            }

            /// What the classifier ends with; `"softmax"` by default, `"linear"` (Keras's `None`) for logits.
            #[must_use]
            pub fn classifier_activation(mut self, activation: impl Into<$crate::activations::Activation>) -> Self {
                self.options.classifier_activation = activation.into();
                self
            }

            /// Name of the model.
            #[must_use]
            pub fn name(mut self, name: impl Into<String>) -> Self {
                self.options.name = Some(name.into());
                self
            }

            /// The file of weights that `"imagenet"` stands for.
            ///
            /// # Errors
            /// When an argument makes no sense, or Keras publishes no weights for it.
            pub fn published(&self) -> cornu_graph::Result<$crate::applications::Published> {
                $crate::applications::declare::published(&self.net(), &self.options)
            }

            /// The model, with its weights.
            ///
            /// # Errors
            /// When an argument makes no sense, or the weights cannot be had.
            pub fn build(&self) -> cornu_graph::Result<$crate::models::Model> {
                $crate::applications::declare::build(&self.net(), &self.options)
            }

            fn net(&self) -> impl $crate::applications::declare::Architecture + use<> {
                let $this = self;
                $net
            }
        }

        impl $crate::applications::Application for $Name {
            fn set(&mut self, name: &str, value: serde_json::Value) -> cornu_graph::Result<()> {
                match name {
                    $(stringify!($field) => {
                        self.$field = $crate::applications::declare::read(name, value)?;
                        Ok(())
                    })*
                    _ => self.options.set(name, value, &[$(stringify!($field)),*]),
                }
            }

            fn published(&self) -> cornu_graph::Result<$crate::applications::Published> {
                self.published()
            }

            fn build(&self) -> cornu_graph::Result<$crate::models::Model> {
                self.build()
            }
        }
    };
    // The arguments of a family all of whose members have none of their own but a set of constants.
    ($($(#[$doc:meta])* $Name:ident = $net:expr;)*) => { $(
        $crate::applications::declare::application! { $(#[$doc])* $Name {} with _this => $net }
    )* };
}
pub(super) use application;

/// The size of square images.
pub(super) fn square(shape: &Shape) -> Option<usize> {
    match shape.dims() {
        &[Some(height), Some(width), _] if height == width => Some(height),
        _ => None,
    }
}

/// The height of images as Keras puts it into names. With weights for images of these `sizes` it is one of them: 224 for
/// images of another.
pub(super) fn rows(shape: &Shape, sizes: Option<&[usize]>) -> String {
    match sizes {
        Some(sizes) => square(shape).filter(|n| sizes.contains(n)).unwrap_or(224).to_string(),
        None => shape.dims().first().copied().flatten().map_or("None".into(), |n| n.to_string()),
    }
}
