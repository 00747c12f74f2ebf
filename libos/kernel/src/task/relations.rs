//! A process's relatives and state.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::signal::SigInfo;
use crate::signal::number::SIGCHLD;
use crate::signal::{Action, send_to_process};
use crate::task::{ExitCode, Process, Usage, find_process};
use crate::vfs::Events;

/// Whether a process is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StopState {
    /// By which signal, while it is.
    pub stopped: Option<u8>,
    /// Whether `wait` has not yet told of the stop or the going on.
    pub unreported: bool,
    /// Whether it has gone on since.
    pub continued: bool,
}

/// Relatives and state of a process; one lock.
#[derive(Clone, Debug, Default)]
pub struct Relations {
    /// Process id of the parent; 1 is the kernel itself.
    pub parent: i32,
    /// Children that have not been waited for.
    pub children: Vec<i32>,
    /// Process group.
    pub group: i32,
    /// Session.
    pub session: i32,
    /// See [`StopState`].
    pub stop: StopState,
    /// How it has ended.
    pub ended: Option<ExitCode>,
    /// What its parent is sent at its end; 0: nothing.
    pub exit_signal: u8,
    /// Whether it has had a new program since it was cloned (`setpgid(2)`).
    pub executed: bool,
    /// Processor time of itself and of children waited for.
    pub usage: [Usage; 2],
}

/// A stop (`Some` signal) or a going on (`None`) of the whole process.
pub fn set_stopped(process: &Process, signal: Option<u8>) {
    let mut relations = process.relations.lock();
    if relations.stop.stopped.is_some() == signal.is_some() || relations.ended.is_some() {
        return;
    }
    relations.stop = StopState { stopped: signal, unreported: true, continued: signal.is_none() };
    let parent = relations.parent;
    process.stop_flag.store(signal.is_some(), Ordering::SeqCst);
    drop(relations);
    for thread in process.threads.lock().iter() {
        thread.alert();
    }
    process.changed.wake(Events::IN);
    if let Some(parent) = find_process(parent) {
        let (code, status) = match signal {
            Some(signo) => (crate::signal::code::CLD_STOPPED, i32::from(signo)),
            None => (crate::signal::code::CLD_CONTINUED, i32::from(crate::signal::number::SIGCONT)),
        };
        let wanted = parent.signals.lock().action(SIGCHLD).flags & Action::NOCLDSTOP == 0;
        if wanted {
            send_to_process(&parent, SigInfo::child(code, process.pid(), process.identity().uid, status));
        }
        parent.children_changed.wake(Events::IN);
    }
}

impl Process {
    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        // The flag spares the way out of every call the lock.
        self.stop_flag.load(Ordering::SeqCst) && self.relations.lock().stop.stopped.is_some()
    }

    /// A signal has been sent: those who look at signals themselves look again.
    pub fn signal_sent(&self) {
        self.signal_queue.wake(Events::IN);
        crate::ipc::signalfd::ARRIVED.wake(Events::IN);
    }
}

/// The children of a process, live and ended.
pub fn children_of(process: &Process) -> Vec<Arc<Process>> {
    let ids = process.relations.lock().children.clone();
    ids.into_iter().filter_map(find_process).collect()
}
