//! A queue as a file: it can be polled, looked at and closed.

use alloc::format;
use alloc::sync::Arc;
use core::any::Any;

use crate::errno::Result;
use crate::ipc::anonymous;
use crate::ipc::mqueue::Queue;
use crate::sync::WaitQueue;
use crate::user::UserBuffers;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// `FILENT_SIZE`: what a queue's file says of its size.
const SIZE: u64 = 80;

/// What a descriptor of a queue refers to.
#[derive(Debug)]
pub struct Descriptor {
    /// The queue.
    pub queue: Arc<Queue>,
}

impl File for Descriptor {
    fn stat(&self) -> Result<Stat> {
        let owner = self.queue.owner();
        let stat = anonymous::stat(FileKind::Regular, owner.mode, self.queue.ino);
        Ok(Stat { uid: owner.uid, gid: owner.gid, size: SIZE, nlink: self.queue.links(), ..stat })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read(&self, _open: &OpenFile, to: &mut UserBuffers, offset: u64) -> Result<usize> {
        let (bytes, kind, signo, pid) = self.queue.summary();
        let text = format!("QSIZE:{bytes:<10} NOTIFY:{kind:<5} SIGNO:{signo:<5} NOTIFY_PID:{pid:<6}\n");
        let rest = usize::try_from(offset).ok().and_then(|offset| text.as_bytes().get(offset..));
        to.copy_out(rest.unwrap_or_default())
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        self.queue.ready()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue.changed)
    }

    fn flush(&self, pid: i32) {
        self.queue.forget(pid);
    }
}
