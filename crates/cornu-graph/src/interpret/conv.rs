//! Convolution and its transposes.
use super::array::offset;
use super::{Array, Eval, Indices};
use crate::ops::{Conv, ConvInputGrad, ConvKernelGrad, ConvWindow};
use crate::{Result, Spec};

/// Calls `each` with the places in image, kernel and result of every product of the convolution.
fn products(
    window: &ConvWindow,
    image: &[usize],
    kernel: &[usize],
    result: &[usize],
    mut each: impl FnMut(usize, usize, usize),
) {
    let n = image.len() - 2;
    let (inner, filters) = (kernel[n], kernel[n + 1]);
    for out in Indices::new(result) {
        let group = out[n + 1] / (filters / window.groups);
        for mut k in Indices::new(&kernel[..n + 1]) {
            let channel = group * inner + k[n];
            let mut place = vec![out[0]];
            for axis in 0..n {
                let stretched = (out[axis + 1] * window.strides[axis] + k[axis] * window.rhs_dilation[axis])
                    as i64
                    - window.padding[axis].0;
                let dilation = window.lhs_dilation[axis] as i64;
                if stretched >= 0
                    && stretched % dilation == 0
                    && stretched / dilation < image[axis + 1] as i64
                {
                    place.push((stretched / dilation) as usize);
                }
            }
            if place.len() == n + 1 {
                place.push(channel);
                k.push(out[n + 1]);
                each(offset(image, &place), offset(kernel, &k), offset(result, &out));
            }
        }
    }
}

impl Eval for Conv {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, k) = (inputs[0].as_floats()?, inputs[1].as_floats()?);
        let mut y = vec![0.0; out[0].len()];
        let (image, kernel) = (&inputs[0].spec.shape, &inputs[1].spec.shape);
        products(&self.window, image, kernel, &out[0].shape, |i, j, o| y[o] += x[i] * k[j]);
        Ok(vec![Array::floats(&out[0], y)])
    }
}

impl Eval for ConvInputGrad {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (g, k) = (inputs[0].as_floats()?, inputs[1].as_floats()?);
        let mut dx = vec![0.0; out[0].len()];
        let (result, kernel) = (&inputs[0].spec.shape, &inputs[1].spec.shape);
        products(&self.window, &self.shape, kernel, result, |i, j, o| dx[i] += g[o] * k[j]);
        Ok(vec![Array::floats(&out[0], dx)])
    }
}

impl Eval for ConvKernelGrad {
    fn eval(&self, inputs: &[&Array], out: &[Spec]) -> Result<Vec<Array>> {
        let (x, g) = (inputs[0].as_floats()?, inputs[1].as_floats()?);
        let mut dk = vec![0.0; out[0].len()];
        let (image, result) = (&inputs[0].spec.shape, &inputs[1].spec.shape);
        products(&self.window, image, &self.shape, result, |i, j, o| dk[j] += x[i] * g[o]);
        Ok(vec![Array::floats(&out[0], dk)])
    }
}
