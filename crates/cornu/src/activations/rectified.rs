//! Rectified linear units.
use cornu_graph::Value;

/// Rectified linear unit: `min(x, max_value)` above `threshold`, `negative_slope * (x - threshold)` below.
///
/// Keras's defaults: `negative_slope` 0, `max_value` `None`, `threshold` 0, which is `max(x, 0)`.
#[track_caller]
pub fn relu(x: &Value, negative_slope: f64, max_value: Option<f64>, threshold: f64) -> Value {
    if negative_slope != 0.0 && max_value.is_none() && threshold == 0.0 {
        return leaky_relu(x, negative_slope);
    }
    let zero = x.scalar(0.0);
    let positive = if threshold != 0.0 {
        x.gt(&x.scalar(threshold)).select(x, &zero)
    } else if max_value == Some(6.0) {
        relu6(x)
    } else {
        x.relu()
    };
    let clipped = match max_value {
        Some(max) if threshold != 0.0 || max != 6.0 => positive.maximum(&zero).minimum(&x.scalar(max)),
        _ => positive,
    };
    if negative_slope == 0.0 {
        return clipped;
    }
    let below = if threshold == 0.0 { -x } else { -x + threshold };
    clipped - negative_slope * below.relu()
}

/// Leaky rectified linear unit: `x` where `x >= 0`, `negative_slope * x` elsewhere. Keras's default slope is 0.2.
#[track_caller]
pub fn leaky_relu(x: &Value, negative_slope: f64) -> Value {
    x.ge(&x.scalar(0.0)).select(x, &(negative_slope * x))
}

/// `min(max(x, 0), 6)`, with gradient 0 at 0 and 6.
#[track_caller]
pub fn relu6(x: &Value) -> Value {
    let six = x.scalar(6.0);
    x.ge(&six).select(&six, &x.relu())
}
