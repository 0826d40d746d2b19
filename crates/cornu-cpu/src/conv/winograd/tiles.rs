//! Where tiles are, and reading and writing them.
use super::transform::{Map, Put, columns};
use super::{Geometry, IMAGE, RESULT};
use crate::vector::{Vector, prefetch, prefetch_written};

/// The tiles of all results of a batch, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles {
    down: usize,
    across: usize,
    pub count: usize,
}

impl Tiles {
    pub fn new(g: &Geometry) -> Tiles {
        let (down, across) = (g.result[1].div_ceil(RESULT), g.result[2].div_ceil(RESULT));
        Tiles { down, across, count: g.batch * down * across }
    }

    pub fn per_image(&self) -> usize {
        self.down * self.across
    }

    /// The same for the tile below a tile, if it is in the batch.
    #[inline(always)]
    pub fn below(&self, tile: usize) -> Option<(usize, usize, usize)> {
        let below = tile + self.across;
        (below < self.count).then(|| self.place(below))
    }

    /// The image of a tile, and the row and column of its first result.
    #[inline(always)]
    pub fn place(&self, tile: usize) -> (usize, usize, usize) {
        let within = tile % self.per_image();
        (tile / self.per_image(), within / self.across * RESULT, within % self.across * RESULT)
    }
}

/// Images `height x width x channels` of a group, of which tiles are read; what is outside is 0.
#[derive(Clone, Copy)]
pub(super) struct Images {
    data: *const f32,
    height: usize,
    width: usize,
    channels: usize,
    /// Elements from one place to the next.
    place: usize,
}

impl Images {
    /// A group of the image of a convolution.
    pub fn of(g: &Geometry, data: *const f32) -> Images {
        let (channels, place) = (g.group_channels(), g.channels);
        Images { data, height: g.image[1], width: g.image[2], channels, place }
    }

    /// A group of its result.
    pub fn of_results(g: &Geometry, data: *const f32) -> Images {
        let (channels, place) = (g.group_filters(), g.filters);
        Images { data, height: g.result[1], width: g.result[2], channels, place }
    }

    /// The transformed tile of `N x N` whose first element is at a row and column, from channel `from` on.
    #[inline(always)]
    pub unsafe fn tile<T: Map<N, IMAGE>, V: Vector, const N: usize>(
        &self,
        image: usize,
        (row, column): (isize, isize),
        from: usize,
        put: &mut impl Put<V>,
    ) {
        // SAFETY: the caller's; only elements within the image are read.
        unsafe {
            let zero = V::splat(0.0);
            let n = V::LANES.min(self.channels - from);
            let mut half = [[zero; IMAGE]; N];
            let inside = |at: isize, size: usize| at >= 0 && at + N as isize <= size as isize;
            let whole = n == V::LANES && inside(row, self.height) && inside(column, self.width);
            for (i, half) in half.iter_mut().enumerate() {
                let y = row + i as isize;
                let mut line = [zero; N];
                if whole {
                    let first = (image * self.height + y as usize) * self.width + column as usize;
                    let p = self.data.add(first * self.place + from);
                    for (j, v) in line.iter_mut().enumerate() {
                        *v = V::load(p.add(j * self.place));
                    }
                } else if y >= 0 && y < self.height as isize {
                    for (j, v) in line.iter_mut().enumerate() {
                        let x = column + j as isize;
                        if x >= 0 && x < self.width as isize {
                            let at = (image * self.height + y as usize) * self.width + x as usize;
                            let p = self.data.add(at * self.place + from);
                            *v = if n == V::LANES { V::load(p) } else { V::load_first(p, n) };
                        }
                    }
                }
                *half = T::apply(line);
            }
            columns::<T, V, N, IMAGE, IMAGE>(&half, put);
        }
    }
}

impl Images {
    /// Asks for a vector of channels of the rows that the tiles of one row of them are the first to read, at a row and column
    /// that a tile begins at. Any will do.
    #[inline(always)]
    pub fn ask(&self, image: usize, (row, column): (isize, isize), from: usize) {
        const OVERLAP: isize = (IMAGE - RESULT) as isize;
        let row = (image * self.height) as isize + row + OVERLAP;
        self.each_line(row * self.width as isize + column, from, prefetch);
    }

    /// Asks for a vector of channels of a tile that will be written.
    #[inline(always)]
    pub fn ask_to_write(&self, image: usize, (row, column): (usize, usize), from: usize) {
        self.each_line(((image * self.height + row) * self.width + column) as isize, from, prefetch_written);
    }

    #[inline(always)]
    fn each_line(&self, place: isize, from: usize, ask: fn(*const f32)) {
        for i in 0..RESULT {
            for j in 0..RESULT {
                let at = (place + (i * self.width + j) as isize) * self.place as isize;
                ask(self.data.wrapping_offset(at).wrapping_add(from));
            }
        }
    }
}

/// The vector of row and column `i` and `j` of a tile goes to `to + (i * IMAGE + j) * apart`.
pub(super) struct Apart {
    pub to: *mut f32,
    pub apart: usize,
}

impl<V: Vector> Put<V> for Apart {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, j: usize, v: V) {
        // SAFETY: the caller's.
        unsafe { v.store(self.to.add((i * IMAGE + j) * self.apart)) }
    }
}
