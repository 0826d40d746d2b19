//! Convolutions with channels last, and their transposes as convolutions.
use super::Lower;
use super::emit::{Emitter, Val, array, pairs};
use cornu_graph::ops::{Conv, ConvInputGrad, ConvKernelGrad, ConvWindow};
use cornu_graph::{Result, Spec};

/// What each axis of an operand is: the first, the spatial ones, then the last two or the last.
fn axes(spatial: usize, first: &str, last: &[&str]) -> String {
    let spatial = (0..spatial).map(|i| i.to_string());
    let first = (!first.is_empty()).then(|| first.to_string()).into_iter();
    let all: Vec<String> = first.chain(spatial).chain(last.iter().map(|s| s.to_string())).collect();
    format!("[{}]", all.join(", "))
}

impl Emitter<'_> {
    fn convolution(
        &mut self,
        x: &Val,
        k: &Val,
        window: &ConvWindow,
        numbers: [String; 3],
        out: &Spec,
    ) -> Val {
        let [image, kernel, result] = numbers;
        let (strides, padding) = (array(&window.strides), pairs(&window.padding));
        let (lhs, rhs) = (array(&window.lhs_dilation), array(&window.rhs_dilation));
        let attributes = format!(
            "window_strides = {strides}, padding = {padding}, lhs_dilation = {lhs}, rhs_dilation = {rhs}, \
             dimension_numbers = #stablehlo.conv<{image}x{kernel}->{result}>, feature_group_count = {} : i64, \
             batch_group_count = 1 : i64{}",
            window.groups,
            self.precision(out.dtype),
        );
        self.one("stablehlo.convolution", &[x, k], &attributes, out)
    }
}

impl Lower for Conv {
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let n = self.window.strides.len();
        let image = || axes(n, "b", &["f"]);
        let numbers = [image(), axes(n, "", &["i", "o"]), image()];
        Ok(vec![e.convolution(&x[0], &x[1], &self.window, numbers, &out[0])])
    }
}

/// `n` elements with gaps: `by` apart.
fn stretched(n: usize, by: usize) -> i64 {
    if n == 0 { 0 } else { ((n - 1) * by + 1) as i64 }
}

impl Lower for ConvInputGrad {
    /// The gradient, with gaps where the window stepped, convolved with the flipped kernel.
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (g, k, w) = (&x[0], &x[1], &self.window);
        let n = w.strides.len();
        if g.spec.is_empty() {
            return Ok(vec![e.full(&out[0], 0.0)]);
        }
        let padding = |i: usize| {
            let kernel = stretched(k.spec.shape[i], w.rhs_dilation[i]);
            let image = stretched(self.shape[i + 1], w.lhs_dilation[i]);
            let low = kernel - 1 - w.padding[i].0;
            (low, image + kernel - 1 - stretched(g.spec.shape[i + 1], w.strides[i]) - low)
        };
        let window = ConvWindow {
            strides: w.lhs_dilation.clone(),
            padding: (0..n).map(padding).collect(),
            lhs_dilation: w.strides.clone(),
            rhs_dilation: w.rhs_dilation.clone(),
            groups: w.groups,
        };
        let flipped = e.one("stablehlo.reverse", &[k], &format!("dimensions = {}", array(0..n)), &k.spec);
        let (kernel, order) = if w.groups == 1 {
            (flipped, ["o", "i"])
        } else {
            // Within each group inputs and outputs change places.
            let (spatial, inner) = (&k.spec.shape[..n], k.spec.shape[n]);
            let each = k.spec.shape[n + 1] / w.groups;
            let apart = e.reshape(&flipped, &[spatial, &[inner, w.groups, each]].concat());
            let order: Vec<usize> = (0..n).chain([n + 2, n + 1, n]).collect();
            let moved = e.transpose(&apart, &order);
            (e.reshape(&moved, &[spatial, &[each, w.groups * inner]].concat()), ["i", "o"])
        };
        let image = || axes(n, "b", &["f"]);
        Ok(vec![e.convolution(g, &kernel, &window, [image(), axes(n, "", &order), image()], &out[0])])
    }
}

impl Lower for ConvKernelGrad {
    /// The image convolved with the gradient: batch and channels change places.
    fn lower(&self, e: &mut Emitter, x: &[Val], out: &[Spec]) -> Result<Vec<Val>> {
        let (x, g, w) = (&x[0], &x[1], &self.window);
        let n = w.strides.len();
        if x.spec.is_empty() || g.spec.is_empty() {
            return Ok(vec![e.full(&out[0], 0.0)]);
        }
        let padding = |i: usize| {
            let low = w.padding[i].0;
            let kernel = stretched(self.shape[i], w.rhs_dilation[i]);
            let excess = stretched(g.spec.shape[i + 1], w.strides[i])
                - stretched(x.spec.shape[i + 1], w.lhs_dilation[i]);
            (low, excess + kernel - low - 1)
        };
        let window = ConvWindow {
            strides: w.rhs_dilation.clone(),
            padding: (0..n).map(padding).collect(),
            lhs_dilation: w.lhs_dilation.clone(),
            rhs_dilation: w.strides.clone(),
            groups: w.groups,
        };
        let x = if w.groups == 1 {
            x.clone()
        } else {
            // The groups of channels become groups of the batch, which stands in their place.
            let (batch, inner) = (x.spec.shape[0], x.spec.shape[n + 1] / w.groups);
            let spatial = &x.spec.shape[1..n + 1];
            let apart = e.reshape(x, &[&[batch], spatial, &[w.groups, inner]].concat());
            let order: Vec<usize> = [n + 1].into_iter().chain(0..n + 1).chain([n + 2]).collect();
            let moved = e.transpose(&apart, &order);
            e.reshape(&moved, &[&[w.groups * batch], spatial, &[inner]].concat())
        };
        let numbers = [axes(n, "f", &["b"]), axes(n, "i", &["o"]), axes(n, "", &["b", "f"])];
        Ok(vec![e.convolution(&x, g, &window, numbers, &out[0])])
    }
}
