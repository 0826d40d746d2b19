//! Convolution as a matrix product whose left operand is packed from the image as it is needed: each row of it is the patch
//! of the image under the kernel at one position. No copy of all patches is ever made.
mod depthwise;
mod few;
mod groups;
mod lines;
mod overlap;
mod patches;
mod place;
mod strided;
mod winograd;

use crate::aligned::ALIGN;
use crate::gemm::{Epilogue, Matrix, PackA, Strides, Tasks, transpose};
use overlap::Places;
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
        if few::fits(self) {
            return few::scratch_bytes(self);
        }
        let g = self.joined();
        self.joined_bytes(&g) + g.group_scratch()
    }

    /// Bytes of scratch memory for [`Geometry::input_grad`].
    pub fn input_grad_scratch(&self) -> usize {
        if few::fits(self) {
            return few::scratch_bytes(self);
        }
        let g = self.joined();
        let rest = if strided::fits(&g) {
            strided::scratch_bytes(&g)
        } else {
            g.kernel_bytes() + g.transposed().group_scratch()
        };
        self.joined_bytes(&g) + rest
    }

    /// Bytes of scratch memory for [`Geometry::kernel_grad`].
    pub fn kernel_grad_scratch(&self) -> usize {
        if depthwise::fits(self) {
            return depthwise::kernel_grad_scratch(self);
        }
        if few::fits(self) {
            return few::kernel_grad_scratch(self);
        }
        let g = self.joined();
        self.joined_bytes(&g) + g.group_kernel_grad_scratch()
    }

    /// Of the result of a group.
    fn group_scratch(&self) -> usize {
        if winograd::fits(self) {
            return winograd::forward_scratch(self);
        }
        if overlap::fits(self) {
            return overlap::forward_scratch(self);
        }
        let (m, n, k) = (self.positions(), self.group_filters(), self.patch());
        Tasks::new(m, n, k).scratch_bytes(m, n)
    }

    fn group_kernel_grad_scratch(&self) -> usize {
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
        let g = self.joined();
        let (channels, filters) = (g.group_channels(), g.group_filters());
        // SAFETY: the caller's.
        unsafe {
            if depthwise::fits(self) {
                return depthwise::forward(self, x, w, y, epilogue, false);
            }
            if few::fits(self) {
                return few::forward(self, x, w, y, epilogue, scratch);
            }
            let rest = scratch.add(self.joined_bytes(&g));
            for group in 0..g.groups {
                let kernel = self.kernel_of(&g, group, w, scratch.cast());
                let (x, y) = (x.add(group * channels), y.add(group * filters));
                g.group_forward(x, &kernel, y, &epilogue.from(group * filters), rest);
            }
        }
    }

    /// The gradient of the image from that of the result.
    ///
    /// # Safety
    /// As for [`Geometry::forward`].
    pub unsafe fn input_grad(&self, dy: *const f32, w: *const f32, dx: *mut f32, scratch: *mut u8) {
        let none = Epilogue::default();
        let g = self.joined();
        let (channels, filters) = (g.group_channels(), g.group_filters());
        // SAFETY: the caller's.
        unsafe {
            if depthwise::fits(self) {
                return depthwise::forward(&self.transposed(), dy, w, dx, &none, true);
            }
            if few::fits(self) {
                return few::input_grad(self, dy, w, dx, scratch);
            }
            let rest = scratch.add(self.joined_bytes(&g));
            for group in 0..g.groups {
                let kernel = self.kernel_of(&g, group, w, scratch.cast());
                let (dy, dx) = (dy.add(group * filters), dx.add(group * channels));
                if strided::fits(&g) {
                    strided::input_grad(&g, dy, &kernel, dx, rest);
                    continue;
                }
                g.flip(&kernel, rest.cast());
                let flipped = Matrix { data: rest.cast(), strides: Strides { row: channels, col: 1 } };
                g.transposed().group_forward(dy, &flipped, dx, &none, rest.add(g.kernel_bytes()));
            }
        }
    }

    /// The gradient of the kernel.
    ///
    /// # Safety
    /// As for [`Geometry::forward`].
    pub unsafe fn kernel_grad(&self, x: *const f32, dy: *const f32, dw: *mut f32, scratch: *mut u8) {
        let g = self.joined();
        // SAFETY: the caller's.
        unsafe {
            if depthwise::fits(self) {
                return depthwise::kernel_grad(self, x, dy, dw, scratch);
            }
            if few::fits(self) {
                return few::kernel_grad(self, x, dy, dw, scratch);
            }
            let rest = scratch.add(self.joined_bytes(&g));
            for group in 0..g.groups {
                let (x, dy) = (x.add(group * g.group_channels()), dy.add(group * g.group_filters()));
                let dw = dw.add(group * g.group_filters());
                if g.groups == self.groups {
                    g.group_kernel_grad(x, dy, (dw, self.filters), rest);
                } else {
                    g.group_kernel_grad(x, dy, (scratch.cast(), g.group_filters()), rest);
                    self.take_apart(&g, scratch.cast(), dw);
                }
            }
        }
    }

    /// The convolution of a group with its kernel.
    unsafe fn group_forward(
        &self,
        x: *const f32,
        kernel: &Matrix,
        y: *mut f32,
        epilogue: &Epilogue,
        scratch: *mut u8,
    ) {
        // SAFETY: the caller's.
        unsafe {
            if winograd::fits(self) && !epilogue.accumulate {
                winograd::forward(self, x, kernel, y, epilogue, scratch)
            } else if overlap::fits(self) {
                overlap::forward(self, x, kernel, &Places::dense(self, y), epilogue, scratch)
            } else {
                self.product(x, kernel, y, epilogue, scratch)
            }
        }
    }

    /// The kernel of a group turned around, filters for channels: `(spatial.., filters, channels)`.
    unsafe fn flip(&self, w: &Matrix, to: *mut f32) {
        let (channels, filters) = (self.group_channels(), self.group_filters());
        let places = product(&self.kernel);
        for place in 0..places {
            let strides = Strides { row: 1, col: w.strides.row };
            // SAFETY: the caller's.
            unsafe {
                let to = to.add((places - 1 - place) * channels * filters);
                transpose(w.at(place * channels, 0), strides, to, (filters, channels), channels);
            }
        }
    }

    /// The gradient of the kernel of a group; its rows of filters are so far apart.
    unsafe fn group_kernel_grad(
        &self,
        x: *const f32,
        dy: *const f32,
        (dw, row): (*mut f32, usize),
        scratch: *mut u8,
    ) {
        let (m, n, k) = (self.group_filters(), self.patch(), self.positions());
        let none = Epilogue::default();
        let of_dy = |row, col| Matrix { data: dy, strides: Strides { row, col } };
        let of_x = |row, col| Matrix { data: x, strides: Strides { row, col } };
        // SAFETY: the caller's.
        unsafe {
            if winograd::fits(self) {
                return winograd::kernel_grad(self, x, dy, (dw, row), scratch);
            }
            if overlap::fits_kernel_grad(self) {
                return overlap::kernel_grad(self, x, dy, (dw, row), scratch);
            }
            if lines::fits(self) {
                let (elements, gradients) = (lines::ByElement { geometry: self, x }, of_dy(self.filters, 1));
                return Tasks::new(n, m, k).run((n, m, k), &elements, &gradients, dw, row, &none, scratch);
            }
            if self.is_upright() {
                let (image, gradients) = (of_x(1, self.channels), of_dy(self.filters, 1));
                return Tasks::new(n, m, k).run((n, m, k), &image, &gradients, dw, row, &none, scratch);
            }
            let transposed: *mut f32 = scratch.cast();
            let rest = scratch.add(self.kernel_bytes());
            // Filters are the rows, so that patches are packed along the direction in which they lie in memory.
            let (gradients, tasks) = (of_dy(1, self.filters), Tasks::new(m, n, k));
            if self.is_pointwise() {
                let image = of_x(self.channels, 1);
                tasks.run((m, n, k), &gradients, &image, transposed, n, &none, rest);
            } else {
                tasks.run((m, n, k), &gradients, &Patches::new(self, x), transposed, n, &none, rest);
            }
            transpose(transposed, Strides { row: 1, col: n }, dw, (n, m), row);
        }
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
