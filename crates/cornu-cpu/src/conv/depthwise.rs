//! Convolution of each channel by itself, channels side by side in vectors.
use super::{Geometry, SPACE};
use crate::gemm::Epilogue;
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};

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
    let positions = g.positions();
    let per_task = (GRAIN / (g.channels * kernel_size(g)).max(1)).max(1);
    let (x, w, y) = (x as usize, w as usize, y as usize);
    let task = |task: usize| {
        let range = (task * per_task, ((task + 1) * per_task).min(positions));
        // SAFETY: each task writes positions of its own.
        unsafe {
            forward_range(g, [x as *const f32, w as *const f32], y as *mut f32, epilogue, flipped, range)
        };
    };
    Pool::global().run(positions.div_ceil(per_task), &task);
}

for_isa!(fn forward_range(
    g: &Geometry, inputs: [*const f32; 2], y: *mut f32, epilogue: &Epilogue, flipped: bool, range: (usize, usize)
) = forward_with);

/// Calls `each` with the places in image and kernel of all numbers under the kernel at `position`.
#[inline(always)]
fn under_kernel(g: &Geometry, mut position: usize, mut each: impl FnMut(usize, usize)) {
    let mut at = [0; SPACE];
    for axis in (0..SPACE).rev() {
        at[axis] = position % g.result[axis];
        position /= g.result[axis];
    }
    let place = |axis: usize, k: usize| -> Option<usize> {
        let p = (at[axis] * g.stride[axis] + k * g.kernel_dilation[axis]) as isize - g.low[axis];
        let p = usize::try_from(p).ok()?;
        let dilation = g.image_dilation[axis];
        (p % dilation == 0 && p / dilation < g.image[axis]).then_some(p / dilation)
    };
    for kz in 0..g.kernel[0] {
        let Some(z) = place(0, kz) else { continue };
        for ky in 0..g.kernel[1] {
            let Some(y) = place(1, ky) else { continue };
            for kx in 0..g.kernel[2] {
                let Some(x) = place(2, kx) else { continue };
                let of_image = ((position * g.image[0] + z) * g.image[1] + y) * g.image[2] + x;
                each(of_image, (kz * g.kernel[1] + ky) * g.kernel[2] + kx);
            }
        }
    }
}

#[inline(always)]
unsafe fn forward_with<V: Vector>(
    g: &Geometry,
    inputs: [*const f32; 2],
    y: *mut f32,
    epilogue: &Epilogue,
    flipped: bool,
    range: (usize, usize),
) {
    let [x, w] = inputs;
    let (c, last) = (g.channels, kernel_size(g) - 1);
    for position in range.0..range.1 {
        for channel in (0..c).step_by(V::LANES) {
            let n = V::LANES.min(c - channel);
            // SAFETY: the caller's; places lie within image and kernel.
            unsafe {
                let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
                let mut sum = V::splat(0.0);
                under_kernel(g, position, |of_image, k| {
                    let k = if flipped { last - k } else { k };
                    sum = load(x.add(of_image * c + channel)).mul_add(load(w.add(k * c + channel)), sum);
                });
                let to = y.add(position * c + channel);
                if epilogue.accumulate {
                    sum = sum.add(load(to));
                }
                if !epilogue.bias.is_null() {
                    sum = sum.add(load(epilogue.bias.add(channel)));
                }
                if epilogue.relu {
                    sum = sum.max(V::splat(0.0));
                }
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

/// The gradient of the kernel: sums over parts of the positions, added in order.
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
    let per_part = g.positions().div_ceil(parts);
    let (x, dy, sums) = (x as usize, dy as usize, scratch as usize);
    let task = |part: usize| {
        let range = (part * per_part, ((part + 1) * per_part).min(g.positions()));
        // SAFETY: each part has a sum of its own.
        unsafe {
            let sum = (sums as *mut f32).add(part * size);
            sum.write_bytes(0, size);
            kernel_grad_range(g, x as *const f32, dy as *const f32, sum, range);
        }
    };
    Pool::global().run(parts, &task);
    for i in 0..size {
        // SAFETY: all sums are there.
        unsafe { *dw.add(i) = (0..parts).map(|p| *(sums as *const f32).add(p * size + i)).sum() };
    }
}

for_isa!(fn kernel_grad_range(
    g: &Geometry, x: *const f32, dy: *const f32, dw: *mut f32, range: (usize, usize)
) = kernel_grad_with);

#[inline(always)]
unsafe fn kernel_grad_with<V: Vector>(
    g: &Geometry,
    x: *const f32,
    dy: *const f32,
    dw: *mut f32,
    range: (usize, usize),
) {
    let c = g.channels;
    for position in range.0..range.1 {
        for channel in (0..c).step_by(V::LANES) {
            let n = V::LANES.min(c - channel);
            // SAFETY: the caller's; places lie within image and kernel.
            unsafe {
                let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
                let gradient = load(dy.add(position * c + channel));
                under_kernel(g, position, |of_image, k| {
                    let to = dw.add(k * c + channel);
                    let sum = gradient.mul_add(load(x.add(of_image * c + channel)), load(to));
                    if n == V::LANES { sum.store(to) } else { sum.store_first(to, n) }
                });
            }
        }
    }
}
