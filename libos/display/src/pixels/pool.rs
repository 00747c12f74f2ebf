//! The service's own shared memory, for pictures that no client buffer already is.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::{Errno, pwrite};

use crate::pixels::extents_unsafe::{contiguous, extent_at};

/// The file grows by this much.
const STEP: u64 = 16 << 20;
/// No larger than this: about 60 full pictures of a 4K screen.
const MAX_SIZE: u64 = 2 << 30;
/// Slots start on pages, as host mappings do.
const ALIGN: u64 = 4096;

/// A piece of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// First byte in the pool's file.
    pub file_offset: u64,
    /// The same byte in the memory that the host maps.
    pub host_offset: u64,
    /// Bytes, rounded up to pages.
    pub length: u64,
}

/// A growing memfd, handed out in slots.
#[derive(Debug)]
pub struct SharedPool {
    file: OwnedFd,
    size: u64,
    /// Free pieces by offset, never adjacent.
    free: Vec<(u64, u64)>,
}

impl SharedPool {
    /// An empty pool.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new() -> Result<Self, Errno> {
        let file = memfd_create("bailey-display", MemfdFlags::CLOEXEC)?;
        Ok(Self { file, size: 0, free: Vec::new() })
    }

    /// The file itself, for the host to map where there is no instance memory.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Takes a slot of at least `length` bytes that the host can map in one piece.
    pub fn allocate(&mut self, length: u64) -> Option<Slot> {
        let length = length.max(1).checked_next_multiple_of(ALIGN)?;
        loop {
            for index in 0..self.free.len() {
                let (start, available) = self.free[index];
                if let Some(slot) = self.place(start, available, length) {
                    self.carve(index, slot);
                    return Some(slot);
                }
            }
            self.grow(length)?;
        }
    }

    /// Gives a slot back.
    pub fn release(&mut self, slot: Slot) {
        self.insert(slot.file_offset, slot.length);
    }

    /// Writes bytes into the file.
    ///
    /// # Errors
    /// The kernel's.
    pub fn write(&self, mut offset: u64, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match pwrite(&self.file, bytes, offset) {
                Ok(0) => return Err(Errno::NOSPC),
                Ok(count) => {
                    bytes = &bytes[count..];
                    offset += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The first place in a free piece where `length` bytes are contiguous for the host.
    fn place(&self, start: u64, available: u64, length: u64) -> Option<Slot> {
        let mut offset = start;
        while offset + length <= start + available {
            match extent_at(&self.file, offset) {
                Ok(None) => {
                    return Some(Slot { file_offset: offset, host_offset: offset, length });
                }
                Err(_) => return None,
                Ok(Some(extent)) => {
                    if let Ok(Some(host_offset)) = contiguous(&self.file, offset, length) {
                        return Some(Slot { file_offset: offset, host_offset, length });
                    }
                    let next = extent.file_offset.saturating_add(extent.length);
                    if next <= offset {
                        return None;
                    }
                    offset = next.checked_next_multiple_of(ALIGN)?;
                }
            }
        }
        None
    }

    fn carve(&mut self, index: usize, slot: Slot) {
        let (start, available) = self.free.remove(index);
        let (end, slot_end) = (start + available, slot.file_offset + slot.length);
        if end > slot_end {
            self.free.insert(index, (slot_end, end - slot_end));
        }
        if slot.file_offset > start {
            self.free.insert(index, (start, slot.file_offset - start));
        }
    }

    fn grow(&mut self, length: u64) -> Option<()> {
        let more = length.checked_next_multiple_of(STEP)?;
        let size = self.size.checked_add(more).filter(|size| *size <= MAX_SIZE)?;
        ftruncate(&self.file, size).ok()?;
        self.insert(self.size, more);
        self.size = size;
        Some(())
    }

    fn insert(&mut self, start: u64, length: u64) {
        let index = self.free.partition_point(|(other, _)| *other < start);
        self.free.insert(index, (start, length));
        let touches = |free: &[(u64, u64)], index: usize| {
            free.get(index + 1).is_some_and(|next| free[index].0 + free[index].1 == next.0)
        };
        if touches(&self.free, index) {
            self.free[index].1 += self.free.remove(index + 1).1;
        }
        if index > 0 && touches(&self.free, index - 1) {
            self.free[index - 1].1 += self.free.remove(index).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_overlap_and_come_back() {
        let mut pool = SharedPool::new().unwrap();
        let a = pool.allocate(5000).unwrap();
        let b = pool.allocate(5000).unwrap();
        let c = pool.allocate(20 << 20).unwrap();
        assert_eq!(a.length, 8192);
        assert!(b.file_offset >= a.file_offset + a.length);
        assert!(c.file_offset >= b.file_offset + b.length);
        for slot in [b, a, c] {
            pool.release(slot);
        }
        assert_eq!(pool.free, [(0, pool.size)], "all free pieces have merged");
    }

    #[test]
    fn a_freed_slot_is_used_again() {
        let mut pool = SharedPool::new().unwrap();
        let first = pool.allocate(4096).unwrap();
        pool.allocate(4096).unwrap();
        pool.release(first);
        assert_eq!(pool.allocate(4096), Some(first));
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let mut pool = SharedPool::new().unwrap();
        assert_eq!(pool.allocate(MAX_SIZE + 1), None);
        assert_eq!(pool.allocate(u64::MAX), None);
    }
}
