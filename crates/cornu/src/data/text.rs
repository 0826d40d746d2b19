//! Text as tensors of numbers.
//!
//! A tensor of strings is one of `uint32` with an axis more, the last: the Unicode code points of each string, and zeros
//! behind the shorter ones. That is NumPy's own form of text.
use cornu_graph::{DType, Error, Result, Tensor};

/// Strings of this shape as code points.
///
/// # Errors
/// When there are not as many strings as the shape says, or one holds the character 0.
///
/// ```
/// use cornu::data::text;
/// let words = text::encode([2], &["cat", "mouse"])?;
/// assert_eq!(words.shape(), [2, 5]);
/// assert_eq!(text::decode(&words)?, ["cat", "mouse"]);
/// # Ok::<(), cornu::Error>(())
/// ```
pub fn encode<S: AsRef<str>>(shape: impl Into<Vec<usize>>, strings: &[S]) -> Result<Tensor> {
    let mut shape = shape.into();
    let width = strings.iter().map(|s| s.as_ref().chars().count()).max().unwrap_or(0);
    let mut points = Vec::with_capacity(strings.len() * width);
    for string in strings {
        let start = points.len();
        points.extend(string.as_ref().chars().map(u32::from));
        if points[start..].contains(&0) {
            return Err(Error::Data("text cannot hold the character 0".into()));
        }
        points.resize(start + width, 0);
    }
    shape.push(width);
    Tensor::new(shape, points)
}

/// The strings of a tensor of code points, in row-major order.
///
/// # Errors
/// When the tensor is not one of code points.
pub fn decode(tensor: &Tensor) -> Result<Vec<String>> {
    let bad = |what: String| Error::Data(format!("expected text as code points, got {what}"));
    let Some((&width, sizes)) = tensor.shape().split_last().filter(|_| tensor.dtype() == DType::U32) else {
        return Err(bad(format!("{}{:?}", tensor.dtype(), tensor.shape())));
    };
    let points = tensor.as_slice::<u32>()?;
    let string = |i: usize| {
        let points = points[i * width..(i + 1) * width].iter().copied();
        let mut string = String::new();
        for point in points.take_while(|&point| point != 0) {
            string.push(char::from_u32(point).ok_or_else(|| bad(format!("{point:#x}")))?);
        }
        Ok(string)
    };
    (0..sizes.iter().product()).map(string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let strings = ["", "Grüße", "日本", "a b"];
        let tensor = encode([2, 2], &strings).unwrap();
        assert_eq!(tensor.shape(), [2, 2, 5]);
        assert_eq!(decode(&tensor).unwrap(), strings);
        assert_eq!(encode([1], &[""]).unwrap().shape(), [1, 0]);
        assert!(encode([1], &["a\0b"]).is_err());
        assert!(decode(&Tensor::from([1.0f32])).is_err());
    }
}
