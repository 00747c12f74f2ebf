//! Taking over a descriptor that the parent process left open for us.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::fd::BorrowedFd;
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};

/// Owns the descriptor `number` from now on, and keeps it from the programs that are started.
/// To be called once for a number, before anything else could have been opened under it.
///
/// # Errors
/// `EBADF` where no such descriptor is open.
pub fn inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    if number < 3 {
        return Err(Errno::BADF);
    }
    // SAFETY: the borrow is used for two fcntl calls only, which answer EBADF if it is not open;
    // `number` is not -1.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed)?;
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC)?;
    // SAFETY: it is open, as fcntl has shown, and by the contract of `--stream-fd` it was opened by the
    // parent for this process alone to own: nothing here has opened or closed that number before.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
