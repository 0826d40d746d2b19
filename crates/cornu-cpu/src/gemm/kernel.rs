//! The innermost loop: a tile of the result in registers.
use super::Epilogue;
use crate::simd::Isa;
use crate::vector::{MAX_LANES, Portable, Vector, for_isa, prefetch_near};

/// Where a product goes.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub c: *mut f32,
    /// Elements from one row to the next.
    pub row: usize,
    pub epilogue: &'a Epilogue,
    /// Whether whole vectors go past the caches, to where their lines begin.
    pub past_caches: bool,
}

/// Longest sum of one pass: panels of the left operand stay in the second cache together, while those of the right pass.
pub(crate) const MAX_TERMS: usize = 512;
/// Elements between the rows of a panel of `a` of so many terms that lies row by row: an odd number of lines, so that the rows do
/// not compete for the same lines of the cache, with room for a vector beyond the last term.
pub(crate) const fn row_pitch(terms: usize) -> usize {
    ((terms.div_ceil(LINE) + 1) | 1) * LINE
}
/// Most rows of a tile.
pub(crate) const MAX_ROWS: usize = 13;
/// Most columns of a tile.
pub(crate) const MAX_WIDTH: usize = 2 * MAX_LANES;
/// Vectors of the one wide tile, of a single row.
pub(crate) const WIDE: usize = 8;

/// Rows and columns of a tile for each instruction set: as many sums as there are registers for.
const fn tile_of(isa: Isa) -> (usize, usize) {
    match isa {
        Isa::Avx512 => (MAX_ROWS, 32),
        Isa::Avx2 => (6, 16),
        Isa::Portable => (6, 8),
    }
}

/// Columns of a panel of `b`.
pub(crate) fn panel_width() -> usize {
    tile_of(Isa::get()).1
}

/// Most rows of a panel of `a`.
pub(crate) fn panel_height() -> usize {
    tile_of(Isa::get()).0
}

/// Which part of a sum a pass adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    pub first: bool,
    pub last: bool,
}

/// Elements of a line of the cache.
pub(crate) const LINE: usize = 16;

/// What a tile multiplies.
#[derive(Clone, Copy)]
pub(crate) struct Panels {
    pub terms: usize,
    /// How many runs of so many terms there are, and elements of `a` between the end of one and the next.
    pub runs: usize,
    pub a_jump: usize,
    pub a: *const f32,
    /// Elements from one term of `a` to the next where its rows lie side by side, else from one row to the next while its
    /// terms lie side by side.
    pub a_step: usize,
    pub b: *const f32,
    /// Elements from one term of `b` to the next; its columns lie side by side.
    pub b_step: usize,
    /// Of which one is asked for with each term.
    pub ahead: Lines,
    /// Where the terms of `b` are kept for the next tiles, a panel's width from one to the next; null for nowhere.
    pub keep: *mut f32,
}

impl Default for Panels {
    fn default() -> Panels {
        let none = std::ptr::null();
        let (ahead, keep) = (Lines::default(), std::ptr::null_mut());
        Panels { terms: 0, runs: 1, a_jump: 0, a: none, a_step: 0, b: none, b_step: 0, ahead, keep }
    }
}

/// Lines of the cache that will be read soon.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    start: *const f32,
    /// Elements from one line to the next; 0 for none.
    step: usize,
    /// After so many lines so many elements more (modulo the size of memory).
    per_row: usize,
    jump: usize,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines::apart(std::ptr::null(), 0)
    }
}

impl Lines {
    /// One after so many elements.
    pub fn apart(start: *const f32, step: usize) -> Lines {
        Lines { start, step, per_row: usize::MAX, jump: 0 }
    }

    /// Of rows of so many elements, and elements from one row to the next.
    pub fn of_rows(start: *const f32, len: usize, row: usize) -> Lines {
        let per_row = len.div_ceil(LINE).max(1);
        Lines { start, step: LINE, per_row, jump: row.wrapping_sub(per_row * LINE) }
    }
}

/// Computes the tile of the result that begins at a row and column; there are as many columns as given.
pub(crate) type Tile = unsafe fn(&Panels, &Target, (usize, usize), usize, Pass);

