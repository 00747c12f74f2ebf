//! Shared memory segments (`shmop(2)`): each is a memory file that is mapped.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::errno::{Errno, Result};
use crate::ipc::sysv::Registry;
use crate::vfs::{Credentials, OpenFile, tmpfs};

/// All segments.
pub static SEGMENTS: Registry<Segment> = Registry::new();

/// A segment.
#[derive(Debug)]
pub struct Segment {
    /// Its bytes; every mapping of it holds the description too.
    pub file: Arc<OpenFile>,
    /// Bytes, as they were asked for.
    pub size: u64,
    /// Who made it.
    pub creator: i32,
    /// Who attached or detached it last.
    pub last: AtomicI32,
    /// `IPC_RMID` was called: it goes with its last mapping.
    pub removed: AtomicBool,
}

impl Segment {
    /// A segment of zeros.
    ///
    /// # Errors
    /// `EINVAL` for no bytes, `ENOMEM`
    pub fn new(size: u64, creator: i32) -> Result<Self> {
        if size == 0 {
            return Err(Errno::EINVAL);
        }
        let file = tmpfs::memfd("SYSV", false, false, &Credentials::current());
        file.file.truncate(size).map_err(|_| Errno::ENOMEM)?;
        Ok(Self { file, size, creator, last: AtomicI32::new(0), removed: AtomicBool::new(false) })
    }

    /// How many mappings there are of it (`shm_nattch`).
    pub fn attached(&self) -> u64 {
        (Arc::strong_count(&self.file) as u64).saturating_sub(1)
    }
}

/// Forgets removed segments that nobody maps any more.
pub fn sweep() {
    SEGMENTS.retain(|segment| !segment.removed.load(Ordering::Relaxed) || segment.attached() > 0);
}
