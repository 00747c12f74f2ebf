//! Message queues (`msgop(2)`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::ipc::block::until_ready;
use crate::ipc::sysv::Registry;
use crate::sync::{Mutex, WaitQueue};
use crate::vfs::Events;

/// `MSGMNB`: most bytes of a queue.
const MAX_QUEUE: usize = 16_384;
/// `MSGMAX`: most bytes of a message.
pub const MAX_MESSAGE: usize = 8192;
/// `MSG_EXCEPT`
const EXCEPT: u32 = 0o20000;

/// All queues.
pub static QUEUES: Registry<Queue> = Registry::new();

/// What `msgctl(2)` tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Bytes in the queue.
    pub bytes: usize,
    /// Messages in the queue.
    pub messages: usize,
    /// Who sent last.
    pub sender: i32,
    /// Who received last.
    pub receiver: i32,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<(i64, Vec<u8>)>,
    counts: Counts,
    removed: bool,
}

/// A queue.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    queue: WaitQueue,
}

impl core::fmt::Debug for Queue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Queue").field("state", &self.state).finish_non_exhaustive()
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
            if state.counts.bytes + bytes.len() > MAX_QUEUE || state.messages.len() >= MAX_QUEUE {
                return Err(Errno::EAGAIN);
            }
            state.messages.push_back((kind, bytes.to_vec()));
            state.counts.bytes += bytes.len();
            state.counts.sender = pid;
            Ok(())
        });
        self.queue.wake(Events::IN);
        interruptible(result)
    }

    /// `msgrcv(2)`: the first message of `wanted` type, cut to `room` only with `cut` (`MSG_NOERROR`).
    ///
    /// # Errors
    /// `ENOMSG`, `E2BIG`, `EIDRM`, `EINTR`
    pub fn receive(
        &self,
        wanted: i64,
        room: usize,
        flags: u32,
        cut: bool,
        nowait: bool,
        pid: i32,
    ) -> Result<(i64, Vec<u8>)> {
        let result = until_ready(&self.queue, nowait, None, || {
            let mut state = self.state.lock();
            if state.removed {
                return Err(Errno::EIDRM);
            }
            let candidates =
                state.messages.iter().enumerate().filter(|(_, (kind, _))| matches(*kind, wanted, flags));
            let chosen = if wanted < 0 {
                candidates.min_by_key(|(index, (kind, _))| (*kind, *index))
            } else {
                candidates.min_by_key(|(index, _)| *index)
            };
            let (index, length) =
                chosen.map(|(index, (_, bytes))| (index, bytes.len())).ok_or(Errno::EAGAIN)?;
            if length > room && !cut {
                return Err(Errno::E2BIG);
            }
            let (kind, mut bytes) = state.messages.remove(index).ok_or(Errno::EAGAIN)?;
            state.counts.bytes -= bytes.len();
            state.counts.receiver = pid;
            bytes.truncate(room);
            Ok((kind, bytes))
        });
        self.queue.wake(Events::OUT);
        match interruptible(result) {
            Err(Errno::EAGAIN) => Err(Errno::ENOMSG),
            result => result,
        }
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
        let take = |wanted, flags| queue.receive(wanted, 100, flags, false, true, 8).map(|(kind, _)| kind);
        assert_eq!(take(-2, 0), Ok(1));
        assert_eq!(take(3, EXCEPT), Ok(2));
        assert_eq!(take(9, 0), Err(Errno::ENOMSG));
        assert_eq!(queue.receive(0, 2, 0, false, true, 8), Err(Errno::E2BIG));
        assert_eq!(queue.receive(0, 2, 0, true, true, 8), Ok((3, b"th".to_vec())));
        assert_eq!(queue.counts().bytes, 0);
    }
}
