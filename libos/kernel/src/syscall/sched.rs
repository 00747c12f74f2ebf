//! Scheduling (sched(7)) and priorities: what programs ask for is kept and told; the host schedules.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::host;
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::task::{self, Cpus, MAX_CPUS, Process, Scheduling, Thread, sched_policy as policy};
use crate::time::write_timespec;
use crate::user;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(24, "sched_yield", sys_sched_yield),
    partial(
        140,
        "getpriority",
        sys_getpriority,
        "nice values are of whole processes; of a group's, the first's",
    ),
    partial(141, "setpriority", sys_setpriority, "as getpriority; the host schedules"),
    partial(142, "sched_setparam", sys_sched_setparam, KEPT),
    full(143, "sched_getparam", sys_sched_getparam),
    partial(144, "sched_setscheduler", sys_sched_setscheduler, KEPT),
    full(145, "sched_getscheduler", sys_sched_getscheduler),
    full(146, "sched_get_priority_max", sys_priority_max),
    full(147, "sched_get_priority_min", sys_priority_min),
    partial(148, "sched_rr_get_interval", sys_sched_rr_get_interval, "an ordinary thread's usual slice"),
    partial(203, "sched_setaffinity", sys_sched_setaffinity, KEPT),
    full(204, "sched_getaffinity", sys_sched_getaffinity),
    partial(251, "ioprio_set", sys_ioprio_set, KEPT),
    full(252, "ioprio_get", sys_ioprio_get),
    full(309, "getcpu", sys_getcpu),
    partial(314, "sched_setattr", sys_sched_setattr, KEPT),
    full(315, "sched_getattr", sys_sched_getattr),
];

const KEPT: &str = "checked and kept for those who ask; the host schedules";

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_sched_yield(_args: &Args<'_>) -> Result<u64> {
    Ok(0)
}

/// The thread of an id; 0 is the caller.
fn thread_of(args: &Args<'_>, id: i32) -> Result<Arc<Thread>> {
    task::find_thread(if id == 0 { args.thread.tid } else { id }).ok_or(Errno::ESRCH)
}

/// `SCHED_RESET_ON_FORK` among a policy's bits.
const RESET_ON_FORK: u32 = 0x4000_0000;

