//! Windows whose place is known only when the step runs.
use super::strided::{Strided, row_major};
use super::{Args, Kernel, Lower, plain};
use cornu_graph::ops::{DynamicSlice, DynamicUpdate};
use cornu_graph::scalar::Number;
use cornu_graph::{DType, Result, Spec};

/// For each axis: stride, last start and dtype of the index.
type Starts = Vec<(isize, i128, DType)>;

fn starts(operand: &Spec, window: &[usize], indices: &[&Spec]) -> Starts {
    let strides = row_major(&operand.shape);
    let last = operand.shape.iter().zip(window).map(|(&size, &w)| (size - w) as i128);
    strides
        .into_iter()
        .zip(last)
        .zip(indices)
        .map(|((stride, last), spec)| (stride, last, spec.dtype))
        .collect()
}

/// Where the window begins, in elements.
fn offset(starts: &Starts, args: &Args, first: usize) -> usize {
    let mut at = 0;
    for (i, &(stride, last, dtype)) in starts.iter().enumerate() {
        // SAFETY: the indices are scalars of their dtypes.
        if let Number::Int(start) = unsafe { plain::read(dtype, args.input(first + i), 0) } {
            at += start.clamp(0, last) as isize * stride;
        }
    }
    at as usize
}

impl Lower for DynamicSlice {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (x, size) = (inputs[0], inputs[0].dtype.size());
        let starts = starts(x, &self.sizes, &inputs[1..]);
        let to = row_major(&outputs[0].shape);
        let copy = Strided::new(&self.sizes, (0, &row_major(&x.shape)), (0, &to), size);
        Ok(Some(Kernel::new(move |args| {
            let at = offset(&starts, args, 1);
            // SAFETY: the window lies within the operand.
            unsafe { copy.run(args.input::<u8>(0).add(at * size), args.output(0)) };
        })))
    }
}

impl Lower for DynamicUpdate {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let (x, update, size) = (inputs[0], inputs[1], inputs[0].dtype.size());
        let starts = starts(x, &update.shape, &inputs[2..]);
        let from = row_major(&update.shape);
        let copy = Strided::new(&update.shape, (0, &from), (0, &row_major(&x.shape)), size);
        let bytes = x.bytes();
        Ok(Some(Kernel::new(move |args| {
            let at = offset(&starts, args, 2);
            let (old, new) = (args.input::<u8>(0), args.output::<u8>(0));
            // SAFETY: the window lies within the operand, and the output is of its spec.
            unsafe {
                if old != new {
                    std::ptr::copy_nonoverlapping(old, new, bytes);
                }
                copy.run(args.input(1), new.add(at * size));
            }
        })))
    }
}
