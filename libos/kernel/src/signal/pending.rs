//! Signals that wait for delivery, and the state that decides about it.

use alloc::collections::VecDeque;

use crate::signal::number::SIGRTMIN;
use crate::signal::{Action, SigInfo, SigSet};
use crate::task::{Process, Thread};

/// Most queued signals of a thread or process (`RLIMIT_SIGPENDING`).
const MAX_QUEUED: usize = 4096;

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

    /// Adds one; a second of a standard signal is lost, as on Linux. Says whether it was added.
    pub fn add(&mut self, info: SigInfo) -> bool {
        let signo = info.signo();
        if signo < SIGRTMIN && self.set.contains(signo) || self.queue.len() >= MAX_QUEUED {
            return false;
        }
        self.set = self.set.with(signo);
        self.queue.push_back(info);
        true
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
    /// Whether the stack pointer is on it.
    pub fn holds(&self, rsp: u64) -> bool {
        self.size != 0 && rsp > self.base && rsp - self.base <= self.size
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

    /// What a new program has: handlers are gone, what was ignored stays so (execve(2)).
    pub fn after_exec(&mut self) {
        for action in &mut self.actions {
            let handler = if action.handler == Action::IGNORE { Action::IGNORE } else { Action::DEFAULT };
            *action = Action { handler, ..Action::default() };
        }
    }
}

/// Takes the next signal of `wanted` that waits for the thread or its process.
pub fn take_from(thread: &Thread, wanted: SigSet) -> Option<SigInfo> {
    let own = thread.signals.lock().pending.take(wanted);
    own.or_else(|| thread.process().signals.lock().pending.take(wanted))
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
