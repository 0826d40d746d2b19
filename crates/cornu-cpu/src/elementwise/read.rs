//! Filling a tile from memory that is no row of lanes, and storing one as part of a whole.
use super::{Lane, Source};
use crate::memory::Bases;
use crate::vector::{Vector, for_isa};
use cornu_graph::DType;

/// A type in memory that becomes lanes.
trait Loaded: Copy {
    fn lane(self, lane: Lane) -> u32;
}

macro_rules! loaded_integers {
    ($($t:ty)*) => { $(impl Loaded for $t {
        #[inline(always)]
        fn lane(self, lane: Lane) -> u32 {
            match lane {
                Lane::F32 => (self as f32).to_bits(),
                Lane::I32 | Lane::U32 => self as u32,
                Lane::Bool => if self != 0 { u32::MAX } else { 0 },
            }
        }
    })* };
}
loaded_integers!(u8 i8 i64 u32);

/// A bool in memory: 0 or 1, which may be wanted as a number.
#[derive(Clone, Copy)]
struct Truth(u8);

impl Loaded for Truth {
    #[inline(always)]
    fn lane(self, lane: Lane) -> u32 {
        self.0.lane(lane)
    }
}

impl Loaded for f32 {
    #[inline(always)]
    fn lane(self, _: Lane) -> u32 {
        self.to_bits()
    }
}

impl Source {
    /// Elements `start..start + n` of the loop as lanes.
    ///
    /// # Safety
    /// The source must hold them, and `out` have room.
    pub unsafe fn read(&self, bases: Bases, start: usize, n: usize, out: *mut u32) {
        // SAFETY: the dtype is that of the memory; the rest is the caller's.
        unsafe {
            match self.dtype {
                DType::Bool => self.read_as::<Truth>(bases, start, n, out),
                DType::U8 => self.read_as::<u8>(bases, start, n, out),
                DType::I8 => self.read_as::<i8>(bases, start, n, out),
                DType::I64 => self.read_as::<i64>(bases, start, n, out),
                _ if self.dims[0].1 <= 1 => read_words(self, bases.ptr(self.loc), start, n, out.cast()),
                // Lanes of their own are copied as they are.
                _ => self.read_as::<f32>(bases, start, n, out),
            }
        }
    }

    /// Stores elements `start..start + n` of the loop, lanes as they are.
    ///
    /// # Safety
    /// The memory must hold them.
    pub unsafe fn write(&self, bases: Bases, start: usize, n: usize, from: *const u32) {
        let base: *mut u32 = bases.ptr(self.loc);
        let stride = self.dims[0].1;
        for (done, offset, run) in self.rows(start, n) {
            // SAFETY: the dims describe memory that exists.
            unsafe {
                let (from, to) = (from.add(done), base.add(offset));
                if stride == 1 {
                    std::ptr::copy_nonoverlapping(from, to, run);
                } else {
                    (0..run).for_each(|i| *to.add(i * stride) = *from.add(i));
                }
            }
        }
    }

    /// The rows of the elements `start..start + n`.
    #[inline(always)]
    fn rows(&self, start: usize, n: usize) -> Rows<'_> {
        let size = self.dims[0].0;
        Rows { dims: &self.dims, row: start / size, column: start % size, done: 0, n }
    }

    unsafe fn read_as<T: Loaded>(&self, bases: Bases, start: usize, n: usize, out: *mut u32) {
        let base: *const T = bases.ptr(self.loc);
        let stride = self.dims[0].1;
        for (done, offset, run) in self.rows(start, n) {
            // SAFETY: the dims describe memory that exists, and `out` has room for `n`.
            unsafe {
                let (from, to) = (base.add(offset), out.add(done));
                match self.lane {
                    Lane::F32 => row_of::<T>(from, stride, run, to, Lane::F32),
                    Lane::Bool => row_of::<T>(from, stride, run, to, Lane::Bool),
                    lane => row_of::<T>(from, stride, run, to, lane),
                }
            }
        }
    }
}

/// Rows of a view: how many elements came before, where the row goes on in memory, and how many of its elements are wanted.
struct Rows<'a> {
    dims: &'a [(usize, usize)],
    row: usize,
    column: usize,
    done: usize,
    n: usize,
}

impl Iterator for Rows<'_> {
    type Item = (usize, usize, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, usize, usize)> {
        if self.done >= self.n {
            return None;
        }
        let (size, stride) = self.dims[0];
        let mut offset = self.column * stride;
        let mut outer = self.row;
        for (i, &(size, stride)) in self.dims[1..].iter().enumerate() {
            // The outermost does not begin anew.
            if i + 2 == self.dims.len() {
                offset += outer * stride;
            } else {
                offset += outer % size * stride;
                outer /= size;
            }
        }
        let run = (size - self.column).min(self.n - self.done);
        let row = (self.done, offset, run);
        (self.row, self.column, self.done) = (self.row + 1, 0, self.done + run);
        Some(row)
    }
}

for_isa!(
    /// Reads words as they are; in each row they lie side by side or are the same.
    fn read_words(source: &Source, base: *const f32, start: usize, n: usize, out: *mut f32) = read_words_with
);

#[inline(always)]
unsafe fn read_words_with<V: Vector>(
    source: &Source,
    base: *const f32,
    start: usize,
    n: usize,
    out: *mut f32,
) {
    let step = source.dims[0].1;
    for (done, offset, run) in source.rows(start, n) {
        // SAFETY: the caller's: the dims describe memory that exists, and `out` has room for `n`.
        unsafe {
            let (from, to) = (base.add(offset), out.add(done));
            let same = V::splat(*from);
            let mut i = 0;
            while i + V::LANES <= run {
                if step == 0 { same } else { V::load(from.add(i)) }.store(to.add(i));
                i += V::LANES;
            }
            if i < run {
                let words = if step == 0 { same } else { V::load_first(from.add(i), run - i) };
                words.store_first(to.add(i), run - i);
            }
        }
    }
}

#[inline(always)]
unsafe fn row_of<T: Loaded>(from: *const T, stride: usize, n: usize, to: *mut u32, lane: Lane) {
    // SAFETY: the caller's.
    unsafe {
        match stride {
            0 => {
                let x = (*from).lane(lane);
                (0..n).for_each(|i| *to.add(i) = x);
            }
            1 => (0..n).for_each(|i| *to.add(i) = (*from.add(i)).lane(lane)),
            _ => (0..n).for_each(|i| *to.add(i) = (*from.add(i * stride)).lane(lane)),
        }
    }
}
