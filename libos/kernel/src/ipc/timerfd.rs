//! `timerfd_create(2)`. Expirations are counted when somebody looks: no thread drives them.

use alloc::sync::Arc;
use core::any::Any;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::sync::{Mutex, WaitError, WaitQueue, wait_event};
use crate::time::{Clock, Deadline, Schedule, now};
use crate::user::UserBuffers;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// When a timer goes off, by `CLOCK_MONOTONIC`, and what of that has not been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    schedule: Schedule,
    pending: u64,
}

impl State {
    /// Counts what has expired at `now`.
    fn advance(&mut self, now: Duration) {
        self.pending = self.pending.saturating_add(self.schedule.expire(now));
    }
}

/// A timer that can be read and polled.
pub struct TimerFd {
    clock: Clock,
    state: Mutex<State>,
    queue: WaitQueue,
    ino: u64,
}

impl core::fmt::Debug for TimerFd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TimerFd").field("clock", &self.clock).finish_non_exhaustive()
    }
}

fn monotonic() -> Duration {
    now(Clock::Monotonic)
}

impl TimerFd {
    /// A description of a timer of `clock`; `flags` are `O_NONBLOCK` or none.
    pub fn open(clock: Clock, flags: u32) -> Arc<OpenFile> {
        let file = Self {
            clock,
            state: Mutex::new(State::default()),
            queue: WaitQueue::new(),
            ino: anonymous::inode_number(),
        };
        OpenFile::new(Arc::new(file), flags | 2, "anon_inode:[timerfd]")
    }

    /// `timerfd_settime(2)`: first expiry (zero disarms), interval; returns what [`Self::get`] would.
    ///
    /// An absolute time of the real-time clock is turned into a monotonic one when it is set: the
    /// instance's clock is not set by its programs.
    pub fn set(&self, first: Duration, interval: Duration, absolute: bool) -> (Duration, Duration) {
        let mono = monotonic();
        let next = if first.is_zero() {
            None
        } else if absolute {
            Some(mono.saturating_add(first.saturating_sub(now(self.clock))))
        } else {
            Some(mono.saturating_add(first))
        };
        let mut state = self.state.lock();
        state.advance(mono);
        let old = remaining(&state.schedule, mono);
        *state = State { schedule: Schedule::new(next, interval), pending: 0 };
        drop(state);
        // Sleepers must take the new deadline into account.
        self.queue.wake(Events::IN);
        old
    }

    /// `timerfd_gettime(2)`: time to the next expiry (zero: disarmed), interval.
    pub fn get(&self) -> (Duration, Duration) {
        let mono = monotonic();
        let mut state = self.state.lock();
        state.advance(mono);
        remaining(&state.schedule, mono)
    }

    fn take(&self) -> Option<u64> {
        let mut state = self.state.lock();
        state.advance(monotonic());
        let pending = core::mem::take(&mut state.pending);
        let armed = state.schedule.next().is_some();
        drop(state);
        if pending > 0 && armed {
            // From now on there is something to sleep for again.
            self.queue.wake(Events::IN);
        }
        (pending > 0).then_some(pending)
    }

    fn await_expiry(&self) -> Result<u64> {
        loop {
            let deadline = self.deadline();
            let result = wait_event(&[&self.queue], deadline, || match self.take() {
                Some(count) => Some(Some(count)),
                // Armed anew: sleep to the new time.
                None if self.deadline() != deadline => Some(None),
                None => None,
            });
            match result {
                Ok(Some(count)) => return Ok(count),
                Ok(None) | Err(WaitError::TimedOut) => {}
                Err(WaitError::Interrupted) => return Err(Errno::ERESTARTSYS),
            }
        }
    }
}

fn remaining(schedule: &Schedule, now: Duration) -> (Duration, Duration) {
    (schedule.left(now), schedule.interval())
}

impl File for TimerFd {
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
        let count = match self.take() {
            Some(count) => count,
            None if open.nonblocking() => return Err(Errno::EAGAIN),
            None => self.await_expiry()?,
        };
        to.copy_out(&count.to_ne_bytes())
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        let mut state = self.state.lock();
        state.advance(monotonic());
        if state.pending > 0 { Events::IN } else { Events::NONE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn deadline(&self) -> Option<Deadline> {
        let mut state = self.state.lock();
        state.advance(monotonic());
        // What has rung already does not change by ringing again.
        state.schedule.next().filter(|_| state.pending == 0).map(Deadline::at)
    }
}
