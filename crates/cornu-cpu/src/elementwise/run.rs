//! Running a loop: tiles over threads, instructions over vectors.
use super::{Code, Entry, Instruction, Lane, Loop, MAX_ENTRIES, TILE_BYTES};
use crate::memory::Bases;
use crate::pool::Pool;
use crate::vector::{Vector, for_isa, math};
use cornu_graph::ops::{BinaryKind, CompareKind, UnaryKind};
use cornu_graph::scalar::{self, Number};
use cornu_graph::{DType, Element};
use std::cell::UnsafeCell;

#[repr(align(64))]
struct Tiles(#[allow(dead_code, reason = "read and written through pointers")] [u8; TILE_BYTES]);

thread_local! {
    /// The tiles of this thread; only one loop at a time runs on a thread.
    static TILES: UnsafeCell<Tiles> = const { UnsafeCell::new(Tiles([0; TILE_BYTES])) };
}

impl Loop {
    /// Runs over all elements.
    pub fn run(&self, bases: Bases) {
        let (per_task, tasks) = self.tasks();
        let run = |task: usize| {
            let from = task * per_task * self.tile;
            let to = (from + per_task * self.tile).min(self.len);
            TILES.with(|tiles| {
                // SAFETY: each task writes elements of its own; the tiles are this thread's.
                unsafe { self.run_range(bases, task, (from, to), tiles.get().cast()) }
            });
        };
        if tasks <= 1 {
            run(0)
        } else {
            Pool::global().run(tasks, &run)
        }
        // SAFETY: all tasks have ended.
        unsafe { self.column_sums.finish(bases, tasks) };
    }

    /// # Safety
    /// `tiles` must hold [`TILE_BYTES`], and the slots what the plan says.
    unsafe fn run_range(&self, bases: Bases, task: usize, (from, to): (usize, usize), tiles: *mut u8) {
        let mut pointers = [std::ptr::null_mut::<f32>(); MAX_ENTRIES];
        // SAFETY: tiles and memory hold the elements from `from` to `to`.
        unsafe {
            for (pointer, entry) in pointers.iter_mut().zip(&self.table) {
                *pointer = match *entry {
                    Entry::Tile(t) => tiles.add(t as usize * self.tile * 4).cast(),
                    Entry::Memory(loc, size) => bases.ptr::<u8>(loc).add(from * size).cast(),
                };
            }
            for (r, source) in &self.repeated {
                // Tasks begin where a tile does, and whole periods fill a tile.
                let out = pointers[*r as usize].cast::<u32>();
                let mut filled = source.period().unwrap_or(1).min(self.tile);
                source.read(bases, from, filled, out);
                while filled < self.tile {
                    let more = filled.min(self.tile - filled);
                    std::ptr::copy_nonoverlapping(out, out.add(filled), more);
                    filled += more;
                }
            }
            self.column_sums.begin(&pointers, self.tile);
            let mut at = from;
            while at < to {
                let n = self.tile.min(to - at);
                for instruction in &self.code {
                    match instruction.code {
                        Code::Read(source) => {
                            let out = pointers[instruction.out as usize].cast();
                            self.sources[source as usize].read(bases, at, n, out);
                        }
                        Code::Write(sink) => {
                            let from = pointers[instruction.args[0] as usize].cast();
                            self.sinks[sink as usize].write(bases, at, n, from);
                        }
                        Code::SumRows(sum) => {
                            let x = pointers[instruction.args[0] as usize].cast_const();
                            self.row_sums[sum as usize].run(bases, at, n, x);
                        }
                        _ => execute(instruction, &pointers, n),
                    }
                }
                for (pointer, entry) in pointers.iter_mut().zip(&self.table) {
                    if let Entry::Memory(_, size) = *entry {
                        *pointer = pointer.cast::<u8>().wrapping_add(self.tile * size).cast();
                    }
                }
                at += n;
            }
            self.column_sums.end(task, &pointers, self.tile);
        }
    }
}

for_isa!(
    /// Runs one instruction on `n` elements.
    fn execute(instruction: &Instruction, pointers: &[*mut f32; MAX_ENTRIES], n: usize) = execute_with
);

/// Applies an expression to each vector of some rows. Macros, since a closure would be compiled without the features
/// of the instruction set.
macro_rules! each {
    ($o:ident, $n:ident, $($x:ident = $p:ident),+ => $f:expr) => {{
        let whole = $n / V::LANES * V::LANES;
        let mut i = 0;
        while i < whole {
            $(let $x = V::load($p.add(i));)+
            let y: V = $f;
            y.store($o.add(i));
            i += V::LANES;
        }
        if i < $n {
            $(let $x = V::load_first($p.add(i), $n - i);)+
            let y: V = $f;
            y.store_first($o.add(i), $n - i);
        }
    }};
}

#[inline(always)]
unsafe fn execute_with<V: Vector>(instruction: &Instruction, pointers: &[*mut f32; MAX_ENTRIES], n: usize) {
    let [a, b, c, d, e] = instruction.args.map(|r| pointers[r as usize].cast_const());
    let o = pointers[instruction.out as usize];
    // SAFETY: the caller's: the registers hold `n` elements.
    unsafe {
        match instruction.code {
            Code::Unary(kind, Lane::F32) => float_unary::<V>(kind, a, o, n),
            Code::Unary(kind, lane) => int_unary::<V>(kind, lane, a, o, n),
            Code::Binary(kind, Lane::F32) => float_binary::<V>(kind, a, b, o, n),
            Code::Binary(kind, lane) => int_binary::<V>(kind, lane, a, b, o, n),
            Code::MulAdd => each!(o, n, av = a, bv = b, cv = c => av.mul_add(bv, cv)),
            Code::MulSub => {
                each!(o, n, av = a, bv = b, cv = c => av.mul_add(bv, cv.xor(V::splat(-0.0))));
            }
            Code::NegMulAdd => {
                each!(o, n, av = a, bv = b, cv = c => av.xor(V::splat(-0.0)).mul_add(bv, cv));
            }
            Code::Approach => each!(o, n, x = a, m = b, cv = c => x.sub(m).mul_add(cv, m)),
            Code::ApproachSquare => each!(o, n, x = a, m = b, cv = c => x.mul(x).sub(m).mul_add(cv, m)),
            Code::DivSqrt => each!(o, n, av = a, v = b, ev = c => av.div(v.sqrt().add(ev))),
            Code::RootStep => {
                each!(o, n, x = a, m = b, rate = c, v = d, ev = e => x.sub(m.mul(rate).div(v.sqrt().add(ev))));
            }
            Code::Compare(kind, lane) => compare::<V>(kind, lane, a, b, o, n),
            Code::Select => each!(o, n, m = a, av = b, bv = c => m.select(av, bv)),
            Code::Convert(from, to) => convert::<V>(from, to, a, o, n),
            Code::Copy => each!(o, n, x = a => x),
            Code::WriteBool => {
                let (a, o) = (a.cast::<u32>(), o.cast::<u8>());
                (0..n).for_each(|i| *o.add(i) = (*a.add(i) & 1) as u8);
            }
            Code::Read(_) | Code::Write(_) | Code::SumRows(_) => {}
        }
    }
}

/// Kinds without a vector form, one by one.
#[cold]
#[inline(never)]
unsafe fn one_by_one(n: usize, o: *mut f32, f: &dyn Fn(usize) -> Number) {
    for i in 0..n {
        if let Number::Float(y) = f(i) {
            // SAFETY: the caller's.
            unsafe { *o.add(i) = y as f32 };
        }
    }
}

#[inline(always)]
unsafe fn float_unary<V: Vector>(kind: UnaryKind, a: *const f32, o: *mut f32, n: usize) {
    use UnaryKind::*;
    // SAFETY: the caller's.
    unsafe {
        match kind {
            Abs => each!(o, n, x = a => x.abs()),
            Neg => each!(o, n, x = a => x.xor(V::splat(-0.0))),
            Sign => each!(o, n, x = a => {
                let one = V::splat(1.0).or(x.and(V::splat(-0.0)));
                x.eq(V::splat(0.0)).or(x.eq(x).not()).select(x, one)
            }),
            Exp => each!(o, n, x = a => math::exp(x)),
            Expm1 => each!(o, n, x = a => math::expm1(x)),
            Log => each!(o, n, x = a => math::log(x)),
            Log1p => each!(o, n, x = a => math::log1p(x)),
            Sqrt => each!(o, n, x = a => x.sqrt()),
            Rsqrt => each!(o, n, x = a => V::splat(1.0).div(x.sqrt())),
            Tanh => each!(o, n, x = a => math::tanh(x)),
            Logistic => each!(o, n, x = a => math::logistic(x)),
            Relu => each!(o, n, x = a => x.max(V::splat(0.0))),
            Ceil => each!(o, n, x = a => x.ceil()),
            Floor => each!(o, n, x = a => x.floor()),
            Round => each!(o, n, x = a => x.round()),
            Erf => each!(o, n, x = a => math::erf(x)),
            IsFinite => each!(o, n, x = a => x.abs().lt(V::splat(f32::INFINITY))),
            _ => one_by_one(n, o, &|i| scalar::unary(kind, DType::F32, Number::Float(f64::from(*a.add(i))))),
        }
    }
}

#[inline(always)]
unsafe fn int_unary<V: Vector>(kind: UnaryKind, lane: Lane, a: *const f32, o: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        let zero = V::splat_int(0);
        let signed = lane == Lane::I32;
        match kind {
            UnaryKind::Not => each!(o, n, x = a => x.not()),
            UnaryKind::Neg => each!(o, n, x = a => zero.sub_int(x)),
            UnaryKind::Abs if signed => {
                each!(o, n, x = a => zero.gt_int(x).select(zero.sub_int(x), x));
            }
            UnaryKind::Relu if signed => each!(o, n, x = a => zero.gt_int(x).select(zero, x)),
            UnaryKind::Sign => each!(o, n, x = a => {
                let one = V::splat_int(1);
                let sign = if signed { zero.gt_int(x).select(V::splat_int(-1), one) } else { one };
                x.eq_int(zero).select(zero, sign)
            }),
            _ => each!(o, n, x = a => x),
        }
    }
}

