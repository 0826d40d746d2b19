//! Lengths of vectors and matrices.
use super::Axes;
use super::dtypes::float;
use cornu_graph::{DType, Error, Result, Value, normalize_axis};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

ops! {
    "keras.src.ops.linalg";
    /// A norm of vectors (one axis) or matrices (two axes; all axes of `x` when they are `None`). Without an [`Order`], the root
    /// of the sum of squares, over any number of axes.
    Norm norm(x) { ord: Order, axis: Axes, keepdims: bool } =>
        norm_of(&float(x), ord, axis, *keepdims).unwrap_or_else(|e| x.fail(e));
}

/// Which norm.
///
/// | | of a vector | of a matrix |
/// |---|---|---|
/// | `None` | root of the sum of squares | the same |
/// | `"fro"` | | the same |
/// | `"nuc"` | | sum of the singular values |
/// | infinity | largest absolute value | largest sum of a row of absolute values |
/// | minus infinity | smallest absolute value | smallest sum of a row of absolute values |
/// | 0 | how many are not 0 | |
/// | 1, -1 | `sum(abs(x)^p)^(1/p)` | largest, smallest sum of a column of absolute values |
/// | 2, -2 | `sum(abs(x)^p)^(1/p)` | largest, smallest singular value |
/// | other `p` | `sum(abs(x)^p)^(1/p)` | |
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// The root of the sum of squares.
    Default,
    /// By name: `"fro"` or `"nuc"`.
    Name(String),
    /// By number, which may be infinite.
    Number(f64),
}

impl From<Option<f64>> for Order {
    fn from(p: Option<f64>) -> Order {
        p.map_or(Order::Default, Order::Number)
    }
}

impl From<f64> for Order {
    fn from(p: f64) -> Order {
        Order::Number(p)
    }
}

impl From<i32> for Order {
    fn from(p: i32) -> Order {
        Order::Number(p.into())
    }
}

impl From<&str> for Order {
    fn from(name: &str) -> Order {
        Order::Name(name.into())
    }
}

/// JSON as Python writes it has words for what is infinite; ours has strings of them.
const INFINITY: &str = "Infinity";
const MINUS_INFINITY: &str = "-Infinity";

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Order::Default => serializer.serialize_none(),
            Order::Name(name) => serializer.serialize_str(name),
            Order::Number(f64::INFINITY) => serializer.serialize_str(INFINITY),
            Order::Number(f64::NEG_INFINITY) => serializer.serialize_str(MINUS_INFINITY),
            Order::Number(p) if p.fract() == 0.0 && p.abs() < 1e9 => serializer.serialize_i64(*p as i64),
            Order::Number(p) => serializer.serialize_f64(*p),
        }
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number, a name, or null")]
        enum Saved {
            Number(f64),
            Name(String),
            Default(()),
        }
        Ok(match Saved::deserialize(deserializer)? {
            Saved::Number(p) => Order::Number(p),
            Saved::Name(name) if name == INFINITY => Order::Number(f64::INFINITY),
            Saved::Name(name) if name == MINUS_INFINITY => Order::Number(f64::NEG_INFINITY),
            Saved::Name(name) => Order::Name(name),
            Saved::Default(()) => Order::Default,
        })
    }
}

fn norm_of(x: &Value, order: &Order, axes: &Axes, keepdims: bool) -> Result<Value> {
    let over = axes.of(x.rank());
    let length = |over: &[i64]| {
        let sum = x.square();
        if keepdims { sum.sum_keepdims(over) } else { sum.sum(over) }.sqrt()
    };
    if let Order::Name(name) = order
        && !["fro", "nuc"].contains(&name.as_str())
    {
        return Err(Error::unknown("order of norm", name, ["fro", "nuc"]));
    }
    let all = matches!(axes, Axes::All(()));
    match (over.as_slice(), order) {
        (_, Order::Default) if all || over.len() < 3 => Ok(length(&over)),
        (&[axis], order) => of_vectors(x, order, axis, keepdims),
        (&[rows, columns], order) => of_matrices(x, order, (rows, columns), keepdims),
        _ => {
            let message = format!("takes one axis for vectors or two for matrices, got {over:?}");
            Err(Error::op("norm", message))
        }
    }
}

fn of_vectors(x: &Value, order: &Order, axis: i64, keepdims: bool) -> Result<Value> {
    let size = x.abs();
    let y = match order {
        Order::Number(f64::INFINITY) => size.max_keepdims([axis]),
        Order::Number(f64::NEG_INFINITY) => size.min_keepdims([axis]),
        Order::Number(0.0) => x.not_equal(&x.scalar(0.0)).cast(x.dtype()).sum_keepdims([axis]),
        Order::Number(1.0) => size.sum_keepdims([axis]),
        Order::Number(2.0) | Order::Default => x.square().sum_keepdims([axis]).sqrt(),
        Order::Number(p) => {
            let sum = size.powf(*p).sum_keepdims([axis]);
            sum.pow(&sum.scalar(1.0 / p))
        }
        Order::Name(name) => {
            return Err(Error::op("norm", format!("`{name}` is for matrices, got one axis")));
        }
    };
    Ok(if keepdims { y } else { y.squeeze(axis) })
}

fn of_matrices(x: &Value, order: &Order, axes: (i64, i64), keepdims: bool) -> Result<Value> {
    let axis = |a: i64| normalize_axis("norm", a, x.rank());
    let (rows, columns) = (axis(axes.0)?, axis(axes.1)?);
    if rows == columns {
        return Err(Error::op("norm", format!("takes two axes, got {} twice", axes.0)));
    }
    // The two axes at the end.
    let others: Vec<usize> = (0..x.rank()).filter(|&a| a != rows && a != columns).collect();
    let x_last = x.transpose(&[&others[..], &[rows, columns]].concat());
    let size = x_last.abs();
    let spectrum = || {
        let wide = DType::promote(x.dtype(), DType::F32);
        x_last.cast(wide).singular_values().cast(x.dtype())
    };
    let y = match order {
        Order::Default => x_last.square().sum([-1, -2]).sqrt(),
        Order::Name(name) if name == "fro" => x_last.square().sum([-1, -2]).sqrt(),
        Order::Name(_) => spectrum().sum([-1]),
        Order::Number(f64::INFINITY) => size.sum([-1]).max([-1]),
        Order::Number(f64::NEG_INFINITY) => size.sum([-1]).min([-1]),
        Order::Number(1.0) => size.sum([-2]).max([-1]),
        Order::Number(-1.0) => size.sum([-2]).min([-1]),
        Order::Number(2.0) => spectrum().max([-1]),
        Order::Number(-2.0) => spectrum().min([-1]),
        Order::Number(p) => return Err(Error::op("norm", format!("there is no matrix norm of order {p}"))),
    };
    if !keepdims {
        return Ok(y);
    }
    let kept = |a: usize| if a == rows || a == columns { 1 } else { x.shape()[a] };
    Ok(y.reshape(&(0..x.rank()).map(kept).collect::<Vec<_>>()))
}
