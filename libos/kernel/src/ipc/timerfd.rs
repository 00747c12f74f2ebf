//! `timerfd_create(2)`. Expirations are counted when somebody looks: no thread drives them.

use alloc::sync::Arc;
use core::any::Any;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::sync::{Mutex, WaitError, WaitQueue, wait_event};
use crate::time::{Clock, Deadline, now};
use crate::user::UserBuffers;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// When a timer expires next and how often after that, in nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    next: Option<u64>,
    interval: u64,
    /// Expirations that have not been read.
    pending: u64,
}

impl Schedule {
    /// Counts what has expired at `now`.
    fn advance(&mut self, now: u64) {
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return;
        };
        match (now - next).checked_div(self.interval) {
            None => {
                self.pending = self.pending.saturating_add(1);
                self.next = None;
            }
            Some(periods) => {
                let ticks = periods + 1;
                self.pending = self.pending.saturating_add(ticks);
                self.next = Some(next.saturating_add(ticks.saturating_mul(self.interval)));
            }
        }
    }
}

/// A timer that can be read and polled.
pub struct TimerFd {
    clock: Clock,
    schedule: Mutex<Schedule>,
    queue: WaitQueue,
    ino: u64,
}

impl core::fmt::Debug for TimerFd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TimerFd").field("clock", &self.clock).finish_non_exhaustive()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn monotonic() -> u64 {
    nanos(now(Clock::Monotonic))
}

impl TimerFd {
    /// A description of a timer of `clock`; `flags` are `O_NONBLOCK` or none.
    pub fn open(clock: Clock, flags: u32) -> Arc<OpenFile> {
        let file = Self {
            clock,
            schedule: Mutex::new(Schedule::default()),
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
            let wait = nanos(first.saturating_sub(now(self.clock)));
            Some(mono.saturating_add(wait))
        } else {
            Some(mono.saturating_add(nanos(first)))
        };
        let mut schedule = self.schedule.lock();
        schedule.advance(mono);
        let old = remaining(&schedule, mono);
        *schedule = Schedule { next, interval: nanos(interval), pending: 0 };
        drop(schedule);
        // Sleepers must take the new deadline into account.
        self.queue.wake(Events::IN);
        old
    }

    /// `timerfd_gettime(2)`: time to the next expiry (zero: disarmed), interval.
    pub fn get(&self) -> (Duration, Duration) {
        let mono = monotonic();
        let mut schedule = self.schedule.lock();
        schedule.advance(mono);
        remaining(&schedule, mono)
    }

    fn take(&self) -> Option<u64> {
        let mut schedule = self.schedule.lock();
        schedule.advance(monotonic());
        let pending = core::mem::take(&mut schedule.pending);
        let armed = schedule.next.is_some();
        drop(schedule);
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

fn remaining(schedule: &Schedule, now: u64) -> (Duration, Duration) {
    let wait = schedule.next.map_or(0, |next| next.saturating_sub(now).max(1));
    (Duration::from_nanos(wait), Duration::from_nanos(schedule.interval))
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
        let mut schedule = self.schedule.lock();
        schedule.advance(monotonic());
        if schedule.pending > 0 { Events::IN } else { Events::NONE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn deadline(&self) -> Option<Deadline> {
        let mut schedule = self.schedule.lock();
        schedule.advance(monotonic());
        // What has rung already does not change by ringing again.
        schedule.next.filter(|_| schedule.pending == 0).map(Deadline::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_counted() {
        let mut schedule = Schedule { next: Some(100), interval: 30, pending: 0 };
        schedule.advance(99);
        assert_eq!(schedule.pending, 0);
        schedule.advance(100);
        assert_eq!((schedule.pending, schedule.next), (1, Some(130)));
        schedule.advance(200);
        assert_eq!((schedule.pending, schedule.next), (4, Some(220)));
        let mut once = Schedule { next: Some(5), interval: 0, pending: 0 };
        once.advance(50);
        once.advance(60);
        assert_eq!((once.pending, once.next), (1, None));
    }

    #[test]
    fn extreme_intervals_do_not_overflow() {
        let mut schedule = Schedule { next: Some(1), interval: 1, pending: u64::MAX - 1 };
        schedule.advance(u64::MAX);
        assert_eq!(schedule.pending, u64::MAX);
    }
}
