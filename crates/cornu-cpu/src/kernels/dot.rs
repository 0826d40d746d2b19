//! Matrix products of any axes, by views with strides where that is possible and by copies where not.
use super::strided::{Strided, row_major};
use super::{Args, Kernel, Lower, plain};
use crate::gemm::{Epilogue, Gemm, Strides};
use crate::pool::Pool;
use cornu_graph::ops::{BinaryKind, Dot};
use cornu_graph::{DType, Result, Spec, scalar};

/// One side of a product as batches of matrices.
#[derive(Clone, Debug)]
struct Side {
    /// Brings the axes into the order batch, kept, contracted, where no strides describe that.
    copy: Option<Strided>,
    bytes: usize,
    /// For each batch, where its matrix begins, in elements.
    batches: Vec<usize>,
    /// Between kept positions, and between contracted ones.
    kept: usize,
    contracted: usize,
}

/// The one stride of axes that lie in memory like one.
fn merged(axes: &[usize], shape: &[usize], strides: &[isize]) -> Option<usize> {
    let mut dims = axes.iter().filter(|&&a| shape[a] != 1).map(|&a| (shape[a], strides[a] as usize));
    let Some((_, mut stride)) = dims.next() else { return Some(0) };
    for (size, inner) in dims {
        if stride != inner * size {
            return None;
        }
        stride = inner;
    }
    Some(stride)
}

fn offsets(axes: &[usize], shape: &[usize], strides: &[isize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for &a in axes {
        offsets =
            offsets.iter().flat_map(|o| (0..shape[a]).map(move |i| o + i * strides[a] as usize)).collect();
    }
    offsets
}

impl Side {
    fn new(x: &Spec, batch: &[usize], kept: &[usize], contracted: &[usize]) -> Side {
        let strides = row_major(&x.shape);
        let views = (merged(kept, &x.shape, &strides), merged(contracted, &x.shape, &strides));
        if let (Some(kept), Some(contracted)) = views {
            let batches = offsets(batch, &x.shape, &strides);
            return Side { copy: None, bytes: 0, batches, kept, contracted };
        }
        let order: Vec<usize> = [batch, kept, contracted].concat();
        let shape: Vec<usize> = order.iter().map(|&a| x.shape[a]).collect();
        let from: Vec<isize> = order.iter().map(|&a| strides[a]).collect();
        let count = |axes: &[usize]| axes.iter().map(|&a| x.shape[a]).product::<usize>();
        let (m, k) = (count(kept), count(contracted));
        Side {
            copy: Some(Strided::new(&shape, (0, &from), (0, &row_major(&shape)), x.dtype.size())),
            bytes: x.bytes().next_multiple_of(64),
            batches: (0..count(batch)).map(|i| i * m * k).collect(),
            kept: k,
            contracted: 1,
        }
    }

    /// Where the matrices are, copied to `scratch` if need be.
    unsafe fn locate(&self, x: *const f32, scratch: *mut u8) -> *const f32 {
        match &self.copy {
            None => x,
            Some(copy) => {
                // SAFETY: the caller's: `scratch` holds the copy.
                unsafe { copy.run(x.cast(), scratch) };
                scratch.cast_const().cast()
            }
        }
    }
}

/// Multiply-adds that are worth a task.
const GRAIN: usize = 64 * 64 * 64;
/// So many products are a task or more each; fewer are split themselves.
const MANY: usize = 16;

/// A product of batches of matrices, with what is added and applied to it.
pub(crate) struct Product {
    a: Side,
    b: Side,
    /// For each batch, where its result begins, in elements.
    c: Vec<usize>,
    gemm: Gemm,
    /// Whether the operands change sides, so that the columns of the result lie side by side.
    turned: bool,
}

impl Product {
    /// Of a product whose axes are moved as it is stored, in a way that has a [last side](Dot::last_side). `None` for dtypes
    /// without matrix kernels.
    pub fn new(dot: &Dot, inputs: &[&Spec], permutation: Option<&[usize]>) -> Option<Product> {
        if inputs[0].dtype != DType::F32 {
            return None;
        }
        let side = permutation.map_or(Some(1), |p| dot.last_side([inputs[0].rank(), inputs[1].rank()], p))?;
        let moved = permutation.map(<[usize]>::to_vec);
        if side == 1 {
            return Some(Product::of_sides(dot, inputs[0], inputs[1], moved, false));
        }
        let Dot { a_batch, b_batch, a_contract, b_contract } = dot.clone();
        let (batch, rows) = (a_batch.len(), inputs[0].rank() - a_batch.len() - a_contract.len());
        let columns = inputs[1].rank() - batch - b_contract.len();
        // Where each axis of the result is once the operands have changed sides.
        let turn = |axis: usize| match axis {
            _ if axis < batch => axis,
            _ if axis < batch + rows => axis + columns,
            _ => axis - rows,
        };
        let moved = moved.map(|p| p.into_iter().map(turn).collect());
        let dot = Dot { a_batch: b_batch, b_batch: a_batch, a_contract: b_contract, b_contract: a_contract };
        Some(Product::of_sides(&dot, inputs[1], inputs[0], moved, true))
    }

    fn of_sides(dot: &Dot, a: &Spec, b: &Spec, moved: Option<Vec<usize>>, turned: bool) -> Product {
        let free_a = Dot::free(a.rank(), &dot.a_batch, &dot.a_contract);
        let free_b = Dot::free(b.rank(), &dot.b_batch, &dot.b_contract);
        // The order of contracted axes does not matter, as long as both sides have the same: that of `a` in memory.
        let mut order: Vec<usize> = (0..dot.a_contract.len()).collect();
        order.sort_by_key(|&i| dot.a_contract[i]);
        let in_order = |axes: &[usize]| -> Vec<usize> { order.iter().map(|&i| axes[i]).collect() };
        let side_a = Side::new(a, &dot.a_batch, &free_a, &in_order(&dot.a_contract));
        let side_b = Side::new(b, &dot.b_batch, &free_b, &in_order(&dot.b_contract));
        let count = |x: &Spec, axes: &[usize]| axes.iter().map(|&i| x.shape[i]).product::<usize>();
        let (m, n, k) = (count(a, &free_a), count(b, &free_b), count(a, &dot.a_contract));
        let batch = dot.a_batch.len();
        let sizes = |x: &Spec, axes: &[usize]| axes.iter().map(|&i| x.shape[i]).collect::<Vec<_>>();
        let shape = [sizes(a, &dot.a_batch), sizes(a, &free_a), sizes(b, &free_b)].concat();
        let moved = moved.unwrap_or_else(|| (0..shape.len()).collect());
        let mut strides = vec![0; shape.len()];
        let stored: Vec<usize> = moved.iter().map(|&axis| shape[axis]).collect();
        moved.iter().zip(row_major(&stored)).for_each(|(&axis, stride)| strides[axis] = stride);
        let axes: Vec<usize> = (0..shape.len()).collect();
        // Rows stay together; of one row any distance is right.
        let c_row =
            merged(&axes[batch..batch + free_a.len()], &shape, &strides).filter(|&s| s > 0).unwrap_or(n);
        let gemm = Gemm {
            m,
            n,
            k,
            a: Strides { row: side_a.kept, col: side_a.contracted },
            b: Strides { row: side_b.contracted, col: side_b.kept },
            c_row,
        };
        Product { a: side_a, b: side_b, c: offsets(&axes[..batch], &shape, &strides), gemm, turned }
    }

    pub fn scratch_bytes(&self) -> usize {
        self.a.bytes + self.b.bytes + self.gemm.scratch_bytes()
    }

    /// # Safety
    /// The operands must have the specs that the product was made for, and `scratch` as many bytes as it asks for.
    pub unsafe fn run(
        &self,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        let batches = self.a.batches.len();
        let size = self.gemm.m * self.gemm.n;
        let (a, b) = if self.turned { (b, a) } else { (a, b) };
        // SAFETY: the caller's; batches lie apart in the output.
        unsafe {
            let a = self.a.locate(a, scratch);
            let b = self.b.locate(b, scratch.add(self.a.bytes));
            let scratch = scratch.add(self.a.bytes + self.b.bytes);
            let grained = size * self.gemm.k <= GRAIN || batches >= MANY;
            if batches > 1 && grained && self.gemm.scratch_bytes() == 0 {
                let (a, b, c) = (a as usize, b as usize, c as usize);
                let per_task = (GRAIN / (size * self.gemm.k).max(1)).max(1);
                let task = |task: usize| {
                    for i in task * per_task..((task + 1) * per_task).min(batches) {
                        let (a, b) = (a as *const f32, b as *const f32);
                        let (a, b) = (a.add(self.a.batches[i]), b.add(self.b.batches[i]));
                        self.gemm.run_small(a, b, (c as *mut f32).add(self.c[i]), epilogue);
                    }
                };
                Pool::global().run(batches.div_ceil(per_task), &task);
                return;
            }
            for i in 0..batches {
                let (a, b) = (a.add(self.a.batches[i]), b.add(self.b.batches[i]));
                self.gemm.run(a, b, c.add(self.c[i]), epilogue, scratch);
            }
        }
    }
}

impl Lower for Dot {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        Ok(Some(match Product::new(self, inputs, None) {
            Some(product) => {
                let none = Epilogue::default();
                Kernel::with_scratch(product.scratch_bytes(), move |args: &Args| {
                    // SAFETY: the plan gives operands the memory of their specs.
                    unsafe {
                        product.run(args.input(0), args.input(1), args.output(0), &none, args.scratch());
                    }
                })
            }
            None => plain_dot(self, inputs, &outputs[0]),
        }))
    }
}