#[inline(always)]
unsafe fn float_binary<V: Vector>(kind: BinaryKind, a: *const f32, b: *const f32, o: *mut f32, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        match kind {
            BinaryKind::Add => each!(o, n, x = a, y = b => x.add(y)),
            BinaryKind::Sub => each!(o, n, x = a, y = b => x.sub(y)),
            BinaryKind::Mul => each!(o, n, x = a, y = b => x.mul(y)),
            BinaryKind::Div => each!(o, n, x = a, y = b => x.div(y)),
            BinaryKind::Max => each!(o, n, x = a, y = b => x.max(y)),
            BinaryKind::Min => each!(o, n, x = a, y = b => x.min(y)),
            _ => one_by_one(n, o, &|i| {
                let [x, y] = [*a.add(i), *b.add(i)].map(|x| Number::Float(f64::from(x)));
                scalar::binary(kind, DType::F32, x, y)
            }),
        }
    }
}

#[inline(always)]
unsafe fn int_binary<V: Vector>(
    kind: BinaryKind,
    lane: Lane,
    a: *const f32,
    b: *const f32,
    o: *mut f32,
    n: usize,
) {
    use BinaryKind::*;
    // SAFETY: the caller's.
    unsafe {
        match (kind, lane) {
            // Bools wrap to `x != 0`: a sum is an or, a product an and.
            (Add | Max | Or, Lane::Bool) | (Or, _) => each!(o, n, x = a, y = b => x.or(y)),
            (Mul | Min | And, Lane::Bool) | (And, _) => each!(o, n, x = a, y = b => x.and(y)),
            (Xor, _) => each!(o, n, x = a, y = b => x.xor(y)),
            (Add, _) => each!(o, n, x = a, y = b => x.add_int(y)),
            (Sub, _) => each!(o, n, x = a, y = b => x.sub_int(y)),
            (Mul, _) => each!(o, n, x = a, y = b => x.mul_int(y)),
            (Max, _) => each!(o, n, x = a, y = b => greater_int(lane, x, y).select(x, y)),
            (Min, _) => each!(o, n, x = a, y = b => greater_int(lane, x, y).select(y, x)),
            (ShiftLeft, _) => each!(o, n, x = a, y = b => x.shift_left(y)),
            (ShiftRightLogical, _) => each!(o, n, x = a, y = b => x.shift_right(y)),
            (ShiftRightArithmetic, Lane::I32) => {
                each!(o, n, x = a, y = b => x.shift_right_signed(y));
            }
            (ShiftRightArithmetic, _) => each!(o, n, x = a, y = b => x.shift_right(y)),
            // The schedule leaves these to other kernels.
            (Div | Rem | Pow | Atan2, _) => {}
        }
    }
}

