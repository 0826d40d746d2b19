//! Tensors from ranges, diagonals and borders.
use super::arguments::{MaybeDType, Text};
use super::dtypes::float;
use super::{Axes, Sizes};
use cornu_graph::ops::ReduceKind;
use cornu_graph::{DType, Error, Spec, Tensor, Value, memory};

ops! {
    "keras.src.ops.numpy";
    /// `num` numbers from `start` to `stop` along a new axis; without `endpoint`, to before it.
    Linspace linspace(start, stop) { num: usize, endpoint: bool, dtype: MaybeDType, axis: i64; retstep = false } =>
        spaced(start, stop, *num, *endpoint, *axis).cast(dtype.or(DType::promote(
            DType::F32, DType::promote(start.dtype(), stop.dtype()),
        )));
    /// Powers of `base` to the numbers of [`linspace`].
    Logspace logspace(start, stop) { num: usize, endpoint: bool, base: f64, dtype: MaybeDType, axis: i64 } => {
        let exponents = spaced(start, stop, *num, *endpoint, *axis);
        exponents.scalar(*base).pow(&exponents).cast(dtype.or(exponents.dtype()))
    };
    /// A square matrix with the vector on its `k`-th diagonal; of a matrix, that diagonal.
    Diag diag(x) { k: i64 } => if x.rank() == 1 { on_diagonal(x, *k) } else { diagonal_of(x, *k, 0, 1) };
    /// A square matrix with all elements on its `k`-th diagonal.
    Diagflat diagflat(x) { k: i64 } => on_diagonal(&x.reshape(&[x.spec().len()]), *k);
    /// The diagonal of the matrices along two axes, as the last axis.
    Diagonal diagonal(x) { offset: i64, axis1: i64, axis2: i64 } => diagonal_of(x, *offset, *axis1, *axis2);
    /// Sum of a diagonal of the matrices along two axes.
    Trace trace(x) { offset: i64, axis1: i64, axis2: i64 } =>
        super::dtypes::summable(&diagonal_of(x, *offset, *axis1, *axis2)).reduce(ReduceKind::Sum, &[-1], false);
    /// The `n`-th differences of neighbours along the axis.
    Diff diff(x) { n: usize, axis: i64 } => (0..(*n).min(x.dim(*axis))).fold(x.clone(), |x, _| {
        let size = x.dim(*axis);
        let (next, before) = (x.slice_axis(*axis, 1, size), x.slice_axis(*axis, 0, size.max(1) - 1));
        if x.dtype() == DType::Bool { next.not_equal(&before) } else { next - before }
    });
    /// With borders of these widths: `"constant"` (a second tensor says of what, else 0), `"reflect"`, `"symmetric"`,
    /// `"edge"`, `"wrap"`.
    Pad pad([xs]) { pad_width: Widths, mode: Text } => padded(xs, &pad_width.0, mode);
    /// Which bin each element is in: the number of bins, which rise, at or below it, int32.
    Digitize digitize(x, bins) => {
        let (x, bins) = (float(x), float(bins));
        let reached = x.expand_dims(-1).ge(&bins);
        reached.cast(DType::I32).reduce(ReduceKind::Sum, &[-1], false)
    };
    /// Whether each element of the first is among those of the second.
    IsIn isin(x1, x2) { assume_unique: bool, invert: bool } => {
        let _ = assume_unique;
        let found = x1.expand_dims(-1).equal(&x2.reshape(&[x2.spec().len()])).reduce(ReduceKind::Any, &[-1], false);
        if *invert { found.not() } else { found }
    };
    /// Mean over the axes, in which a second tensor says how much each element counts.
    Average average([xs]) { axis: Axes } => averaged(xs, axis);
}

ops! {
    "keras.src.ops.core";
    /// Zeros of `shape`, to which the values are added at these positions.
    Scatter scatter(indices, values) { shape: Sizes } => {
        let shape: Vec<usize> = shape.0.iter().map(|&d| d.max(0) as usize).collect();
        let zeros = values.scalar(0.0).broadcast_to(&shape);
        zeros.scatter_at(cornu_graph::ops::ScatterKind::Add, indices, values)
    };
    /// A tensor with other values at these positions: put there (no reduction), or joined with what is there.
    ScatterUpdate scatter_update(inputs, indices, updates) { reduction: How } => {
        use cornu_graph::ops::ScatterKind;
        let updates = updates.cast(inputs.dtype());
        let kind = match reduction.as_deref() {
            None => ScatterKind::Set,
            Some("add") => ScatterKind::Add,
            Some("max") => ScatterKind::Max,
            Some("min") => ScatterKind::Min,
            Some("mul") => ScatterKind::Mul,
            Some(other) => {
                let known = ["add", "max", "min", "mul"];
                return vec![inputs.fail(Error::unknown("reduction", other, known))];
            }
        };
        inputs.scatter_at(kind, indices, &updates)
    };
}

