//! Arrays of lanes, for any processor; compilers turn most of it into the vectors there are.
use super::Vector;

/// Eight lanes.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 8]);

#[inline(always)]
fn map(a: Portable, f: impl Fn(f32) -> f32) -> Portable {
    Portable(std::array::from_fn(|i| f(a.0[i])))
}

#[inline(always)]
fn zip(a: Portable, b: Portable, f: impl Fn(f32, f32) -> f32) -> Portable {
    Portable(std::array::from_fn(|i| f(a.0[i], b.0[i])))
}

#[inline(always)]
fn zip_bits(a: Portable, b: Portable, f: impl Fn(u32, u32) -> u32) -> Portable {
    zip(a, b, |x, y| f32::from_bits(f(x.to_bits(), y.to_bits())))
}

#[inline(always)]
fn mask(holds: bool) -> f32 {
    f32::from_bits(if holds { u32::MAX } else { 0 })
}

impl Vector for Portable {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's.
        Portable(unsafe { p.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's.
        unsafe { p.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Portable([x; 8])
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        zip(self, b, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        zip(self, b, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        zip(self, b, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        zip(self, b, |x, y| x / y)
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        Portable(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        map(self, f32::sqrt)
    }
    #[inline(always)]
    unsafe fn min_raw(self, b: Self) -> Self {
        zip(self, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn max_raw(self, b: Self) -> Self {
        zip(self, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        map(self, f32::floor)
    }
    #[inline(always)]
    unsafe fn ceil(self) -> Self {
        map(self, f32::ceil)
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        map(self, f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn eq(self, b: Self) -> Self {
        zip(self, b, |x, y| mask(x == y))
    }
    #[inline(always)]
    unsafe fn lt(self, b: Self) -> Self {
        zip(self, b, |x, y| mask(x < y))
    }
    #[inline(always)]
    unsafe fn le(self, b: Self) -> Self {
        zip(self, b, |x, y| mask(x <= y))
    }
    #[inline(always)]
    unsafe fn and(self, b: Self) -> Self {
        zip_bits(self, b, |x, y| x & y)
    }
    #[inline(always)]
    unsafe fn or(self, b: Self) -> Self {
        zip_bits(self, b, |x, y| x | y)
    }
    #[inline(always)]
    unsafe fn xor(self, b: Self) -> Self {
        zip_bits(self, b, |x, y| x ^ y)
    }
    #[inline(always)]
    unsafe fn select(self, a: Self, b: Self) -> Self {
        Portable(std::array::from_fn(|i| if self.0[i].to_bits() != 0 { a.0[i] } else { b.0[i] }))
    }
    #[inline(always)]
    unsafe fn add_int(self, b: Self) -> Self {
        zip_bits(self, b, u32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn sub_int(self, b: Self) -> Self {
        zip_bits(self, b, u32::wrapping_sub)
    }
    #[inline(always)]
    unsafe fn mul_int(self, b: Self) -> Self {
        zip_bits(self, b, u32::wrapping_mul)
    }
    #[inline(always)]
    unsafe fn mul_wide_int(self, b: Self) -> (Self, Self) {
        let high = |x: u32, y: u32| ((u64::from(x) * u64::from(y)) >> 32) as u32;
        (zip_bits(self, b, high), zip_bits(self, b, u32::wrapping_mul))
    }
    #[inline(always)]
    unsafe fn eq_int(self, b: Self) -> Self {
        zip(self, b, |x, y| mask(x.to_bits() == y.to_bits()))
    }
    #[inline(always)]
    unsafe fn gt_int(self, b: Self) -> Self {
        zip(self, b, |x, y| mask(x.to_bits() as i32 > y.to_bits() as i32))
    }
    #[inline(always)]
    unsafe fn shift_left(self, by: Self) -> Self {
        zip_bits(self, by, |x, y| x.checked_shl(y).unwrap_or(0))
    }
    #[inline(always)]
    unsafe fn shift_right(self, by: Self) -> Self {
        zip_bits(self, by, |x, y| x.checked_shr(y).unwrap_or(0))
    }
    #[inline(always)]
    unsafe fn shift_right_signed(self, by: Self) -> Self {
        zip_bits(self, by, |x, y| (x as i32 >> y.min(31)) as u32)
    }
    #[inline(always)]
    unsafe fn to_int(self) -> Self {
        map(self, |x| f32::from_bits(x as i32 as u32))
    }
    #[inline(always)]
    unsafe fn to_float(self) -> Self {
        map(self, |x| x.to_bits() as i32 as f32)
    }
    #[inline(always)]
    unsafe fn pick(self, index: Self) -> Self {
        map(index, |i| self.0[i.to_bits() as usize % 8])
    }
}
