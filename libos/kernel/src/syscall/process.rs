//! Processes: clone(2), execve(2), _exit(2), wait4(2), process groups, sessions.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::signal::number::SIGCHLD;
use crate::syscall::Args;
use crate::syscall::at::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use crate::syscall::table::{Call, full, partial};
use crate::task::{self, CloneArgs, ExitCode, Image, Process, Usage, WaitFor, option};
use crate::trap;
use crate::user;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(39, "getpid", sys_getpid),
    partial(56, "clone", sys_clone, "no namespaces; CLONE_VM without CLONE_THREAD copies"),
    full(57, "fork", sys_fork),
    partial(58, "vfork", sys_vfork, "the child has a copy of the memory"),
    full(59, "execve", sys_execve),
    full(60, "exit", sys_exit),
    full(61, "wait4", sys_wait4),
    full(109, "setpgid", sys_setpgid),
    full(110, "getppid", sys_getppid),
    full(111, "getpgrp", sys_getpgrp),
    full(112, "setsid", sys_setsid),
    full(121, "getpgid", sys_getpgid),
    full(124, "getsid", sys_getsid),
    full(186, "gettid", sys_gettid),
    full(218, "set_tid_address", sys_set_tid_address),
    full(231, "exit_group", sys_exit_group),
    full(247, "waitid", sys_waitid),
    partial(435, "clone3", sys_clone3, "as clone; no choice of the id, no control group"),
    full(322, "execveat", sys_execveat),
];

/// Longest of them (`MAX_ARG_STRLEN`).
const MAX_STRING: usize = 128 << 10;

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn number(value: i32) -> Result<u64> {
    Ok(u64::from(value.cast_unsigned()))
}

fn sys_getpid(args: &Args<'_>) -> Result<u64> {
    number(args.thread.process().pid())
}

fn sys_gettid(args: &Args<'_>) -> Result<u64> {
    number(args.thread.tid)
}

fn sys_getppid(args: &Args<'_>) -> Result<u64> {
    number(args.thread.process().parent_pid())
}

fn sys_set_tid_address(args: &Args<'_>) -> Result<u64> {
    args.thread.clear_child_tid.store(args.word(0), Ordering::Relaxed);
    number(args.thread.tid)
}

fn sys_clone(args: &Args<'_>) -> Result<u64> {
    let flags = args.word(0);
    let request = CloneArgs {
        flags: flags & !0xff,
        stack: args.word(1),
        parent_tid: args.word(2),
        child_tid: args.word(3),
        pidfd: args.word(2),
        tls: args.word(4),
        exit_signal: (flags & 0xff) as u8,
    };
    run_clone(args, &request)
}

fn sys_fork(args: &Args<'_>) -> Result<u64> {
    run_clone(args, &plain(0))
}

fn sys_vfork(args: &Args<'_>) -> Result<u64> {
    run_clone(args, &plain(task::clone_flag::VFORK))
}

const fn plain(flags: u64) -> CloneArgs {
    CloneArgs { flags, stack: 0, parent_tid: 0, child_tid: 0, pidfd: 0, tls: 0, exit_signal: SIGCHLD }
}

/// Bytes of the first `struct clone_args`, and of the newest that is known.
const CLONE_ARGS: [usize; 2] = [64, 88];

fn sys_clone3(args: &Args<'_>) -> Result<u64> {
    // The copy goes on with this stack: nothing on it may own what both would give back.
    let request = read_clone3(args)?;
    run_clone(args, &request)
}

