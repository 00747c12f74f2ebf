//! `eventfd(2)`.

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::until_ready;
use crate::sync::{Mutex, WaitQueue};
use crate::user::UserBuffers;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// Largest value of the counter.
const MAX: u64 = u64::MAX - 1;

/// A counter that can be waited for.
pub struct EventFd {
    count: Mutex<u64>,
    semaphore: bool,
    queue: WaitQueue,
    ino: u64,
}

impl core::fmt::Debug for EventFd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EventFd").field("semaphore", &self.semaphore).finish_non_exhaustive()
    }
}

impl EventFd {
    /// A description of a new counter; `flags` are `O_NONBLOCK` or none.
    pub fn open(count: u32, semaphore: bool, flags: u32) -> Arc<OpenFile> {
        let file = Self {
            count: Mutex::new(u64::from(count)),
            semaphore,
            queue: WaitQueue::new(),
            ino: anonymous::inode_number(),
        };
        OpenFile::new(Arc::new(file), flags | 2, "anon_inode:[eventfd]")
    }

    fn take(&self) -> Result<u64> {
        let mut count = self.count.lock();
        let value = match *count {
            0 => return Err(Errno::EAGAIN),
            _ if self.semaphore => 1,
            all => all,
        };
        *count -= value;
        drop(count);
        self.queue.wake(Events::OUT);
        Ok(value)
    }

    fn add(&self, value: u64) -> Result<()> {
        let mut count = self.count.lock();
        if value > MAX - *count {
            return Err(Errno::EAGAIN);
        }
        *count += value;
        drop(count);
        self.queue.wake(Events::IN);
        Ok(())
    }
}

impl File for EventFd {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Anonymous, 0o600, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if to.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let value = until_ready(&self.queue, open.nonblocking(), None, || self.take())?;
        to.copy_out(&value.to_ne_bytes())
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if from.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; 8];
        if from.copy_in(&mut bytes)? < bytes.len() {
            return Err(Errno::EFAULT);
        }
        let value = u64::from_ne_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        until_ready(&self.queue, open.nonblocking(), None, || self.add(value))?;
        Ok(bytes.len())
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        let count = *self.count.lock();
        let mut events = Events::NONE;
        if count > 0 {
            events |= Events::IN;
        }
        if count < MAX {
            events |= Events::OUT;
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}
