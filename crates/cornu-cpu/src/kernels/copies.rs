//! Ops that only move elements: each is one copy, or a few, between views with strides.
use super::strided::{Strided, row_major};
use super::{Kernel, Lower};
use cornu_graph::ops::{Alias, StopGradient};
use cornu_graph::ops::{Broadcast, Concat, Pad, Reshape, Reverse, Slice, Transpose};
use cornu_graph::{Result, Spec};

/// A kernel that copies all of the first input to the output.
fn copy(copy: Strided) -> Result<Option<Kernel>> {
    // SAFETY: the views were made from the specs of input and output.
    Ok(Some(Kernel::new(move |args| unsafe { copy.run(args.input(0), args.output(0)) })))
}

fn same(spec: &Spec) -> Result<Option<Kernel>> {
    copy(Strided::new(&[spec.len()], (0, &[1]), (0, &[1]), spec.dtype.size()))
}

impl Lower for Alias {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        same(inputs[0])
    }
}

impl Lower for StopGradient {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        same(inputs[0])
    }
}

impl Lower for Reshape {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        same(inputs[0])
    }
}

impl Lower for Transpose {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let strides = row_major(&inputs[0].shape);
        let from: Vec<isize> = self.permutation.iter().map(|&p| strides[p]).collect();
        let shape = &outputs[0].shape;
        copy(Strided::new(shape, (0, &from), (0, &row_major(shape)), inputs[0].dtype.size()))
    }
}

impl Lower for Broadcast {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let shape = &outputs[0].shape;
        let mut from = vec![0; shape.len()];
        for (axis, stride) in row_major(&inputs[0].shape).into_iter().enumerate() {
            if inputs[0].shape[axis] != 1 {
                from[self.dims[axis]] = stride;
            }
        }
        copy(Strided::new(shape, (0, &from), (0, &row_major(shape)), inputs[0].dtype.size()))
    }
}

impl Lower for Slice {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let strides = row_major(&inputs[0].shape);
        let start = strides.iter().zip(&self.start).map(|(s, &at)| s * at as isize).sum();
        let from: Vec<isize> = strides.iter().zip(&self.stride).map(|(s, &step)| s * step as isize).collect();
        let shape = &outputs[0].shape;
        copy(Strided::new(shape, (start, &from), (0, &row_major(shape)), inputs[0].dtype.size()))
    }
}

impl Lower for Reverse {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let shape = &inputs[0].shape;
        let strides = row_major(shape);
        let (mut start, mut from) = (0, strides.clone());
        for &axis in &self.axes {
            start += strides[axis] * (shape[axis] as isize - 1).max(0);
            from[axis] = -strides[axis];
        }
        copy(Strided::new(shape, (start, &from), (0, &strides), inputs[0].dtype.size()))
    }
}

impl Lower for Concat {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let to = row_major(&outputs[0].shape);
        let mut start = 0;
        let copies: Vec<Strided> = inputs
            .iter()
            .map(|x| {
                let from = row_major(&x.shape);
                let copy = Strided::new(&x.shape, (0, &from), (start, &to), x.dtype.size());
                start += x.shape[self.axis] as isize * to[self.axis];
                copy
            })
            .collect();
        Ok(Some(Kernel::new(move |args| {
            for (i, copy) in copies.iter().enumerate() {
                // SAFETY: the views were made from the specs of inputs and output.
                unsafe { copy.run(args.input(i), args.output(0)) };
            }
        })))
    }
}

impl Lower for Pad {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (x, out) = (inputs[0], &outputs[0]);
        let size = x.dtype.size();
        let all = Strided::new(&[out.len()], (0, &[0]), (0, &[1]), size);
        // The part of `x` that is left after negative padding, and where it goes.
        let (from, to) = (row_major(&x.shape), row_major(&out.shape));
        let (mut sizes, mut spread) = (vec![], vec![]);
        let (mut read, mut write) = (0isize, 0isize);
        for axis in 0..x.rank() {
            let step = self.interior[axis] as i64 + 1;
            let place = |i: i64| self.low[axis] + i * step;
            let inside: Vec<i64> = (0..x.shape[axis] as i64)
                .filter(|&i| (0..out.shape[axis] as i64).contains(&place(i)))
                .collect();
            let first = inside.first().copied().unwrap_or(0);
            sizes.push(inside.len());
            spread.push(to[axis] * step as isize);
            read += from[axis] * first as isize;
            write += to[axis] * place(first) as isize;
        }
        if sizes.contains(&0) {
            (read, write) = (0, 0);
        }
        let inner = Strided::new(&sizes, (read, &from), (write, &spread), size);
        Ok(Some(Kernel::new(move |args| {
            // SAFETY: the views were made from the specs of inputs and output.
            unsafe {
                all.run(args.input(1), args.output(0));
                inner.run(args.input(0), args.output(0));
            }
        })))
    }
}
