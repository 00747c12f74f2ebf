//! Message queues (`msgop(2)`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::ipc::block::until_ready;
use crate::ipc::sysv::Registry;
use crate::sync::{Mutex, WaitQueue};
use crate::time::{Clock, now};
use crate::vfs::Events;

/// `MSGMNB`: most bytes of a queue.
pub const MAX_QUEUE: usize = 16_384;
/// `MSGMAX`: most bytes of a message.
pub const MAX_MESSAGE: usize = 8192;
/// `IPC_NOWAIT`
pub const NOWAIT: u32 = 0o4000;
/// `MSG_NOERROR`: a message that is too long is cut.
pub const NOERROR: u32 = 0o10000;
/// `MSG_EXCEPT`: a message of another type.
pub const EXCEPT: u32 = 0o20000;
/// `MSG_COPY`: the message at a place, which stays.
pub const COPY: u32 = 0o40000;

/// All queues.
pub static QUEUES: Registry<Queue> = Registry::new();

/// What `msgctl(2)` tells.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Most bytes in the queue (`msg_qbytes`).
    pub most: usize,
    /// Bytes in the queue.
    pub bytes: usize,
    /// Messages in the queue.
    pub messages: usize,
    /// Who sent last.
    pub sender: i32,
    /// Who received last.
    pub receiver: i32,
    /// When a message was last sent and received, and the queue changed, in seconds; 0 for never.
    pub times: [u64; 3],
}

fn seconds() -> u64 {
    now(Clock::Realtime).as_secs()
}

#[derive(Debug)]
struct State {
    messages: VecDeque<(i64, Vec<u8>)>,
    counts: Counts,
    removed: bool,
}

/// A queue.
pub struct Queue {
    state: Mutex<State>,
    queue: WaitQueue,
}

impl Default for Queue {
    fn default() -> Self {
        let counts = Counts {
            most: MAX_QUEUE,
            bytes: 0,
            messages: 0,
            sender: 0,
            receiver: 0,
            times: [0, 0, seconds()],
        };
        let state = State { messages: VecDeque::new(), counts, removed: false };
        Self { state: Mutex::new(state), queue: WaitQueue::new() }
    }
}

impl core::fmt::Debug for Queue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Queue").field("state", &self.state).finish_non_exhaustive()
    }
}

impl State {
    /// Which message `msgrcv(2)` gives.
    fn choose(&self, wanted: i64, flags: u32) -> Option<usize> {
        if flags & COPY != 0 {
            return usize::try_from(wanted).ok().filter(|place| *place < self.messages.len());
        }
        let kinds = self.messages.iter().map(|(kind, _)| *kind).enumerate();
        let mut fitting = kinds.filter(|(_, kind)| matches(*kind, wanted, flags));
        let chosen =
            if wanted < 0 { fitting.min_by_key(|(index, kind)| (*kind, *index)) } else { fitting.next() };
        chosen.map(|(index, _)| index)
    }
}

fn matches(kind: i64, wanted: i64, flags: u32) -> bool {
    match wanted {
        0 => true,
        wanted if wanted < 0 => kind <= wanted.saturating_neg(),
        wanted if flags & EXCEPT != 0 => kind != wanted,
        wanted => kind == wanted,
    }
}

impl Queue {
    /// `msgsnd(2)`
    ///
    /// # Errors
    /// `EAGAIN`, `EIDRM`, `EINTR`
    pub fn send(&self, kind: i64, bytes: &[u8], nowait: bool, pid: i32) -> Result<()> {
        let result = until_ready(&self.queue, nowait, None, || {
            let mut state = self.state.lock();
            if state.removed {
                return Err(Errno::EIDRM);
            }
            let most = state.counts.most;
            if state.counts.bytes + bytes.len() > most || state.messages.len() >= most {
                return Err(Errno::EAGAIN);
            }
            state.messages.push_back((kind, bytes.to_vec()));
            state.counts.bytes += bytes.len();
            state.counts.sender = pid;
            state.counts.times[0] = seconds();
            Ok(())
        });
        self.queue.wake(Events::IN);
        interruptible(result)
    }

    /// `msgrcv(2)`: the first message of `wanted` type, at most `room` bytes of it with [`NOERROR`] in `flags`, or
    /// with [`COPY`] a copy of the one at the place `wanted`.
    ///
    /// # Errors
    /// `ENOMSG`, `E2BIG`, `EIDRM`, `EINTR`
    pub fn receive(&self, wanted: i64, room: usize, flags: u32, pid: i32) -> Result<(i64, Vec<u8>)> {
        let result = until_ready(&self.queue, flags & NOWAIT != 0, None, || {
            let mut state = self.state.lock();
            if state.removed {
                return Err(Errno::EIDRM);
            }
            let index = state.choose(wanted, flags).ok_or(Errno::EAGAIN)?;
            let (kind, bytes) = state.messages.get(index).ok_or(Errno::EAGAIN)?;
            if bytes.len() > room && flags & NOERROR == 0 {
                return Err(Errno::E2BIG);
            }
            if flags & COPY != 0 {
                return Ok((*kind, bytes[..bytes.len().min(room)].to_vec()));
            }
            let (kind, mut bytes) = state.messages.remove(index).ok_or(Errno::EAGAIN)?;
            state.counts.bytes -= bytes.len();
            state.counts.receiver = pid;
            state.counts.times[1] = seconds();
            bytes.truncate(room);
            Ok((kind, bytes))
        });
        self.queue.wake(Events::OUT);
        match interruptible(result) {
            Err(Errno::EAGAIN) => Err(Errno::ENOMSG),
            result => result,
        }
    }

    /// `IPC_SET` of the queue's size, in bytes.
    pub fn set_most(&self, most: usize) {
        let mut state = self.state.lock();
        state.counts.most = most;
        state.counts.times[2] = seconds();
        drop(state);
        self.queue.wake(Events::ALL);
    }

    /// See [`Counts`].
    pub fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts { messages: state.messages.len(), ..state.counts }
    }

    /// The queue is removed: who waits gets `EIDRM`.
    pub fn destroy(&self) {
        self.state.lock().removed = true;
        self.queue.wake(Events::ALL);
    }
}

/// These calls are never started anew (signal(7)).
fn interruptible<T>(result: Result<T>) -> Result<T> {
    match result {
        Err(Errno::ERESTARTSYS) => Err(Errno::EINTR),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_chosen_by_type() {
        let queue = Queue::default();
        for (kind, text) in [(3, "three"), (1, "one"), (2, "two")] {
            queue.send(kind, text.as_bytes(), true, 7).unwrap();
        }
        let take = |wanted, flags| queue.receive(wanted, 100, flags | NOWAIT, 8).map(|(kind, _)| kind);
        assert_eq!(take(1, COPY), Ok(1));
        assert_eq!(take(3, COPY), Err(Errno::ENOMSG));
        assert_eq!(take(-2, 0), Ok(1));
        assert_eq!(take(3, EXCEPT), Ok(2));
        assert_eq!(take(9, 0), Err(Errno::ENOMSG));
        assert_eq!(queue.receive(0, 2, NOWAIT, 8), Err(Errno::E2BIG));
        assert_eq!(queue.receive(0, 2, NOERROR | NOWAIT, 8), Ok((3, b"th".to_vec())));
        assert_eq!(queue.counts().bytes, 0);
    }
}
