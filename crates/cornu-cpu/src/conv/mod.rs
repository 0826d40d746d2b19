//! Convolution as a matrix product whose left operand is packed from the image as it is needed: each row of it is the patch
//! of the image under the kernel at one position. No copy of all patches is ever made.
mod depthwise;
mod patches;

use crate::gemm::{Epilogue, PackB, Tasks};
use patches::{Flipped, Patches};

/// Axes that a kernel moves along; fewer are the last of these, with size 1 for the others.
pub(crate) const SPACE: usize = 3;

/// The sizes of a convolution of `(batch, spatial.., channels)` with `(spatial.., channels / groups, filters)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub image: [usize; SPACE],
    pub channels: usize,
    pub result: [usize; SPACE],
    pub filters: usize,
    pub kernel: [usize; SPACE],
    pub stride: [usize; SPACE],
    /// Zeros before the image; negative where it is cut.
    pub low: [isize; SPACE],
    /// Distance between elements of the image.
    pub image_dilation: [usize; SPACE],
    /// Distance between elements of the kernel.
    pub kernel_dilation: [usize; SPACE],
    pub groups: usize,
}

fn product(sizes: &[usize]) -> usize {
    sizes.iter().product()
}

impl Geometry {
    fn positions(&self) -> usize {
        self.batch * product(&self.result)
    }

    fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    fn group_filters(&self) -> usize {
        self.filters / self.groups
    }

    /// Length of a patch.
    fn patch(&self) -> usize {
        product(&self.kernel) * self.group_channels()
    }

    /// The convolution of the result's gradient that gives the image's: strides become dilation, and the kernel is
    /// flipped.
    fn transposed(&self) -> Geometry {
        let low =
            std::array::from_fn(|i| ((self.kernel[i] - 1) * self.kernel_dilation[i]) as isize - self.low[i]);
        Geometry {
            batch: self.batch,
            image: self.result,
            channels: self.filters,
            result: self.image,
            filters: self.channels,
            kernel: self.kernel,
            stride: self.image_dilation,
            low,
            image_dilation: self.stride,
            kernel_dilation: self.kernel_dilation,
            groups: self.groups,
        }
    }

    fn is_depthwise(&self) -> bool {
        self.groups == self.channels && self.groups == self.filters && self.groups > 1
    }

    /// Bytes of scratch memory for [`Geometry::forward`].
    pub fn forward_scratch(&self) -> usize {
        let (m, n, k) = (self.positions(), self.group_filters(), self.patch());
        Tasks::new(m, n, k).scratch_bytes(m, n)
    }

    /// Bytes of scratch memory for [`Geometry::input_grad`].
    pub fn input_grad_scratch(&self) -> usize {
        self.transposed().forward_scratch()
    }

    /// Bytes of scratch memory for [`Geometry::kernel_grad`].
    pub fn kernel_grad_scratch(&self) -> usize {
        if self.is_depthwise() {
            return depthwise::kernel_grad_scratch(self);
        }
        let (m, n, k) = (self.group_filters(), self.patch(), self.positions());
        (m * n * 4).next_multiple_of(64) + Tasks::new(m, n, k).scratch_bytes(m, n)
    }

    /// The convolution of `x` with `w`.
    ///
    /// # Safety
    /// The arrays must have the sizes of the geometry, and `scratch` as many bytes as asked for.
    pub unsafe fn forward(
        &self,
        x: *const f32,
        w: *const f32,
        y: *mut f32,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        // SAFETY: the caller's.
        unsafe {
            if self.is_depthwise() {
                return depthwise::forward(self, x, w, y, epilogue, false);
            }
            let (channels, filters) = (self.group_channels(), self.group_filters());
            for group in 0..self.groups {
                let kernel = crate::gemm::Matrix {
                    data: w.add(group * filters),
                    strides: crate::gemm::Strides { row: self.filters, col: 1 },
                };
                let patches = Patches::new(self, x.add(group * channels));
                self.product(
                    &patches,
                    &kernel,
                    y.add(group * filters),
                    &self.epilogue_of(epilogue, group),
                    scratch,
                );
            }
        }
    }

    /// The gradient of the image from that of the result.
    ///
    /// # Safety
    /// As for [`Geometry::forward`].
    pub unsafe fn input_grad(&self, dy: *const f32, w: *const f32, dx: *mut f32, scratch: *mut u8) {
        let transposed = self.transposed();
        let none = Epilogue::default();
        // SAFETY: the caller's.
        unsafe {
            if self.is_depthwise() {
                return depthwise::forward(&transposed, dy, w, dx, &none, true);
            }
            let (channels, filters) = (self.group_channels(), self.group_filters());
            for group in 0..self.groups {
                let kernel = Flipped::new(self, w.add(group * filters));
                let patches = Patches::new(&transposed, dy.add(group * filters));
                transposed.product(&patches, &kernel, dx.add(group * channels), &none, scratch);
            }
        }
    }

    /// The gradient of the kernel.
    ///
    /// # Safety
    /// As for [`Geometry::forward`].
    pub unsafe fn kernel_grad(&self, x: *const f32, dy: *const f32, dw: *mut f32, scratch: *mut u8) {
        // SAFETY: the caller's.
        unsafe {
            if self.is_depthwise() {
                return depthwise::kernel_grad(self, x, dy, dw, scratch);
            }
            let (channels, filters, patch) = (self.group_channels(), self.group_filters(), self.patch());
            let (m, n, k) = (filters, patch, self.positions());
            let transposed: *mut f32 = scratch.cast();
            let rest = scratch.add((m * n * 4).next_multiple_of(64));
            for group in 0..self.groups {
                // Filters are the rows, so that patches are packed along the direction in which they lie in memory.
                let gradients = crate::gemm::Matrix {
                    data: dy.add(group * filters),
                    strides: crate::gemm::Strides { row: 1, col: self.filters },
                };
                let patches = Patches::new(self, x.add(group * channels));
                let none = Epilogue::default();
                Tasks::new(m, n, k).run((m, n, k), &gradients, &patches, transposed, n, &none, rest);
                for i in 0..n {
                    for f in 0..filters {
                        *dw.add(i * self.filters + group * filters + f) = *transposed.add(f * n + i);
                    }
                }
            }
        }
    }

    fn epilogue_of(&self, epilogue: &Epilogue, group: usize) -> Epilogue {
        let mut own = *epilogue;
        if !own.bias.is_null() {
            own.bias = own.bias.wrapping_add(group * self.group_filters());
        }
        own
    }

    unsafe fn product(
        &self,
        patches: &Patches,
        kernel: &(impl PackB + Sync),
        y: *mut f32,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        let shape = (self.positions(), self.group_filters(), self.patch());
        let tasks = Tasks::new(shape.0, shape.1, shape.2);
        // SAFETY: the caller's.
        unsafe { tasks.run(shape, patches, kernel, y, self.filters, epilogue, scratch) };
    }
}

#[cfg(test)]
mod tests;
