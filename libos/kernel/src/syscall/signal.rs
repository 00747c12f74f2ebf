//! Signals: sigaction(2), sigprocmask(2), kill(2) and their kin.

use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::signal::number::{SIGKILL, SIGRTMAX, SIGSTOP};
use crate::signal::{
    self, Action, AltStack, SigInfo, SigSet, code, send_to_process, send_to_thread, take_from,
};
use crate::sync::{WaitError, wait_event};
use crate::syscall::Args;
use crate::syscall::table::{Call, full};
use crate::task;
use crate::time::{Deadline, read_timespec};
use crate::user;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(13, "rt_sigaction", sys_rt_sigaction),
    full(14, "rt_sigprocmask", sys_rt_sigprocmask),
    full(15, "rt_sigreturn", sys_rt_sigreturn),
    full(34, "pause", sys_pause),
    full(62, "kill", sys_kill),
    full(127, "rt_sigpending", sys_rt_sigpending),
    full(128, "rt_sigtimedwait", sys_rt_sigtimedwait),
    full(129, "rt_sigqueueinfo", sys_rt_sigqueueinfo),
    full(130, "rt_sigsuspend", sys_rt_sigsuspend),
    full(131, "sigaltstack", sys_sigaltstack),
    full(200, "tkill", sys_tkill),
    full(234, "tgkill", sys_tgkill),
    full(297, "rt_tgsigqueueinfo", sys_rt_tgsigqueueinfo),
];

/// Bytes of the kernel's `sigset_t`.
const SET_SIZE: u64 = 8;

fn checked(number: i32) -> Result<u8> {
    u8::try_from(number).ok().filter(|signo| (1..=SIGRTMAX).contains(signo)).ok_or(Errno::EINVAL)
}

fn sys_rt_sigaction(args: &Args<'_>) -> Result<u64> {
    let signo = checked(args.int(0))?;
    if args.word(3) != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let new: Option<[u64; 4]> = if args.word(1) == 0 { None } else { Some(user::read(args.word(1))?) };
    if new.is_some() && matches!(signo, SIGKILL | SIGSTOP) {
        return Err(Errno::EINVAL);
    }
    let process = args.thread.process();
    let mut signals = process.signals.lock();
    let old = signals.action(signo);
    if let Some([handler, flags, restorer, mask]) = new {
        let flags = flags & Action::KNOWN;
        signals.set_action(signo, Action { handler, flags, restorer, mask: SigSet(mask).blockable() });
    }
    let forgotten = new.is_some() && signals.action(signo).ignores(signo);
    drop(signals);
    if forgotten {
        signal::forget_for_threads(process, signo);
    }
    if args.word(2) != 0 {
        user::write(args.word(2), &[old.handler, old.flags, old.restorer, old.mask.0])?;
    }
    Ok(0)
}

fn sys_rt_sigprocmask(args: &Args<'_>) -> Result<u64> {
    if args.word(3) != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let given = if args.word(1) == 0 { None } else { Some(SigSet(user::read(args.word(1))?)) };
    let mut signals = args.thread.signals.lock();
    let old = signals.mask;
    if let Some(given) = given {
        let mask = match args.int(0) {
            0 => old.union(given),
            1 => old.without(given),
            2 => given,
            _ => return Err(Errno::EINVAL),
        };
        signals.mask = mask.blockable();
    }
    drop(signals);
    args.thread.attention.store(true, Ordering::SeqCst);
    if args.word(2) != 0 {
        user::write(args.word(2), &old.0)?;
    }
    Ok(0)
}

fn sys_rt_sigreturn(_args: &Args<'_>) -> Result<u64> {
    // The trap does it before the table is asked: it needs the whole frame.
    Err(Errno::ENOSYS)
}

fn until_signal() -> Result<u64> {
    match wait_event(&[], None, || None::<()>) {
        Ok(()) | Err(WaitError::TimedOut) => Err(Errno::EINTR),
        Err(WaitError::Interrupted) => Err(Errno::ERESTARTNOHAND),
    }
}

fn sys_pause(_args: &Args<'_>) -> Result<u64> {
    until_signal()
}

fn sys_rt_sigsuspend(args: &Args<'_>) -> Result<u64> {
    if args.word(1) != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let mask = SigSet(user::read(args.word(0))?).blockable();
    {
        let mut signals = args.thread.signals.lock();
        signals.saved_mask = Some(signals.mask);
        signals.mask = mask;
    }
    args.thread.attention.store(true, Ordering::SeqCst);
    until_signal()
}

fn sys_rt_sigpending(args: &Args<'_>) -> Result<u64> {
    if args.word(1) > SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let own = {
        let signals = args.thread.signals.lock();
        (signals.pending.set(), signals.mask)
    };
    let shared = args.thread.process().signals.lock().pending.set();
    let set = own.0.union(shared).intersection(own.1).0.to_le_bytes();
    user::copy_out(args.word(0), &set[..args.word(1) as usize])?;
    Ok(0)
}

fn sys_rt_sigtimedwait(args: &Args<'_>) -> Result<u64> {
    if args.word(3) != SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let wanted = SigSet(user::read(args.word(0))?).blockable();
    let deadline = if args.word(2) == 0 { None } else { Some(Deadline::after(read_timespec(args.word(2))?)) };
    let info = match wait_event(&[], deadline, || take_from(args.thread, wanted)) {
        Ok(info) => info,
        Err(WaitError::TimedOut) => return Err(Errno::EAGAIN),
        Err(WaitError::Interrupted) => return Err(Errno::EINTR),
    };
    if args.word(1) != 0 {
        user::write(args.word(1), info.words())?;
    }
    Ok(u64::from(info.signo()))
}

