//! The same elements in other places.
use super::arguments::{Sections, Text};
use super::{Axes, PerAxis, Sizes};
use cornu_graph::{DType, Error, Result, Value, memory, normalize_axis};

ops! {
    "keras.src.ops.numpy";
    /// The same elements in row-major order under other sizes, of which one may be -1: what is left.
    Reshape reshape(x) { newshape: Sizes } => or_fail(x, sizes_of(x, &newshape.0), |sizes| x.reshape(&sizes));
    /// The axes in another order; with no axes given, reversed.
    Transpose transpose(x) { axes: Order } => or_fail(x, order_of(x, axes), |order| x.transpose(&order));
    /// A new axis of size 1 before `axis`; -1 puts it at the end. Several stand at these places of the result.
    ExpandDims expand_dims(x) { axis: Axes } => expanded(x, axis);
    /// Without these axes, which have size 1; without all of that size when `None`.
    Squeeze squeeze(x) { axis: Axes } => squeeze_axes(x, axis);
    /// Both axes in each other's place.
    Swapaxes swapaxes(x) { axis1: i64, axis2: i64 } => x.swap_axes(*axis1, *axis2);
    /// One after the other along the axis.
    Concatenate concatenate([xs]) { axis: i64 } => Value::concat(&promoted(xs).iter().collect::<Vec<_>>(), *axis);
    /// Tensors of one shape along a new axis.
    Stack stack([xs]) { axis: i64 } => Value::stack(&promoted(xs).iter().collect::<Vec<_>>(), *axis);
    /// One after the other along the axis; both in a row when it is `None`.
    Append append(x1, x2) { axis: MaybeAxis } => match axis {
        Some(axis) => Value::concat(&promoted(&[x1.clone(), x2.clone()]).iter().collect::<Vec<_>>(), *axis),
        None => {
            let flat = |x: &Value| x.reshape(&[x.spec().len()]);
            Value::concat(&promoted(&[flat(x1), flat(x2)]).iter().collect::<Vec<_>>(), 0)
        }
    };
    /// One after the other along the second axis, vectors along their only one.
    Hstack hstack([xs]) => stacked(xs, 1, i64::from(xs.first().is_some_and(|x| x.rank() > 1)));
    /// One under the other: along the first axis, vectors as rows.
    Vstack vstack([xs]) => stacked(xs, 2, 0);
    /// One behind the other: along the third axis.
    Dstack dstack([xs]) => stacked(xs, 3, 2);
    /// Axes moved to other places.
    Moveaxis moveaxis(x) { source: Axes, destination: Axes } => move_axes(x, source, destination);
    /// Elements in the opposite order along the second axis.
    Fliplr fliplr(x) => x.flip([1]);
    /// Elements in the opposite order along the first axis.
    Flipud flipud(x) => x.flip([0]);
    /// Elements in the opposite order along the axes.
    Flip flip(x) { axis: Axes } => x.flip(axis.of(x.rank()));
    /// Elements moved by `shift` along the axis; those beyond the end come in again at the start.
    Roll roll(x) { shift: Sizes, axis: Axes } => rolled(x, &shift.0, axis);
    /// Each element `repeats` times in a row along the axis, or as often as its own number says; without an axis, those of all
    /// in a row.
    Repeat repeat(x) { repeats: PerAxis, axis: MaybeAxis } => match axis {
        Some(axis) => repeated(x, repeats, *axis),
        None => repeated(&x.reshape(&[x.spec().len()]), repeats, 0),
    };
    /// The tensor `repeats[i]` times along axis `i`.
    Tile tile(x) { repeats: Sizes } => or_fail(x, naturals(&repeats.0), |repeats| x.tile(&repeats));
    /// As many elements as the shape has, by repeating axes of size 1.
    BroadcastTo broadcast_to(x) { shape: Sizes } => or_fail(x, naturals(&shape.0), |shape| x.broadcast_to(&shape));
    /// All elements along one axis.
    Ravel ravel(x) => x.reshape(&[x.spec().len()]);
    /// The lower triangle of the last two axes, 0 above the `k`-th diagonal.
    Tril tril(x) { k: i64 } => x.tril(*k);
    /// The upper triangle of the last two axes, 0 below the `k`-th diagonal.
    Triu triu(x) { k: i64 } => x.triu(*k);
}

/// One axis, or all in a row.
type MaybeAxis = Option<i64>;

