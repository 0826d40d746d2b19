//! The gradient of the image of a convolution with strides. Elements of the image whose places leave the same remainder by the
//! stride see the same elements of the kernel: each such part is a plain convolution of the result's gradient, where an image
//! with gaps would mostly multiply zeros.
use super::{Geometry, SPACE, product};
use crate::aligned::ALIGN;
use crate::gemm::{Epilogue, Strides, transpose};
use crate::pool::Pool;

/// Whether a convolution is of this kind.
pub(super) fn fits(g: &Geometry) -> bool {
    let plain = g.image_dilation == [1; SPACE] && g.kernel_dilation == [1; SPACE] && g.groups == 1;
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
            groups: 1,
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
        (product(&self.geometry.kernel) * self.geometry.channels * self.geometry.filters * 4)
            .next_multiple_of(ALIGN)
    }

    fn bytes(&self) -> usize {
        (self.geometry.positions() * self.geometry.filters * 4).next_multiple_of(ALIGN)
    }

    fn scratch_bytes(&self) -> usize {
        if self.is_zero() { 0 } else { self.kernel_bytes() + self.bytes() + self.geometry.forward_scratch() }
    }

    /// The elements of the kernel that it sees, turned around, filters for channels.
    unsafe fn kernel_of(&self, g: &Geometry, w: *const f32, to: *mut f32) {
        let [depth, height, width] = self.geometry.kernel;
        for place in 0..depth * height * width {
            let at = [place / (height * width), place / width % height, place % width];
            let from = (0..SPACE).fold(0, |from, i| {
                let turned = self.geometry.kernel[i] - 1 - at[i];
                from * g.kernel[i] + self.remainder[i] + g.stride[i] * turned
            });
            let block = g.channels * g.filters;
            let strides = Strides { row: 1, col: g.filters };
            // SAFETY: the caller's.
            unsafe {
                transpose(
                    w.add(from * block),
                    strides,
                    to.add(place * block),
                    (g.filters, g.channels),
                    g.channels,
                );
            }
        }
    }

    /// Puts the part, or zeros, where it belongs.
    unsafe fn store(&self, g: &Geometry, part: *const f32, dx: *mut f32) {
        let [depth, height, width] = self.geometry.result;
        let (part, dx) = (part as usize, dx as usize);
        Pool::global().run(g.batch * depth, &|slice| {
            for y in 0..height {
                let (image, z) = (slice / depth, self.first[0] + slice % depth * g.stride[0]);
                let row = (image * g.image[0] + z) * g.image[1] + self.first[1] + y * g.stride[1];
                for x in 0..width {
                    let column = self.first[2] + x * g.stride[2];
                    let from = ((slice * height + y) * width + x) * g.channels;
                    // SAFETY: each task writes rows of its own; the places are within part and image.
                    unsafe {
                        let to = (dx as *mut f32).add((row * g.image[2] + column) * g.channels);
                        if self.is_zero() {
                            to.write_bytes(0, g.channels);
                        } else {
                            to.copy_from_nonoverlapping((part as *const f32).add(from), g.channels);
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

/// See [`Geometry::input_grad`].
///
/// # Safety
/// As there, and the geometry must fit.
pub(super) unsafe fn input_grad(g: &Geometry, dy: *const f32, w: *const f32, dx: *mut f32, scratch: *mut u8) {
    for part in Part::all(g) {
        let kernel: *mut f32 = scratch.cast();
        let values: *mut f32 = scratch.wrapping_add(part.kernel_bytes()).cast();
        // SAFETY: the caller's; the parts of the scratch memory follow one another.
        unsafe {
            if !part.is_zero() {
                part.kernel_of(g, w, kernel);
                let rest = values.cast::<u8>().add(part.bytes());
                part.geometry.forward(dy, kernel, values, &Epilogue::default(), rest);
            }
            part.store(g, values, dx);
        }
    }
}