/// Who sends, for `si_pid` and `si_uid`.
fn from_caller(args: &Args<'_>, signo: u8, code: i32) -> SigInfo {
    let process = args.thread.process();
    SigInfo::user(signo, code, process.pid(), process.identity().uid)
}

fn sys_kill(args: &Args<'_>) -> Result<u64> {
    let (pid, number) = (args.int(0), args.int(1));
    let signo = if number == 0 { None } else { Some(checked(number)?) };
    let caller = args.thread.process();
    let targets = match pid {
        pid if pid > 0 => task::find_task(pid).into_iter().collect(),
        0 => task::whole_group(caller.pgid()),
        -1 => task::all_processes().into_iter().filter(|process| process.pid() != caller.pid()).collect(),
        group => task::whole_group(group.checked_neg().ok_or(Errno::ESRCH)?),
    };
    if targets.is_empty() {
        // The kernel itself is process 1, which no signal reaches.
        return if pid == 1 { Err(Errno::EPERM) } else { Err(Errno::ESRCH) };
    }
    if let Some(signo) = signo {
        let info = from_caller(args, signo, code::SI_USER);
        for process in &targets {
            send_to_process(process, info);
        }
    }
    Ok(0)
}

fn to_thread(group: Option<i32>, tid: i32, number: i32, info: impl Fn(u8) -> SigInfo) -> Result<u64> {
    if tid <= 0 || group.is_some_and(|group| group <= 0) {
        return Err(Errno::EINVAL);
    }
    let signo = if number == 0 { None } else { Some(checked(number)?) };
    let thread = task::find_thread(tid).ok_or(Errno::ESRCH)?;
    if group.is_some_and(|group| thread.process().pid() != group) {
        return Err(Errno::ESRCH);
    }
    match signo {
        Some(signo) if !send_to_thread(&thread, info(signo)) => Err(Errno::EAGAIN),
        _ => Ok(0),
    }
}

fn sys_tkill(args: &Args<'_>) -> Result<u64> {
    to_thread(None, args.int(0), args.int(1), |signo| from_caller(args, signo, code::SI_TKILL))
}

fn sys_tgkill(args: &Args<'_>) -> Result<u64> {
    to_thread(Some(args.int(0)), args.int(1), args.int(2), |signo| from_caller(args, signo, code::SI_TKILL))
}

/// A `siginfo_t` of the caller's, for a thread; codes that only the kernel gives are for itself alone.
fn own_info(args: &Args<'_>, address: u64, target: i32) -> Result<[u64; 16]> {
    let words: [u64; 16] = user::read(address)?;
    let given = SigInfo::from_words(words, 0).code();
    if (given >= 0 || given == code::SI_TKILL) && target != args.thread.tid {
        return Err(Errno::EPERM);
    }
    Ok(words)
}

fn sys_rt_sigqueueinfo(args: &Args<'_>) -> Result<u64> {
    let words = own_info(args, args.word(2), args.int(0))?;
    let number = args.int(1);
    let signo = if number == 0 { None } else { Some(checked(number)?) };
    let process = task::find_process(args.int(0)).ok_or(Errno::ESRCH)?;
    match signo {
        Some(signo) if !send_to_process(&process, SigInfo::from_words(words, signo)) => Err(Errno::EAGAIN),
        _ => Ok(0),
    }
}

fn sys_rt_tgsigqueueinfo(args: &Args<'_>) -> Result<u64> {
    let words = own_info(args, args.word(3), args.int(1))?;
    let info = |signo| SigInfo::from_words(words, signo);
    to_thread(Some(args.int(0)), args.int(1), args.int(2), info)
}

fn sys_sigaltstack(args: &Args<'_>) -> Result<u64> {
    const ONSTACK: u32 = 1;
    const DISABLE: u32 = 2;
    const AUTODISARM: u32 = AltStack::AUTODISARM;
    const MINIMUM: u64 = 2048;
    let rsp = args.take_context().map_or(0, |context| context.rsp);
    let rsp = if rsp == 0 { args.thread.block().user_rsp() } else { rsp };
    let mut signals = args.thread.signals.lock();
    let old = signals.alternate;
    if args.word(0) != 0 {
        let [base, flags, size]: [u64; 3] = user::read(args.word(0))?;
        if old.holds(rsp) {
            return Err(Errno::EPERM);
        }
        #[expect(clippy::cast_possible_truncation, reason = "an int and its padding")]
        let flags = flags as u32;
        signals.alternate = match flags & !AUTODISARM {
            DISABLE => AltStack::default(),
            0 | ONSTACK if size < MINIMUM => return Err(Errno::ENOMEM),
            0 | ONSTACK => AltStack { base, size, flags: flags & AUTODISARM },
            _ => return Err(Errno::EINVAL),
        };
    }
    drop(signals);
    if args.word(1) != 0 {
        let flags = if old.size == 0 { DISABLE } else { old.flags | u32::from(old.holds(rsp)) };
        user::write(args.word(1), &[old.base, u64::from(flags), old.size])?;
    }
    Ok(0)
}
