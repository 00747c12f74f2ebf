//! Pipes (`pipe(7)`), and the buffer behind named fifos.

use alloc::format;
use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::{broken_pipe, until_any_ready, until_ready};
use crate::ipc::ring::Ring;
use crate::sync::{Mutex, WaitQueue};
use crate::user::{self, UserBuffers};
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// `PIPE_BUF`: a write of no more is never mixed with another's.
pub const PIPE_BUF: usize = 4096;
/// Bytes that a pipe holds unless told otherwise.
pub const DEFAULT_SIZE: usize = 64 * 1024;
/// `/proc/sys/fs/pipe-max-size`
pub const MAX_SIZE: usize = 1024 * 1024;
/// `FIONREAD`
pub const FIONREAD: u32 = 0x541b;

#[derive(Debug)]
struct State {
    ring: Ring,
    readers: u32,
    writers: u32,
    /// How often each side has been opened: a fifo's `open` waits for the other to move.
    reader_opens: u64,
    writer_opens: u64,
}

/// One side of a pipe at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    /// Whether it was open.
    present: bool,
    /// How often it had been opened.
    opens: u64,
}

/// One pipe; both ends are descriptions of the same file, told apart by their access mode.
pub struct Pipe {
    state: Mutex<State>,
    queue: WaitQueue,
    ino: u64,
}

impl Default for Pipe {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                ring: Ring::new(DEFAULT_SIZE),
                readers: 0,
                writers: 0,
                reader_opens: 0,
                writer_opens: 0,
            }),
            queue: WaitQueue::new(),
            ino: anonymous::inode_number(),
        }
    }
}

impl core::fmt::Debug for Pipe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pipe").field("ino", &self.ino).finish_non_exhaustive()
    }
}

/// `pipe2(2)`: the read end and the write end, both with `flags` (`O_NONBLOCK`).
pub fn pair(flags: u32) -> (Arc<OpenFile>, Arc<OpenFile>) {
    let pipe = Arc::new(Pipe::default());
    pipe.attach(true, true);
    let name = format!("pipe:[{}]", pipe.ino);
    let status = flags & OpenFile::NONBLOCK;
    (OpenFile::new(pipe.clone(), status, name.as_str()), OpenFile::new(pipe, status | 1, name))
}

impl Pipe {
    /// Counts a description that is about to be made, and wakes who waits for it. Gives what there was of the
    /// readers' and of the writers' side then.
    pub(crate) fn attach(&self, reads: bool, writes: bool) -> [Side; 2] {
        let mut state = self.state.lock();
        state.readers += u32::from(reads);
        state.writers += u32::from(writes);
        state.reader_opens += u64::from(reads);
        state.writer_opens += u64::from(writes);
        let sides = [
            Side { present: state.readers > 0, opens: state.reader_opens },
            Side { present: state.writers > 0, opens: state.writer_opens },
        ];
        drop(state);
        self.queue.wake(Events::IN | Events::OUT);
        sides
    }

    /// Counts a description as gone.
    pub(crate) fn detach(&self, reads: bool, writes: bool) {
        let mut state = self.state.lock();
        state.readers -= u32::from(reads);
        state.writers -= u32::from(writes);
        if state.readers == 0 && state.writers == 0 {
            state.ring.clear();
        }
        drop(state);
        self.queue.wake(Events::HUP | Events::ERR | Events::IN | Events::OUT);
    }

    /// Whether there is a reader, and a writer.
    pub(crate) fn sides(&self) -> (bool, bool) {
        let state = self.state.lock();
        (state.readers > 0, state.writers > 0)
    }

    /// Waits for the other side, which was as `before` when this one was attached: whoever was there then, or has come
    /// since, counts, be it gone by now.
    ///
    /// # Errors
    /// `ERESTARTSYS`
    pub(crate) fn await_other_side(&self, reader: bool, before: Side) -> Result<()> {
        if before.present {
            return Ok(());
        }
        until_ready(&self.queue, false, None, || {
            let state = self.state.lock();
            let opens = if reader { state.writer_opens } else { state.reader_opens };
            if opens == before.opens { Err(Errno::EAGAIN) } else { Ok(()) }
        })
    }

    /// Most bytes that it holds (`F_GETPIPE_SZ`).
    pub fn size(&self) -> usize {
        self.state.lock().ring.limit()
    }

    /// `F_SETPIPE_SZ`; the size that it has then.
    ///
    /// # Errors
    /// `EINVAL` for 0, `EPERM` beyond the bound, `EBUSY` where it holds more.
    pub fn set_size(&self, size: usize) -> Result<usize> {
        let size = size.checked_next_power_of_two().ok_or(Errno::EINVAL)?.max(PIPE_BUF);
        if size > MAX_SIZE {
            return Err(Errno::EPERM);
        }
        let mut state = self.state.lock();
        if size < state.ring.len() {
            return Err(Errno::EBUSY);
        }
        state.ring.set_limit(size);
        drop(state);
        self.queue.wake(Events::OUT);
        Ok(size)
    }

