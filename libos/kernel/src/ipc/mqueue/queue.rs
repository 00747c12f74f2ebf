//! One message queue.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::until_ready;
use crate::ipc::mqueue::{LONGEST_MESSAGE, MOST_MESSAGES, Notice};
use crate::sync::{Mutex, WaitQueue};
use crate::task;
use crate::time::Deadline;
use crate::vfs::{Events, Owner};

/// `MQ_PRIO_MAX` less one.
pub const HIGHEST_PRIORITY: u32 = 32_767;
/// What a message is counted as beside its bytes (`struct msg_msg`), and a priority (`struct posix_msg_tree_node`).
const MESSAGE_COST: u64 = 48;
const PRIORITY_COST: u64 = 48;

/// Bytes that all queues of the instance's one user may come to hold.
static BYTES: AtomicU64 = AtomicU64::new(0);

/// `mq_maxmsg` and `mq_msgsize` of `struct mq_attr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Most messages.
    pub messages: u64,
    /// Most bytes of one.
    pub size: u64,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { messages: MOST_MESSAGES, size: LONGEST_MESSAGE }
    }
}

impl Attributes {
    /// # Errors
    /// `EINVAL` for nothing, and for more than an ordinary user may ask.
    pub(super) fn checked(self) -> Result<Self> {
        let fits = (1..=MOST_MESSAGES).contains(&self.messages) && (1..=LONGEST_MESSAGE).contains(&self.size);
        if fits { Ok(self) } else { Err(Errno::EINVAL) }
    }

    /// What the queue counts for `RLIMIT_MSGQUEUE` (`getrlimit(2)`).
    const fn bytes(self) -> u64 {
        self.messages * (self.size + MESSAGE_COST + PRIORITY_COST)
    }
}

#[derive(Debug, Default)]
struct State {
    /// By priority, the highest first; of one priority the oldest first.
    messages: BTreeMap<Reverse<u32>, VecDeque<Vec<u8>>>,
    count: u64,
    /// Bytes of all messages.
    bytes: usize,
    /// Threads that wait for a message: it is theirs, and nobody else is told.
    receivers: u64,
    notice: Option<(i32, Notice)>,
}

/// A queue.
pub struct Queue {
    attributes: Attributes,
    owner: Owner,
    linked: AtomicBool,
    state: Mutex<State>,
    pub(super) changed: WaitQueue,
    pub(super) ino: u64,
}

impl core::fmt::Debug for Queue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Queue").field("attributes", &self.attributes).finish_non_exhaustive()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.attributes.bytes(), Ordering::Relaxed);
    }
}

