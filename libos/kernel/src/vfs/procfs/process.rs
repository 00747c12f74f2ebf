//! Files of `/proc/PID`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt::Write;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::signal::Action;
use crate::signal::number::SIGRTMAX;
use crate::task::{self, Process, Thread, Usage};
use crate::vfs::procfs::maps::Totals;
use crate::vfs::synthetic::Subject;
use crate::vfs::{Credentials, Followed, resolve, root};

/// Clock ticks a second (`USER_HZ`).
const TICKS: u64 = 100;

fn process(subject: &Subject) -> Result<&Arc<Process>> {
    subject.process.as_ref().ok_or(Errno::ESRCH)
}

fn thread(subject: &Subject) -> Result<Option<Arc<Thread>>> {
    let process = process(subject)?;
    Ok(match subject.thread {
        Some(tid) => process.threads.lock().iter().find(|thread| thread.tid == tid).cloned(),
        None => process.leader(),
    })
}

pub(super) fn own_pid(_: &Subject) -> Result<String> {
    Ok(task::current().process().pid().to_string())
}

pub(super) fn own_thread(_: &Subject) -> Result<String> {
    let thread = task::current();
    Ok(format!("{}/task/{}", thread.process().pid(), thread.tid))
}

pub(super) fn zero(_: &Subject) -> Result<String> {
    Ok("0\n".to_string())
}

pub(super) fn slack(_: &Subject) -> Result<String> {
    Ok("50000\n".to_string())
}

pub(super) fn empty(_: &Subject) -> Result<String> {
    Ok(String::new())
}

pub(super) fn ignore(_: &Subject, _: &str) -> Result<()> {
    Ok(())
}

/// `oom_score_adj`: checked, and without effect, as nothing here ends programs for want of memory.
pub(super) fn check_score(_: &Subject, text: &str) -> Result<()> {
    let score: i32 = text.trim().parse().map_err(|_| Errno::EINVAL)?;
    if (-1000..=1000).contains(&score) { Ok(()) } else { Err(Errno::EINVAL) }
}

pub(super) fn command_line(subject: &Subject) -> Result<String> {
    Ok(String::from_utf8_lossy(&process(subject)?.program.lock().command_line).into_owned())
}

pub(super) fn environment(subject: &Subject) -> Result<String> {
    Ok(String::from_utf8_lossy(&process(subject)?.program.lock().environment).into_owned())
}

fn comm(subject: &Subject) -> Result<String> {
    let Some(thread) = thread(subject)? else {
        return Ok(String::new());
    };
    let name = *thread.name.lock();
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    Ok(String::from_utf8_lossy(&name[..end]).into_owned())
}

pub(super) fn name(subject: &Subject) -> Result<String> {
    Ok(format!("{}\n", comm(subject)?))
}

pub(super) fn set_name(subject: &Subject, text: &str) -> Result<()> {
    let thread = thread(subject)?.ok_or(Errno::ESRCH)?;
    let bytes = text.trim_end_matches('\n').as_bytes();
    let mut name = [0; 16];
    let length = bytes.len().min(15);
    name[..length].copy_from_slice(&bytes[..length]);
    *thread.name.lock() = name;
    Ok(())
}

pub(super) fn directory(subject: &Subject) -> Result<Followed> {
    Ok(Followed::Dentry(process(subject)?.fs.lock().cwd.clone()))
}

pub(super) fn root_directory(_: &Subject) -> Result<Followed> {
    Ok(Followed::Dentry(root()))
}

pub(super) fn executable(subject: &Subject) -> Result<Followed> {
    let path = process(subject)?.program.lock().exe.clone();
    let cred = Credentials { uid: 0, gid: 0, groups: alloc::vec::Vec::new() };
    Ok(Followed::Dentry(resolve(&root(), &path, true, &cred)?))
}

pub(super) fn io(_: &Subject) -> Result<String> {
    let names = ["rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"];
    Ok(names.iter().fold(String::new(), |text, name| format!("{text}{name}: 0\n")))
}

