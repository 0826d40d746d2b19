//! Data for `fit`, `evaluate` and `predict`: arrays on the host, by position or by name.
use cornu_graph::{Error, Result, Tensor, with_dtype};
use ndarray::{Array, Dimension};

/// Arrays whose first axis is the samples: one, several in order, or several by name.
///
/// Made from a [`Tensor`], an `ndarray` array, a `Vec` of numbers (one per sample), or arrays and vectors of those; pairs
/// of a name and a tensor give data by the name of the input or output.
#[derive(Clone, Debug, Default)]
pub struct Data {
    names: Option<Vec<String>>,
    tensors: Vec<Tensor>,
}

impl From<Tensor> for Data {
    fn from(tensor: Tensor) -> Data {
        Data { names: None, tensors: vec![tensor] }
    }
}

impl From<&Tensor> for Data {
    fn from(tensor: &Tensor) -> Data {
        tensor.clone().into()
    }
}

impl<T: cornu_graph::TensorElement, D: Dimension> From<Array<T, D>> for Data {
    fn from(array: Array<T, D>) -> Data {
        Tensor::from(array).into()
    }
}

impl<T: cornu_graph::TensorElement, D: Dimension> From<&Array<T, D>> for Data {
    fn from(array: &Array<T, D>) -> Data {
        Tensor::from(array.clone()).into()
    }
}

macro_rules! from_numbers {
    ($($t:ty)*) => { $(
        impl From<Vec<$t>> for Data {
            fn from(values: Vec<$t>) -> Data {
                Tensor::from(values).into()
            }
        }
        impl From<&[$t]> for Data {
            fn from(values: &[$t]) -> Data {
                Tensor::from(values).into()
            }
        }
    )* };
}
from_numbers!(bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

impl From<Vec<Tensor>> for Data {
    fn from(tensors: Vec<Tensor>) -> Data {
        Data { names: None, tensors }
    }
}

impl From<&[Tensor]> for Data {
    fn from(tensors: &[Tensor]) -> Data {
        tensors.to_vec().into()
    }
}

impl<const N: usize> From<[&Tensor; N]> for Data {
    fn from(tensors: [&Tensor; N]) -> Data {
        tensors.into_iter().cloned().collect::<Vec<_>>().into()
    }
}

impl<const N: usize> From<[Tensor; N]> for Data {
    fn from(tensors: [Tensor; N]) -> Data {
        tensors.to_vec().into()
    }
}

/// No arrays: in place of targets where a [`Dataset`](super::Dataset) has them.
impl From<()> for Data {
    fn from((): ()) -> Data {
        Data::default()
    }
}

impl<const N: usize> From<[(&str, &Tensor); N]> for Data {
    fn from(named: [(&str, &Tensor); N]) -> Data {
        let names = named.iter().map(|(name, _)| name.to_string()).collect();
        Data { names: Some(names), tensors: named.into_iter().map(|(_, t)| t.clone()).collect() }
    }
}

impl From<Vec<(String, Tensor)>> for Data {
    fn from(named: Vec<(String, Tensor)>) -> Data {
        let (names, tensors) = named.into_iter().unzip();
        Data { names: Some(names), tensors }
    }
}

impl Data {
    /// The arrays, as given.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The names of the arrays, where they have names.
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// No arrays at all.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Other arrays under the same names.
    pub(crate) fn with_tensors(&self, tensors: Vec<Tensor>) -> Data {
        Data { names: self.names.clone(), tensors }
    }

    /// The arrays in the order of `names`, which are those of a model's inputs or outputs.
    ///
    /// # Errors
    /// When a name is missing or unknown, or the number differs.
    pub(crate) fn in_order(self, what: &'static str, names: &[String]) -> Result<Vec<Tensor>> {
        let Some(given) = self.names else {
            if self.tensors.len() == names.len() {
                return Ok(self.tensors);
            }
            let s = |n: usize| if n == 1 { "" } else { "s" };
            let (n, got) = (names.len(), self.tensors.len());
            let kind = if what == "input" { "input" } else { "output" };
            let message = format!("the model has {n} {kind}{} {names:?}, got {got} array{}", s(n), s(got));
            return Err(Error::argument(what, message));
        };
        if let Some(name) = given.iter().find(|g| !names.contains(g)) {
            return Err(Error::unknown(what, name, names.iter().map(String::as_str)));
        }
        if let Some(name) = given.iter().enumerate().find_map(|(i, g)| given[..i].contains(g).then_some(g)) {
            return Err(Error::argument(what, format!("`{name}` is given twice")));
        }
        let find = |name: &String| {
            let at = given.iter().position(|g| g == name);
            let missing =
                || Error::argument(what, format!("nothing is given for `{name}`; the model has {names:?}"));
            at.map(|i| self.tensors[i].clone()).ok_or_else(missing)
        };
        names.iter().map(find).collect()
    }
}

/// How much each sample counts: for all outputs, or for each.
pub type SampleWeight = Data;

/// Arrays with one number of samples, ready to be cut into batches.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    pub tensors: Vec<Tensor>,
    pub count: usize,
}

