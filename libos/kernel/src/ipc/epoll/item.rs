//! One file in an epoll set.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::sync::{Mutex, Observer, WaitQueue, Wakes};
use crate::vfs::{Events, File, OpenFile};

/// `EPOLLEXCLUSIVE`
pub(crate) const EPOLLEXCLUSIVE: u32 = 1 << 28;
/// `EPOLLONESHOT`
pub(crate) const EPOLLONESHOT: u32 = 1 << 30;
/// `EPOLLET`
pub(crate) const EPOLLET: u32 = 1 << 31;
/// Flags among the events.
const FLAGS: u32 = 0xf << 28;

/// `struct epoll_event`: what is waited for, and what the program is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// `EPOLL*`
    pub events: u32,
    /// Opaque.
    pub data: u64,
}

impl Interest {
    /// Events that are looked for: errors always, nothing once a one-shot has fired.
    pub(crate) fn mask(self) -> Events {
        match self.events & !FLAGS {
            0 if self.events & EPOLLONESHOT != 0 => Events::NONE,
            events => Events(events) | Events::ERR | Events::HUP,
        }
    }

    /// What is left after a one-shot has fired.
    pub(crate) fn disarmed(self) -> Self {
        Self { events: self.events & FLAGS, ..self }
    }
}

/// Identity in a set: descriptor number and description, as Linux has it.
pub(crate) type Key = (i32, usize);

/// The part of a set that notifications reach. It is dropped by whoever is last, even under a wait
/// queue's lock, so it owns nothing whose drop does anything.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) ready: Mutex<VecDeque<Arc<Item>>>,
    pub(crate) queue: WaitQueue,
}

/// A registered file.
pub(crate) struct Item {
    pub(crate) key: Key,
    pub(crate) file: Weak<OpenFile>,
    /// Outlives `file` where other descriptions of it exist: its queue must be left.
    pub(crate) target: Weak<dyn File>,
    pub(crate) interest: Mutex<Interest>,
    me: Weak<Self>,
    shared: Weak<Shared>,
    /// Whether it is in the ready list.
    pub(crate) queued: AtomicBool,
    /// The deadline (ns) at which the file's readiness changes by itself; 0: none.
    pub(crate) alarm: AtomicU64,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Item {
    pub(crate) fn new(fd: i32, file: &Arc<OpenFile>, interest: Interest, shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            key: key(fd, file),
            file: Arc::downgrade(file),
            target: Arc::downgrade(&file.file),
            interest: Mutex::new(interest),
            shared: Arc::downgrade(shared),
            queued: AtomicBool::new(false),
            alarm: AtomicU64::new(0),
        })
    }

    /// Events that are wanted and so now.
    pub(crate) fn current(&self) -> Events {
        let mask = self.interest.lock().mask();
        match self.file.upgrade() {
            Some(file) if mask != Events::NONE => file.file.poll(&file) & mask,
            _ => Events::NONE,
        }
    }

    /// Stops hearing of the file.
    pub(crate) fn detach(self: &Arc<Self>) {
        if let Some(target) = self.target.upgrade()
            && let Some(queue) = target.wait_queue()
        {
            let observer: Arc<dyn Observer> = self.clone();
            queue.remove(&observer);
        }
    }
}

/// The key of `file` under number `fd`.
pub(crate) fn key(fd: i32, file: &Arc<OpenFile>) -> Key {
    (fd, Arc::as_ptr(file) as usize)
}

impl Shared {
    /// Puts an item in the ready list, once.
    pub(crate) fn enqueue(&self, item: &Arc<Item>) {
        if !item.queued.swap(true, Ordering::AcqRel) {
            self.ready.lock().push_back(item.clone());
        }
    }
}

impl Observer for Item {
    fn notify(&self, events: Events, wakes: &mut Wakes) {
        let mask = self.interest.lock().mask();
        // A dead description is queued as well: collecting it removes it.
        if !mask.intersects(events) && self.file.strong_count() > 0 {
            return;
        }
        if let (Some(me), Some(shared)) = (self.me.upgrade(), self.shared.upgrade()) {
            shared.enqueue(&me);
            shared.queue.tell(Events::IN, wakes);
        }
    }
}
