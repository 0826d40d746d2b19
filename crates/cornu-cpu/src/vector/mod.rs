//! Vectors of 32-bit lanes under one trait, so that a kernel is written once and compiled for each instruction set.
//!
//! A function generic over [`Vector`] is marked `#[inline(always)]` and called through [`for_isa!`], which compiles it
//! with the features of each instruction set and picks one at run time.
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod math;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// A register of lanes that hold f32, i32, u32, or masks whose bits are all 0 or all 1.
///
/// # Safety
/// The methods may run only where the instruction set of the type exists. Pointers must be valid for [`Vector::LANES`]
/// lanes; they need no alignment.
pub(crate) trait Vector: Copy {
    /// Number of lanes, at most [`MAX_LANES`].
    const LANES: usize;

    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    /// Past the caches where the instruction set can, for what is larger than they are; the address must be a multiple of the
    /// size of the vector, and [`fence`] must follow before another thread reads it.
    #[inline(always)]
    unsafe fn store_past_caches(self, p: *mut f32) {
        // SAFETY: as the caller's.
        unsafe { self.store(p) }
    }
    unsafe fn splat(x: f32) -> Self;

    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    unsafe fn div(self, b: Self) -> Self;
    /// `self * b + c`, rounded once where the instruction set can.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// `self < b ? self : b`
    unsafe fn min_raw(self, b: Self) -> Self;
    /// `self > b ? self : b`
    unsafe fn max_raw(self, b: Self) -> Self;
    unsafe fn floor(self) -> Self;
    unsafe fn ceil(self) -> Self;
    /// To nearest, halves to even.
    unsafe fn round(self) -> Self;

    unsafe fn eq(self, b: Self) -> Self;
    unsafe fn lt(self, b: Self) -> Self;
    unsafe fn le(self, b: Self) -> Self;

    unsafe fn and(self, b: Self) -> Self;
    unsafe fn or(self, b: Self) -> Self;
    unsafe fn xor(self, b: Self) -> Self;
    /// `self ? a : b` for a mask.
    unsafe fn select(self, a: Self, b: Self) -> Self;

    unsafe fn add_int(self, b: Self) -> Self;
    unsafe fn sub_int(self, b: Self) -> Self;
    unsafe fn mul_int(self, b: Self) -> Self;
    /// High and low halves of the unsigned product.
    unsafe fn mul_wide_int(self, b: Self) -> (Self, Self);
    unsafe fn eq_int(self, b: Self) -> Self;
    /// Signed.
    unsafe fn gt_int(self, b: Self) -> Self;
    /// 0 for shifts of 32 and more.
    unsafe fn shift_left(self, by: Self) -> Self;
    /// 0 for shifts of 32 and more.
    unsafe fn shift_right(self, by: Self) -> Self;
    /// The sign for shifts of 31 and more.
    unsafe fn shift_right_signed(self, by: Self) -> Self;
    /// i32 of f32, toward zero; what does not fit becomes anything.
    unsafe fn to_int(self) -> Self;
    /// f32 of i32.
    unsafe fn to_float(self) -> Self;

    /// In each lane that of `self` whose number stands there in `index`.
    unsafe fn pick(self, index: Self) -> Self;

    #[inline(always)]
    unsafe fn splat_int(x: i32) -> Self {
        // SAFETY: as the caller's.
        unsafe { Self::splat(f32::from_bits(x as u32)) }
    }

    /// `self * 2^n` for whole `n`, rounded once, if `self` is from 1/2 to 2 and the absolute of `n` at most 250.
    #[inline(always)]
    unsafe fn times_power_of_two(self, n: Self) -> Self {
        // SAFETY: as the caller's.
        unsafe {
            let power = |n: Self| n.add_int(Self::splat_int(127)).shift_left(Self::splat_int(23));
            // In two steps, since 2^n itself may be too large or too small.
            let n = n.to_int();
            let half = n.shift_right_signed(Self::splat_int(1));
            self.mul(power(half)).mul(power(n.sub_int(half)))
        }
    }

