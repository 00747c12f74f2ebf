//! An instance's memory, read while the instance writes it.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use bailey_compositor::{PixelFormat, PixelSource, Size};
use bailey_rdp::link::SharedPicture;
use rustix::fs::SealFlags;
use rustix::mm::{MapFlags, ProtFlags};
use thiserror::Error;

/// Why an instance's memory is not taken.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// It may be cut off under the mapping, which would kill the daemon by SIGBUS.
    #[error("the memory can still change its size (it lacks F_SEAL_SHRINK)")]
    NotSealed,
    /// It is not as large as said.
    #[error("the memory has {actual} bytes, {said} were announced")]
    Size {
        /// What it has.
        actual: u64,
        /// What it should have.
        said: u64,
    },
    /// The host refuses to look at it or to map it.
    #[error("the memory cannot be used: {0}")]
    Host(#[from] rustix::io::Errno),
}

/// A read-only mapping of an instance's memory.
///
/// The instance changes its bytes at any time, so no Rust reference to them is ever made: they are copied out, and
/// what was copied is checked.
#[derive(Debug)]
pub struct InstanceMemory {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the value and to no thread; it is only read, by copies of raw bytes.
unsafe impl Send for InstanceMemory {}
// SAFETY: as for `Send`: reading raw bytes through a shared reference changes nothing.
unsafe impl Sync for InstanceMemory {}

impl InstanceMemory {
    /// Maps the memory behind `fd`, which must have `said` bytes and be sealed against shrinking.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn map(fd: &OwnedFd, said: u64) -> Result<Self, MemoryError> {
        if !rustix::fs::fcntl_get_seals(fd)?.contains(SealFlags::SHRINK) {
            return Err(MemoryError::NotSealed);
        }
        let actual = u64::try_from(rustix::fs::fstat(fd)?.st_size).unwrap_or(0);
        let length = usize::try_from(said).ok().filter(|length| *length > 0 && actual == said);
        let length = length.ok_or(MemoryError::Size { actual, said })?;
        // SAFETY: a new mapping at a place of the host's choice harms no other memory. `length` is not 0.
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, fd.as_fd(), 0)
        }?;
        let start = NonNull::new(start.cast()).ok_or(rustix::io::Errno::FAULT)?;
        Ok(Self { start, length })
    }

    /// Bytes of the memory.
    pub const fn len(&self) -> u64 {
        self.length as u64
    }

    /// Whether it has no bytes; it always has.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies the bytes from `offset` on; false, with nothing copied, where they are not all in the memory.
    pub fn copy(&self, offset: u64, out: &mut [u8]) -> bool {
        let end = usize::try_from(offset).ok().and_then(|start| start.checked_add(out.len()));
        let Some(end) = end.filter(|end| *end <= self.length) else {
            return false;
        };
        // SAFETY: `offset..end` lies within the mapping, which lives as long as `self` and, being sealed, cannot be
        // cut off under us. `out` is memory of ours, so the two do not overlap. The instance may write the
        // source meanwhile: any byte values may result, and all are valid for `u8`; the copy is the only access, and
        // it is by raw pointer to memory that Rust did not allocate.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.start.as_ptr().add(end - out.len()),
                out.as_mut_ptr(),
                out.len(),
            )
        };
        true
    }

    /// The picture as a source for the desktop.
    pub const fn picture(&self, picture: SharedPicture) -> MemoryPicture<'_> {
        MemoryPicture { memory: self, picture }
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made in `map`; no reference to it exists, and none will.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "unmapping what was mapped works");
    }
}

/// A picture in an instance's memory.
#[derive(Debug)]
pub struct MemoryPicture<'a> {
    memory: &'a InstanceMemory,
    picture: SharedPicture,
}

impl PixelSource for MemoryPicture<'_> {
    fn size(&self) -> Size {
        Size::new(self.picture.width, self.picture.height)
    }

    fn format(&self) -> PixelFormat {
        match self.picture.format {
            bailey_link::PixelFormat::Argb8888 => PixelFormat::Argb8888,
            bailey_link::PixelFormat::Xrgb8888 => PixelFormat::Xrgb8888,
        }
    }

    fn copy_row(&self, x: u32, y: u32, out: &mut [u8]) {
        let row = u64::from(y) * u64::from(self.picture.stride) + u64::from(x) * 4;
        // The link has checked that the picture lies within the memory.
        self.memory.copy(self.picture.offset + row, out);
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::MemfdFlags;

    use super::*;

    fn memory(bytes: &[u8], seals: SealFlags) -> OwnedFd {
        let fd = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::io::write(&fd, bytes).unwrap();
        rustix::fs::fcntl_add_seals(&fd, seals).unwrap();
        fd
    }

    #[test]
    fn only_sealed_memory_of_the_size_said_is_taken() {
        let fd = memory(&[1; 100], SealFlags::empty());
        assert!(matches!(InstanceMemory::map(&fd, 100), Err(MemoryError::NotSealed)));
        let fd = memory(&[1; 100], SealFlags::SHRINK);
        assert!(matches!(InstanceMemory::map(&fd, 101), Err(MemoryError::Size { actual: 100, said: 101 })));
        assert!(matches!(
            InstanceMemory::map(&memory(&[], SealFlags::SHRINK), 0),
            Err(MemoryError::Size { .. })
        ));
        assert!(InstanceMemory::map(&fd, 100).is_ok());
    }

    #[test]
    fn copies_stay_inside() {
        let bytes: Vec<u8> = (0..100).collect();
        let memory = InstanceMemory::map(&memory(&bytes, SealFlags::SHRINK), 100).unwrap();
        let mut out = [0; 4];
        assert!(memory.copy(96, &mut out));
        assert_eq!(out, [96, 97, 98, 99]);
        assert!(!memory.copy(97, &mut out));
        assert!(!memory.copy(u64::MAX, &mut out));
        let picture = SharedPicture {
            offset: 4,
            width: 2,
            height: 3,
            stride: 20,
            format: bailey_link::PixelFormat::Xrgb8888,
        };
        memory.picture(picture).copy_row(1, 2, &mut out);
        assert_eq!(out, [48, 49, 50, 51]);
    }
}
