//! Powers, areas, choices, and other views of the same numbers.
#![allow(non_snake_case, reason = "Keras's argument is `N`")]
use super::arguments::MaybeDType;
use super::dtypes::{choose, float, truth};
use super::operand::run;
use super::operation::one_of;
use super::slot::Arguments;
use super::{Arg, Operand, Sizes};
use cornu_graph::{DType, Error, Result, Tensor, Value, normalize_axis};

ops! {
    "keras.src.ops.numpy";
    /// Whether all elements are near each other: `|x1 - x2| <= atol + rtol * |x2|`; with `equal_nan`, NaN is near NaN.
    AllClose allclose(x1, x2) { rtol: f64, atol: f64, equal_nan: bool } => {
        let tolerance = |t: f64| x1.builder().constant(Tensor::full([], DType::F32, t));
        let near = super::binary::close(&[x1.clone(), x2.clone(), tolerance(*rtol), tolerance(*atol)], *equal_nan);
        near.all(near.all_axes())
    };
    /// The powers of each element of a vector as a row, `N` of them (as many as there are elements unless given), the highest
    /// first unless `increasing`.
    Vander vander(x) { N: Count, increasing: bool } => {
        if x.rank() != 1 {
            return vec![x.fail(Error::op("vander", format!("takes a vector, got shape {:?}", x.shape())))];
        }
        let (rows, count) = (x.dim(0), N.unwrap_or(x.dim(0)));
        let ones = x.full_like(1.0).expand_dims(-1);
        let factors = x.expand_dims(-1).broadcast_to(&[rows, count.saturating_sub(1)]);
        let powers = Value::concat(&[&ones, &factors], 1).cumprod(1).slice_axis(1, 0, count.min(count.max(1)));
        let powers = if count == 0 { powers.slice_axis(1, 0, 0) } else { powers };
        if *increasing { powers } else { powers.flip([1]) }
    };
    Trapezoid _(y; places) { x: Nothing, dx: f64, axis: i64 } => {
        let () = x;
        area(&float(y), places, *dx, *axis).unwrap_or_else(|e| y.fail(e))
    };
    Select _([xs]) => selected(xs);
    /// The same bytes as another dtype; the last axis changes when the elements differ in size. In a graph only between
    /// integers of one size; between others it is for tensors of the host.
    View view(x) { dtype: MaybeDType } => {
        let to = dtype.or(x.dtype());
        let whole = x.dtype().is_int() && to.is_int() && x.dtype().size() == to.size();
        if whole || to == x.dtype() {
            return vec![x.cast(to)];
        }
        x.fail(Error::op("view", format!("{} as {to} needs bytes, which a graph does not have", x.dtype())))
    }, host |this: &View, given: &[Option<Tensor>]| {
        given.first().cloned().flatten().map(|x| viewed(&x, this.dtype.or(x.dtype())).map(|t| vec![t]))
    };
}

ops! {
    "keras.src.ops.core";
    /// A window of these sizes that starts at these places (a vector), moved inward where it would reach beyond. A size of
    /// -1 is what is left of the axis; that is for tensors of the host.
    Slice slice(inputs, start_indices) { shape: Sizes } =>
        cut(inputs, start_indices, &shape.0).unwrap_or_else(|e| inputs.fail(e)),
    host |this: &Slice, given: &[Option<Tensor>]| rest_of(given, &this.shape.0);
    /// A tensor with a window at these places (a vector) replaced, which is moved inward where it would reach beyond.
    SliceUpdate slice_update(inputs, start_indices, updates) => match starts(inputs, start_indices) {
        Ok(starts) => inputs.dynamic_update(&updates.cast(inputs.dtype()), &starts),
        Err(e) => inputs.fail(e),
    };
}

/// A number, or as many as there are.
type Count = Option<usize>;
/// Not an argument here.
type Nothing = ();

/// The area under a curve along the axis, between its values in straight lines. Their places are those of `x` (a vector, or
/// one for each value), or `dx` apart. Keras cannot save a model with `x`.
#[track_caller]
pub fn trapezoid<X: Operand>(y: impl Into<Arg<X>>, x: Option<&X>, dx: f64, axis: i64) -> X::Output {
    one_of(Trapezoid { x: (), dx, axis }, Arguments::new().and(y.into()).extra(x))
}

