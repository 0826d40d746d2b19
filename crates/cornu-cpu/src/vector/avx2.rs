//! AVX2 with FMA.
use super::Vector;
use std::arch::x86_64::*;

/// 8 lanes in one register.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

impl Vector for Avx2 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { _mm256_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_past_caches(self, p: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { _mm256_stream_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_add_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_sub_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_mul_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_div_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_fmadd_ps(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn min_raw(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_min_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn max_raw(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_max_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_round_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn ceil(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_round_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn eq(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn lt(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn le(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_cmp_ps::<_CMP_LE_OQ>(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn and(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_and_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_or_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn xor(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_xor_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn select(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_blendv_ps(b.0, a.0, self.0)) }
    }
    #[inline(always)]
    unsafe fn add_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), _mm256_castps_si256(b.0))))
        }
    }
    #[inline(always)]
    unsafe fn sub_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(self.0), _mm256_castps_si256(b.0))))
        }
    }
    #[inline(always)]
    unsafe fn mul_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_mullo_epi32(
                _mm256_castps_si256(self.0),
                _mm256_castps_si256(b.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn mul_wide_int(self, b: Self) -> (Self, Self) {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (a, b) = (_mm256_castps_si256(self.0), _mm256_castps_si256(b.0));
            let even = _mm256_mul_epu32(a, b);
            let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
            let high = _mm256_blend_epi32::<0xAA>(_mm256_srli_epi64::<32>(even), odd);
            let low = _mm256_blend_epi32::<0xAA>(even, _mm256_slli_epi64::<32>(odd));
            (Avx2(_mm256_castsi256_ps(high)), Avx2(_mm256_castsi256_ps(low)))
        }
    }
    #[inline(always)]
    unsafe fn eq_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_cmpeq_epi32(
                _mm256_castps_si256(self.0),
                _mm256_castps_si256(b.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn gt_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_cmpgt_epi32(
                _mm256_castps_si256(self.0),
                _mm256_castps_si256(b.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn shift_left(self, by: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_sllv_epi32(
                _mm256_castps_si256(self.0),
                _mm256_castps_si256(by.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn shift_right(self, by: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_srlv_epi32(
                _mm256_castps_si256(self.0),
                _mm256_castps_si256(by.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn shift_right_signed(self, by: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx2(_mm256_castsi256_ps(_mm256_srav_epi32(
                _mm256_castps_si256(self.0),
                _mm256_castps_si256(by.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn to_int(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_castsi256_ps(_mm256_cvttps_epi32(self.0))) }
    }
    #[inline(always)]
    unsafe fn to_float(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_cvtepi32_ps(_mm256_castps_si256(self.0))) }
    }
    #[inline(always)]
    unsafe fn pick(self, index: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx2(_mm256_permutevar8x32_ps(self.0, _mm256_castps_si256(index.0))) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: the caller vouches for the instruction set; lanes that the mask leaves out are not read.
        unsafe { Avx2(_mm256_maskload_ps(p, first(n))) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        // SAFETY: the caller vouches for the instruction set; lanes that the mask leaves out are not written.
        unsafe { _mm256_maskstore_ps(p, first(n), self.0) }
    }
}

/// The first `n` lanes, at most all.
#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    // SAFETY: the caller vouches for the instruction set.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}
