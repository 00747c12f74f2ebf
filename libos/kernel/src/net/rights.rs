//! Descriptors in flight (`SCM_RIGHTS`): how many there may be, and how they are dropped.
//!
//! A socket that is queued, by descriptor passing, in itself or in a ring of sockets that nobody else
//! refers to is never freed while the instance runs (Linux has a garbage collector for it); the bound
//! on descriptors in flight is the bound on that waste.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::vfs::OpenFile;

/// Most descriptors in flight in an instance.
pub const MAX_IN_FLIGHT: usize = 16 * 1024;
/// `ETOOMANYREFS`
const ETOOMANYREFS: Errno = Errno::from_raw(109);

static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
static GRAVEYARD: Mutex<Vec<Arc<OpenFile>>> = Mutex::new(Vec::new());
static DRAINING: AtomicBool = AtomicBool::new(false);

/// Counts `count` descriptors as in flight.
///
/// # Errors
/// `ETOOMANYREFS`
pub fn take_off(count: usize) -> Result<()> {
    if IN_FLIGHT.fetch_add(count, Ordering::Relaxed) + count > MAX_IN_FLIGHT {
        land(count);
        return Err(ETOOMANYREFS);
    }
    Ok(())
}

/// Counts `count` descriptors as received (or lost).
pub fn land(count: usize) {
    IN_FLIGHT.fetch_sub(count, Ordering::Relaxed);
}

/// Drops descriptors that were in flight. A file that is dropped may itself be a socket with
/// descriptors in flight: they are dropped in turn, not in depth. No lock may be held.
pub fn dispose(files: Vec<Arc<OpenFile>>) {
    if files.is_empty() {
        return;
    }
    land(files.len());
    GRAVEYARD.lock().extend(files);
    while !DRAINING.swap(true, Ordering::Acquire) {
        loop {
            // The guard must be gone before the file is dropped.
            let file = GRAVEYARD.lock().pop();
            let Some(file) = file else { break };
            drop(file);
        }
        DRAINING.store(false, Ordering::Release);
        if GRAVEYARD.lock().is_empty() {
            break;
        }
    }
}
