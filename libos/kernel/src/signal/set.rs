//! Sets of signals (`sigset_t` as the kernel has it: 64 bits, signal 1 in bit 0).

use crate::signal::number::{SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

/// A set of signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Those that no mask can hold back.
    pub const UNBLOCKABLE: Self = Self::of(&[SIGKILL, SIGSTOP]);
    /// Those that stop a process by default.
    pub const STOPPING: Self = Self::of(&[SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]);
    /// `SIGCONT`
    pub const CONTINUING: Self = Self::of(&[SIGCONT]);

    /// The set of these.
    pub const fn of(signals: &[u8]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < signals.len() {
            bits |= 1 << (signals[index] - 1);
            index += 1;
        }
        Self(bits)
    }

    /// Whether the signal is in it.
    pub const fn contains(self, signo: u8) -> bool {
        self.0 & (1 << (signo - 1)) != 0
    }

    /// With the signal.
    pub const fn with(self, signo: u8) -> Self {
        Self(self.0 | 1 << (signo - 1))
    }

    /// Without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those of either.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As a mask that a program may set.
    pub const fn blockable(self) -> Self {
        self.without(Self::UNBLOCKABLE)
    }
}
