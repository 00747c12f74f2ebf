//! Named pipes (`fifo(7)`): the buffer lives with the inode, opening waits for the other side.

use alloc::sync::Arc;
use core::any::Any;
use core::fmt;

use crate::errno::{Errno, Result};
use crate::ipc::pipe::Pipe;
use crate::sync::WaitQueue;
use crate::user::UserBuffers;
use crate::vfs::{Events, File, OpenFile, Stat};

/// Gives the attributes of the inode that a fifo or socket has in a file system.
pub type StatSource = Arc<dyn Fn() -> Result<Stat> + Send + Sync>;

/// An open fifo.
pub struct Fifo {
    pipe: Arc<Pipe>,
    stat: StatSource,
}

impl fmt::Debug for Fifo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fifo").field("pipe", &self.pipe).finish_non_exhaustive()
    }
}

impl Fifo {
    /// The buffer.
    pub fn pipe(&self) -> &Pipe {
        &self.pipe
    }
}

/// `open(2)` of a fifo whose inode holds `pipe`, with the open flags `flags`; the result is to be put in
/// an [`OpenFile`] with the same access mode at once.
///
/// # Errors
/// `ENXIO` (write only, nonblocking, no reader), `ERESTARTSYS`.
pub fn open(pipe: &Arc<Pipe>, flags: u32, stat: StatSource) -> Result<Arc<Fifo>> {
    let (reads, writes) = match flags & OpenFile::ACCESS_MODE {
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    let nonblocking = flags & OpenFile::NONBLOCK != 0;
    if writes && !reads && nonblocking && !pipe.sides().0 {
        return Err(Errno::ENXIO);
    }
    let [readers, writers] = pipe.attach(reads, writes);
    if !nonblocking
        && reads != writes
        && let Err(error) = pipe.await_other_side(reads, if reads { writers } else { readers })
    {
        pipe.detach(reads, writes);
        return Err(error);
    }
    Ok(Arc::new(Fifo { pipe: pipe.clone(), stat }))
}

impl File for Fifo {
    fn stat(&self) -> Result<Stat> {
        (self.stat)()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        self.pipe.read_into(to, open.nonblocking())
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        self.pipe.write_from(open, from)
    }

    fn ioctl(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        self.pipe.control(request, argument)
    }

    fn poll(&self, open: &OpenFile) -> Events {
        self.pipe.readiness(open)
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.pipe.queue())
    }

    fn release(&self, open: &OpenFile) {
        self.pipe.detach(open.readable(), open.writable());
    }
}

/// The pipe behind an open pipe or fifo (`F_SETPIPE_SZ`, `splice`).
pub fn pipe_of(file: &OpenFile) -> Option<&Pipe> {
    file.downcast::<Pipe>().or_else(|| file.downcast::<Fifo>().map(Fifo::pipe))
}
