//! Products of matrices.
use super::Axes;
use super::arguments::Text;
use super::dtypes::float;
use cornu_graph::ops::{ConvWindow, ReduceKind};
use cornu_graph::{DType, Error, Value};

ops! {
    "keras.src.ops.numpy";
    /// NumPy's `matmul`: the last axis of `x1` with the last but one of `x2`; axes before them are batches, broadcast.
    Matmul matmul(x1, x2) => {
        let sum = if [x1, x2].iter().all(|x| x.dtype() == DType::I8) { wide } else { Value::clone };
        let [x1, x2] = alike(x1, x2).map(|x| sum(&x));
        x1.matmul(&x2)
    };
    /// NumPy's `dot`: the last axis of `x1` with the last but one of `x2`; all other axes are kept. A scalar multiplies.
    Dot dot(x1, x2) => match (x1.rank(), x2.rank()) {
        (0, _) | (_, 0) => x1 * x2,
        (_, 1) => contracted(x1, x2, &[-1], &[0]),
        _ => contracted(x1, x2, &[-1], &[-2]),
    };
    /// The product of all elements of both, in a row, summed.
    Vdot vdot(x1, x2) => {
        let flat = |x: &Value| x.reshape(&[x.spec().len()]);
        contracted(&flat(x1), &flat(x2), &[0], &[0])
    };
    /// Products of all vectors along the last axes.
    Inner inner(x1, x2) => match (x1.rank(), x2.rank()) {
        (0, _) | (_, 0) => x1 * x2,
        _ => contracted(x1, x2, &[-1], &[-1]),
    };
    /// The second in place of every element of the first, times that element.
    Kron kron(x1, x2) => {
        let rank = x1.rank().max(x2.rank());
        let sizes = |x: &Value| [vec![1; rank - x.rank()], x.shape().to_vec()].concat();
        let (a, b) = (sizes(x1), sizes(x2));
        let apart = |sizes: &[usize], first: bool| -> Vec<usize> {
            sizes.iter().flat_map(|&n| if first { [n, 1] } else { [1, n] }).collect()
        };
        let whole: Vec<usize> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
        (x1.reshape(&apart(&a, true)) * x2.reshape(&apart(&b, false))).reshape(&whole)
    };
    /// Every element of the first times every one of the second.
    Outer outer(x1, x2) => x1.reshape(&[x1.spec().len(), 1]) * x2.reshape(&[1, x2.spec().len()]);
    /// Sums of products over so many axes (the last of `x1`, the first of `x2`), or over two lists of axes.
    Tensordot tensordot(x1, x2) { axes: Contracted } => match axes {
        Contracted::Count(n) => {
            let most = x1.rank().min(x2.rank());
            if *n > most {
                let message = format!("over {n} axes, the tensors have {most} in common");
                return vec![x1.fail(Error::op("tensordot", message))];
            }
            let (n, rank) = (*n as i64, x1.rank() as i64);
            contracted(x1, x2, &(rank - n..rank).collect::<Vec<_>>(), &(0..n).collect::<Vec<_>>())
        }
        Contracted::Axes(a, b) => contracted(x1, x2, &a.of(x1.rank()), &b.of(x2.rank())),
    };
    /// Einstein's sum over the letters that the result does not have: `"ij,jk->ik"`. Without `->`, the result has the letters
    /// that appear once, in order.
    Einsum einsum([xs]) { subscripts: Text } => {
        let sum = if xs.iter().all(|x| x.dtype() == DType::I8) { wide } else { Value::clone };
        let xs: Vec<Value> = super::reshape::promoted(xs).iter().map(sum).collect();
        super::einsum::einsum(subscripts, &xs).unwrap_or_else(|e| xs[0].fail(e))
    };
    /// The vector product along the last axis.
    Cross cross(x1, x2) { axisa: i64, axisb: i64, axisc: i64, axis: MaybeAxis } => {
        let [axisa, axisb, axisc] = [axisa, axisb, axisc].map(|given| axis.unwrap_or(*given));
        let (mut a, mut b) = (x1.unstack(axisa), x2.unstack(axisb));
        // One of a plane beside one of space lies in its first two axes.
        let most = a.len().max(b.len());
        for flat in [&mut a, &mut b] {
            if let ([first, _], 3) = (flat.as_slice(), most) {
                flat.push(first.full_like(0.0));
            }
        }
        match (a.as_slice(), b.as_slice()) {
            ([a0, a1, a2], [b0, b1, b2]) => {
                let parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0];
                Value::stack(&parts.iter().collect::<Vec<_>>(), axisc)
            }
            ([a0, a1], [b0, b1]) => a0 * b1 - a1 * b0,
            _ => x1.fail(Error::op("cross", format!("of vectors of 3 or 2, got {} and {}", a.len(), b.len()))),
        }
    };
    /// The correlation of the rows with each other, between -1 and 1.
    Corrcoef corrcoef(x) => {
        let x = float(x);
        let centered = &x - x.mean_keepdims([-1]);
        if x.rank() < 2 || x.dim(0) == 1 {
            // One row alone gives a scalar: 1, or NaN where all its numbers are the same.
            let variance = centered.square().sum(centered.all_axes());
            let deviation = variance.sqrt();
            return vec![&variance / &deviation / &deviation];
        }
        let covariance = centered.tensordot(&centered, &[-1], &[-1]);
        let deviation = centered.square().reduce(ReduceKind::Sum, &[-1], false).sqrt();
        covariance / (deviation.expand_dims(1) * deviation.expand_dims(0))
    };
    /// The sum of products of a vector with another that is moved along it: `"valid"` places, as many as the first has
    /// (`"same"`), or all (`"full"`).
    Correlate correlate(x1, x2) { mode: Text } => {
        let [x1, x2] = super::dtypes::floats(x1, x2);
        correlated(&x1, &x2, mode)
    };
}