#[inline(always)]
unsafe fn greater_int<V: Vector>(lane: Lane, x: V, y: V) -> V {
    // SAFETY: the caller vouches for the instruction set.
    unsafe {
        if lane == Lane::I32 {
            x.gt_int(y)
        } else {
            let top = V::splat_int(i32::MIN);
            x.xor(top).gt_int(y.xor(top))
        }
    }
}

#[inline(always)]
unsafe fn compare<V: Vector>(
    kind: CompareKind,
    lane: Lane,
    a: *const f32,
    b: *const f32,
    o: *mut f32,
    n: usize,
) {
    use CompareKind::*;
    // SAFETY: the caller's.
    unsafe {
        match (kind, lane) {
            (Eq, Lane::F32) => each!(o, n, x = a, y = b => x.eq(y)),
            (Ne, Lane::F32) => each!(o, n, x = a, y = b => x.eq(y).not()),
            (Lt, Lane::F32) => each!(o, n, x = a, y = b => x.lt(y)),
            (Le, Lane::F32) => each!(o, n, x = a, y = b => x.le(y)),
            (Gt, Lane::F32) => each!(o, n, x = a, y = b => y.lt(x)),
            (Ge, Lane::F32) => each!(o, n, x = a, y = b => y.le(x)),
            (Eq, _) => each!(o, n, x = a, y = b => x.eq_int(y)),
            (Ne, _) => each!(o, n, x = a, y = b => x.eq_int(y).not()),
            (Lt, _) => each!(o, n, x = a, y = b => greater_int(lane, y, x)),
            (Le, _) => each!(o, n, x = a, y = b => greater_int(lane, x, y).not()),
            (Gt, _) => each!(o, n, x = a, y = b => greater_int(lane, x, y)),
            (Ge, _) => each!(o, n, x = a, y = b => greater_int(lane, y, x).not()),
        }
    }
}