/// Checks a policy with its priority.
fn check_policy(policy: u32, priority: u32) -> Result<()> {
    let real_time = matches!(policy, policy::FIFO | policy::RR);
    let known = real_time || matches!(policy, policy::NORMAL | policy::BATCH | policy::IDLE);
    if known && priority <= 99 && real_time == (priority != 0) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn change(thread: &Thread, policy: u32, reset_on_fork: bool) -> Result<()> {
    let mut scheduling = thread.scheduling.lock();
    if !scheduling.may_change(policy, reset_on_fork) {
        return Err(Errno::EPERM);
    }
    *scheduling = Scheduling { policy, reset_on_fork, ..*scheduling };
    Ok(())
}

/// The priority at `address`, for the thread of `id`.
fn parameter(args: &Args<'_>, address: u64) -> Result<(u32, Arc<Thread>)> {
    if address == 0 || args.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    let priority: u32 = user::read(address)?;
    Ok((priority, thread_of(args, args.int(0))?))
}

fn sys_sched_setparam(args: &Args<'_>) -> Result<u64> {
    let (priority, thread) = parameter(args, args.word(1))?;
    let policy = thread.scheduling.lock().policy;
    check_policy(policy, priority).map(|()| 0)
}

fn sys_sched_getparam(args: &Args<'_>) -> Result<u64> {
    if args.word(1) == 0 || args.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    thread_of(args, args.int(0))?;
    // No thread has a policy of real time.
    user::write(args.word(1), &0_i32).map(|()| 0)
}

fn sys_sched_setscheduler(args: &Args<'_>) -> Result<u64> {
    let wish = args.uint(1);
    if args.int(1) < 0 {
        return Err(Errno::EINVAL);
    }
    let (priority, thread) = parameter(args, args.word(2))?;
    let policy = wish & !RESET_ON_FORK;
    check_policy(policy, priority)?;
    change(&thread, policy, wish & RESET_ON_FORK != 0).map(|()| 0)
}

fn sys_sched_getscheduler(args: &Args<'_>) -> Result<u64> {
    if args.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    let scheduling = *thread_of(args, args.int(0))?.scheduling.lock();
    let reset = if scheduling.reset_on_fork { RESET_ON_FORK } else { 0 };
    Ok(u64::from(scheduling.policy | reset))
}

/// Bytes of the first `struct sched_attr`, and of the newest.
const ATTR_SIZES: [u32; 2] = [48, 56];
const PAGE: u32 = 4096;

fn sys_sched_getattr(args: &Args<'_>) -> Result<u64> {
    let size = args.uint(2);
    let odd = args.word(1) == 0 || args.int(0) < 0 || args.uint(3) != 0;
    if odd || !(ATTR_SIZES[0]..=PAGE).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let thread = thread_of(args, args.int(0))?;
    let scheduling = *thread.scheduling.lock();
    let size = size.min(ATTR_SIZES[1]);
    let mut words = [0_u32; 14];
    words[0] = size;
    words[1] = scheduling.policy;
    words[2] = u32::from(scheduling.reset_on_fork);
    words[4] = thread.process().nice.load(Ordering::Relaxed).cast_unsigned();
    let bytes: alloc::vec::Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    user::copy_out(args.word(1), &bytes[..size as usize]).map(|()| 0)
}

/// Reads a `struct sched_attr` as words; a size that cannot be is answered with the newest.
fn read_attr(address: u64) -> Result<[u32; 14]> {
    let size: u32 = user::read(address)?;
    let size = if size == 0 { ATTR_SIZES[0] } else { size };
    let given: Option<alloc::vec::Vec<u8>> = if (ATTR_SIZES[0]..=PAGE).contains(&size) {
        Some(user::read_array(address, size as usize)?)
    } else {
        None
    };
    let known =
        |bytes: &alloc::vec::Vec<u8>| bytes.iter().skip(ATTR_SIZES[1] as usize).all(|byte| *byte == 0);
    let Some(given) = given.filter(known) else {
        user::write(address, &ATTR_SIZES[1])?;
        return Err(Errno::E2BIG);
    };
    let mut words = [0; 14];
    for (word, bytes) in words.iter_mut().zip(given.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    Ok(words)
}

fn sys_sched_setattr(args: &Args<'_>) -> Result<u64> {
    const RESET: u32 = 1;
    const KEEP_POLICY: u32 = 8;
    const KEEP_PARAMS: u32 = 16;
    const KNOWN: u32 = 0x7f;
    if args.word(1) == 0 || args.int(0) < 0 || args.uint(2) != 0 {
        return Err(Errno::EINVAL);
    }
    let [_, policy, flags, more_flags, nice, priority, ..] = read_attr(args.word(1))?;
    if policy.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let thread = thread_of(args, args.int(0))?;
    if flags & !KNOWN != 0 || more_flags != 0 {
        return Err(Errno::EINVAL);
    }
    let policy = if flags & KEEP_POLICY != 0 { thread.scheduling.lock().policy } else { policy };
    check_policy(policy, priority)?;
    let own = &thread.process().nice;
    let keep = flags & KEEP_PARAMS != 0 || policy == policy::IDLE;
    let nice = if keep { own.load(Ordering::Relaxed) } else { nice.cast_signed().clamp(-20, 19) };
    if nice < own.load(Ordering::Relaxed) {
        return Err(Errno::EPERM);
    }
    change(&thread, policy, flags & RESET != 0)?;
    own.store(nice, Ordering::Relaxed);
    Ok(0)
}

fn sys_priority_max(args: &Args<'_>) -> Result<u64> {
    priority_bounds(args.uint(0)).map(|(_, most)| most)
}

fn sys_priority_min(args: &Args<'_>) -> Result<u64> {
    priority_bounds(args.uint(0)).map(|(least, _)| least)
}

const fn priority_bounds(policy: u32) -> Result<(u64, u64)> {
    match policy {
        policy::FIFO | policy::RR => Ok((1, 99)),
        policy::NORMAL | policy::BATCH | policy::IDLE | policy::DEADLINE => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

fn sys_sched_rr_get_interval(args: &Args<'_>) -> Result<u64> {
    const SLICE: Duration = Duration::from_millis(3);
    if args.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    thread_of(args, args.int(0))?;
    write_timespec(args.word(1), SLICE).map(|()| 0)
}

/// The machine's processors.
fn all_cpus() -> Cpus {
    let mut cpus = Cpus::default();
    for cpu in 0..count_cpus() {
        cpus[cpu / 64] |= 1 << (cpu % 64);
    }
    cpus
}

fn count_cpus() -> usize {
    (crate::vfs::machine().cpus as usize).clamp(1, MAX_CPUS)
}

/// Bytes of the kernel's own set of processors.
fn set_size() -> usize {
    count_cpus().div_ceil(64) * 8
}

fn sys_sched_setaffinity(args: &Args<'_>) -> Result<u64> {
    let length = (args.uint(1) as usize).min(set_size());
    let mut bytes = [0_u8; MAX_CPUS / 8];
    user::copy_in(&mut bytes[..length], args.word(2))?;
    let thread = thread_of(args, args.int(0))?;
    let mut cpus = all_cpus();
    for (word, given) in cpus.iter_mut().zip(bytes.as_chunks().0) {
        *word &= u64::from_le_bytes(*given);
    }
    if cpus == Cpus::default() {
        return Err(Errno::EINVAL);
    }
    thread.scheduling.lock().affinity = Some(cpus);
    Ok(0)
}

fn sys_sched_getaffinity(args: &Args<'_>) -> Result<u64> {
    let length = args.uint(1) as usize;
    if length.saturating_mul(8) < count_cpus() || !length.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let cpus = thread_of(args, args.int(0))?.scheduling.lock().affinity.unwrap_or_else(all_cpus);
    let length = length.min(set_size());
    let bytes: alloc::vec::Vec<u8> = cpus.iter().flat_map(|word| word.to_le_bytes()).collect();
    user::copy_out(args.word(2), &bytes[..length])?;
    Ok(length as u64)
}

fn sys_getcpu(args: &Args<'_>) -> Result<u64> {
    // Numbers from 0 without gaps, as `/proc/cpuinfo` has them, on one node.
    let cpu = host::processor() % crate::vfs::machine().cpus.max(1);
    for (index, value) in [cpu, 0].into_iter().enumerate() {
        if args.word(index) != 0 {
            user::write(args.word(index), &value)?;
        }
    }
    Ok(0)
}

/// Whose nice value `getpriority` and `setpriority` mean.
fn prioritised(args: &Args<'_>) -> Result<Arc<Process>> {
    const PROCESS: i32 = 0;
    const GROUP: i32 = 1;
    const USER: i32 = 2;
    let own = args.thread.process();
    match (args.int(0), args.int(1)) {
        (PROCESS | GROUP | USER, 0) => Ok(own.clone()),
        (PROCESS, id) => task::find_task(id).ok_or(Errno::ESRCH),
        (GROUP, group) => task::group_members(group).into_iter().next().ok_or(Errno::ESRCH),
        (USER, uid) if uid.cast_unsigned() == own.identity().uid => Ok(own.clone()),
        (USER, _) => Err(Errno::ESRCH),
        _ => Err(Errno::EINVAL),
    }
}

fn sys_getpriority(args: &Args<'_>) -> Result<u64> {
    // The call gives 20 minus the nice value.
    let nice = prioritised(args)?.nice.load(Ordering::Relaxed);
    Ok(u64::from((20 - nice).cast_unsigned()))
}

fn sys_setpriority(args: &Args<'_>) -> Result<u64> {
    let process = prioritised(args)?;
    let wanted = args.int(2).clamp(-20, 19);
    // RLIMIT_NICE is 0: a process may only become nicer.
    if wanted < process.nice.load(Ordering::Relaxed) {
        return Err(Errno::EACCES);
    }
    process.nice.store(wanted, Ordering::Relaxed);
    Ok(0)
}

/// Whom `ioprio_get` and `ioprio_set` mean: of a group or user the caller, where it belongs to that.
fn io_target(args: &Args<'_>) -> Result<Arc<Thread>> {
    const PROCESS: i32 = 1;
    const GROUP: i32 = 2;
    const USER: i32 = 3;
    let own = args.thread.process();
    match (args.int(0), args.int(1)) {
        (PROCESS, id) => thread_of(args, id),
        (GROUP | USER, 0) => thread_of(args, 0),
        (GROUP, group) if group == own.pgid() => thread_of(args, 0),
        (USER, uid) if uid.cast_unsigned() == own.identity().uid => thread_of(args, 0),
        (GROUP | USER, _) => Err(Errno::ESRCH),
        _ => Err(Errno::EINVAL),
    }
}

fn sys_ioprio_set(args: &Args<'_>) -> Result<u64> {
    const CLASS_SHIFT: u32 = 13;
    const LEVELS: u32 = 7;
    let priority = args.uint(2);
    match (priority >> CLASS_SHIFT, priority & LEVELS) {
        // Real time is not for an ordinary user.
        (1, _) => return Err(Errno::EPERM),
        (0, 0) | (2 | 3, _) => {}
        _ => return Err(Errno::EINVAL),
    }
    io_target(args)?.scheduling.lock().io_priority = priority;
    Ok(0)
}

fn sys_ioprio_get(args: &Args<'_>) -> Result<u64> {
    Ok(u64::from(io_target(args)?.scheduling.lock().io_priority))
}
