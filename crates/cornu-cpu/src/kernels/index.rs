//! Gather and scatter: for each index, a slice copied or combined.
use super::strided::row_major;
use super::{Args, Kernel, Lower, plain};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};
use cornu_graph::ops::{BinaryKind, Gather, GatherDims, Scatter, ScatterKind};
use cornu_graph::{DType, Element, Result, Spec, scalar, with_dtype};

/// Elements of a task.
const GRAIN: usize = 16 * 1024;
/// Most axes of a slice.
const MAX_RANK: usize = 8;

/// The places of slices in the operand and in the batch of slices.
#[derive(Clone, Debug)]
struct Places {
    /// For each axis of the batch: size, strides in the indices, in the batch of slices, and in the operand where it is
    /// a batch too.
    batch: Vec<[usize; 4]>,
    index_dtype: DType,
    /// Between the numbers of one index.
    vector_stride: usize,
    /// For each number of an index: stride in the operand, and the last start within it.
    starts: Vec<(usize, i64)>,
    /// For each axis of a slice, the outermost first: size, strides in the operand and in the batch of slices.
    window: Vec<[usize; 3]>,
    count: usize,
    size: usize,
}

impl Places {
    fn new(
        dims: &GatherDims,
        sizes: &[usize],
        operand: &Spec,
        indices: &Spec,
        slices: &[usize],
    ) -> Option<Places> {
        let as_usize = |v: Vec<isize>| -> Vec<usize> { v.into_iter().map(|s| s as usize).collect() };
        let of_operand = as_usize(row_major(&operand.shape));
        let of_indices = as_usize(row_major(&indices.shape));
        let of_slices = as_usize(row_major(slices));
        let vector = dims.index_vector_dim;
        let index_axes = (0..indices.rank()).filter(|&a| a != vector);
        let batch: Vec<[usize; 4]> = index_axes
            .zip(dims.batch_axes(slices.len()))
            .map(|(axis, to)| {
                let paired = dims.start_indices_batching_dims.iter().position(|&a| a == axis);
                let operand = paired.map_or(0, |i| of_operand[dims.operand_batching_dims[i]]);
                [indices.shape[axis], of_indices[axis], of_slices[to], operand]
            })
            .collect();
        let starts = dims.start_index_map.iter();
        let starts = starts.map(|&a| (of_operand[a], (operand.shape[a] - sizes[a]) as i64)).collect();
        let mut window: Vec<[usize; 3]> = vec![];
        for (axis, &to) in dims.window_axes(operand.rank()).into_iter().zip(&dims.offset_dims) {
            let (size, a, b) = (sizes[axis], of_operand[axis], of_slices[to]);
            match window.last_mut() {
                // One with the axis before when it goes on where that one ends.
                Some(last) if last[1] == a * size && last[2] == b * size => *last = [last[0] * size, a, b],
                _ => window.push([size, a, b]),
            }
        }
        Some(Places {
            count: batch.iter().map(|b| b[0]).product(),
            size: window.iter().map(|w| w[0]).product(),
            batch,
            index_dtype: indices.dtype,
            vector_stride: of_indices.get(vector).copied().unwrap_or(0),
            starts,
            window,
        })
        .filter(|p| p.window.len() <= MAX_RANK)
    }

    /// Where slice `i` begins in the operand and in the batch of slices. An index outside is moved inward if `clamp`,
    /// else there is no place.
    unsafe fn place(&self, indices: *const u8, mut i: usize, clamp: bool) -> Option<(usize, usize)> {
        let (mut at_index, mut at_slice, mut at_operand) = (0, 0, 0);
        for &[size, index, slice, operand] in self.batch.iter().rev() {
            let k = i % size;
            i /= size;
            at_index += k * index;
            at_slice += k * slice;
            at_operand += k * operand;
        }
        for (k, &(stride, last)) in self.starts.iter().enumerate() {
            // SAFETY: the caller's: the indices have their spec.
            let start = unsafe { number(self.index_dtype, indices, at_index + k * self.vector_stride) };
            if !clamp && !(0..=last).contains(&start) {
                return None;
            }
            at_operand += start.clamp(0, last) as usize * stride;
        }
        Some((at_operand, at_slice))
    }