fn read_clone3(args: &Args<'_>) -> Result<CloneArgs> {
    let size = args.word(1) as usize;
    if size < CLONE_ARGS[0] {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let given: Vec<u8> = user::read_array(args.word(0), size)?;
    if given.iter().skip(CLONE_ARGS[1]).any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let words: Vec<u64> = given.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let word = |index: usize| words.get(index).copied().unwrap_or(0);
    clone3_request(word)
}

/// What the words of a `struct clone_args` ask for.
fn clone3_request(word: impl Fn(usize) -> u64) -> Result<CloneArgs> {
    use task::clone_flag::{CLEAR_SIGHAND, PARENT, SIGHAND, THREAD};
    const UNKNOWN: u64 = !0x1_ffff_ff80 | 0x40_0000;
    const NEWTIME: u64 = 0x80;
    let (flags, exit_signal, stack, stack_size) = (word(0), word(4), word(5), word(6));
    let (chosen, chosen_count) = (word(8), word(9));
    let odd = flags & UNKNOWN != 0
        || flags & (SIGHAND | CLEAR_SIGHAND) == SIGHAND | CLEAR_SIGHAND
        || (flags & (THREAD | PARENT) != 0 && exit_signal != 0)
        || (stack == 0) != (stack_size == 0)
        || (chosen == 0) != (chosen_count == 0);
    let exit_signal = u8::try_from(exit_signal).map_err(|_| Errno::EINVAL)?;
    if odd {
        return Err(Errno::EINVAL);
    }
    if chosen != 0 || flags & NEWTIME != 0 {
        return Err(Errno::EPERM);
    }
    Ok(CloneArgs {
        flags,
        stack: stack.wrapping_add(stack_size),
        parent_tid: word(3),
        child_tid: word(2),
        pidfd: word(1),
        tls: word(7),
        exit_signal,
    })
}

fn run_clone(args: &Args<'_>, request: &CloneArgs) -> Result<u64> {
    number(task::clone(args.thread, request, args.take_context()?)?)
}

/// Strings of an argument list; what they take of the new stack is taken off `room`.
fn strings(mut address: u64, room: &mut u64) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    if address == 0 {
        return Ok(all);
    }
    loop {
        let text: u64 = user::read(address)?;
        if text == 0 {
            return Ok(all);
        }
        let text = user::read_cstr(text, MAX_STRING)
            .map_err(|error| if error == Errno::ENAMETOOLONG { Errno::E2BIG } else { error })?;
        // Its end and its pointer are counted as well.
        *room = room.checked_sub(text.len() as u64 + 9).ok_or(Errno::E2BIG)?;
        all.push(text);
        address += 8;
    }
}

fn sys_execve(args: &Args<'_>) -> Result<u64> {
    let path = user::read_path(args.word(0))?;
    let start = args.thread.process().fs.lock().cwd.clone();
    run_exec(args, &Image::Named { start, path, follow: true, folder: None }, args.word(1), args.word(2))
}

