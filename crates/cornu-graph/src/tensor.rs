//! Host tensors: dtype, shape and values in memory.
use crate::shape::count;
use crate::{DType, Element, Error, Result, with_dtype};
use half::{bf16, f16};
use ndarray::{Array, ArrayD, Dimension, IxDyn};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A dense row-major array on the host. Cloning shares the values; writing to a shared one copies first.
///
/// ```
/// use cornu_graph::{DType, Tensor};
/// let t = Tensor::new([2, 3], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!((t.dtype(), t.shape()), (DType::F32, &[2, 3][..]));
/// assert_eq!(t.cast(DType::I32).to_vec::<i32>()?, [1, 2, 3, 4, 5, 6]);
/// # Ok::<(), cornu_graph::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    shape: Vec<usize>,
    /// Shared by clones, and by tensors of some of its rows.
    data: Arc<Data>,
    /// The place of the first element.
    start: usize,
    len: usize,
}

macro_rules! data {
    ($($v:ident $t:ty),*) => {
        #[derive(Clone)]
        enum Data { $($v(Vec<$t>)),* }

        /// How an element type finds its vector.
        trait Stored: Element {
            fn wrap(values: Vec<Self>) -> Data;
            fn slice(data: &Data) -> Option<&[Self]>;
            fn slice_mut(data: &mut Data) -> Option<&mut [Self]>;
        }
        $(impl Stored for $t {
            fn wrap(values: Vec<Self>) -> Data { Data::$v(values) }
            fn slice(data: &Data) -> Option<&[Self]> { if let Data::$v(v) = data { Some(v) } else { None } }
            fn slice_mut(data: &mut Data) -> Option<&mut [Self]> { if let Data::$v(v) = data { Some(v) } else { None } }
        })*

        impl Data {
            fn dtype(&self) -> DType { match self { $(Data::$v(_) => DType::$v),* } }
            fn len(&self) -> usize { match self { $(Data::$v(v) => v.len()),* } }
            fn as_ptr(&self) -> *const u8 { match self { $(Data::$v(v) => v.as_ptr().cast()),* } }
            fn as_mut_ptr(&mut self) -> *mut u8 { match self { $(Data::$v(v) => v.as_mut_ptr().cast()),* } }
        }
    };
}
data!(Bool bool, I8 i8, I16 i16, I32 i32, I64 i64, U8 u8, U16 u16, U32 u32, U64 u64, F16 f16, BF16 bf16, F32 f32, F64 f64);

/// Element types that a [`Tensor`] stores; sealed.
#[allow(private_bounds)]
pub trait TensorElement: Element + Stored {}
impl<T: Element + Stored> TensorElement for T {}

impl Tensor {
    /// All of `data`.
    fn of(shape: Vec<usize>, data: Data) -> Tensor {
        Tensor { shape, len: data.len(), data: Arc::new(data), start: 0 }
    }

    /// The values, if they are of this type.
    fn values<T: TensorElement>(&self) -> Option<&[T]> {
        T::slice(&self.data).and_then(|all| all.get(self.start..self.start + self.len))
    }

    /// The values to write to: of this tensor alone.
    fn own(&mut self) -> &mut Data {
        if self.len != self.data.len() {
            let some = with_dtype!(self.dtype(), T => {
                T::wrap(self.values::<T>().unwrap_or_default().to_vec())
            });
            (self.data, self.start) = (Arc::new(some), 0);
        }
        Arc::make_mut(&mut self.data)
    }

    /// A tensor of `shape` with `values` in row-major order.
    ///
    /// # Errors
    /// When the number of values is not the product of the shape.
    pub fn new<T: TensorElement>(shape: impl Into<Vec<usize>>, values: Vec<T>) -> Result<Tensor> {
        let shape = shape.into();
        if count(&shape) != Some(values.len()) {
            return Err(Error::Data(format!(
                "a tensor of shape {shape:?} does not hold {} values",
                values.len()
            )));
        }
        Ok(Tensor::of(shape, T::wrap(values)))
    }

    /// A tensor without axes.
    pub fn scalar<T: TensorElement>(value: T) -> Tensor {
        Tensor::of(vec![], T::wrap(vec![value]))
    }

