//! Depth and space, segments, and places in order.
use super::Sizes;
use super::arguments::Text;
use crate::DataFormat;
use cornu_graph::ops::ScatterKind;
use cornu_graph::{DType, Error, Result, Tensor, Value, normalize_axis};

ops! {
    "keras.src.ops.nn";
    /// Blocks of channels become blocks of rows and columns: `(batch, h, w, c)` to `(batch, h * n, w * n, c / n^2)`.
    DepthToSpace depth_to_space(x) { block_size: usize, data_format: DataFormat } => to_space(x, *block_size, data_format);
    /// Blocks of rows and columns become channels, the inverse of [`depth_to_space`].
    SpaceToDepth space_to_depth(x) { block_size: usize, data_format: DataFormat } => to_depth(x, *block_size, data_format);
}

ops! {
    "keras.src.ops.math";
    /// Sums of the rows of each segment; ids from 0, and `num_segments` of them (on the host, as many as there are unless
    /// given).
    SegmentSum segment_sum(data, segment_ids) { num_segments: Count, sorted: bool } =>
        segments(data, segment_ids, *num_segments, *sorted, ScatterKind::Add),
    host |this: &SegmentSum, given: &[Option<Tensor>]| counted(given, this.num_segments, ScatterKind::Add);
    /// The largest of the rows of each segment, negative infinity (of integers the lowest) of none; as [`segment_sum`].
    SegmentMax segment_max(data, segment_ids) { num_segments: Count, sorted: bool } =>
        segments(data, segment_ids, *num_segments, *sorted, ScatterKind::Max),
    host |this: &SegmentMax, given: &[Option<Tensor>]| counted(given, this.num_segments, ScatterKind::Max);
    /// The smallest of the rows of each segment, infinity (of integers the highest) of none; as [`segment_sum`].
    SegmentMin segment_min(data, segment_ids) { num_segments: Count, sorted: bool } =>
        segments(data, segment_ids, *num_segments, *sorted, ScatterKind::Min),
    host |this: &SegmentMin, given: &[Option<Tensor>]| counted(given, this.num_segments, ScatterKind::Min);
    /// Products of the rows of each segment, 1 of none; as [`segment_sum`].
    SegmentProd segment_prod(data, segment_ids) { num_segments: Count, sorted: bool } =>
        segments(data, segment_ids, *num_segments, *sorted, ScatterKind::Mul),
    host |this: &SegmentProd, given: &[Option<Tensor>]| counted(given, this.num_segments, ScatterKind::Mul);
    /// Whether the class that each target names is among the `k` of highest prediction.
    InTopK in_top_k(targets, predictions) { k: usize } => {
        let own = predictions.take_along_axis(&targets.cast(DType::I32).expand_dims(-1), -1);
        let above = predictions.gt(&own.broadcast_to(predictions.shape())).cast(DType::I32);
        let finite = own.squeeze(-1).is_finite();
        let few = above.sum([-1]).lt(&above.scalar(*k as f64));
        finite.select(&few, &finite)
    };
}

ops! {
    "keras.src.ops.numpy";
    /// Where each value would stand in a sorted sequence: before equal ones (`"left"`) or after them, int32.
    SearchSorted searchsorted(sorted_sequence, values) { side: Text } => {
        let dtype = DType::promote(sorted_sequence.dtype(), values.dtype());
        let (sequence, values) = (sorted_sequence.cast(dtype), values.cast(dtype).expand_dims(-1));
        let before = match side.as_str() {
            "left" => values.gt(&sequence),
            "right" => values.ge(&sequence),
            other => return vec![values.fail(Error::unknown("side", other, ["left", "right"]))],
        };
        before.cast(DType::I32).sum([-1])
    };
    /// Turned by so many right angles in the plane of two axes, from the first toward the second.
    Rot90 rot90(array) { k: i64, axes: Sizes } => {
        let places = axes.0.iter().map(|&a| normalize_axis("rot90", a, array.rank())).collect::<Result<Vec<_>>>();
        let (a, b) = match places.as_deref() {
            Ok(&[a, b]) if a != b => (a as i64, b as i64),
            Err(e) => return vec![array.fail(e.clone())],
            _ => return vec![array.fail(Error::op("rot90", format!("of two axes, got {:?}", axes.0)))],
        };
        let swapped = |x: &Value| x.swap_axes(a, b);
        match k.rem_euclid(4) {
            0 => array.clone(),
            1 => swapped(&array.flip([b])),
            2 => array.flip([a, b]),
            _ => swapped(array).flip([b]),
        }
    };
}

