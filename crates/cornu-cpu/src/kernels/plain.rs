//! Elementwise ops on dtypes that loops do not hold: one element at a time, exact, without allocation.
use super::strided::row_major;
use super::{Args, Kernel, Lower};
use cornu_graph::ops::{Binary, BinaryKind, Cast, Compare, CompareKind, ReduceKind, Select, Unary};
use cornu_graph::scalar::{self, Number};
use cornu_graph::{DType, Element, Result, Spec, with_dtype};

/// Element `i` of an array of `dtype`.
pub(super) unsafe fn read(dtype: DType, p: *const u8, i: usize) -> Number {
    // SAFETY: the caller's: the array has an element `i` of this dtype.
    unsafe {
        match dtype {
            DType::U64 => Number::Int(i128::from(*p.cast::<u64>().add(i))),
            d => with_dtype!(d, T => {
                let x = *p.cast::<T>().add(i);
                if d.is_float() { Number::Float(x.to_f64()) } else { Number::Int(i128::from(x.to_i64())) }
            }),
        }
    }
}

/// Overwrites element `i` of an array of `dtype`.
pub(super) unsafe fn write(dtype: DType, p: *mut u8, i: usize, x: Number) {
    // SAFETY: the caller's: the array has an element `i` of this dtype.
    unsafe {
        with_dtype!(dtype, T => *p.cast::<T>().add(i) = match x {
            Number::Float(x) => T::from_f64(x),
            // Wrapping to i64 and back keeps all 64 bits.
            Number::Int(x) => T::from_i64(x as i64),
        });
    }
}

/// A kernel that gives element `i` of the output as a function of elements `i` of the inputs.
fn each<const N: usize>(
    inputs: &[&Spec],
    outputs: &[Spec],
    f: impl Fn([Number; N]) -> Number + Send + Sync + 'static,
) -> Result<Option<Kernel>> {
    let dtypes: [DType; N] = std::array::from_fn(|k| inputs[k].dtype);
    let (n, to) = (outputs[0].len(), outputs[0].dtype);
    Ok(Some(Kernel::new(move |args: &Args| {
        for i in 0..n {
            // SAFETY: the plan gives inputs and outputs the memory of their specs.
            unsafe {
                let x = std::array::from_fn(|k| read(dtypes[k], args.input(k), i));
                write(to, args.output(0), i, f(x));
            }
        }
    })))
}

impl Lower for Unary {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (kind, dtype) = (self.kind, inputs[0].dtype);
        each(inputs, outputs, move |[x]| scalar::unary(kind, dtype, x))
    }
}

impl Lower for Binary {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let (kind, dtype) = (self.kind, inputs[0].dtype);
        each(inputs, outputs, move |[a, b]| scalar::binary(kind, dtype, a, b))
    }
}

impl Lower for Compare {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let kind = self.kind;
        each(inputs, outputs, move |[a, b]| Number::Int(i128::from(scalar::compare(kind, a, b))))
    }
}

impl Lower for Select {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        each(inputs, outputs, |[p, a, b]| if p == Number::Int(0) { b } else { a })
    }
}

impl Lower for Cast {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let to = self.dtype;
        each(inputs, outputs, move |[x]| scalar::cast(to, x))
    }
}

/// A reduction of any dtype.
pub(crate) fn reduction(kind: ReduceKind, axes: &[usize], x: &Spec, out: &Spec) -> Kernel {
    let strides = row_major(&x.shape);
    let dims = |reduced: bool| -> Vec<(usize, isize)> {
        let all = (0..x.rank()).filter(|a| axes.contains(a) == reduced);
        all.map(|a| (x.shape[a], strides[a])).collect()
    };
    let (kept, reduced) = (dims(false), dims(true));
    let count: usize = reduced.iter().map(|d| d.0).product();
    let (n, dtype) = (out.len(), x.dtype);
    let combine = match kind {
        ReduceKind::Sum => BinaryKind::Add,
        ReduceKind::Prod => BinaryKind::Mul,
        ReduceKind::Max => BinaryKind::Max,
        ReduceKind::Min => BinaryKind::Min,
        ReduceKind::Any => BinaryKind::Or,
        ReduceKind::All => BinaryKind::And,
    };
    let identity = scalar::identity(kind, dtype);
    Kernel::new(move |args: &Args| {
        for i in 0..n {
            let start = offset(&kept, i);
            let mut result = identity;
            for j in 0..count {
                // SAFETY: the dims are those of the input.
                let x = unsafe { read(dtype, args.input(0), (start + offset(&reduced, j)) as usize) };
                result = scalar::binary(combine, dtype, result, x);
            }
            // SAFETY: the output has `n` elements.
            unsafe { write(dtype, args.output(0), i, result) };
        }
    })
}

/// A kernel for [`cornu_graph::ops::ArgReduce`] of any dtype.
pub(crate) fn arg_reduction(largest: bool, axis: usize, x: &Spec) -> Kernel {
    let (count, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product::<usize>());
    let (n, dtype) = (x.len() / count.max(1), x.dtype);
    let better = if largest { CompareKind::Gt } else { CompareKind::Lt };
    let is_nan = |x: Number| matches!(x, Number::Float(x) if x.is_nan());
    Kernel::new(move |args: &Args| {
        for i in 0..n {
            let start = i / inner * count * inner + i % inner;
            // SAFETY: the places lie within the input.
            let at = |j: usize| unsafe { read(dtype, args.input(0), start + j * inner) };
            let (mut place, mut best) = (0, at(0));
            for j in 1..count {
                let x = at(j);
                if !is_nan(best) && (is_nan(x) || scalar::compare(better, x, best)) {
                    (place, best) = (j, x);
                }
            }
            // SAFETY: the output has `n` elements.
            unsafe { *args.output::<i32>(0).add(i) = place as i32 };
        }
    })
}

/// Where element `i` of an array with these sizes and strides lies.
fn offset(dims: &[(usize, isize)], mut i: usize) -> isize {
    let mut at = 0;
    for &(size, stride) in dims.iter().rev() {
        at += (i % size) as isize * stride;
        i /= size;
    }
    at
}
