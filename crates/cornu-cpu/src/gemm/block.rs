//! One task of a product: packs blocks of both operands and runs over their panels.
use super::kernel::{MAX_TERMS, MAX_WIDTH, Pass, ROW_PITCH, Target, tile, tile_of};
use super::operand::{PackA, PackB};
use crate::buffer::Aligned;
use crate::simd::Isa;
use crate::vector::{Portable, Vector};
use std::cell::RefCell;
use std::ops::Range;

/// Most rows and columns packed at a time: together they stay in the second cache.
const ROWS: usize = 252;
const COLUMNS: usize = 512;

thread_local! {
    /// Packed blocks of this thread.
    static PACKED: RefCell<Aligned> = RefCell::new(Aligned::default());
}

/// Computes the tile `rows x columns` of a product, or adds `terms` to what stands there.
///
/// # Safety
/// The operands and the target must have these rows, columns and terms.
pub(crate) unsafe fn block(
    a: &impl PackA,
    b: &impl PackB,
    target: &Target,
    rows: Range<usize>,
    columns: Range<usize>,
    terms: Range<usize>,
) {
    const FLOATS: usize = (ROWS + 16) * ROW_PITCH + (COLUMNS + MAX_WIDTH) * MAX_TERMS;
    PACKED.with(|packed| {
        let mut packed = packed.borrow_mut();
        if packed.len() < FLOATS * 4 {
            *packed = Aligned::zeroed(FLOATS * 4);
        }
        let memory: *mut f32 = packed.as_mut_ptr().cast();
        // SAFETY: the features were found on this processor; the rest is the caller's.
        unsafe {
            match Isa::get() {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => avx512(a, b, target, rows, columns, terms, memory),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2(a, b, target, rows, columns, terms, memory),
                _ => run::<Portable, { tile_of(Isa::Portable).0 }, 1>(
                    a, b, target, rows, columns, terms, memory,
                ),
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
    rows: Range<usize>,
    columns: Range<usize>,
    terms: Range<usize>,
    memory: *mut f32,
) {
    const MR: usize = tile_of(Isa::Avx512).0;
    // SAFETY: the caller's.
    unsafe { run::<crate::vector::Avx512, MR, 2>(a, b, target, rows, columns, terms, memory) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2")]
unsafe fn avx2(
    a: &impl PackA,
    b: &impl PackB,
    target: &Target,
    rows: Range<usize>,
    columns: Range<usize>,
    terms: Range<usize>,
    memory: *mut f32,
) {
    const MR: usize = tile_of(Isa::Avx2).0;
    // SAFETY: the caller's.
    unsafe { run::<crate::vector::Avx2, MR, 2>(a, b, target, rows, columns, terms, memory) }
}

#[inline(always)]
unsafe fn run<V: Vector, const MR: usize, const NV: usize>(
    a: &impl PackA,
    b: &impl PackB,
    target: &Target,
    rows: Range<usize>,
    columns: Range<usize>,
    terms: Range<usize>,
    memory: *mut f32,
) {
    let width = NV * V::LANES;
    // Passes of one length, so that none is much shorter than the others.
    let passes = terms.len().div_ceil(MAX_TERMS).max(1);
    let step = terms.len().div_ceil(passes).max(1);
    let by_rows = a.by_rows();
    for column in columns.clone().step_by(COLUMNS) {
        let block = column..(column + COLUMNS).min(columns.end);
        for pass in 0..passes {
            let first = terms.start + pass * step;
            let part = first..(first + step).min(terms.end);
            let state = Pass { first: pass == 0, last: pass + 1 == passes };
            // SAFETY: `memory` holds the packed blocks; the rest is the caller's.
            unsafe {
                let packed_a = memory.add((COLUMNS + MAX_WIDTH) * MAX_TERMS);
                b.pack(part.clone(), block.clone(), width, memory);
                for row in rows.clone().step_by(ROWS / MR * MR) {
                    let group = row..(row + ROWS / MR * MR).min(rows.end);
                    a.pack(group.clone(), part.clone(), MR, packed_a);
                    let pitch = if by_rows { ROW_PITCH * MR } else { MR * part.len() };
                    for j in (0..block.len()).step_by(width) {
                        let panel_b = memory.add(j * part.len());
                        for (p, i) in (0..group.len()).step_by(MR).enumerate() {
                            let panel_a = packed_a.add(p * pitch);
                            let at = (group.start + i, block.start + j);
                            let size = (MR.min(group.len() - i), width.min(block.len() - j));
                            if by_rows {
                                tile::<V, MR, NV, ROW_PITCH, 1>(
                                    part.len(),
                                    panel_a,
                                    panel_b,
                                    target,
                                    at,
                                    size,
                                    state,
                                );
                            } else {
                                tile::<V, MR, NV, 1, MR>(
                                    part.len(),
                                    panel_a,
                                    panel_b,
                                    target,
                                    at,
                                    size,
                                    state,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}