/// For each place the first choice whose condition holds (is not 0), or the default.
#[track_caller]
pub fn select<'a, X: Operand + 'a>(
    condlist: impl IntoIterator<Item = &'a X>,
    choicelist: impl IntoIterator<Item = &'a X>,
    default: impl Into<Arg<X>>,
) -> X::Output {
    let lists = Arguments::new().list(condlist.into_iter().map(Arg::from));
    one_of(Select {}, lists.list(choicelist.into_iter().map(Arg::from)).and(default.into()))
}

fn selected(xs: &[Value]) -> Value {
    let Some((default, lists)) =
        xs.split_last().filter(|(_, lists)| lists.len() >= 2 && lists.len() % 2 == 0)
    else {
        let e = Error::op("select", "takes as many choices as conditions, and at least one");
        return xs.first().map_or_else(|| cornu_graph::Builder::new().fail(e.clone()), |x| x.fail(e.clone()));
    };
    let (conditions, choices) = lists.split_at(lists.len() / 2);
    let dtype = choices.iter().map(Value::dtype).fold(default.dtype(), DType::promote);
    let pairs = conditions.iter().zip(choices).rev();
    pairs.fold(default.cast(dtype), |rest, (condition, choice)| choose(&truth(condition), choice, &rest))
}

fn area(y: &Value, x: Option<&Value>, dx: f64, axis: i64) -> Result<Value> {
    let at = normalize_axis("trapezoid", axis, y.rank())?;
    let n = y.shape()[at];
    if n == 0 {
        return Ok(y.sum([axis]));
    }
    let heights = (y.slice_axis(axis, 0, n - 1) + y.slice_axis(axis, 1, n)) * 0.5;
    let Some(x) = x else { return Ok((heights * dx).sum([axis])) };
    let x = float(x).cast(y.dtype());
    let place = if x.rank() == 1 { 0 } else { axis };
    if x.dim(place) != n {
        return Err(Error::argument("x", format!("must have {n} places, got shape {:?}", x.shape())));
    }
    let mut widths = x.slice_axis(place, 1, n) - x.slice_axis(place, 0, n - 1);
    if x.rank() == 1 {
        widths = widths.broadcast_in_dim(heights.shape(), vec![at]);
    }
    Ok((heights * widths).sum([axis]))
}

fn viewed(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let (old, new) = (x.dtype().size(), dtype.size());
    let mut shape = x.shape().to_vec();
    if old != new {
        let last = shape.last_mut().ok_or_else(|| Error::op("view", "a scalar stays as large as it is"))?;
        if !(*last * old).is_multiple_of(new) {
            let message =
                format!("{} bytes of shape {:?} are no elements of {dtype}", *last * old, x.shape());
            return Err(Error::op("view", message));
        }
        *last = *last * old / new;
    }
    let mut y = Tensor::zeros(shape, dtype);
    y.copy_from_bytes(x.bytes())?;
    Ok(y)
}

/// The places of a window, one scalar for each axis.
fn starts(x: &Value, places: &Value) -> Result<Vec<Value>> {
    if places.shape() != [x.rank()] || !places.dtype().is_int() {
        let message = format!("must be {} integers, got {}", x.rank(), places.spec());
        return Err(Error::argument("start_indices", message));
    }
    let places = places.cast(DType::I32);
    Ok((0..x.rank()).map(|i| places.index_axis(0, i)).collect())
}

fn cut(x: &Value, places: &Value, sizes: &[i64]) -> Result<Value> {
    if sizes.len() != x.rank() {
        return Err(Error::argument("shape", format!("must have {} sizes, got {sizes:?}", x.rank())));
    }
    let starts = starts(x, places)?;
    let size = |&n: &i64| {
        usize::try_from(n).map_err(|_| {
            let e = Error::argument("shape", format!("sizes must not be negative in a graph, got {sizes:?}"));
            e.help("how much is left depends on the places; give the size")
        })
    };
    let sizes = sizes.iter().map(size).collect::<Result<Vec<usize>>>()?;
    Ok(x.dynamic_slice(&starts, &sizes))
}

/// [`cut`] where a size is -1.
fn rest_of(given: &[Option<Tensor>], sizes: &[i64]) -> Option<Result<Vec<Tensor>>> {
    let [Some(x), Some(places)] = given else { return None };
    if !sizes.contains(&-1) {
        return None;
    }
    let left =
        |((&n, size), place): ((&i64, &usize), f64)| if n == -1 { *size as i64 - place as i64 } else { n };
    let sizes: Vec<i64> = sizes.iter().zip(x.shape()).zip(places.to_f64()).map(left).collect();
    Some(run(&[x.clone(), places.clone()], |_, v| Ok(vec![cut(&v[0], &v[1], &sizes)?])))
}
