//! The end of threads and processes (_exit(2), exit_group(2)).

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use bailey_abi::stream::ExitStatus;

use crate::host::{self, thread as host_thread};
use crate::signal::number::SIGCHLD;
use crate::signal::{Action, SigInfo, code, send_to_process};
use crate::task::jobs::{continue_orphans, groups_tied_by};
use crate::task::{
    Process, Thread, Usage, children_of, exec::FIRST_PROCESS, find_process, remove, remove_thread, table,
};
use crate::vfs::{Events, FileTable};

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitCode {
    status: u8,
    signo: u8,
}

impl ExitCode {
    /// By `exit_group(2)`.
    pub const fn exited(status: u8) -> Self {
        Self { status, signo: 0 }
    }

    /// By a signal. No core is ever written: as with `RLIMIT_CORE` 0.
    pub const fn signaled(signo: u8) -> Self {
        Self { status: 0, signo }
    }

    /// As `wait(2)` gives it.
    pub const fn wait_status(self) -> i32 {
        if self.signo != 0 { self.signo as i32 } else { (self.status as i32) << 8 }
    }

    /// As `siginfo_t` has it: `si_code` and `si_status`.
    pub const fn child_info(self) -> (i32, i32) {
        match self.signo {
            0 => (code::CLD_EXITED, self.status as i32),
            signo => (code::CLD_KILLED, signo as i32),
        }
    }

    const fn for_host(self) -> ExitStatus {
        if self.signo != 0 { ExitStatus::Signaled(self.signo) } else { ExitStatus::Exited(self.status) }
    }
}

/// Decides how a process ends (the first to decide wins), and makes all its threads end.
pub fn exit_group(process: &Process, code: ExitCode) {
    process.ending.lock().get_or_insert(code);
    end_threads(process, None);
}

/// Makes every thread of a process end, but for `except`.
pub fn end_threads(process: &Process, except: Option<&Thread>) {
    for thread in process.threads.lock().iter() {
        if except.is_some_and(|except| core::ptr::eq(except, &**thread)) {
            continue;
        }
        thread.ending.store(true, Ordering::SeqCst);
        thread.alert();
    }
}

/// The end of the calling thread; of the process with the last one. `code` is how the process ends where nothing
/// else has been decided.
pub fn exit_thread(thread: &Thread, code: Option<ExitCode>) -> ! {
    let process = thread.process().clone();
    crate::syscall::futex::thread_exits(thread);
    let block = thread.block();
    let last = {
        let mut threads = process.threads.lock();
        threads.retain(|other| other.tid != thread.tid);
        threads.is_empty()
    };
    remove_thread(thread.tid);
    if last {
        let code = *process.ending.lock().get_or_insert_with(|| code.unwrap_or(ExitCode::exited(0)));
        super::clone::keep_vfork_stack(&process);
        finish(&process, code);
        let with_kernel = process.pid() == FIRST_PROCESS;
        drop(process);
        drop(block.take_thread());
        host::heap::clear_shelf();
        if with_kernel {
            // The instance has ended, and the thread that waits for the host's events ends with this one.
            host_thread::exit_process(0);
        }
        // Not the host's process: threads that have left it may still hold a lock of the kernel, or have just been
        // woken for one.
        host_thread::exit_thread();
    }
    process.changed.wake(Events::IN);
    drop(process);
    // The block is free when the host has made its thread id 0.
    block.release_later();
    host::heap::clear_shelf();
    host_thread::exit_thread();
}

/// A process has no thread any more: gives up what it has, tells its relatives.
fn finish(process: &Arc<Process>, code: ExitCode) {
    let files = process.set_files(Arc::new(FileTable::new()));
    drop(files);
    *process.interval_timers.lock() = Default::default();
    process.timers.lock().clear();
    crate::tty::leader_exits(process);
    if process.undoes.load(Ordering::Relaxed) {
        crate::ipc::sysv::semaphore::process_ends(process.pid());
    }
    let usage = Usage::of_process(0);
    let groups = groups_tied_by(process);
    process.program.lock().running = None;
    orphan_children(process);
    let space = core::mem::take(&mut *process.mm.lock());
    drop(space);
    let parent = {
        let mut relations = process.relations.lock();
        relations.ended = Some(code);
        relations.usage[0] = usage;
        (relations.parent, relations.exit_signal)
    };
    process.changed.wake(Events::ALL);
    continue_orphans(&groups);
    tell_parent(process, code, parent);
    if process.pid() == FIRST_PROCESS {
        host::instance_exit(code.for_host());
    }
}

