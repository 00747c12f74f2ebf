//! Grants of the manifest.

use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use crate::errno::Result;
use crate::host;
use crate::sync::Mutex;
use crate::time::{Clock, now};
use crate::vfs::{FileSystem, Space};

/// How long attributes that came along with something else are good, in a tree that others change too.
const FRESH: Duration = Duration::from_millis(20);
/// How long what the host has said is good, in a tree that only the instance changes: its user may from outside, and
/// is heard of as by NFS (`acregmin`).
const LEASE: Duration = Duration::from_secs(1);

/// One grant of the manifest.
#[derive(Debug)]
pub struct Tree {
    /// Absolute path in the instance.
    pub guest: String,
    /// Whether the instance may change it.
    pub writable: bool,
    /// Whether nobody ever changes it.
    pub immutable: bool,
    /// Whether only the instance changes it, as a rule.
    pub private: bool,
    /// Counts changes of names: another name of the same file may have other attributes then.
    pub changes: AtomicU32,
    /// Counts changes of attributes.
    pub epoch: AtomicU32,
    /// Counts changes of files that have lost the name by which they are known here, but not all.
    pub orphans: AtomicU32,
    /// Monotonic time, in nanoseconds, until which a directory that is begun is taken to be read as the one before it,
    /// one name after the other: the files in it, and the directories.
    pub momentum: [AtomicU64; 2],
    /// Held while a name is changed, the request to the host included: the tree's I/O lock.
    pub changing: Mutex<()>,
}

impl Tree {
    /// Whether names and handles are kept.
    pub(super) fn keeps(&self) -> bool {
        self.immutable || self.private
    }

    /// Monotonic time until which what the host says now is good.
    pub(super) fn good_until(&self) -> Duration {
        match (self.immutable, self.private) {
            (true, _) => Duration::MAX,
            (false, true) => now(Clock::Monotonic) + LEASE,
            (false, false) => now(Clock::Monotonic) + FRESH,
        }
    }
}

impl FileSystem for Tree {
    fn name(&self) -> &'static str {
        "ext4"
    }

    fn read_only(&self) -> bool {
        !self.writable
    }

    fn space(&self) -> Result<Space> {
        const EXT4_MAGIC: u64 = 0xef53;
        let [block_size, blocks, free, files, files_free] = host::space(&format!("file:{}", self.guest))?;
        Ok(Space { magic: EXT4_MAGIC, block_size, blocks, free, files, files_free })
    }
}
