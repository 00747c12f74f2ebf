//! Time: clock_gettime(2), nanosleep(2), timers that send signals.

use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::host::io;
use crate::signal::number::{SIGALRM, SIGRTMAX};
use crate::signal::{PosixTimer, interval_left, set_interval};
use crate::sync::{WaitError, wait_event};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::task::{self, Process};
use crate::time::{
    Clock, Deadline, Schedule, now, read_timespec, read_timeval, write_timespec, write_timeval,
};
use crate::user;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(35, "nanosleep", sys_nanosleep),
    full(36, "getitimer", sys_getitimer),
    full(37, "alarm", sys_alarm),
    full(38, "setitimer", sys_setitimer),
    full(96, "gettimeofday", sys_gettimeofday),
    full(201, "time", sys_time),
    partial(
        222,
        "timer_create",
        sys_timer_create,
        "a clock of a thread's processor time counts its process's",
    ),
    full(223, "timer_settime", sys_timer_settime),
    full(224, "timer_gettime", sys_timer_gettime),
    full(225, "timer_getoverrun", sys_timer_getoverrun),
    full(226, "timer_delete", sys_timer_delete),
    partial(227, "clock_settime", sys_clock_settime, "EPERM, as for an ordinary user"),
    full(228, "clock_gettime", sys_clock_gettime),
    full(229, "clock_getres", sys_clock_getres),
    full(230, "clock_nanosleep", sys_clock_nanosleep),
];

/// Most timers of a process.
const MAX_TIMERS: usize = 1024;
const TIMER_ABSTIME: u32 = 1;

/// The clock of an id. Negative ones are processor clocks of processes, or of threads of the caller's.
fn clock(args: &Args<'_>, id: i32) -> Result<Clock> {
    const THREAD: i32 = 4;
    const KINDS: i32 = 3;
    if id >= 0 {
        return Clock::from_id(id).ok_or(Errno::EINVAL);
    }
    let owner = !(id >> 3);
    if id & KINDS == KINDS {
        return Err(Errno::EINVAL);
    }
    let host_id = match owner {
        0 => 0,
        tid if id & THREAD != 0 => {
            let thread = task::find_thread(tid).ok_or(Errno::EINVAL)?;
            if thread.process().pid() != args.thread.process().pid() {
                return Err(Errno::EINVAL);
            }
            thread.host_tid()
        }
        pid => task::find_process(pid).filter(|process| !process.ended()).ok_or(Errno::EINVAL)?.host_pid(),
    };
    Ok(task::named_clock(host_id, id))
}

fn sys_clock_gettime(args: &Args<'_>) -> Result<u64> {
    write_timespec(args.word(1), now(clock(args, args.int(0))?)).map(|()| 0)
}