    /// A tensor filled with `value`, converted to `dtype`.
    ///
    /// # Panics
    /// When there is no memory for it, as `vec![value; n]` does; [`memory::room`](crate::memory::room) asks before.
    pub fn full(shape: impl Into<Vec<usize>>, dtype: DType, value: f64) -> Tensor {
        let shape = shape.into();
        // More than any vector holds, so that a shape that overflows is not taken for a small one.
        let n = count(&shape).unwrap_or(usize::MAX);
        Tensor::of(shape, with_dtype!(dtype, T => T::wrap(vec![T::from_f64(value); n])))
    }

    /// A tensor of zeros.
    ///
    /// # Panics
    /// As [`Tensor::full`].
    pub fn zeros(shape: impl Into<Vec<usize>>, dtype: DType) -> Tensor {
        Tensor::full(shape, dtype, 0.0)
    }

    /// A tensor of ones.
    ///
    /// # Panics
    /// As [`Tensor::full`].
    pub fn ones(shape: impl Into<Vec<usize>>, dtype: DType) -> Tensor {
        Tensor::full(shape, dtype, 1.0)
    }

    /// A tensor of `dtype` from values given as f64.
    ///
    /// # Errors
    /// When the number of values is not the product of the shape.
    pub fn from_f64(shape: impl Into<Vec<usize>>, dtype: DType, values: &[f64]) -> Result<Tensor> {
        with_dtype!(dtype, T => Tensor::new(shape, values.iter().map(|&x| T::from_f64(x)).collect::<Vec<T>>()))
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No elements at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The values in row-major order.
    ///
    /// # Errors
    /// When `T` is not the tensor's dtype.
    pub fn as_slice<T: TensorElement>(&self) -> Result<&[T]> {
        self.values::<T>().ok_or_else(|| wrong_dtype(T::DTYPE, self.dtype()))
    }

    /// The values in row-major order, to write to.
    ///
    /// # Errors
    /// When `T` is not the tensor's dtype.
    pub fn as_slice_mut<T: TensorElement>(&mut self) -> Result<&mut [T]> {
        let got = self.dtype();
        T::slice_mut(self.own()).ok_or_else(|| wrong_dtype(T::DTYPE, got))
    }

    /// A copy of the values in row-major order.
    ///
    /// # Errors
    /// When `T` is not the tensor's dtype.
    pub fn to_vec<T: TensorElement>(&self) -> Result<Vec<T>> {
        self.as_slice::<T>().map(<[T]>::to_vec)
    }

    /// The values as f64, whatever the dtype.
    pub fn to_f64(&self) -> Vec<f64> {
        self.convert(|x: f64| x)
    }

    /// The only value of a tensor with one element, as f64.
    ///
    /// # Errors
    /// When there is not exactly one element.
    pub fn item(&self) -> Result<f64> {
        if self.len() != 1 {
            return Err(Error::Data(format!("a tensor of shape {:?} has no single value", self.shape)));
        }
        Ok(with_dtype!(self.dtype(), T => self.as_slice::<T>()?[0].to_f64()))
    }

    fn convert<U>(&self, f: impl Fn(f64) -> U) -> Vec<U> {
        with_dtype!(self.dtype(), T => match self.values::<T>() {
            Some(values) => values.iter().map(|x| f(x.to_f64())).collect(),
            None => vec![],
        })
    }

    /// The same values in another dtype: floats round to nearest, floats to integers truncate, integers wrap.
    pub fn cast(&self, dtype: DType) -> Tensor {
        if dtype == self.dtype() {
            return self.clone();
        }
        let via_int = self.dtype().is_int() && !dtype.is_float();
        let data = with_dtype!(dtype, U => U::wrap(if via_int {
            with_dtype!(self.dtype(), T => {
                self.values::<T>().unwrap_or_default().iter().map(|x| U::from_i64(x.to_i64())).collect()
            })
        } else {
            self.convert(U::from_f64)
        }));
        Tensor::of(self.shape.clone(), data)
    }

    /// The same values in another shape.
    ///
    /// # Errors
    /// When the number of elements differs.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        let shape = shape.into();
        if count(&shape) != Some(self.len()) {
            return Err(Error::Data(format!("a tensor of shape {:?} cannot become {shape:?}", self.shape)));
        }
        Ok(Tensor { shape, ..self.clone() })
    }

