//! When a timer goes off, by whatever it counts.

use core::time::Duration;

/// When a timer goes off next and how often after that, in nanoseconds of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    next: Option<u64>,
    interval: u64,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Schedule {
    /// First at `next` (never, where there is none), then every `interval` (zero: once).
    pub fn new(next: Option<Duration>, interval: Duration) -> Self {
        Self { next: next.map(nanos), interval: nanos(interval) }
    }

    /// When it goes off next.
    pub fn next(&self) -> Option<Duration> {
        self.next.map(Duration::from_nanos)
    }

    /// From one time to the next; zero: once.
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// How often it has gone off by `now` since the last look.
    pub fn expire(&mut self, now: Duration) -> u64 {
        let now = nanos(now);
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return 0;
        };
        let Some(periods) = (now - next).checked_div(self.interval) else {
            self.next = None;
            return 1;
        };
        self.next = Some(next.saturating_add((periods + 1).saturating_mul(self.interval)));
        periods + 1
    }

    /// How long it is from `now` to the next time; zero where there is none.
    pub fn left(&self, now: Duration) -> Duration {
        self.next.map_or(Duration::ZERO, |next| Duration::from_nanos(next.saturating_sub(nanos(now)).max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use core::time::Duration;

    const fn ns(value: u64) -> Duration {
        Duration::from_nanos(value)
    }

    #[test]
    fn expirations_are_counted() {
        let mut schedule = Schedule::new(Some(ns(100)), ns(30));
        assert_eq!(schedule.expire(ns(99)), 0);
        assert_eq!((schedule.expire(ns(100)), schedule.next()), (1, Some(ns(130))));
        assert_eq!((schedule.expire(ns(200)), schedule.next()), (3, Some(ns(220))));
        assert_eq!((schedule.left(ns(210)), schedule.left(ns(230))), (ns(10), ns(1)));
        let mut once = Schedule::new(Some(ns(5)), ns(0));
        assert_eq!((once.expire(ns(50)), once.expire(ns(60)), once.next()), (1, 0, None));
    }

    #[test]
    fn extreme_intervals_do_not_overflow() {
        let mut schedule = Schedule::new(Some(ns(1)), ns(1));
        assert_eq!(schedule.expire(ns(u64::MAX)), u64::MAX);
    }
}
