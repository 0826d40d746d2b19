//! Memory aligned for vector instructions.
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

/// Vector registers and cache lines are at most this wide.
pub(crate) const ALIGN: usize = 64;
/// A huge page of x86-64 and of AArch64 with small pages of 4 KiB.
const HUGE_PAGE: usize = 2 << 20;

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
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { ALIGN };
        let size = bytes.max(1).checked_next_multiple_of(ALIGN)?;
        let layout = Layout::from_size_align(size, align).ok()?;
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        if align == HUGE_PAGE {
            // SAFETY: whole pages within the memory just given.
            unsafe { ask_for_huge_pages(start.as_ptr(), size / HUGE_PAGE * HUGE_PAGE) };
        }
        // SAFETY: the memory is as large.
        unsafe { start.write_bytes(0, size) };
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
        // SAFETY: it came from there with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
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

#[cfg(target_os = "linux")]
unsafe fn ask_for_huge_pages(start: *mut u8, bytes: usize) {
    // A refusal costs speed alone.
    // SAFETY: the caller's.
    unsafe { libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
unsafe fn ask_for_huge_pages(_: *mut u8, _: usize) {}
