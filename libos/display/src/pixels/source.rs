//! Pixels of a client's `wl_shm` pool.
//!
//! The pool is never mapped: a client may cut its file short at any moment, and a read that
//! then finds less is an error, where a mapping would end the service by SIGBUS.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rustix::fs::fstat;
use rustix::io::{Errno, pread};

/// Bytes of one pixel; both formats that we announce have four.
pub const BYTES_PER_PIXEL: u64 = 4;

/// Why a client's pixels could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file behind the pool is shorter than its buffers.
    #[error("the file behind the buffer ends before the buffer does")]
    TooShort,
    /// The file could not be read.
    #[error("the file behind the buffer cannot be read: {0}")]
    Io(#[from] Errno),
}

/// A client's pool: its file and a number that is not used again.
#[derive(Debug)]
pub struct Pool {
    /// The file that the client handed over.
    pub file: OwnedFd,
    /// Identity of the pool, for caches.
    pub id: u64,
}

impl Pool {
    /// Takes over a client's file.
    pub fn new(file: OwnedFd) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { file, id: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// The size of the file as it is now, in bytes.
    pub fn file_size(&self) -> Result<u64, SourceError> {
        let stat = fstat(&self.file)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }
}

/// Whether the alpha byte counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `wl_shm` ARGB8888: premultiplied alpha.
    Argb8888,
    /// `wl_shm` XRGB8888: opaque.
    Xrgb8888,
}

/// A `wl_buffer`: a picture of `width` x `height` pixels in a pool. The sizes are
/// checked when it is made: all positive, and `stride >= width * 4`.
#[derive(Clone, Debug)]
pub struct ShmBuffer {
    /// Where the pixels lie.
    pub pool: Arc<Pool>,
    /// First byte of the first row in the pool's file.
    pub offset: u64,
    /// Pixels per row.
    pub width: i32,
    /// Rows.
    pub height: i32,
    /// Bytes from row to row.
    pub stride: u64,
    /// Meaning of the alpha byte.
    pub format: Format,
    /// How many uses (shown, or on the way to the host) keep the client from drawing in it.
    pub busy: Arc<AtomicUsize>,
}

impl ShmBuffer {
    /// Reads `count` pixels from column `x` of row `y` into `out` (4 bytes each).
    ///
    /// # Errors
    /// `TooShort` where the file ends before that.
    pub fn read_row(&self, x: i32, y: i32, out: &mut [u8]) -> Result<(), SourceError> {
        let row = u64::try_from(y).unwrap_or(0) * self.stride;
        let column = u64::try_from(x).unwrap_or(0) * BYTES_PER_PIXEL;
        self.read_at(self.offset + row + column, out)
    }

    /// Reads whole file bytes from `offset` until `out` is full.
    ///
    /// # Errors
    /// `TooShort` where the file ends before that.
    pub fn read_at(&self, mut offset: u64, mut out: &mut [u8]) -> Result<(), SourceError> {
        while !out.is_empty() {
            let count = match pread(&self.pool.file, &mut *out, offset) {
                Ok(0) => return Err(SourceError::TooShort),
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            out = &mut out[count..];
            offset += count as u64;
        }
        Ok(())
    }

    /// Checks that the file still holds the whole buffer.
    ///
    /// # Errors
    /// `TooShort` where it does not.
    pub fn check_size(&self) -> Result<(), SourceError> {
        let rows = u64::try_from(self.height - 1).unwrap_or(0);
        let last = u64::try_from(self.width).unwrap_or(0) * BYTES_PER_PIXEL;
        let end = self.offset + rows * self.stride + last;
        if self.pool.file_size()? < end { Err(SourceError::TooShort) } else { Ok(()) }
    }
}
