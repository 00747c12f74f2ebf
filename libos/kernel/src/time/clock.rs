//! Clocks (clock_gettime(2)): the host's vDSO where it has them, else a host call.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use crate::host;

/// The clocks that a program may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `CLOCK_REALTIME`
    Realtime,
    /// `CLOCK_MONOTONIC`
    Monotonic,
    /// `CLOCK_PROCESS_CPUTIME_ID`
    ProcessCpu,
    /// `CLOCK_THREAD_CPUTIME_ID`
    ThreadCpu,
    /// `CLOCK_MONOTONIC_RAW`
    MonotonicRaw,
    /// `CLOCK_REALTIME_COARSE`
    RealtimeCoarse,
    /// `CLOCK_MONOTONIC_COARSE`
    MonotonicCoarse,
    /// `CLOCK_BOOTTIME`
    Boottime,
    /// `CLOCK_TAI`
    Tai,
    /// A processor clock of the host, by its id.
    Host(i32),
}

impl Clock {
    /// The clock of a Linux clock id, the alarm clocks taken for those they run by.
    pub const fn from_id(id: i32) -> Option<Self> {
        Some(match id {
            0 | 8 => Self::Realtime,
            1 => Self::Monotonic,
            2 => Self::ProcessCpu,
            3 => Self::ThreadCpu,
            4 => Self::MonotonicRaw,
            5 => Self::RealtimeCoarse,
            6 => Self::MonotonicCoarse,
            7 | 9 => Self::Boottime,
            11 => Self::Tai,
            _ => return None,
        })
    }

    /// Its Linux clock id.
    pub const fn id(self) -> i32 {
        match self {
            Self::Realtime => 0,
            Self::Monotonic => 1,
            Self::ProcessCpu => 2,
            Self::ThreadCpu => 3,
            Self::MonotonicRaw => 4,
            Self::RealtimeCoarse => 5,
            Self::MonotonicCoarse => 6,
            Self::Boottime => 7,
            Self::Tai => 11,
            Self::Host(id) => id,
        }
    }

    /// Whether it shows processor time.
    pub const fn counts_processor(self) -> bool {
        matches!(self, Self::ProcessCpu | Self::ThreadCpu | Self::Host(_))
    }

    /// Whether one can sleep and set timers by it: those that are coarse or raw are only for reading.
    pub const fn drives_timers(self) -> bool {
        !matches!(self, Self::MonotonicRaw | Self::RealtimeCoarse | Self::MonotonicCoarse)
    }

    const fn in_vdso(self) -> bool {
        !self.counts_processor()
    }
}

/// Address of the host's `__vdso_clock_gettime`, or 0.
static VDSO: AtomicU64 = AtomicU64::new(0);

/// Tells where the host's `__vdso_clock_gettime` is (0: nowhere).
pub fn set_vdso(address: u64) {
    VDSO.store(address, Ordering::Relaxed);
}

/// Address of the cell that has the address of the host's `__vdso_clock_gettime`, the same in every process.
pub(crate) fn clock_cell() -> u64 {
    VDSO.as_ptr().addr() as u64
}

/// What the clock shows.
pub fn now(clock: Clock) -> Duration {
    let mut time = [0_i64; 2];
    let vdso = VDSO.load(Ordering::Relaxed);
    let read = clock.in_vdso() && vdso != 0 && {
        // SAFETY: the monitor gave the address of the host's function of this C signature.
        let function: extern "C" fn(i32, *mut i64) -> i32 =
            unsafe { core::mem::transmute(vdso as *const ()) };
        function(clock.id(), time.as_mut_ptr()) == 0
    };
    if !read {
        time = host::clock_gettime(clock.id());
    }
    Duration::new(u64::try_from(time[0]).unwrap_or(0), u32::try_from(time[1]).unwrap_or(0))
}
