//! Convolutions of up to three axes.
use super::{Kernel, Lower};
use crate::conv::{Geometry, SPACE};
use crate::gemm::Epilogue;
use cornu_graph::ops::{Conv, ConvInputGrad, ConvKernelGrad, ConvWindow};
use cornu_graph::{DType, Result, Spec};

/// The geometry of a convolution with image, kernel and result of these shapes; `None` for what has no kernel here.
pub(crate) fn geometry(
    window: &ConvWindow,
    dtype: DType,
    image: &[usize],
    kernel: &[usize],
    result: &[usize],
) -> Option<Geometry> {
    let n = image.len() - 2;
    let empty = [image, kernel, result].iter().any(|shape| shape.contains(&0));
    if dtype != DType::F32 || n > SPACE || empty {
        return None;
    }
    // Fewer axes are the last ones.
    let spread = |f: &dyn Fn(usize) -> usize| -> [usize; SPACE] {
        std::array::from_fn(|i| if i + n < SPACE { 1 } else { f(i + n - SPACE) })
    };
    Some(Geometry {
        batch: image[0],
        image: spread(&|i| image[i + 1]),
        channels: image[n + 1],
        result: spread(&|i| result[i + 1]),
        filters: kernel[n + 1],
        kernel: spread(&|i| kernel[i]),
        stride: spread(&|i| window.strides[i]),
        low: std::array::from_fn(
            |i| {
                if i + n < SPACE { 0 } else { window.padding[i + n - SPACE].0 as isize }
            },
        ),
        image_dilation: spread(&|i| window.lhs_dilation[i]),
        kernel_dilation: spread(&|i| window.rhs_dilation[i]),
        groups: window.groups,
    })
}

impl Lower for Conv {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (x, w) = (inputs[0], inputs[1]);
        Ok(geometry(&self.window, x.dtype, &x.shape, &w.shape, &outputs[0].shape).map(|g| {
            Kernel::with_scratch(g.forward_scratch(), move |args| {
                let none = Epilogue::default();
                // SAFETY: the plan gives operands the memory of their specs.
                unsafe { g.forward(args.input(0), args.input(1), args.output(0), &none, args.scratch()) };
            })
        }))
    }
}

impl Lower for ConvInputGrad {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (dy, w) = (inputs[0], inputs[1]);
        Ok(geometry(&self.window, dy.dtype, &outputs[0].shape, &w.shape, &dy.shape).map(|g| {
            Kernel::with_scratch(g.input_grad_scratch(), move |args| {
                // SAFETY: the plan gives operands the memory of their specs.
                unsafe { g.input_grad(args.input(0), args.input(1), args.output(0), args.scratch()) };
            })
        }))
    }
}

impl Lower for ConvKernelGrad {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (x, dy) = (inputs[0], inputs[1]);
        Ok(geometry(&self.window, x.dtype, &x.shape, &outputs[0].shape, &dy.shape).map(|g| {
            Kernel::with_scratch(g.kernel_grad_scratch(), move |args| {
                // SAFETY: the plan gives operands the memory of their specs.
                unsafe { g.kernel_grad(args.input(0), args.input(1), args.output(0), args.scratch()) };
            })
        }))
    }
}
