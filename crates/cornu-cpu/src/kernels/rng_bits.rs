//! Random bits: many blocks of Philox side by side.
use super::{Kernel, Lower};
use crate::pool::Pool;
use crate::vector::{Vector, for_isa};
use cornu_graph::ops::RngBits;
use cornu_graph::{Result, Spec, philox};

/// Blocks computed together.
const SIDE: usize = 16;
/// Numbers of a task; a multiple of what [`SIDE`] blocks give.
const GRAIN: usize = 1 << 15;

impl Lower for RngBits {
    fn lower(&self, _: &[&Spec], outputs: &[Spec]) -> Result<Option<Kernel>> {
        let n = outputs[1].len();
        Ok(Some(Kernel::new(move |args| {
            let next = args.output::<u64>(0);
            let bits = args.output::<u32>(1) as usize;
            // SAFETY: the state is two u64.
            let state = unsafe { args.input::<[u64; 2]>(0).read_unaligned() };
            let task = |task: usize| {
                let from = task * GRAIN;
                // SAFETY: each task writes numbers of its own.
                unsafe { fill(state, from, (from + GRAIN).min(n), bits as *mut u32) };
            };
            let tasks = n.div_ceil(GRAIN);
            if tasks <= 1 {
                task(0)
            } else {
                Pool::global().run(tasks, &task)
            }
            let after = philox::advance(state, n.div_ceil(4) as u64);
            // SAFETY: the next state is two u64.
            unsafe { next.cast::<[u64; 2]>().write_unaligned(after) };
        })))
    }
}

for_isa!(
    /// Numbers `from..to`; `from` is a multiple of 4.
    fn fill(state: [u64; 2], from: usize, to: usize, bits: *mut u32) = fill_with
);

#[inline(always)]
unsafe fn fill_with<V: Vector>(state: [u64; 2], from: usize, to: usize, bits: *mut u32) {
    let mut at = from;
    while at < to {
        let side = blocks(state, (at / 4) as u64);
        for (i, block) in (0..SIDE).map(|i| side.map(|word| word[i])).enumerate() {
            for (j, x) in block.into_iter().enumerate() {
                let place = at + i * 4 + j;
                if place < to {
                    // SAFETY: within the output.
                    unsafe { *bits.add(place) = x };
                }
            }
        }
        at += 4 * SIDE;
    }
}

/// [`SIDE`] blocks from number `first` on, word by word; see [`philox::block`].
#[inline(always)]
// Loops by index over all words at once are what becomes vector code.
#[allow(clippy::needless_range_loop)]
fn blocks(state: [u64; 2], first: u64) -> [[u32; SIDE]; 4] {
    let mut c = [[0u32; SIDE]; 4];
    for i in 0..SIDE {
        let (low, carry) = state[1].overflowing_add(first + i as u64);
        let high = state[0].wrapping_add(u64::from(carry));
        (c[0][i], c[1][i]) = (low as u32, (low >> 32) as u32);
        (c[2][i], c[3][i]) = (high as u32, (high >> 32) as u32);
    }
    let (mut k0, mut k1) = (state[0] as u32, (state[0] >> 32) as u32);
    for _ in 0..10 {
        for i in 0..SIDE {
            let p0 = 0xD251_1F53 * u64::from(c[0][i]);
            let p1 = 0xCD9E_8D57 * u64::from(c[2][i]);
            (c[0][i], c[1][i], c[2][i], c[3][i]) =
                ((p1 >> 32) as u32 ^ c[1][i] ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c[3][i] ^ k1, p0 as u32);
        }
        k0 = k0.wrapping_add(0x9E37_79B9);
        k1 = k1.wrapping_add(0xBB67_AE85);
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_single_blocks() {
        for state in [[1u64, 0], [0xdead_beef_1234_5678, u64::MAX - 3]] {
            let mut bits = vec![0u32; 203];
            // SAFETY: the vector holds all numbers.
            unsafe { fill(state, 0, 203, bits.as_mut_ptr()) };
            let want: Vec<u32> = (0..51).flat_map(|i| philox::block(state, i)).take(203).collect();
            assert_eq!(bits, want);
        }
    }
}
