//! Memory aligned for vector instructions.
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

/// Vector registers and cache lines are at most this wide.
pub(crate) const ALIGN: usize = 64;
/// A huge page of x86-64 and of AArch64 with small pages of 4 KiB.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes from which on memory comes from the system and goes back there: an allocator would keep what is freed, in pieces.
const OWN_PAGES: usize = 256 << 10;

/// Zeroed bytes that start at a cache line, in huge pages where they fill some and the system has them: rows that lie
/// far apart are then found without walks of the page table, and fewer faults bring the memory in.
#[derive(Debug)]
pub(crate) struct Aligned {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it owns its bytes.
unsafe impl Send for Aligned {}
// SAFETY: shared, they are only read.
unsafe impl Sync for Aligned {}

impl Aligned {
    /// Zeroed memory of at least `bytes`, which are few.
    pub fn zeroed(bytes: usize) -> Aligned {
        Aligned::try_zeroed(bytes).unwrap_or_else(|| handle_alloc_error(Layout::new::<u8>()))
    }

    /// Zeroed memory of at least `bytes`, if the system gives it.
    pub fn try_zeroed(bytes: usize) -> Option<Aligned> {
        let size = bytes.max(1).checked_next_multiple_of(ALIGN)?;
        let layout = Layout::from_size_align(size, ALIGN).ok()?;
        let start = if size < OWN_PAGES {
            // SAFETY: the size is not 0.
            NonNull::new(unsafe { alloc_zeroed(layout) })?
        } else {
            pages::zeroed(layout)?
        };
        Some(Aligned { start, layout })
    }

    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }

    pub fn as_ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    pub fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Default for Aligned {
    fn default() -> Aligned {
        Aligned::zeroed(0)
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: it came from there with this layout, and nobody has it any more.
        unsafe {
            if self.layout.size() < OWN_PAGES {
                dealloc(self.start.as_ptr(), self.layout);
            } else {
                pages::give_back(self.start, self.layout);
            }
        }
    }
}

/// Gives memory back to the system that the allocator keeps free. It keeps what models were loaded and programs were planned
/// with, about as much as a small model.
pub(crate) fn give_back_unused() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

thread_local! {
    static OF_THREAD: RefCell<Aligned> = RefCell::new(Aligned::default());
    static OF_SAMPLE: RefCell<Aligned> = RefCell::new(Aligned::default());
}

/// Memory of this thread for `floats` numbers, which `f` has to itself; what stands there is anything.
#[inline(always)]
pub(crate) fn thread_memory(floats: usize, f: impl FnOnce(*mut f32)) {
    OF_THREAD.with(|memory| f(at_least(&mut memory.borrow_mut(), floats * 4).cast()));
}

/// Memory of this thread for what a sample needs on its way through some steps, which use other memory of the thread.
pub(crate) fn sample_memory<R>(bytes: usize, f: impl FnOnce(*mut u8) -> R) -> R {
    OF_SAMPLE.with(|memory| f(at_least(&mut memory.borrow_mut(), bytes)))
}

fn at_least(memory: &mut Aligned, bytes: usize) -> *mut u8 {
    if memory.len() < bytes {
        *memory = Aligned::zeroed(bytes);
    }
    memory.as_mut_ptr()
}

/// Memory from the system, which is zero, and takes room page by page as it is written to.
#[cfg(target_os = "linux")]
mod pages {
    use super::{HUGE_PAGE, Layout, NonNull};
    use libc::{
        MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, madvise, mmap, munmap,
    };

    pub(super) fn zeroed(layout: Layout) -> Option<NonNull<u8>> {
        let size = layout.size();
        // Room to begin where a huge page does.
        let spare = if size < HUGE_PAGE { 0 } else { HUGE_PAGE };
        let room = size.checked_add(spare)?;
        let (access, kind) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
        // SAFETY: new memory at a place of the system's choice.
        let all = unsafe { mmap(std::ptr::null_mut(), room, access, kind, -1, 0) };
        if all == MAP_FAILED {
            return None;
        }
        let all = all.cast::<u8>();
        let before = if spare == 0 { 0 } else { all.align_offset(HUGE_PAGE) };
        let start = all.wrapping_add(before);
        let end = (size + before).next_multiple_of(page());
        // SAFETY: pages within the memory just given, of which nothing is used yet; a refusal of huge pages costs speed alone.
        unsafe {
            if before > 0 {
                munmap(all.cast(), before);
            }
            if end < room {
                munmap(all.wrapping_add(end).cast(), room - end);
            }
            if spare > 0 {
                madvise(start.cast(), size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
            }
        }
        NonNull::new(start)
    }

    /// # Safety
    /// As for `munmap` of memory that [`zeroed`] gave for this layout.
    pub(super) unsafe fn give_back(start: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { munmap(start.as_ptr().cast(), layout.size()) };
    }

    fn page() -> usize {
        // SAFETY: it only asks.
        usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(HUGE_PAGE)
    }
}

#[cfg(not(target_os = "linux"))]
mod pages {
    use super::{Layout, NonNull, alloc_zeroed, dealloc};

    pub(super) fn zeroed(layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    /// # Safety
    /// As for `dealloc` of memory that [`zeroed`] gave for this layout.
    pub(super) unsafe fn give_back(start: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { dealloc(start.as_ptr(), layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zero_and_its_own() {
        for bytes in [0, 1, 100, OWN_PAGES - 1, OWN_PAGES, HUGE_PAGE - 1, HUGE_PAGE, 3 * HUGE_PAGE + 5] {
            let mut all: Vec<Aligned> = (0..3).map(|_| Aligned::zeroed(bytes)).collect();
            for (i, memory) in all.iter_mut().enumerate() {
                assert!(memory.len() >= bytes && (memory.as_ptr() as usize).is_multiple_of(ALIGN));
                // SAFETY: so many bytes are there.
                let bytes = unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr(), memory.len()) };
                assert!(bytes.iter().all(|&b| b == 0));
                bytes.fill(i as u8 + 1);
            }
            for (i, memory) in all.iter().enumerate() {
                // SAFETY: as above.
                let bytes = unsafe { std::slice::from_raw_parts(memory.as_ptr(), memory.len()) };
                assert!(bytes.iter().all(|&b| b == i as u8 + 1));
            }
        }
        assert!(
            Aligned::try_zeroed(usize::MAX).is_none() && Aligned::try_zeroed(isize::MAX as usize).is_none()
        );
    }
}
