//! Where values live: slots at run time, and one arena laid out by lifetimes.
use crate::aligned::ALIGN;

/// A place at run time: a slot, and bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Loc {
    pub slot: u32,
    pub offset: usize,
}

/// The slot of the arena.
pub(crate) const ARENA: u32 = 0;

/// The starts of all slots during a run.
#[derive(Clone, Copy)]
pub(crate) struct Bases<'a>(pub &'a [*mut u8]);

// SAFETY: the plan gives concurrent tasks disjoint places to write, and none that others write to read.
unsafe impl Sync for Bases<'_> {}
// SAFETY: likewise.
unsafe impl Send for Bases<'_> {}

impl Bases<'_> {
    /// The address of a place.
    pub fn ptr<T>(&self, loc: Loc) -> *mut T {
        // SAFETY: the plan gives only offsets within the slot.
        unsafe { self.0[loc.slot as usize].add(loc.offset).cast() }
    }
}

/// Memory needed from one step to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub bytes: usize,
    /// The step that writes it first.
    pub first: usize,
    /// The last step that uses it.
    pub last: usize,
}

/// Offsets for all, so that those that live at one time do not overlap; and the size of the whole.
///
/// The largest are placed first, each at the lowest free offset.
pub(crate) fn lay_out(lifetimes: &[Lifetime]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].bytes), lifetimes[i].first, i));
    let mut offsets = vec![0; lifetimes.len()];
    let mut placed: Vec<usize> = vec![];
    let mut total = 0;
    for i in order {
        let own = lifetimes[i];
        let size = own.bytes.next_multiple_of(ALIGN);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&j| lifetimes[j].first <= own.last && own.first <= lifetimes[j].last)
            .map(|&j| (offsets[j], offsets[j] + lifetimes[j].bytes.next_multiple_of(ALIGN)))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if start >= offset + size {
                break;
            }
            offset = offset.max(end);
        }
        offsets[i] = offset;
        total = total.max(offset + size);
        placed.push(i);
    }
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_together_does_not_overlap() {
        let mut state = 1u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) % n) as usize
        };
        for _ in 0..200 {
            let lifetimes: Vec<Lifetime> = (0..random(40))
                .map(|_| {
                    let first = random(20);
                    Lifetime { bytes: 1 + random(1000), first, last: first + random(8) }
                })
                .collect();
            let (offsets, total) = lay_out(&lifetimes);
            for (i, a) in lifetimes.iter().enumerate() {
                assert!(offsets[i] + a.bytes <= total && offsets[i] % ALIGN == 0);
                for (j, b) in lifetimes.iter().enumerate().skip(i + 1) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    assert!(!together || apart, "{a:?} {b:?}");
                }
            }
        }
    }
}
