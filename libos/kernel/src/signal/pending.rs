//! Signals that wait for delivery, and the state that decides about it.

use alloc::collections::VecDeque;

use crate::signal::number::SIGRTMIN;
use crate::signal::timers::with_overrun;
use crate::signal::{Action, SigInfo, SigSet, code};
use crate::task::{Process, Thread};

/// What became of a signal that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits.
    Queued,
    /// One of its kind waits already, and that is enough.
    Known,
    /// It is lost: too many wait.
    Refused,
}

/// Signals that wait, oldest first of a kind.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    set: SigSet,
    queue: VecDeque<SigInfo>,
}

impl Pending {
    /// Which wait.
    pub fn set(&self) -> SigSet {
        self.set
    }

    /// Adds one where fewer than `limit` wait (`RLIMIT_SIGPENDING`); a second of a standard signal is lost, as on
    /// Linux. Beyond the limit a signal is still told of, but for one of `sigqueue(3)`, without who sent it.
    pub fn add(&mut self, info: SigInfo, limit: u64) -> Added {
        let signo = info.signo();
        if signo < SIGRTMIN && self.set.contains(signo) {
            return Added::Known;
        }
        let standard = signo < SIGRTMIN;
        let room = (self.queue.len() as u64) < limit || standard && info.code() >= 0;
        let info = match room {
            true => info,
            false if !standard && info.code() != code::SI_USER => return Added::Refused,
            false if self.set.contains(signo) => return Added::Known,
            false => SigInfo::user(signo, code::SI_USER, 0, 0),
        };
        self.set = self.set.with(signo);
        self.queue.push_back(info);
        Added::Queued
    }

    /// Takes the first of the lowest number among `wanted`.
    pub fn take(&mut self, wanted: SigSet) -> Option<SigInfo> {
        let ready = self.set.intersection(wanted);
        if ready.is_empty() {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a bit number")]
        let signo = ready.0.trailing_zeros() as u8 + 1;
        let index = self.queue.iter().position(|info| info.signo() == signo)?;
        let info = self.queue.remove(index)?;
        if !self.queue.iter().any(|info| info.signo() == signo) {
            self.set = self.set.without(SigSet::of(&[signo]));
        }
        Some(info)
    }

    /// Whether the signal of a POSIX timer waits.
    pub fn has_timer(&self, id: i32) -> bool {
        self.queue.iter().any(|info| info.code() == code::SI_TIMER && info.timer_id() == id)
    }

    /// Forgets those of `signals`.
    pub fn discard(&mut self, signals: SigSet) {
        self.set = self.set.without(signals);
        self.queue.retain(|info| !signals.contains(info.signo()));
    }
}

/// `sigaltstack(2)`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AltStack {
    /// Lowest address.
    pub base: u64,
    /// Bytes; 0: there is none.
    pub size: u64,
    /// `SS_AUTODISARM` or 0.
    pub flags: u32,
}

impl AltStack {
    /// `SS_AUTODISARM`: there is none while a handler runs on it.
    pub const AUTODISARM: u32 = 1 << 31;

    /// Whether the stack pointer is on it.
    pub fn holds(&self, rsp: u64) -> bool {
        self.size != 0
            && self.flags & Self::AUTODISARM == 0
            && rsp > self.base
            && rsp - self.base <= self.size
    }
}

/// A thread's part.
#[derive(Clone, Debug, Default)]
pub struct ThreadSignals {
    /// `sigprocmask(2)`
    pub mask: SigSet,
    /// For just this thread.
    pub pending: Pending,
    /// Mask to go back to after the handler that a call such as `sigsuspend(2)` waits for.
    pub saved_mask: Option<SigSet>,
    /// `sigaltstack(2)`
    pub alternate: AltStack,
}

/// A process's part.
#[derive(Clone, Debug)]
pub struct ProcessSignals {
    actions: [Action; 65],
    /// For any of its threads.
    pub pending: Pending,
}

impl Default for ProcessSignals {
    fn default() -> Self {
        Self { actions: [Action::default(); 65], pending: Pending::default() }
    }
}

impl ProcessSignals {
    /// What it does about a signal.
    pub fn action(&self, signo: u8) -> Action {
        self.actions[usize::from(signo)]
    }

    /// Sets what it does about a signal; one that waits and is ignored from now on is forgotten.
    pub fn set_action(&mut self, signo: u8, action: Action) {
        self.actions[usize::from(signo)] = action;
        if action.ignores(signo) {
            self.pending.discard(SigSet::of(&[signo]));
        }
    }

    /// What a cloned process has: the same actions, nothing pending.
    pub fn inherited(&self) -> Self {
        Self { actions: self.actions, pending: Pending::default() }
    }

