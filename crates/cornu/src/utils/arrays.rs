//! Getting data into the form that models take.
use cornu_graph::{DType, Error, Result, Spec, Tensor, memory, normalize_axis};

/// Class numbers as rows with a single 1: `(.., )` to `(.., num_classes)`, float32. Without `num_classes` there are as many as
/// the largest number says; a last axis of size 1 goes. Keras's `to_categorical`.
///
/// # Errors
/// When a number is none of the classes, or there is no memory for the rows.
///
/// ```
/// use cornu::{Tensor, utils::to_categorical};
/// let y = to_categorical(&Tensor::from([0i32, 2]), None)?;
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
/// assert_eq!(to_categorical(&Tensor::from([0i32, 2]), 10)?.shape(), [2, 10]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn to_categorical(x: &Tensor, num_classes: impl Into<Option<usize>>) -> Result<Tensor> {
    if x.dtype().is_float() && x.to_f64().iter().any(|label| !label.is_finite()) {
        return Err(Error::argument("x", "a label is no number"));
    }
    let labels = x.cast(DType::I64).to_vec::<i64>()?;
    let largest = labels.iter().copied().max().unwrap_or(-1);
    let count = num_classes.into().unwrap_or(largest.saturating_add(1).max(0) as usize);
    let mut shape = x.shape().to_vec();
    if shape.len() > 1 && shape.last() == Some(&1) {
        shape.pop();
    }
    shape.push(count);
    memory::room(&Spec::f32(&shape[..]))?;
    let mut rows = vec![0f32; labels.len() * count];
    for (i, &label) in labels.iter().enumerate() {
        match usize::try_from(label) {
            Ok(class) if class < count => rows[i * count + class] = 1.0,
            _ => return Err(Error::argument("x", format!("label {label} is none of {count} classes"))),
        }
    }
    Tensor::new(shape, rows)
}

/// Where a sequence is filled up or cut.
#[derive(Clone, Copy)]
enum Side {
    Pre,
    Post,
}

impl Side {
    fn of(what: &'static str, word: &str) -> Result<Side> {
        match word {
            "pre" => Ok(Side::Pre),
            "post" => Ok(Side::Post),
            _ => Err(Error::unknown(what, word, ["pre", "post"])),
        }
    }
}

/// Sequences of one length, int32 `(sequences, maxlen)`: shorter ones are filled up with `value` and longer ones cut, at the
/// beginning (`"pre"`) or the end (`"post"`). Without `maxlen` it is the length of the longest. Keras's `pad_sequences`, whose
/// defaults are `"pre"`, `"pre"` and 0.
///
/// # Errors
/// When a word is another, or there is no memory for the rows.
///
/// ```
/// use cornu::utils::pad_sequences;
/// let x = pad_sequences(&[vec![1], vec![2, 3, 4]], 2, "pre", "pre", 0)?;
/// assert_eq!(x.to_vec::<i32>()?, [0, 1, 3, 4]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn pad_sequences(
    sequences: &[Vec<i32>],
    maxlen: impl Into<Option<usize>>,
    padding: &str,
    truncating: &str,
    value: i32,
) -> Result<Tensor> {
    let (padding, truncating) = (Side::of("padding", padding)?, Side::of("truncating", truncating)?);
    let length = maxlen.into().unwrap_or(sequences.iter().map(Vec::len).max().unwrap_or(0));
    memory::room(&Spec::new(DType::I32, [sequences.len(), length]))?;
    let mut rows = Vec::with_capacity(sequences.len() * length);
    for sequence in sequences {
        let kept = match truncating {
            Side::Pre => &sequence[sequence.len().saturating_sub(length)..],
            Side::Post => &sequence[..sequence.len().min(length)],
        };
        let fill = std::iter::repeat_n(value, length - kept.len());
        match padding {
            Side::Pre => rows.extend(fill.chain(kept.iter().copied())),
            Side::Post => rows.extend(kept.iter().copied().chain(fill)),
        }
    }
    Tensor::new([sequences.len(), length], rows)
}

/// Divided by its norm of this order along an axis; what has the norm 0 stays. Keras's `normalize`, whose defaults are the last
/// axis and order 2.
///
/// # Errors
/// When there is no such axis, or the order is 0.
///
/// ```
/// use cornu::{Tensor, utils::normalize};
/// let x = normalize(&Tensor::from([3f32, 4.0]), -1, 2)?;
/// assert_eq!(x.to_vec::<f32>()?, [0.6, 0.8]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn normalize(x: &Tensor, axis: i64, order: u32) -> Result<Tensor> {
    let axis = normalize_axis("normalize", axis, x.rank())?;
    if order == 0 {
        return Err(Error::argument("order", "must be at least 1, got 0"));
    }
    let size = x.shape()[axis];
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let mut values = x.to_f64();
    let p = f64::from(order);
    for start in (0..values.len()).filter(|i| (i / inner.max(1)).is_multiple_of(size.max(1))) {
        let places = (0..size).map(|k| start + k * inner);
        let norm = places.clone().map(|i| values[i].abs().powf(p)).sum::<f64>().powf(1.0 / p);
        if norm != 0.0 {
            places.for_each(|i| values[i] /= norm);
        }
    }
    let dtype = if x.dtype().is_float() { x.dtype() } else { DType::F32 };
    Tensor::from_f64(x.shape(), dtype, &values)
}
