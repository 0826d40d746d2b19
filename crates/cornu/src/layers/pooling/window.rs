//! Pooling over windows of an image, channels last.
use crate::arguments::{Padding, Size};
use crate::layers::convolutional::padding_of;
use cornu_graph::ops::PoolKind;
use cornu_graph::{Error, Result, Value};

/// Reduces each window of the spatial axes.
pub(super) fn pool<const N: usize>(
    x: &Value,
    kind: PoolKind,
    size: &Size<N>,
    strides: Option<&Size<N>>,
    padding: &Padding,
) -> Result<Value> {
    if x.rank() != N + 2 {
        return Err(Error::Data(format!("expected an input of {} axes, got shape {:?}", N + 2, x.shape())));
    }
    if *padding == Padding::Causal {
        return Err(Error::argument("padding", "must be \"valid\" or \"same\", got \"causal\""));
    }
    let size = size.positive("pool_size")?;
    let strides = strides.map_or(Ok(size), |s| s.positive("strides"))?;
    let pads = (0..N)
        .map(|i| padding_of(padding, x.shape()[i + 1], size[i], strides[i], 1))
        .collect::<Result<Vec<_>>>()?;
    let around = |spatial: &[usize]| [&[1], spatial, &[1]].concat();
    let pads: Vec<(usize, usize)> = pads.iter().map(|&(low, high)| (low as usize, high as usize)).collect();
    let pads = [&[(0, 0)], &pads[..], &[(0, 0)]].concat();
    Ok(x.reduce_window(kind, &around(size), &around(strides), &pads))
}