    /// Rows `from..to` of the first axis, in the memory of the whole until one of them is written to.
    ///
    /// # Errors
    /// When the tensor has no axis or fewer rows.
    pub fn rows(&self, from: usize, to: usize) -> Result<Tensor> {
        let Some(&rows) = self.shape.first() else {
            return Err(Error::Data("a tensor without axes has no rows".into()));
        };
        if from > to || to > rows {
            return Err(Error::Data(format!("rows {from}..{to} of a tensor with {rows} rows")));
        }
        let row: usize = self.shape[1..].iter().product();
        let mut shape = self.shape.clone();
        shape[0] = to - from;
        let (start, len) = (self.start + from * row, (to - from) * row);
        Ok(Tensor { shape, data: self.data.clone(), start, len })
    }

    /// The memory of the values.
    pub fn bytes(&self) -> &[u8] {
        let size = self.dtype().size();
        // SAFETY: every element type is plain data without padding, and the vector, which has these elements, outlives the borrow.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr().add(self.start * size), self.len * size) }
    }

    /// The memory of the values, to write to; a shared tensor is copied first.
    ///
    /// # Safety
    /// What is written must be valid elements: for bool 0 or 1.
    pub unsafe fn bytes_mut(&mut self) -> &mut [u8] {
        let size = self.len() * self.dtype().size();
        let data = self.own();
        // SAFETY: `data` owns `size` bytes, borrowed as long as `self` is.
        unsafe { std::slice::from_raw_parts_mut(data.as_mut_ptr(), size) }
    }

    /// Overwrites the values from memory laid out as [`Tensor::bytes`].
    ///
    /// # Errors
    /// When the length differs, or a bool is neither 0 nor 1.
    pub fn copy_from_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let size = self.len() * self.dtype().size();
        if bytes.len() != size {
            return Err(Error::Data(format!("{} bytes for a tensor of {size}", bytes.len())));
        }
        if self.dtype() == DType::Bool && bytes.iter().any(|&b| b > 1) {
            return Err(Error::Data("a bool is neither 0 nor 1".into()));
        }
        // SAFETY: any bytes (for bool: 0 or 1, checked) are valid elements.
        unsafe { self.bytes_mut() }.copy_from_slice(bytes);
        Ok(())
    }

    /// As an `ndarray` array.
    ///
    /// # Errors
    /// When `T` is not the tensor's dtype.
    pub fn to_ndarray<T: TensorElement>(&self) -> Result<ArrayD<T>> {
        ArrayD::from_shape_vec(IxDyn(&self.shape), self.to_vec::<T>()?)
            .map_err(|e| Error::Data(e.to_string()))
    }
}

fn wrong_dtype(want: DType, got: DType) -> Error {
    Error::Data(format!("expected a tensor of {want}, got {got}")).help("convert it with `cast`")
}

impl<T: TensorElement, D: Dimension> From<Array<T, D>> for Tensor {
    fn from(array: Array<T, D>) -> Tensor {
        let shape = array.shape().to_vec();
        // Iteration is in logical order, whatever the memory layout.
        Tensor::of(shape, T::wrap(array.iter().copied().collect()))
    }
}

impl<T: TensorElement> From<Vec<T>> for Tensor {
    fn from(values: Vec<T>) -> Tensor {
        Tensor::of(vec![values.len()], T::wrap(values))
    }
}

impl<T: TensorElement> From<&[T]> for Tensor {
    fn from(values: &[T]) -> Tensor {
        values.to_vec().into()
    }
}

impl<T: TensorElement, const N: usize> From<[T; N]> for Tensor {
    fn from(values: [T; N]) -> Tensor {
        values.to_vec().into()
    }
}

impl<T: TensorElement, const N: usize, const M: usize> From<[[T; N]; M]> for Tensor {
    fn from(values: [[T; N]; M]) -> Tensor {
        Tensor::of(vec![M, N], T::wrap(values.into_iter().flatten().collect()))
    }
}

