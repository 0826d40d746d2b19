//! What there is and how often. Where the size of a result depends on the numbers, it is for tensors of the host.
use super::operand::run;
use super::operation::one_of;
use super::slot::Arguments;
use super::{Arg, Operand, Sizes};
use cornu_graph::ops::{ReduceKind, ScatterKind};
use cornu_graph::{DType, Error, Result, Tensor, Value, normalize_axis};

ops! {
    "keras.src.ops.numpy";
    Bincount _(x; weighing) { weights: Nothing, minlength: usize, sparse: bool } => {
        let _ = (weights, weighing, minlength, sparse);
        x.fail(depends("bincount").help("where the largest number is known, sum up `one_hot`"))
    }, host |this: &Bincount, given: &[Option<Tensor>]| Some(counts(given, this.minlength, this.sparse).map(|t| vec![t]));
}

ops! {
    "keras.src.ops.numpy" many;
    /// How many elements of a vector are in each of `bins` equal parts of the range, and the borders of the parts. Without a
    /// range it goes from the smallest element to the largest.
    Histogram histogram(x) { bins: usize, range: Range } => histogram_of(x, *bins, *range);
    /// The positions of the elements that are not 0: a vector for each axis, int32. For tensors of the host.
    Nonzero nonzero(x) => vec![x.fail(depends("nonzero"))], host |_: &Nonzero, given: &[Option<Tensor>]| Some(places(given));
    /// The distinct elements, sorted; along an axis, the distinct slices.
    ///
    /// Further results if asked for: the position of the first of each, which of them each element is, and how many there are
    /// of each, int32. With a `size` there are so many, and those that are missing are `fill_value` (the first unless given)
    /// and found 0 times; without, it is for tensors of the host.
    Unique unique(x) {
        sorted: bool, return_index: bool, return_inverse: bool, return_counts: bool, axis: MaybeAxis, size: Count,
        fill_value: MaybeFill
    } => {
        let _ = sorted;
        let wanted = [true, *return_index, *return_inverse, *return_counts];
        let found = match size {
            Some(size) => distinct(x, *axis, *size, *fill_value),
            None => Err(depends("unique").help("give it a `size`")),
        };
        match found {
            Ok(found) => wanted.iter().zip(found).filter(|(wanted, _)| **wanted).map(|(_, v)| v).collect(),
            Err(e) => wanted.iter().filter(|w| **w).map(|_| x.fail(e.clone())).collect(),
        }
    }, host Unique::on_host_of;
    /// For each axis of a shape, the places that positions in a row stand for.
    UnravelIndex unravel_index(indices) { shape: Sizes } => unraveled(indices, &shape.0);
}

/// Not an argument here.
type Nothing = ();
/// From here to there.
type Range = Option<(f64, f64)>;
/// One axis, or all in a row.
type MaybeAxis = Option<i64>;
/// A number, or as many as there are.
type Count = Option<usize>;
/// What stands where there is nothing.
type MaybeFill = Option<f64>;

/// How often each natural number is in a vector, or in each row of a matrix, int32: as many counts as the largest number and
/// one, at least `minlength`. With weights, the sum of those at each number. For tensors of the host; sparse results are
/// refused.
///
/// ```
/// use cornu::prelude::*;
/// let counts = ops::bincount(&Tensor::from([1i32, 3, 3]), None, 0, false)?;
/// assert_eq!(counts.to_vec::<i32>()?, [0, 1, 0, 2]);
/// # Ok::<(), cornu::Error>(())
/// ```
#[track_caller]
pub fn bincount<X: Operand>(
    x: impl Into<Arg<X>>,
    weights: Option<&X>,
    minlength: usize,
    sparse: bool,
) -> X::Output {
    one_of(Bincount { weights: (), minlength, sparse }, Arguments::new().and(x.into()).extra(weights))
}

ops! {
    "keras.src.ops.numpy";
    /// The number of elements, int32.
    Size size(x) => x.builder().constant(Tensor::scalar(x.spec().len() as i64).cast(DType::I32));
    /// The number of axes, int32.
    Ndim ndim(x) => x.builder().constant(Tensor::scalar(x.rank() as i32));
}

fn depends(op: &'static str) -> Error {
    Error::op(op, "the size of the result depends on the numbers, which a graph does not know")
}

fn first(given: &[Option<Tensor>]) -> Result<&Tensor> {
    given.first().and_then(Option::as_ref).ok_or_else(|| Error::argument("x", "is missing"))
}

