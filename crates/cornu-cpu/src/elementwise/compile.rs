//! From nodes to instructions.
use super::fuse::{Fused, fused};
use super::sums::{ColumnSums, RowSum, Sum, least_common_multiple};
use super::{Code, Entry, Instruction, Lane, Loop, MAX_ARGS, MAX_ENTRIES, Source, TILE, TILE_BYTES};
use crate::kernels::row_major;
use crate::memory::Loc;
use crate::plan::merged;
use crate::vector::MAX_LANES;
use cornu_graph::ops::{BinaryKind, Reduce};
use cornu_graph::{DType, Graph, Op, ValueId};
use std::collections::{HashMap, HashSet};

/// A value made outside of the loop.
#[derive(Clone, Debug)]
pub(crate) struct External {
    pub loc: Loc,
    pub dtype: DType,
    pub view: View,
}

/// How the elements of the loop lie in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum View {
    /// One after the other.
    Contiguous,
    /// Sizes and strides in elements, the innermost first; a stride of 0 repeats.
    Strided(Vec<(usize, usize)>),
}

/// Compiles elementwise nodes of one shape, at most [`MAX_NODES`](super::MAX_NODES), given in order.
///
/// `external` tells of values of other nodes; `stored` where results go that others need.
pub(crate) fn compile(
    graph: &Graph,
    nodes: &[usize],
    external: &dyn Fn(ValueId) -> External,
    stored: &dyn Fn(usize) -> Option<Loc>,
) -> Loop {
    let (fused, inner) = fused(graph, nodes, &|i| stored(i).is_some());
    let mut compiler = Compiler {
        graph,
        nodes,
        fused,
        inner,
        external,
        stored,
        table: vec![],
        sources: vec![],
        sinks: vec![],
        row_sums: vec![],
        column_sums: ColumnSums::default(),
        unit: MAX_LANES,
        code: vec![],
        held: HashMap::new(),
        memory: HashMap::new(),
    };
    compiler.emit_all();
    let len = graph.nodes[nodes[0]].outputs[0].len();
    compiler.finish(len)
}

struct Compiler<'a> {
    graph: &'a Graph,
    nodes: &'a [usize],
    fused: HashMap<usize, Fused>,
    /// Nodes that others take in.
    inner: HashSet<usize>,
    external: &'a dyn Fn(ValueId) -> External,
    stored: &'a dyn Fn(usize) -> Option<Loc>,
    /// Memory entries; `None` stands for a register that gets its tile later.
    table: Vec<Option<Entry>>,
    sources: Vec<Source>,
    sinks: Vec<Source>,
    row_sums: Vec<RowSum>,
    column_sums: ColumnSums,
    /// What the length of a tile must be a multiple of.
    unit: usize,
    code: Vec<Instruction>,
    /// The register of a value, as lanes of some kind.
    held: HashMap<(ValueId, Option<DType>), u16>,
    memory: HashMap<Loc, u16>,
}

