//! The kernel heap: one allocator over the shared region, for all processes of the instance, and before it each
//! thread's own shelf of small blocks.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use talc::{ErrOnOom, Span, Talc};

use crate::sync::{Mutex, Once};
use crate::task;

/// Sizes of small blocks are multiples of this, which is also their alignment.
const GRAIN: usize = 16;
/// Sizes of small blocks, up to 512 bytes.
const SIZES: usize = 32;
/// Bytes of one size that a shelf keeps at most, where that is more than one block.
const KEPT: usize = 2048;

/// A free block on a shelf.
struct Free {
    next: *mut Free,
}

/// Free blocks of one size.
#[derive(Clone, Copy)]
struct Pile {
    top: *mut Free,
    count: usize,
}

/// Small free blocks that one thread has for itself, without a lock. It lies in private memory: a cloned process has
/// a copy of its parent's, which it must [`Shelf::forget`].
pub struct Shelf([Pile; SIZES]);

impl core::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Shelf")
    }
}

impl Shelf {
    /// Forgets what lies on it: it is somebody else's.
    pub fn forget(&mut self) {
        self.0 = [Pile { top: ptr::null_mut(), count: 0 }; SIZES];
    }
}

/// Which pile, from the smallest size, serves a layout.
fn pile_of(layout: Layout) -> Option<usize> {
    let index = layout.size().wrapping_sub(1) / GRAIN;
    (index < SIZES && layout.align() <= GRAIN).then_some(index)
}

fn layout_of(pile: usize) -> Layout {
    // SAFETY: the alignment is a power of two, the size a small multiple of it.
    unsafe { Layout::from_size_align_unchecked((pile + 1) * GRAIN, GRAIN) }
}

/// What a large block is asked for as: talc sorts free ones into bins, four for each power of two, and looks through
/// the bin that a size falls into until one is large enough. Of the size at which a bin begins, the first one is.
fn roomy(layout: Layout) -> Layout {
    /// What talc takes at a block's end for itself.
    const TAG: usize = size_of::<usize>();
    let Some(taken) = layout.size().checked_add(TAG) else { return layout };
    let quarter = (taken.next_power_of_two() / 8).max(GRAIN);
    let size = taken.next_multiple_of(quarter) - TAG;
    Layout::from_size_align(size, layout.align()).unwrap_or(layout)
}

/// Blocks that a pile holds at most.
fn bound(pile: usize) -> usize {
    (KEPT / ((pile + 1) * GRAIN)).max(2)
}

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
    pub unsafe fn claim(&'static self, start: u64, length: u64) {
        // The only error is a span too small to use, which leaves the heap as it was.
        // SAFETY: the caller's promise.
        let _ = unsafe { self.0.lock().claim(Span::from_base_size(start as *mut u8, length as usize)) };
        KERNEL_HEAP.set(self);
    }

    /// Takes the lock away from whoever has it: for the last words of a kernel that has failed.
    pub fn break_lock(&self) {
        self.0.break_lock();
    }

    /// A block from the heap itself, and some more for the pile.
    fn restock(&self, pile: &mut Pile, index: usize) -> *mut u8 {
        let layout = layout_of(index);
        let mut heap = self.0.lock();
        // SAFETY: the size is not zero.
        let Ok(first) = (unsafe { heap.malloc(layout) }) else { return ptr::null_mut() };
        for _ in 0..bound(index) / 4 {
            // SAFETY: as above.
            let Ok(block) = (unsafe { heap.malloc(layout) }) else { break };
            // SAFETY: the block is nobody's, and has room for the link.
            unsafe { pile.push(block) };
        }
        first.as_ptr()
    }

    /// Gives blocks of a pile back to the heap, until `left` are left.
    fn shrink(&self, pile: &mut Pile, index: usize, left: usize) {
        let mut heap = self.0.lock();
        while pile.count > left
            && let Some(block) = pile.pop()
        {
            // SAFETY: blocks on a pile came from the heap with this layout.
            unsafe { heap.free(block, layout_of(index)) };
        }
    }
}

/// The heap, once it has its memory.
static KERNEL_HEAP: Once<&'static SharedHeap> = Once::new();

/// Gives all that the calling thread has on its shelf back. What it frees from now on is lost.
pub fn clear_shelf() {
    if let (Some(heap), Some(shelf)) = (KERNEL_HEAP.get(), task::shelf()) {
        for (index, pile) in shelf.0.iter_mut().enumerate().filter(|(_, pile)| pile.count > 0) {
            heap.shrink(pile, index, 0);
        }
    }
}

impl Pile {
    /// # Safety
    /// The block is nobody's, and of the pile's size.
    unsafe fn push(&mut self, block: NonNull<u8>) {
        let free = block.as_ptr().cast::<Free>();
        // SAFETY: the caller's promise; a block is large enough for a link, and aligned for it.
        unsafe { free.write(Free { next: self.top }) };
        self.top = free;
        self.count += 1;
    }

    fn pop(&mut self) -> Option<NonNull<u8>> {
        let free = NonNull::new(self.top)?;
        // SAFETY: a block on the pile holds a link.
        self.top = unsafe { free.as_ref() }.next;
        self.count -= 1;
        Some(free.cast())
    }
}

impl Default for SharedHeap {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: talc gives out disjoint blocks that fit their layouts, with the lock one thread at a time; a block that lies
// on a thread's shelf is no one else's, and fits every layout of its pile.
unsafe impl GlobalAlloc for SharedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(index) = pile_of(layout) else {
            // SAFETY: the caller gives a layout of a size other than zero.
            return unsafe { self.0.lock().malloc(roomy(layout)) }.map_or(ptr::null_mut(), NonNull::as_ptr);
        };
        match task::shelf() {
            Some(shelf) => match shelf.0[index].pop() {
                Some(block) => block.as_ptr(),
                None => self.restock(&mut shelf.0[index], index),
            },
            None => {
                // SAFETY: the size is not zero.
                let block = unsafe { self.0.lock().malloc(layout_of(index)) };
                block.map_or(ptr::null_mut(), NonNull::as_ptr)
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        let Some(index) = pile_of(layout) else {
            // SAFETY: the caller got the block from here with this layout.
            unsafe { self.0.lock().free(block, roomy(layout)) };
            return;
        };
        match task::shelf() {
            Some(shelf) => {
                let pile = &mut shelf.0[index];
                if pile.count >= bound(index) {
                    self.shrink(pile, index, bound(index) / 2);
                }
                // SAFETY: the caller gives the block up; it was given out with the pile's layout.
                unsafe { pile.push(block) };
            }
            // SAFETY: small blocks are given out with their pile's layout.
            None => unsafe { self.0.lock().free(block, layout_of(index)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use core::alloc::Layout;

    use super::roomy;

    #[test]
    fn large_blocks_fill_the_bins_they_come_from() {
        for (size, expected) in
            [(513, 632), (632, 632), (633, 760), (1000, 1016), (4096, 5112), (65_536, 81_912)]
        {
            let layout = Layout::from_size_align(size, 8).expect("a layout");
            assert_eq!(roomy(layout).size(), expected, "{size}");
        }
        let huge = Layout::from_size_align(isize::MAX as usize - 16, 16).expect("a layout");
        assert!(roomy(huge).size() >= huge.size());
    }
}
