//! The transforms of one axis, for results of 4, kernels of 3 and images of 6, at the points 0, 1, -1, 2, -2 and infinity.
use crate::vector::Vector;

/// A linear map of `N` vectors to `M`, lane by lane.
pub(super) trait Map<const N: usize, const M: usize> {
    unsafe fn apply<V: Vector>(x: [V; N]) -> [V; M];
}

/// Of the image.
pub(super) struct Image;
/// Of the kernel.
pub(super) struct Kernel;
/// Back to the result.
pub(super) struct Result;
/// Of the gradient of the result: [`Result`] transposed.
pub(super) struct ResultGrad;
/// Back to the gradient of the kernel: [`Kernel`] transposed.
pub(super) struct KernelGrad;

/// `a * x + b`
#[inline(always)]
unsafe fn scaled<V: Vector>(a: f32, x: V, b: V) -> V {
    // SAFETY: the caller vouches for the instruction set.
    unsafe { V::splat(a).mul_add(x, b) }
}

impl Map<6, 6> for Image {
    #[inline(always)]
    unsafe fn apply<V: Vector>([d0, d1, d2, d3, d4, d5]: [V; 6]) -> [V; 6] {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (even1, odd1) = (scaled(-4.0, d2, d4), scaled(-4.0, d1, d3));
            let (even2, odd2) = (d4.sub(d2), d3.sub(d1));
            [
                scaled(4.0, d0, scaled(-5.0, d2, d4)),
                even1.add(odd1),
                even1.sub(odd1),
                scaled(2.0, odd2, even2),
                scaled(-2.0, odd2, even2),
                scaled(4.0, d1, scaled(-5.0, d3, d5)),
            ]
        }
    }
}

impl Map<3, 6> for Kernel {
    #[inline(always)]
    unsafe fn apply<V: Vector>([g0, g1, g2]: [V; 3]) -> [V; 6] {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let even1 = V::splat(-1.0 / 6.0).mul(g0.add(g2));
            let even2 = scaled(1.0 / 24.0, g0, V::splat(1.0 / 6.0).mul(g2));
            [
                V::splat(0.25).mul(g0),
                scaled(-1.0 / 6.0, g1, even1),
                scaled(1.0 / 6.0, g1, even1),
                scaled(1.0 / 12.0, g1, even2),
                scaled(-1.0 / 12.0, g1, even2),
                g2,
            ]
        }
    }
}

impl Map<6, 4> for Result {
    #[inline(always)]
    unsafe fn apply<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; 6]) -> [V; 4] {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (even1, odd1) = (m1.add(m2), m1.sub(m2));
            let (even2, odd2) = (m3.add(m4), m3.sub(m4));
            [
                m0.add(even1).add(even2),
                scaled(2.0, odd2, odd1),
                scaled(4.0, even2, even1),
                scaled(8.0, odd2, odd1).add(m5),
            ]
        }
    }
}

impl Map<4, 6> for ResultGrad {
    #[inline(always)]
    unsafe fn apply<V: Vector>([y0, y1, y2, y3]: [V; 4]) -> [V; 6] {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (even1, odd1) = (y0.add(y2), y1.add(y3));
            let (even2, odd2) = (scaled(4.0, y2, y0), scaled(4.0, y3, y1));
            [y0, even1.add(odd1), even1.sub(odd1), scaled(2.0, odd2, even2), scaled(-2.0, odd2, even2), y3]
        }
    }
}

impl Map<6, 3> for KernelGrad {
    #[inline(always)]
    unsafe fn apply<V: Vector>([u0, u1, u2, u3, u4, u5]: [V; 6]) -> [V; 3] {
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            let (even1, odd1) = (u1.add(u2), u2.sub(u1));
            let (even2, odd2) = (u3.add(u4), u3.sub(u4));
            let even1 = V::splat(-1.0 / 6.0).mul(even1);
            [
                scaled(0.25, u0, scaled(1.0 / 24.0, even2, even1)),
                scaled(1.0 / 6.0, odd1, V::splat(1.0 / 12.0).mul(odd2)),
                scaled(1.0 / 6.0, even2, even1).add(u5),
            ]
        }
    }
}

/// The second half of a map of both axes: of each column of `x`.
#[inline(always)]
pub(super) unsafe fn columns<T: Map<N, M>, V: Vector, const N: usize, const M: usize, const K: usize>(
    x: &[[V; K]; N],
    put: &mut impl Put<V>,
) {
    for j in 0..K {
        // SAFETY: the caller's.
        unsafe {
            let mut column = [V::splat(0.0); N];
            for (v, row) in column.iter_mut().zip(x) {
                *v = row[j];
            }
            let column = T::apply(column);
            for (i, v) in column.into_iter().enumerate() {
                put.put(i, j, v);
            }
        }
    }
}

/// Where the numbers of a tile go. Not a closure: that would be compiled without the vector instructions.
pub(super) trait Put<V> {
    /// Takes the vector of a row and column of the tile.
    unsafe fn put(&mut self, row: usize, column: usize, v: V);
}
