//! The epoll set.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::epoll::item::{EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, Interest, Item, Key, Shared, key};
use crate::ipc::timerfd::TimerFd;
use crate::sync::{Mutex, WaitError, WaitQueue, wait_event};
use crate::time::Deadline;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// Deepest nesting of sets (`EP_MAX_NESTS`).
const MAX_NESTING: usize = 4;

/// What `epoll_wait` tells of one file.
pub type Ready = Interest;

/// A set of files that are waited for together.
pub struct Epoll {
    shared: Arc<Shared>,
    items: Mutex<BTreeMap<Key, Arc<Item>>>,
    /// Items whose file changes by itself as time passes: timers and nested sets.
    timed: Mutex<Vec<Arc<Item>>>,
    ino: u64,
}

impl core::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Epoll").field("ino", &self.ino).finish_non_exhaustive()
    }
}

impl Epoll {
    /// A description of an empty set.
    pub fn open() -> Arc<OpenFile> {
        let set = Self {
            shared: Arc::new(Shared::default()),
            items: Mutex::new(BTreeMap::new()),
            timed: Mutex::new(Vec::new()),
            ino: anonymous::inode_number(),
        };
        OpenFile::new(Arc::new(set), 2, "anon_inode:[eventpoll]")
    }

    /// `EPOLL_CTL_ADD`
    ///
    /// # Errors
    /// `EEXIST`, `EPERM` (a file that is always ready), `EINVAL` (itself), `ELOOP`.
    pub fn add(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        let queue = file.file.wait_queue().ok_or(Errno::EPERM)?;
        let nested = file.downcast::<Self>();
        if let Some(other) = nested {
            if core::ptr::eq(other, self) {
                return Err(Errno::EINVAL);
            }
            other.check_nesting(self, 1)?;
        }
        self.sweep(fd);
        let item = Item::new(fd, file, interest, &self.shared);
        let mut items = self.items.lock();
        if items.contains_key(&item.key) {
            return Err(Errno::EEXIST);
        }
        items.insert(item.key, item.clone());
        drop(items);
        queue.add(item.clone());
        if nested.is_some() || file.downcast::<TimerFd>().is_some() {
            self.timed.lock().push(item.clone());
        }
        self.look(&item);
        Ok(())
    }

    /// `EPOLL_CTL_MOD`
    ///
    /// # Errors
    /// `ENOENT`, `EINVAL` (`EPOLLEXCLUSIVE`).
    pub fn modify(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        let item = self.items.lock().get(&key(fd, file)).cloned().ok_or(Errno::ENOENT)?;
        if interest.events & EPOLLEXCLUSIVE != 0 || item.interest.lock().events & EPOLLEXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        *item.interest.lock() = interest;
        self.look(&item);
        Ok(())
    }

    /// `EPOLL_CTL_DEL`
    ///
    /// # Errors
    /// `ENOENT`
    pub fn delete(&self, fd: i32, file: &Arc<OpenFile>) -> Result<()> {
        let item = self.items.lock().remove(&key(fd, file)).ok_or(Errno::ENOENT)?;
        self.forget(&item);
        Ok(())
    }

    /// Waits for at most `max` ready files until `deadline`.
    ///
    /// # Errors
    /// `EINTR`
    pub fn wait(&self, max: usize, deadline: Option<Deadline>) -> Result<Vec<Ready>> {
        loop {
            let alarm = self.ring_alarms();
            let until = earliest(alarm, deadline);
            let result = wait_event(&[&self.shared.queue], until, || {
                let alarm_now = self.ring_alarms();
                let ready = self.collect(max);
                if !ready.is_empty() {
                    return Some(Some(ready));
                }
                // A timer was armed anew: sleep to the new time.
                (alarm_now != alarm).then_some(None)
            });
            match result {
                Ok(Some(ready)) => return Ok(ready),
                Ok(None) => {}
                Err(WaitError::Interrupted) => return Err(Errno::EINTR),
                Err(WaitError::TimedOut) if deadline.is_some_and(|deadline| deadline.passed()) => {
                    self.ring_alarms();
                    return Ok(self.collect(max));
                }
                Err(WaitError::TimedOut) => {}
            }
        }
    }