    /// Handlers are gone, what was ignored stays so (execve(2), `CLONE_CLEAR_SIGHAND`).
    pub fn reset_handlers(&mut self) {
        for action in &mut self.actions {
            let handler = if action.handler == Action::IGNORE { Action::IGNORE } else { Action::DEFAULT };
            *action = Action { handler, ..Action::default() };
        }
    }
}

/// Takes the next signal of `wanted` that waits for the thread or its process.
pub fn take_from(thread: &Thread, wanted: SigSet) -> Option<SigInfo> {
    let own = thread.signals.lock().pending.take(wanted);
    let taken = own.or_else(|| thread.process().signals.lock().pending.take(wanted));
    taken.map(|info| with_overrun(thread.process(), info))
}

/// Takes the next signal that the thread's mask lets through.
pub fn next_signal(thread: &Thread) -> Option<SigInfo> {
    let mask = thread.signals.lock().mask;
    take_from(thread, SigSet(!mask.0))
}

/// Which signals wait for the thread, blocked or not.
pub(super) fn waiting(thread: &Thread, process: &Process) -> SigSet {
    thread.signals.lock().pending.set().union(process.signals.lock().pending.set())
}

#[cfg(test)]
mod tests {
    use super::{Added, AltStack, Pending, ProcessSignals, SigInfo, SigSet};
    use crate::signal::number::{SIGCHLD, SIGRTMIN};
    use crate::signal::{Action, code};

    const SIGINT: u8 = 2;
    const SIGUSR1: u8 = 10;

    fn sent(signo: u8, pid: i32) -> SigInfo {
        SigInfo::user(signo, code::SI_USER, pid, 1000)
    }

    #[test]
    fn standard_signals_merge_and_realtime_ones_queue() {
        let mut pending = Pending::default();
        let added = [(SIGRTMIN, 1), (SIGRTMIN, 2), (SIGUSR1, 3), (SIGUSR1, 4)]
            .map(|(signo, pid)| pending.add(sent(signo, pid), 9));
        assert_eq!(added, [Added::Queued, Added::Queued, Added::Queued, Added::Known]);
        let all = SigSet(u64::MAX);
        // Lowest number first, and those of one number in order.
        assert_eq!(pending.take(all), Some(sent(SIGUSR1, 3)));
        assert_eq!(pending.take(all.without(SigSet::of(&[SIGRTMIN]))), None);
        assert_eq!(pending.take(all), Some(sent(SIGRTMIN, 1)));
        assert_eq!(pending.take(all), Some(sent(SIGRTMIN, 2)));
        assert!(pending.set().is_empty() && pending.take(all).is_none());
    }

    #[test]
    fn beyond_the_limit_only_queued_signals_are_refused() {
        let mut pending = Pending::default();
        let queued = SigInfo::user(SIGRTMIN, code::SI_QUEUE, 1, 0);
        assert_eq!(pending.add(queued, 0), Added::Refused);
        assert_eq!(pending.add(sent(SIGRTMIN, 1), 0), Added::Queued);
        assert_eq!(pending.add(sent(SIGRTMIN, 2), 0), Added::Known);
        assert_eq!(pending.add(sent(SIGUSR1, 1), 0), Added::Queued);
        assert_eq!(pending.take(SigSet::of(&[SIGRTMIN])), Some(sent_by_nobody(SIGRTMIN)));
    }

    fn sent_by_nobody(signo: u8) -> SigInfo {
        SigInfo::user(signo, code::SI_USER, 0, 0)
    }

    #[test]
    fn a_signal_that_is_ignored_from_now_on_is_forgotten() {
        let mut signals = ProcessSignals::default();
        signals.pending.add(sent(SIGINT, 1), 9);
        signals.set_action(SIGINT, Action { handler: Action::IGNORE, ..Action::default() });
        assert!(signals.pending.set().is_empty());
        signals.pending.add(sent(SIGCHLD, 1), 9);
        signals.set_action(SIGCHLD, Action { handler: 0x1000, ..Action::default() });
        assert!(signals.pending.set().contains(SIGCHLD));
    }

    #[test]
    fn a_new_program_keeps_only_what_is_ignored() {
        let mut signals = ProcessSignals::default();
        signals.set_action(SIGINT, Action { handler: Action::IGNORE, ..Action::default() });
        signals.set_action(SIGUSR1, Action { handler: 0x1000, flags: Action::ONSTACK, ..Action::default() });
        signals.reset_handlers();
        assert_eq!(signals.action(SIGINT).handler, Action::IGNORE);
        assert_eq!(signals.action(SIGUSR1), Action::default());
    }

    #[test]
    fn an_alternate_stack_holds_its_own_addresses() {
        let stack = AltStack { base: 0x1000, size: 0x1000, flags: 0 };
        assert!(stack.holds(0x2000) && stack.holds(0x1001) && !stack.holds(0x1000) && !stack.holds(0x2001));
        assert!(!AltStack::default().holds(0x1000));
    }
}