/// How values meet, or that they replace each other.
type How = Option<String>;
/// Before and after each axis; one pair is for all.
#[derive(Debug, serde::Serialize)]
#[serde(transparent)]
pub struct Widths(Vec<(i64, i64)>);

impl From<Vec<(i64, i64)>> for Widths {
    fn from(widths: Vec<(i64, i64)>) -> Widths {
        Widths(widths)
    }
}

impl<const N: usize> From<[(i64, i64); N]> for Widths {
    fn from(widths: [(i64, i64); N]) -> Widths {
        Widths(widths.to_vec())
    }
}

/// One number for all, one pair for all, or a pair for each axis.
impl<'de> serde::Deserialize<'de> for Widths {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected a width, a pair of them, or a pair for each axis")]
        enum Saved {
            Same(i64),
            Pair(i64, i64),
            Each(Vec<(i64, i64)>),
        }
        Ok(Widths(match Saved::deserialize(deserializer)? {
            Saved::Same(n) => vec![(n, n)],
            Saved::Pair(low, high) => vec![(low, high)],
            Saved::Each(each) => each,
        }))
    }
}

pub(super) fn spaced(start: &Value, stop: &Value, num: usize, endpoint: bool, axis: i64) -> Value {
    let (start, stop) = (float(start), float(stop));
    let (zero, distance) = (&start * 0.0 + &stop * 0.0, &stop - &start);
    let start = zero + start;
    let axis = if axis < 0 { axis + start.rank() as i64 + 1 } else { axis };
    let parts = if endpoint { num.max(2) - 1 } else { num.max(1) };
    if let Err(e) = memory::check_table(&[num], DType::F64) {
        return start.fail(e);
    }
    let at: Vec<f64> = (0..num).map(|i| i as f64 / parts as f64).collect();
    let mut shape = vec![1; start.rank() + 1];
    shape[(axis as usize).min(start.rank())] = num;
    match Tensor::from_f64(shape, start.dtype(), &at) {
        Ok(at) => start.expand_dims(axis) + distance.expand_dims(axis) * start.builder().constant(at),
        Err(e) => start.fail(e),
    }
}

fn on_diagonal(x: &Value, k: i64) -> Value {
    let (n, away) = (x.dim(0), k.unsigned_abs() as usize);
    let size = n.saturating_add(away);
    if let Err(e) = memory::check(&Spec::new(x.dtype(), [size, size])) {
        return x.fail(e);
    }
    // Row by row, a diagonal is every (size + 1)-th element.
    let first = if k >= 0 { away } else { away * size };
    let length = size * size;
    let last = first + n.max(1).saturating_sub(1) * (size + 1) + 1;
    let padding = [(first as i64, length as i64 - last as i64, size)];
    x.pad(&x.scalar(0.0), &padding).reshape(&[size, size])
}

pub(super) fn diagonal_of(x: &Value, offset: i64, axis1: i64, axis2: i64) -> Value {
    let rank = x.rank();
    let axis = |a: i64| cornu_graph::normalize_axis("diagonal", a, rank);
    let (a, b) = match (axis(axis1), axis(axis2)) {
        (Ok(a), Ok(b)) if a != b => (a, b),
        (Err(e), _) | (_, Err(e)) => return x.fail(e),
        _ => return x.fail(Error::op("diagonal", format!("needs two axes, got {axis1} twice"))),
    };
    let order: Vec<usize> = (0..rank).filter(|&i| i != a && i != b).chain([a, b]).collect();
    let x = x.transpose(&order);
    let (rows, columns) = (x.dim(-2), x.dim(-1));
    let (row, column) = if offset < 0 { (offset.unsigned_abs() as usize, 0) } else { (0, offset as usize) };
    let length = rows.saturating_sub(row).min(columns.saturating_sub(column));
    let flat = x.flatten_from(rank - 2);
    // Beyond the matrix all diagonals are alike: empty.
    let first = row.min(rows) * columns + column.min(columns);
    let (mut start, mut limit, mut stride) = (vec![0; rank - 1], flat.shape().to_vec(), vec![1; rank - 1]);
    let last = rank - 2;
    (start[last], stride[last]) = (first.min(limit[last]), columns + 1);
    limit[last] = if length == 0 { start[last] } else { first + (length - 1) * (columns + 1) + 1 };
    flat.slice_strided(&start, &limit, &stride)
}