fn counts(given: &[Option<Tensor>], minlength: usize, sparse: bool) -> Result<Tensor> {
    if sparse {
        return Err(Error::argument("sparse", "sparse tensors are not supported"));
    }
    let x = first(given)?;
    let (&[columns], rows) = (&x.shape()[x.rank().saturating_sub(1)..], x.shape().first()) else {
        return Err(Error::op("bincount", "takes a vector or a matrix, got a scalar"));
    };
    if !x.dtype().is_int() || x.rank() > 2 {
        return Err(Error::op("bincount", format!("takes integers in one or two axes, got {x:?}")));
    }
    let numbers = x.to_f64();
    if let Some(n) = numbers.iter().find(|&&n| !(0.0..2e9).contains(&n)) {
        return Err(Error::op("bincount", format!("takes numbers from 0 to 2e9, got {n}")));
    }
    let weights = given.get(1).and_then(Option::as_ref);
    if let Some(w) = weights.filter(|w| w.shape() != x.shape()) {
        return Err(Error::argument(
            "weights",
            format!("must have shape {:?}, got {:?}", x.shape(), w.shape()),
        ));
    }
    let length = numbers.iter().fold(minlength, |length, &n| length.max(n as usize + 1));
    let rows = if x.rank() == 2 { rows.copied().unwrap_or(1) } else { 1 };
    super::creation::room(&[rows, length], DType::F64)?;
    let mut sums = vec![0.0; rows * length];
    let each = weights.map(Tensor::to_f64);
    for (i, &n) in numbers.iter().enumerate() {
        sums[i / columns.max(1) * length + n as usize] += each.as_ref().map_or(1.0, |w| w[i]);
    }
    let dtype = weights.map_or(DType::I32, |w| DType::promote(w.dtype(), x.dtype()));
    let shape = if x.rank() == 2 { vec![rows, length] } else { vec![length] };
    Tensor::from_f64(shape, dtype, &sums)
}

fn histogram_of(x: &Value, bins: usize, range: Range) -> Vec<Value> {
    let x = super::dtypes::float(x);
    if x.rank() != 1 {
        let e = Error::op("histogram", format!("takes a vector, got shape {:?}", x.shape()));
        return vec![x.fail(e.clone()), x.fail(e)];
    }
    if bins > 1 << 24 {
        let e = Error::argument("bins", format!("must be at most 2^24, got {bins}"));
        return vec![x.fail(e.clone()), x.fail(e)];
    }
    let (low, high) = match range {
        Some((low, high)) if low > high => {
            let e = Error::argument("range", format!("must rise, got {low} to {high}"));
            return vec![x.fail(e.clone()), x.fail(e)];
        }
        Some((low, high)) => (x.scalar(low), x.scalar(high)),
        None if x.dim(0) == 0 => (x.scalar(0.0), x.scalar(1.0)),
        None => (x.min([0]), x.max([0])),
    };
    // A range of one point is widened.
    let point = low.equal(&high);
    let (low, high) = (point.select(&(&low - 0.5), &low), point.select(&(&high + 0.5), &high));
    let share: Vec<f64> = (0..=bins).map(|i| i as f64 / bins.max(1) as f64).collect();
    let edges = match Tensor::from_f64([bins + 1], x.dtype(), &share) {
        Ok(share) => {
            let share = x.builder().constant(share);
            let spaced = &low + (&high - &low) * &share;
            // The last is exact.
            share.equal(&share.scalar(1.0)).select(&high.broadcast_to(&[bins + 1]), &spaced)
        }
        Err(e) => x.fail(e),
    };
    let (from, to) = (edges.slice_axis(0, 0, bins), edges.slice_axis(0, 1, bins + 1));
    let each = x.expand_dims(-1);
    let last = x.builder().iota(DType::I32, [bins], 0);
    let last = last.equal(&last.full_like(bins as f64 - 1.0));
    let below = each.lt(&to).or(&each.equal(&to).and(&last));
    let counts = each.ge(&from).and(&below).cast(x.dtype()).reduce(ReduceKind::Sum, &[0], false);
    vec![counts, edges]
}

fn places(given: &[Option<Tensor>]) -> Result<Vec<Tensor>> {
    let x = first(given)?;
    if x.rank() == 0 {
        return Err(Error::op("nonzero", "takes at least one axis, got a scalar"));
    }
    let places: Vec<usize> =
        x.to_f64().iter().enumerate().filter(|(_, v)| **v != 0.0).map(|(i, _)| i).collect();
    let axis = |axis: usize| {
        let inner: usize = x.shape()[axis + 1..].iter().product();
        Tensor::from(places.iter().map(|i| (i / inner % x.shape()[axis]) as i32).collect::<Vec<i32>>())
    };
    Ok((0..x.rank()).map(axis).collect())
}

impl Unique {
    /// Without a size: as if all were distinct, then cut.
    fn on_host_of(&self, given: &[Option<Tensor>]) -> Option<Result<Vec<Tensor>>> {
        if self.size.is_some() {
            return None;
        }
        let found = || {
            let x = first(given)?.clone();
            let axis = self.axis.map(|a| normalize_axis("unique", a, x.rank())).transpose()?;
            let size = axis.map_or(x.len(), |a| x.shape()[a]);
            let cut = |t: &Tensor, axis: usize, count: usize| {
                let run =
                    run(std::slice::from_ref(t), |_, v| Ok(vec![v[0].slice_axis(axis as i64, 0, count)]));
                run.map(|mut t| t.remove(0))
            };
            let found = run(&[x], |_, v| distinct(&v[0], self.axis, size, None))?;
            let [values, index, inverse, counts] = found.as_slice() else { return Ok(vec![]) };
            let count = counts.to_f64().iter().filter(|&&n| n > 0.0).count();
            let mut results = vec![cut(values, axis.unwrap_or(0), count)?];
            if self.return_index {
                results.push(cut(index, 0, count)?);
            }
            if self.return_inverse {
                results.push(inverse.clone());
            }
            if self.return_counts {
                results.push(cut(counts, 0, count)?);
            }
            Ok(results)
        };
        Some(found())
    }
}