fn tell_parent(process: &Arc<Process>, code: ExitCode, (parent, signo): (i32, u8)) {
    let Some(parent) = find_process(parent).filter(|parent| !parent.ended()) else {
        remove(process.pid());
        return;
    };
    process.wishes.take().iter().for_each(|handle| parent.wishes.add(handle));
    let action = parent.signals.lock().action(SIGCHLD);
    let forgotten = action.handler == Action::IGNORE || action.flags & Action::NOCLDWAIT != 0;
    let (kind, status) = code.child_info();
    if signo == SIGCHLD {
        send_to_process(&parent, SigInfo::child(kind, process.pid(), process.identity().uid, status));
    } else if signo != 0 {
        send_to_process(&parent, SigInfo::kernel(signo));
    }
    if forgotten && signo == SIGCHLD {
        parent.relations.lock().children.retain(|pid| *pid != process.pid());
        remove(process.pid());
    }
    parent.children_changed.wake(Events::IN);
}

/// Whoever takes the children of an ended process: the nearest ancestor that asks for them
/// (`PR_SET_CHILD_SUBREAPER`), or else the kernel.
fn reaper(process: &Process) -> Option<Arc<Process>> {
    let mut ancestor = find_process(process.parent_pid());
    while let Some(candidate) = ancestor {
        if candidate.options[2].load(Ordering::Relaxed) != 0 && !candidate.ended() {
            return Some(candidate);
        }
        ancestor = find_process(candidate.parent_pid());
    }
    None
}

/// Others take the children over. Those that have ended already are told of anew, or forgotten by the kernel.
fn orphan_children(process: &Process) {
    let children = children_of(process);
    process.relations.lock().children.clear();
    if children.is_empty() {
        return;
    }
    let reaper = reaper(process);
    for child in children {
        if let Some(reaper) = &reaper {
            reaper.relations.lock().children.push(child.pid());
        }
        let ended = {
            let mut relations = child.relations.lock();
            relations.parent = reaper.as_ref().map_or(table::KERNEL_PID, |reaper| reaper.pid());
            relations.exit_signal = SIGCHLD;
            relations.ended
        };
        let signo = child.options[1].load(Ordering::Relaxed);
        if let Some(code) = ended {
            let parent = child.parent_pid();
            tell_parent(&child, code, (parent, SIGCHLD));
        } else if let Ok(signo @ 1..=64) = u8::try_from(signo) {
            let own = process.identity().uid;
            send_to_process(&child, SigInfo::user(signo, code::SI_USER, process.pid(), own));
        }
    }
}

/// The host has killed a process of ours. Where it held a lock of the kernel the instance cannot go on.
pub fn host_killed(host_pid: i32, signo: u8) {
    let Some(process) = table::all_processes().into_iter().find(|process| process.host_pid() == host_pid)
    else {
        return;
    };
    if process.ended() {
        return;
    }
    let threads = core::mem::take(&mut *process.threads.lock());
    if threads.iter().any(|thread| thread.locks.load(Ordering::SeqCst) > 0) {
        host::debug(&alloc::format!(
            "process {} was killed by the host while it held a lock of the kernel: the instance ends",
            process.pid()
        ));
        host::instance_exit(ExitStatus::KernelFailure);
        return;
    }
    for thread in &threads {
        remove_thread(thread.tid);
    }
    let code = if signo == 0 { ExitCode::exited(0) } else { ExitCode::signaled(signo) };
    let code = *process.ending.lock().get_or_insert(code);
    finish(&process, code);
}

#[cfg(test)]
mod tests {
    use super::ExitCode;
    use crate::signal::code;

    #[test]
    fn ends_are_told_as_wait_and_waitid_tell_them() {
        assert_eq!(ExitCode::exited(42).wait_status(), 42 << 8);
        assert_eq!(ExitCode::exited(42).child_info(), (code::CLD_EXITED, 42));
        assert_eq!(ExitCode::signaled(9).wait_status(), 9);
        assert_eq!(ExitCode::signaled(9).child_info(), (code::CLD_KILLED, 9));
    }
}