fn repeated(x: &Value, repeats: &PerAxis, axis: i64) -> Value {
    let each = match repeats {
        PerAxis::Same(n) => return x.repeat(*n, axis),
        PerAxis::Each(each) => match each.as_slice() {
            [n] => return x.repeat(*n, axis),
            each => each,
        },
    };
    let total = each.iter().fold(0usize, |a, &b| a.saturating_add(b));
    if each.len() != x.dim(axis) {
        let message = format!("must be one number or {}, got {each:?}", x.dim(axis));
        return x.fail(Error::argument("repeats", message));
    }
    if let Err(e) = memory::check_table(&[total], DType::I32) {
        return x.fail(e);
    }
    let from = each.iter().zip(0..).flat_map(|(&n, i)| std::iter::repeat_n(i, n));
    x.take_clamped(&x.builder().constant(from.collect::<Vec<i32>>()), axis)
}

fn rolled(x: &Value, shift: &[i64], axes: &Axes) -> Value {
    if *axes == Axes::All(()) {
        return x.reshape(&[x.spec().len()]).roll(shift.iter().sum(), 0).reshape(x.shape());
    }
    let axes = axes.of(x.rank());
    let shift_of = |i: usize| shift.get(i).or(shift.first()).copied().unwrap_or(0);
    axes.iter().enumerate().fold(x.clone(), |x, (i, &axis)| x.roll(shift_of(i), axis))
}

/// The order of axes for [`transpose`]; `None` reverses them.
type Order = Option<Vec<i64>>;

ops! {
    "keras.src.ops.numpy" many;
    /// Parts along the axis: so many equal ones, or cut before these positions.
    Split split(x) { indices_or_sections: Sections, axis: i64 } => parts(x, indices_or_sections, *axis);
    /// Parts along the axis, nearly equal: the first ones are longer by one.
    ArraySplit array_split(x) { indices_or_sections: Sections, axis: i64 } => nearly_equal(x, indices_or_sections, *axis);
    /// [`split`] along the second axis, of a vector along its only one.
    Hsplit hsplit(x) { indices_or_sections: Sections } => parts(x, indices_or_sections, i64::from(x.rank() > 1));
    /// [`split`] along the first axis.
    Vsplit vsplit(x) { indices_or_sections: Sections } => parts(x, indices_or_sections, 0);
    /// [`split`] along the third axis.
    Dsplit dsplit(x) { indices_or_sections: Sections } => parts(x, indices_or_sections, 2);
    /// Coordinates over the grid that vectors span.
    Meshgrid meshgrid([xs]) { indexing: Text } => grid(xs, indexing);
}

ops! {
    "keras.src.ops.core" many;
    /// The slices along the axis.
    Unstack unstack(x) { num: Count, axis: i64 } => match num {
        Some(n) if *n != x.dim(*axis) => {
            vec![x.fail(Error::op("unstack", format!("num is {n}, the axis has {}", x.dim(*axis))))]
        }
        _ => x.unstack(*axis),
    };
}

/// A number of slices, or all.
type Count = Option<usize>;

fn parts(x: &Value, sections: &Sections, axis: i64) -> Vec<Value> {
    match sections {
        Sections::Equal(n) => x.split(*n, axis),
        Sections::At(at) => match positions(at, x.dim(axis)) {
            Ok(at) => x.split_at(&at, axis),
            Err(e) => vec![x.fail(e)],
        },
    }
}

/// Positions from the start, within the axis.
fn positions(at: &[i64], size: usize) -> Result<Vec<usize>> {
    let one = |&i: &i64| if i < 0 { (size as i64 + i).max(0) as usize } else { (i as usize).min(size) };
    let at: Vec<usize> = at.iter().map(one).collect();
    if at.is_sorted() { Ok(at) } else { Err(Error::op("split", format!("positions must rise, got {at:?}"))) }
}

/// Parts that an axis may be cut into, however short it is.
const MOST_EMPTY: usize = 1 << 16;

fn nearly_equal(x: &Value, sections: &Sections, axis: i64) -> Vec<Value> {
    let Sections::Equal(n) = sections else { return parts(x, sections, axis) };
    let size = x.dim(axis);
    if *n == 0 {
        return vec![x.fail(Error::op("array_split", "the number of parts must be at least 1, got 0"))];
    }
    // Beyond the axis all are empty.
    if *n > size.max(MOST_EMPTY) {
        return vec![x.fail(Error::op("array_split", format!("{n} parts of {size} elements are too many")))];
    }
    let (each, longer) = (size / n, size % n);
    let at: Vec<usize> = (1..*n).map(|i| i * each + i.min(longer)).collect();
    x.split_at(&at, axis)
}

fn grid(xs: &[Value], indexing: &str) -> Vec<Value> {
    let n = xs.len();
    let swap = indexing == "xy" && n > 1;
    let axis = |i: usize| if swap && i < 2 { 1 - i } else { i };
    let mut shape = vec![1; n];
    for (i, x) in xs.iter().enumerate() {
        shape[axis(i)] = x.spec().len();
    }
    let one = |(i, x): (usize, &Value)| x.reshape(&[x.spec().len()]).broadcast_in_dim(&shape, vec![axis(i)]);
    xs.iter().enumerate().map(one).collect()
}

