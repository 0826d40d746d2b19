//! Convolution over one to three spatial axes, and its two transposes.
//!
//! Convolution is linear in each operand, so that the three ops differentiate into one another, to any order.
use super::{Attributes, OpRule, arity};
use crate::text::{Attribute, Cursor};
use crate::{Error, Result, Spec, Value};

/// How a kernel moves over an image; one entry for each spatial axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvWindow {
    /// Steps of the kernel.
    pub strides: Vec<usize>,
    /// Zeros before and after; negative cuts off.
    pub padding: Vec<(i64, i64)>,
    /// Distance between the image's elements: `n - 1` zeros are put between them.
    pub lhs_dilation: Vec<usize>,
    /// Distance between the kernel's elements.
    pub rhs_dilation: Vec<usize>,
    /// In how many groups channels are convolved apart.
    pub groups: usize,
}

impl ConvWindow {
    /// Step 1, no padding, no dilation, one group.
    pub fn new(spatial: usize) -> ConvWindow {
        ConvWindow {
            strides: vec![1; spatial],
            padding: vec![(0, 0); spatial],
            lhs_dilation: vec![1; spatial],
            rhs_dilation: vec![1; spatial],
            groups: 1,
        }
    }

    /// Output size along one axis; `None` where the kernel does not fit.
    pub fn output(&self, axis: usize, size: usize, kernel: usize) -> Option<usize> {
        let stretched = |n: usize, by: usize| if n == 0 { 0 } else { (n - 1) * by + 1 };
        let padded = stretched(size, self.lhs_dilation[axis]) as i64 + self.padding[axis].0 + self.padding[axis].1;
        let room = padded - stretched(kernel, self.rhs_dilation[axis]) as i64;
        (room >= 0).then(|| room as usize / self.strides[axis] + 1)
    }

    fn check(&self, op: &'static str, spatial: usize) -> Result<()> {
        let lengths = [self.strides.len(), self.padding.len(), self.lhs_dilation.len(), self.rhs_dilation.len()];
        let positive = [&self.strides, &self.lhs_dilation, &self.rhs_dilation].iter().all(|v| !v.contains(&0));
        if lengths != [spatial; 4] || !positive || self.groups == 0 || !(1..=3).contains(&spatial) {
            return Err(Error::op(op, format!("a window for {spatial} spatial axes cannot be {self:?}")));
        }
        Ok(())
    }

    /// Shape of the image `x` convolved with the kernel `k`.
    fn convolved(&self, op: &'static str, x: &[usize], k: &[usize]) -> Result<Vec<usize>> {
        let bad = |why: String| Error::op(op, format!("image {x:?} and kernel {k:?} do not match: {why}"));
        if x.len() < 3 || x.len() != k.len() {
            return Err(bad("both need one rank, with batch, spatial axes and channels".into()));
        }
        let n = x.len() - 2;
        self.check(op, n)?;
        let (channels, filters) = (x[n + 1], k[n + 1]);
        if k[n] * self.groups != channels || !filters.is_multiple_of(self.groups) {
            let groups = self.groups;
            return Err(bad(format!("the kernel takes {} channels in {groups} groups", k[n])));
        }
        let mut shape = vec![x[0]];
        for i in 0..n {
            let size = self.output(i, x[i + 1], k[i]);
            shape.push(size.ok_or_else(|| bad(format!("the kernel does not fit along spatial axis {i}")))?);
        }
        shape.push(filters);
        Ok(shape)
    }
}

impl Attribute for ConvWindow {
    fn print(&self, out: &mut String) {
        self.strides.print(out);
        out.push_str(" padding=");
        self.padding.print(out);
        out.push_str(" lhs_dilation=");
        self.lhs_dilation.print(out);
        out.push_str(" rhs_dilation=");
        self.rhs_dilation.print(out);
        out.push_str(" groups=");
        self.groups.print(out);
    }

    fn parse(text: &mut Cursor) -> Result<ConvWindow> {
        let strides = Vec::parse(text)?;
        text.expect("padding=")?;
        let padding = Vec::parse(text)?;
        text.expect("lhs_dilation=")?;
        let lhs_dilation = Vec::parse(text)?;
        text.expect("rhs_dilation=")?;
        let rhs_dilation = Vec::parse(text)?;
        text.expect("groups=")?;
        Ok(ConvWindow { strides, padding, lhs_dilation, rhs_dilation, groups: usize::parse(text)? })
    }
}

op! {
    /// The image `(batch, spatial.., channels)` with the kernel `(spatial.., channels / groups, filters)`, which is not
    /// flipped. StableHLO `convolution` with `[b, 0, 1, f] x [0, 1, i, o] -> [b, 0, 1, f]`.
    Conv "conv" {
        /// How the kernel moves.
        window: ConvWindow,
    }
}

