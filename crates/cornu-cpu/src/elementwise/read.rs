//! Filling a tile from memory that is no row of lanes, and storing one as part of a whole.
use super::{Lane, Source};
use crate::memory::Bases;
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
        self.each_row(start, n, |done, offset, run| {
            // SAFETY: the dims describe memory that exists.
            unsafe {
                let (from, to) = (from.add(done), base.add(offset));
                if stride == 1 {
                    std::ptr::copy_nonoverlapping(from, to, run);
                } else {
                    (0..run).for_each(|i| *to.add(i * stride) = *from.add(i));
                }
            }
        });
    }

    /// Calls `each` for the rows of the elements `start..start + n`: how many elements came before, where the row goes on in
    /// memory, and how many of its elements are among these.
    #[inline(always)]
    fn each_row(&self, start: usize, n: usize, mut each: impl FnMut(usize, usize, usize)) {
        let (size, stride) = self.dims[0];
        let (mut row, mut column) = (start / size, start % size);
        let mut done = 0;
        while done < n {
            let mut offset = column * stride;
            let mut outer = row;
            for (i, &(size, stride)) in self.dims[1..].iter().enumerate() {
                // The outermost does not begin anew.
                if i + 2 == self.dims.len() {
                    offset += outer * stride;
                } else {
                    offset += outer % size * stride;
                    outer /= size;
                }
            }
            let run = (size - column).min(n - done);
            each(done, offset, run);
            done += run;
            (row, column) = (row + 1, 0);
        }
    }

    unsafe fn read_as<T: Loaded>(&self, bases: Bases, start: usize, n: usize, out: *mut u32) {
        let base: *const T = bases.ptr(self.loc);
        let stride = self.dims[0].1;
        self.each_row(start, n, |done, offset, run| {
            // SAFETY: the dims describe memory that exists, and `out` has room for `n`.
            unsafe {
                let (from, to) = (base.add(offset), out.add(done));
                match self.lane {
                    Lane::F32 => row_of::<T>(from, stride, run, to, Lane::F32),
                    Lane::Bool => row_of::<T>(from, stride, run, to, Lane::Bool),
                    lane => row_of::<T>(from, stride, run, to, lane),
                }
            }
        });
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
