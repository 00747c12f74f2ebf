//! When the next frame may be sent. No I/O; the time comes in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A client that acknowledges nothing for so long is sent one more frame: some show a frame only when the next arrives.
const PROBE: Duration = Duration::from_secs(1);
/// Frames remembered beyond the window, after probes.
const MAX_IN_FLIGHT: usize = 16;

/// Frames on their way to one client.
#[derive(Debug)]
pub(crate) struct Pacer {
    interval: Duration,
    /// Frames that may be unacknowledged; `None` where the client does not acknowledge.
    window: Option<usize>,
    in_flight: VecDeque<u32>,
    last_sent: Option<Instant>,
}

impl Pacer {
    /// At most `frame_rate` frames a second.
    pub(crate) fn new(frame_rate: u32) -> Self {
        let interval = Duration::from_secs(1) / frame_rate.max(1);
        Self { interval, window: None, in_flight: VecDeque::new(), last_sent: None }
    }

    /// Starts over with a window of so many frames.
    pub(crate) fn restart(&mut self, window: Option<usize>) {
        self.window = window;
        self.in_flight.clear();
    }

    /// `Ok` when a frame may be sent at `now`, else when to look again at the latest.
    pub(crate) fn ready(&self, now: Instant) -> Result<(), Instant> {
        let Some(last) = self.last_sent else { return Ok(()) };
        let full = self.window.is_some_and(|window| self.in_flight.len() >= window);
        let next = last + if full { PROBE } else { self.interval };
        if now >= next { Ok(()) } else { Err(next) }
    }

    /// Frame `id` is sent at `now`.
    pub(crate) fn sent(&mut self, id: u32, now: Instant) {
        self.last_sent = Some(now);
        if self.window.is_some() {
            self.in_flight.push_back(id);
            if self.in_flight.len() > MAX_IN_FLIGHT {
                self.in_flight.pop_front();
            }
        }
    }

    /// The client has shown frame `id`, and so those before it.
    pub(crate) fn acknowledged(&mut self, id: u32) {
        if let Some(index) = self.in_flight.iter().position(|sent| *sent == id) {
            self.in_flight.drain(..=index);
        }
    }

    /// The client acknowledges no more: only the connection itself holds us back.
    pub(crate) fn suspended(&mut self) {
        self.restart(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    #[test]
    fn the_rate_is_capped() {
        let (mut pacer, start) = (Pacer::new(50), Instant::now());
        assert_eq!(pacer.ready(start), Ok(()));
        pacer.sent(1, start);
        assert_eq!(pacer.ready(start + FRAME / 2), Err(start + FRAME));
        assert_eq!(pacer.ready(start + FRAME), Ok(()));
    }

    #[test]
    fn a_full_window_waits_for_an_acknowledgement_but_not_for_ever() {
        let (mut pacer, start) = (Pacer::new(50), Instant::now());
        pacer.restart(Some(2));
        pacer.sent(1, start);
        pacer.sent(2, start);
        assert_eq!(pacer.ready(start + FRAME), Err(start + PROBE));
        pacer.acknowledged(7);
        assert!(pacer.ready(start + FRAME).is_err(), "an unknown frame frees nothing");
        assert_eq!(pacer.ready(start + PROBE), Ok(()));
        pacer.acknowledged(2);
        assert_eq!(pacer.ready(start + FRAME), Ok(()));
    }

    #[test]
    fn a_client_that_stops_acknowledging_is_not_waited_for() {
        let (mut pacer, start) = (Pacer::new(50), Instant::now());
        pacer.restart(Some(1));
        pacer.sent(1, start);
        pacer.suspended();
        assert_eq!(pacer.ready(start + FRAME), Ok(()));
    }

    #[test]
    fn memory_is_bounded_without_acknowledgements() {
        let (mut pacer, start) = (Pacer::new(50), Instant::now());
        pacer.restart(Some(2));
        for id in 0..1000 {
            pacer.sent(id, start);
        }
        assert!(pacer.in_flight.len() <= MAX_IN_FLIGHT);
    }
}
