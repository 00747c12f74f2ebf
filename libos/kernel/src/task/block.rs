//! A thread's kernel stack block: private to its process, at an address that is a multiple of its size, so that
//! the stack pointer tells the thread.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use bailey_abi::layout::{STACK_SIZE, STACKS_BASE, THREAD_TABLE, THREAD_TABLE_SIZE};

use crate::errno::Result;
use crate::host::heap::Shelf;
use crate::host::memory;
use crate::sync::Mutex;
use crate::task::Thread;

/// Numbers of the patched path's entry stub (`trap/entry.rs`): offsets in [`Head`].
#[expect(missing_docs, reason = "they name the fields")]
pub mod offset {
    pub const USER_RSP: usize = 8;
    pub const SITE: usize = 16;
}

/// The lowest bytes of a block. In private memory: a cloned process changes its own copy.
#[repr(C)]
#[derive(Debug)]
struct Head {
    /// `Arc<Thread>` as a raw pointer, or 0.
    thread: AtomicU64,
    /// The application's stack pointer on the patched path.
    user_rsp: AtomicU64,
    /// The patched site on the patched path.
    site: AtomicU64,
    /// Host id of the thread; the host makes it 0 when the thread is gone.
    host_tid: AtomicI32,
    /// Whether the block belongs to a thread.
    taken: AtomicI32,
    /// FS base under which the block stands in the thread table, or 0.
    registered: AtomicU64,
    /// Free blocks of the kernel heap that are the thread's.
    shelf: UnsafeCell<Shelf>,
}

/// The blocks that a process has made besides the first thread's. The lock around it serialises taking them.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// How many there are.
    made: u64,
    /// Numbers of those that are copies of another process's: to be made anew before they are used.
    stale: Vec<u64>,
}

impl Blocks {
    /// What a process has that is cloned by the thread on `block`.
    pub fn inherited(&self, block: Block) -> Self {
        let own = (block.0 - STACKS_BASE) / STACK_SIZE;
        Self { made: self.made, stale: (1..=self.made).filter(|index| *index != own).collect() }
    }
}

/// A block, by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block(u64);

/// Bytes of a thread-table entry: FS base, block.
pub const THREAD_ENTRY: u64 = 16;

impl Block {
    /// The block of the first thread, made by the monitor.
    pub const FIRST: Self = Self(STACKS_BASE);

    /// The calling thread's block.
    pub fn current() -> Self {
        let here = 0_u8;
        Self((&raw const here) as u64 & !(STACK_SIZE - 1))
    }

    /// Its address.
    pub const fn address(self) -> u64 {
        self.0
    }

    /// First address above it.
    pub const fn top(self) -> u64 {
        self.0 + STACK_SIZE
    }

