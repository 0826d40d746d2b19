//! Colours of images.
use super::geometry::ImageAxes;
use cornu_graph::{Error, Result, Value};

/// Red, green and blue, each with a channel axis of size 1.
pub(crate) fn channels(x: &Value, axes: &ImageAxes) -> Result<[Value; 3]> {
    let parts = if x.shape()[axes.channel] == 3 { x.split(3, axes.channel as i64) } else { vec![] };
    let wrong = |_| Error::Data(format!("expected images of 3 channels, got shape {:?}", x.shape()));
    parts.try_into().map_err(wrong)
}

/// One channel: what the eye makes of three (ITU-R BT.601).
pub(crate) fn grayscale(x: &Value, axes: &ImageAxes) -> Result<Value> {
    let [red, green, blue] = channels(x, axes)?;
    Ok(red * 0.2989 + green * 0.587 + blue * 0.114)
}

/// Hue, saturation and value, each with a channel axis of size 1, of colours between 0 and 1.
pub(crate) fn hsv(x: &Value, axes: &ImageAxes) -> Result<[Value; 3]> {
    let [red, green, blue] = channels(x, axes)?;
    let value = red.maximum(&green).maximum(&blue);
    let range = &value - red.minimum(&green).minimum(&blue);
    let zero = range.scalar(0.0);
    let one = range.scalar(1.0);
    let safe = |x: &Value| x.gt(&zero).select(x, &one);
    let saturation = value.gt(&zero).select(&(&range / safe(&value)), &zero.broadcast_to(range.shape()));
    let sixth = safe(&range).powf(-1.0) * (1.0 / 6.0);
    let hue = value
        .equal(&green)
        .select(&((&blue - &red) * &sixth + 2.0 / 6.0), &((&red - &green) * &sixth + 4.0 / 6.0));
    let hue = value.equal(&red).select(&((&green - &blue) * &sixth), &hue);
    let hue = range.gt(&zero).select(&hue, &zero.broadcast_to(range.shape()));
    let hue = hue.lt(&zero).select(&(&hue + 1.0), &hue);
    Ok([hue, saturation, value])
}

/// Colours of hue, saturation and value.
pub(crate) fn rgb([hue, saturation, value]: &[Value; 3], axes: &ImageAxes) -> Value {
    let ramp = |shift: f64, sign: f64| {
        let distance = (hue * 6.0 - shift).abs();
        let ramp = if sign > 0.0 { distance - 1.0 } else { -distance + 2.0 };
        let pure = ramp.clip(0.0, 1.0);
        (((pure - 1.0) * saturation) + 1.0) * value
    };
    let colours = [ramp(3.0, 1.0), ramp(2.0, -1.0), ramp(4.0, -1.0)];
    Value::concat(&[&colours[0], &colours[1], &colours[2]], axes.channel as i64)
}