    /// Calls `each` with the places of the runs of a slice along its last axis, and with the length and strides of these
    /// runs.
    fn runs(&self, operand: usize, slice: usize, mut each: impl FnMut(usize, usize, [usize; 3])) {
        let Some((&inner, outer)) = self.window.split_last() else {
            each(operand, slice, [1, 1, 1]);
            return;
        };
        let rows: usize = outer.iter().map(|w| w[0]).product();
        for mut row in 0..rows {
            let (mut a, mut b) = (operand, slice);
            for &[size, of_operand, of_slice] in outer.iter().rev() {
                a += row % size * of_operand;
                b += row % size * of_slice;
                row /= size;
            }
            each(a, b, inner);
        }
    }
}

/// Element `i` of an array of integers.
unsafe fn number(dtype: DType, p: *const u8, i: usize) -> i64 {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::I32 => i64::from(*p.cast::<i32>().add(i)),
            // What does not fit is outside of any operand.
            DType::U64 => i64::try_from(*p.cast::<u64>().add(i)).unwrap_or(i64::MAX),
            d => with_dtype!(d, T => (*p.cast::<T>().add(i)).to_i64()),
        }
    }
}

/// Copies `n` elements with strides.
#[inline(always)]
unsafe fn copy<T: Copy>(from: *const T, a: usize, to: *mut T, b: usize, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        if a == 1 && b == 1 {
            std::ptr::copy_nonoverlapping(from, to, n);
        } else {
            (0..n).for_each(|i| *to.add(i * b) = *from.add(i * a));
        }
    }
}

impl Lower for Gather {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let out = &outputs[0];
        let Some(places) = Places::new(&self.dims, &self.slice_sizes, inputs[0], inputs[1], &out.shape)
        else {
            return Ok(None);
        };
        if out.is_empty() {
            return Ok(Some(Kernel::new(|_| {})));
        }
        Ok(Some(match out.dtype.size() {
            1 => gather::<u8>(places),
            2 => gather::<u16>(places),
            4 => gather::<u32>(places),
            _ => gather::<u64>(places),
        }))
    }
}

fn gather<T: Copy + 'static>(places: Places) -> Kernel {
    Kernel::new(move |args| {
        let (operand, indices) = (args.input::<T>(0) as usize, args.input::<u8>(1) as usize);
        let out = args.output::<T>(0) as usize;
        let per_task = (GRAIN / places.size).max(1);
        let task = |task: usize| {
            for i in task * per_task..((task + 1) * per_task).min(places.count) {
                // SAFETY: places lie within operand and output; each task writes slices of its own.
                unsafe {
                    let Some((a, b)) = places.place(indices as *const u8, i, true) else { continue };
                    places.runs(a, b, |a, b, [n, of_operand, of_slice]| {
                        let (from, to) = ((operand as *const T).add(a), (out as *mut T).add(b));
                        copy(from, of_operand, to, of_slice, n);
                    });
                }
            }
        };
        let tasks = places.count.div_ceil(per_task);
        if tasks <= 1 { task(0) } else { Pool::global().run(tasks, &task) }
    })
}

/// Where a scatter puts its updates.
fn places_of(scatter: &Scatter, inputs: &[&Spec]) -> Option<Places> {
    let sizes = scatter.dims.slice_sizes(inputs[0].rank(), &inputs[2].shape);
    Places::new(&scatter.dims, &sizes, inputs[0], inputs[1], &inputs[2].shape)
}

