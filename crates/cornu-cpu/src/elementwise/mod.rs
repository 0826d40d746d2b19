//! Elementwise nodes of one shape as one loop: a small program of instructions on registers, run tile by tile, so that what
//! passes from one node to the next stays in the nearest cache.
mod compile;
mod fuse;
mod read;
mod run;
mod sums;

pub(crate) use compile::{External, View, compile};
pub(crate) use sums::can_sum;

use crate::memory::Loc;
use cornu_graph::DType;
use cornu_graph::ops::{BinaryKind, CompareKind, UnaryKind};
use sums::{ColumnSums, RowSum};

/// What a 32-bit lane holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    F32,
    I32,
    U32,
    /// All bits or none.
    Bool,
}

impl Lane {
    /// The lane of a dtype that lanes can hold.
    pub fn of(dtype: DType) -> Option<Lane> {
        Some(match dtype {
            DType::F32 => Lane::F32,
            DType::I32 => Lane::I32,
            DType::U32 => Lane::U32,
            DType::Bool => Lane::Bool,
            _ => return None,
        })
    }
}

/// What an instruction computes from some registers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    Unary(UnaryKind, Lane),
    Binary(BinaryKind, Lane),
    /// `a * b + c`
    MulAdd,
    /// `a * b - c`
    MulSub,
    /// `c - a * b`
    NegMulAdd,
    /// `b + (a - b) * c`, where a mean moves to.
    Approach,
    /// `b + (a * a - b) * c`
    ApproachSquare,
    /// `a / (sqrt(b) + c)`
    DivSqrt,
    /// `a - b * c / (sqrt(d) + e)`, a step of Adam.
    RootStep,
    Compare(CompareKind, Lane),
    Select,
    /// From one lane to another.
    Convert(Lane, Lane),
    /// Fills the register from a source.
    Read(u16),
    /// Stores the register where the elements of a part of a whole lie; the output is not used.
    Write(u16),
    /// Stores the sum of each row of the register.
    SumRows(u16),
    /// The same bits.
    Copy,
    /// To memory of bools.
    WriteBool,
}

/// One instruction; registers are entries of the table of addresses.
#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: Code,
    args: [u16; MAX_ARGS],
    out: u16,
}

/// Memory that is no row of lanes, or a part of a whole.
#[derive(Clone, Debug)]
struct Source {
    loc: Loc,
    dtype: DType,
    lane: Lane,
    /// Sizes and strides in elements, the innermost first.
    dims: Vec<(usize, usize)>,
}

impl Source {
    /// After how many elements of the loop it begins anew; `None` where it does not.
    fn period(&self) -> Option<usize> {
        let moves = self.dims.iter().rposition(|&(size, stride)| size != 1 && stride != 0);
        match moves {
            None => Some(1),
            Some(last) if last + 1 == self.dims.len() => None,
            Some(last) => Some(self.dims[..=last].iter().map(|d| d.0).product()),
        }
    }
}

/// An entry of the table of addresses.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// A tile of this thread.
    Tile(u16),
    /// Memory that moves on with the tiles, of elements of so many bytes.
    Memory(Loc, usize),
}

/// A compiled loop.
#[derive(Debug)]
pub(crate) struct Loop {
    len: usize,
    tile: usize,
    table: Vec<Entry>,
    /// The same in all tiles, so that they are read once.
    repeated: Vec<(u16, Source)>,
    sources: Vec<Source>,
    /// Where parts of a whole go.
    sinks: Vec<Source>,
    row_sums: Vec<RowSum>,
    column_sums: ColumnSums,
    code: Vec<Instruction>,
}

/// Most registers that an instruction reads.
const MAX_ARGS: usize = 5;
/// Most nodes of a loop. Each adds at most five entries to the table and four tiles.
pub(crate) const MAX_NODES: usize = 40;
/// Most entries of the table.
const MAX_ENTRIES: usize = 5 * MAX_NODES;
/// Longest and shortest tile, in elements.
const TILE: (usize, usize) = (512, 64);
/// Bytes of all tiles of a thread: about the nearest cache.
const TILE_BYTES: usize = 4 * MAX_NODES * TILE.1 * 4;
