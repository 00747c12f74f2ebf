//! When a window's picture is sent: at most two frames on the way, the newest picture wins.

use std::collections::VecDeque;

use crate::pixels::rect::{Damage, Rect};
use crate::wayland::buffer::BufferUse;

/// Frames of one window that may be unacknowledged.
const MAX_IN_FLIGHT: usize = 2;

/// A frame that the host has not acknowledged.
#[derive(Debug)]
struct Flight {
    serial: u32,
    /// Keeps the client from drawing in the buffer that the host reads.
    _held: Option<BufferUse>,
}

/// The state of one window's frames.
#[derive(Debug, Default)]
pub struct Presenter {
    dirty: Damage,
    flights: VecDeque<Flight>,
    last_serial: u32,
}

impl Presenter {
    /// Notes a changed rectangle, in window pixels.
    pub fn damage(&mut self, rect: Rect) {
        self.dirty.add(rect);
    }

    /// Whether a frame should and may be sent now.
    pub fn is_due(&self) -> bool {
        !self.dirty.is_empty() && self.flights.len() < MAX_IN_FLIGHT
    }

    /// Whether the client may be asked for its next frame: all that it drew is on its way, and the host keeps up.
    pub fn wants_frame(&self) -> bool {
        self.dirty.is_empty() && self.flights.len() < MAX_IN_FLIGHT
    }

    /// What the next frame changes, cut to the window. Leaves nothing dirty.
    pub fn take_damage(&mut self, bounds: Rect) -> Vec<Rect> {
        self.dirty.take_within(bounds)
    }

    /// The number of the next frame.
    pub fn next_serial(&mut self) -> u32 {
        self.last_serial = self.last_serial.wrapping_add(1);
        self.last_serial
    }

    /// A frame was sent; the host reads `held` until it acknowledges.
    pub fn sent(&mut self, serial: u32, held: Option<BufferUse>) {
        self.flights.push_back(Flight { serial, _held: held });
    }

    /// The host is done with a frame and those before it. Returns false for a serial that is
    /// not on its way.
    pub fn acknowledged(&mut self, serial: u32) -> bool {
        let Some(index) = self.flights.iter().position(|flight| flight.serial == serial) else {
            return false;
        };
        self.flights.drain(..=index);
        true
    }

    /// Frames on their way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Forgets all: the window shows nothing any more.
    pub fn reset(&mut self) {
        self.dirty.clear();
        self.flights.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Rect = Rect::new(0, 0, 10, 10);

    #[test]
    fn two_frames_fly_and_the_third_waits_for_an_acknowledgement() {
        let mut presenter = Presenter::default();
        for _ in 0..2 {
            presenter.damage(BOUNDS);
            assert!(presenter.is_due());
            presenter.take_damage(BOUNDS);
            let serial = presenter.next_serial();
            presenter.sent(serial, None);
        }
        presenter.damage(Rect::new(0, 0, 1, 1));
        presenter.damage(Rect::new(5, 5, 1, 1));
        assert!(!presenter.is_due());
        assert!(!presenter.wants_frame());
        assert!(!presenter.acknowledged(77), "never sent");
        assert!(presenter.acknowledged(1));
        assert!(presenter.is_due());
        assert_eq!(presenter.take_damage(BOUNDS).len(), 2, "damage of both commits in one frame");
        assert!(presenter.wants_frame());
    }

    #[test]
    fn a_later_acknowledgement_covers_earlier_frames() {
        let mut presenter = Presenter::default();
        for _ in 0..2 {
            let serial = presenter.next_serial();
            presenter.sent(serial, None);
        }
        assert!(presenter.acknowledged(2));
        assert_eq!(presenter.in_flight(), 0);
    }
}