    #[inline(always)]
    unsafe fn not(self) -> Self {
        // SAFETY: as the caller's.
        unsafe { self.xor(Self::splat_int(-1)) }
    }

    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: as the caller's.
        unsafe { self.and(Self::splat_int(i32::MAX)) }
    }

    /// NaN if either is.
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        // SAFETY: as the caller's.
        unsafe { self.eq(self).select(self.max_raw(b), self) }
    }

    /// NaN if either is.
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        // SAFETY: as the caller's.
        unsafe { self.eq(self).select(self.min_raw(b), self) }
    }

    /// The first `n` lanes from memory, the others 0.
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        let mut lanes = [0f32; MAX_LANES];
        // SAFETY: `n` is at most the number of lanes.
        unsafe {
            std::ptr::copy_nonoverlapping(p, lanes.as_mut_ptr(), n);
            Self::load(lanes.as_ptr())
        }
    }

    /// Stores the first `n` lanes.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        let mut lanes = [0f32; MAX_LANES];
        // SAFETY: `n` is at most the number of lanes.
        unsafe {
            self.store(lanes.as_mut_ptr());
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), p, n);
        }
    }

    /// The lanes as an array; those beyond [`Vector::LANES`] are 0.
    #[inline(always)]
    unsafe fn lanes(self) -> [f32; MAX_LANES] {
        let mut lanes = [0f32; MAX_LANES];
        // SAFETY: the array holds the most lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    /// The sum of all lanes, always in the same order.
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: as the caller's.
        let mut lanes = unsafe { self.lanes() };
        let mut n = Self::LANES;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                lanes[i] += lanes[i + n];
            }
        }
        lanes[0]
    }

    /// The largest of all lanes, of which none is NaN.
    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        // SAFETY: as the caller's.
        let lanes = unsafe { self.lanes() };
        lanes[..Self::LANES].iter().fold(f32::NEG_INFINITY, |a, &b| if a > b { a } else { b })
    }
}

/// The widest of all.
pub(crate) const MAX_LANES: usize = 16;

/// Compiles a function generic over [`Vector`] for each instruction set, and calls the one for this processor:
/// `for_isa!(fn name(x: *const f32, n: usize) -> f32 = generic_name);`
macro_rules! for_isa {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $t:ty),* $(,)?) $(-> $r:ty)? = $generic:ident) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name($($arg: $t),*) $(-> $r)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi2")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $t),*) $(-> $r)? {
                // SAFETY: as the caller's; the features are enabled.
                unsafe { $generic::<$crate::vector::Avx512>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi2")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $t),*) $(-> $r)? {
                // SAFETY: as the caller's; the features are enabled.
                unsafe { $generic::<$crate::vector::Avx2>($($arg),*) }
            }
            // SAFETY: the features were found on this processor; the rest is as the caller's.
            unsafe {
                match $crate::simd::Isa::get() {
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::simd::Isa::Avx2 => avx2($($arg),*),
                    _ => $generic::<$crate::vector::Portable>($($arg),*),
                }
            }
        }
    };
}
pub(crate) use for_isa;

