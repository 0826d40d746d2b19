//! AVX-512.
use super::Vector;
use std::arch::x86_64::*;

/// 16 lanes in one register.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(__m512);

#[inline(always)]
unsafe fn lanes_of(mask: __mmask16) -> Avx512 {
    // SAFETY: the caller vouches for the instruction set.
    unsafe { Avx512(_mm512_castsi512_ps(_mm512_movm_epi32(mask))) }
}

impl Vector for Avx512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn store_past_caches(self, p: *mut f32) {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { _mm512_stream_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_add_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_sub_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_mul_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_div_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_fmadd_ps(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn min_raw(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_min_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn max_raw(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_max_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn ceil(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_roundscale_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn eq(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { lanes_of(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn lt(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { lanes_of(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn le(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { lanes_of(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn and(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_and_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_or_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn xor(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_xor_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn select(self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(self.0)), b.0, a.0)) }
    }
    #[inline(always)]
    unsafe fn add_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx512(_mm512_castsi512_ps(_mm512_add_epi32(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(b.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn sub_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx512(_mm512_castsi512_ps(_mm512_sub_epi32(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(b.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn mul_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx512(_mm512_castsi512_ps(_mm512_mullo_epi32(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(b.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn mul_wide_int(self, b: Self) -> (Self, Self) {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(b.0));
            let even = _mm512_mul_epu32(a, b);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
            let high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64::<32>(even), odd);
            let low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64::<32>(odd));
            (Avx512(_mm512_castsi512_ps(high)), Avx512(_mm512_castsi512_ps(low)))
        }
    }
    #[inline(always)]
    unsafe fn eq_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { lanes_of(_mm512_cmpeq_epi32_mask(_mm512_castps_si512(self.0), _mm512_castps_si512(b.0))) }
    }
    #[inline(always)]
    unsafe fn gt_int(self, b: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { lanes_of(_mm512_cmpgt_epi32_mask(_mm512_castps_si512(self.0), _mm512_castps_si512(b.0))) }
    }
    #[inline(always)]
    unsafe fn shift_left(self, by: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx512(_mm512_castsi512_ps(_mm512_sllv_epi32(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(by.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn shift_right(self, by: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx512(_mm512_castsi512_ps(_mm512_srlv_epi32(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(by.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn shift_right_signed(self, by: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe {
            Avx512(_mm512_castsi512_ps(_mm512_srav_epi32(
                _mm512_castps_si512(self.0),
                _mm512_castps_si512(by.0),
            )))
        }
    }
    #[inline(always)]
    unsafe fn to_int(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_castsi512_ps(_mm512_cvttps_epi32(self.0))) }
    }
    #[inline(always)]
    unsafe fn to_float(self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_cvtepi32_ps(_mm512_castps_si512(self.0))) }
    }
    #[inline(always)]
    unsafe fn pick(self, index: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set and for pointers.
        unsafe { Avx512(_mm512_permutexvar_ps(_mm512_castps_si512(index.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: the caller vouches for the instruction set; lanes that the mask leaves out are not read.
        unsafe { Avx512(_mm512_maskz_loadu_ps(first(n), p)) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        // SAFETY: the caller vouches for the instruction set; lanes that the mask leaves out are not written.
        unsafe { _mm512_mask_storeu_ps(p, first(n), self.0) }
    }
    #[inline(always)]
    unsafe fn times_power_of_two(self, n: Self) -> Self {
        // SAFETY: the caller vouches for the instruction set.
        unsafe { Avx512(_mm512_scalef_ps(self.0, n.0)) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (low, high) = (_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            let eight = _mm256_add_ps(low, high);
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (low, high) = (_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            let eight = _mm256_max_ps(low, high);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

/// The first `n` lanes, at most all.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}