impl Queue {
    /// An empty queue; `limit` is `RLIMIT_MSGQUEUE`.
    ///
    /// # Errors
    /// `EMFILE`
    pub(super) fn new(attributes: Attributes, mode: u32, limit: u64) -> Result<Self> {
        let bytes = attributes.bytes();
        let room = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= limit);
        BYTES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).map_err(|_| Errno::EMFILE)?;
        let (uid, gid) = task::current_ids();
        Ok(Self {
            attributes,
            owner: Owner { mode, uid, gid },
            linked: AtomicBool::new(true),
            state: Mutex::new(State::default()),
            changed: WaitQueue::new(),
            ino: anonymous::inode_number(),
        })
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    pub(super) fn unlinked(&self) {
        self.linked.store(false, Ordering::Relaxed);
    }

    pub(super) fn links(&self) -> u64 {
        u64::from(self.linked.load(Ordering::Relaxed))
    }

    /// What it was made with.
    pub fn attributes(&self) -> Attributes {
        self.attributes
    }

    /// Messages that wait.
    pub fn count(&self) -> u64 {
        self.state.lock().count
    }

    /// `mq_timedsend(3)`
    ///
    /// # Errors
    /// `EMSGSIZE`, `EAGAIN` with `nowait`, `ETIMEDOUT`, `ERESTARTSYS`
    pub fn send(&self, bytes: &[u8], priority: u32, nowait: bool, deadline: Option<Deadline>) -> Result<()> {
        let told = until_ready(&self.changed, nowait, deadline, || {
            let mut state = self.state.lock();
            if state.count >= self.attributes.messages {
                return Err(Errno::EAGAIN);
            }
            state.messages.entry(Reverse(priority)).or_default().push_back(bytes.to_vec());
            state.count += 1;
            state.bytes += bytes.len();
            let news = state.count == 1 && state.receivers == 0;
            Ok(if news { state.notice.take() } else { None })
        });
        if let Some((pid, notice)) = in_time(told, nowait)? {
            notice.tell(pid);
        }
        self.changed.wake(Events::IN | Events::RDNORM);
        Ok(())
    }

    /// `mq_timedreceive(3)`: the oldest message of the highest priority, and that.
    ///
    /// # Errors
    /// `EMSGSIZE` where `room` is less than the longest message, `EAGAIN` with `nowait`, `ETIMEDOUT`, `ERESTARTSYS`
    pub fn receive(&self, room: usize, nowait: bool, deadline: Option<Deadline>) -> Result<(Vec<u8>, u32)> {
        if (room as u64) < self.attributes.size {
            return Err(Errno::EMSGSIZE);
        }
        let mut waiting = false;
        let taken = until_ready(&self.changed, nowait, deadline, || {
            let mut state = self.state.lock();
            let taken = state.take();
            if taken.is_none() && !waiting && !nowait {
                waiting = true;
                state.receivers += 1;
            }
            taken.ok_or(Errno::EAGAIN)
        });
        if waiting {
            self.state.lock().receivers -= 1;
        }
        let taken = in_time(taken, nowait)?;
        self.changed.wake(Events::OUT | Events::WRNORM);
        Ok(taken)
    }

    /// `mq_notify(3)`: registers the process, or with none of it takes its registration back.
    ///
    /// # Errors
    /// `EBUSY`
    pub fn notify(&self, pid: i32, notice: Option<Notice>) -> Result<()> {
        let Some(notice) = notice else {
            self.forget(pid);
            return Ok(());
        };
        let mut state = self.state.lock();
        if state.notice.is_some() {
            return Err(Errno::EBUSY);
        }
        state.notice = Some((pid, notice));
        Ok(())
    }

    /// Takes a process's registration back.
    pub(super) fn forget(&self, pid: i32) {
        let mut state = self.state.lock();
        let gone = state.notice.take_if(|(owner, _)| *owner == pid);
        drop(state);
        if let Some((_, notice)) = gone {
            notice.drop_it();
        }
    }

    /// What is ready.
    pub(super) fn ready(&self) -> Events {
        let count = self.count();
        let mut events = Events::NONE;
        if count > 0 {
            events |= Events::IN | Events::RDNORM;
        }
        if count < self.attributes.messages {
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    /// Bytes that wait; kind, signal and process of the registration, as reading the descriptor tells them.
    pub(super) fn summary(&self) -> (usize, i32, u8, i32) {
        const SIGEV_NONE: i32 = 1;
        const SIGEV_THREAD: i32 = 2;
        let state = self.state.lock();
        let (kind, signo, pid) = match &state.notice {
            None => (0, 0, 0),
            Some((pid, Notice::Silent)) => (SIGEV_NONE, 0, *pid),
            Some((pid, Notice::Signal(signo, _))) => (0, *signo, *pid),
            Some((pid, Notice::Cookie(..))) => (SIGEV_THREAD, 0, *pid),
        };
        (state.bytes, kind, signo, pid)
    }
}

impl State {
    fn take(&mut self) -> Option<(Vec<u8>, u32)> {
        let mut first = self.messages.first_entry()?;
        let priority = first.key().0;
        let message = first.get_mut().pop_front();
        if first.get().is_empty() {
            first.remove();
        }
        let message = message?;
        self.count -= 1;
        self.bytes -= message.len();
        Some((message, priority))
    }
}

/// A call that may wait says of its time being over what one that may not wait says of having to.
fn in_time<T>(result: Result<T>, nowait: bool) -> Result<T> {
    match result {
        Err(Errno::EAGAIN) if !nowait => Err(Errno::ETIMEDOUT),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_comes_first_and_of_equals_the_oldest() {
        let queue = Queue::new(Attributes::default(), 0o600, u64::MAX).expect("room");
        for (bytes, priority) in [("a", 1), ("b", 7), ("c", 1), ("d", 7), ("e", 0)] {
            queue.send(bytes.as_bytes(), priority, true, None).expect("room for a message");
        }
        assert_eq!(queue.receive(8191, true, None), Err(Errno::EMSGSIZE));
        let order: Vec<u8> =
            core::iter::from_fn(|| queue.receive(8192, true, None).ok()).map(|(bytes, _)| bytes[0]).collect();
        assert_eq!(order, b"bdace");
        assert_eq!(queue.receive(8192, true, None), Err(Errno::EAGAIN));
    }

    #[test]
    fn limits() {
        let attributes = |messages, size| Attributes { messages, size }.checked();
        assert!(attributes(10, 8192).is_ok());
        assert_eq!(attributes(0, 1), Err(Errno::EINVAL));
        assert_eq!(attributes(11, 1), Err(Errno::EINVAL));
        assert_eq!(attributes(1, u64::MAX), Err(Errno::EINVAL));
        assert_eq!(Queue::new(Attributes::default(), 0, 1000).err(), Some(Errno::EMFILE));
        let queue = Queue::new(Attributes { messages: 1, size: 4 }, 0o600, u64::MAX).expect("room");
        queue.send(b"one", 0, true, None).expect("room for a message");
        assert_eq!(queue.send(b"two", 0, true, None), Err(Errno::EAGAIN));
        assert_eq!(queue.ready(), Events::IN | Events::RDNORM);
    }
}