/// The tile of `rows`, at most [`panel_height`], and `columns`, at most [`panel_width`], of an `a` whose terms lie side by side
/// (`by_rows`) or whose rows do; for a single row that lies side by side up to [`WIDE`] vectors.
pub(crate) fn tile_for(by_rows: bool, rows: usize, columns: usize) -> Tile {
    let isa = Isa::get();
    let (layout, row) = (usize::from(by_rows), rows - 1);
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if columns > 32 => avx512::<1, WIDE, false>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => AVX512[usize::from(columns > 16)][layout][row],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if columns > 16 => avx2::<1, WIDE, false>,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => AVX2[usize::from(columns > 8)][layout][row],
        _ if columns > Portable::LANES => portable::<1, WIDE, false>,
        _ => PORTABLE[layout][row],
    }
}

macro_rules! heights {
    ($tile:ident $vectors:literal: $($rows:literal)*) => {
        [[$($tile::<$rows, $vectors, false> as Tile),*], [$($tile::<$rows, $vectors, true> as Tile),*]]
    };
}

#[cfg(target_arch = "x86_64")]
static AVX512: [[[Tile; MAX_ROWS]; 2]; 2] =
    [heights!(avx512 1: 1 2 3 4 5 6 7 8 9 10 11 12 13), heights!(avx512 2: 1 2 3 4 5 6 7 8 9 10 11 12 13)];
#[cfg(target_arch = "x86_64")]
static AVX2: [[[Tile; 6]; 2]; 2] = [heights!(avx2 1: 1 2 3 4 5 6), heights!(avx2 2: 1 2 3 4 5 6)];
static PORTABLE: [[Tile; 6]; 2] = heights!(portable 1: 1 2 3 4 5 6);

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi2")]
unsafe fn avx512<const ROWS: usize, const VECTORS: usize, const BY_ROWS: bool>(
    panels: &Panels,
    target: &Target,
    at: (usize, usize),
    columns: usize,
    pass: Pass,
) {
    // SAFETY: the caller's; the features are enabled.
    unsafe { tile::<crate::vector::Avx512, ROWS, VECTORS, BY_ROWS>(panels, target, at, columns, pass) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2")]
unsafe fn avx2<const ROWS: usize, const VECTORS: usize, const BY_ROWS: bool>(
    panels: &Panels,
    target: &Target,
    at: (usize, usize),
    columns: usize,
    pass: Pass,
) {
    // SAFETY: the caller's; the features are enabled.
    unsafe { tile::<crate::vector::Avx2, ROWS, VECTORS, BY_ROWS>(panels, target, at, columns, pass) }
}

unsafe fn portable<const ROWS: usize, const VECTORS: usize, const BY_ROWS: bool>(
    panels: &Panels,
    target: &Target,
    at: (usize, usize),
    columns: usize,
    pass: Pass,
) {
    // SAFETY: the caller's.
    unsafe { tile::<Portable, ROWS, VECTORS, BY_ROWS>(panels, target, at, columns, pass) }
}

/// # Safety
/// The panels must hold all terms of `ROWS` and of whole vectors of columns; the target the rows and `columns`.
#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize, const BY_ROWS: bool>(
    panels: &Panels,
    target: &Target,
    at: (usize, usize),
    columns: usize,
    pass: Pass,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        // One loop each: sums would not stay in registers from one to the next.
        if !panels.keep.is_null() {
            add_terms::<V, ROWS, VECTORS, BY_ROWS, false, true>(panels, &mut sums);
        } else if panels.ahead.step > 0 {
            add_terms::<V, ROWS, VECTORS, BY_ROWS, true, false>(panels, &mut sums);
        } else if panels.runs == 1 {
            add_terms::<V, ROWS, VECTORS, BY_ROWS, false, false>(panels, &mut sums);
        } else {
            let step = if BY_ROWS { 1 } else { panels.a_step };
            let mut run = *panels;
            for _ in 0..panels.runs {
                add_terms::<V, ROWS, VECTORS, BY_ROWS, false, false>(&run, &mut sums);
                run.a = run.a.wrapping_add(panels.terms * step).wrapping_add(panels.a_jump);
                run.b = run.b.wrapping_add(panels.terms * panels.b_step);
            }
        }
        let c = target.c.add(at.0 * target.row + at.1);
        let mut epilogue = *target.epilogue;
        if pass.last {
            epilogue = epilogue.from(at.1);
        } else {
            epilogue = Epilogue { accumulate: epilogue.accumulate, ..Epilogue::default() };
        }
        epilogue.accumulate |= !pass.first;
        if columns == VECTORS * V::LANES {
            store_tile::<V, ROWS, VECTORS>(sums, c, target.row, V::LANES, &epilogue, target.past_caches);
        } else {
            // Whole vectors, then the rest of one.
            let mut from = 0;
            // Constant indices keep the sums in registers.
            #[allow(clippy::needless_range_loop)]
            for j in 0..VECTORS {
                let n = V::LANES.min(columns - from);
                if n == 0 {
                    return;
                }
                let part: [[V; 1]; ROWS] = std::array::from_fn(|i| [sums[i][j]]);
                store_tile::<V, ROWS, 1>(part, c.add(from), target.row, n, &epilogue.from(from), false);
                from += n;
            }
        }
    }
}

