//! Signal masks as arguments, and calls that wait under another mask.

use crate::errno::{Errno, Result};
use crate::signal::SigSet;
use crate::task::Thread;
use crate::user;

/// `sizeof(sigset_t)`, as the kernel has it.
const SIGSET: u64 = 8;

/// Reads a mask; signals that cannot be blocked are left out.
///
/// # Errors
/// `EINVAL` for a wrong size, `EFAULT`.
pub fn read(address: u64, size: u64) -> Result<SigSet> {
    if size != SIGSET {
        return Err(Errno::EINVAL);
    }
    Ok(SigSet(user::read(address)?).blockable())
}

/// Does `body` with the mask at `address` in place of the thread's own (none at address 0). A call that
/// a signal has interrupted leaves the mask to the delivery, which puts the old one back once the
/// handler's frame is built.
///
/// # Errors
/// Those of [`read`] and of `body`.
pub fn with_mask(
    thread: &Thread,
    address: u64,
    size: u64,
    body: impl FnOnce() -> Result<u64>,
) -> Result<u64> {
    if address == 0 {
        return body();
    }
    let mask = read(address, size)?;
    let mut signals = thread.signals.lock();
    let own = core::mem::replace(&mut signals.mask, mask);
    signals.saved_mask = Some(own);
    drop(signals);
    // A signal that the new mask lets through may be waiting already.
    thread.attention.store(true, core::sync::atomic::Ordering::SeqCst);
    let result = body();
    let interrupted = matches!(result, Err(Errno::EINTR | Errno::ERESTARTSYS | Errno::ERESTARTNOHAND));
    if !interrupted {
        let mut signals = thread.signals.lock();
        signals.mask = own;
        signals.saved_mask = None;
    }
    result
}