/// Equal when dtype, shape and every bit are equal.
impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        self.shape == other.shape && self.dtype() == other.dtype() && self.bytes() == other.bytes()
    }
}
impl Eq for Tensor {}

impl Hash for Tensor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shape.hash(state);
        self.dtype().hash(state);
        let bytes = self.bytes();
        bytes[..bytes.len().min(256)].hash(state);
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "Tensor({}{:?} ", self.dtype(), self.shape)?;
        let text = with_dtype!(self.dtype(), T => {
            let values = self.values::<T>().unwrap_or_default();
            let mut shown: Vec<String> = values.iter().take(SHOWN).map(|x| format!("{x:?}")).collect();
            if values.len() > SHOWN {
                shown.push("...".into());
            }
            shown.join(", ")
        });
        write!(f, "[{text}])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn from_and_to_ndarray() {
        let a = array![[1i32, 2, 3], [4, 5, 6]];
        let t = Tensor::from(a.t().to_owned());
        assert_eq!(t.shape(), [3, 2]);
        assert_eq!(t.to_vec::<i32>().unwrap(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(t.to_ndarray::<i32>().unwrap(), a.t().to_owned().into_dyn());
    }

    #[test]
    fn casts() {
        let t = Tensor::from([-1.5f32, 300.7, f32::NAN]);
        assert_eq!(t.cast(DType::I32).to_vec::<i32>().unwrap(), [-1, 300, 0]);
        assert_eq!(t.cast(DType::Bool).to_vec::<bool>().unwrap(), [true, true, true]);
        let big = Tensor::from([u64::MAX, 1 << 60]);
        assert_eq!(big.cast(DType::I64).to_vec::<i64>().unwrap(), [-1, 1 << 60]);
        assert_eq!(Tensor::from([300i32]).cast(DType::U8).to_vec::<u8>().unwrap(), [44]);
    }

    #[test]
    fn clones_share_until_written() {
        let a = Tensor::from([1f32, 2.0]);
        let mut b = a.clone();
        b.as_slice_mut::<f32>().unwrap()[0] = 9.0;
        assert_eq!(a.to_vec::<f32>().unwrap(), [1.0, 2.0]);
        assert_eq!(b.to_vec::<f32>().unwrap(), [9.0, 2.0]);
    }

    #[test]
    fn errors() {
        let e = Tensor::new([2, 3], vec![0f32; 5]).unwrap_err();
        assert_eq!(e.to_string(), "a tensor of shape [2, 3] does not hold 5 values");
        let e = Tensor::from([1f32]).as_slice::<i32>().unwrap_err();
        assert_eq!(e.to_string(), "expected a tensor of int32, got float32\n  help: convert it with `cast`");
        assert!(Tensor::from([true]).copy_from_bytes(&[2]).is_err());
    }

    #[test]
    fn rows_are_those_of_the_whole_until_written_to() {
        let mut whole = Tensor::new([3, 2], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let mut rows = whole.rows(1, 3).unwrap();
        let first = rows.rows(0, 1).unwrap();
        assert_eq!(first.bytes().as_ptr(), whole.rows(1, 2).unwrap().bytes().as_ptr());
        rows.as_slice_mut::<f32>().unwrap()[0] = 7.0;
        whole.as_slice_mut::<f32>().unwrap()[2] = 8.0;
        assert_eq!(rows.to_vec::<f32>().unwrap(), [7.0, 4.0, 5.0, 6.0]);
        assert_eq!(rows.rows(1, 2).unwrap().to_vec::<f32>().unwrap(), [5.0, 6.0]);
        assert_eq!(first.to_vec::<f32>().unwrap(), [3.0, 4.0]);
        assert_eq!(whole.to_vec::<f32>().unwrap(), [1.0, 2.0, 8.0, 4.0, 5.0, 6.0]);
        assert!(whole.rows(3, 3).unwrap().is_empty());
        assert_eq!(first.reshape([2]).unwrap(), Tensor::from([3f32, 4.0]));
    }
}