impl Compiler<'_> {
    fn register(&mut self) -> u16 {
        self.table.push(None);
        (self.table.len() - 1) as u16
    }

    fn emit(&mut self, code: Code, args: &[u16], out: u16) {
        let mut padded = [out; MAX_ARGS];
        padded[..args.len()].copy_from_slice(args);
        self.code.push(Instruction { code, args: padded, out });
    }

    /// The register that holds a value; external ones are read when first used. `to` is the dtype in which a cast wants
    /// what lanes do not hold.
    fn operand(&mut self, v: ValueId, to: Option<DType>) -> u16 {
        if let Some(&r) = self.held.get(&(v, None)).or_else(|| self.held.get(&(v, to))) {
            return r;
        }
        let External { loc, dtype, view } = (self.external)(v);
        let own = Lane::of(dtype);
        let lane = own.or_else(|| to.and_then(Lane::of)).unwrap_or(Lane::F32);
        let r = match view {
            View::Contiguous if matches!(own, Some(Lane::F32 | Lane::I32 | Lane::U32)) => self.memory(loc, 4),
            view => {
                let dims = match view {
                    View::Contiguous => vec![(self.graph.spec(v).len(), 1)],
                    View::Strided(dims) => dims,
                };
                let r = self.register();
                self.sources.push(Source { loc, dtype, lane, dims });
                self.emit(Code::Read((self.sources.len() - 1) as u16), &[], r);
                r
            }
        };
        self.held.insert((v, if own.is_some() { None } else { to }), r);
        r
    }

    fn memory(&mut self, loc: Loc, size: usize) -> u16 {
        if let Some(&r) = self.memory.get(&loc) {
            return r;
        }
        self.table.push(Some(Entry::Memory(loc, size)));
        let r = (self.table.len() - 1) as u16;
        self.memory.insert(loc, r);
        r
    }

    fn emit_all(&mut self) {
        for &i in self.nodes {
            if !self.inner.contains(&i) {
                self.emit_node(i);
            }
        }
    }

    fn emit_node(&mut self, i: usize) {
        let graph = self.graph;
        let node = &graph.nodes[i];
        if let Op::Concat(concat) = &node.op {
            return self.emit_concat(i, concat.axis);
        }
        if let Op::Reduce(reduce) = &node.op {
            return self.emit_sum(i, reduce);
        }
        let to = match &node.op {
            Op::Cast(c) => Some(c.dtype),
            _ => None,
        };
        let (code, inputs) = match self.fused.get(&i) {
            Some(Fused { code, inputs }) => (*code, inputs.clone()),
            None => (self.code_of(i), node.inputs.clone()),
        };
        let args: Vec<u16> = inputs.iter().map(|&v| self.operand(v, to)).collect();
        let out = self.register();
        self.emit(code, &args, out);
        self.held.insert((ValueId::new(i, 0), None), out);
    }

    /// Stores the parts, which this loop has made.
    fn emit_concat(&mut self, i: usize, axis: usize) {
        let node = &self.graph.nodes[i];
        let Some(whole) = (self.stored)(i) else { return };
        let strides: Vec<usize> = row_major(&node.outputs[0].shape).into_iter().map(|s| s as usize).collect();
        let mut loc = whole;
        for &part in &node.inputs {
            let spec = self.graph.spec(part);
            let dims = merged(&spec.shape, &strides);
            let lane = Lane::of(spec.dtype).unwrap_or(Lane::F32);
            self.sinks.push(Source { loc, dtype: spec.dtype, lane, dims });
            let register = self.operand(part, None);
            self.emit(Code::Write((self.sinks.len() - 1) as u16), &[register], register);
            loc.offset += spec.shape[axis] * strides[axis] * spec.dtype.size();
        }
    }

    /// Sums up what this loop makes or reads.
    fn emit_sum(&mut self, i: usize, reduce: &Reduce) {
        let x = self.graph.nodes[i].inputs[0];
        let (Some(to), Some(sum)) = ((self.stored)(i), Sum::of(reduce, self.graph.spec(x))) else { return };
        let register = self.operand(x, None);
        self.unit = sum.unit(self.unit);
        match sum {
            Sum::Rows(length) => {
                self.row_sums.push(RowSum { length, to });
                self.emit(Code::SumRows((self.row_sums.len() - 1) as u16), &[register], register);
            }
            Sum::Columns(columns) => {
                let total = self.register();
                self.emit(Code::Binary(BinaryKind::Add, Lane::F32), &[total, register], total);
                self.column_sums.sums.push((total, columns, to));
            }
        }
    }

    fn code_of(&self, i: usize) -> Code {
        let node = &self.graph.nodes[i];
        let input = node.inputs[0];
        let lane = |dtype: DType| Lane::of(dtype).unwrap_or(Lane::F32);
        let of_input = lane(self.graph.spec(input).dtype);
        match &node.op {
            Op::Unary(u) => Code::Unary(u.kind, of_input),
            Op::Binary(b) => Code::Binary(b.kind, of_input),
            Op::Compare(c) => Code::Compare(c.kind, of_input),
            Op::Select(_) => Code::Select,
            // What lanes do not hold is converted as it is read.
            Op::Cast(c) if Lane::of(self.graph.spec(input).dtype).is_none() => {
                debug_assert!(Lane::of(c.dtype).is_some());
                Code::Copy
            }
            Op::Cast(c) => Code::Convert(of_input, lane(c.dtype)),
            _ => Code::Copy,
        }
    }

    /// Stores results and gives registers their tiles.
    fn finish(mut self, len: usize) -> Loop {
        let mut writes = vec![];
        for &i in self.nodes {
            let Some(loc) = (self.stored)(i) else { continue };
            let Some(&r) = self.held.get(&(ValueId::new(i, 0), None)) else { continue };
            if self.graph.nodes[i].outputs[0].dtype == DType::Bool {
                self.table.push(Some(Entry::Memory(loc, 1)));
                writes.push((Code::WriteBool, r, (self.table.len() - 1) as u16));
                continue;
            }
            let at = self.code.iter().position(|c| c.out == r).unwrap_or(0);
            // A variable that is updated in place may still be read further on.
            let old = self.memory.get(&loc).copied();
            let read_later = old.is_some_and(|m| self.code[at + 1..].iter().any(|c| c.args.contains(&m)));
            if read_later {
                let m = self.memory(loc, 4);
                writes.push((Code::Copy, r, m));
            } else {
                self.table[r as usize] = Some(Entry::Memory(loc, 4));
            }
        }
        for (code, r, to) in writes {
            self.emit(code, &[r], to);
        }
        let (repeated, table, tile) = self.lay_out();
        self.code.retain(|c| !matches!(c.code, Code::Read(_)) || repeated.iter().all(|(r, _)| *r != c.out));
        let mut compiled = Loop {
            len,
            tile,
            table,
            repeated,
            sources: self.sources,
            sinks: self.sinks,
            row_sums: self.row_sums,
            column_sums: ColumnSums::default(),
            code: self.code,
        };
        compiled.column_sums = self.column_sums.for_tasks(compiled.tasks().1);
        compiled
    }

    /// Sources that are the same in all tiles, the table with the tiles of registers, and the length of a tile.
    fn lay_out(&self) -> (Vec<(u16, Source)>, Vec<Entry>, usize) {
        // The longer the periods that a tile is a multiple of, the longer it is, and the fewer tiles there is room for.
        let limits = std::iter::successors(Some(TILE.0), |&limit| (limit > TILE.1).then_some(limit / 2));
        let mut laid_out = (vec![], vec![], TILE.1);
        for limit in limits {
            let (repeated, unit) = self.repeated(limit);
            let (table, tiles) = self.assign_tiles(&repeated);
            let most = (TILE_BYTES / 4 / tiles.max(1)).min(TILE.0);
            debug_assert!(table.len() <= MAX_ENTRIES && tiles * TILE.1 * 4 <= TILE_BYTES);
            laid_out = (repeated, table, most / unit * unit);
            if unit <= most {
                break;
            }
        }
        laid_out
    }

    /// Sources that are the same in all tiles if a tile is as long as a multiple of a unit, which is at most `limit`.
    fn repeated(&self, limit: usize) -> (Vec<(u16, Source)>, usize) {
        let mut unit = self.unit;
        let mut repeated = vec![];
        for c in &self.code {
            let Code::Read(source) = c.code else { continue };
            let source = &self.sources[source as usize];
            let together = source.period().map(|period| least_common_multiple(unit, period));
            if let Some(together) = together.filter(|&unit| unit <= limit) {
                unit = together;
                repeated.push((c.out, source.clone()));
            }
        }
        (repeated, unit)
    }

    /// The table with a tile for each register, used again once its last reader has run; the number of tiles.
    fn assign_tiles(&self, repeated: &[(u16, Source)]) -> (Vec<Entry>, usize) {
        let mut table = self.table.clone();
        let mut last = vec![0usize; table.len()];
        for (at, c) in self.code.iter().enumerate() {
            c.args.iter().for_each(|&a| last[a as usize] = at);
            last[c.out as usize] = last[c.out as usize].max(at);
        }
        let (mut free, mut count) = (vec![], 0u16);
        let mut take = |free: &mut Vec<u16>| {
            free.pop().unwrap_or_else(|| {
                count += 1;
                count - 1
            })
        };
        let totals = self.column_sums.sums.iter().map(|s| s.0);
        let kept: HashSet<u16> = repeated.iter().map(|s| s.0).chain(totals).collect();
        let mut in_order: Vec<u16> = kept.iter().copied().collect();
        in_order.sort_unstable();
        for r in in_order {
            table[r as usize] = Some(Entry::Tile(take(&mut free)));
        }
        for (at, c) in self.code.iter().enumerate() {
            if table[c.out as usize].is_none() {
                table[c.out as usize] = Some(Entry::Tile(take(&mut free)));
            }
            let mut done: Vec<u16> = c.args.to_vec();
            done.push(c.out);
            done.sort_unstable();
            done.dedup();
            for r in done {
                let over = last[r as usize] == at && !kept.contains(&r);
                if let (true, Some(Entry::Tile(t))) = (over, table[r as usize]) {
                    free.push(t);
                }
            }
        }
        (table.into_iter().map(|e| e.unwrap_or(Entry::Tile(0))).collect(), count as usize)
    }
}