/// A number that Keras can do without where it may look at the data.
type Count = Option<usize>;

fn to_space(x: &Value, n: usize, format: &DataFormat) -> Value {
    if let Err(e) = format.check() {
        return x.fail(e);
    }
    let &[batch, a, b, c] = x.shape() else {
        return x
            .fail(Error::op("depth_to_space", format!("of a batch of images, got shape {:?}", x.shape())));
    };
    let first = *format == DataFormat::ChannelsFirst;
    let channels = if first { a } else { c };
    if n == 0 || n > channels || !channels.is_multiple_of(n * n) {
        return x
            .fail(Error::op("depth_to_space", format!("{channels} channels are no blocks of {n} x {n}")));
    }
    let depth = channels / (n * n);
    if first {
        let apart = x.reshape(&[batch, depth, n, n, b, c]).transpose(&[0, 1, 4, 2, 5, 3]);
        return apart.reshape(&[batch, depth, b * n, c * n]);
    }
    x.reshape(&[batch, a, b, n, n, depth]).transpose(&[0, 1, 3, 2, 4, 5]).reshape(&[
        batch,
        a * n,
        b * n,
        depth,
    ])
}

fn to_depth(x: &Value, n: usize, format: &DataFormat) -> Value {
    if let Err(e) = format.check() {
        return x.fail(e);
    }
    let &[batch, a, b, c] = x.shape() else {
        return x
            .fail(Error::op("space_to_depth", format!("of a batch of images, got shape {:?}", x.shape())));
    };
    let first = *format == DataFormat::ChannelsFirst;
    let (height, width) = if first { (b, c) } else { (a, b) };
    if n == 0 || !height.is_multiple_of(n) || !width.is_multiple_of(n) {
        return x.fail(Error::op("space_to_depth", format!("{height} x {width} is no blocks of {n} x {n}")));
    }
    let (height, width) = (height / n, width / n);
    if first {
        let apart = x.reshape(&[batch, a, height, n, width, n]).transpose(&[0, 1, 3, 5, 2, 4]);
        return apart.reshape(&[batch, a * n * n, height, width]);
    }
    let apart = x.reshape(&[batch, height, n, width, n, c]).transpose(&[0, 1, 3, 2, 4, 5]);
    apart.reshape(&[batch, height, width, n * n * c])
}

fn segments(data: &Value, ids: &Value, count: Count, _sorted: bool, kind: ScatterKind) -> Value {
    if data.dtype() == DType::Bool {
        // Whether any holds, or all; of none false and true, the ends of bytes.
        let kind = match kind {
            ScatterKind::Add => ScatterKind::Max,
            ScatterKind::Mul => ScatterKind::Min,
            kind => kind,
        };
        return segments(&data.cast(DType::U8), ids, count, false, kind).cast(DType::Bool);
    }
    let Some(count) = count else {
        let message = "the number of segments must be given: shapes are known before the data";
        return data.fail(Error::argument("num_segments", message));
    };
    if ids.rank() != 1 || data.rank() == 0 || ids.dim(0) != data.dim(0) {
        let message = format!("one id for each row, got shapes {:?} and {:?}", data.shape(), ids.shape());
        return data.fail(Error::op("segment", message));
    }
    let limits =
        if data.dtype().is_float() { (f64::NEG_INFINITY, f64::INFINITY) } else { data.dtype().limits() };
    let start = match kind {
        ScatterKind::Max => limits.0,
        ScatterKind::Min => limits.1,
        ScatterKind::Mul => 1.0,
        _ => 0.0,
    };
    let shape = [&[count], &data.shape()[1..]].concat();
    let start = data.scalar(start).broadcast_to(&shape);
    start.scatter_at(kind, &ids.expand_dims(-1), data)
}

/// As many segments as there are ids.
fn counted(given: &[Option<Tensor>], count: Count, kind: ScatterKind) -> Option<Result<Vec<Tensor>>> {
    let ([Some(data), Some(ids)], None) = (given, count) else { return None };
    let count = ids.to_f64().iter().fold(0, |count, &id| count.max(id as usize + 1));
    Some(super::operand::run(&[data.clone(), ids.clone()], |_, v| {
        Ok(vec![segments(&v[0], &v[1], Some(count), false, kind)])
    }))
}
