//! Plans within a plan.
use super::Plan;

/// Scratch memory of a plan within another: its slots, then its arena.
#[derive(Debug)]
pub(crate) struct Nested {
    pub plan: Plan,
    slots_bytes: usize,
}

impl Nested {
    pub fn new(plan: Plan) -> Nested {
        Nested { slots_bytes: (plan.slots() * size_of::<*mut u8>()).next_multiple_of(64), plan }
    }

    pub fn scratch_bytes(&self) -> usize {
        self.slots_bytes + self.plan.arena_bytes()
    }

    /// The slots, in scratch memory, with arena and constants filled in.
    pub unsafe fn slots<'a>(&self, scratch: *mut u8) -> &'a mut [*mut u8] {
        // SAFETY: the caller's: the scratch memory is ours and aligned.
        unsafe {
            let slots = std::slice::from_raw_parts_mut(scratch.cast::<*mut u8>(), self.plan.slots());
            slots[0] = scratch.add(self.slots_bytes);
            self.plan.fill_constants(slots);
            slots
        }
    }
}