impl Samples {
    /// # Errors
    /// When the arrays have different numbers of samples, or none.
    pub fn new(named: Vec<(String, Tensor)>) -> Result<Samples> {
        let mut count = None;
        for (name, tensor) in &named {
            let Some(&n) = tensor.shape().first() else {
                return Err(Error::Data(format!(
                    "{name} is a single number; its first axis must be the samples"
                )));
            };
            match &count {
                None => count = Some((name, n)),
                Some((first, m)) if *m != n => {
                    let message =
                        format!("all arrays need one number of samples: {first} has {m}, {name} has {n}");
                    return Err(Error::Data(message));
                }
                Some(_) => {}
            }
        }
        match count {
            Some((_, n)) if n > u32::MAX as usize => {
                let error = Error::Data(format!("{n} samples are more than arrays may have"));
                Err(error.help("give them batch by batch, as a `Dataset`"))
            }
            Some((_, n)) if n > 0 => {
                Ok(Samples { tensors: named.into_iter().map(|(_, t)| t).collect(), count: n })
            }
            _ => Err(Error::Data("the data is empty: it has no samples".into())),
        }
    }

    /// The samples `from..to`.
    pub fn part(&self, from: usize, to: usize) -> Result<Samples> {
        let tensors = self.tensors.iter().map(|t| t.rows(from, to)).collect::<Result<_>>()?;
        Ok(Samples { tensors, count: to - from })
    }

    /// Copies the samples `order[..]` into `batch`, which has one tensor of that many rows for each array.
    pub fn gather(&self, order: &[u32], batch: &mut [Tensor]) -> Result<()> {
        for (source, target) in self.tensors.iter().zip(batch) {
            let row = source.len() / self.count;
            with_dtype!(source.dtype(), T => {
                let from = source.as_slice::<T>()?;
                let to = target.as_slice_mut::<T>()?;
                for (&i, to) in order.iter().zip(to.chunks_exact_mut(row.max(1))) {
                    let i = i as usize;
                    to.copy_from_slice(&from[i * row..(i + 1) * row]);
                }
            });
        }
        Ok(())
    }
}

/// Arrays of one shape as one, with an axis more, the first.
///
/// # Errors
/// When shapes or dtypes differ, or there is none.
pub(crate) fn stack(parts: &[Tensor]) -> Result<Tensor> {
    let Some(first) = parts.first() else { return Err(Error::Data("there is nothing to stack".into())) };
    if let Some(other) = parts.iter().find(|p| p.shape() != first.shape() || p.dtype() != first.dtype()) {
        let spec = |t: &Tensor| format!("{}{:?}", t.dtype(), t.shape());
        let message = format!("samples of one batch differ: {} and {}", spec(first), spec(other));
        return Err(Error::Data(message));
    }
    let shape = [&[parts.len()], first.shape()].concat();
    with_dtype!(first.dtype(), T => {
        let mut values: Vec<T> = Vec::with_capacity(parts.len() * first.len());
        parts.iter().try_for_each(|p| p.as_slice::<T>().map(|v| values.extend_from_slice(v)))?;
        Tensor::new(shape, values)
    })
}
