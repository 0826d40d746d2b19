//! The gradient of the image of a convolution with strides. Elements of the image whose places leave the same remainder by the
//! stride see the same elements of the kernel: each such part is a plain convolution of the result's gradient, where an image
//! with gaps would mostly multiply zeros.
use super::overlap::{self, Places};
use super::{Geometry, SPACE};
use crate::aligned::ALIGN;
use crate::gemm::{Epilogue, Matrix, Strides, transpose};
use crate::pool::Pool;

/// Whether a convolution is of this kind.
pub(super) fn fits(g: &Geometry) -> bool {
    let plain = g.image_dilation == [1; SPACE] && g.kernel_dilation == [1; SPACE];
    plain && g.stride != [1; SPACE]
}

/// The part of the image with one remainder along each axis.
struct Part {
    remainder: [usize; SPACE],
    /// Place in the image of its first element.
    first: [usize; SPACE],
    /// The convolution that gives it.
    geometry: Geometry,
}

impl Part {
    /// `None` for a part without elements.
    fn new(g: &Geometry, remainder: [usize; SPACE]) -> Option<Part> {
        let (mut first, mut low, mut count, mut kernel) = ([0; SPACE], [0; SPACE], [0; SPACE], [0; SPACE]);
        for i in 0..SPACE {
            let (stride, r) = (g.stride[i] as isize, remainder[i] as isize);
            // Element `stride * q + r - low` of the image is under elements `r + stride * j` of the kernel at results `q - j`.
            let q = (g.low[i] - r).div_euclid(stride) + isize::from((g.low[i] - r).rem_euclid(stride) != 0);
            let start = stride * q + r - g.low[i];
            kernel[i] = g.kernel[i].saturating_sub(remainder[i]).div_ceil(g.stride[i]);
            first[i] = start as usize;
            count[i] = g.image[i].saturating_sub(first[i]).div_ceil(g.stride[i]);
            low[i] = kernel[i] as isize - 1 - q;
        }
        if count.contains(&0) {
            return None;
        }
        let geometry = Geometry {
            batch: g.batch,
            image: g.result,
            channels: g.filters,
            result: count,
            filters: g.channels,
            kernel,
            stride: [1; SPACE],
            low,
            image_dilation: [1; SPACE],
            kernel_dilation: [1; SPACE],
            groups: g.groups,
        };
        Some(Part { remainder, first, geometry })
    }

    fn all(g: &Geometry) -> impl Iterator<Item = Part> + use<'_> {
        let [a, b, c] = g.stride;
        (0..a * b * c).filter_map(move |i| Part::new(g, [i / (b * c), i / c % b, i % c]))
    }

    /// Whether no element of the kernel touches it.
    fn is_zero(&self) -> bool {
        self.geometry.kernel.contains(&0)
    }

    fn kernel_bytes(&self) -> usize {
        self.geometry.kernel_bytes()
    }

    /// Whether it is stored where it belongs; else it is computed in memory of its own.
    fn is_direct(&self) -> bool {
        overlap::can_lie_so(&self.geometry)
    }

    fn bytes(&self) -> usize {
        (self.geometry.positions() * self.geometry.filters * 4).next_multiple_of(ALIGN)
    }

    fn scratch_bytes(&self) -> usize {
        if self.is_zero() {
            0
        } else if self.is_direct() {
            self.kernel_bytes() + overlap::forward_scratch(&self.geometry)
        } else {
            self.kernel_bytes() + self.bytes() + self.geometry.group_scratch()
        }
    }

    /// Where its elements of a group are.
    fn places(&self, g: &Geometry, dx: *mut f32) -> Places {
        let lines = [g.image[1] * g.image[2] * g.channels, g.image[2] * g.channels, g.channels];
        let first = (0..SPACE).map(|i| self.first[i] * lines[i]).sum();
        let steps = std::array::from_fn(|i| g.stride[i] * lines[i]);
        Places { first: dx.wrapping_add(first), image: g.image[0] * lines[0], steps }
    }

    /// The elements of the kernel that it sees, turned around, filters for channels.
    unsafe fn kernel_of(&self, g: &Geometry, w: &Matrix, to: *mut f32) {
        let (channels, filters) = (g.group_channels(), g.group_filters());
        let [depth, height, width] = self.geometry.kernel;
        for place in 0..depth * height * width {
            let at = [place / (height * width), place / width % height, place % width];
            let from = (0..SPACE).fold(0, |from, i| {
                let turned = self.geometry.kernel[i] - 1 - at[i];
                from * g.kernel[i] + self.remainder[i] + g.stride[i] * turned
            });
            let strides = Strides { row: 1, col: w.strides.row };
            // SAFETY: the caller's.
            unsafe {
                let to = to.add(place * channels * filters);
                transpose(w.at(from * channels, 0), strides, to, (filters, channels), channels);
            }
        }
    }

    /// Puts the part, or zeros, where it belongs.
    unsafe fn store(&self, g: &Geometry, part: *const f32, dx: *mut f32) {
        let [depth, height, width] = self.geometry.result;
        let (part, places) = (part as usize, self.places(g, dx));
        Pool::global().run(g.batch * depth, &|slice| {
            for at in slice * height..(slice + 1) * height {
                for x in 0..width {
                    // SAFETY: each task writes rows of its own; the places are within part and image.
                    unsafe {
                        let to = places.row(&self.geometry, at).add(x * places.steps[2]);
                        if self.is_zero() {
                            to.write_bytes(0, g.group_channels());
                        } else {
                            let from = (part as *const f32).add((at * width + x) * g.channels);
                            to.copy_from_nonoverlapping(from, g.group_channels());
                        }
                    }
                }
            }
        });
    }
}

/// Bytes of scratch memory for [`input_grad`].
pub(super) fn scratch_bytes(g: &Geometry) -> usize {
    Part::all(g).map(|part| part.scratch_bytes()).max().unwrap_or(0)
}

/// Of a group; see [`Geometry::input_grad`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(super) unsafe fn input_grad(g: &Geometry, dy: *const f32, w: &Matrix, dx: *mut f32, scratch: *mut u8) {
    let none = Epilogue::default();
    for part in Part::all(g) {
        let kernel: *mut f32 = scratch.cast();
        // SAFETY: the caller's; the parts of the scratch memory follow one another.
        unsafe {
            if part.is_zero() {
                part.store(g, std::ptr::null(), dx);
                continue;
            }
            part.kernel_of(g, w, kernel);
            let kernel = Matrix { data: kernel, strides: Strides { row: g.group_channels(), col: 1 } };
            let rest = scratch.add(part.kernel_bytes());
            if part.is_direct() {
                overlap::forward(&part.geometry, dy, &kernel, &part.places(g, dx), &none, rest);
            } else {
                let values: *mut f32 = rest.cast();
                part.geometry.group_forward(dy, &kernel, values, &none, rest.add(part.bytes()));
                part.store(g, values, dx);
            }
        }
    }
}
