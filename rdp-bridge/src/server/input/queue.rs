//! The bounded queue between all sessions and the desktop.
//!
//! A session never waits for the desktop. Under pressure the queue gives up what matters least: pointer positions that a
//! later one replaces, then presses and wheel turns. Releases and the coming and going of sessions are never lost,
//! so no key stays down for ever.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::event::{InputEvent, SessionInput};

#[derive(Debug)]
struct Queue {
    events: VecDeque<SessionInput>,
    capacity: usize,
    senders: usize,
    receiver_alive: bool,
    dropped: u64,
}

impl Queue {
    fn push(&mut self, input: SessionInput) {
        if let InputEvent::PointerMove { .. } = input.event
            && let Some(last) = self.events.back_mut()
            && last.session == input.session
            && matches!(last.event, InputEvent::PointerMove { .. })
        {
            *last = input;
            return;
        }
        if self.events.len() >= self.capacity && !self.make_room(&input) {
            self.dropped += 1;
            return;
        }
        self.events.push_back(input);
    }

    /// Frees one place for `input`; false when `input` itself is what matters least.
    fn make_room(&mut self, input: &SessionInput) -> bool {
        let new = loss_rank(&input.event);
        let victim = self
            .events
            .iter()
            .enumerate()
            .filter_map(|(index, queued)| loss_rank(&queued.event).map(|rank| (rank, index)))
            .min();
        match (victim, new) {
            (Some((rank, index)), new) if new.is_none_or(|new| rank <= new) => {
                self.events.remove(index);
                self.dropped += 1;
                true
            }
            (_, Some(_)) => false,
            (_, None) => {
                // Only what must not be lost is queued. The same release twice says nothing new; beyond that the
                // number of keys and sessions bounds the queue.
                if let Some(index) = self.events.iter().position(|queued| queued == input) {
                    self.events.remove(index);
                }
                true
            }
        }
    }
}

/// How easily an event is missed, smallest first; `None` for what must never be lost.
fn loss_rank(event: &InputEvent) -> Option<u8> {
    match event {
        InputEvent::PointerMove { .. } => Some(0),
        InputEvent::Wheel { .. } => Some(1),
        InputEvent::RequestedSize { .. } => Some(2),
        InputEvent::Key { released: false, .. }
        | InputEvent::Unicode { released: false, .. }
        | InputEvent::Button { released: false, .. } => Some(3),
        InputEvent::Key { .. }
        | InputEvent::Unicode { .. }
        | InputEvent::Button { .. }
        | InputEvent::SyncLocks { .. }
        | InputEvent::Connected { .. }
        | InputEvent::Disconnected => None,
    }
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    notify: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock; a poisoned queue is still a whole one.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.ready.notify_one();
        self.notify.notify_one();
    }
}

/// The sessions' end of the queue.
#[derive(Debug)]
pub struct InputSender(Arc<Shared>);

/// The desktop's end of the queue.
#[derive(Debug)]
pub struct InputReceiver(Arc<Shared>);

/// A queue for about `capacity` events (at least 16).
pub fn input_channel(capacity: usize) -> (InputSender, InputReceiver) {
    let queue = Queue {
        events: VecDeque::new(),
        capacity: capacity.max(16),
        senders: 1,
        receiver_alive: true,
        dropped: 0,
    };
    let shared = Arc::new(Shared { queue: Mutex::new(queue), ready: Condvar::new(), notify: Notify::new() });
    (InputSender(Arc::clone(&shared)), InputReceiver(shared))
}

impl InputSender {
    /// Queues an event; never waits.
    pub fn send(&self, input: SessionInput) {
        let mut queue = self.0.lock();
        if queue.receiver_alive {
            queue.push(input);
        }
        drop(queue);
        self.0.wake();
    }
}

impl Clone for InputSender {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for InputSender {
    fn drop(&mut self) {
        self.0.lock().senders -= 1;
        self.0.wake();
    }
}

impl InputReceiver {
    /// The next event if there is one now.
    pub fn try_recv(&self) -> Option<SessionInput> {
        self.0.lock().events.pop_front()
    }

    /// Waits for the next event; `None` once every sender is gone and the queue is empty. Cancel safe.
    pub async fn recv(&mut self) -> Option<SessionInput> {
        loop {
            let notified = self.0.notify.notified();
            {
                let mut queue = self.0.lock();
                if let Some(input) = queue.events.pop_front() {
                    return Some(input);
                }
                if queue.senders == 0 {
                    return None;
                }
            }
            notified.await;
        }
    }

    /// As [`recv`](Self::recv), for a plain thread.
    pub fn recv_blocking(&mut self) -> Option<SessionInput> {
        let mut queue = self.0.lock();
        loop {
            if let Some(input) = queue.events.pop_front() {
                return Some(input);
            }
            if queue.senders == 0 {
                return None;
            }
            queue = self.0.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many events the queue has given up so far.
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl Drop for InputReceiver {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.receiver_alive = false;
        queue.events.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::input::event::SessionId;

    fn input(event: InputEvent) -> SessionInput {
        SessionInput { session: SessionId(1), event }
    }

    fn key(code: u8, released: bool) -> SessionInput {
        input(InputEvent::Key { code, extended: false, released })
    }

    #[test]
    fn consecutive_moves_collapse_into_the_newest() {
        let (tx, rx) = input_channel(16);
        for x in 0..1000 {
            tx.send(input(InputEvent::PointerMove { x, y: 7 }));
        }
        assert_eq!(rx.try_recv(), Some(input(InputEvent::PointerMove { x: 999, y: 7 })));
        assert_eq!(rx.try_recv(), None);
    }

    #[test]
    fn releases_survive_a_desktop_that_does_not_read() {
        let (tx, rx) = input_channel(16);
        for _ in 0..1000 {
            for code in 1..=100 {
                tx.send(key(code, false));
                tx.send(input(InputEvent::PointerMove { x: 1, y: 1 }));
                tx.send(key(code, true));
            }
        }
        let queued: Vec<_> = std::iter::from_fn(|| rx.try_recv()).collect();
        assert!(queued.len() <= 100 + 16, "the queue stays bounded: {}", queued.len());
        for code in 1..=100 {
            assert!(queued.contains(&key(code, true)), "the release of {code} was lost");
        }
        assert!(rx.dropped() > 0);
    }

    #[test]
    fn a_press_gives_way_before_a_release_and_a_move_before_a_press() {
        let (tx, rx) = input_channel(16);
        for code in 1..=15 {
            tx.send(key(code, false));
        }
        tx.send(input(InputEvent::PointerMove { x: 0, y: 0 }));
        tx.send(key(99, false));
        tx.send(key(50, true));
        let queued: Vec<_> = std::iter::from_fn(|| rx.try_recv()).collect();
        assert_eq!(queued.len(), 16);
        assert!(!queued.iter().any(|queued| matches!(queued.event, InputEvent::PointerMove { .. })));
        assert!(queued.contains(&key(99, false)) && queued.contains(&key(50, true)));
        assert!(!queued.contains(&key(1, false)), "the oldest press made room for the release");
    }

    #[test]
    fn the_receiver_sees_the_end() {
        let (tx, mut rx) = input_channel(16);
        let second = tx.clone();
        tx.send(key(1, false));
        drop(tx);
        drop(second);
        assert_eq!(rx.recv_blocking(), Some(key(1, false)));
        assert_eq!(rx.recv_blocking(), None);
    }
}
