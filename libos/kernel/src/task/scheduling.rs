//! What a thread asks of the scheduler (sched(7)). The host schedules: it is kept for programs that ask.

/// `SCHED_*`
#[expect(missing_docs, reason = "sched(7) documents them")]
pub mod policy {
    pub const NORMAL: u32 = 0;
    pub const FIFO: u32 = 1;
    pub const RR: u32 = 2;
    pub const BATCH: u32 = 3;
    pub const IDLE: u32 = 5;
    pub const DEADLINE: u32 = 6;
}

/// Processors that an affinity may name.
pub const MAX_CPUS: usize = 1024;

/// A set of processors, by number.
pub type Cpus = [u64; MAX_CPUS / 64];

/// A thread's wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// Policy, never one of real time: an ordinary user may not have them.
    pub policy: u32,
    /// `SCHED_RESET_ON_FORK`
    pub reset_on_fork: bool,
    /// `sched_setaffinity(2)`; none: all.
    pub affinity: Option<Cpus>,
    /// `ioprio_set(2)`
    pub io_priority: u32,
}

impl Scheduling {
    /// What a new thread or process has of its maker's.
    pub const fn inherited(&self) -> Self {
        let policy = if self.reset_on_fork { policy::NORMAL } else { self.policy };
        Self { policy, reset_on_fork: false, ..*self }
    }

    /// Whether a change to `policy` may be made by an ordinary user, whose `RLIMIT_NICE` and `RLIMIT_RTPRIO` are 0.
    pub const fn may_change(&self, policy: u32, reset_on_fork: bool) -> bool {
        let leaves_idle = self.policy == policy::IDLE && policy != policy::IDLE;
        let real_time = matches!(policy, policy::FIFO | policy::RR | policy::DEADLINE);
        !(leaves_idle || real_time || self.reset_on_fork && !reset_on_fork)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheduling, policy};

    #[test]
    fn an_ordinary_user_only_becomes_less_demanding() {
        let normal = Scheduling::default();
        assert!(normal.may_change(policy::BATCH, false) && normal.may_change(policy::IDLE, true));
        assert!(!normal.may_change(policy::FIFO, false));
        let idle = Scheduling { policy: policy::IDLE, ..normal };
        assert!(!idle.may_change(policy::NORMAL, false) && idle.may_change(policy::IDLE, false));
        let resets = Scheduling { policy: policy::BATCH, reset_on_fork: true, ..normal };
        assert!(!resets.may_change(policy::BATCH, false));
        assert_eq!(resets.inherited().policy, policy::NORMAL);
    }
}