fn sys_execveat(args: &Args<'_>) -> Result<u64> {
    let (folder, flags) = (args.int(0), args.uint(4));
    if flags & !(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = user::read_path(args.word(1))?;
    let files = args.thread.process().files();
    let image = if path.is_empty() && flags & AT_EMPTY_PATH != 0 && folder != AT_FDCWD {
        Image::Open { file: files.get_any(folder)?, fd: folder, closes: files.close_on_exec_of(folder)? }
    } else {
        let start = super::at::start(args, folder, &path)?;
        let relative = folder != AT_FDCWD && !path.starts_with('/');
        let folder = if relative { Some((folder, files.close_on_exec_of(folder)?)) } else { None };
        Image::Named { start, path, follow: flags & AT_SYMLINK_NOFOLLOW == 0, folder }
    };
    run_exec(args, &image, args.word(2), args.word(3))
}

/// Room for arguments and environment: a quarter of the stack, within bounds.
fn argument_room(process: &Process) -> u64 {
    const STACK: usize = 3;
    (process.limits.lock().0[STACK][0] / 4).clamp(MAX_STRING as u64, 6 << 20)
}

fn run_exec(args: &Args<'_>, image: &Image, argv: u64, envp: u64) -> Result<u64> {
    let mut room = argument_room(args.thread.process());
    let mut arguments = strings(argv, &mut room)?;
    if arguments.is_empty() {
        arguments.push(Vec::new());
    }
    let environment = strings(envp, &mut room)?;
    let context = args.take_context()?;
    let executed = task::execute(args.thread, image, arguments, &environment)?;
    trap::set_fs_base(0);
    let kept = *context;
    *context = trap::fresh_context(executed.entry, executed.stack);
    context.flags = kept.flags;
    context.link = kept.link;
    context.stack_base = kept.stack_base;
    context.stack_flags = kept.stack_flags;
    context.stack_size = kept.stack_size;
    context.segments = kept.segments;
    context.fp_state = kept.fp_state;
    context.reserved = kept.reserved;
    context.mask = kept.mask;
    Ok(0)
}

fn sys_exit(args: &Args<'_>) -> Result<u64> {
    task::exit_thread(args.thread, Some(ExitCode::exited((args.word(0) & 0xff) as u8)))
}

fn sys_exit_group(args: &Args<'_>) -> Result<u64> {
    task::exit_group(args.thread.process(), ExitCode::exited((args.word(0) & 0xff) as u8));
    task::exit_thread(args.thread, None)
}

fn whom(pid: i32, process: &Process) -> WaitFor {
    match pid {
        -1 => WaitFor::Any,
        0 => WaitFor::Group(process.pgid()),
        pid if pid < 0 => WaitFor::Group(-pid),
        pid => WaitFor::Process(pid),
    }
}

/// Writes a `struct rusage`: of it only the processor time is known.
pub(super) fn write_usage(address: u64, used: Usage) -> Result<()> {
    let mut usage = [0_u64; 18];
    for (slot, time) in [used.user, used.system].into_iter().enumerate() {
        usage[2 * slot] = time.as_secs();
        usage[2 * slot + 1] = u64::from(time.subsec_micros());
    }
    user::write(address, &usage)
}

/// Whose memory and files a wait is about: `__WNOTHREAD`, `__WALL`, `__WCLONE`.
const KINDS: u32 = option::NOTHREAD | option::ALL | option::CLONE;

fn sys_wait4(args: &Args<'_>) -> Result<u64> {
    const ALLOWED: u32 = option::NOHANG | option::STOPPED | option::CONTINUED | KINDS;
    let options = args.uint(2);
    if options & !ALLOWED != 0 {
        return Err(Errno::EINVAL);
    }
    if args.int(0) == i32::MIN {
        return Err(Errno::ESRCH);
    }
    let process = args.thread.process();
    let Some(waited) = task::wait_child(process, whom(args.int(0), process), options | option::EXITED)?
    else {
        return Ok(0);
    };
    if args.word(1) != 0 {
        user::write(args.word(1), &waited.status())?;
    }
    if args.word(3) != 0 {
        write_usage(args.word(3), waited.usage)?;
    }
    number(waited.pid)
}

/// Whom `waitid(2)` means, and whether it may wait for him.
fn whom_by_kind(args: &Args<'_>) -> Result<(WaitFor, bool)> {
    const ALL: i32 = 0;
    const PID: i32 = 1;
    const PGID: i32 = 2;
    const PIDFD: i32 = 3;
    let id = args.int(1);
    match args.int(0) {
        ALL => Ok((WaitFor::Any, true)),
        PID if id > 0 => Ok((WaitFor::Process(id), true)),
        PGID if id == 0 => Ok((WaitFor::Group(args.thread.process().pgid()), true)),
        PGID if id > 0 => Ok((WaitFor::Group(id), true)),
        PIDFD if id >= 0 => {
            let file = args.file(1)?;
            let target = file.downcast::<crate::ipc::pidfd::PidFd>().ok_or(Errno::EBADF)?;
            Ok((WaitFor::Process(target.process().pid()), !file.nonblocking()))
        }
        _ => Err(Errno::EINVAL),
    }
}

fn sys_waitid(args: &Args<'_>) -> Result<u64> {
    const CHANGES: u32 = option::EXITED | option::STOPPED | option::CONTINUED;
    let options = args.uint(3);
    if options & CHANGES == 0 || options & !(CHANGES | option::NOHANG | option::NOWAIT | KINDS) != 0 {
        return Err(Errno::EINVAL);
    }
    let (whom, may_wait) = whom_by_kind(args)?;
    let hang = if may_wait { 0 } else { option::NOHANG };
    let waited = task::wait_child(args.thread.process(), whom, options | hang)?;
    if waited.is_none() && options & option::NOHANG == 0 && !may_wait {
        return Err(Errno::EAGAIN);
    }
    if let Some(waited) = waited.filter(|_| args.word(4) != 0) {
        write_usage(args.word(4), waited.usage)?;
    }
    if args.word(2) != 0 {
        write_told(args.word(2), waited.map(|waited| *waited.info().words()).unwrap_or_default())?;
    }
    Ok(0)
}

/// Writes what `waitid(2)` does of a `siginfo_t`: number, error, code; process, user, status.
fn write_told(address: u64, words: [u64; 16]) -> Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "ints lie there in pairs")]
    let halves = |word: u64| [word as u32, (word >> 32) as u32];
    let ([signo, error], [code, _]) = (halves(words[0]), halves(words[1]));
    user::write(address, &[signo, error, code])?;
    let ([pid, uid], [status, _]) = (halves(words[2]), halves(words[3]));
    user::write(address + 16, &[pid, uid, status])
}

fn sys_setpgid(args: &Args<'_>) -> Result<u64> {
    task::set_process_group(args.thread.process(), args.int(0), args.int(1)).map(|()| 0)
}

fn sys_getpgrp(args: &Args<'_>) -> Result<u64> {
    number(args.thread.process().pgid())
}

fn of(args: &Args<'_>, value: impl Fn(&Process) -> i32) -> Result<u64> {
    match args.int(0) {
        0 => number(value(args.thread.process())),
        pid => number(value(&*task::find_task(pid).ok_or(Errno::ESRCH)?)),
    }
}

fn sys_getpgid(args: &Args<'_>) -> Result<u64> {
    of(args, Process::pgid)
}

fn sys_getsid(args: &Args<'_>) -> Result<u64> {
    of(args, Process::sid)
}

fn sys_setsid(args: &Args<'_>) -> Result<u64> {
    number(task::set_session(args.thread.process())?)
}