pub(super) fn padded(xs: &[Value], widths: &[(i64, i64)], mode: &str) -> Value {
    let x = &xs[0];
    let width = |axis: usize| {
        widths.get(axis).or(widths.first().filter(|_| widths.len() == 1)).copied().unwrap_or((0, 0))
    };
    let widths: Vec<(i64, i64)> = (0..x.rank()).map(width).collect();
    if mode == "constant" {
        let value = xs.get(1).map_or_else(|| x.scalar(0.0), |v| v.cast(x.dtype()));
        let config: Vec<(i64, i64, usize)> = widths.iter().map(|&(low, high)| (low, high, 0)).collect();
        return x.pad(&value, &config);
    }
    if !PAD_MODES.contains(&mode) {
        return x.fail(Error::unknown("mode of pad", mode, PAD_MODES.iter().copied()));
    }
    if widths.iter().zip(x.shape()).any(|(&(low, high), &size)| size == 0 && (low, high) != (0, 0)) {
        return x.fail(Error::op("pad", "an empty axis has nothing to repeat"));
    }
    widths.iter().enumerate().filter(|(_, width)| **width != (0, 0)).fold(x.clone(), |x, (axis, &width)| {
        if let Some(y) = padded_by_statistic(&x, axis, width, mode) {
            return y;
        }
        let size = x.dim(axis as i64) as i64;
        let source = |i: i64| match mode {
            "edge" => i.clamp(0, size - 1),
            "reflect" if size == 1 => 0,
            "reflect" => {
                let i = i.rem_euclid(2 * size - 2);
                if i < size { i } else { 2 * size - 2 - i }
            }
            "symmetric" => {
                let i = i.rem_euclid(2 * size);
                if i < size { i } else { 2 * size - 1 - i }
            }
            _ => i.rem_euclid(size),
        };
        let places: Vec<i32> = (-width.0..size + width.1).map(|i| source(i) as i32).collect();
        x.take(&x.builder().constant(places), axis as i64)
    })
}

/// What [`pad`] puts around a tensor.
const PAD_MODES: [&str; 11] = [
    "constant",
    "edge",
    "linear_ramp",
    "maximum",
    "mean",
    "median",
    "minimum",
    "reflect",
    "symmetric",
    "wrap",
    "empty",
];

/// One axis longer by its largest, smallest, mean or middle element, by ramps down to 0 or by zeros.
fn padded_by_statistic(x: &Value, axis: usize, (low, high): (i64, i64), mode: &str) -> Option<Value> {
    let at = axis as i64;
    let (low, high) = (usize::try_from(low).ok()?, usize::try_from(high).ok()?);
    let n = x.dim(at);
    let axes = Axes::One(at);
    // Means of integers are rounded.
    let rounded = |y: Value| if x.dtype().is_float() { y } else { y.round().cast(x.dtype()) };
    let element = match mode {
        "maximum" => super::reduce::over(x, ReduceKind::Max, &axes, true),
        "minimum" => super::reduce::over(x, ReduceKind::Min, &axes, true),
        "mean" => rounded(float(x).mean_keepdims([at])),
        "median" => rounded(super::quantile::middle(&float(x), &axes, true)),
        "empty" => x.slice_axis(at, 0, 1).full_like(0.0),
        "linear_ramp" => {
            let ramp = |edge: Value, shares: Vec<f32>| {
                let mut shape = vec![1; x.rank()];
                shape[axis] = shares.len();
                let shares = x.builder().constant(Tensor::from(shares)).reshape(&shape);
                (float(&edge) * shares).cast(x.dtype())
            };
            let up = (0..low).map(|i| i as f32 / low as f32).collect();
            let down = (0..high).rev().map(|i| i as f32 / high as f32).collect();
            let (first, last) = (x.slice_axis(at, 0, 1), x.slice_axis(at, n - 1, n));
            return Some(Value::concat(&[&ramp(first, up), x, &ramp(last, down)], at));
        }
        _ => return None,
    };
    let some = |count: usize| {
        let mut shape = element.shape().to_vec();
        shape[axis] = count;
        element.broadcast_to(&shape)
    };
    Some(Value::concat(&[&some(low), x, &some(high)], at))
}

fn averaged(xs: &[Value], axes: &Axes) -> Value {
    let x = float(&xs[0]);
    let over = axes.of(x.rank());
    let Some(weights) = xs.get(1) else { return x.mean(over) };
    let mut weights = float(weights);
    // A vector goes along the only axis.
    if let ([axis], true) = (over.as_slice(), weights.rank() < x.rank()) {
        match cornu_graph::normalize_axis("average", *axis, x.rank()) {
            Ok(axis) => weights = weights.broadcast_in_dim(x.shape(), vec![axis]),
            Err(e) => return x.fail(e),
        }
    }
    let total = weights.broadcast_to(x.shape()).reduce(ReduceKind::Sum, &over, false);
    (x * weights).reduce(ReduceKind::Sum, &over, false) / total
}