/// Both in the dtype in which they meet.
fn alike(x1: &Value, x2: &Value) -> [Value; 2] {
    let dtype = DType::promote(x1.dtype(), x2.dtype());
    [x1.cast(dtype), x2.cast(dtype)]
}

/// Products of int8 are summed as int32.
fn wide(x: &Value) -> Value {
    if x.dtype() == DType::I8 { x.cast(DType::I32) } else { x.clone() }
}

fn contracted(x1: &Value, x2: &Value, a: &[i64], b: &[i64]) -> Value {
    let [x1, x2] = alike(x1, x2);
    x1.tensordot(&x2, a, b)
}

/// An axis in place of three, or none.
type MaybeAxis = Option<i64>;

/// What is summed over: so many axes, or these of the first and those of the second.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged, expecting = "expected a number of axes, or two lists of axes")]
pub enum Contracted {
    /// So many.
    Count(usize),
    /// These and those.
    Axes(Axes, Axes),
}

fn correlated(x: &Value, y: &Value, mode: &str) -> Value {
    let (n, m) = (x.spec().len(), y.spec().len());
    let (short, long) = (n.min(m), n.max(m));
    let low = match mode {
        "valid" => 0,
        "same" => short / 2,
        "full" => short - 1,
        _ => return x.fail(Error::unknown("mode of correlate", mode, ["valid", "same", "full"])),
    };
    let high = match mode {
        "valid" => 0,
        "same" => short - 1 - low,
        _ => short - 1,
    };
    // The shorter moves along the longer; the other way around, the result is turned around.
    let (image, kernel) = if n >= m { (x, y) } else { (y, x) };
    let window = ConvWindow {
        strides: vec![1],
        padding: vec![(low as i64, high as i64)],
        lhs_dilation: vec![1],
        rhs_dilation: vec![1],
        groups: 1,
    };
    let product = image.reshape(&[1, long, 1]).conv(&kernel.reshape(&[short, 1, 1]), &window);
    let flat = product.reshape(&[product.spec().len()]);
    if n >= m { flat } else { flat.flip([0]) }
}
