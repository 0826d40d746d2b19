//! Convolution of each channel by itself, channels side by side in vectors.
use super::Geometry;
use crate::gemm::Epilogue;
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};
use std::ops::Range;

/// Whether a convolution of channels by themselves is one of these.
pub(super) fn fits(g: &Geometry) -> bool {
    g.groups == g.channels && g.groups == g.filters && g.groups > 1 && g.kernel[0] * g.kernel[1] <= MAX_LINES
}

/// Multiply-adds of a task.
const GRAIN: usize = 64 * 1024;
/// Parts of the sum over positions, at most.
const MAX_PARTS: usize = 32;

fn kernel_size(g: &Geometry) -> usize {
    g.kernel.iter().product()
}

/// The convolution; with `flipped`, of a kernel turned around.
///
/// # Safety
/// The arrays must have the sizes of the geometry.
pub(super) unsafe fn forward(
    g: &Geometry,
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    epilogue: &Epilogue,
    flipped: bool,
) {
    let rows = g.batch * g.result[0] * g.result[1];
    let per_task = (GRAIN / (g.result[2] * g.channels * kernel_size(g)).max(1)).max(1);
    let (x, w, y) = (x as usize, w as usize, y as usize);
    let task = |task: usize| {
        let range = (task * per_task, ((task + 1) * per_task).min(rows));
        // SAFETY: each task writes rows of its own.
        unsafe {
            forward_rows(g, [x as *const f32, w as *const f32], y as *mut f32, epilogue, flipped, range)
        };
    };
    Pool::global().run(rows.div_ceil(per_task), &task);
}

for_isa!(fn forward_rows(
    g: &Geometry, inputs: [*const f32; 2], y: *mut f32, epilogue: &Epilogue, flipped: bool, range: (usize, usize)
) = forward_with);

/// Most rows of a kernel.
const MAX_LINES: usize = 64;

/// The rows of the image under a row of results, each with the row of the kernel that it meets.
struct Lines {
    lines: [(usize, usize); MAX_LINES],
    count: usize,
}

impl Lines {
    #[inline(always)]
    fn of(g: &Geometry, row: usize) -> Lines {
        let (slice, y) = (row / g.result[1], row % g.result[1]);
        let (image, z) = (slice / g.result[0], slice % g.result[0]);
        let mut lines = Lines { lines: [(0, 0); MAX_LINES], count: 0 };
        for kz in 0..g.kernel[0] {
            let Some(z) = place(g, 0, z, kz) else { continue };
            for ky in 0..g.kernel[1] {
                let Some(y) = place(g, 1, y, ky) else { continue };
                lines.lines[lines.count] = ((image * g.image[0] + z) * g.image[1] + y, kz * g.kernel[1] + ky);
                lines.count += 1;
            }
        }
        lines
    }
}

/// Where element `k` of the kernel meets the image along an axis, at position `at` of the result.
#[inline(always)]
fn place(g: &Geometry, axis: usize, at: usize, k: usize) -> Option<usize> {
    let p = (at * g.stride[axis] + k * g.kernel_dilation[axis]) as isize - g.low[axis];
    let p = usize::try_from(p).ok()?;
    let dilation = g.image_dilation[axis];
    (p % dilation == 0 && p / dilation < g.image[axis]).then_some(p / dilation)
}

/// Positions of a row at which the whole kernel is within the image, which has no gaps.
fn inner_columns(g: &Geometry) -> Range<usize> {
    if g.image_dilation[2] != 1 {
        return 0..0;
    }
    let reach = ((g.kernel[2] - 1) * g.kernel_dilation[2]) as isize;
    let first = g.low[2].max(0) as usize;
    let first = first.div_ceil(g.stride[2]);
    let last = g.image[2] as isize - 1 - reach + g.low[2];
    let end = if last < 0 { 0 } else { last as usize / g.stride[2] + 1 };
    first.min(g.result[2])..end.clamp(first.min(g.result[2]), g.result[2])
}

/// Results that are summed up side by side.
const TOGETHER: usize = 8;

#[inline(always)]
unsafe fn forward_with<V: Vector>(
    g: &Geometry,
    inputs: [*const f32; 2],
    y: *mut f32,
    epilogue: &Epilogue,
    flipped: bool,
    range: (usize, usize),
) {
    let inner = inner_columns(g);
    for row in range.0..range.1 {
        let lines = Lines::of(g, row);
        let mut at = 0;
        while at < g.result[2] {
            let together = inner.contains(&at) && at + TOGETHER <= inner.end;
            // SAFETY: the caller's; the columns are within the row.
            unsafe {
                let y = y.add((row * g.result[2] + at) * g.channels);
                if together {
                    columns::<V, TOGETHER>(g, &lines, at, inputs, y, epilogue, flipped);
                } else {
                    columns::<V, 1>(g, &lines, at, inputs, y, epilogue, flipped);
                }
            }
            at += if together { TOGETHER } else { 1 };
        }
    }
}