    /// Whether `top` can be reached from this set, or the nesting grows too deep.
    fn check_nesting(&self, top: &Self, depth: usize) -> Result<()> {
        if depth > MAX_NESTING {
            return Err(Errno::ELOOP);
        }
        let timed: Vec<Arc<Item>> = self.timed.lock().clone();
        for item in timed {
            let Some(file) = item.file.upgrade() else { continue };
            let Some(other) = file.downcast::<Self>() else {
                continue;
            };
            if core::ptr::eq(other, top) {
                return Err(Errno::ELOOP);
            }
            other.check_nesting(top, depth + 1)?;
        }
        Ok(())
    }

    /// Queues an item that is ready now.
    fn look(&self, item: &Arc<Item>) {
        if item.current() != Events::NONE {
            self.shared.enqueue(item);
            self.shared.queue.wake(Events::IN);
        }
    }

    /// Removes items of a closed file that had the number `fd`.
    fn sweep(&self, fd: i32) {
        let dead: Vec<Arc<Item>> = self
            .items
            .lock()
            .range((fd, 0)..=(fd, usize::MAX))
            .filter(|(_, item)| item.file.strong_count() == 0)
            .map(|(_, item)| item.clone())
            .collect();
        for item in dead {
            self.items.lock().remove(&item.key);
            self.forget(&item);
        }
    }

    fn forget(&self, item: &Arc<Item>) {
        item.detach();
        *item.interest.lock() = Interest { events: EPOLLONESHOT, data: 0 };
        self.timed.lock().retain(|other| !Arc::ptr_eq(other, item));
    }

    /// Takes ready items off the list; those of level-triggered interest go back to its end.
    pub(crate) fn collect(&self, max: usize) -> Vec<Ready> {
        let mut ready = Vec::new();
        let mut left = self.shared.ready.lock().len();
        while left > 0 && ready.len() < max {
            left -= 1;
            let Some(item) = self.shared.ready.lock().pop_front() else {
                break;
            };
            item.queued.store(false, Ordering::Release);
            if item.file.strong_count() == 0 {
                self.items.lock().remove(&item.key);
                self.forget(&item);
                continue;
            }
            let events = item.current();
            if events == Events::NONE {
                continue;
            }
            let mut interest = item.interest.lock();
            ready.push(Ready { events: events.0, data: interest.data });
            if interest.events & EPOLLONESHOT != 0 {
                *interest = interest.disarmed();
            } else if interest.events & EPOLLET == 0 {
                drop(interest);
                self.shared.enqueue(&item);
            }
        }
        ready
    }

    /// Queues items whose alarm has rung, sets their next, and returns the earliest.
    fn ring_alarms(&self) -> Option<Deadline> {
        // Without the lock: looking at a file may close it.
        let timed: Vec<Arc<Item>> = self.timed.lock().clone();
        let mut first = None;
        for item in timed {
            let alarm = item.alarm.load(Ordering::Acquire);
            if alarm != 0 && Deadline::from_nanos(alarm).passed() {
                self.shared.enqueue(&item);
            }
            let next = item.file.upgrade().and_then(|file| file.file.deadline());
            item.alarm.store(next.map_or(0, Deadline::as_nanos), Ordering::Release);
            first = earliest(first, next);
        }
        first
    }
}

/// The earlier of two deadlines; none is never.
pub fn earliest(one: Option<Deadline>, other: Option<Deadline>) -> Option<Deadline> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.as_nanos() < one.as_nanos() { other } else { one }),
        (one, other) => one.or(other),
    }
}

impl File for Epoll {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Anonymous, 0o600, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        self.ring_alarms();
        let queued: Vec<Arc<Item>> = self.shared.ready.lock().iter().cloned().collect();
        if queued.iter().any(|item| item.current() != Events::NONE) {
            Events::IN | Events::RDNORM
        } else {
            Events::NONE
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.queue)
    }

    fn deadline(&self) -> Option<Deadline> {
        self.ring_alarms()
    }

    fn release(&self, _open: &OpenFile) {
        let items = core::mem::take(&mut *self.items.lock());
        self.timed.lock().clear();
        for item in items.values() {
            item.detach();
        }
    }
}
