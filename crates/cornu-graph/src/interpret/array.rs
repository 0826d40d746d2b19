//! Arrays of the interpreter.
use crate::shape::strides;
use crate::{DType, Element, Error, Result, Spec, Tensor, with_dtype};

/// Elements of any dtype in one of two exact forms.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats of any width.
    Floats(Vec<f64>),
    /// Integers of any width, and bools as 0 and 1.
    Ints(Vec<i128>),
}

/// A dense row-major array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Shape and dtype.
    pub spec: Spec,
    /// The elements in row-major order.
    pub data: Data,
}

impl Array {
    /// An array of a float dtype. `values` are in row-major order, as many as the spec has elements.
    pub fn floats(spec: &Spec, values: Vec<f64>) -> Array {
        debug_assert!(spec.dtype.is_float() && values.len() == spec.len());
        Array { spec: spec.clone(), data: Data::Floats(values) }
    }

    /// An array of an integer dtype or bool; the values wrap at its width, and for bool are `x != 0`.
    pub fn ints(spec: &Spec, values: impl IntoIterator<Item = i128>) -> Array {
        let values: Vec<i128> = values.into_iter().map(|x| wrap(spec.dtype, x)).collect();
        debug_assert!(!spec.dtype.is_float() && values.len() == spec.len());
        Array { spec: spec.clone(), data: Data::Ints(values) }
    }

    /// The values of a tensor.
    ///
    /// # Errors
    /// None for any tensor that exists.
    pub fn from_tensor(tensor: &Tensor) -> Result<Array> {
        let spec = Spec::new(tensor.dtype(), tensor.shape());
        Ok(match spec.dtype {
            DType::U64 => Array::ints(&spec, tensor.to_vec::<u64>()?.into_iter().map(i128::from)),
            d if d.is_float() => Array::floats(&spec, tensor.to_f64()),
            d => with_dtype!(d, T => {
                Array::ints(&spec, tensor.to_vec::<T>()?.into_iter().map(|x| i128::from(x.to_i64())))
            }),
        })
    }

    /// A tensor of these values, rounded to the dtype.
    ///
    /// # Errors
    /// When the number of values is not that of the spec.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let shape = self.spec.shape.clone();
        match &self.data {
            Data::Floats(v) => Tensor::from_f64(shape, self.spec.dtype, v),
            // Wrapping to i64 and back keeps all 64 bits.
            Data::Ints(v) => with_dtype!(self.spec.dtype, T => {
                Tensor::new(shape, v.iter().map(|&x| T::from_i64(x as i64)).collect::<Vec<T>>())
            }),
        }
    }

    /// The elements, of a float dtype.
    ///
    /// # Errors
    /// When they are integers.
    pub fn as_floats(&self) -> Result<&[f64]> {
        match &self.data {
            Data::Floats(v) => Ok(v),
            Data::Ints(_) => Err(Error::Data(format!("expected floats, got {}", self.spec))),
        }
    }

    /// The elements, of an integer dtype or bool.
    ///
    /// # Errors
    /// When they are floats.
    pub fn as_ints(&self) -> Result<&[i128]> {
        match &self.data {
            Data::Ints(v) => Ok(v),
            Data::Floats(_) => Err(Error::Data(format!("expected integers, got {}", self.spec))),
        }
    }

    /// The array of spec `out` whose element `i` is this one's element `source[i]`.
    pub fn pick(&self, out: &Spec, source: impl IntoIterator<Item = usize>) -> Array {
        let source = source.into_iter();
        let data = match &self.data {
            Data::Floats(v) => Data::Floats(source.map(|i| v[i]).collect()),
            Data::Ints(v) => Data::Ints(source.map(|i| v[i]).collect()),
        };
        Array { spec: out.clone(), data }
    }

    /// The array of spec `out` whose element at each index is this one's at `source(index)`.
    pub fn pick_index(&self, out: &Spec, source: impl Fn(&[usize]) -> Vec<usize>) -> Array {
        self.pick(out, Indices::new(&out.shape).map(|index| offset(&self.spec.shape, &source(&index))))
    }

    /// Overwrites element `i` with element `j` of `other`, which has the same dtype.
    pub fn set(&mut self, i: usize, other: &Array, j: usize) {
        match (&mut self.data, &other.data) {
            (Data::Floats(to), Data::Floats(from)) => to[i] = from[j],
            (Data::Ints(to), Data::Ints(from)) => to[i] = from[j],
            _ => debug_assert!(false, "arrays of two kinds"),
        }
    }

    /// The same elements under another shape.
    pub fn reshaped(&self, out: &Spec) -> Array {
        Array { spec: out.clone(), data: self.data.clone() }
    }

    /// An array of zeros.
    pub fn zeros(spec: &Spec) -> Array {
        let n = spec.len();
        let data = if spec.dtype.is_float() { Data::Floats(vec![0.0; n]) } else { Data::Ints(vec![0; n]) };
        Array { spec: spec.clone(), data }
    }
}

/// An integer as a dtype holds it: modulo its width; for bool, `x != 0`.
pub(crate) fn wrap(dtype: DType, x: i128) -> i128 {
    match dtype {
        DType::Bool => i128::from(x != 0),
        DType::U64 => i128::from(x as u64),
        d if d.is_float() => x,
        d => with_dtype!(d, T => i128::from(T::from_i64(x as i64).to_i64())),
    }
}

/// Place of `index` in a row-major array of `shape`.
pub(crate) fn offset(shape: &[usize], index: &[usize]) -> usize {
    index.iter().zip(strides(shape)).map(|(i, s)| i * s).sum()
}

/// Every index of an array of some shape, in row-major order.
#[derive(Clone, Debug)]
pub struct Indices {
    shape: Vec<usize>,
    next: usize,
    len: usize,
}

impl Indices {
    /// The indices of an array of `shape`.
    pub fn new(shape: &[usize]) -> Indices {
        Indices { shape: shape.to_vec(), next: 0, len: shape.iter().product() }
    }
}

impl Iterator for Indices {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        if self.next == self.len {
            return None;
        }
        let at = self.next;
        self.next += 1;
        Some(
            strides(&self.shape).iter().zip(&self.shape).map(|(&stride, &size)| at / stride % size).collect(),
        )
    }
}