/// `N` results side by side from column `at` on; more than one only where the kernel lies within the image.
#[inline(always)]
unsafe fn columns<V: Vector, const N: usize>(
    g: &Geometry,
    lines: &Lines,
    at: usize,
    [x, w]: [*const f32; 2],
    y: *mut f32,
    epilogue: &Epilogue,
    flipped: bool,
) {
    let (c, last) = (g.channels, kernel_size(g) - 1);
    let step = g.stride[2] * c;
    for channel in (0..c).step_by(V::LANES) {
        let n = V::LANES.min(c - channel);
        // SAFETY: the caller's; places lie within image and kernel.
        unsafe {
            let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
            let mut sums = [[V::splat(0.0)]; N];
            for &(line, row) in &lines.lines[..lines.count] {
                let line = x.add(line * g.image[2] * c + channel);
                for kx in 0..g.kernel[2] {
                    let Some(column) = place(g, 2, at, kx) else { continue };
                    let k = row * g.kernel[2] + kx;
                    let k = if flipped { last - k } else { k };
                    let weight = load(w.add(k * c + channel));
                    let from = line.add(column * c);
                    for (i, [sum]) in sums.iter_mut().enumerate() {
                        *sum = load(from.add(i * step)).mul_add(weight, *sum);
                    }
                }
            }
            if epilogue.accumulate {
                let to = y.add(channel);
                for (i, [sum]) in sums.iter_mut().enumerate() {
                    *sum = sum.add(load(to.add(i * c)));
                }
            }
            epilogue.from(channel).apply(&mut sums, n);
            for (i, [sum]) in sums.into_iter().enumerate() {
                let to = y.add(i * c + channel);
                if n == V::LANES { sum.store(to) } else { sum.store_first(to, n) }
            }
        }
    }
}

fn parts(g: &Geometry) -> usize {
    (g.positions() * g.channels * kernel_size(g) / GRAIN).clamp(1, MAX_PARTS)
}

/// Bytes of scratch memory for [`kernel_grad`].
pub(super) fn kernel_grad_scratch(g: &Geometry) -> usize {
    parts(g) * kernel_size(g) * g.channels * 4
}

/// The gradient of the kernel: sums over parts of the rows, added in order.
///
/// # Safety
/// The arrays must have the sizes of the geometry, and `scratch` as many bytes as asked for.
pub(super) unsafe fn kernel_grad(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    scratch: *mut u8,
) {
    let (parts, size) = (parts(g), kernel_size(g) * g.channels);
    let rows = g.batch * g.result[0] * g.result[1];
    let per_part = rows.div_ceil(parts);
    let (x, dy, sums) = (x as usize, dy as usize, scratch as usize);
    let task = |part: usize| {
        let range = ((part * per_part).min(rows), ((part + 1) * per_part).min(rows));
        // SAFETY: each part has a sum of its own.
        unsafe {
            let sum = (sums as *mut f32).add(part * size);
            sum.write_bytes(0, size);
            kernel_grad_rows(g, x as *const f32, dy as *const f32, sum, range);
        }
    };
    Pool::global().run(parts, &task);
    for i in 0..size {
        // SAFETY: all sums are there.
        unsafe { *dw.add(i) = (0..parts).map(|p| *(sums as *const f32).add(p * size + i)).sum() };
    }
}

for_isa!(fn kernel_grad_rows(
    g: &Geometry, x: *const f32, dy: *const f32, dw: *mut f32, range: (usize, usize)
) = kernel_grad_with);

/// Elements of a row of the kernel whose sums stand in registers together.
const TAPS: usize = 4;

#[inline(always)]
unsafe fn kernel_grad_with<V: Vector>(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    range: (usize, usize),
) {
    let inner = inner_columns(g);
    for row in range.0..range.1 {
        let lines = Lines::of(g, row);
        for channel in (0..g.channels).step_by(V::LANES) {
            for &(line, kernel_row) in &lines.lines[..lines.count] {
                // SAFETY: the caller's; places lie within image and kernel.
                unsafe {
                    let dy = dy.add(row * g.result[2] * g.channels + channel);
                    let x = x.add(line * g.image[2] * g.channels + channel);
                    let dw = dw.add(kernel_row * g.kernel[2] * g.channels + channel);
                    let operands = [x, dy];
                    let mut tap = 0;
                    while tap < g.kernel[2] {
                        let rest = g.kernel[2] - tap;
                        let taps = rest.min(TAPS);
                        match taps {
                            1 => taps_of_line::<V, 1>(g, &inner, channel, operands, dw, tap),
                            2 => taps_of_line::<V, 2>(g, &inner, channel, operands, dw, tap),
                            3 => taps_of_line::<V, 3>(g, &inner, channel, operands, dw, tap),
                            _ => taps_of_line::<V, TAPS>(g, &inner, channel, operands, dw, tap),
                        }
                        tap += taps;
                    }
                }
            }
        }
    }
}

/// Adds what a row of results and a row of the image give for `N` elements of the kernel from `tap` on.
#[inline(always)]
unsafe fn taps_of_line<V: Vector, const N: usize>(
    g: &Geometry,
    inner: &Range<usize>,
    channel: usize,
    [x, dy]: [*const f32; 2],
    dw: *mut f32,
    tap: usize,
) {
    let c = g.channels;
    let n = V::LANES.min(c - channel);
    // SAFETY: the caller's.
    unsafe {
        let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
        let mut sums = [V::splat(0.0); N];
        for at in (0..inner.start).chain(inner.end..g.result[2]) {
            let gradient = load(dy.add(at * c));
            for (k, sum) in sums.iter_mut().enumerate() {
                if let Some(column) = place(g, 2, at, tap + k) {
                    *sum = gradient.mul_add(load(x.add(column * c)), *sum);
                }
            }
        }
        let first = (inner.start * g.stride[2] + tap * g.kernel_dilation[2]) as isize - g.low[2];
        let (step, apart) = (g.stride[2] * c, g.kernel_dilation[2] * c);
        let (mut x, mut dy) = (x.wrapping_offset(first * c as isize), dy.wrapping_add(inner.start * c));
        for _ in inner.clone() {
            let gradient = load(dy);
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = gradient.mul_add(load(x.add(k * apart)), *sum);
            }
            (x, dy) = (x.wrapping_add(step), dy.wrapping_add(c));
        }
        for (k, sum) in sums.into_iter().enumerate() {
            let to = dw.add((tap + k) * c);
            let sum = sum.add(load(to));
            if n == V::LANES { sum.store(to) } else { sum.store_first(to, n) }
        }
    }
}