op! {
    /// The gradient of [`Conv`] by its image: from the gradient of the result and the kernel.
    ConvInputGrad "conv_input_grad" {
        /// The window of the convolution.
        window: ConvWindow,
        /// Shape of its image.
        shape: Vec<usize>,
    }
}

op! {
    /// The gradient of [`Conv`] by its kernel: from the image and the gradient of the result.
    ConvKernelGrad "conv_kernel_grad" {
        /// The window of the convolution.
        window: ConvWindow,
        /// Shape of its kernel.
        shape: Vec<usize>,
    }
}

/// Operations of a convolution: each filter sees the channels of its group.
fn flops(kernel: &Spec, result: &Spec) -> f64 {
    let filters = kernel.shape.last().copied().unwrap_or(1).max(1);
    2.0 * result.len() as f64 * (kernel.len() / filters) as f64
}

fn float_pair(op: &'static str, a: &Spec, b: &Spec) -> Result<()> {
    if a.dtype == b.dtype && a.dtype.is_float() {
        return Ok(());
    }
    Err(Error::op(op, format!("takes two floats of one dtype, got {a} and {b}")))
}

impl OpRule for Conv {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x, k] = arity(Self::NAME, inputs)?;
        float_pair(Self::NAME, x, k)?;
        Ok(vec![x.with_shape(self.window.convolved(Self::NAME, &x.shape, &k.shape)?)])
    }

    fn flops(&self, inputs: &[&Spec], outputs: &[Spec]) -> f64 {
        flops(inputs[1], &outputs[0])
    }

    fn grad(&self, x: &[Value], _: &Value, g: &Value) -> Vec<Option<Value>> {
        let (x, k) = (&x[0], &x[1]);
        vec![
            Some(g.conv_input_grad(k, &self.window, x.shape())),
            Some(x.conv_kernel_grad(g, &self.window, k.shape())),
        ]
    }
}

impl OpRule for ConvInputGrad {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [g, k] = arity(Self::NAME, inputs)?;
        float_pair(Self::NAME, g, k)?;
        let given = self.window.convolved(Self::NAME, &self.shape, &k.shape)?;
        if given != g.shape {
            return Err(Error::op(Self::NAME, format!("an image {:?} gives {given:?}, got {g}", self.shape)));
        }
        Ok(vec![g.with_shape(self.shape.clone())])
    }

    fn flops(&self, inputs: &[&Spec], _: &[Spec]) -> f64 {
        flops(inputs[1], inputs[0])
    }

    fn grad(&self, x: &[Value], _: &Value, d: &Value) -> Vec<Option<Value>> {
        let (g, k) = (&x[0], &x[1]);
        vec![Some(d.conv(k, &self.window)), Some(d.conv_kernel_grad(g, &self.window, k.shape()))]
    }
}

impl OpRule for ConvKernelGrad {
    fn infer(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [x, g] = arity(Self::NAME, inputs)?;
        float_pair(Self::NAME, x, g)?;
        let given = self.window.convolved(Self::NAME, &x.shape, &self.shape)?;
        if given != g.shape {
            return Err(Error::op(Self::NAME, format!("a kernel {:?} gives {given:?}, got {g}", self.shape)));
        }
        Ok(vec![x.with_shape(self.shape.clone())])
    }

    fn flops(&self, inputs: &[&Spec], outputs: &[Spec]) -> f64 {
        flops(&outputs[0], inputs[1])
    }

    fn grad(&self, x: &[Value], _: &Value, d: &Value) -> Vec<Option<Value>> {
        let (x, g) = (&x[0], &x[1]);
        vec![Some(g.conv_input_grad(d, &self.window, x.shape())), Some(x.conv(d, &self.window))]
    }
}

/// Convolutions.
impl Value {
    /// This image with a kernel; see [`Conv`].
    #[track_caller]
    pub fn conv(&self, kernel: &Value, window: &ConvWindow) -> Value {
        Value::emit1(Conv { window: window.clone() }, &[self, kernel])
    }

    /// The gradient of a convolution by its image of `shape`, from this gradient of its result.
    #[track_caller]
    pub fn conv_input_grad(&self, kernel: &Value, window: &ConvWindow, shape: &[usize]) -> Value {
        Value::emit1(ConvInputGrad { window: window.clone(), shape: shape.to_vec() }, &[self, kernel])
    }

    /// The gradient of the convolution of this image by its kernel of `shape`.
    #[track_caller]
    pub fn conv_kernel_grad(&self, grad: &Value, window: &ConvWindow, shape: &[usize]) -> Value {
        Value::emit1(ConvKernelGrad { window: window.clone(), shape: shape.to_vec() }, &[self, grad])
    }
}
