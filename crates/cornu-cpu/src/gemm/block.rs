//! One task of a product: packs blocks of both operands and runs over their panels.
use super::kernel::{
    LINE, Lines, MAX_ROWS, MAX_TERMS, MAX_WIDTH, Panels, Pass, Target, WIDE, panel_height, panel_width,
    row_pitch, tile_for,
};
use super::operand::{PackA, PackB, SIDE_BY_SIDE};
use crate::aligned::thread_memory;
use crate::simd::Isa;
use crate::vector::{Portable, Vector};
use std::ops::Range;

/// Up to this many columns, or more of sums shorter than [`SHORT_SUM`], the panels of `b` stay in the second cache while those of `a` pass, which are read from where
/// they lie if they can be; with more columns it is the other way around.
const FEW_COLUMNS: usize = 128;
const SHORT_SUM: usize = 256;

/// Up to this many panels of rows, `b` is read from where it lies if it can be.
const FEW_PANELS: usize = 3;
/// Rows of `b` up to this long are read from where they lie: packing would hardly bring them closer.
const SHORT_ROW: usize = 64;

/// Room for a panel of `a` in either layout.
const PANEL_A: usize = if MAX_ROWS * row_pitch(MAX_TERMS) > SIDE_BY_SIDE * MAX_TERMS {
    MAX_ROWS * row_pitch(MAX_TERMS)
} else {
    SIDE_BY_SIDE * MAX_TERMS
};
/// Room for the panels of `b`.
const ROOM_B: usize = (FEW_COLUMNS + 2 * MAX_WIDTH) * MAX_TERMS;
/// Panels of `a` that lie in the second cache together.
const MOST_PANELS: usize = 24;

/// Panels of `b` that one of `a` meets in turn: each new one of `a` has the time of so many tiles to come from memory.
const GROUP: usize = 4;

/// Elements of `a` between those that are multiplied and those that are asked for.
const AHEAD: usize = 1024;

/// Elements between terms from which on the processor does not see by itself what comes next.
const APART: usize = 8 * LINE;

/// Lines of the cache: where they begin, how many are left, how many of them follow each other, and elements from there to the next
/// such row.
#[derive(Clone, Copy)]
struct Region {
    start: *const f32,
    left: usize,
    per_row: usize,
    row: usize,
}

impl Region {
    /// So many rows of elements, each so far from the one before.
    fn rows(start: *const f32, count: usize, len: usize, row: usize) -> Region {
        // Without what lies between rows that are far apart.
        let (count, len) = if row < len + LINE { (1, count * row) } else { (count, len) };
        let per_row = len.div_ceil(LINE).max(1);
        Region { start, left: count * per_row, per_row, row }
    }
}

/// Memory that is asked for while other is multiplied: a line with each term.
#[derive(Clone, Copy)]
struct Ahead {
    regions: [Region; 2],
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead::new([None, None])
    }
}

impl Ahead {
    fn new(regions: [Option<Region>; 2]) -> Ahead {
        let none = Region { start: std::ptr::null(), left: 0, per_row: 1, row: 0 };
        Ahead { regions: regions.map(|region| region.unwrap_or(none)) }
    }

    fn is_empty(&self) -> bool {
        self.regions.iter().all(|region| region.left == 0)
    }

    /// The lines for so many terms.
    #[inline(always)]
    fn take(&mut self, terms: usize) -> Lines {
        for Region { start, left, per_row, row } in &mut self.regions {
            if *left > 0 {
                let lines = Lines::of_rows(*start, *per_row * LINE, *row);
                if *left <= terms {
                    *left = 0;
                    return lines;
                }
                let whole = terms / *per_row;
                *start = start.wrapping_add(if whole > 0 { whole * *row } else { terms * LINE });
                *left -= terms;
                return lines;
            }
        }
        Lines::default()
    }
}

