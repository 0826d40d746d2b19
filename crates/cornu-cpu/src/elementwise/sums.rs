//! Sums of what a loop makes or reads, along with the loop: of whole rows, which lie within a tile each, or of columns, which
//! each task sums up by itself. Tasks are cut by the shape alone, and added in order.
use super::{Loop, TILE_BYTES};
use crate::aligned::Aligned;
use crate::kernels::{reduce_rows, sum_rows};
use crate::memory::{Bases, Loc};
use crate::vector::MAX_LANES;
use cornu_graph::ops::{Reduce, ReduceKind};
use cornu_graph::{DType, Spec};

/// How an array of the loop's shape is summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sum {
    /// Over all rows; this many columns stay.
    Columns(usize),
    /// Over rows of this length.
    Rows(usize),
}

impl Sum {
    /// `None` for other reductions.
    pub fn of(reduce: &Reduce, x: &Spec) -> Option<Sum> {
        let (axes, rank) = (&reduce.axes, x.rank());
        if reduce.kind != ReduceKind::Sum || x.dtype != DType::F32 || x.is_empty() || axes.is_empty() {
            return None;
        }
        let product = |sizes: &[usize]| sizes.iter().product::<usize>();
        if axes.iter().copied().eq(0..axes.len()) {
            return Some(Sum::Columns(product(&x.shape[axes.len()..])));
        }
        let first = rank - axes.len();
        axes.iter().copied().eq(first..rank).then(|| Sum::Rows(product(&x.shape[first..])))
    }

    fn size(self) -> usize {
        match self {
            Sum::Columns(n) | Sum::Rows(n) => n,
        }
    }

    /// The length that tiles must be a multiple of.
    pub fn unit(self, unit: usize) -> usize {
        least_common_multiple(unit, self.size())
    }
}

/// Whether a loop of so many nodes, which read so many values from elsewhere, has room for these sums.
pub(crate) fn can_sum(reductions: &[(&Reduce, &Spec)], nodes: usize, read: usize) -> bool {
    /// Longest tile of a loop with sums.
    const MOST: usize = 512;
    let mut unit = MAX_LANES;
    for (reduce, spec) in reductions {
        match Sum::of(reduce, spec) {
            Some(sum) if sum.size() <= MOST => unit = sum.unit(unit),
            _ => return false,
        }
    }
    unit <= MOST && (nodes + read + reductions.len()) * unit * 4 <= TILE_BYTES
}

/// Sums of rows, one after the other in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowSum {
    pub length: usize,
    pub to: Loc,
}

impl RowSum {
    /// Sums the rows of `n` elements from `at` on.
    ///
    /// # Safety
    /// `x` must hold them, whole rows, and the memory their sums.
    pub unsafe fn run(&self, bases: Bases, at: usize, n: usize, x: *const f32) {
        let to: *mut f32 = bases.ptr(self.to);
        // SAFETY: the caller's.
        unsafe { sum_rows(x, n / self.length, self.length, to.add(at / self.length)) };
    }
}

/// Sums of columns.
#[derive(Debug, Default)]
pub(super) struct ColumnSums {
    /// For each, the register in which a task sums up tiles, the number of columns, and where the result goes.
    pub sums: Vec<(u16, usize, Loc)>,
    /// What each task has summed up: all sums of a task one after the other.
    partials: Option<Aligned>,
}

impl ColumnSums {
    /// Makes room for this many tasks.
    pub fn for_tasks(mut self, tasks: usize) -> ColumnSums {
        if !self.sums.is_empty() {
            self.partials = Some(Aligned::zeroed(tasks * self.width() * 4));
        }
        self
    }

    fn width(&self) -> usize {
        self.sums.iter().map(|s| s.1).sum()
    }

    fn partial(&self, task: usize) -> *mut f32 {
        let start = self.partials.as_ref().map_or(std::ptr::null(), Aligned::as_ptr);
        // Only one run of a loop is under way at a time, and its tasks write parts of their own.
        start.cast_mut().cast::<f32>().wrapping_add(task * self.width())
    }

    /// # Safety
    /// Registers must be tiles of this length.
    pub unsafe fn begin(&self, pointers: &[*mut f32], tile: usize) {
        for (register, ..) in &self.sums {
            // SAFETY: the caller's.
            unsafe { pointers[*register as usize].write_bytes(0, tile) };
        }
    }

    /// Folds the tiles of a task by columns.
    ///
    /// # Safety
    /// As for [`ColumnSums::begin`], by the thread that runs the task.
    pub unsafe fn end(&self, task: usize, pointers: &[*mut f32], tile: usize) {
        let mut to = self.partial(task);
        for (register, columns, _) in &self.sums {
            // SAFETY: the caller's; a tile is whole rows of columns.
            unsafe {
                let x = pointers[*register as usize].cast_const();
                reduce_rows(ReduceKind::Sum, x, tile / columns, *columns, to);
                to = to.add(*columns);
            }
        }
    }

    /// Adds what the tasks have summed up.
    ///
    /// # Safety
    /// All tasks must have ended; the memory must be that of the plan.
    pub unsafe fn finish(&self, bases: Bases, tasks: usize) {
        let (mut first, width) = (0, self.width());
        for (_, columns, to) in &self.sums {
            let to: *mut f32 = bases.ptr(*to);
            // SAFETY: the caller's.
            unsafe {
                to.copy_from_nonoverlapping(self.partial(0).add(first), *columns);
                for from in (1..tasks).map(|task| self.partial(task).add(first)) {
                    (0..*columns).for_each(|i| *to.add(i) += *from.add(i));
                }
            }
            debug_assert!(first < width);
            first += columns;
        }
    }
}

impl Loop {
    /// Tiles of a task, and tasks.
    pub(super) fn tasks(&self) -> (usize, usize) {
        /// About so much work, in instructions times elements, makes a task of its own worth while.
        const GRAIN: usize = 64 * 1024;
        let tiles = self.len.div_ceil(self.tile);
        let per_task = (GRAIN / (self.code.len().max(2) * self.tile)).max(1);
        (per_task, tiles.div_ceil(per_task))
    }
}

pub(super) fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
