//! Downcalls on memory: this process's address space.

use core::sync::atomic::{AtomicI32, Ordering};

use crate::errno::Result;
use crate::host::raw::{nr, syscall};

/// `PROT_READ`
pub const PROT_READ: u32 = 1;
/// `PROT_WRITE`
pub const PROT_WRITE: u32 = 2;
/// `PROT_EXEC`
pub const PROT_EXEC: u32 = 4;

const MAP_SHARED: u64 = 0x01;
const MAP_PRIVATE: u64 = 0x02;
const MAP_FIXED: u64 = 0x10;
const MAP_ANONYMOUS: u64 = 0x20;
const MAP_NORESERVE: u64 = 0x4000;
const MADV_REMOVE: u64 = 9;

/// `VirtualMemoryAllocate`: fresh private zero pages at `address`, in place of what was there.
///
/// # Errors
/// `ENOMEM`, `EINVAL`
///
/// # Safety
/// Nothing that the kernel relies on lies there.
pub unsafe fn allocate(address: u64, length: u64, protection: u32) -> Result<()> {
    let flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
    // SAFETY: the caller answers for the range.
    unsafe { syscall(nr::MMAP, [address, length, u64::from(protection), flags, u64::MAX, 0]) }.map(drop)
}

/// `StreamMap`: bytes of a descriptor at `address`, in place of what was there.
///
/// # Errors
/// `ENOMEM`, `EACCES`, `EINVAL`, `ENODEV`
///
/// # Safety
/// Nothing that the kernel relies on lies there.
pub unsafe fn map(
    fd: i32,
    offset: u64,
    address: u64,
    length: u64,
    protection: u32,
    shared: bool,
) -> Result<()> {
    let flags = MAP_FIXED | if shared { MAP_SHARED } else { MAP_PRIVATE };
    let fd = u64::from(fd.cast_unsigned());
    // SAFETY: the caller answers for the range.
    unsafe { syscall(nr::MMAP, [address, length, u64::from(protection), flags, fd, offset]) }.map(drop)
}

/// `VirtualMemoryFree`.
///
/// # Errors
/// `EINVAL`
///
/// # Safety
/// Nothing that the kernel relies on lies there.
pub unsafe fn free(address: u64, length: u64) -> Result<()> {
    // SAFETY: the caller answers for the range.
    unsafe { syscall(nr::MUNMAP, [address, length, 0, 0, 0, 0]) }.map(drop)
}

/// `VirtualMemoryProtect`.
///
/// # Errors
/// `ENOMEM`, `EACCES`
///
/// # Safety
/// Nothing that the kernel relies on lies there.
pub unsafe fn protect(address: u64, length: u64, protection: u32) -> Result<()> {
    // SAFETY: the caller answers for the range.
    unsafe { syscall(nr::MPROTECT, [address, length, u64::from(protection), 0, 0, 0]) }.map(drop)
}

/// `VirtualMemoryAdvise`; `advice` as madvise(2).
///
/// # Errors
/// `EINVAL`, `ENOMEM`
///
/// # Safety
/// The range's contents may be lost: nothing that the kernel relies on lies there.
pub unsafe fn advise(address: u64, length: u64, advice: u64) -> Result<()> {
    // SAFETY: the caller answers for the range.
    unsafe { syscall(nr::MADVISE, [address, length, advice, 0, 0, 0]) }.map(drop)
}

/// `VirtualMemoryMove`: the mapping of `[old, old + old_length)` goes to `new` with length `new_length`; with `keeps`
/// an empty one stays (`MREMAP_DONTUNMAP`).
///
/// # Errors
/// `ENOMEM`, `EFAULT`, `EINVAL`
///
/// # Safety
/// Nothing that the kernel relies on lies at either place.
pub unsafe fn relocate(old: u64, old_length: u64, new: u64, new_length: u64, keeps: bool) -> Result<()> {
    const MREMAP_MAYMOVE: u64 = 1;
    const MREMAP_FIXED: u64 = 2;
    const MREMAP_DONTUNMAP: u64 = 4;
    let flags = MREMAP_MAYMOVE | MREMAP_FIXED | if keeps { MREMAP_DONTUNMAP } else { 0 };
    let args = [old, old_length, new_length, flags, new, 0];
    // SAFETY: the caller answers for both ranges.
    unsafe { syscall(nr::MREMAP, args) }.map(drop)
}

/// Grows or shrinks a mapping in place.
///
/// # Errors
/// `ENOMEM`, `EFAULT`
///
/// # Safety
/// Nothing lies where the mapping grows to.
pub unsafe fn resize(address: u64, old_length: u64, new_length: u64) -> Result<()> {
    // SAFETY: the caller answers for the range.
    unsafe { syscall(nr::MREMAP, [address, old_length, new_length, 0, 0, 0]) }.map(drop)
}

/// The instance memfd; the same number in every process.
static MEMFD: AtomicI32 = AtomicI32::new(-1);

/// Says which descriptor the instance memfd is.
pub fn set_memfd(fd: i32) {
    MEMFD.store(fd, Ordering::Relaxed);
}

/// The instance memfd.
pub fn memfd() -> i32 {
    MEMFD.load(Ordering::Relaxed)
}

/// Gives pages of the instance memfd back (`MADV_REMOVE`): they read as zero from now on.
///
/// # Errors
/// `EINVAL`, `EOPNOTSUPP`
pub fn remove_pages(start: u64, length: u64) -> Result<()> {
    // SAFETY: the range is of the kernel's own mapping of the memfd, where no kernel object lies.
    unsafe { advise(start, length, MADV_REMOVE) }
}
