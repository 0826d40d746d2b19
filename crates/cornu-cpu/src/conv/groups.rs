//! Groups of few channels. Several of them make one convolution, whose kernel is 0 between them: vectors of filters have room for
//! all of their filters in any case.
use super::{Geometry, product};
use crate::gemm::{Matrix, Strides};

/// Most channels and filters that are joined.
const MOST: usize = crate::vector::MAX_LANES;

impl Geometry {
    /// The same convolution in fewer groups.
    pub(super) fn joined(&self) -> Geometry {
        let size = self.group_channels().max(self.group_filters());
        let count = (1..=MOST / size).rev().find(|&n| self.groups.is_multiple_of(n)).unwrap_or(1);
        Geometry { groups: self.groups / count, ..*self }
    }

    /// Bytes of a kernel of joined groups.
    pub(super) fn joined_bytes(&self, joined: &Geometry) -> usize {
        if joined.groups == self.groups { 0 } else { joined.kernel_bytes() }
    }

    /// The kernel of a group, for which `memory` has room if it is of several.
    ///
    /// # Safety
    /// The kernel must have the sizes of the geometry, `memory` as many bytes as asked for.
    pub(super) unsafe fn kernel_of(
        &self,
        joined: &Geometry,
        group: usize,
        w: *const f32,
        memory: *mut f32,
    ) -> Matrix {
        let filters = joined.group_filters();
        let w = w.wrapping_add(group * filters);
        if joined.groups == self.groups {
            return Matrix { data: w, strides: Strides { row: self.filters, col: 1 } };
        }
        // SAFETY: the caller's.
        unsafe {
            memory.write_bytes(0, joined.patch() * filters);
            self.each_row(joined, |apart, together| {
                memory.add(together).copy_from_nonoverlapping(w.add(apart), self.group_filters());
            });
        }
        Matrix { data: memory, strides: Strides { row: filters, col: 1 } }
    }

    /// Takes the gradients of the kernels of groups from that of all of them.
    ///
    /// # Safety
    /// Both must have the sizes of the geometry.
    pub(super) unsafe fn take_apart(&self, joined: &Geometry, from: *const f32, dw: *mut f32) {
        self.each_row(joined, |apart, together| {
            // SAFETY: the caller's.
            unsafe { dw.add(apart).copy_from_nonoverlapping(from.add(together), self.group_filters()) }
        });
    }

    /// Where each row of filters is in the kernel, and among joined groups.
    fn each_row(&self, joined: &Geometry, mut row: impl FnMut(usize, usize)) {
        let (channels, filters) = (self.group_channels(), self.group_filters());
        for group in 0..self.groups / joined.groups {
            for place in 0..product(&self.kernel) {
                for channel in 0..channels {
                    let apart = (place * channels + channel) * self.filters;
                    let together = place * joined.group_channels() + group * channels + channel;
                    row(apart + group * filters, together * joined.group_filters() + group * filters);
                }
            }
        }
    }
}
