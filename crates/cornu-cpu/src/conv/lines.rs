//! An image of one channel as a matrix: there, what is under one element of the kernel at positions side by side lies side
//! by side in the image.
use super::patches::{cut, zeros};
use super::place::{Origin, Origins};
use super::{Geometry, SPACE};
use crate::gemm::{PackA, SIDE_BY_SIDE, row_pitch};
use crate::vector::Vector;
use std::ops::Range;

/// Whether an image can be read so.
pub(super) fn fits(g: &Geometry) -> bool {
    g.channels == 1 && g.stride[SPACE - 1] == 1 && g.image_dilation[SPACE - 1] == 1
}

/// Positions side by side in a row of the result.
#[derive(Clone, Copy, Default)]
struct Span {
    origin: Origin,
    /// How many before it.
    start: usize,
    len: usize,
}

/// Most spans worked on at a time.
const SPANS: usize = 16;

/// Copies to `out` what is under the element `k` of the kernel at positions of spans.
#[inline(always)]
unsafe fn gather<V: Vector>(g: &Geometry, x: *const f32, spans: &[Span], k: usize, out: *mut f32) {
    let (line, kx) = (k / g.kernel[2], k % g.kernel[2]);
    let (kz, ky) = (line / g.kernel[1], line % g.kernel[1]);
    for span in spans {
        // SAFETY: the caller's.
        unsafe {
            let out = out.add(span.start);
            match span.origin.line(g, kz, ky) {
                Some(line) => {
                    let from = span.origin.at[2] + (kx * g.kernel_dilation[2]) as isize;
                    cut::<V>(x.add(line * g.image[2]), g.image[2], from, out, span.len);
                }
                None => zeros::<V>(out, span.len),
            }
        }
    }
}

/// Fills spans of up to `most` positions; how many spans, and how many positions are in them.
#[inline(always)]
fn spans_of(positions: &mut Origins, most: usize, spans: &mut [Span; SPANS]) -> (usize, usize) {
    let (mut count, mut start) = (0, 0);
    while count < SPANS && start < most {
        let (origin, len) = positions.row(most - start);
        spans[count] = Span { origin, start, len };
        count += 1;
        start += len;
    }
    (count, start)
}

/// One row for each position, one column for each element of the kernel.
pub(super) struct ByPosition<'a> {
    pub geometry: &'a Geometry,
    pub x: *const f32,
}

// SAFETY: the image is only read.
unsafe impl Sync for ByPosition<'_> {}

impl PackA for ByPosition<'_> {
    fn by_rows(&self) -> bool {
        false
    }

    #[inline(always)]
    unsafe fn pack<V: Vector>(&self, rows: Range<usize>, terms: Range<usize>, out: *mut f32) {
        let g = self.geometry;
        let mut spans = [Span::default(); SPANS];
        let (count, _) = spans_of(&mut Origins::new(g, rows.start), rows.len(), &mut spans);
        for (t, term) in terms.enumerate() {
            // SAFETY: the caller's.
            unsafe { gather::<V>(g, self.x, &spans[..count], term, out.add(t * SIDE_BY_SIDE)) };
        }
    }
}

/// One row for each element of the kernel, one column for each position.
pub(super) struct ByElement<'a> {
    pub geometry: &'a Geometry,
    pub x: *const f32,
}

// SAFETY: the image is only read.
unsafe impl Sync for ByElement<'_> {}

impl PackA for ByElement<'_> {
    fn by_rows(&self) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn pack<V: Vector>(&self, rows: Range<usize>, terms: Range<usize>, out: *mut f32) {
        let g = self.geometry;
        let mut spans = [Span::default(); SPANS];
        let mut positions = Origins::new(g, terms.start);
        let (mut done, pitch) = (0, row_pitch(terms.len()));
        while done < terms.len() {
            let (count, len) = spans_of(&mut positions, terms.len() - done, &mut spans);
            for (i, row) in rows.clone().enumerate() {
                // SAFETY: the caller's.
                unsafe { gather::<V>(g, self.x, &spans[..count], row, out.add(i * pitch + done)) };
            }
            done += len;
        }
    }
}
