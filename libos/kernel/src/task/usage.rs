//! Processor time, in user and in system mode (getrusage(2)).

use core::ops::{Add, AddAssign};
use core::time::Duration;

use crate::host;
use crate::time::Clock;

/// Processor time of a thread or process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// `ru_utime`. What the kernel itself does for a program counts as the program's: it runs in its mode.
    pub user: Duration,
    /// `ru_stime`: what the host has done for it.
    pub system: Duration,
}

impl Add for Usage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Clocks of a process or thread of the host, by what they count (`CPUCLOCK_*` of linux/posix-timers.h).
const BOTH_BY_TICKS: i32 = 0;
const USER_BY_TICKS: i32 = 1;
const EXACT: i32 = 2;

/// Id of the clock of a host process (0: the caller's), or with `thread` of a thread.
const fn clock_id(host_id: i32, thread: bool, which: i32) -> i32 {
    !host_id << 3 | (thread as i32) << 2 | which
}

/// The clock of a host process's time in user mode, of all its time, and of that exactly.
pub fn process_clocks(host_pid: i32) -> [Clock; 3] {
    [USER_BY_TICKS, BOTH_BY_TICKS, EXACT].map(|which| Clock::Host(clock_id(host_pid, false, which)))
}

/// The host's clock for one that a program has named by a negative id, of which the low bits are kept: of `host_id`.
pub const fn named_clock(host_id: i32, id: i32) -> Clock {
    Clock::Host(!host_id << 3 | id & 7)
}

fn read(host_id: i32, thread: bool, which: i32) -> Duration {
    let [seconds, nanos] = host::clock_gettime(clock_id(host_id, thread, which));
    Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0))
}

impl Usage {
    /// Of a host process as it is now; 0 is the caller's.
    pub fn of_process(host_pid: i32) -> Self {
        Self::split(|which| read(host_pid, false, which))
    }

    /// Of the calling thread.
    pub fn of_thread() -> Self {
        Self::split(|which| read(0, true, which))
    }

    /// The exact time, in the proportion that ticks have found.
    fn split(clock: impl Fn(i32) -> Duration) -> Self {
        let (both, user, exact) = (clock(BOTH_BY_TICKS), clock(USER_BY_TICKS), clock(EXACT));
        Self::by_ticks(exact, user, both)
    }

    fn by_ticks(exact: Duration, user: Duration, both: Duration) -> Self {
        let nanos = match both.as_nanos() {
            0 => exact.as_nanos(),
            both => exact.as_nanos() * user.as_nanos().min(both) / both,
        };
        let user = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(exact);
        Self { user, system: exact - user }
    }

    /// Both together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }
}

#[cfg(test)]
mod tests {
    use super::{EXACT, Usage, clock_id};
    use core::time::Duration;

    #[test]
    fn clocks_are_numbered_as_linux_numbers_them() {
        assert_eq!(clock_id(0, false, EXACT), -6);
        assert_eq!(clock_id(0, true, EXACT), -2);
        assert_eq!(clock_id(5, false, EXACT), (!5 << 3) | 2);
    }

    #[test]
    fn ticks_split_the_exact_time() {
        let ms = Duration::from_millis;
        let usage = Usage::by_ticks(ms(100), ms(30), ms(40));
        assert_eq!((usage.user, usage.system), (ms(75), ms(25)));
        assert_eq!(Usage::by_ticks(ms(5), ms(0), ms(0)), Usage { user: ms(5), system: ms(0) });
        assert_eq!(Usage::by_ticks(ms(5), ms(9), ms(4)).total(), ms(5));
    }
}
