//! `pidfd_open(2)`.

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::Result;
use crate::ipc::anonymous;
use crate::sync::WaitQueue;
use crate::task::Process;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// Refers to a process, even after its end.
pub struct PidFd {
    process: Arc<Process>,
    ino: u64,
}

impl core::fmt::Debug for PidFd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PidFd").field("pid", &self.process.pid()).finish_non_exhaustive()
    }
}

impl PidFd {
    /// A description of it; `flags` are `O_NONBLOCK` or none.
    pub fn open(process: Arc<Process>, flags: u32) -> Arc<OpenFile> {
        let file = Self { process, ino: anonymous::inode_number() };
        OpenFile::new(Arc::new(file), flags | 2, "anon_inode:[pidfd]")
    }

    /// The process.
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }
}

impl File for PidFd {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Anonymous, 0o700, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        if self.process.ended() { Events::IN | Events::RDNORM } else { Events::NONE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.process.changed)
    }
}