/// Axes from these places to those, the others in their order.
fn move_axes(x: &Value, source: &Axes, destination: &Axes) -> Value {
    let rank = x.rank();
    let places = |axes: &Axes| {
        axes.of(rank).into_iter().map(|a| normalize_axis("moveaxis", a, rank)).collect::<Result<Vec<_>>>()
    };
    match (places(source), places(destination)) {
        (Ok(from), Ok(to)) if from.len() == to.len() => {
            let mut order: Vec<usize> = (0..rank).filter(|a| !from.contains(a)).collect();
            let mut moves: Vec<(usize, usize)> = to.into_iter().zip(from).collect();
            moves.sort_unstable();
            moves.into_iter().for_each(|(to, from)| order.insert(to.min(order.len()), from));
            x.transpose(&order)
        }
        (Err(e), _) | (_, Err(e)) => x.fail(e),
        _ => x.fail(Error::op("moveaxis", "as many axes to move as places for them are needed")),
    }
}

/// At least this many axes: vectors as rows, or along the first axis for three.
fn at_least(x: &Value, rank: usize) -> Value {
    match (x.rank(), rank) {
        (r, n) if r >= n => x.clone(),
        (0, n) => x.reshape(&vec![1; n]),
        (1, 2) => x.expand_dims(0),
        (1, _) => x.expand_dims(0).expand_dims(-1),
        (_, _) => x.expand_dims(-1),
    }
}

fn stacked(xs: &[Value], rank: usize, axis: i64) -> Value {
    let xs: Vec<Value> = promoted(xs).iter().map(|x| at_least(x, rank)).collect();
    Value::concat(&xs.iter().collect::<Vec<_>>(), axis)
}

/// All in the dtype that they meet in.
pub(super) fn promoted(xs: &[Value]) -> Vec<Value> {
    let dtype = xs.iter().map(Value::dtype).reduce(cornu_graph::DType::promote);
    xs.iter().map(|x| dtype.map_or_else(|| x.clone(), |d| x.cast(d))).collect()
}

fn expanded(x: &Value, axes: &Axes) -> Value {
    let axes = axes.of(0);
    let rank = x.rank() + axes.len();
    let places = axes.iter().map(|&a| normalize_axis("expand_dims", a, rank)).collect::<Result<Vec<_>>>();
    or_fail(x, places, |mut places| {
        places.sort_unstable();
        places.iter().fold(x.clone(), |x, &at| x.expand_dims(at as i64))
    })
}

/// What is made of a setting that may be wrong.
fn or_fail<T>(x: &Value, setting: Result<T>, make: impl FnOnce(T) -> Value) -> Value {
    match setting {
        Ok(setting) => make(setting),
        Err(e) => x.fail(e),
    }
}

fn naturals(sizes: &[i64]) -> Result<Vec<usize>> {
    let natural = |&n: &i64| {
        usize::try_from(n)
            .map_err(|_| Error::op("shape", format!("sizes must not be negative, got {sizes:?}")))
    };
    sizes.iter().map(natural).collect()
}

/// Sizes with the one that is -1 found from the number of elements.
fn sizes_of(x: &Value, sizes: &[i64]) -> Result<Vec<usize>> {
    let Some(free) = sizes.iter().position(|&n| n == -1) else { return naturals(sizes) };
    let mut known = sizes.to_vec();
    known[free] = 1;
    let mut known = naturals(&known)?;
    let rest: usize = known.iter().product();
    if rest == 0 || !x.spec().len().is_multiple_of(rest) {
        return Err(Error::op("reshape", format!("{:?} does not become {sizes:?}", x.shape())));
    }
    known[free] = x.spec().len() / rest;
    Ok(known)
}

fn order_of(x: &Value, axes: &Order) -> Result<Vec<usize>> {
    match axes {
        None => Ok((0..x.rank()).rev().collect()),
        Some(axes) => axes.iter().map(|&a| normalize_axis("transpose", a, x.rank())).collect(),
    }
}

fn squeeze_axes(x: &Value, axes: &Axes) -> Value {
    let mut axes: Vec<usize> = match axes {
        Axes::All(()) => (0..x.rank()).filter(|&a| x.shape()[a] == 1).collect(),
        some => {
            let found = some.of(x.rank()).iter().map(|&a| normalize_axis("squeeze", a, x.rank())).collect();
            match found {
                Ok(axes) => axes,
                Err(e) => return x.fail(e),
            }
        }
    };
    axes.sort_unstable();
    axes.dedup();
    axes.iter().rev().fold(x.clone(), |x, &a| x.squeeze(a as i64))
}
