//! Categories by hash.
use super::encoding::{OutputMode, not_sparse};
use super::hash::{Salt, bin};
use crate::data::text;
use crate::dtype_policy::dtype_policy;
use crate::layers::HostLayer;
use crate::layers::checks::positive;
use crate::layers::prelude::*;
use serde::{Deserialize, Serialize};

/// The bin of each integer or string by its hash: FarmHash64, or SipHash-2-4 with a salt. Keras's `Hashing`.
///
/// It works before the graph, on inputs of the model. Bins as integers are int64 unless the layer is given another integer dtype.
///
/// ```
/// use cornu::data::text;
/// use cornu::prelude::*;
/// let words = Input::new([3]).dtype("string").tensor();
/// let bins = Hashing::new(3).apply(&words);
/// let mut model = Model::new(&words, &bins)?;
/// let y = model.predict(text::encode([1, 3], &["A", "B", "C"])?, Predict::new())?;
/// assert_eq!(y.to_f64(), [1.0, 0.0, 1.0]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[layer("keras.layers")]
pub struct Hashing {
    /// Number of bins, with that of the mask.
    pub num_bins: usize,
    /// The key of the hash; none by default.
    #[default(None)]
    pub salt: Option<Salt>,
    /// What goes to bin 0, which nothing else does then.
    #[default(None)]
    pub mask_value: Option<Token>,
    /// `"int"` (default), `"one_hot"`, `"multi_hot"` or `"count"`.
    #[default("int")]
    pub output_mode: OutputMode,
    /// Must be false: there are no sparse tensors.
    #[default(false)]
    pub sparse: bool,
}

/// An integer or a string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a text")]
pub enum Token {
    /// An integer.
    Integer(i64),
    /// A string.
    Text(String),
}

impl From<i64> for Token {
    fn from(x: i64) -> Token {
        Token::Integer(x)
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Token {
        Token::Text(text.into())
    }
}

impl Token {
    fn as_text(&self) -> String {
        match self {
            Token::Integer(x) => x.to_string(),
            Token::Text(text) => text.clone(),
        }
    }
}

/// The strings of text, or integers as they are written; and the shape of them.
pub(super) fn tokens(data: &Tensor) -> Result<(Vec<usize>, Vec<String>)> {
    if data.dtype() == DType::U32 {
        let sizes = data.shape().split_last().map(|(_, sizes)| sizes.to_vec()).unwrap_or_default();
        return Ok((sizes, text::decode(data)?));
    }
    let integers = data.cast(DType::I64).to_vec::<i64>()?;
    Ok((data.shape().to_vec(), integers.iter().map(i64::to_string).collect()))
}

/// The only input.
pub(super) fn single<T>(inputs: &[T]) -> Result<&T> {
    match inputs {
        [x] => Ok(x),
        _ => Err(Error::argument("inputs", format!("takes one input, got {}", inputs.len()))),
    }
}

/// The dtype of integers that come out, which the layer must have; int64 when it was given none.
pub(super) fn integer_dtype(class: &str, layer: &dyn Layer) -> Result<DType> {
    if layer.base().dtype == dtype_policy() {
        return Ok(DType::I64);
    }
    let dtype = layer.base().dtype.compute_dtype()?;
    if matches!(dtype, DType::I32 | DType::I64) {
        return Ok(dtype);
    }
    let message = format!("must be \"int32\" or \"int64\" with `output_mode=\"int\"`, got \"{dtype}\"");
    Err(Error::argument(format!("{class}.dtype"), message).help("give the layer `.dtype(\"int64\")`"))
}

/// Writes that dtype into a config.
pub(super) fn settle_integer_dtype(config: &mut serde_json::Value) {
    let given = dtype_policy();
    let policy = &mut config["dtype"];
    let name = if policy.is_string() { policy } else { &mut policy["config"]["name"] };
    if *name == given.name() {
        *name = DType::I64.name().into();
    }
}

impl Layer for Hashing {
    fn settle(&self, config: &mut serde_json::Value, _: Option<&[Shape]>) {
        if self.output_mode == OutputMode::Int {
            settle_integer_dtype(config);
        }
    }

    fn on_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }
}

impl HostLayer for Hashing {
    fn output_spec(&self, inputs: &[(Shape, DType)]) -> Result<(Shape, DType)> {
        positive("Hashing.num_bins", self.num_bins)?;
        not_sparse("Hashing", self.sparse)?;
        let shape = without_points(single(inputs)?);
        let dtype = match self.output_mode.check()? {
            OutputMode::Int => integer_dtype("Hashing", self)?,
            OutputMode::TfIdf => {
                return Err(Error::argument("output_mode", "\"tf_idf\" is not for this layer"));
            }
            _ => self.base.dtype.compute_dtype()?,
        };
        Ok((self.output_mode.shape(&shape, self.num_bins), dtype))
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        let x = single(inputs)?;
        let (shape, tokens) = tokens(x)?;
        let masked = self.mask_value.as_ref().filter(|_| self.num_bins > 1).map(Token::as_text);
        // Numbers are compared with the mask before their fractions are left out.
        let is_whole: Option<Vec<bool>> =
            x.dtype().is_float().then(|| x.to_f64().iter().map(|x| x.fract() == 0.0).collect());
        let place = |(i, token): (usize, &String)| match &masked {
            None => bin(token, self.num_bins, self.salt),
            Some(mask) if mask == token && is_whole.as_ref().is_none_or(|whole| whole[i]) => 0,
            Some(_) => bin(token, self.num_bins - 1, self.salt) + 1,
        };
        let places: Vec<i64> = tokens.iter().enumerate().map(|pair| place(pair) as i64).collect();
        let encoded = self.output_mode.encode_places(&shape, &places, self.num_bins, None)?;
        let is_int = self.output_mode == OutputMode::Int;
        let dtype = if is_int { integer_dtype("Hashing", self)? } else { self.base.dtype.compute_dtype()? };
        Ok(encoded.cast(dtype))
    }
}

/// The shape without the axis of code points, if it is that of text.
pub(super) fn without_points((shape, dtype): &(Shape, DType)) -> Shape {
    let axes = shape.rank() - usize::from(*dtype == DType::U32 && shape.rank() > 0);
    Shape(shape.0[..axes].to_vec())
}
