//! The instance memfd, mapped whole at [`MEMFD_BASE`], and who has which pages of it.

use core::sync::atomic::{AtomicU64, Ordering};

use bailey_abi::layout::{MEMFD_BASE, MEMFD_MAX, PAGE_SIZE};

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::user::UserBuffers;
use crate::vfs::memfd::{ExtentAllocator, Run};

static PAGES: Mutex<ExtentAllocator> = Mutex::new(ExtentAllocator::empty());
/// Where the memfd is mapped; tests have another place.
static BASE: AtomicU64 = AtomicU64::new(MEMFD_BASE);

/// Takes the memfd of `size` bytes into use, once.
pub fn init(size: u64) {
    *PAGES.lock() = ExtentAllocator::new(size.min(MEMFD_MAX) / PAGE_SIZE);
}

/// All pages.
pub fn total_pages() -> u64 {
    PAGES.lock().total()
}

/// Pages that no file has.
pub fn free_pages() -> u64 {
    PAGES.lock().left()
}

pub(super) fn with_pages<T>(work: impl FnOnce(&mut ExtentAllocator) -> T) -> T {
    work(&mut PAGES.lock())
}

fn address(page: u64) -> u64 {
    BASE.load(Ordering::Relaxed) + page * PAGE_SIZE
}

/// Makes pages zero and gives their memory back to the host.
pub(super) fn punch(run: Run) {
    let (start, length) = (address(run.start), run.pages * PAGE_SIZE);
    #[cfg(not(test))]
    let punched = crate::host::remove_pages(start, length).is_ok();
    #[cfg(test)]
    let punched = false;
    if !punched {
        zero(start, length);
    }
}

fn zero(start: u64, length: u64) {
    // SAFETY: the run lies in the mapping of the memfd, which stays; programs that map the same pages
    // see them change as they would with any shared memory.
    unsafe { core::ptr::write_bytes(start as *mut u8, 0, length as usize) };
}

/// Punches the pages and frees them.
pub(super) fn release(run: Run) {
    punch(run);
    PAGES.lock().free(run);
}

/// Makes bytes zero: `[offset, offset + length)` of a page run that begins at page `page`.
pub(super) fn zero_bytes(page: u64, offset: u64, length: u64) {
    zero(address(page) + offset, length);
}

/// Copies bytes of the memfd out.
pub(super) fn copy_out(page: u64, offset: u64, length: usize, to: &mut UserBuffers) -> Result<usize> {
    // SAFETY: the bytes lie in the mapping of the memfd; programs may write them meanwhile, then the
    // reader gets old or new bytes, as from any shared mapping.
    let bytes = unsafe { core::slice::from_raw_parts((address(page) + offset) as *const u8, length) };
    to.copy_out(bytes)
}

/// Copies bytes into the memfd.
pub(super) fn copy_in(page: u64, offset: u64, length: usize, from: &mut UserBuffers) -> Result<usize> {
    // SAFETY: as in `copy_out`; the file's lock keeps other writers of the kernel away.
    let bytes = unsafe { core::slice::from_raw_parts_mut((address(page) + offset) as *mut u8, length) };
    let count = from.copy_in(bytes)?;
    if count == 0 && length > 0 { Err(Errno::EFAULT) } else { Ok(count) }
}

/// Gives the tests a memfd of their own: plain memory, once for all of them.
#[cfg(test)]
pub fn init_for_test() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let size = 32 * 1024 * 1024;
        let memory = std::vec![0_u8; size + PAGE_SIZE as usize].leak();
        let start = (memory.as_ptr() as u64).next_multiple_of(PAGE_SIZE);
        BASE.store(start, Ordering::Relaxed);
        init(size as u64);
    });
}