/// The distinct slices, where each was first, which each is, and how many there are of each.
fn distinct(x: &Value, axis: MaybeAxis, size: usize, fill: MaybeFill) -> Result<Vec<Value>> {
    let at = axis.map(|a| normalize_axis("unique", a, x.rank())).transpose()?;
    let ahead = match at {
        None => x.reshape(&[x.spec().len()]),
        Some(at) => {
            let order: Vec<usize> = [at].into_iter().chain((0..x.rank()).filter(|&a| a != at)).collect();
            x.transpose(&order)
        }
    };
    let rows = ahead.dim(0);
    let width: usize = ahead.shape().iter().skip(1).product();
    if rows == 0 || width == 0 {
        return Err(Error::op("unique", format!("takes elements, got shape {:?}", x.shape())));
    }
    let table = ahead.reshape(&[rows, width]);
    let place = x.builder().iota(DType::I32, [rows], 0);
    let columns: Vec<Value> = (0..width).map(|i| table.index_axis(1, i)).collect();
    let sorted: Vec<&Value> = columns.iter().chain([&place]).collect();
    let mut sorted = Value::sort_together(&sorted, 0, false, width);
    let from = sorted.pop().unwrap_or_else(|| place.clone());

    // Where a slice differs from the one before it, the next begins.
    // No NaN is another, as in Keras.
    let differs =
        |column: &Value| column.slice_axis(0, 0, rows - 1).not_equal(&column.slice_axis(0, 1, rows));
    let new = sorted.iter().map(differs).reduce(|a, b| a.or(&b));
    let new = new.map_or_else(|| place.clone(), |new| new.cast(DType::I32));
    let which = new.cumsum(0).pad_axis(0, 1, 0, 0.0);
    let spot = which.expand_dims(-1);
    let inverse = place.full_like(0.0).scatter_at(ScatterKind::Set, &from.expand_dims(-1), &which);

    let table = table.take_clamped(&from, 0);
    let b = x.builder();
    let none = |value: f64| b.constant(Tensor::scalar(value as i32)).broadcast_to(&[size]);
    let counts = none(0.0).scatter_at(ScatterKind::Add, &spot, &place.full_like(1.0));
    // Of equals, the first in the tensor comes first: the smallest position.
    let first = none(f64::from(i32::MAX)).scatter_at(ScatterKind::Min, &spot, &from);
    let missing = counts.equal(&counts.full_like(0.0));
    let index = missing.select(&from.slice_axis(0, 0, 1).broadcast_to(&[size]), &first);
    let smallest = table.slice_axis(0, 0, 1);
    let filling = fill.map_or_else(|| smallest.clone(), |fill| smallest.full_like(fill));
    let values = filling.broadcast_to(&[size, width]).scatter_at(ScatterKind::Set, &spot, &table);

    let mut shape = ahead.shape().to_vec();
    shape[0] = size;
    let values = values.reshape(&shape);
    let (values, inverse) = match at {
        None => (values, inverse.reshape(x.shape())),
        Some(at) => {
            let order: Vec<usize> = (1..=at).chain([0]).chain(at + 1..x.rank()).collect();
            (values.transpose(&order), inverse)
        }
    };
    b.check()?;
    Ok(vec![values, index, inverse, counts])
}

fn unraveled(indices: &Value, shape: &[i64]) -> Vec<Value> {
    let total = shape.iter().try_fold(1i64, |a, &b| a.checked_mul(b)).unwrap_or(0);
    if !indices.dtype().is_int() || shape.iter().any(|&n| n < 0) || total == 0 {
        let message = format!("takes integers and the sizes of axes, got {} and {shape:?}", indices.dtype());
        return vec![indices.fail(Error::op("unravel_index", message))];
    }
    // Positions count from the end when negative; those beyond are moved to the nearest.
    let last = indices.scalar(total as f64 - 1.0);
    let wrapped = indices + indices.scalar(total as f64);
    let place = indices.lt(&indices.scalar(0.0)).select(&wrapped, indices);
    let place = place.maximum(&place.scalar(0.0)).minimum(&last);
    let axis = |axis: usize| {
        let inner: i64 = shape[axis + 1..].iter().product();
        place.div(&place.scalar(inner as f64)).rem(&place.scalar(shape[axis] as f64))
    };
    (0..shape.len()).map(axis).collect()
}