/// State letter and its name.
fn state(subject: &Subject) -> Result<(char, &'static str)> {
    let process = process(subject)?;
    Ok(if process.ended() {
        ('Z', "Z (zombie)")
    } else if core::ptr::eq(&raw const **process, &raw const **task::current().process()) {
        ('R', "R (running)")
    } else {
        ('S', "S (sleeping)")
    })
}

/// Processor time in user and in system mode: of a process, then of its children that it has waited for, in ticks.
pub(super) fn processor_ticks(process: &Process) -> [u64; 4] {
    let [at_the_end, children] = process.relations.lock().usage;
    let own = if process.ended() { at_the_end } else { Usage::of_process(process.host_pid()) };
    [own.user, own.system, children.user, children.system]
        .map(|time| u64::try_from(time.as_millis()).unwrap_or(0) * TICKS / 1000)
}

pub(super) fn stat(subject: &Subject) -> Result<String> {
    let process = process(subject)?;
    let (letter, _) = state(subject)?;
    let threads = process.threads.lock().len();
    let started = process.started / (1_000_000_000 / TICKS);
    let totals = Totals::of(process);
    let id = subject.thread.unwrap_or_else(|| process.pid());
    let terminal = process.terminal();
    let tty = terminal.as_ref().map_or(0, |terminal| terminal.device());
    let foreground = terminal.map_or(-1, |terminal| terminal.job.lock().foreground);
    let [user, system, children_user, children_system] = processor_ticks(process);
    let nice = process.nice.load(Ordering::Relaxed);
    Ok(format!(
        "{id} ({}) {letter} {} {} {} {tty} {foreground} 4194304 0 0 0 0 {user} {system} \
         {children_user} {children_system} {} {nice} {threads} 0 {started} {} {} \
         18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        comm(subject)?,
        process.parent_pid(),
        process.pgid(),
        process.sid(),
        20 + nice,
        totals.bytes,
        totals.bytes / 4096,
    ))
}

pub(super) fn statm(subject: &Subject) -> Result<String> {
    let totals = Totals::of(process(subject)?);
    let pages = totals.bytes / 4096;
    Ok(format!("{pages} {pages} {} {} 0 {} 0\n", totals.files / 4096, totals.code / 4096, totals.data / 4096))
}

/// Signals of a status: waiting for the thread and the process, blocked, ignored, caught.
fn signal_sets(subject: &Subject) -> Result<[u64; 5]> {
    let process = process(subject)?;
    let [mine, blocked] = thread(subject)?.map_or([0; 2], |thread| {
        let signals = thread.signals.lock();
        [signals.pending.set().0, signals.mask.0]
    });
    let signals = process.signals.lock();
    let (mut ignored, mut caught) = (0, 0);
    for signo in 1..=SIGRTMAX {
        let action = signals.action(signo);
        ignored |= u64::from(action.handler == Action::IGNORE) << (signo - 1);
        caught |= u64::from(action.is_handled()) << (signo - 1);
    }
    Ok([mine, signals.pending.set().0, blocked, ignored, caught])
}

