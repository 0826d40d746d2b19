//! Copies between row-major arrays and views with strides.
use crate::pool::Pool;

/// A copy of `sizes` elements from one view to another; strides are in elements, and may be 0 or negative for the source.
#[derive(Clone, Debug)]
pub(crate) struct Strided {
    /// Size, stride of the source, stride of the target; the innermost first.
    dims: Vec<(usize, isize, isize)>,
    size: usize,
    /// Where to begin, in elements.
    from: isize,
    to: isize,
}

/// Bytes that are worth a task.
const GRAIN: usize = 128 * 1024;

impl Strided {
    /// A copy of `sizes` elements (the outermost first) of `element` bytes.
    pub fn new(sizes: &[usize], from: (isize, &[isize]), to: (isize, &[isize]), element: usize) -> Strided {
        let mut dims: Vec<(usize, isize, isize)> = vec![];
        for i in (0..sizes.len()).rev() {
            let (size, a, b) = (sizes[i], from.1[i], to.1[i]);
            if size == 1 {
                continue;
            }
            match dims.last_mut() {
                // An axis that goes on where the one within it ends is one with it.
                Some(last) if a == last.1 * last.0 as isize && b == last.2 * last.0 as isize => {
                    last.0 *= size
                }
                _ => dims.push((size, a, b)),
            }
        }
        if sizes.contains(&0) {
            dims = vec![(0, 1, 1)];
        }
        if dims.is_empty() {
            dims.push((1, 1, 1));
        }
        Strided { dims, size: element, from: from.0, to: to.0 }
    }

    fn len(&self) -> usize {
        self.dims.iter().map(|d| d.0).product()
    }

    /// Runs it on all threads.
    ///
    /// # Safety
    /// Both views must lie within memory that nobody else writes to.
    pub unsafe fn run(&self, from: *const u8, to: *mut u8) {
        // SAFETY: the caller's.
        unsafe {
            match self.size {
                1 => self.run_as::<u8>(from, to),
                2 => self.run_as::<u16>(from, to),
                4 => self.run_as::<u32>(from, to),
                _ => self.run_as::<u64>(from, to),
            }
        }
    }

    unsafe fn run_as<T: Copy>(&self, from: *const u8, to: *mut u8) {
        let [inner, outer @ ..] = &self.dims[..] else { return };
        let rows: usize = outer.iter().map(|d| d.0).product();
        if self.len() == 0 {
            return;
        }
        // SAFETY: the views lie within memory.
        let (from, to) =
            unsafe { (from.cast::<T>().offset(self.from) as usize, to.cast::<T>().offset(self.to) as usize) };
        let per_task = (GRAIN / (inner.0 * size_of::<T>())).max(1);
        let tile_columns = inner.1 != 1 && outer.first().is_some_and(|d| d.1 == 1);
        let run = |task: usize| {
            let range = task * per_task..((task + 1) * per_task).min(rows);
            // SAFETY: each task writes rows of its own.
            unsafe {
                if tile_columns {
                    transposed_rows(from as *const T, to as *mut T, *inner, outer, range);
                } else {
                    for row in range {
                        let (a, b) = row_offsets(outer, row);
                        copy_row((from as *const T).offset(a), (to as *mut T).offset(b), *inner);
                    }
                }
            }
        };
        let tasks = rows.div_ceil(per_task);
        if tasks <= 1 { run(0) } else { Pool::global().run(tasks, &run) }
    }
}

fn row_offsets(outer: &[(usize, isize, isize)], mut row: usize) -> (isize, isize) {
    let (mut a, mut b) = (0, 0);
    for &(size, from, to) in outer {
        let at = (row % size) as isize;
        row /= size;
        a += at * from;
        b += at * to;
    }
    (a, b)
}

#[inline(always)]
unsafe fn copy_row<T: Copy>(from: *const T, to: *mut T, (n, a, b): (usize, isize, isize)) {
    // SAFETY: the caller's.
    unsafe {
        match (a, b) {
            (1, 1) => std::ptr::copy_nonoverlapping(from, to, n),
            (0, 1) => {
                let x = *from;
                (0..n).for_each(|i| *to.add(i) = x);
            }
            (_, 1) => (0..n as isize).for_each(|i| *to.offset(i) = *from.offset(i * a)),
            _ => (0..n as isize).for_each(|i| *to.offset(i * b) = *from.offset(i * a)),
        }
    }
}

/// Rows whose neighbours lie side by side in the source: in blocks, so that each cache line read is used whole.
unsafe fn transposed_rows<T: Copy>(
    from: *const T,
    to: *mut T,
    inner: (usize, isize, isize),
    outer: &[(usize, isize, isize)],
    rows: std::ops::Range<usize>,
) {
    const BLOCK: usize = 16;
    let first = outer[0];
    let mut row = rows.start;
    while row < rows.end {
        let height = BLOCK.min(rows.end - row).min(first.0 - row % first.0);
        let (a, b) = row_offsets(outer, row);
        // SAFETY: the caller's.
        unsafe {
            for start in (0..inner.0).step_by(BLOCK) {
                for r in 0..height as isize {
                    for i in start as isize..(start + BLOCK).min(inner.0) as isize {
                        *to.offset(b + r * first.2 + i * inner.2) =
                            *from.offset(a + r * first.1 + i * inner.1);
                    }
                }
            }
        }
        row += height;
    }
}

/// Strides of a row-major array, in elements.
pub(crate) fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i] as isize;
    }
    strides
}
