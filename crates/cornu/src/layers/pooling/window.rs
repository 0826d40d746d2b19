//! Pooling over windows of an image, channels last.
use crate::arguments::{Padding, Size};
use crate::layers::convolutional::padding_of;
use cornu_graph::ops::PoolKind;
use cornu_graph::{Error, Result, Value};

/// Windows over the spatial axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows<'a> {
    /// Size for each spatial axis, at least 1.
    pub size: &'a [usize],
    /// Step for each spatial axis, at least 1.
    pub strides: &'a [usize],
    /// What lies around the image.
    pub padding: &'a Padding,
}

impl<'a> Windows<'a> {
    /// The windows of a layer's arguments; the step is the size unless given.
    pub fn new<const N: usize>(
        size: &'a Size<N>,
        strides: Option<&'a Size<N>>,
        padding: &'a Padding,
    ) -> Result<Windows<'a>> {
        let size = size.positive("pool_size")?;
        let strides = strides.map_or(Ok(size), |s| s.positive("strides"))?;
        Ok(Windows { size, strides, padding })
    }

    /// Reduces each window.
    pub fn pool(&self, x: &Value, kind: PoolKind) -> Result<Value> {
        let n = self.size.len();
        if x.rank() != n + 2 {
            return Err(Error::Data(format!(
                "expected an input of {} axes, got shape {:?}",
                n + 2,
                x.shape()
            )));
        }
        if *self.padding == Padding::Causal {
            return Err(Error::argument("padding", "must be \"valid\" or \"same\", got \"causal\""));
        }
        let pads = (0..n)
            .map(|i| padding_of(self.padding, x.shape()[i + 1], self.size[i], self.strides[i], 1))
            .collect::<Result<Vec<_>>>()?;
        let around = |spatial: &[usize]| [&[1], spatial, &[1]].concat();
        let pads: Vec<(usize, usize)> =
            pads.iter().map(|&(low, high)| (low as usize, high as usize)).collect();
        let pads = [&[(0, 0)], &pads[..], &[(0, 0)]].concat();
        Ok(x.reduce_window(kind, &around(self.size), &around(self.strides), &pads))
    }

    /// The mean of each window; what lies outside of the image does not count.
    pub fn average(&self, x: &Value) -> Result<Value> {
        let total = self.pool(x, PoolKind::Sum)?;
        if *self.padding != Padding::Same {
            return Ok(total * (1.0 / self.size.iter().product::<usize>() as f64));
        }
        // How many elements of each window lie within the image.
        let one_image = [&[1], &x.shape()[1..x.rank() - 1], &[1]].concat();
        let ones = x.scalar(1.0).broadcast_to(&one_image);
        Ok(total / self.pool(&ones, PoolKind::Sum)?)
    }
}
