//! Processes: clone(2), execve(2), _exit(2), wait4(2), process groups, sessions.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::signal::number::SIGCHLD;
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::task::{self, CloneArgs, ExitCode, Process, WaitFor, Waited, option};
use crate::trap;
use crate::user;
use crate::vfs::Dentry;

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
    partial(322, "execveat", sys_execveat, "by path or AT_EMPTY_PATH of a named file"),
];

/// Most arguments or environment strings.
const MAX_STRINGS: usize = 64 << 10;
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

fn strings(mut address: u64) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    if address == 0 {
        return Ok(all);
    }
    loop {
        let text: u64 = user::read(address)?;
        if text == 0 {
            return Ok(all);
        }
        if all.len() >= MAX_STRINGS {
            return Err(Errno::E2BIG);
        }
        all.push(
            user::read_cstr(text, MAX_STRING)
                .map_err(|error| if error == Errno::ENAMETOOLONG { Errno::E2BIG } else { error })?,
        );
        address += 8;
    }
}

fn sys_execve(args: &Args<'_>) -> Result<u64> {
    let path = user::read_path(args.word(0))?;
    let start = args.thread.process().fs.lock().cwd.clone();
    run_exec(args, &start, &path, args.word(1), args.word(2))
}

fn sys_execveat(args: &Args<'_>) -> Result<u64> {
    const AT_EMPTY_PATH: u32 = 0x1000;
    let path = user::read_path(args.word(1))?;
    let empty = path.is_empty() && args.uint(4) & AT_EMPTY_PATH != 0;
    let path: String = if empty { args.file(0)?.name() } else { path };
    let start = if empty { crate::vfs::root() } else { super::at::start(args, 0, &path)? };
    run_exec(args, &start, &path, args.word(2), args.word(3))
}

fn run_exec(
    args: &Args<'_>,
    start: &alloc::sync::Arc<Dentry>,
    path: &str,
    argv: u64,
    envp: u64,
) -> Result<u64> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let mut arguments = strings(argv)?;
    if arguments.is_empty() {
        arguments.push(Vec::new());
    }
    let environment = strings(envp)?;
    let context = args.take_context()?;
    let executed = task::execute(args.thread, start, path, arguments, &environment)?;
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

fn write_usage(address: u64, waited: Option<&Waited>) -> Result<()> {
    if address == 0 {
        return Ok(());
    }
    let mut usage = [0_u64; 18];
    if let Some(waited) = waited {
        usage[0] = waited.cpu.as_secs();
        usage[1] = u64::from(waited.cpu.subsec_micros());
    }
    user::write(address, &usage)
}

fn sys_wait4(args: &Args<'_>) -> Result<u64> {
    const ALLOWED: u32 = option::NOHANG | option::STOPPED | option::CONTINUED | 0xe000_0000;
    let options = args.uint(2);
    if options & !ALLOWED != 0 {
        return Err(Errno::EINVAL);
    }
    let process = args.thread.process();
    let Some(waited) = task::wait_child(process, whom(args.int(0), process), options | option::EXITED)?
    else {
        return Ok(0);
    };
    if args.word(1) != 0 {
        user::write(args.word(1), &waited.status())?;
    }
    write_usage(args.word(3), Some(&waited))?;
    number(waited.pid)
}

fn sys_waitid(args: &Args<'_>) -> Result<u64> {
    let process = args.thread.process();
    let options = args.uint(3);
    if options & (option::EXITED | option::STOPPED | option::CONTINUED) == 0 {
        return Err(Errno::EINVAL);
    }
    let whom = match args.int(0) {
        0 => WaitFor::Any,
        1 => WaitFor::Process(args.int(1)),
        2 if args.int(1) == 0 => WaitFor::Group(process.pgid()),
        2 => WaitFor::Group(args.int(1)),
        3 => WaitFor::Process(
            args.file(1)?.downcast::<crate::ipc::pidfd::PidFd>().ok_or(Errno::EINVAL)?.process().pid(),
        ),
        _ => return Err(Errno::EINVAL),
    };
    let waited = task::wait_child(process, whom, options)?;
    if args.word(2) != 0 {
        let words = waited.map_or([0; 16], |waited| *waited.info().words());
        user::write(args.word(2), &words)?;
    }
    write_usage(args.word(4), waited.as_ref())?;
    Ok(0)
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
        pid => number(value(&*task::find_process(pid).ok_or(Errno::ESRCH)?)),
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