    fn try_read(&self, to: &mut UserBuffers) -> Result<usize> {
        let mut state = self.state.lock();
        if state.ring.is_empty() {
            return if state.writers == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
        }
        let was_full = state.ring.free() < PIPE_BUF;
        let count = to.remaining();
        let taken = state.ring.drain(count, |slice| to.copy_out(slice))?;
        drop(state);
        if was_full {
            self.queue.wake(Events::OUT);
        }
        Ok(taken)
    }

    /// Writes what fits; `EAGAIN` where something is left.
    fn try_write(&self, from: &mut UserBuffers, atomic: bool) -> Result<()> {
        let mut state = self.state.lock();
        if state.readers == 0 {
            return Err(Errno::EPIPE);
        }
        let left = from.remaining();
        if state.ring.free() == 0 || (atomic && state.ring.free() < left) {
            return Err(Errno::EAGAIN);
        }
        let moved = state.ring.fill(left, |slice| from.copy_in(slice))?;
        drop(state);
        self.queue.wake(Events::IN);
        if moved == left { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// Copies at most `count` bytes to `other`, as many as fit there; with `take` they are gone here.
    fn try_copy(&self, other: &Self, count: usize, take: bool) -> Result<usize> {
        // Always in the order of their addresses: two copies may go the two ways at once.
        let first = if core::ptr::from_ref(self) < other { self } else { other };
        let second = if core::ptr::eq(first, self) { other } else { self };
        let (mut one, mut two) = (first.state.lock(), second.state.lock());
        let (source, target) =
            if core::ptr::eq(first, self) { (&mut *one, &mut *two) } else { (&mut *two, &mut *one) };
        if target.readers == 0 {
            return Err(Errno::EPIPE);
        }
        if source.ring.is_empty() {
            return if source.writers == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
        }
        let copied = source.ring.peek(0, count, |slice| Ok(target.ring.push(slice)))?;
        if take {
            source.ring.skip(copied);
        }
        drop((one, two));
        if copied == 0 {
            return Err(Errno::EAGAIN);
        }
        if take {
            self.queue.wake(Events::OUT);
        }
        other.queue.wake(Events::IN);
        Ok(copied)
    }

    /// `tee(2)` to `other`, or with `take` `splice(2)`, waiting until there is something and room for it.
    ///
    /// # Errors
    /// `EINVAL` for the pipe itself, `EAGAIN`, `EPIPE`, `ERESTARTSYS`
    pub fn copy_to(&self, other: &Self, count: usize, take: bool, nonblocking: bool) -> Result<usize> {
        if core::ptr::eq(self, other) {
            return Err(Errno::EINVAL);
        }
        let copied = until_any_ready(&[&self.queue, &other.queue], nonblocking, None, || {
            self.try_copy(other, count, take)
        });
        if copied == Err(Errno::EPIPE) { Err(broken_pipe()) } else { copied }
    }

    pub(crate) fn read_into(&self, to: &mut UserBuffers, nonblocking: bool) -> Result<usize> {
        if to.remaining() == 0 {
            return Ok(0);
        }
        until_ready(&self.queue, nonblocking, None, || self.try_read(to))
    }

    pub(crate) fn write_from(&self, open: &OpenFile, from: &mut UserBuffers) -> Result<usize> {
        let wanted = from.remaining();
        if wanted == 0 {
            return Ok(0);
        }
        let atomic = wanted <= PIPE_BUF;
        let result = until_ready(&self.queue, open.nonblocking(), None, || self.try_write(from, atomic));
        let written = wanted - from.remaining();
        match result {
            Err(Errno::EPIPE) => {
                let error = broken_pipe();
                if written > 0 { Ok(written) } else { Err(error) }
            }
            Err(error) if written == 0 => Err(error),
            _ => Ok(written),
        }
    }

    pub(crate) fn readiness(&self, open: &OpenFile) -> Events {
        let state = self.state.lock();
        let mut events = Events::NONE;
        if open.readable() {
            if !state.ring.is_empty() {
                events |= Events::IN | Events::RDNORM;
            }
            // A fifo that has never had a writer is not hung up (fifo(7)).
            if state.writers == 0 && state.writer_opens > 0 {
                events |= Events::HUP;
            }
        }
        if open.writable() {
            if state.ring.free() >= PIPE_BUF {
                events |= Events::OUT | Events::WRNORM;
            }
            if state.readers == 0 {
                events |= Events::ERR;
            }
        }
        events
    }

    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    pub(crate) fn control(&self, request: u32, argument: u64) -> Result<u64> {
        match request {
            FIONREAD => {
                let bytes = i32::try_from(self.state.lock().ring.len()).unwrap_or(i32::MAX);
                user::write(argument, &bytes)?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }
}

impl File for Pipe {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Fifo, 0o600, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        self.read_into(to, open.nonblocking())
    }

    fn write(&self, open: &OpenFile, from: &mut UserBuffers, _offset: u64) -> Result<usize> {
        self.write_from(open, from)
    }

    fn ioctl(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        self.control(request, argument)
    }

    fn poll(&self, open: &OpenFile) -> Events {
        self.readiness(open)
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn release(&self, open: &OpenFile) {
        self.detach(open.readable(), open.writable());
    }
}