/// A scatter into zeros whose memory, like the scratch memory, is of zeros before the first run and then as the last run left it.
pub(crate) fn scatter_over_zeros(scatter: &Scatter, inputs: &[&Spec]) -> Option<Kernel> {
    /// Bytes before the indices of the last run: whether there was one.
    const FLAG: usize = 64;
    let places = places_of(scatter, inputs)?;
    let (kind, dtype, bytes) = (scatter.kind, inputs[0].dtype, inputs[1].bytes());
    Some(Kernel::with_scratch(FLAG + bytes, move |args: &Args| {
        let (has_run, indices) = (args.scratch::<u8>(), args.scratch::<u8>().wrapping_add(FLAG));
        let count = if places.size == 0 { 0 } else { places.count };
        // SAFETY: places lie within the output; the scratch memory has room for flag and indices.
        unsafe {
            for i in 0..if *has_run == 0 { 0 } else { count } {
                let Some((a, b)) = places.place(indices, i, false) else { continue };
                places.runs(a, b, |a, _, [n, apart, _]| match apart {
                    1 => args.output::<u8>(0).add(a * dtype.size()).write_bytes(0, n * dtype.size()),
                    _ => (0..n).for_each(|i| {
                        args.output::<u8>(0).add((a + i * apart) * dtype.size()).write_bytes(0, dtype.size());
                    }),
                });
            }
            *has_run = 1;
            std::ptr::copy_nonoverlapping(args.input::<u8>(1), indices, bytes);
            for i in 0..count {
                let Some((a, b)) = places.place(indices, i, false) else { continue };
                places.runs(a, b, |a, b, run| scatter_run(kind, dtype, args, a, b, run));
            }
        }
    }))
}

impl Lower for Scatter {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let Some(places) = places_of(self, inputs) else { return Ok(None) };
        let (kind, bytes, dtype) = (self.kind, outputs[0].bytes(), inputs[0].dtype);
        Ok(Some(Kernel::new(move |args: &Args| {
            let (from, to) = (args.input::<u8>(0), args.output::<u8>(0));
            // SAFETY: operand and output are of one spec; places lie within them.
            unsafe {
                if from != to {
                    std::ptr::copy_nonoverlapping(from, to, bytes);
                }
                for i in 0..if places.size == 0 { 0 } else { places.count } {
                    let Some((a, b)) = places.place(args.input(1), i, false) else { continue };
                    places.runs(a, b, |a, b, run| scatter_run(kind, dtype, args, a, b, run));
                }
            }
        })))
    }
}

/// Combines one run of an update into the output.
unsafe fn scatter_run(kind: ScatterKind, dtype: DType, args: &Args, a: usize, b: usize, run: [usize; 3]) {
    let [n, of_operand, of_slice] = run;
    let combine = match kind {
        ScatterKind::Set => None,
        ScatterKind::Add => Some(BinaryKind::Add),
        ScatterKind::Mul => Some(BinaryKind::Mul),
        ScatterKind::Max => Some(BinaryKind::Max),
        ScatterKind::Min => Some(BinaryKind::Min),
    };
    // SAFETY: the caller's.
    unsafe {
        match combine {
            Some(BinaryKind::Add) if dtype == DType::F32 && of_operand == 1 && of_slice == 1 => {
                add_row(args.input::<f32>(2).add(b), args.output::<f32>(0).add(a), n);
            }
            None => with_dtype!(dtype, T => {
                copy(args.input::<T>(2).add(b), of_slice, args.output::<T>(0).add(a), of_operand, n);
            }),
            Some(combine) => {
                for i in 0..n {
                    let (at, from) = (a + i * of_operand, b + i * of_slice);
                    let old = plain::read(dtype, args.output::<u8>(0), at);
                    let update = plain::read(dtype, args.input(2), from);
                    plain::write(dtype, args.output(0), at, scalar::binary(combine, dtype, old, update));
                }
            }
        }
    }
}

for_isa!(
    /// Adds `n` numbers to others.
    fn add_row(from: *const f32, to: *mut f32, n: usize) = add_row_with
);

#[inline(always)]
unsafe fn add_row_with<V: Vector>(from: *const f32, to: *mut f32, n: usize) {
    let whole = n / V::LANES * V::LANES;
    // SAFETY: the caller's.
    unsafe {
        for i in (0..whole).step_by(V::LANES) {
            V::load(to.add(i)).add(V::load(from.add(i))).store(to.add(i));
        }
        for i in whole..n {
            *to.add(i) += *from.add(i);
        }
    }
}
