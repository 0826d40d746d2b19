//! Reductions over windows, channels side by side in vectors.
use super::strided::row_major;
use super::{Kernel, Lower};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};
use cornu_graph::ops::{PoolKind, ReduceWindow, WindowGrad, WindowPick};
use cornu_graph::{DType, Result, Spec};

/// Most axes, and most elements of a window.
const MAX_RANK: usize = 6;
const MAX_WINDOW: usize = 256;
/// Elements of a task.
const GRAIN: usize = 32 * 1024;

/// Windows that move along all axes but the last.
#[derive(Clone, Copy, Debug)]
struct Windows {
    kind: PoolKind,
    /// Number of axes that windows move along.
    rank: usize,
    x: [usize; MAX_RANK],
    stride_of_x: [usize; MAX_RANK],
    out: [usize; MAX_RANK],
    window: [usize; MAX_RANK],
    stride: [usize; MAX_RANK],
    low: [usize; MAX_RANK],
    channels: usize,
}

impl Windows {
    /// `None` when channels are pooled too, or there are too many axes.
    fn new(of: &ReduceWindow, x: &Spec, out: &[usize]) -> Option<Windows> {
        let rank = x.rank().checked_sub(1)?;
        let alone = of.window[rank] == 1 && of.strides[rank] == 1 && of.padding[rank] == (0, 0);
        let size = of.window.iter().try_fold(1usize, |n, &w| n.checked_mul(w))?;
        if x.dtype != DType::F32 || rank > MAX_RANK || !alone || size > MAX_WINDOW || x.is_empty() {
            return None;
        }
        let strides = row_major(&x.shape);
        let fixed = |f: &dyn Fn(usize) -> usize| std::array::from_fn(|i| if i < rank { f(i) } else { 1 });
        Some(Windows {
            kind: of.kind,
            rank,
            x: fixed(&|i| x.shape[i]),
            stride_of_x: fixed(&|i| strides[i] as usize),
            out: fixed(&|i| out[i]),
            window: fixed(&|i| of.window[i]),
            stride: fixed(&|i| of.strides[i]),
            low: fixed(&|i| of.padding[i].0),
            channels: x.shape[rank],
        })
    }

    fn positions(&self) -> usize {
        self.out[..self.rank].iter().product()
    }

    /// Whether windows of different first positions share no element, so that they are tasks of their own.
    fn first_axis_apart(&self) -> bool {
        self.rank > 0 && self.window[0] == 1 && self.stride[0] == 1 && self.low[0] == 0
    }

    /// Whether each element is in one window, and in no other.
    fn each_in_one(&self) -> bool {
        (0..self.rank).all(|i| {
            let end = self.out[i] * self.stride[i];
            self.window[i] == self.stride[i] && self.low[i] == 0 && end >= self.x[i]
        })
    }

    /// Where the elements of the window at a position lie within `x`, in row-major order; how many.
    #[inline(always)]
    fn offsets(&self, mut position: usize, offsets: &mut [usize; MAX_WINDOW]) -> usize {
        offsets[0] = 0;
        let mut count = 1;
        let mut starts = [0isize; MAX_RANK];
        for axis in (0..self.rank).rev() {
            starts[axis] = (position % self.out[axis] * self.stride[axis]) as isize - self.low[axis] as isize;
            position /= self.out[axis];
        }
        for (axis, &start) in starts.iter().enumerate().take(self.rank) {
            let from = start.max(0);
            let to = (start + self.window[axis] as isize).min(self.x[axis] as isize);
            let inside = (to - from).max(0) as usize;
            // The offsets so far, once for each place along this axis; from the last, so that none is overwritten early.
            for i in (0..count).rev() {
                let base = offsets[i] + from.max(0) as usize * self.stride_of_x[axis];
                for k in (0..inside).rev() {
                    offsets[i * inside + k] = base + k * self.stride_of_x[axis];
                }
            }
            count *= inside;
        }
        count
    }
}

/// Which of the three ops.
#[derive(Clone, Copy, Debug)]
enum Task {
    Reduce,
    Grad,
    Pick,
}

/// Runs over positions, in tasks that write different elements.
fn run(windows: &Windows, task: Task, inputs: [*const f32; 2], output: *mut f32) {
    let positions = windows.positions();
    let (apart, per_position) = match task {
        Task::Grad if windows.each_in_one() => (positions, 1),
        Task::Grad if windows.first_axis_apart() => (windows.out[0], positions / windows.out[0].max(1)),
        Task::Grad => (1, positions),
        _ => (positions, 1),
    };
    let size: usize = windows.window[..windows.rank].iter().product();
    let per_task = (GRAIN / (per_position * windows.channels * size).max(1)).max(1) * per_position.max(1);
    let tasks = (apart * per_position).div_ceil(per_task);
    let (inputs, output) = (inputs.map(|p| p as usize), output as usize);
    let run = |i: usize| {
        let from = i * per_task;
        let to = (from + per_task).min(positions);
        let inputs = inputs.map(|p| p as *const f32);
        // SAFETY: the specs fit, and each task writes elements of its own.
        unsafe { run_positions(windows, task, inputs, output as *mut f32, from, to) };
    };
    if tasks <= 1 { run(0) } else { Pool::global().run(tasks, &run) }
}

