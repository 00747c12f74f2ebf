//! Wait queues: how a thread sleeps until an object changes, and how epoll hears of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::host;
use crate::sync::Mutex;
use crate::time::Deadline;
use crate::vfs::Events;

/// Hears that an object may have become ready for `events`.
///
/// `notify` is called with the object's lock held: it must not call back into the object, nor sleep.
pub trait Observer: Send + Sync {
    /// Something of `events` may be so now.
    fn notify(&self, events: Events);

    /// Whether it stays when it has been told, and expects to be told of each change.
    fn stays(&self) -> bool {
        true
    }
}

/// The observers of one object.
#[derive(Default)]
pub struct WaitQueue {
    observers: Mutex<Vec<Arc<dyn Observer>>>,
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WaitQueue")
    }
}

impl WaitQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { observers: Mutex::new(Vec::new()) }
    }

    /// Adds an observer; it stays until [`Self::remove`].
    pub fn add(&self, observer: Arc<dyn Observer>) {
        self.observers.lock().push(observer);
    }

    /// Removes an observer (one entry of it).
    pub fn remove(&self, observer: &Arc<dyn Observer>) {
        let mut observers = self.observers.lock();
        let found =
            observers.iter().position(|other| core::ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(observer)));
        if let Some(index) = found {
            observers.swap_remove(index);
        }
    }

    /// Whether somebody expects to be told of each change, and does not just sleep until the next.
    pub fn is_observed(&self) -> bool {
        self.observers.lock().iter().any(|observer| observer.stays())
    }

    /// Tells every observer.
    pub fn wake(&self, events: Events) {
        for observer in self.observers.lock().iter() {
            observer.notify(events);
        }
    }
}

/// What a thread sleeps on: every thread has exactly one.
#[derive(Debug, Default)]
pub struct Waiter {
    /// Counts reasons to look again; the futex word.
    sequence: AtomicU32,
    /// Whether the thread sleeps or is about to.
    sleeping: AtomicU32,
}

impl Waiter {
    /// A waiter that nobody has told anything.
    pub const fn new() -> Self {
        Self { sequence: AtomicU32::new(0), sleeping: AtomicU32::new(0) }
    }

    /// Makes the thread look again at what it waits for.
    pub fn wake(&self) {
        self.sequence.fetch_add(1, Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) != 0 {
            host::futex_wake(&self.sequence, 1);
        }
    }

    /// Sleeps until [`Self::wake`] has been called since `seen` was read, or until `deadline`.
    fn sleep(&self, seen: u32, deadline: Option<Deadline>) {
        self.sleeping.store(1, Ordering::SeqCst);
        if self.sequence.load(Ordering::SeqCst) == seen {
            // Whatever ends the sleep, the caller looks again.
            let _ = host::futex_wait(&self.sequence, seen, deadline);
        }
        self.sleeping.store(0, Ordering::SeqCst);
    }

    fn sequence(&self) -> u32 {
        self.sequence.load(Ordering::SeqCst)
    }
}

impl Observer for Waiter {
    fn notify(&self, _events: Events) {
        self.wake();
    }

    fn stays(&self) -> bool {
        false
    }
}

/// Why a wait ended without its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// A signal is pending (or the process is ending).
    Interrupted,
    /// The deadline has passed.
    TimedOut,
}

/// Puts the calling thread to sleep until `condition` gives something; it is tried at once, and again
/// whenever one of `queues` is woken. No lock may be held by the caller.
///
/// # Errors
/// [`WaitError::Interrupted`] on a pending signal, [`WaitError::TimedOut`] at `deadline`.
pub fn wait_event<T>(
    queues: &[&WaitQueue],
    deadline: Option<Deadline>,
    mut condition: impl FnMut() -> Option<T>,
) -> Result<T, WaitError> {
    if let Some(value) = condition() {
        return Ok(value);
    }
    let thread = crate::task::current();
    let observer: Arc<dyn Observer> = thread.waiter.clone();
    for queue in queues {
        queue.add(observer.clone());
    }
    let result = loop {
        let seen = thread.waiter.sequence();
        if let Some(value) = condition() {
            break Ok(value);
        }
        if thread.interrupted() {
            break Err(WaitError::Interrupted);
        }
        if deadline.is_some_and(|deadline| deadline.passed()) {
            break Err(WaitError::TimedOut);
        }
        thread.waiter.sleep(seen, deadline);
    };
    for queue in queues {
        queue.remove(&observer);
    }
    result
}