/// What the next pass reads of operands that lie as it reads them, rows of either side by side.
fn next_terms(a: &impl PackA, b: &impl PackB, part: &Block) -> Ahead {
    let (terms, next) = (part.terms.len(), part.terms.end);
    let region = |place: Option<(*const f32, usize)>, wanted: usize| {
        place.map(|(start, step)| Region::rows(start, terms, wanted, step))
    };
    let left = if a.by_rows() { None } else { a.in_place(part.rows.start, next, part.columns.len()) };
    let right = b.in_place(next, part.columns.start);
    Ahead::new([region(left, part.rows.len()), region(right, part.columns.len())])
}

/// Part of a product: the rows, columns, and terms of the sums.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub terms: Range<usize>,
}

/// Computes a block of a product.
///
/// # Safety
/// The operands and the target must have these rows, columns and terms.
pub(crate) unsafe fn block(a: &impl PackA, b: &impl PackB, target: &Target, block: &Block) {
    const FLOATS: usize = ROOM_B + MOST_PANELS * PANEL_A;
    thread_memory(FLOATS, |packed_b| {
        // SAFETY: the features were found on this processor, the memory has room for both; the rest is the caller's.
        unsafe {
            let memory = (packed_b.add(ROOM_B), packed_b);
            match Isa::get() {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512(a, b, target, block, memory),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2(a, b, target, block, memory),
                _ => run::<Portable>(a, b, target, block, memory),
            }
        }
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi2")]
unsafe fn avx512(
    a: &impl PackA,
    b: &impl PackB,
    target: &Target,
    block: &Block,
    memory: (*mut f32, *mut f32),
) {
    // SAFETY: the caller's.
    unsafe { run::<crate::vector::Avx512>(a, b, target, block, memory) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2")]
unsafe fn avx2(a: &impl PackA, b: &impl PackB, target: &Target, block: &Block, memory: (*mut f32, *mut f32)) {
    // SAFETY: the caller's.
    unsafe { run::<crate::vector::Avx2>(a, b, target, block, memory) }
}

/// Cuts a range into parts that differ by at most one, none longer than `most`.
fn even(range: &Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (start, len) = (range.start, range.len());
    let parts = len.div_ceil(most);
    (0..parts).map(move |i| start + i * len / parts..start + (i + 1) * len / parts)
}

/// How many columns are few for sums of so many terms.
fn few_columns(terms: usize) -> usize {
    (FEW_COLUMNS * SHORT_SUM / terms).next_multiple_of(MAX_WIDTH)
}

#[inline(always)]
unsafe fn run<V: Vector>(
    a: &impl PackA,
    b: &impl PackB,
    target: &Target,
    block: &Block,
    (packed_a, packed_b): (*mut f32, *mut f32),
) {
    let passes = |most: usize| block.terms.len().div_ceil(most).max(1);
    let few = few_columns(block.terms.len().div_ceil(passes(SHORT_SUM)).max(1));
    let by_columns = block.columns.len() > few && block.rows.len() > FEW_PANELS * panel_height();
    let passes = passes(if by_columns { MAX_TERMS } else { SHORT_SUM });
    let cut = |i: usize| block.terms.start + i * block.terms.len() / passes;
    let rows_at_a_time = if by_columns { MOST_PANELS * panel_height() } else { usize::MAX };
    for rows in even(&block.rows, rows_at_a_time) {
        for pass in 0..passes {
            let state = Pass { first: pass == 0, last: pass + 1 == passes };
            let terms = cut(pass)..cut(pass + 1);
            if by_columns {
                let part = Block { rows: rows.clone(), columns: block.columns.clone(), terms };
                // SAFETY: the caller's.
                unsafe { pass_by_columns::<V>(a, b, target, &part, state, (packed_a, packed_b)) };
                continue;
            }
            for first in block.columns.clone().step_by(few) {
                let columns = first..(first + few).min(block.columns.end);
                let part = Block { rows: rows.clone(), columns, terms: terms.clone() };
                // SAFETY: the caller's.
                unsafe {
                    let right = Right::<V>::new(b, &part, packed_b);
                    let ahead = if state.last { Ahead::default() } else { next_terms(a, b, &part) };
                    pass_by_rows(a, &right, target, &part, state, packed_a, ahead);
                }
            }
        }
    }
}

/// The step of a packed panel of `a`, and elements from one such panel to the next.
fn packed_steps(by_rows: bool, terms: usize) -> (usize, usize) {
    let pitch = row_pitch(terms);
    if by_rows { (pitch, MAX_ROWS * pitch) } else { (SIDE_BY_SIDE, SIDE_BY_SIDE * terms) }
}

/// A few panels of `b` after the other, while all panels of `a` pass from the second cache. Those are packed as the first
/// panels of `b` come; what lies in rows of `b` is packed by the first tile that reads it.
#[inline(always)]
unsafe fn pass_by_columns<V: Vector>(
    a: &impl PackA,
    b: &impl PackB,
    target: &Target,
    part: &Block,
    pass: Pass,
    (packed_a, packed_b): (*mut f32, *mut f32),
) {
    let (terms, first_term) = (part.terms.len(), part.terms.start);
    let (by_rows, width) = (a.by_rows(), panel_width());
    let (a_step, apart) = packed_steps(by_rows, terms);
    let per_panel = terms.div_ceil(part.rows.len().div_ceil(panel_height()));
    for first in part.columns.clone().step_by(GROUP * width) {
        let end = (first + GROUP * width).min(part.columns.end);
        let mut group = [Panels { terms, a_step, ..Panels::default() }; GROUP];
        for (column, panels) in (first..end).step_by(width).zip(&mut group) {
            let columns = column..(column + width).min(end);
            // SAFETY: the caller's; there is room for all panels of a group.
            unsafe { right_panel::<V>(b, part, columns, packed_b.add((column - first) * terms), panels) };
        }
        let mut asked = if end < part.columns.end { 0 } else { terms };
        for (i, rows) in even(&part.rows, panel_height()).enumerate() {
            let packed = packed_a.wrapping_add(i * apart);
            let mut ahead = Lines::default();
            if first == part.columns.start {
                // SAFETY: the caller's; there is room for all panels.
                unsafe { a.pack::<V>(rows.clone(), part.terms.clone(), packed) };
                // The next panel comes closer while this one is multiplied.
                if rows.end < part.rows.end {
                    ahead = a.lines(rows.end..rows.end + rows.len(), part.terms.clone());
                }
            }
            let soon = asked..terms.min(asked + per_panel);
            asked = soon.end;
            for (column, panels) in (first..end).step_by(width).zip(&mut group) {
                let count = width.min(end - column);
                soon.clone().for_each(|term| b.prefetch(first_term + term, column + GROUP * width));
                panels.a = packed;
                panels.ahead = if column + count == end { ahead } else { Lines::default() };
                let tile = tile_for(by_rows, rows.len(), count);
                // SAFETY: the caller's; the panels are there.
                unsafe { tile(panels, target, (rows.start, column), count, pass) };
                if !panels.keep.is_null() {
                    (panels.b, panels.b_step, panels.keep) = (panels.keep, width, std::ptr::null_mut());
                }
            }
        }
    }
}

/// Where a tile finds a panel of `b`, and whether it packs it: else it is packed here.
#[inline(always)]
unsafe fn right_panel<V: Vector>(
    b: &impl PackB,
    part: &Block,
    columns: Range<usize>,
    packed: *mut f32,
    panels: &mut Panels,
) {
    let in_place = b.in_place(part.terms.start, columns.start);
    match in_place.filter(|&(_, step)| columns.len() == panel_width() && step > SHORT_ROW) {
        Some((b, b_step)) => (panels.b, panels.b_step, panels.keep) = (b, b_step, packed),
        None => {
            let (count, terms) = (columns.len(), part.terms.len());
            let one = Block { columns, ..part.clone() };
            // SAFETY: the caller's.
            let right = unsafe { Right::<V>::new(b, &one, packed) };
            (panels.b, panels.b_step) = right.panel(0, count, terms);
        }
    }
}

/// The right operand of a pass: whole panels are read from where they lie if that is better, others are packed.
struct Right<V> {
    in_place: Option<(*const f32, usize)>,
    packed: *const f32,
    lanes: std::marker::PhantomData<V>,
}

impl<V: Vector> Right<V> {
    #[inline(always)]
    unsafe fn new(b: &impl PackB, part: &Block, packed: *mut f32) -> Right<V> {
        let width = panel_width();
        let few = part.rows.len() <= FEW_PANELS * panel_height();
        let in_place = b.in_place(part.terms.start, part.columns.start);
        let in_place = in_place.filter(|&(_, step)| few || step <= SHORT_ROW);
        let rest = if in_place.is_some() { part.columns.len() % V::LANES } else { part.columns.len() };
        if rest > 0 {
            // From the beginning of a panel.
            let from = if in_place.is_some() { part.columns.len() / width * width } else { 0 };
            let columns = part.columns.start + from..part.columns.end;
            // SAFETY: the caller's.
            unsafe { b.pack::<V>(part.terms.clone(), columns, width, packed.add(from * part.terms.len())) };
        }
        Right { in_place, packed, lanes: std::marker::PhantomData }
    }

    /// The panel at a column of this pass, and from one term of it to the next.
    #[inline(always)]
    fn panel(&self, column: usize, columns: usize, terms: usize) -> (*const f32, usize) {
        match self.in_place {
            Some((b, step)) if columns.is_multiple_of(V::LANES) => (b.wrapping_add(column), step),
            _ => (self.packed.wrapping_add(column * terms), panel_width()),
        }
    }
}

/// All panels of `b`, then one panel of `a` after the other, which stays in the first cache while those of `b` pass.
#[inline(always)]
unsafe fn pass_by_rows<V: Vector>(
    a: &impl PackA,
    right: &Right<V>,
    target: &Target,
    part: &Block,
    pass: Pass,
    packed_a: *mut f32,
    mut ahead: Ahead,
) {
    let (terms, columns) = (part.terms.len(), part.columns.len());
    let by_rows = a.by_rows();
    let width = panel_width();
    let idle = ahead.is_empty();
    let wide = if part.rows.len() == 1 && right.in_place.is_some() { WIDE * V::LANES } else { usize::MAX };
    for rows in even(&part.rows, panel_height()) {
        let in_place = a.in_place(rows.start, part.terms.start, part.columns.len());
        // No closure here: it would be compiled without the vector instructions.
        let (panel, a_step) = match in_place {
            Some((panel, step)) => (panel, step),
            None => {
                // SAFETY: the caller's; `packed_a` has room for a panel.
                unsafe { a.pack::<V>(rows.clone(), part.terms.clone(), packed_a) };
                (packed_a.cast_const(), packed_steps(by_rows, terms).0)
            }
        };
        let whole = tile_for(by_rows, rows.len(), width);
        // What the first tile asks for.
        let mut first = match in_place {
            Some(_) if by_rows => {
                // Rows some panels before their turn.
                let panels = AHEAD.div_ceil((rows.len() * terms).max(1));
                let start = panel.wrapping_add(panels * rows.len() * a_step);
                let dense = a_step < terms + LINE;
                Some(if dense { Lines::apart(start, LINE) } else { Lines::of_rows(start, terms, a_step) })
            }
            // Of rows side by side the next panel has the lines that this one ends in, and one more of each term.
            Some(_) if idle && a_step >= APART => {
                Some(Lines::apart(panel.wrapping_add(2 * rows.len() - 1), a_step))
            }
            None if rows.end < part.rows.end => {
                let next = rows.end..(rows.end + rows.len()).min(part.rows.end);
                Some(a.lines(next, part.terms.clone()))
            }
            _ => None,
        };
        let mut column = 0;
        while column < columns {
            let rest = columns - column;
            let (count, tile) = if rest >= wide {
                (wide, tile_for(false, 1, wide))
            } else if rest >= width {
                (width, whole)
            } else {
                (rest, tile_for(by_rows, rows.len(), rest))
            };
            let (b, b_step) = right.panel(column, count, terms);
            let panels = Panels {
                terms,
                a: panel,
                a_step: if rest >= wide && by_rows { 1 } else { a_step },
                b,
                b_step,
                ahead: first.take().unwrap_or_else(|| ahead.take(terms)),
                ..Panels::default()
            };
            // SAFETY: the caller's; the panels are there.
            unsafe { tile(&panels, target, (rows.start, part.columns.start + column), count, pass) };
            column += count;
        }
    }
}
