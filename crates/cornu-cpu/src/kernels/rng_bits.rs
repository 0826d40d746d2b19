//! Random bits: many blocks of Philox side by side.
use super::{Kernel, Lower};
use crate::pool::Pool;
use crate::vector::{MAX_LANES, Vector, for_isa};
use cornu_graph::ops::RngBits;
use cornu_graph::{Result, Spec, philox};

/// Numbers of a task; a multiple of what the blocks of a vector give.
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
    let mut words = [[0u32; MAX_LANES]; 4];
    let mut numbers = [0u32; 4 * MAX_LANES];
    for at in (from..to).step_by(4 * V::LANES) {
        // SAFETY: the arrays hold the lanes, and no more is copied than belongs to the output.
        unsafe {
            blocks::<V>(state, (at / 4) as u64, &mut words);
            for i in 0..V::LANES {
                for (j, word) in words.iter().enumerate() {
                    numbers[i * 4 + j] = word[i];
                }
            }
            let n = (4 * V::LANES).min(to - at);
            std::ptr::copy_nonoverlapping(numbers.as_ptr(), bits.add(at), n);
        }
    }
}

/// A vector of blocks from number `first` on, word by word; see [`philox::block`].
#[inline(always)]
// A block is a column of the words.
#[allow(clippy::needless_range_loop)]
unsafe fn blocks<V: Vector>(state: [u64; 2], first: u64, words: &mut [[u32; MAX_LANES]; 4]) {
    for i in 0..V::LANES {
        let (low, carry) = state[1].overflowing_add(first + i as u64);
        let high = state[0].wrapping_add(u64::from(carry));
        (words[0][i], words[1][i]) = (low as u32, (low >> 32) as u32);
        (words[2][i], words[3][i]) = (high as u32, (high >> 32) as u32);
    }
    // SAFETY: the caller vouches for the instruction set; the arrays hold all lanes.
    unsafe {
        let mut c = [V::splat(0.0); 4];
        for (c, word) in c.iter_mut().zip(words.iter()) {
            *c = V::load(word.as_ptr().cast());
        }
        let (m0, m1) = (V::splat_int(0xD251_1F53_u32 as i32), V::splat_int(0xCD9E_8D57_u32 as i32));
        let (mut k0, mut k1) = (state[0] as u32, (state[0] >> 32) as u32);
        for _ in 0..10 {
            let ((high0, low0), (high1, low1)) = (m0.mul_wide_int(c[0]), m1.mul_wide_int(c[2]));
            let (key0, key1) = (V::splat_int(k0 as i32), V::splat_int(k1 as i32));
            c = [high1.xor(c[1]).xor(key0), low1, high0.xor(c[3]).xor(key1), low0];
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
        }
        for (c, word) in c.into_iter().zip(words) {
            c.store(word.as_mut_ptr().cast());
        }
    }
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
