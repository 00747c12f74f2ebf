//! The way out of the kernel: ends, stops, handlers, and whether a call starts again.

use crate::errno::Errno;
use crate::signal::info::SigInfo;
use crate::signal::number::SIGSEGV;
use crate::signal::pending::waiting;
use crate::signal::{
    Action, AltStack, DefaultAction, HostFrame, default_action, next_signal, send_to_process,
};
use crate::sync::wait_event;
use crate::task::{self, ExitCode, Thread};

/// Bytes of the `syscall` instruction.
const SYSCALL_LENGTH: u64 = 2;

/// Whether a thread in the kernel has to go out of it: the slow part of [`Thread::interrupted`].
pub fn must_return(thread: &Thread) -> bool {
    let process = thread.process();
    if thread.ending.load(core::sync::atomic::Ordering::SeqCst) || process.is_stopped() {
        return true;
    }
    let mask = thread.signals.lock().mask;
    let ready = waiting(thread, process).without(mask);
    if ready.is_empty() {
        return false;
    }
    let shared = process.signals.lock();
    (1..=64_u8).any(|signo| ready.contains(signo) && !shared.action(signo).ignores(signo))
}

/// Whether there is anything that [`deliver`] would do.
pub fn something_waits(thread: &Thread) -> bool {
    let process = thread.process();
    if thread.ending.load(core::sync::atomic::Ordering::SeqCst) || process.is_stopped() {
        return true;
    }
    let (mask, saved) = {
        let signals = thread.signals.lock();
        (signals.mask, signals.saved_mask.is_some())
    };
    saved || !waiting(thread, process).without(mask).is_empty()
}

/// Does what waits for the thread before it goes on in the application. `call` is the number and error of a
/// system call that has been interrupted.
pub fn deliver(thread: &Thread, frame: &mut HostFrame, mut call: Option<(u64, Errno)>) {
    use core::sync::atomic::Ordering::SeqCst;
    loop {
        thread.attention.store(false, SeqCst);
        if thread.ending.load(SeqCst) {
            task::exit_thread(thread, None);
        }
        if thread.process().is_stopped() {
            wait_while_stopped(thread);
            continue;
        }
        let Some(info) = next_signal(thread) else { break };
        let action = take_action(thread, info.signo());
        if action.is_handled() {
            settle_call(frame, call.take(), Some(&action));
            enter(thread, frame, &info, &action);
        } else if action.handler == Action::DEFAULT {
            act_by_default(thread, &info);
        }
    }
    settle_call(frame, call, None);
    let mut signals = thread.signals.lock();
    if let Some(mask) = signals.saved_mask.take() {
        signals.mask = mask;
        drop(signals);
        // What the restored mask lets through now is delivered as well.
        if must_return(thread) {
            deliver(thread, frame, None);
        }
    }
}

/// The action for a signal that is being delivered; `SA_RESETHAND` takes effect.
fn take_action(thread: &Thread, signo: u8) -> Action {
    let mut shared = thread.process().signals.lock();
    let action = shared.action(signo);
    if action.is_handled() && action.flags & Action::RESETHAND != 0 {
        shared.set_action(signo, Action { handler: Action::DEFAULT, ..action });
    }
    action
}

/// Decides what an interrupted call returns, or makes it start again.
fn settle_call(frame: &mut HostFrame, call: Option<(u64, Errno)>, handler: Option<&Action>) {
    let Some((number, error)) = call else { return };
    let restart = match (error, handler) {
        (Errno::ERESTARTNOINTR, _) | (Errno::ERESTARTSYS | Errno::ERESTARTNOHAND, None) => true,
        (Errno::ERESTARTSYS, Some(action)) => action.flags & Action::RESTART != 0,
        (Errno::ERESTART_RESTARTBLOCK, None) => true,
        _ => false,
    };
    if restart {
        frame.context.rip -= SYSCALL_LENGTH;
        frame.context.rax = number;
    } else {
        frame.context.rax = Errno::EINTR.to_return();
    }
}

fn enter(thread: &Thread, frame: &mut HostFrame, info: &SigInfo, action: &Action) {
    let mut signals = thread.signals.lock();
    let saved = signals.saved_mask.take().unwrap_or(signals.mask);
    let mut mask = signals.mask.union(action.mask);
    if action.flags & Action::NODEFER == 0 {
        mask = mask.with(info.signo());
    }
    let alternate = signals.alternate;
    signals.mask = mask.blockable();
    if alternate.flags & AltStack::AUTODISARM != 0 {
        signals.alternate = AltStack::default();
    }
    drop(signals);
    if frame.enter_handler(info, action, saved, alternate).is_err() {
        // There is no stack to deliver on: as Linux does, by default.
        task::exit_group(thread.process(), ExitCode::signaled(SIGSEGV));
        thread.ending.store(true, core::sync::atomic::Ordering::SeqCst);
    }
}

fn act_by_default(thread: &Thread, info: &SigInfo) {
    let process = thread.process();
    match default_action(info.signo()) {
        DefaultAction::Ignore | DefaultAction::Continue => {}
        DefaultAction::Stop => {
            let by_terminal = info.signo() != crate::signal::number::SIGSTOP;
            if !(by_terminal && task::is_orphaned(process.pgid())) {
                task::set_stopped(process, Some(info.signo()));
            }
        }
        DefaultAction::Terminate | DefaultAction::Core => {
            task::exit_group(process, ExitCode::signaled(info.signo()));
            thread.ending.store(true, core::sync::atomic::Ordering::SeqCst);
        }
    }
}

fn wait_while_stopped(thread: &Thread) {
    use core::sync::atomic::Ordering::SeqCst;
    let process = thread.process();
    // A stop ends by SIGCONT or by the process's end; nothing else interrupts it.
    loop {
        let over = || (!process.is_stopped() || thread.ending.load(SeqCst)).then_some(());
        thread.attention.store(false, SeqCst);
        if wait_event(&[&process.changed], None, over).is_ok() {
            thread.attention.store(true, SeqCst);
            return;
        }
    }
}

/// `rt_sigreturn(2)`: back to what a handler interrupted.
pub fn sigreturn(thread: &Thread, frame: &mut HostFrame) {
    if let Ok((mask, alternate)) = frame.leave_handler() {
        let mut signals = thread.signals.lock();
        signals.mask = mask.blockable();
        if alternate.size != 0 || signals.alternate.size == 0 {
            signals.alternate = alternate;
        }
    } else {
        send_to_process(thread.process(), SigInfo::kernel(SIGSEGV));
    }
    // The restored mask may let something through.
    thread.attention.store(true, core::sync::atomic::Ordering::SeqCst);
}