/// A product of any dtype, term by term.
fn plain_dot(dot: &Dot, inputs: &[&Spec], out: &Spec) -> Kernel {
    let free_a = Dot::free(inputs[0].rank(), &dot.a_batch, &dot.a_contract);
    let free_b = Dot::free(inputs[1].rank(), &dot.b_batch, &dot.b_contract);
    let places = |x: &Spec, axes: &[usize]| offsets(axes, &x.shape, &row_major(&x.shape));
    let a = [&dot.a_batch, &free_a, &dot.a_contract].map(|axes| places(inputs[0], axes));
    let b = [&dot.b_batch, &free_b, &dot.b_contract].map(|axes| places(inputs[1], axes));
    let dtype = out.dtype;
    let zero = scalar::identity(cornu_graph::ops::ReduceKind::Sum, dtype);
    Kernel::new(move |args| {
        let mut at = 0;
        for (batch_a, batch_b) in a[0].iter().zip(&b[0]) {
            for row in &a[1] {
                for column in &b[1] {
                    let mut sum = zero;
                    for (i, j) in a[2].iter().zip(&b[2]) {
                        // SAFETY: the places are those of the operands' specs.
                        let (x, y) = unsafe {
                            let x = plain::read(dtype, args.input(0), batch_a + row + i);
                            (x, plain::read(dtype, args.input(1), batch_b + column + j))
                        };
                        let product = scalar::binary(BinaryKind::Mul, dtype, x, y);
                        sum = scalar::binary(BinaryKind::Add, dtype, sum, product);
                    }
                    // SAFETY: the output has this element.
                    unsafe { plain::write(dtype, args.output(0), at, sum) };
                    at += 1;
                }
            }
        }
    })
}
