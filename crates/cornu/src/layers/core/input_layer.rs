//! Where data comes in.
use crate::dtype_policy::DTypePolicy;
use crate::layers::{Call, HasBase, Layer, LayerBase, LayerObject};
use crate::models::KerasTensor;
use crate::models::keras_tensor::source;
use crate::object::KerasObject;
use crate::shape::Shape;
use cornu_graph::{DType, Error, Result, Spec, Value, memory};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Keras's `Input`: the shape and dtype of one input of a model.
///
/// ```
/// use cornu::prelude::*;
/// let image = Input::new([28, 28, 1]).name("image").tensor();
/// assert_eq!(image.shape().to_string(), "(None, 28, 28, 1)");
/// ```
#[derive(Clone, Debug)]
pub struct Input {
    shape: Shape,
    batch_size: Option<usize>,
    dtype: Option<String>,
    name: Option<String>,
}

impl Input {
    /// An input of `shape`, without the batch axis; `None` for axes of any size.
    pub fn new(shape: impl Into<Shape>) -> Input {
        Input { shape: shape.into(), batch_size: None, dtype: None, name: None }
    }

    /// A fixed batch size.
    pub fn batch_size(mut self, batch_size: usize) -> Input {
        self.batch_size = Some(batch_size);
        self
    }

    /// Type of the elements; `"float32"` by default, `"string"` for [`text`](crate::data::text).
    pub fn dtype(mut self, dtype: impl Into<String>) -> Input {
        self.dtype = Some(dtype.into());
        self
    }

    /// Name of the input, by which data can be given.
    pub fn name(mut self, name: impl Into<String>) -> Input {
        self.name = Some(name.into());
        self
    }

    /// The symbolic tensor, for the functional API.
    pub fn tensor(self) -> KerasTensor {
        self.layer().tensor()
    }

    /// The layer, for `Sequential`.
    pub fn layer(self) -> InputLayer {
        let mut batch_shape = vec![self.batch_size];
        batch_shape.extend(self.shape.dims());
        let mut layer = InputLayer::new(Shape(batch_shape));
        layer.base.name = self.name;
        if let Some(dtype) = &self.dtype {
            layer.base.dtype = DTypePolicy::from(dtype.as_str());
        }
        layer
    }
}

/// Keras's `InputLayer`: gives the data of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputLayer {
    base: LayerBase,
    /// With the batch axis first.
    batch_shape: Shape,
}

impl InputLayer {
    /// An input of this shape, the batch axis first.
    pub fn new(batch_shape: impl Into<Shape>) -> InputLayer {
        // Data is of one dtype, whatever layers compute in.
        let mut base = LayerBase::new();
        base.dtype = DTypePolicy::default();
        InputLayer { base, batch_shape: batch_shape.into() }
    }

    /// With the batch axis first.
    pub fn batch_shape(&self) -> &Shape {
        &self.batch_shape
    }

    /// The same input for data of this dtype.
    pub(crate) fn of_dtype(mut self, dtype: DType) -> InputLayer {
        self.base.dtype = DTypePolicy::from(dtype.name());
        self
    }

    /// Type of the data.
    ///
    /// # Errors
    /// When the dtype given is none.
    pub fn dtype(&self) -> Result<DType> {
        if self.is_text() { Ok(DType::U32) } else { self.base.dtype.compute_dtype() }
    }

    /// Whether the data is text: dtype `"string"`.
    pub(crate) fn is_text(&self) -> bool {
        self.base.dtype.name() == "string"
    }

    /// Fails on sizes that no data has.
    fn check_shape(&self, dtype: DType) -> Result<()> {
        let most = i32::MAX as usize;
        if let Some(size) = self.batch_shape.dims().iter().flatten().find(|&&size| size > most) {
            return Err(Error::argument(
                "Input.shape",
                format!("an axis of size {size} is larger than any data"),
            ));
        }
        let of_one = memory::check(&Spec::new(dtype, self.batch_shape.with(1)));
        of_one.map(drop).map_err(|e| e.within("Input.shape"))
    }

    /// The symbolic tensor that stands for the data.
    pub fn tensor(&self) -> KerasTensor {
        let checked = self.dtype().and_then(|dtype| self.check_shape(dtype).map(|()| dtype));
        let (dtype, error) = match checked {
            Ok(dtype) => (dtype, None),
            Err(e) => (DType::F32, Some(e)),
        };
        let mut shape = self.batch_shape.clone();
        if self.is_text() {
            // The code points of each string.
            shape.0.push(None);
        }
        // Named now, as in Keras, not when it is first used.
        self.base.resolved_name(Self::CLASS_NAME);
        source(self.share(), shape, dtype, error)
    }
}

impl HasBase for InputLayer {
    fn base(&self) -> &LayerBase {
        &self.base
    }
    fn base_mut(&mut self) -> &mut LayerBase {
        &mut self.base
    }
}

impl KerasObject for InputLayer {
    const MODULE: &'static str = "keras.layers";
    const CLASS_NAME: &'static str = "InputLayer";
}

impl Layer for InputLayer {
    fn call_many(&self, _: &Call, inputs: &[Value]) -> Result<Vec<Value>> {
        // Models put the data in place of this layer.
        if inputs.is_empty() {
            Err(Error::State("an input layer needs data".into()))
        } else {
            Ok(inputs.to_vec())
        }
    }

    fn keeps_input_dtype(&self) -> bool {
        true
    }
}

/// Keras writes its keys in an order of their own, and the dtype as a plain string.
impl Serialize for InputLayer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("batch_shape", &self.batch_shape)?;
        map.serialize_entry("dtype", self.base.dtype.name())?;
        map.serialize_entry("sparse", &false)?;
        map.serialize_entry("ragged", &false)?;
        map.serialize_entry("name", self.base.resolved_name(Self::CLASS_NAME))?;
        map.serialize_entry("optional", &false)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for InputLayer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        /// The keys that Keras has written over time.
        #[derive(Deserialize)]
        struct Config {
            #[serde(alias = "batch_input_shape")]
            batch_shape: Shape,
            #[serde(default)]
            dtype: DTypePolicy,
            #[serde(default)]
            sparse: bool,
            #[serde(default)]
            ragged: bool,
            #[serde(default)]
            optional: bool,
            name: Option<String>,
        }
        let config = Config::deserialize(deserializer)?;
        if config.sparse || config.ragged || config.optional {
            return Err(serde::de::Error::custom("sparse, ragged and optional inputs are not supported"));
        }
        let mut layer = InputLayer::new(config.batch_shape);
        (layer.base.name, layer.base.dtype) = (config.name, config.dtype);
        Ok(layer)
    }
}
