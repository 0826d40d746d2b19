//! Transposing views of memory.
use super::Strides;
use crate::simd::Isa;

/// Side of the blocks that are transposed in registers.
const BLOCK: usize = 8;

/// Copies a view of `size.0` rows and `size.1` columns to where rows are `width` apart and columns lie side by side: in
/// blocks, so that the lines read are used whole.
///
/// # Safety
/// The memory must hold both.
pub(crate) unsafe fn transpose(
    from: *const f32,
    strides: Strides,
    to: *mut f32,
    size: (usize, usize),
    width: usize,
) {
    let in_registers = strides.row == 1 && Isa::get() > Isa::Portable;
    let whole = if in_registers { (size.0 / BLOCK * BLOCK, size.1 / BLOCK * BLOCK) } else { (0, 0) };
    // SAFETY: the caller's; the features were found on this processor.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        for i in (0..whole.0).step_by(BLOCK) {
            for j in (0..whole.1).step_by(BLOCK) {
                block_of_8(from.add(i + j * strides.col), strides.col, to.add(i * width + j), width);
            }
        }
        one_by_one(from, strides, to, (0..whole.0, whole.1..size.1), width);
        one_by_one(from, strides, to, (whole.0..size.0, 0..size.1), width);
    }
}

unsafe fn one_by_one(
    from: *const f32,
    strides: Strides,
    to: *mut f32,
    (rows, columns): (std::ops::Range<usize>, std::ops::Range<usize>),
    width: usize,
) {
    for start in rows.clone().step_by(2 * BLOCK) {
        for j in columns.clone() {
            for i in start..(start + 2 * BLOCK).min(rows.end) {
                // SAFETY: the caller's.
                unsafe { *to.add(i * width + j) = *from.add(i * strides.row + j * strides.col) };
            }
        }
    }
}

/// Transposes 8 x 8 numbers: pairs of rows are merged by ones, twos and fours.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn block_of_8(from: *const f32, pitch: usize, to: *mut f32, width: usize) {
    use std::arch::x86_64::*;
    // SAFETY: the caller's.
    unsafe {
        let rows: [__m256; 8] = std::array::from_fn(|i| _mm256_loadu_ps(from.add(i * pitch)));
        let ones: [__m256; 8] = std::array::from_fn(|i| {
            let (a, b) = (rows[i & !1], rows[i | 1]);
            if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
        });
        let twos: [__m256; 8] = std::array::from_fn(|i| {
            let (a, b) = (ones[i / 4 * 4 + i / 2 % 2], ones[i / 4 * 4 + i / 2 % 2 + 2]);
            if i % 2 == 0 { _mm256_shuffle_ps::<0x44>(a, b) } else { _mm256_shuffle_ps::<0xee>(a, b) }
        });
        for i in 0..8 {
            let (a, b) = (twos[i % 4], twos[i % 4 + 4]);
            let row = if i < 4 {
                _mm256_permute2f128_ps::<0x20>(a, b)
            } else {
                _mm256_permute2f128_ps::<0x31>(a, b)
            };
            _mm256_storeu_ps(to.add(i * width), row);
        }
    }
}
