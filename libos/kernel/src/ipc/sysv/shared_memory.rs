//! Shared memory segments (`shmop(2)`): each is a memory file that is mapped.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use crate::errno::{Errno, Result};
use crate::ipc::sysv::Registry;
use crate::time::{Clock, now};
use crate::vfs::{Credentials, OpenFile, tmpfs};

/// All segments.
pub static SEGMENTS: Registry<Segment> = Registry::new();

/// `SHMMAX` and `SHMALL`, as Linux has them.
pub const MAX_SEGMENT: u64 = u64::MAX - (1 << 24);

/// Which of a segment's times.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "they name the fields of `struct shmid_ds`")]
pub enum Time {
    Attached,
    Detached,
    Changed,
}

/// A segment.
#[derive(Debug)]
pub struct Segment {
    /// Its bytes; every mapping of it holds the description too.
    pub file: Arc<OpenFile>,
    /// The same, for mappings that shall never be written to.
    pub read_only: Arc<OpenFile>,
    /// Bytes, as they were asked for.
    pub size: u64,
    /// Who made it.
    pub creator: i32,
    /// Who attached or detached it last.
    pub last: AtomicI32,
    /// When it was last attached, detached and changed, in seconds of the real-time clock; 0 for never.
    pub times: [AtomicU64; 3],
    /// `IPC_RMID` was called: it goes with its last mapping.
    pub removed: AtomicBool,
}

impl Segment {
    /// A segment of zeros.
    ///
    /// # Errors
    /// `EINVAL` for no bytes or too many, `ENOMEM`
    pub fn new(size: u64, creator: i32) -> Result<Self> {
        if size == 0 || size > MAX_SEGMENT {
            return Err(Errno::EINVAL);
        }
        let file = tmpfs::memfd("SYSV", false, false, &Credentials::current());
        file.file.truncate(size).map_err(|_| Errno::ENOMEM)?;
        let read_only = OpenFile::new(file.file.clone(), 0, file.name());
        let segment = Self {
            file,
            read_only,
            size,
            creator,
            last: AtomicI32::new(0),
            times: Default::default(),
            removed: AtomicBool::new(false),
        };
        segment.touch(Time::Changed);
        Ok(segment)
    }

    /// The segment whose bytes the file is.
    pub fn of(file: &Arc<OpenFile>) -> Option<Arc<Self>> {
        let all = SEGMENTS.all();
        all.into_iter()
            .map(|(_, _, segment)| segment)
            .find(|segment| Arc::ptr_eq(&segment.file, file) || Arc::ptr_eq(&segment.read_only, file))
    }

    /// Notes that this happens now.
    pub fn touch(&self, time: Time) {
        self.times[time as usize].store(now(Clock::Realtime).as_secs(), Ordering::Relaxed);
    }

    /// How many mappings there are of it (`shm_nattch`).
    pub fn attached(&self) -> u64 {
        let held = Arc::strong_count(&self.file) + Arc::strong_count(&self.read_only);
        (held as u64).saturating_sub(2)
    }
}

/// Forgets removed segments that nobody maps any more.
pub fn sweep() {
    SEGMENTS.retain(|segment| !segment.removed.load(Ordering::Relaxed) || segment.attached() > 0);
}
