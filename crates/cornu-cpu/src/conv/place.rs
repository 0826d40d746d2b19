//! Where the kernel lies on the image.
use super::{Geometry, SPACE};

/// Where the kernel's first element falls for one position: image of the batch, and place in it with the zeros between its
/// elements, negative in the padding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    batch: usize,
    pub at: [isize; SPACE],
}

impl Origin {
    /// Where in the image the kernel's element `k` of `axis` falls; `None` outside and between elements.
    #[inline(always)]
    pub fn place(&self, g: &Geometry, axis: usize, k: usize) -> Option<usize> {
        let at = self.at[axis] + (k * g.kernel_dilation[axis]) as isize;
        let dilation = g.image_dilation[axis];
        if dilation == 1 {
            return ((at as usize) < g.image[axis]).then_some(at as usize);
        }
        let at = usize::try_from(at).ok()?;
        (at.is_multiple_of(dilation) && at / dilation < g.image[axis]).then_some(at / dilation)
    }

    /// The line of the images, of `image[2]` places each, under a row of the kernel.
    #[inline(always)]
    pub fn line(&self, g: &Geometry, kz: usize, ky: usize) -> Option<usize> {
        let (z, y) = (self.place(g, 0, kz)?, self.place(g, 1, ky)?);
        Some((self.batch * g.image[0] + z) * g.image[1] + y)
    }
}

/// The origins of positions one after the other.
pub(super) struct Origins<'a> {
    geometry: &'a Geometry,
    batch: usize,
    position: [usize; SPACE],
}

impl<'a> Origins<'a> {
    /// From a position on.
    #[inline(always)]
    pub fn new(geometry: &'a Geometry, mut first: usize) -> Origins<'a> {
        let mut position = [0; SPACE];
        for axis in (0..SPACE).rev() {
            position[axis] = first % geometry.result[axis];
            first /= geometry.result[axis];
        }
        Origins { geometry, batch: first, position }
    }

    #[inline(always)]
    fn origin(&self) -> Origin {
        let g = self.geometry;
        let at = |axis: usize| (self.position[axis] * g.stride[axis]) as isize - g.low[axis];
        Origin { batch: self.batch, at: [at(0), at(1), at(2)] }
    }

    /// The next origins.
    #[inline(always)]
    pub fn fill(&mut self, origins: &mut [Origin]) {
        for origin in origins {
            *origin = self.origin();
            self.skip(1);
        }
    }

    /// The next origin, and how many of the next `most` positions follow it in the same row of the result, itself among
    /// them; goes on behind them.
    #[inline(always)]
    pub fn row(&mut self, most: usize) -> (Origin, usize) {
        let count = most.min(self.geometry.result[SPACE - 1] - self.position[SPACE - 1]);
        let origin = self.origin();
        self.skip(count);
        (origin, count)
    }

    /// Goes on by positions that do not reach beyond the row of the result.
    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.position[SPACE - 1] += count;
        for axis in (0..SPACE).rev() {
            if self.position[axis] < self.geometry.result[axis] {
                return;
            }
            self.position[axis] = 0;
            if axis == 0 {
                self.batch += 1;
            } else {
                self.position[axis - 1] += 1;
            }
        }
    }
}
