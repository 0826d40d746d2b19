//! Packing operands into panels.
use super::Strides;
use super::kernel::ROW_PITCH;
use std::ops::Range;

/// The left operand of a product.
pub(crate) trait PackA {
    /// Whether panels are packed row by row ([`ROW_PITCH`] apart), rather than term by term.
    fn by_rows(&self) -> bool;

    /// Packs `rows` and `terms` into panels of `height` rows; rows beyond the last are 0.
    ///
    /// # Safety
    /// The operand must have them, and `out` room for the panels.
    unsafe fn pack(&self, rows: Range<usize>, terms: Range<usize>, height: usize, out: *mut f32);
}

/// The right operand of a product.
pub(crate) trait PackB {
    /// Packs `terms` and `columns` into panels of `width` columns, term by term; columns beyond the last are 0.
    ///
    /// # Safety
    /// The operand must have them, and `out` room for the panels.
    unsafe fn pack(&self, terms: Range<usize>, columns: Range<usize>, width: usize, out: *mut f32);
}

/// A matrix in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub data: *const f32,
    pub strides: Strides,
}

// SAFETY: it is only read.
unsafe impl Sync for Matrix {}

impl Matrix {
    fn at(&self, row: usize, col: usize) -> *const f32 {
        // SAFETY: callers ask only for elements that exist, or never read.
        self.data.wrapping_add(row * self.strides.row + col * self.strides.col)
    }
}

impl PackA for Matrix {
    fn by_rows(&self) -> bool {
        self.strides.row != 1 || self.strides.col == 1
    }

    unsafe fn pack(&self, rows: Range<usize>, terms: Range<usize>, height: usize, out: *mut f32) {
        let by_rows = self.by_rows();
        let pitch = if by_rows { ROW_PITCH * height } else { height * terms.len() };
        let mut panel = out;
        for first in rows.clone().step_by(height) {
            let count = height.min(rows.end - first);
            // SAFETY: the caller's.
            unsafe {
                if by_rows {
                    for i in 0..height {
                        let to = panel.add(i * ROW_PITCH);
                        if i < count {
                            copy_strided(self.at(first + i, terms.start), self.strides.col, to, terms.len());
                        } else {
                            to.write_bytes(0, terms.len());
                        }
                    }
                } else {
                    for (t, term) in terms.clone().enumerate() {
                        let to = panel.add(t * height);
                        copy_strided(self.at(first, term), self.strides.row, to, count);
                        to.add(count).write_bytes(0, height - count);
                    }
                }
                panel = panel.add(pitch);
            }
        }
    }
}

impl PackB for Matrix {
    unsafe fn pack(&self, terms: Range<usize>, columns: Range<usize>, width: usize, out: *mut f32) {
        let mut panel = out;
        for first in columns.clone().step_by(width) {
            let count = width.min(columns.end - first);
            // SAFETY: the caller's.
            unsafe {
                if self.strides.col == 1 {
                    for (t, term) in terms.clone().enumerate() {
                        let to = panel.add(t * width);
                        if count == width {
                            std::ptr::copy_nonoverlapping(self.at(term, first), to, width);
                        } else {
                            std::ptr::copy_nonoverlapping(self.at(term, first), to, count);
                            to.add(count).write_bytes(0, width - count);
                        }
                    }
                } else {
                    if count < width {
                        panel.write_bytes(0, terms.len() * width);
                    }
                    transpose(self.at(terms.start, first), self.strides, panel, (terms.len(), count), width);
                }
                panel = panel.add(terms.len() * width);
            }
        }
    }
}

/// Copies a view of `terms x columns` whose columns are far apart: in blocks, so that the lines read are used whole.
unsafe fn transpose(from: *const f32, strides: Strides, to: *mut f32, size: (usize, usize), width: usize) {
    const BLOCK: usize = 16;
    for start in (0..size.0).step_by(BLOCK) {
        let end = (start + BLOCK).min(size.0);
        for j in 0..size.1 {
            for i in start..end {
                // SAFETY: the caller's.
                unsafe { *to.add(i * width + j) = *from.add(i * strides.row + j * strides.col) };
            }
        }
    }
}

#[inline(always)]
unsafe fn copy_strided(from: *const f32, stride: usize, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        if stride == 1 {
            std::ptr::copy_nonoverlapping(from, to, n);
        } else {
            (0..n).for_each(|i| *to.add(i) = *from.add(i * stride));
        }
    }
}
