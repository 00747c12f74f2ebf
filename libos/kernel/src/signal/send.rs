//! Sending signals.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::signal::info::code;
use crate::signal::number::{SIGCONT, SIGKILL, SIGRTMAX};
use crate::signal::{Action, Added, SigInfo, SigSet};
use crate::task::{self, ExitCode, Process, Thread};

/// How many signals may wait (`RLIMIT_SIGPENDING`); each queue is counted by itself.
fn limit(process: &Process) -> u64 {
    const SIGPENDING: usize = 11;
    process.limits.lock().0[SIGPENDING][0]
}

/// Sends to any thread of a process; `false` where it is lost because too many wait.
pub fn send_to_process(process: &Process, info: SigInfo) -> bool {
    if !prepare(process, info.signo()) {
        return true;
    }
    let limit = limit(process);
    let added = {
        let blocked =
            process.threads.lock().iter().all(|thread| thread.signals.lock().mask.contains(info.signo()));
        let mut signals = process.signals.lock();
        let ignored = signals.action(info.signo()).ignores(info.signo()) && !blocked;
        if ignored { Added::Known } else { signals.pending.add(info, limit) }
    };
    go_on(process, info.signo());
    if added == Added::Queued {
        alert_one(process, info.signo());
    }
    added != Added::Refused
}

/// Sends to just this thread; `false` where it is lost because too many wait.
pub fn send_to_thread(thread: &Thread, info: SigInfo) -> bool {
    let process = thread.process();
    if !prepare(process, info.signo()) {
        return true;
    }
    let limit = limit(process);
    let ignored = process.signals.lock().action(info.signo()).ignores(info.signo());
    let added = {
        let mut signals = thread.signals.lock();
        let ignored = ignored && !signals.mask.contains(info.signo());
        if ignored { Added::Known } else { signals.pending.add(info, limit) }
    };
    go_on(process, info.signo());
    if added == Added::Queued {
        thread.alert();
        process.signal_sent();
    }
    added != Added::Refused
}

/// `SIGCONT` makes a stopped process go on, whatever it does about it: once it waits, so that a handler runs first.
fn go_on(process: &Process, signo: u8) {
    if signo == SIGCONT {
        task::set_stopped(process, None);
    }
}

/// What waits of a signal for single threads is forgotten: it is ignored from now on.
pub fn forget_for_threads(process: &Process, signo: u8) {
    for thread in process.threads.lock().iter() {
        thread.signals.lock().pending.discard(SigSet::of(&[signo]));
    }
}

/// A fault of the calling thread: delivered even if it is blocked or ignored (then by default).
pub fn force(thread: &Thread, info: SigInfo) {
    let signo = info.signo();
    let mut signals = thread.signals.lock();
    let mut shared = thread.process().signals.lock();
    if signals.mask.contains(signo) || shared.action(signo).handler == Action::IGNORE {
        shared.set_action(signo, Action::default());
        signals.mask = signals.mask.without(SigSet::of(&[signo]));
    }
    drop(shared);
    signals.pending.add(info, u64::MAX);
    drop(signals);
    thread.alert();
}

/// What sending does at once, whatever becomes of the signal. Says whether the signal still matters.
fn prepare(process: &Process, signo: u8) -> bool {
    if process.ended() {
        return false;
    }
    if signo == SIGKILL {
        task::exit_group(process, ExitCode::signaled(SIGKILL));
        return false;
    }
    if signo == SIGCONT {
        discard_everywhere(process, SigSet::STOPPING);
    } else if SigSet::STOPPING.contains(signo) {
        discard_everywhere(process, SigSet::CONTINUING);
    }
    true
}

fn discard_everywhere(process: &Process, signals: SigSet) {
    for thread in process.threads.lock().iter() {
        thread.signals.lock().pending.discard(signals);
    }
    process.signals.lock().pending.discard(signals);
}

/// Alerts a thread that does not block the signal: the calling one first, then the leader.
fn alert_one(process: &Process, signo: u8) {
    let threads = process.threads.lock().clone();
    let open = |thread: &&Arc<Thread>| !thread.signals.lock().mask.contains(signo);
    let current = task::try_current();
    let is_current =
        |thread: &&Arc<Thread>| current.is_some_and(|current| core::ptr::eq(current, &***thread));
    let chosen = threads.iter().filter(is_current).find(open).or_else(|| threads.iter().find(open));
    match chosen {
        Some(thread) => thread.alert(),
        // All block it: those in signalfd or sigtimedwait look by themselves.
        None => threads.iter().for_each(|thread| thread.waiter.wake()),
    }
    process.signal_sent();
}

/// Sends to every process of a group.
///
/// # Errors
/// `ESRCH` where there is none.
pub fn send_to_group(group: i32, info: SigInfo) -> Result<()> {
    let members = task::group_members(group);
    if members.is_empty() {
        return Err(Errno::ESRCH);
    }
    for process in &members {
        send_to_process(process, info);
    }
    Ok(())
}

/// The kernel sends to a group; nothing happens where there is none.
pub fn send_to_group_from_kernel(group: i32, signo: u8) {
    let _ = send_to_group(group, SigInfo::kernel(signo));
}

/// The kernel sends to a process; nothing happens where there is none.
pub fn send_to_process_from_kernel(pid: i32, signo: u8) {
    if let Some(process) = task::find_process(pid) {
        send_to_process(&process, SigInfo::kernel(signo));
    }
}

/// Whether a signal to the thread would have no effect now.
pub fn ignores_or_blocks(thread: &Thread, signo: u8) -> bool {
    thread.signals.lock().mask.contains(signo) || thread.process().signals.lock().action(signo).ignores(signo)
}

/// `pidfd_send_signal(2)`: from the calling process, with its own `siginfo_t` at `info` if that is not 0.
///
/// # Errors
/// `EINVAL`, `EFAULT`, `EPERM`, `ESRCH`
pub fn send_by_user(process: &Process, signo: i32, info: u64) -> Result<()> {
    let signo = u8::try_from(signo).ok().filter(|signo| *signo <= SIGRTMAX).ok_or(Errno::EINVAL)?;
    let sender = task::current().process();
    let sent = if info == 0 {
        SigInfo::user(signo, code::SI_USER, sender.pid(), sender.identity().uid)
    } else {
        let words: [u64; 16] = crate::user::read(info)?;
        if words[0] & 0xffff_ffff != u64::from(signo) {
            return Err(Errno::EINVAL);
        }
        let sent = SigInfo::from_words(words, signo);
        if (sent.code() >= 0 || sent.code() == code::SI_TKILL) && sender.pid() != process.pid() {
            return Err(Errno::EPERM);
        }
        sent
    };
    // One that has ended and has not been waited for is still there.
    if task::find_process(process.pid()).is_none_or(|found| !core::ptr::eq(&raw const *found, process)) {
        return Err(Errno::ESRCH);
    }
    if signo != 0 && !send_to_process(process, sent) {
        return Err(Errno::EAGAIN);
    }
    Ok(())
}
