//! Wait queues: how a thread sleeps until an object changes, and how epoll hears of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crate::host;
use crate::sync::Mutex;
use crate::time::Deadline;
use crate::vfs::Events;

/// Hears that an object may have become ready for `events`.
///
/// `notify` is called with the queue's lock held: it must not call back into the object, nor sleep.
pub trait Observer: Send + Sync {
    /// Something of `events` may be so now. Threads that have to be woken for it go into `wakes`.
    fn notify(&self, events: Events, wakes: &mut Wakes);

    /// Whether it stays when it has been told, and expects to be told of each change.
    fn stays(&self) -> bool {
        true
    }
}

/// Sleeping threads that are woken when this is dropped: after the locks of whoever collects them are free, so that
/// a thread that wakes at once finds them free.
#[derive(Debug)]
pub struct Wakes {
    /// Words of the shared region.
    words: [*const AtomicU32; Wakes::ROOM],
    count: usize,
}

impl Wakes {
    /// Threads that are remembered; more are woken at once.
    const ROOM: usize = 8;

    /// Nobody to be woken.
    pub const fn new() -> Self {
        Self { words: [ptr::null(); Self::ROOM], count: 0 }
    }

    /// Wakes who sleeps on the word, by and by.
    fn add(&mut self, word: &AtomicU32) {
        match self.words.get_mut(self.count) {
            Some(place) => {
                *place = word;
                self.count += 1;
            }
            None => host::futex_wake(word, 1),
        }
    }
}

impl Default for Wakes {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        // Where a waiter is gone by now, another sleeper may be woken: all look again at what they wait for.
        for word in self.words.iter().take(self.count) {
            host::futex_wake(*word, 1);
        }
    }
}

/// The observers of one object.
#[derive(Default)]
pub struct WaitQueue {
    observers: Mutex<Vec<Arc<dyn Observer>>>,
    /// How many there are. An observer is counted before it looks at the object, and the object changes before this is
    /// read: with the object's own lock (or sequentially consistent atomics) around both, one of the two sees the other.
    count: AtomicUsize,
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WaitQueue")
    }
}

impl WaitQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { observers: Mutex::new(Vec::new()), count: AtomicUsize::new(0) }
    }

    /// Adds an observer; it stays until [`Self::remove`].
    pub fn add(&self, observer: Arc<dyn Observer>) {
        let mut observers = self.observers.lock();
        observers.push(observer);
        self.count.store(observers.len(), Ordering::SeqCst);
    }

    /// Removes an observer (one entry of it).
    pub fn remove(&self, observer: &Arc<dyn Observer>) {
        let mut observers = self.observers.lock();
        let found =
            observers.iter().position(|other| ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(observer)));
        if let Some(index) = found {
            observers.remove(index);
        }
        self.count.store(observers.len(), Ordering::SeqCst);
    }

    /// Whether somebody expects to be told of each change, and does not just sleep until the next.
    pub fn is_observed(&self) -> bool {
        self.observers.lock().iter().any(|observer| observer.stays())
    }

    /// Tells every observer.
    pub fn wake(&self, events: Events) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.tell(events, &mut Wakes::new());
        }
    }

    /// Tells every observer, the newest first as on Linux; threads are woken by `wakes`.
    pub fn tell(&self, events: Events, wakes: &mut Wakes) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        for observer in self.observers.lock().iter().rev() {
            observer.notify(events, wakes);
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
    /// Whether another thread has given it what it waits for: set under a lock of theirs (futexes).
    pub granted: AtomicBool,
}

impl Waiter {
    /// A waiter that nobody has told anything.
    pub const fn new() -> Self {
        Self { sequence: AtomicU32::new(0), sleeping: AtomicU32::new(0), granted: AtomicBool::new(false) }
    }

    /// Makes the thread look again at what it waits for.
    pub fn wake(&self) {
        self.tell(&mut Wakes::new());
    }

    /// As [`Self::wake`], by `wakes`.
    pub fn tell(&self, wakes: &mut Wakes) {
        self.sequence.fetch_add(1, Ordering::SeqCst);
        // One wake-up is enough for a sleep, whoever else has news.
        if self.sleeping.load(Ordering::SeqCst) != 0 && self.sleeping.swap(0, Ordering::SeqCst) != 0 {
            wakes.add(&self.sequence);
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
    fn notify(&self, _events: Events, wakes: &mut Wakes) {
        self.tell(wakes);
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
    if deadline.is_some_and(Deadline::passed) {
        return Err(if thread.interrupted() { WaitError::Interrupted } else { WaitError::TimedOut });
    }
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
