//! `StreamRead` and `StreamWrite`: bytes between a descriptor and buffers, of the application or the kernel.

use crate::errno::Result;
use crate::host::raw::{nr, syscall};

/// Most buffers of one call (`UIO_MAXIOV`).
const MAX_PIECES: usize = 1024;

fn transfer(number: u64, fd: i32, pieces: &[(u64, usize)], offset: Option<u64>, flags: u64) -> Result<usize> {
    // (address, length) pairs are `struct iovec` but for the tuple's layout, which Rust does not promise.
    let mut vector = [[0_u64; 2]; 16];
    let mut long = alloc::vec::Vec::new();
    let vector: &[[u64; 2]] = if pieces.len() <= vector.len() {
        for (slot, (address, length)) in vector.iter_mut().zip(pieces) {
            *slot = [*address, *length as u64];
        }
        &vector[..pieces.len()]
    } else {
        long.extend(pieces.iter().take(MAX_PIECES).map(|(address, length)| [*address, *length as u64]));
        &long
    };
    let offset = offset.unwrap_or(u64::MAX);
    let args = [u64::from(fd.cast_unsigned()), vector.as_ptr() as u64, vector.len() as u64, offset, 0, flags];
    // SAFETY: the host checks the buffers (EFAULT); those of the application lie outside the kernel, as its own
    // buffers are checked by `user` where they are made, and a kernel buffer is lent by its owner.
    unsafe { syscall(number, args) }.map(|count| count as usize)
}

/// Reads at `offset`, or where the descriptor stands.
///
/// # Errors
/// `EAGAIN`, `EFAULT`, `EIO`, `EISDIR`
pub fn preadv(fd: i32, pieces: &[(u64, usize)], offset: Option<u64>) -> Result<usize> {
    transfer(nr::PREADV2, fd, pieces, offset, 0)
}

/// Writes at `offset`, or where the descriptor stands.
///
/// # Errors
/// `EAGAIN`, `EFAULT`, `EIO`, `ENOSPC`, `EPIPE`
pub fn pwritev(fd: i32, pieces: &[(u64, usize)], offset: Option<u64>) -> Result<usize> {
    transfer(nr::PWRITEV2, fd, pieces, offset, 0)
}

/// Writes at the end of a file, wherever that is then (`RWF_APPEND`).
///
/// # Errors
/// As [`pwritev`].
pub fn pwritev_append(fd: i32, pieces: &[(u64, usize)]) -> Result<usize> {
    const RWF_APPEND: u64 = 0x10;
    transfer(nr::PWRITEV2, fd, pieces, None, RWF_APPEND)
}
