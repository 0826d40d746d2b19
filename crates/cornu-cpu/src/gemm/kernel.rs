//! The innermost loop: a tile of the result in registers.
use super::Epilogue;
use crate::simd::Isa;
use crate::vector::{MAX_LANES, Vector, for_isa};

/// Where a product goes.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub c: *mut f32,
    /// Elements from one row to the next.
    pub row: usize,
    pub epilogue: &'a Epilogue,
}

/// Longest sum of one pass: the panels of a pass stay in the nearest caches.
pub(crate) const MAX_TERMS: usize = 320;
/// Elements between the rows of a panel of `a` that is packed row by row; no power of two, so that the rows do not
/// compete for the same lines of the cache.
pub(crate) const ROW_PITCH: usize = MAX_TERMS + 16;

/// Rows and columns of a tile for each instruction set.
pub(crate) const fn tile_of(isa: Isa) -> (usize, usize) {
    match isa {
        Isa::Avx512 => (14, 32),
        Isa::Avx2 => (6, 16),
        Isa::Portable => (6, 8),
    }
}

/// Columns of a panel of `b`.
pub(crate) fn panel_width() -> usize {
    tile_of(Isa::get()).1
}

/// Which part of a sum a pass adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    pub first: bool,
    pub last: bool,
}

/// One tile: `terms` products of each row of panel `a` with each column of panel `b`. Element (row, term) of `a` is at
/// `row * ROW + term * STEP`.
///
/// # Safety
/// The panels must hold whole tiles of `terms`; the target `rows x columns` at `c`.
#[inline(always)]
pub(crate) unsafe fn tile<
    V: Vector,
    const MR: usize,
    const NV: usize,
    const ROW: usize,
    const STEP: usize,
>(
    terms: usize,
    a: *const f32,
    b: *const f32,
    target: &Target,
    at: (usize, usize),
    size: (usize, usize),
    pass: Pass,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(0.0); NV]; MR];
        let (mut a, mut b) = (a, b);
        for _ in 0..terms {
            let mut columns = [V::splat(0.0); NV];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = V::load(b.add(j * V::LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let x = V::splat(*a.add(i * ROW));
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = x.mul_add(column, *sum);
                }
            }
            a = a.add(STEP);
            b = b.add(NV * V::LANES);
        }
        let (rows, columns) = size;
        let c = target.c.add(at.0 * target.row + at.1);
        let bias = target.epilogue.bias;
        for (i, row) in sums.iter().enumerate() {
            if i < rows {
                let c = c.add(i * target.row);
                for (j, &sum) in row.iter().enumerate() {
                    let from = j * V::LANES;
                    if from < columns {
                        let n = V::LANES.min(columns - from);
                        let bias = if bias.is_null() { bias } else { bias.add(at.1 + from) };
                        finish(sum, c.add(from), bias, n, target.epilogue, pass);
                    }
                }
            }
        }
    }
}

/// Stores `n` numbers of a sum as the epilogue says.
#[inline(always)]
unsafe fn finish<V: Vector>(
    sum: V,
    c: *mut f32,
    bias: *const f32,
    n: usize,
    epilogue: &Epilogue,
    pass: Pass,
) {
    // SAFETY: the caller's.
    unsafe {
        let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
        let mut y = sum;
        if !pass.first || epilogue.accumulate {
            y = y.add(load(c));
        }
        if pass.last {
            if !bias.is_null() {
                y = y.add(load(bias));
            }
            if epilogue.relu {
                y = y.max(V::splat(0.0));
            }
        }
        if n == V::LANES { y.store(c) } else { y.store_first(c, n) }
    }
}

for_isa!(
    /// One row of a result from its parts, which lie `apart` elements apart.
    pub(super) fn add_rows(
        parts: *const f32, apart: usize, count: usize, c: *mut f32, n: usize, epilogue: &Epilogue,
    ) = add_rows_with
);

#[inline(always)]
unsafe fn add_rows_with<V: Vector>(
    parts: *const f32,
    apart: usize,
    count: usize,
    c: *mut f32,
    n: usize,
    epilogue: &Epilogue,
) {
    for from in (0..n).step_by(V::LANES) {
        let lanes = V::LANES.min(n - from);
        // SAFETY: the caller's.
        unsafe {
            let load = |p: *const f32| if lanes == V::LANES { V::load(p) } else { V::load_first(p, lanes) };
            let mut sum = load(parts.add(from));
            for part in 1..count {
                sum = sum.add(load(parts.add(part * apart + from)));
            }
            let bias = epilogue.bias;
            let bias = if bias.is_null() { bias } else { bias.add(from) };
            finish(sum, c.add(from), bias, lanes, epilogue, Pass { first: true, last: true });
        }
    }
}

/// The widest panel.
pub(crate) const MAX_WIDTH: usize = 2 * MAX_LANES;
