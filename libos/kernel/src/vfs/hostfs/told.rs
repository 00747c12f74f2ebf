//! Bytes of files that the host has told before they were asked for.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bailey_abi::stream::OpenMode;

use crate::errno::{Errno, Result};
use crate::host::HostHandle;
use crate::sync::Mutex;
use crate::time::{Clock, now};
use crate::vfs::hostfs::inode::HostInode;

/// All bytes of a file; who opens it for reading needs no more, for a while.
pub(super) struct Told {
    pub(super) bytes: Vec<u8>,
    /// [`HostInode::version`] of before the host was asked.
    version: u32,
    /// Monotonic time until which they are the file's.
    until: Duration,
    /// The file itself, once somebody has needed it. Locked while it is opened: its I/O lock.
    handle: Mutex<Option<Arc<HostHandle>>>,
}

impl core::fmt::Debug for Told {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Told").field("length", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Told {
    /// What the host has just said of a file of `version`.
    pub(super) fn new(inode: &HostInode, bytes: Vec<u8>, version: u32) -> Arc<Self> {
        Arc::new(Self { bytes, version, until: inode.tree.good_until(), handle: Mutex::new(None) })
    }

    /// Whether they are the file's still.
    pub(super) fn is_good(&self, inode: &HostInode) -> bool {
        inode.tree.immutable || inode.is_at(self.version) && self.until > now(Clock::Monotonic)
    }

    /// The file itself.
    ///
    /// # Errors
    /// `ENOENT`, `ESTALE` where somebody on the host has removed or replaced it: then nobody can change what was
    /// told. Those of `open(2)`.
    pub(super) fn handle(&self, inode: &HostInode) -> Result<Arc<HostHandle>> {
        const READ: OpenMode =
            OpenMode { read: true, write: false, create: None, exclusive: false, truncate: false };
        let mut slot = self.handle.lock();
        if let Some(handle) = &*slot {
            return Ok(handle.clone());
        }
        let kept = inode.handle.lock().get(false);
        let handle = match kept {
            Some(handle) => handle,
            None => {
                let (handle, attributes) = HostHandle::open(&inode.uri()?, READ)?;
                if !inode.is(&attributes) {
                    return Err(Errno::ESTALE);
                }
                handle
            }
        };
        inode.handle.lock().know(&handle);
        *slot = Some(handle.clone());
        Ok(handle)
    }
}