/// Waits until what went past the caches is where other threads see it.
#[inline(always)]
pub(crate) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: all processors have it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Brings a line to the second cache, where the processor takes such advice; any address will do.
#[inline(always)]
pub(crate) fn prefetch(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that reads nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// Like [`prefetch`], to the first cache.
#[inline(always)]
pub(crate) fn prefetch_near(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that reads nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// Like [`prefetch_near`], for a line that will be written.
#[inline(always)]
pub(crate) fn prefetch_written(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that reads nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each method against the same thing on one lane.
    #[inline(always)]
    unsafe fn check<V: Vector>() {
        let xs: Vec<f32> = (0..V::LANES).map(|i| (i as f32 - 5.3) * 1.7).collect();
        let ys: Vec<f32> = (0..V::LANES).map(|i| if i % 3 == 0 { xs[i] } else { 2.5 - i as f32 }).collect();
        // SAFETY: the vectors hold all lanes.
        unsafe {
            let (a, b) = (V::load(xs.as_ptr()), V::load(ys.as_ptr()));
            let same = |v: V, f: &dyn Fn(f32, f32) -> f32, what: &str| {
                for (i, got) in v.lanes()[..V::LANES].iter().enumerate() {
                    let want = f(xs[i], ys[i]);
                    assert!(
                        got.to_bits() == want.to_bits(),
                        "{what} of {} and {}: {got}, not {want}",
                        xs[i],
                        ys[i]
                    );
                }
            };
            let mask = |m: bool| if m { f32::from_bits(u32::MAX) } else { 0.0 };
            let int = |f: f32| f.to_bits() as i32;
            let bits = |i: i32| f32::from_bits(i as u32);
            same(a.add(b), &|x, y| x + y, "add");
            same(a.sub(b), &|x, y| x - y, "sub");
            same(a.mul(b), &|x, y| x * y, "mul");
            same(a.div(b), &|x, y| x / y, "div");
            same(a.min(b), &f32::min, "min");
            same(a.max(b), &f32::max, "max");
            same(a.floor(), &|x, _| x.floor(), "floor");
            same(a.ceil(), &|x, _| x.ceil(), "ceil");
            same(a.round(), &|x, _| x.round_ties_even(), "round");
            same(a.abs().sqrt(), &|x, _| x.abs().sqrt(), "sqrt");
            same(a.eq(b), &|x, y| mask(x == y), "eq");
            same(a.lt(b), &|x, y| mask(x < y), "lt");
            same(a.le(b), &|x, y| mask(x <= y), "le");
            same(a.lt(b).select(a, b), &|x, y| if x < y { x } else { y }, "select");
            same(a.and(b), &|x, y| bits(int(x) & int(y)), "and");
            same(a.or(b), &|x, y| bits(int(x) | int(y)), "or");
            same(a.not(), &|x, _| bits(!int(x)), "not");
            same(a.add_int(b), &|x, y| bits(int(x).wrapping_add(int(y))), "add_int");
            same(a.sub_int(b), &|x, y| bits(int(x).wrapping_sub(int(y))), "sub_int");
            same(a.mul_int(b), &|x, y| bits(int(x).wrapping_mul(int(y))), "mul_int");
            let turned: Vec<f32> = (0..V::LANES).map(|i| f32::from_bits((V::LANES - 1 - i) as u32)).collect();
            for (i, got) in a.pick(V::load(turned.as_ptr())).lanes()[..V::LANES].iter().enumerate() {
                assert_eq!(*got, xs[V::LANES - 1 - i], "pick");
            }
            let wide = |x: f32, y: f32| u64::from(x.to_bits()) * u64::from(y.to_bits());
            let (high, low) = a.mul_wide_int(b);
            same(high, &|x, y| f32::from_bits((wide(x, y) >> 32) as u32), "high half");
            same(low, &|x, y| f32::from_bits(wide(x, y) as u32), "low half");
            same(a.eq_int(b), &|x, y| mask(int(x) == int(y)), "eq_int");
            same(a.gt_int(b), &|x, y| mask(int(x) > int(y)), "gt_int");
            same(a.to_int(), &|x, _| bits(x as i32), "to_int");
            same(a.to_float(), &|x, _| int(x) as f32, "to_float");
            for by in [0, 5, 31, 32, 40, -1] {
                let s = V::splat_int(by);
                let shift = by as u32;
                same(a.shift_left(s), &|x, _| bits(if shift < 32 { int(x) << shift } else { 0 }), "shl");
                let logical = |x: f32| if shift < 32 { x.to_bits() >> shift } else { 0 };
                same(a.shift_right(s), &|x, _| f32::from_bits(logical(x)), "shr");
                same(a.shift_right_signed(s), &|x, _| bits(int(x) >> shift.min(31)), "sar");
            }
            let sum: f64 = xs.iter().map(|&x| f64::from(x)).sum();
            assert!((f64::from(a.sum()) - sum).abs() < 1e-4);
            assert!(a.largest() == xs.iter().copied().fold(f32::MIN, f32::max));
            for n in [-150f32, -127.0, -3.0, 0.0, 1.0, 100.0, 128.0, 200.0] {
                let scaled = V::splat(1.3).times_power_of_two(V::splat(n)).lanes()[0];
                assert_eq!(scaled, (1.3f32 as f64 * 2f64.powf(f64::from(n))) as f32, "2^{n}");
            }
            let nan = V::splat(f32::NAN);
            assert!(a.max(nan).lanes()[0].is_nan() && nan.min(a).lanes()[0].is_nan());
        }
    }

    #[test]
    fn portable() {
        // SAFETY: needs no instruction set.
        unsafe { check::<Portable>() }
    }

    #[test]
    fn of_this_processor() {
        for_isa!(fn check_isa() = check);
        // SAFETY: takes no pointers.
        unsafe { check_isa() }
    }
}
