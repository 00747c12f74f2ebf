//! The kernel heap: one allocator over the shared region, for all processes of the instance.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use talc::{ErrOnOom, Span, Talc};

use crate::sync::Mutex;

/// The global allocator of the kernel image.
pub struct SharedHeap(Mutex<Talc<ErrOnOom>>);

impl core::fmt::Debug for SharedHeap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SharedHeap")
    }
}

impl SharedHeap {
    /// A heap without memory: every allocation fails.
    pub const fn new() -> Self {
        Self(Mutex::new(Talc::new(ErrOnOom)))
    }

    /// Gives the heap its memory.
    ///
    /// # Safety
    /// `[start, start + length)` is mapped, writable and nobody else's, for ever.
    pub unsafe fn claim(&self, start: u64, length: u64) {
        // The only error is a span too small to use, which leaves the heap as it was.
        // SAFETY: the caller's promise.
        let _ = unsafe { self.0.lock().claim(Span::from_base_size(start as *mut u8, length as usize)) };
    }
}

impl SharedHeap {
    /// Takes the lock away from whoever has it: for the last words of a kernel that has failed.
    pub fn break_lock(&self) {
        self.0.break_lock();
    }
}

impl Default for SharedHeap {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: talc gives out disjoint blocks that fit their layouts; the lock lets one thread at it at a time.
unsafe impl GlobalAlloc for SharedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller gives a layout of a size other than zero.
        unsafe { self.0.lock().malloc(layout) }.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller got the block from here with this layout.
            unsafe { self.0.lock().free(block, layout) };
        }
    }
}
