//! The operands of a convolution as matrices, packed from where they lie.
use super::{Geometry, SPACE};
use crate::gemm::{PackA, PackB, ROW_PITCH, copy_over};
use crate::vector::{MAX_LANES, Vector};
use std::ops::Range;

/// A position of the kernel: image of the batch, and place in the result.
#[derive(Clone, Copy)]
struct Position {
    batch: usize,
    at: [usize; SPACE],
}

/// One row for each position, one column for each number under the kernel: `(spatial.., channel)`.
pub(super) struct Patches<'a> {
    geometry: &'a Geometry,
    x: *const f32,
    channels: usize,
    /// Whether numbers under one row of the kernel lie side by side in the image.
    rows_are_runs: bool,
}

// SAFETY: the image is only read.
unsafe impl Sync for Patches<'_> {}

impl<'a> Patches<'a> {
    /// Of a group's first channel.
    pub fn new(geometry: &'a Geometry, x: *const f32) -> Patches<'a> {
        let last = SPACE - 1;
        Patches {
            geometry,
            x,
            channels: geometry.channels / geometry.groups,
            rows_are_runs: geometry.groups == 1
                && geometry.image_dilation[last] == 1
                && geometry.kernel_dilation[last] == 1,
        }
    }

    fn position(&self, mut i: usize) -> Position {
        let mut at = [0; SPACE];
        for axis in (0..SPACE).rev() {
            at[axis] = i % self.geometry.result[axis];
            i /= self.geometry.result[axis];
        }
        Position { batch: i, at }
    }

    fn next(&self, position: &mut Position) {
        for axis in (0..SPACE).rev() {
            position.at[axis] += 1;
            if position.at[axis] < self.geometry.result[axis] {
                return;
            }
            position.at[axis] = 0;
        }
        position.batch += 1;
    }

    /// Where in the image the kernel's element `k` of `axis` falls; `None` outside and between elements.
    #[inline(always)]
    fn place(&self, axis: usize, position: usize, k: usize) -> Option<usize> {
        let g = self.geometry;
        let at = (position * g.stride[axis] + k * g.kernel_dilation[axis]) as isize - g.low[axis];
        let dilation = g.image_dilation[axis];
        if dilation == 1 {
            return ((at as usize) < g.image[axis]).then_some(at as usize);
        }
        let at = usize::try_from(at).ok()?;
        (at % dilation == 0 && at / dilation < g.image[axis]).then_some(at / dilation)
    }

    /// Copies the numbers `range` of one patch; up to a vector behind them is overwritten.
    #[inline(always)]
    unsafe fn patch<V: Vector>(&self, position: Position, range: Range<usize>, out: *mut f32) {
        let g = self.geometry;
        let row = g.kernel[2] * self.channels;
        let mut at = range.start;
        let mut out = out;
        while at < range.end {
            let (of_kernel, column) = (at / row, at % row);
            let len = (row - column).min(range.end - at);
            let z = self.place(0, position.at[0], of_kernel / g.kernel[1]);
            let y = self.place(1, position.at[1], of_kernel % g.kernel[1]);
            // SAFETY: the caller's; places lie within the image.
            unsafe {
                match (z, y) {
                    (Some(z), Some(y)) => {
                        let line = ((position.batch * g.image[0] + z) * g.image[1] + y) * g.image[2];
                        self.line::<V>(line, position.at[2], column..column + len, out);
                    }
                    _ => out.write_bytes(0, len),
                }
                out = out.add(len);
            }
            at += len;
        }
    }

    /// Copies the numbers under one row of the kernel, from the row of the image that begins at element `line`.
    #[inline(always)]
    unsafe fn line<V: Vector>(&self, line: usize, position: usize, columns: Range<usize>, out: *mut f32) {
        let g = self.geometry;
        let c = self.channels;
        // SAFETY: the caller's.
        unsafe {
            if self.rows_are_runs {
                let start = ((position * g.stride[2]) as isize - g.low[2]) * c as isize;
                let (from, to) = (start + columns.start as isize, start + columns.end as isize);
                let inside = from.clamp(0, (g.image[2] * c) as isize)..to.clamp(0, (g.image[2] * c) as isize);
                let before = (inside.start - from).clamp(0, columns.len() as isize) as usize;
                let len = (inside.end - inside.start) as usize;
                if len == columns.len() {
                    copy_over::<V>(self.x.add(line * c + inside.start as usize), out, len);
                    return;
                }
                out.write_bytes(0, before);
                copy_over::<V>(self.x.add(line * c).offset(inside.start), out.add(before), len);
                out.add(before + len).write_bytes(0, columns.len() - before - len);
                return;
            }
            let mut at = columns.start;
            let mut out = out;
            while at < columns.end {
                let (k, channel) = (at / c, at % c);
                let len = (c - channel).min(columns.end - at);
                match self.place(2, position, k) {
                    Some(x) => copy_over::<V>(self.x.add((line + x) * g.channels + channel), out, len),
                    None => out.write_bytes(0, len),
                }
                out = out.add(len);
                at += len;
            }
        }
    }
}

impl PackA for Patches<'_> {
    fn by_rows(&self) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn pack<V: Vector>(&self, rows: Range<usize>, terms: Range<usize>, out: *mut f32) {
        let mut position = self.position(rows.start);
        for i in 0..rows.len() {
            // SAFETY: the caller's: `out` has room for the panel.
            unsafe { self.patch::<V>(position, terms.clone(), out.add(i * ROW_PITCH)) };
            self.next(&mut position);
        }
    }
}

