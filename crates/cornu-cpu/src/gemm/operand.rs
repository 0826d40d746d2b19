//! Packing operands into panels.
use super::Strides;
use super::kernel::{Lines, row_pitch};
use super::transpose::transpose;
use crate::vector::Vector;
use std::ops::Range;

/// Elements from one term of a packed panel of `a` to the next, where rows lie side by side: whole vectors of them.
pub(crate) const SIDE_BY_SIDE: usize = 16;

/// Up to this many columns, a panel of `a` is read so seldom that packing it costs more than it saves.
const FEW_COLUMNS: usize = 128;
/// Up to this distance, rows of `a` lie together closely enough for any number of columns.
const SHORT_ROW: usize = 128;
/// Rows at distances of multiples of this compete for the same lines of the cache.
const CROWDED: usize = 512;

/// The left operand of a product.
pub(crate) trait PackA {
    /// Whether panels lie row by row ([`row_pitch`] apart), rather than with the rows side by side ([`SIDE_BY_SIDE`]).
    fn by_rows(&self) -> bool;

    /// Where a panel begins at a row and term, and how far it is from one term to the next (by rows: from one row to the
    /// next), if it had better be read where it lies, for so many columns.
    fn in_place(&self, _row: usize, _term: usize, _columns: usize) -> Option<(*const f32, usize)> {
        None
    }

    /// The lines of the cache that packing them will read, about one for each term.
    fn lines(&self, _rows: Range<usize>, _terms: Range<usize>) -> Lines {
        Lines::default()
    }

    /// Packs `rows` and `terms` into a panel.
    ///
    /// # Safety
    /// The operand must have them, and `out` room for the panel.
    unsafe fn pack<V: Vector>(&self, rows: Range<usize>, terms: Range<usize>, out: *mut f32);
}

/// The right operand of a product.
pub(crate) trait PackB {
    /// Where the columns lie side by side from a term and column on, and how far it is from one term to the next, if they
    /// do.
    fn in_place(&self, _term: usize, _column: usize) -> Option<(*const f32, usize)> {
        None
    }

    /// Asks for the line of a term at some columns, which will be packed soon.
    #[inline(always)]
    fn prefetch(&self, _term: usize, _column: usize) {}

    /// Packs `terms` and `columns` into panels of `width` columns, term by term. What stands in columns beyond the last
    /// does not matter.
    ///
    /// # Safety
    /// The operand must have them, and `out` room for the panels.
    unsafe fn pack<V: Vector>(&self, terms: Range<usize>, columns: Range<usize>, width: usize, out: *mut f32);
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
    pub fn at(&self, row: usize, col: usize) -> *const f32 {
        // Callers ask only for elements that exist, or never read.
        self.data.wrapping_add(row * self.strides.row + col * self.strides.col)
    }
}

impl PackA for Matrix {
    fn by_rows(&self) -> bool {
        self.strides.row != 1 || self.strides.col == 1
    }

    fn in_place(&self, row: usize, term: usize, columns: usize) -> Option<(*const f32, usize)> {
        let Strides { row: apart, col } = self.strides;
        if !self.by_rows() {
            return Some((self.at(row, term), col));
        }
        let few = columns <= FEW_COLUMNS || apart <= SHORT_ROW;
        (col == 1 && few && !apart.is_multiple_of(CROWDED)).then(|| (self.at(row, term), apart))
    }

    fn lines(&self, rows: Range<usize>, terms: Range<usize>) -> Lines {
        let Strides { row: apart, col } = self.strides;
        match self.by_rows() {
            true if col == 1 => Lines::of_rows(self.at(rows.start, terms.start), terms.len(), apart),
            true => Lines::default(),
            // Of rows side by side the lines that these end in.
            false => Lines::apart(self.at(rows.end - 1, terms.start), col),
        }
    }

    #[inline(always)]
    unsafe fn pack<V: Vector>(&self, rows: Range<usize>, terms: Range<usize>, out: *mut f32) {
        // SAFETY: the caller's; what is written beyond a row is written again, or in the room for the panel.
        unsafe {
            if self.by_rows() {
                let pitch = row_pitch(terms.len());
                for (i, row) in rows.enumerate() {
                    let (from, to) = (self.at(row, terms.start), out.add(i * pitch));
                    if self.strides.col == 1 {
                        copy_over::<V>(from, to, terms.len());
                    } else {
                        (0..terms.len()).for_each(|t| *to.add(t) = *from.add(t * self.strides.col));
                    }
                }
            } else {
                for (t, term) in terms.enumerate() {
                    copy_over::<V>(self.at(rows.start, term), out.add(t * SIDE_BY_SIDE), rows.len());
                }
            }
        }
    }
}

impl PackB for Matrix {
    fn in_place(&self, term: usize, column: usize) -> Option<(*const f32, usize)> {
        (self.strides.col == 1).then(|| (self.at(term, column), self.strides.row))
    }

    #[inline(always)]
    fn prefetch(&self, term: usize, column: usize) {
        if self.strides.col == 1 {
            crate::vector::prefetch(self.at(term, column));
            crate::vector::prefetch(self.at(term, column + 16));
        }
    }

    #[inline(always)]
    unsafe fn pack<V: Vector>(
        &self,
        terms: Range<usize>,
        columns: Range<usize>,
        width: usize,
        out: *mut f32,
    ) {
        let mut panel = out;
        for first in columns.clone().step_by(width) {
            let count = width.min(columns.end - first);
            let from = self.at(terms.start, first);
            // SAFETY: the caller's.
            unsafe {
                if self.strides.col == 1 {
                    for t in 0..terms.len() {
                        let (from, to) = (from.add(t * self.strides.row), panel.add(t * width));
                        if count == 2 * V::LANES && width == count {
                            // Not by a loop, which would become a call.
                            let row = [V::load(from), V::load(from.add(V::LANES))];
                            row[0].store(to);
                            row[1].store(to.add(V::LANES));
                        } else {
                            copy_over::<V>(from, to, count);
                        }
                    }
                } else {
                    transpose(from, self.strides, panel, (terms.len(), count), width);
                }
                panel = panel.add(terms.len() * width);
            }
        }
    }
}

/// Copies numbers by whole vectors: what lies beyond them up to the end of the last vector is overwritten, but not read.
///
/// # Safety
/// `from` must hold `n` numbers, and `to` whole vectors for them.
#[inline(always)]
unsafe fn copy_over<V: Vector>(from: *const f32, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut i = 0;
        while i + V::LANES <= n {
            V::load(from.add(i)).store(to.add(i));
            i += V::LANES;
        }
        if i < n {
            V::load_first(from.add(i), n - i).store(to.add(i));
        }
    }
}

/// Copies numbers by vectors, without the call that copies many.
///
/// # Safety
/// Both must hold `n` numbers.
#[inline(always)]
pub(crate) unsafe fn copy<V: Vector>(from: *const f32, to: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut i = 0;
        while i + V::LANES <= n {
            V::load(from.add(i)).store(to.add(i));
            i += V::LANES;
        }
        if i < n {
            V::load_first(from.add(i), n - i).store_first(to.add(i), n - i);
        }
    }
}