#[inline(always)]
unsafe fn convert<V: Vector>(from: Lane, to: Lane, a: *const f32, o: *mut f32, n: usize) {
    use Lane::*;
    // SAFETY: the caller's.
    unsafe {
        match (from, to) {
            (F32, Bool) => each!(o, n, x = a => x.eq(V::splat(0.0)).not()),
            (I32 | U32, Bool) => each!(o, n, x = a => x.eq_int(V::splat_int(0)).not()),
            (Bool, F32) => each!(o, n, x = a => x.and(V::splat(1.0))),
            (Bool, I32 | U32) => each!(o, n, x = a => x.and(V::splat_int(1))),
            (I32, F32) => each!(o, n, x = a => x.to_float()),
            // What rounds, saturates or has its top bit set, as the language does it.
            (U32, F32) => {
                let a = a.cast::<u32>();
                (0..n).for_each(|i| *o.add(i) = *a.add(i) as f32);
            }
            (F32, I32) => {
                let o = o.cast::<i32>();
                (0..n).for_each(|i| *o.add(i) = i32::from_f64(f64::from(*a.add(i))));
            }
            (F32, U32) => {
                let o = o.cast::<u32>();
                (0..n).for_each(|i| *o.add(i) = u32::from_f64(f64::from(*a.add(i))));
            }
            _ => each!(o, n, x = a => x),
        }
    }
}