/// So many terms before their turn, lines of a panel of `b` that is read from where it lies are asked for.
const SOON: usize = 40;

/// Adds the products of all terms. What is asked for may go some lines beyond what there is.
#[inline(always)]
unsafe fn add_terms<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const BY_ROWS: bool,
    const AHEAD: bool,
    const KEEP: bool,
>(
    panels: &Panels,
    sums: &mut [[V; VECTORS]; ROWS],
) {
    let (mut a, mut b, mut keep, lines) = (panels.a, panels.b, panels.keep, &panels.ahead);
    let (row_step, step) = if BY_ROWS { (panels.a_step, 1) } else { (1, panels.a_step) };
    let (mut ahead, mut left) = (lines.start, lines.per_row);
    for _ in 0..panels.terms {
        // SAFETY: the caller's.
        unsafe {
            let mut columns = [V::splat(0.0); VECTORS];
            for (j, column) in columns.iter_mut().enumerate() {
                *column = V::load(b.add(j * V::LANES));
                if KEEP {
                    column.store(keep.add(j * V::LANES));
                }
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let x = V::splat(*a.add(i * row_step));
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = x.mul_add(column, *sum);
                }
            }
            a = a.add(step);
            b = b.add(panels.b_step);
        }
        if KEEP {
            (0..VECTORS).for_each(|j| prefetch_near(b.wrapping_add(SOON * panels.b_step + j * V::LANES)));
            keep = keep.wrapping_add(VECTORS * V::LANES);
        }
        if AHEAD {
            prefetch_near(ahead);
            (ahead, left) = match left {
                1 => (ahead.wrapping_add(lines.step).wrapping_add(lines.jump), lines.per_row),
                _ => (ahead.wrapping_add(lines.step), left - 1),
            };
        }
    }
}

/// Stores sums as the epilogue says; `n` is the number of columns of the last vector.
#[inline(always)]
unsafe fn store_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
    mut sums: [[V; VECTORS]; ROWS],
    c: *mut f32,
    row: usize,
    n: usize,
    epilogue: &Epilogue,
    past_caches: bool,
) {
    // SAFETY: the caller's.
    unsafe {
        let load = |p: *const f32| if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
        if epilogue.accumulate {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(load(c.add(i * row + j * V::LANES)));
                }
            }
        }
        epilogue.apply(&mut sums, n);
        if past_caches {
            for (i, sums) in sums.iter().enumerate() {
                for (j, &sum) in sums.iter().enumerate() {
                    sum.store_past_caches(c.add(i * row + j * V::LANES));
                }
            }
            return;
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, &sum) in sums.iter().enumerate() {
                let c = c.add(i * row + j * V::LANES);
                if n == V::LANES { sum.store(c) } else { sum.store_first(c, n) }
            }
        }
    }
}

for_isa!(
    /// One row of a result from its parts, which lie `apart` elements apart.
    pub(crate) fn add_rows(
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
            store_tile::<V, 1, 1>([[sum]], c.add(from), 0, lanes, &epilogue.from(from), false);
        }
    }
}
