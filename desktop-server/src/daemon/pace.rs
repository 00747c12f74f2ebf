//! Acknowledgements are what paces instances: no sooner than the next frame, and no sooner than what was copied for
//! the instance is paid for, so that one instance cannot keep the desktop's task busy with copying.

use std::time::Duration;

use super::event::Id;

/// Bytes a second that are copied for one instance in the long run: 1080p in full at 120 frames a second.
const COPY_RATE: u64 = 1 << 30;

/// Something to acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledgement {
    Present { window: u32, serial: u32 },
    Frame(u32),
}

/// Until when an instance has used up its share of copying.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopyAccount {
    paid: Duration,
}

impl CopyAccount {
    /// Charges for a copy; from when on it may be acknowledged.
    pub(super) fn charge(&mut self, bytes: u64, now: Duration) -> Duration {
        let cost = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / COPY_RATE);
        self.paid = self.paid.max(now).saturating_add(cost);
        self.paid
    }
}

/// Acknowledgements that wait.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waiting: Vec<(Duration, Id, Acknowledgement)>,
}

impl Pace {
    /// This one waits until `at`.
    pub(super) fn push(&mut self, at: Duration, instance: Id, acknowledgement: Acknowledgement) {
        self.waiting.push((at, instance, acknowledgement));
    }

    /// When the first may be sent.
    pub(super) fn next(&self) -> Option<Duration> {
        self.waiting.iter().map(|(at, ..)| *at).min()
    }

    /// Takes those that may be sent now, in order.
    pub(super) fn take(&mut self, now: Duration) -> Vec<(Id, Acknowledgement)> {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(at, ..)| *at <= now);
        self.waiting = later;
        due.into_iter().map(|(_, instance, acknowledgement)| (instance, acknowledgement)).collect()
    }

    /// Nothing more for this instance.
    pub(super) fn forget(&mut self, instance: Id) {
        self.waiting.retain(|(_, of, _)| *of != instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_copies_have_to_be_paid_for() {
        let now = Duration::from_secs(10);
        let mut account = CopyAccount::default();
        assert!(account.charge(3 << 20, now) <= now + Duration::from_millis(3));
        let mut account = CopyAccount::default();
        assert_eq!(account.charge(1 << 30, now), now + Duration::from_secs(1));
        assert_eq!(account.charge(1 << 30, now), now + Duration::from_secs(2));
        assert_eq!(account.charge(1 << 29, now + Duration::from_secs(5)), now + Duration::from_millis(5500));
    }

    #[test]
    fn acknowledgements_come_when_they_are_due_and_in_order() {
        let (mut pace, at) = (Pace::default(), Duration::from_secs);
        for (time, serial) in [(1, 1), (3, 2), (2, 3)] {
            pace.push(at(time), 7, Acknowledgement::Present { window: 1, serial });
        }
        pace.push(at(1), 8, Acknowledgement::Frame(1));
        pace.forget(8);
        assert_eq!(pace.next(), Some(at(1)));
        let serials = |due: Vec<(Id, Acknowledgement)>| -> Vec<u32> {
            let serial =
                |(_, due)| if let Acknowledgement::Present { serial, .. } = due { serial } else { 0 };
            due.into_iter().map(serial).collect()
        };
        assert_eq!(serials(pace.take(at(2))), [1, 3]);
        assert_eq!(serials(pace.take(at(3))), [2]);
        assert_eq!(pace.next(), None);
    }
}