/// What a status says of memory.
fn memory_lines(process: &Arc<Process>) -> [(&'static str, String); 12] {
    let totals = Totals::of(process);
    [
        ("VmPeak", kib(totals.bytes)),
        ("VmSize", kib(totals.bytes)),
        ("VmLck", kib(0)),
        ("VmPin", kib(0)),
        ("VmHWM", kib(totals.bytes)),
        ("VmRSS", kib(totals.bytes)),
        ("RssAnon", kib(totals.bytes - totals.files)),
        ("RssFile", kib(totals.files)),
        ("RssShmem", kib(0)),
        ("VmData", kib(totals.data)),
        ("VmExe", kib(totals.code)),
        ("VmSwap", kib(0)),
    ]
}

/// What a status says of signals.
fn signal_lines(subject: &Subject) -> Result<[(&'static str, String); 6]> {
    let process = process(subject)?;
    let [mine, shared, blocked, ignored, caught] = signal_sets(subject)?;
    Ok([
        ("SigQ", format!("0/{}", process.limits.lock().0[11][0])),
        ("SigPnd", format!("{mine:016x}")),
        ("ShdPnd", format!("{shared:016x}")),
        ("SigBlk", format!("{blocked:016x}")),
        ("SigIgn", format!("{ignored:016x}")),
        ("SigCgt", format!("{caught:016x}")),
    ])
}

pub(super) fn status(subject: &Subject) -> Result<String> {
    let process = process(subject)?;
    let (_, state) = state(subject)?;
    let identity = process.identity();
    let (uid, gid) = (identity.uid, identity.gid);
    let id = subject.thread.unwrap_or_else(|| process.pid());
    let capabilities = if uid == 0 { "000001ffffffffff" } else { "0000000000000000" };
    let cpus = crate::vfs::setup::machine().cpus.clamp(1, 63);
    let mut text = String::new();
    let lines = [
        ("Name", comm(subject)?),
        ("Umask", format!("{:04o}", process.fs.lock().umask)),
        ("State", state.to_string()),
        ("Tgid", process.pid().to_string()),
        ("Ngid", "0".to_string()),
        ("Pid", id.to_string()),
        ("PPid", process.parent_pid().to_string()),
        ("TracerPid", "0".to_string()),
        ("Uid", format!("{uid}\t{uid}\t{uid}\t{uid}")),
        ("Gid", format!("{gid}\t{gid}\t{gid}\t{gid}")),
        ("FDSize", process.files().iter().len().next_power_of_two().max(64).to_string()),
        ("Groups", " ".to_string()),
        ("NStgid", process.pid().to_string()),
        ("NSpid", id.to_string()),
        ("NSpgid", process.pgid().to_string()),
        ("NSsid", process.sid().to_string()),
        ("Kthread", "0".to_string()),
    ];
    let after = [("CoreDumping", "0".to_string()), ("Threads", process.threads.lock().len().to_string())];
    let last = [
        ("CapInh", "0000000000000000".to_string()),
        ("CapPrm", capabilities.to_string()),
        ("CapEff", capabilities.to_string()),
        ("CapBnd", "0000000000000000".to_string()),
        ("CapAmb", "0000000000000000".to_string()),
        ("NoNewPrivs", "1".to_string()),
        ("Seccomp", "0".to_string()),
        ("Seccomp_filters", "0".to_string()),
        ("Cpus_allowed", format!("{:x}", (1_u64 << cpus) - 1)),
        ("Cpus_allowed_list", if cpus == 1 { "0".to_string() } else { format!("0-{}", cpus - 1) }),
        ("Mems_allowed", "1".to_string()),
        ("Mems_allowed_list", "0".to_string()),
        ("voluntary_ctxt_switches", "0".to_string()),
        ("nonvoluntary_ctxt_switches", "0".to_string()),
    ];
    let lines = lines.into_iter().chain(memory_lines(process)).chain(after);
    for (name, value) in lines.chain(signal_lines(subject)?).chain(last) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}:\t{value}");
    }
    Ok(text)
}

fn kib(bytes: u64) -> String {
    format!("{:>8} kB", bytes / 1024)
}

pub(super) fn limits(subject: &Subject) -> Result<String> {
    const NAMES: [(&str, &str); 16] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    let limits = process(subject)?.limits.lock().0;
    let mut text = format!("{:<26}{:<21}{:<21}{:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for ((name, unit), limit) in NAMES.iter().zip(limits) {
        let show = |value: u64| {
            if value == u64::MAX { "unlimited".to_string() } else { value.to_string() }
        };
        let _ = writeln!(text, "{name:<26}{:<21}{:<21}{unit:<10}", show(limit[0]), show(limit[1]));
    }
    Ok(text)
}
