//! The image as a matrix: one row for each position of the kernel, one column for each number under it.
use super::place::{Origin, Origins};
use super::{Geometry, SPACE};
use crate::gemm::{PackA, PackB, copy, row_pitch};
use crate::vector::Vector;
use std::ops::Range;

/// One row for each position, one column for each number under the kernel: `(spatial.., channel)`.
pub(super) struct Patches<'a> {
    geometry: &'a Geometry,
    x: *const f32,
    channels: usize,
    /// Whether all columns of a row of the kernel lie side by side in the image; else those of one place do.
    whole_lines: bool,
}

// SAFETY: the image is only read.
unsafe impl Sync for Patches<'_> {}

/// Positions that are packed together, so that the places under the kernel are worked out once for all of them.
const TOGETHER: usize = 16;

/// Where packed numbers go.
#[derive(Clone, Copy)]
struct Packed {
    out: *mut f32,
    /// From one position to the next.
    pitch: usize,
    /// Columns of a panel, and from one panel to the next.
    panel: (usize, usize),
}

impl<'a> Patches<'a> {
    /// Of a group's first channel.
    pub fn new(geometry: &'a Geometry, x: *const f32) -> Patches<'a> {
        let last = SPACE - 1;
        let channels = geometry.channels / geometry.groups;
        let whole_lines =
            geometry.groups == 1 && geometry.image_dilation[last] == 1 && geometry.kernel_dilation[last] == 1;
        Patches { geometry, x, channels, whole_lines }
    }

    /// Copies some columns of the rows of up to [`TOGETHER`] positions.
    #[inline(always)]
    unsafe fn gather<V: Vector>(&self, origins: &[Origin], columns: Range<usize>, packed: Packed) {
        let g = self.geometry;
        let per_line = g.kernel[2] * self.channels;
        let run = if self.whole_lines { per_line } else { self.channels };
        let mut at = columns.start;
        while at < columns.end {
            let done = at - columns.start;
            let (panel, within) = (done / packed.panel.0, done % packed.panel.0);
            let len = (run - at % run).min(columns.end - at).min(packed.panel.0 - within);
            let (line, column) = (at / per_line, at % per_line);
            let (kz, ky) = (line / g.kernel[1], line % g.kernel[1]);
            // SAFETY: the caller's; lines and columns lie within the image.
            unsafe {
                let mut out = packed.out.add(panel * packed.panel.1 + within);
                for origin in origins {
                    match origin.line(g, kz, ky) {
                        None => zeros::<V>(out, len),
                        Some(line) if self.whole_lines => {
                            let from = origin.at[2] * self.channels as isize + column as isize;
                            self.cut::<V>(line, from, out, len);
                        }
                        Some(line) => match origin.place(g, 2, column / self.channels) {
                            Some(x) => {
                                let from = (line * g.image[2] + x) * g.channels + column % self.channels;
                                copy::<V>(self.x.add(from), out, len);
                            }
                            None => zeros::<V>(out, len),
                        },
                    }
                    out = out.add(packed.pitch);
                }
            }
            at += len;
        }
    }

    /// Copies `len` numbers of a line of the image from the number `from` on, with zeros beyond its ends.
    #[inline(always)]
    unsafe fn cut<V: Vector>(&self, line: usize, from: isize, out: *mut f32, len: usize) {
        let size = self.geometry.image[2] * self.channels;
        let start = self.x.wrapping_add(line * size);
        // SAFETY: the caller's.
        unsafe { cut::<V>(start, size, from, out, len) }
    }
}

/// Copies `len` of the `size` numbers of a line from the number `from` on, with zeros beyond its ends.
#[inline(always)]
pub(super) unsafe fn cut<V: Vector>(line: *const f32, size: usize, from: isize, out: *mut f32, len: usize) {
    // SAFETY: the caller's.
    unsafe {
        if from >= 0 && from as usize + len <= size {
            return copy::<V>(line.offset(from), out, len);
        }
        let before = (-from).clamp(0, len as isize) as usize;
        let inside = (size as isize - from).clamp(before as isize, len as isize) as usize - before;
        zeros::<V>(out, before);
        copy::<V>(line.wrapping_offset(from + before as isize), out.add(before), inside);
        zeros::<V>(out.add(before + inside), len - before - inside);
    }
}

/// Zeros, without a call for few.
#[inline(always)]
pub(super) unsafe fn zeros<V: Vector>(out: *mut f32, len: usize) {
    for i in (0..len).step_by(V::LANES) {
        // SAFETY: the caller's.
        unsafe { V::splat(0.0).store_first(out.add(i), V::LANES.min(len - i)) };
    }
}

impl PackA for Patches<'_> {
    fn by_rows(&self) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn pack<V: Vector>(&self, rows: Range<usize>, terms: Range<usize>, out: *mut f32) {
        let mut origins = [Origin::default(); TOGETHER];
        Origins::new(self.geometry, rows.start).fill(&mut origins[..rows.len()]);
        let packed = Packed { out, pitch: row_pitch(terms.len()), panel: (usize::MAX, 0) };
        // SAFETY: the caller's: `out` has room for the panel.
        unsafe { self.gather::<V>(&origins[..rows.len()], terms, packed) };
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
        let mut origins = [Origin::default(); TOGETHER];
        let mut positions = Origins::new(self.geometry, terms.start);
        for first in (0..terms.len()).step_by(TOGETHER) {
            let origins = &mut origins[..TOGETHER.min(terms.len() - first)];
            positions.fill(origins);
            // SAFETY: the caller's: `out` has room for whole panels.
            unsafe {
                let out = out.add(first * width);
                let packed = Packed { out, pitch: width, panel: (width, width * terms.len()) };
                self.gather::<V>(origins, columns.clone(), packed);
            }
        }
    }
}