for_isa!(fn run_positions(
    windows: &Windows, task: Task, inputs: [*const f32; 2], output: *mut f32, from: usize, to: usize
) = positions_with);

#[inline(always)]
unsafe fn positions_with<V: Vector>(
    windows: &Windows,
    task: Task,
    inputs: [*const f32; 2],
    output: *mut f32,
    from: usize,
    to: usize,
) {
    let c = windows.channels;
    let each_in_one = windows.each_in_one();
    let mut offsets = [0; MAX_WINDOW];
    // SAFETY: the caller's.
    unsafe {
        if let (Task::Grad, false) = (task, each_in_one) {
            // The part of `x` that these positions read.
            let positions = windows.positions();
            let len: usize = windows.x[..windows.rank].iter().product::<usize>() * c;
            let (start, end) = if from == 0 && to == positions {
                (0, len)
            } else {
                let image = len / windows.x[0];
                let per_image = positions / windows.out[0];
                (from / per_image * image, to / per_image * image)
            };
            output.add(start).write_bytes(0, end - start);
        }
        for position in from..to {
            let count = windows.offsets(position, &mut offsets);
            let offsets = &offsets[..count];
            let mut channel = 0;
            while channel < c {
                let n = V::LANES.min(c - channel);
                let at = |p: *const f32, i: usize| {
                    let p = p.add(i + channel);
                    if n == V::LANES { V::load(p) } else { V::load_first(p, n) }
                };
                // What a window adds to: of an element in one window alone, the sum is from 0 on.
                let sum = |i: usize| if each_in_one { V::splat(0.0) } else { at(output, i) };
                let put = |v: V, p: *mut f32, i: usize| {
                    let p = p.add(i + channel);
                    if n == V::LANES { v.store(p) } else { v.store_first(p, n) }
                };
                match task {
                    Task::Reduce => {
                        put(best(windows.kind, offsets, |i| at(inputs[0], i)), output, position * c);
                    }
                    Task::Grad if windows.kind == PoolKind::Sum => {
                        let g = at(inputs[1], position * c);
                        for &i in offsets {
                            put(sum(i).add(g), output, i);
                        }
                    }
                    Task::Grad => {
                        let g = at(inputs[1], position * c);
                        let best = best(windows.kind, offsets, |i| at(inputs[0], i));
                        let mut left = V::splat_int(-1);
                        for &i in offsets {
                            let won = won(at(inputs[0], i), best).and(left);
                            left = left.and(won.not());
                            put(sum(i).add(won.and(g)), output, i);
                        }
                    }
                    Task::Pick => {
                        let best = best(windows.kind, offsets, |i| at(inputs[0], i));
                        let (mut left, mut picked) = (V::splat_int(-1), V::splat(0.0));
                        for &i in offsets {
                            let won = won(at(inputs[0], i), best).and(left);
                            left = left.and(won.not());
                            picked = won.select(at(inputs[1], i), picked);
                        }
                        put(picked, output, position * c);
                    }
                }
                channel += n;
            }
        }
    }
}

#[inline(always)]
unsafe fn best<V: Vector>(kind: PoolKind, offsets: &[usize], at: impl Fn(usize) -> V) -> V {
    // SAFETY: the caller vouches for the instruction set.
    unsafe {
        let identity = match kind {
            PoolKind::Max => f32::NEG_INFINITY,
            PoolKind::Min => f32::INFINITY,
            PoolKind::Sum => 0.0,
        };
        let mut best = V::splat(identity);
        for &i in offsets {
            let x = at(i);
            best = match kind {
                PoolKind::Max => best.max(x),
                PoolKind::Min => best.min(x),
                PoolKind::Sum => best.add(x),
            };
        }
        best
    }
}

/// Where `x` is the best, or both are NaN.
#[inline(always)]
unsafe fn won<V: Vector>(x: V, best: V) -> V {
    // SAFETY: the caller vouches for the instruction set.
    unsafe { x.eq(best).or(x.eq(x).or(best.eq(best)).not()) }
}

/// Whether the gradient may be written over `x`: an element is read before it is written to, and never again.
pub(crate) fn may_overwrite(op: &WindowGrad, x: &Spec, g: &Spec) -> bool {
    Windows::new(&op.of, x, &g.shape).is_some_and(|windows| windows.each_in_one())
}

impl Lower for ReduceWindow {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let Some(windows) = Windows::new(self, inputs[0], &outputs[0].shape) else { return Ok(None) };
        Ok(Some(Kernel::new(move |args| {
            run(&windows, Task::Reduce, [args.input(0), args.input(0)], args.output(0));
        })))
    }
}

impl Lower for WindowGrad {
    fn lower(&self, inputs: &[&Spec], _: &[Spec]) -> Result<Option<Kernel>> {
        let Some(windows) = Windows::new(&self.of, inputs[0], &inputs[1].shape) else { return Ok(None) };
        Ok(Some(Kernel::new(move |args| {
            run(&windows, Task::Grad, [args.input(0), args.input(1)], args.output(0));
        })))
    }
}

impl Lower for WindowPick {
    fn lower(&self, inputs: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let Some(windows) = Windows::new(&self.of, inputs[0], &outputs[0].shape) else { return Ok(None) };
        Ok(Some(Kernel::new(move |args| {
            run(&windows, Task::Pick, [args.input(0), args.input(1)], args.output(0));
        })))
    }
}
