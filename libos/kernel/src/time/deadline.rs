//! A point in time to wait for.

use core::time::Duration;

use crate::time::{Clock, now};

/// An absolute `CLOCK_MONOTONIC` time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// Passed, whatever the time is.
    const PAST: Self = Self(1);

    /// From now on in `duration`; the end of time where that overflows.
    pub fn after(duration: Duration) -> Self {
        if duration.is_zero() {
            return Self::PAST;
        }
        Self::at(now(Clock::Monotonic).saturating_add(duration))
    }

    /// When `CLOCK_MONOTONIC` shows this.
    pub fn at(time: Duration) -> Self {
        Self(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    /// When `clock` shows `time`; a change of that clock meanwhile is not seen.
    pub fn on(clock: Clock, time: Duration) -> Self {
        if clock == Clock::Monotonic { Self::at(time) } else { Self::after(time.saturating_sub(now(clock))) }
    }

    /// From nanoseconds of `CLOCK_MONOTONIC`.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whether it is past.
    pub fn passed(self) -> bool {
        self <= Self::PAST || self.left().is_zero()
    }

    /// How long it is until then.
    pub fn left(self) -> Duration {
        Duration::from_nanos(self.0).saturating_sub(now(Clock::Monotonic))
    }
}