impl PackB for Patches<'_> {
    #[inline(always)]
    unsafe fn pack<V: Vector>(
        &self,
        terms: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut f32,
    ) {
        /// Longest part of a patch put together at a time: whole panels.
        const PART: usize = 512;
        let mut buffer = [0f32; PART + MAX_LANES];
        let buffer = buffer.as_mut_ptr();
        let mut position = self.position(terms.start);
        for t in 0..terms.len() {
            for first in columns.clone().step_by(PART) {
                let range = first..(first + PART).min(columns.end);
                // SAFETY: the caller's: `out` has room for whole panels.
                unsafe {
                    self.patch::<V>(position, range.clone(), buffer);
                    for i in (0..range.len()).step_by(width) {
                        let to = out.add((first - columns.start + i) * terms.len() + t * width);
                        for lane in (0..width.min(range.len() - i)).step_by(V::LANES) {
                            V::load(buffer.add(i + lane)).store(to.add(lane));
                        }
                    }
                }
            }
            self.next(&mut position);
        }
    }
}

/// The kernel turned around, filters for channels: `(spatial.., filter)` by channel.
pub(super) struct Flipped<'a> {
    geometry: &'a Geometry,
    w: *const f32,
}

// SAFETY: the kernel is only read.
unsafe impl Sync for Flipped<'_> {}

impl<'a> Flipped<'a> {
    /// Of a group's first filter.
    pub fn new(geometry: &'a Geometry, w: *const f32) -> Flipped<'a> {
        Flipped { geometry, w }
    }
}

impl PackB for Flipped<'_> {
    #[inline(always)]
    unsafe fn pack<V: Vector>(
        &self,
        terms: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut f32,
    ) {
        let g = self.geometry;
        let (filters, channels) = (g.filters / g.groups, g.channels / g.groups);
        let places: usize = g.kernel.iter().product();
        for first in columns.clone().step_by(width) {
            let panel = (first - columns.start) * terms.len();
            for (t, term) in terms.clone().enumerate() {
                let (k, filter) = (places - 1 - term / filters, term % filters);
                for j in 0..width {
                    let channel = first + j;
                    // SAFETY: the caller's.
                    unsafe {
                        *out.add(panel + t * width + j) = if channel < columns.end {
                            *self.w.add((k * channels + channel) * g.filters + filter)
                        } else {
                            0.0
                        };
                    }
                }
            }
        }
    }
}