fn sys_clock_settime(args: &Args<'_>) -> Result<u64> {
    match clock(args, args.int(0))? {
        Clock::Realtime | Clock::Host(_) => {
            read_timespec(args.word(1))?;
            Err(Errno::EPERM)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn sys_clock_getres(args: &Args<'_>) -> Result<u64> {
    let coarse = matches!(clock(args, args.int(0))?, Clock::RealtimeCoarse | Clock::MonotonicCoarse);
    if args.word(1) != 0 {
        write_timespec(args.word(1), Duration::from_nanos(if coarse { 4_000_000 } else { 1 }))?;
    }
    Ok(0)
}

fn sys_gettimeofday(args: &Args<'_>) -> Result<u64> {
    if args.word(0) != 0 {
        write_timeval(args.word(0), now(Clock::Realtime))?;
    }
    if args.word(1) != 0 {
        user::write(args.word(1), &[0_i32; 2])?;
    }
    Ok(0)
}

fn sys_time(args: &Args<'_>) -> Result<u64> {
    let seconds = now(Clock::Realtime).as_secs();
    if args.word(0) != 0 {
        user::write(args.word(0), &seconds)?;
    }
    Ok(seconds)
}

/// Sleeps; what is left is written to `left` where a relative sleep is interrupted.
fn sleep(deadline: Deadline, left: u64) -> Result<u64> {
    match wait_event(&[], Some(deadline), || None::<()>) {
        Err(WaitError::TimedOut) | Ok(()) => Ok(0),
        Err(WaitError::Interrupted) => {
            if left != 0 {
                write_timespec(left, deadline.left())?;
            }
            Err(Errno::ERESTARTNOHAND)
        }
    }
}

fn sys_nanosleep(args: &Args<'_>) -> Result<u64> {
    sleep(Deadline::after(read_timespec(args.word(0))?), args.word(1))
}

fn sys_clock_nanosleep(args: &Args<'_>) -> Result<u64> {
    let clock = clock(args, args.int(0))?;
    if !clock.drives_timers() || clock == Clock::ThreadCpu {
        return Err(Errno::EOPNOTSUPP);
    }
    let time = read_timespec(args.word(2))?;
    let absolute = args.uint(1) & TIMER_ABSTIME != 0;
    if clock.counts_processor() {
        let until = if absolute { time } else { now(clock).saturating_add(time) };
        return sleep_by_processor(args.thread.process(), clock, until);
    }
    if absolute {
        return sleep(Deadline::on(clock, time), 0);
    }
    sleep(Deadline::after(time), args.word(3))
}

/// Sleeps until the process has used so much processor time.
fn sleep_by_processor(process: &Process, clock: Clock, until: Duration) -> Result<u64> {
    const STEP: Duration = Duration::from_millis(1);
    loop {
        let left = until.saturating_sub(now(clock));
        if left.is_zero() {
            return Ok(0);
        }
        let threads = u32::try_from(process.threads.lock().len().max(1)).unwrap_or(u32::MAX);
        sleep(Deadline::after((left / threads).max(STEP)), 0)?;
    }
}

fn write_pair(address: u64, (left, interval): (Duration, Duration)) -> Result<()> {
    write_timeval(address, interval)?;
    write_timeval(address + 16, left)
}

/// `ITIMER_*`
fn interval_timer(args: &Args<'_>) -> Result<usize> {
    usize::try_from(args.int(0)).ok().filter(|which| *which < 3).ok_or(Errno::EINVAL)
}

fn sys_getitimer(args: &Args<'_>) -> Result<u64> {
    let which = interval_timer(args)?;
    write_pair(args.word(1), interval_left(args.thread.process(), which)).map(|()| 0)
}

fn sys_setitimer(args: &Args<'_>) -> Result<u64> {
    let (interval, left) = if args.word(1) == 0 {
        (Duration::ZERO, Duration::ZERO)
    } else {
        (read_timeval(args.word(1))?, read_timeval(args.word(1) + 16)?)
    };
    let before = set_interval(args.thread.process(), interval_timer(args)?, left, interval);
    if args.word(2) != 0 {
        write_pair(args.word(2), before)?;
    }
    Ok(0)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_alarm(args: &Args<'_>) -> Result<u64> {
    const REAL: usize = 0;
    let left = Duration::from_secs(u64::from(args.uint(0)));
    let (before, _) = set_interval(args.thread.process(), REAL, left, Duration::ZERO);
    // What is left is rounded, but never to nothing.
    Ok(if before.is_zero() { 0 } else { (before.as_millis() as u64 + 500).div_euclid(1000).max(1) })
}

/// What a timer counts by: read by the I/O thread, so of a process and not of its caller.
fn timer_clock(args: &Args<'_>, id: i32) -> Result<Clock> {
    const ALARMS: [i32; 2] = [8, 9];
    let clock = clock(args, id)?;
    if !clock.drives_timers() {
        return Err(Errno::EOPNOTSUPP);
    }
    if ALARMS.contains(&id) {
        return Err(Errno::EPERM);
    }
    let own = clock == Clock::ProcessCpu || clock == Clock::ThreadCpu || id & !7 == !7;
    let [_, _, exact] = task::process_clocks(args.thread.process().host_pid());
    Ok(if own { exact } else { clock })
}

/// What a `struct sigevent` asks for.
fn read_event(args: &Args<'_>, timer: &mut PosixTimer) -> Result<()> {
    const SIGEV_SIGNAL: i32 = 0;
    const SIGEV_NONE: i32 = 1;
    const SIGEV_THREAD: i32 = 2;
    const SIGEV_THREAD_ID: i32 = 4;
    timer.value = user::read(args.word(1))?;
    let [signo, notify, tid]: [i32; 3] = user::read(args.word(1) + 8)?;
    if !matches!(notify, SIGEV_SIGNAL | SIGEV_NONE | SIGEV_THREAD | SIGEV_THREAD_ID) {
        return Err(Errno::EINVAL);
    }
    if notify == SIGEV_THREAD_ID {
        let thread = task::find_thread(tid).ok_or(Errno::EINVAL)?;
        if thread.process().pid() != args.thread.process().pid() {
            return Err(Errno::EINVAL);
        }
        timer.thread = Some(tid);
    }
    timer.signo = if notify == SIGEV_NONE {
        0
    } else {
        u8::try_from(signo).ok().filter(|signo| (1..=SIGRTMAX).contains(signo)).ok_or(Errno::EINVAL)?
    };
    Ok(())
}

fn sys_timer_create(args: &Args<'_>) -> Result<u64> {
    let mut timer = PosixTimer {
        clock: Clock::Monotonic,
        signo: SIGALRM,
        thread: None,
        value: 0,
        schedule: Schedule::default(),
        missed: 0,
        overrun: 0,
    };
    timer.clock = timer_clock(args, args.int(0))?;
    if args.word(1) != 0 {
        read_event(args, &mut timer)?;
    }
    let mut timers = args.thread.process().timers.lock();
    let id = match timers.iter().position(Option::is_none) {
        Some(free) => free,
        None if timers.len() >= MAX_TIMERS => return Err(Errno::EAGAIN),
        None => {
            timers.push(None);
            timers.len() - 1
        }
    };
    if args.word(1) == 0 {
        timer.value = id as u64;
    }
    timers[id] = Some(timer);
    drop(timers);
    let written = user::write(args.word(2), &i32::try_from(id).map_err(|_| Errno::EAGAIN)?);
    if written.is_err() {
        args.thread.process().timers.lock()[id] = None;
    }
    written.map(|()| 0)
}

fn with_timer<T>(args: &Args<'_>, work: impl FnOnce(&mut PosixTimer) -> T) -> Result<T> {
    let index = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    let mut timers = args.thread.process().timers.lock();
    timers.get_mut(index).and_then(Option::as_mut).map(work).ok_or(Errno::EINVAL)
}

fn write_timer(address: u64, timer: &PosixTimer) -> Result<()> {
    write_timespec(address, timer.schedule.interval())?;
    // One that nobody hears of is not looked at by the I/O thread in time.
    let mut schedule = timer.schedule;
    let now = now(timer.counter());
    schedule.expire(now);
    write_timespec(address + 16, schedule.left(now))
}

fn sys_timer_settime(args: &Args<'_>) -> Result<u64> {
    if args.word(2) == 0 {
        return Err(Errno::EINVAL);
    }
    let (interval, first) = (read_timespec(args.word(2))?, read_timespec(args.word(2) + 16)?);
    let absolute = args.uint(1) & TIMER_ABSTIME != 0;
    let before = with_timer(args, |timer| {
        let before = *timer;
        let start = now(timer.counter());
        let next = match absolute {
            true if timer.clock == timer.counter() => first,
            true => start.saturating_add(first.saturating_sub(now(timer.clock))),
            false => start.saturating_add(first),
        };
        timer.schedule = Schedule::new((!first.is_zero()).then_some(next), interval);
        (timer.missed, timer.overrun) = (0, 0);
        before
    })?;
    io::wake();
    if args.word(3) != 0 {
        write_timer(args.word(3), &before)?;
    }
    Ok(0)
}

fn sys_timer_gettime(args: &Args<'_>) -> Result<u64> {
    let timer = with_timer(args, |timer| *timer)?;
    write_timer(args.word(1), &timer).map(|()| 0)
}

fn sys_timer_getoverrun(args: &Args<'_>) -> Result<u64> {
    with_timer(args, |timer| u64::from(timer.overrun.cast_unsigned()))
}

fn sys_timer_delete(args: &Args<'_>) -> Result<u64> {
    with_timer(args, |_| ())?;
    let index = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    args.thread.process().timers.lock()[index] = None;
    Ok(0)
}
