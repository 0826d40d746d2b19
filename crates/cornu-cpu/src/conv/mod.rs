//! Convolution as a matrix product whose left operand is packed from the image as it is needed: each row of it is the patch
//! of the image under the kernel at one position. No copy of all patches is ever made.
mod depthwise;
mod lines;
mod overlap;
mod patches;
mod place;
mod strided;
mod winograd;

use crate::aligned::ALIGN;
use crate::gemm::{Epilogue, Matrix, PackA, Strides, Tasks, transpose};
use patches::Patches;

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

/// Columns that tiles of any instruction set fill.
const WIDTH: usize = 2 * crate::vector::MAX_LANES;

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

    /// Whether each position of the result sees one place of the image, and all of them one after the other: then the image
    /// is a matrix as it lies.
    fn is_pointwise(&self) -> bool {
        [self.kernel, self.stride, self.image_dilation] == [[1; SPACE]; 3]
            && self.low == [0; SPACE]
            && self.image == self.result
    }

    /// Whether the gradient of the kernel is a product of the image and the result's gradient as they lie, with filters as
    /// columns: where fewer of them than of channels would be wasted in tiles.
    fn is_upright(&self) -> bool {
        let waste = |n: usize| (n.next_multiple_of(WIDTH) - n) * 1024 / n;
        self.is_pointwise() && waste(self.group_filters()) <= waste(self.group_channels())
    }

    /// Bytes of scratch memory for [`Geometry::forward`].
    pub fn forward_scratch(&self) -> usize {
        if winograd::fits(self) {
            return winograd::forward_scratch(self);
        }
        if overlap::fits(self) {
            return overlap::forward_scratch(self);
        }
        let (m, n, k) = (self.positions(), self.group_filters(), self.patch());
        Tasks::new(m, n, k).scratch_bytes(m, n)
    }

    /// Bytes of scratch memory for [`Geometry::input_grad`].
    pub fn input_grad_scratch(&self) -> usize {
        if strided::fits(self) {
            return strided::scratch_bytes(self);
        }
        self.kernel_bytes() + self.transposed().forward_scratch()
    }

    /// Bytes of scratch memory for [`Geometry::kernel_grad`].
    pub fn kernel_grad_scratch(&self) -> usize {
        if depthwise::fits(self) {
            return depthwise::kernel_grad_scratch(self);
        }
        if winograd::fits(self) {
            return winograd::kernel_grad_scratch(self);
        }
        if overlap::fits_kernel_grad(self) {
            return overlap::kernel_grad_scratch(self);
        }
        let (m, n, k) = (self.group_filters(), self.patch(), self.positions());
        if lines::fits(self) || self.is_upright() {
            return Tasks::new(n, m, k).scratch_bytes(n, m);
        }
        self.kernel_bytes() + Tasks::new(m, n, k).scratch_bytes(m, n)
    }

    /// Bytes of the kernel of a group.
    fn kernel_bytes(&self) -> usize {
        (self.group_filters() * self.patch() * 4).next_multiple_of(ALIGN)
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
            if depthwise::fits(self) {
                return depthwise::forward(self, x, w, y, epilogue, false);
            }
            if winograd::fits(self) && !epilogue.accumulate {
                return winograd::forward(self, x, w, y, epilogue, scratch);
            }
            if overlap::fits(self) {
                return overlap::forward(self, x, w, y, epilogue, scratch);
            }
            let (channels, filters) = (self.group_channels(), self.group_filters());
            for group in 0..self.groups {
                let kernel =
                    Matrix { data: w.add(group * filters), strides: Strides { row: self.filters, col: 1 } };
                let (x, y) = (x.add(group * channels), y.add(group * filters));
                self.product(x, &kernel, y, &self.epilogue_of(epilogue, group), scratch);
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
            if depthwise::fits(self) {
                return depthwise::forward(&transposed, dy, w, dx, &none, true);
            }
            if strided::fits(self) {
                return strided::input_grad(self, dy, w, dx, scratch);
            }
            let (channels, filters) = (self.group_channels(), self.group_filters());
            let flipped: *mut f32 = scratch.cast();
            let rest = scratch.add(self.kernel_bytes());
            let kernel = Matrix { data: flipped, strides: Strides { row: channels, col: 1 } };
            if winograd::fits(&transposed) {
                self.flip(w, flipped);
                return winograd::forward(&transposed, dy, flipped, dx, &none, rest);
            }
            if overlap::fits(&transposed) {
                self.flip(w, flipped);
                return overlap::forward(&transposed, dy, flipped, dx, &none, rest);
            }
            for group in 0..self.groups {
                self.flip(w.add(group * filters), flipped);
                let (dy, dx) = (dy.add(group * filters), dx.add(group * channels));
                transposed.product(dy, &kernel, dx, &none, rest);
            }
        }
    }

    /// The kernel of a group turned around, filters for channels: `(spatial.., filters, channels)`.
    unsafe fn flip(&self, w: *const f32, to: *mut f32) {
        let (channels, filters) = (self.group_channels(), self.group_filters());
        let places = product(&self.kernel);
        for place in 0..places {
            let strides = Strides { row: 1, col: self.filters };
            // SAFETY: the caller's.
            unsafe {
                let from = w.add(place * channels * self.filters);
                let to = to.add((places - 1 - place) * channels * filters);
                transpose(from, strides, to, (filters, channels), channels);
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
            if depthwise::fits(self) {
                return depthwise::kernel_grad(self, x, dy, dw, scratch);
            }
            if winograd::fits(self) {
                return winograd::kernel_grad(self, x, dy, dw, scratch);
            }
            if overlap::fits_kernel_grad(self) {
                return overlap::kernel_grad(self, x, dy, dw, scratch);
            }
            let (channels, filters, patch) = (self.group_channels(), self.group_filters(), self.patch());
            let (m, n, k) = (filters, patch, self.positions());
            let none = Epilogue::default();
            if lines::fits(self) {
                let elements = lines::ByElement { geometry: self, x };
                let gradients = Matrix { data: dy, strides: Strides { row: filters, col: 1 } };
                return Tasks::new(n, m, k).run((n, m, k), &elements, &gradients, dw, m, &none, scratch);
            }
            if self.is_upright() {
                for group in 0..self.groups {
                    let image = Matrix {
                        data: x.add(group * channels),
                        strides: Strides { row: 1, col: self.channels },
                    };
                    let gradients = Matrix {
                        data: dy.add(group * filters),
                        strides: Strides { row: self.filters, col: 1 },
                    };
                    let dw = dw.add(group * filters);
                    Tasks::new(n, m, k).run((n, m, k), &image, &gradients, dw, self.filters, &none, scratch);
                }
                return;
            }
            let transposed: *mut f32 = scratch.cast();
            let rest = scratch.add(self.kernel_bytes());
            for group in 0..self.groups {
                // Filters are the rows, so that patches are packed along the direction in which they lie in memory.
                let gradients =
                    Matrix { data: dy.add(group * filters), strides: Strides { row: 1, col: self.filters } };
                let x = x.add(group * channels);
                let tasks = Tasks::new(m, n, k);
                if self.is_pointwise() {
                    let image = Matrix { data: x, strides: Strides { row: self.channels, col: 1 } };
                    tasks.run((m, n, k), &gradients, &image, transposed, n, &none, rest);
                } else {
                    tasks.run((m, n, k), &gradients, &Patches::new(self, x), transposed, n, &none, rest);
                }
                let strides = Strides { row: 1, col: n };
                transpose(transposed, strides, dw.add(group * filters), (n, m), self.filters);
            }
        }
    }

    fn epilogue_of(&self, epilogue: &Epilogue, group: usize) -> Epilogue {
        epilogue.from(group * self.group_filters())
    }

    /// The product of the patches of `x` with the kernel of a group.
    unsafe fn product(
        &self,
        x: *const f32,
        kernel: &Matrix,
        y: *mut f32,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        // SAFETY: the caller's.
        unsafe {
            if self.is_pointwise() {
                let image = Matrix { data: x, strides: Strides { row: self.channels, col: 1 } };
                self.product_of(&image, kernel, y, epilogue, scratch)
            } else if lines::fits(self) {
                let patches = lines::ByPosition { geometry: self, x };
                self.product_of(&patches, kernel, y, epilogue, scratch)
            } else {
                self.product_of(&Patches::new(self, x), kernel, y, epilogue, scratch)
            }
        }
    }

    unsafe fn product_of(
        &self,
        patches: &(impl PackA + Sync),
        kernel: &Matrix,
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
