//! What is left of process attributes: prctl(2), resource limits, scheduling, identity, uname(2).

use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::host;
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::task::{self, Process, Usage};
use crate::time::{Clock, now};
use crate::trap;
use crate::user;

/// This family's part of the table.
pub const CALLS: &[Call] = &[
    full(63, "uname", sys_uname),
    full(97, "getrlimit", sys_getrlimit),
    partial(98, "getrusage", sys_getrusage, "times only"),
    full(99, "sysinfo", sys_sysinfo),
    full(100, "times", sys_times),
    full(102, "getuid", sys_getuid),
    full(104, "getgid", sys_getgid),
    partial(105, "setuid", sys_set_own_uid, "the own id"),
    partial(106, "setgid", sys_set_own_gid, "the own id"),
    full(107, "geteuid", sys_getuid),
    full(108, "getegid", sys_getgid),
    partial(113, "setreuid", sys_set_uids, "the own id"),
    partial(114, "setregid", sys_set_gids, "the own id"),
    full(115, "getgroups", sys_getgroups),
    partial(116, "setgroups", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(117, "setresuid", sys_setresuid, "the own id"),
    full(118, "getresuid", sys_getresuid),
    partial(119, "setresgid", sys_setresgid, "the own id"),
    full(120, "getresgid", sys_getresgid),
    full(122, "setfsuid", sys_getuid),
    full(123, "setfsgid", sys_getgid),
    partial(125, "capget", sys_capget, "no capability is held"),
    partial(126, "capset", sys_capset, "none can be gained"),
    partial(135, "personality", sys_personality, "PER_LINUX, and ADDR_NO_RANDOMIZE without effect"),
    partial(157, "prctl", sys_prctl, "what desktop programs use"),
    partial(158, "arch_prctl", sys_arch_prctl, "FS and GS"),
    full(160, "setrlimit", sys_setrlimit),
    full(302, "prlimit64", sys_prlimit64),
    full(318, "getrandom", sys_getrandom),
    partial(101, "ptrace", sys_not_permitted, "EPERM: no process may trace another"),
    partial(103, "syslog", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(164, "settimeofday", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(169, "reboot", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(170, "sethostname", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(171, "setdomainname", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(175, "init_module", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(176, "delete_module", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(272, "unshare", sys_not_permitted, "EPERM: an instance has one of each namespace"),
    partial(308, "setns", sys_not_permitted, "EPERM: an instance has one of each namespace"),
    partial(313, "finit_module", sys_not_permitted, "EPERM, as for an ordinary user"),
    partial(321, "bpf", sys_not_permitted, "EPERM, as for an ordinary user"),
];

fn sys_not_permitted(_args: &Args<'_>) -> Result<u64> {
    Err(Errno::EPERM)
}

fn sys_uname(args: &Args<'_>) -> Result<u64> {
    let machine = crate::vfs::machine();
    let mut fields = [[0_u8; 65]; 6];
    let texts = ["Linux", &machine.hostname, RELEASE, VERSION, "x86_64", "(none)"];
    for (field, text) in fields.iter_mut().zip(texts) {
        for (slot, byte) in field.iter_mut().take(64).zip(text.bytes()) {
            *slot = byte;
        }
    }
    user::write(args.word(0), &fields).map(|()| 0)
}

/// `uname -r`
pub const RELEASE: &str = "6.1.0-bailey";
/// `uname -v`
pub const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC Bailey";

fn limit(process: &Process, resource: i32) -> Result<[u64; 2]> {
    let index = usize::try_from(resource).map_err(|_| Errno::EINVAL)?;
    process.limits.lock().0.get(index).copied().ok_or(Errno::EINVAL)
}

fn set_limit(process: &Process, resource: i32, new: [u64; 2]) -> Result<()> {
    const CPU: i32 = 0;
    const FSIZE: i32 = 1;
    const NOFILE: i32 = 7;
    let old = limit(process, resource)?;
    if new[0] > new[1] {
        return Err(Errno::EINVAL);
    }
    if new[1] > old[1] {
        return Err(Errno::EPERM);
    }
    let index = usize::try_from(resource).map_err(|_| Errno::EINVAL)?;
    process.limits.lock().0[index] = new;
    match resource {
        CPU => {
            process.processor_limit.store(new[0], Ordering::Relaxed);
            host::io::wake();
        }
        FSIZE => process.file_size_limit.store(new[0], Ordering::Relaxed),
        NOFILE => process.files().set_limit(usize::try_from(new[0]).unwrap_or(usize::MAX)),
        _ => {}
    }
    Ok(())
}

fn sys_getrlimit(args: &Args<'_>) -> Result<u64> {
    user::write(args.word(1), &limit(args.thread.process(), args.int(0))?).map(|()| 0)
}

fn sys_setrlimit(args: &Args<'_>) -> Result<u64> {
    set_limit(args.thread.process(), args.int(0), user::read(args.word(1))?).map(|()| 0)
}

fn sys_prlimit64(args: &Args<'_>) -> Result<u64> {
    let found = match args.int(0) {
        0 => None,
        pid => Some(task::find_process(pid).ok_or(Errno::ESRCH)?),
    };
    let process = found.as_ref().unwrap_or_else(|| args.thread.process());
    let old = limit(process, args.int(1))?;
    if args.word(2) != 0 {
        set_limit(process, args.int(1), user::read(args.word(2))?)?;
    }
    if args.word(3) != 0 {
        user::write(args.word(3), &old)?;
    }
    Ok(0)
}

fn sys_getrusage(args: &Args<'_>) -> Result<u64> {
    const PROCESS: i32 = 0;
    const THREAD: i32 = 1;
    const CHILDREN: i32 = -1;
    let usage = match args.int(0) {
        PROCESS => Usage::of_process(0),
        THREAD => Usage::of_thread(),
        CHILDREN => args.thread.process().relations.lock().usage[1],
        _ => return Err(Errno::EINVAL),
    };
    super::process::write_usage(args.word(1), usage).map(|()| 0)
}

fn sys_times(args: &Args<'_>) -> Result<u64> {
    let ticks = |time: core::time::Duration| time.as_millis() as u64 / 10;
    if args.word(0) != 0 {
        let own = Usage::of_process(0);
        let children = args.thread.process().relations.lock().usage[1];
        let all = [own.user, own.system, children.user, children.system].map(ticks);
        user::write(args.word(0), &all)?;
    }
    Ok(ticks(now(Clock::Boottime)))
}

fn sys_sysinfo(args: &Args<'_>) -> Result<u64> {
    let memory = crate::vfs::machine().memory;
    let (processes, _) = task::count_tasks();
    let mut info = [0_u64; 14];
    info[0] = now(Clock::Boottime).as_secs();
    info[4] = memory;
    info[5] = memory / 2;
    info[10] = processes as u64 & 0xffff;
    info[13] = 1;
    user::write(args.word(0), &info).map(|()| 0)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_getuid(args: &Args<'_>) -> Result<u64> {
    Ok(u64::from(args.thread.process().identity().uid))
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_getgid(args: &Args<'_>) -> Result<u64> {
    Ok(u64::from(args.thread.process().identity().gid))
}

/// A change of identity is one to what it is already.
fn only(own: u32, wishes: &[u32], unchanged: bool) -> Result<u64> {
    let same = |wish: &u32| *wish == own || unchanged && *wish == u32::MAX;
    if wishes.iter().all(same) { Ok(0) } else { Err(Errno::EPERM) }
}

fn sys_set_own_uid(args: &Args<'_>) -> Result<u64> {
    only(args.thread.process().identity().uid, &[args.uint(0)], false)
}

fn sys_set_own_gid(args: &Args<'_>) -> Result<u64> {
    only(args.thread.process().identity().gid, &[args.uint(0)], false)
}

fn sys_set_uids(args: &Args<'_>) -> Result<u64> {
    only(args.thread.process().identity().uid, &[args.uint(0), args.uint(1)], true)
}

fn sys_setresuid(args: &Args<'_>) -> Result<u64> {
    only(args.thread.process().identity().uid, &[args.uint(0), args.uint(1), args.uint(2)], true)
}

fn sys_setresgid(args: &Args<'_>) -> Result<u64> {
    only(args.thread.process().identity().gid, &[args.uint(0), args.uint(1), args.uint(2)], true)
}

/// There are none but the own.
fn sys_getgroups(args: &Args<'_>) -> Result<u64> {
    if args.int(0) < 0 { Err(Errno::EINVAL) } else { Ok(0) }
}

fn sys_set_gids(args: &Args<'_>) -> Result<u64> {
    only(args.thread.process().identity().gid, &[args.uint(0), args.uint(1)], true)
}

fn write_three(args: &Args<'_>, id: u32) -> Result<u64> {
    for index in 0..3 {
        user::write(args.word(index), &id)?;
    }
    Ok(0)
}

fn sys_getresuid(args: &Args<'_>) -> Result<u64> {
    write_three(args, args.thread.process().identity().uid)
}

fn sys_getresgid(args: &Args<'_>) -> Result<u64> {
    write_three(args, args.thread.process().identity().gid)
}

fn sys_capget(args: &Args<'_>) -> Result<u64> {
    const VERSION_3: u32 = 0x2008_0522;
    let version: u32 = user::read(args.word(0))?;
    if version != VERSION_3 {
        user::write(args.word(0), &VERSION_3)?;
        return if args.word(1) == 0 { Ok(0) } else { Err(Errno::EINVAL) };
    }
    let pid: i32 = user::read(args.word(0) + 4)?;
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    if pid != 0 {
        task::find_task(pid).ok_or(Errno::ESRCH)?;
    }
    if args.word(1) != 0 {
        user::write(args.word(1), &[0_u32; 6])?;
    }
    Ok(0)
}

fn sys_capset(args: &Args<'_>) -> Result<u64> {
    let wanted: [u32; 6] = user::read(args.word(1))?;
    if wanted == [0; 6] { Ok(0) } else { Err(Errno::EPERM) }
}

fn sys_personality(args: &Args<'_>) -> Result<u64> {
    const NO_RANDOMIZE: u32 = 0x4_0000;
    let own = &args.thread.process().personality;
    let before = own.load(Ordering::Relaxed);
    match args.uint(0) {
        u32::MAX => {}
        wish if wish & !NO_RANDOMIZE == 0 => own.store(wish, Ordering::Relaxed),
        _ => return Err(Errno::EINVAL),
    }
    Ok(u64::from(before))
}

fn sys_prctl(args: &Args<'_>) -> Result<u64> {
    const NAME: usize = 16;
    let process = args.thread.process();
    match args.int(0) {
        1 => process.options[1].store(args.word(1), Ordering::Relaxed),
        #[expect(clippy::cast_possible_truncation, reason = "a signal number")]
        2 => user::write(args.word(1), &(process.options[1].load(Ordering::Relaxed) as i32))?,
        3 => return Ok(process.options[0].load(Ordering::Relaxed)),
        4 => process.options[0].store(args.word(1), Ordering::Relaxed),
        15 => {
            let text = user::read_cstr(args.word(1), NAME)
                .or_else(|_| user::read::<[u8; NAME]>(args.word(1)).map(|bytes| bytes.to_vec()))?;
            let mut name = [0; NAME];
            name.iter_mut().take(NAME - 1).zip(text).for_each(|(slot, byte)| *slot = byte);
            *args.thread.name.lock() = name;
        }
        16 => user::write(args.word(1), &*args.thread.name.lock())?,
        // PR_CAPBSET_READ: no capability can be had.
        23 => {
            return if args.word(1) <= 40 { Ok(0) } else { Err(Errno::EINVAL) };
        }
        // PR_SET_SECCOMP, PR_GET_SECCOMP: the host's filter is not the program's affair.
        22 => return Err(Errno::EINVAL),
        21 => return Ok(0),
        // PR_SET_TIMERSLACK, PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_SET_PTRACER, PR_SET_VMA, PR_SET_KEEPCAPS: without effect.
        8 | 29 | 41 | 0x5961_6d61 | 0x5356_4d41 => {}
        38 => {}
        // PR_GET_NO_NEW_PRIVS
        39 => return Ok(1),
        30 => return Ok(50_000),
        36 => process.options[2].store(args.word(1), Ordering::Relaxed),
        #[expect(clippy::cast_possible_truncation, reason = "a flag")]
        37 => user::write(args.word(1), &(process.options[2].load(Ordering::Relaxed) as i32))?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn sys_arch_prctl(args: &Args<'_>) -> Result<u64> {
    const SET_GS: i32 = 0x1001;
    const SET_FS: i32 = 0x1002;
    const GET_FS: i32 = 0x1003;
    const GET_GS: i32 = 0x1004;
    match args.int(0) {
        SET_FS => {
            let base = trap::checked_base(args.word(1))?;
            trap::set_fs_base(base);
            args.thread.block().register(base);
        }
        GET_FS => user::write(args.word(1), &trap::fs_base())?,
        SET_GS => trap::set_gs_base(trap::checked_base(args.word(1))?),
        GET_GS => user::write(args.word(1), &trap::gs_base())?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn sys_getrandom(args: &Args<'_>) -> Result<u64> {
    const MAX: usize = 256;
    if args.uint(2) & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    let length = args.length(1);
    let mut done = 0;
    while done < length {
        let mut bytes = [0; MAX];
        let step = MAX.min(length - done);
        host::random_bytes(&mut bytes[..step]);
        user::copy_out(args.word(0) + done as u64, &bytes[..step])?;
        done += step;
    }
    Ok(length as u64)
}
