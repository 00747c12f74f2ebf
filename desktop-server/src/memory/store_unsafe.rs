//! The desktop's own pixels, in memory that viewers read.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use bailey_compositor::{PixelStorage, PixelStore, Size, StoreFull};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::slots::Slots;

/// Bytes of address space for pixels; pages exist only where something was drawn.
const LENGTH: u64 = 16 << 30;

#[derive(Debug)]
struct Pool {
    start: NonNull<u8>,
    length: usize,
    slots: Mutex<Slots>,
}

// SAFETY: the mapping belongs to the value and to no thread. Slots are handed out once each, so every byte has one
// owner, and the list of free ones is behind a lock.
unsafe impl Send for Pool {}
// SAFETY: as for `Send`.
unsafe impl Sync for Pool {}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `SharedStore::new`. Storages hold the pool by `Arc`, so none is left.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "unmapping what was mapped works");
    }
}

/// A [`PixelStore`] in a memfd whose descriptor is given to viewers.
#[derive(Debug)]
pub struct SharedStore {
    pool: Arc<Pool>,
    /// A descriptor that cannot write.
    readable: OwnedFd,
}

impl SharedStore {
    /// An empty store.
    ///
    /// # Errors
    /// What the host says.
    pub fn new() -> rustix::io::Result<Self> {
        let fd = rustix::fs::memfd_create("bailey-desktop", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&fd, LENGTH)?;
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let length = usize::try_from(LENGTH).map_err(|_| rustix::io::Errno::NOMEM)?;
        let (protection, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::NORESERVE);
        // SAFETY: a new mapping at a place of the host's choice harms no other memory. `length` is not 0.
        let start =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, protection, flags, fd.as_fd(), 0) }?;
        let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::FAULT)?;
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
        let readable = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let pool = Pool { start, length, slots: Mutex::new(Slots::new(LENGTH)) };
        Ok(Self { pool: Arc::new(pool), readable })
    }

    /// The memory, for viewers: it cannot be written through this descriptor.
    ///
    /// # Errors
    /// What the host says.
    pub fn descriptor(&self) -> rustix::io::Result<OwnedFd> {
        rustix::io::fcntl_dupfd_cloexec(&self.readable, 0)
    }

    /// The same, lent.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }
}

impl PixelStore for SharedStore {
    fn allocate(&mut self, size: Size) -> Result<Box<dyn PixelStorage>, StoreFull> {
        let length = usize::try_from(size.byte_len()).map_err(|_| StoreFull(size))?;
        let mut slots = self.pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let (offset, reserved) = slots.take(size.byte_len()).ok_or(StoreFull(size))?;
        drop(slots);
        Ok(Box::new(Slot { pool: Arc::clone(&self.pool), offset, reserved, length }))
    }
}

/// One layer's pixels.
struct Slot {
    pool: Arc<Pool>,
    offset: u64,
    reserved: u64,
    length: usize,
}

impl Slot {
    fn start(&self) -> *mut u8 {
        // SAFETY: the slot's range lies within the mapping, by the allocator of ranges.
        unsafe { self.pool.start.as_ptr().add(self.offset as usize) }
    }
}

impl PixelStorage for Slot {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the range belongs to this slot alone until it is dropped, lies within the mapping, and is written
        // only through `bytes_mut`: the one descriptor that leaves this process cannot write. The mapping is zeroed
        // by the host, so all bytes are initialised.
        unsafe { std::slice::from_raw_parts(self.start(), self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`; `&mut self` makes this the only reference in this process.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.length) }
    }

    fn slot(&self) -> Option<u64> {
        Some(self.offset)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: the range is this slot's alone and no reference to it is left. Its pages go back to the host, and
        // read as zero for the next owner.
        let removed =
            unsafe { rustix::mm::madvise(self.start().cast(), self.reserved as usize, Advice::LinuxRemove) };
        if removed.is_err() {
            self.bytes_mut().fill(0);
        }
        let mut slots = self.pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.give_back(self.offset, self.reserved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_apart_and_come_back_empty() {
        let mut store = SharedStore::new().unwrap();
        let size = Size::new(100, 10);
        let mut first = store.allocate(size).unwrap();
        let mut second = store.allocate(size).unwrap();
        first.bytes_mut().fill(1);
        second.bytes_mut().fill(2);
        assert!(first.bytes().iter().all(|byte| *byte == 1));

        let mut seen = [0; 4];
        let offset = second.slot().unwrap();
        rustix::io::pread(store.as_fd(), &mut seen, offset).unwrap();
        assert_eq!(seen, [2; 4]);
        let denied = rustix::io::pwrite(store.as_fd(), &seen, offset).unwrap_err();
        assert_eq!(denied, rustix::io::Errno::BADF);

        let place = first.slot();
        drop(first);
        let again = store.allocate(size).unwrap();
        assert_eq!(again.slot(), place);
        assert!(again.bytes().iter().all(|byte| *byte == 0));
        assert!(store.allocate(Size::new(1 << 17, 1 << 17)).is_err());
    }
}