    fn head(self) -> &'static Head {
        // SAFETY: a Block is only made for memory that is mapped as one, and zero bytes are a Head.
        unsafe { &*(self.0 as *const Head) }
    }

    /// Where the host keeps the thread's id.
    pub fn host_tid_cell(self) -> *mut i32 {
        self.head().host_tid.as_ptr()
    }

    /// The thread's host id.
    pub fn host_tid(self) -> i32 {
        self.head().host_tid.load(Ordering::Acquire)
    }

    /// Sets the thread's host id where the host did not.
    pub fn set_host_tid(self, tid: i32) {
        self.head().host_tid.store(tid, Ordering::Release);
    }

    /// The application's stack pointer on the patched path.
    pub fn user_rsp(self) -> u64 {
        self.head().user_rsp.load(Ordering::Relaxed)
    }

    /// The patched site's record on the patched path.
    pub fn site(self) -> u64 {
        self.head().site.load(Ordering::Relaxed)
    }

    /// Gives the block to a thread; the block keeps it alive.
    pub fn set_thread(self, thread: &Arc<Thread>) {
        let old = self.head().thread.swap(Arc::into_raw(thread.clone()) as u64, Ordering::AcqRel);
        self.head().taken.store(1, Ordering::Relaxed);
        let _ = old;
    }

    /// As [`Self::set_thread`]; what that kept of the thread before is given back to the caller.
    pub fn replace_thread(self, thread: &Arc<Thread>) -> Option<Arc<Thread>> {
        let old =
            self.head().thread.swap(Arc::into_raw(thread.clone()) as u64, Ordering::AcqRel) as *const Thread;
        // SAFETY: the pointer came from `Arc::into_raw`, and the swap took it for good.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
    }

    /// Forgets the thread: what [`Self::set_thread`] kept is given back to the caller.
    pub fn take_thread(self) -> Option<Arc<Thread>> {
        let old = self.head().thread.swap(0, Ordering::AcqRel) as *const Thread;
        // SAFETY: the pointer came from `Arc::into_raw`, and the swap took it for good.
        (!old.is_null()).then(|| unsafe { Arc::from_raw(old) })
    }

    /// A block for a new thread of the calling process: one whose thread is gone, or a fresh one.
    ///
    /// # Errors
    /// `ENOMEM`
    pub fn take(blocks: &Mutex<Blocks>) -> Result<Self> {
        let mut blocks = blocks.lock();
        let usable = |index: &u64| {
            let head = Self::numbered(*index).head();
            head.taken.load(Ordering::Relaxed) == 0 && head.host_tid.load(Ordering::Acquire) == 0
        };
        let stale = blocks.stale.pop();
        let free = (1..=blocks.made).filter(|_| stale.is_none()).find(usable);
        let block = Self::numbered(free.or(stale).unwrap_or(blocks.made + 1));
        if free.is_none() {
            let protection = memory::PROT_READ | memory::PROT_WRITE;
            // SAFETY: the next place of the area for blocks, or one whose thread lives in another process only.
            unsafe { memory::allocate(block.0, STACK_SIZE, protection)? };
            blocks.made += u64::from(stale.is_none());
        }
        block.head().taken.store(1, Ordering::Relaxed);
        Ok(block)
    }

    /// Gives the block up at its thread's end: it is free once the host has made the thread's id 0.
    pub fn release_later(self) {
        self.unregister();
        drop(self.take_thread());
        self.head().taken.store(0, Ordering::Relaxed);
    }

    /// In a cloned process, before it takes or gives memory: what lies on the shelf is the parent's.
    pub fn forget_shelf(self) {
        // SAFETY: only the thread on the block uses its shelf, and that is the caller.
        unsafe { (*self.head().shelf.get()).forget() };
    }

    /// The block of this number.
    const fn numbered(index: u64) -> Self {
        Self(STACKS_BASE + index * STACK_SIZE)
    }

    /// Makes the patched path find the block by this FS base.
    pub fn register(self, fs_base: u64) {
        self.unregister();
        if fs_base == 0 {
            return;
        }
        let entry = table_entry(fs_base);
        // Block first: the stub compares the FS base, then reads the block.
        entry[1].store(self.0, Ordering::Release);
        entry[0].store(fs_base, Ordering::Release);
        self.head().registered.store(fs_base, Ordering::Relaxed);
    }

    fn unregister(self) {
        let fs_base = self.head().registered.swap(0, Ordering::Relaxed);
        if fs_base != 0 {
            let entry = table_entry(fs_base);
            if entry[1].load(Ordering::Acquire) == self.0 {
                entry[0].store(0, Ordering::Release);
            }
        }
    }
}

fn table_entry(fs_base: u64) -> &'static [AtomicU64; 2] {
    let place = THREAD_TABLE + ((fs_base >> 8) & (THREAD_TABLE_SIZE - THREAD_ENTRY));
    // SAFETY: the table is mapped in every process, and the offset is a multiple of an entry inside of it.
    unsafe { &*(place as *const [AtomicU64; 2]) }
}

/// The calling thread, if it runs on a block that has one.
#[cfg(feature = "image")]
pub fn try_current() -> Option<&'static Thread> {
    let here = 0_u8;
    let address = (&raw const here) as u64;
    if !(STACKS_BASE..bailey_abi::layout::KERNEL_END).contains(&address) {
        return None;
    }
    let thread = Block::current().head().thread.load(Ordering::Acquire) as *const Thread;
    // SAFETY: the block keeps the thread alive as long as it runs on it.
    unsafe { thread.as_ref() }
}

/// The calling thread's shelf of the kernel heap, if it runs on a block.
pub fn shelf() -> Option<&'static mut Shelf> {
    let here = 0_u8;
    let address = (&raw const here) as u64;
    // SAFETY: the shelf is in the block of the calling thread, which nobody else uses; the heap, which alone asks for
    // it, never keeps it.
    (STACKS_BASE..bailey_abi::layout::KERNEL_END)
        .contains(&address)
        .then(|| unsafe { &mut *Block::current().head().shelf.get() })
}

/// Outside the kernel image no thread is one of ours.
#[cfg(not(feature = "image"))]
pub fn try_current() -> Option<&'static Thread> {
    None
}

/// The calling thread.
///
/// # Panics
/// On a stack that is no thread's: a bug of the kernel.
pub fn current() -> &'static Thread {
    try_current().expect("kernel code runs on a thread's block")
}

/// What marks a lock as the calling thread's: its host id, or 1 before it has one.
pub fn lock_owner() -> u32 {
    if cfg!(feature = "image") { Block::current().host_tid().cast_unsigned().max(1) } else { 1 }
}

/// Counts a lock that the calling thread has taken: one that dies with a lock takes the instance with it.
pub fn lock_taken() {
    if let Some(thread) = try_current() {
        // Only the thread itself counts; others just look.
        thread.locks.store(thread.locks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// Counts a lock that the calling thread has given back.
pub fn lock_given() {
    if let Some(thread) = try_current() {
        thread.locks.store(thread.locks.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
    }
}
