//! Time: clock_gettime(2), nanosleep(2), timers that send signals.

use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::host::io;
use crate::signal::number::{SIGALRM, SIGRTMAX};
use crate::signal::{PosixTimer, alarm_left, set_alarm};
use crate::sync::{WaitError, wait_event};
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::time::{Clock, Deadline, now, read_timespec, read_timeval, write_timespec, write_timeval};
use crate::user;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(35, "nanosleep", sys_nanosleep),
    partial(36, "getitimer", sys_getitimer, "ITIMER_REAL"),
    full(37, "alarm", sys_alarm),
    partial(38, "setitimer", sys_setitimer, "ITIMER_REAL"),
    full(96, "gettimeofday", sys_gettimeofday),
    full(201, "time", sys_time),
    partial(222, "timer_create", sys_timer_create, "no SIGEV_THREAD of the kernel's"),
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

fn clock(id: i32) -> Result<Clock> {
    // Negative ids are processor clocks of processes or threads: the caller's own is taken for any.
    if id < 0 {
        return Ok(if id & 4 != 0 { Clock::ThreadCpu } else { Clock::ProcessCpu });
    }
    Clock::from_id(id).ok_or(Errno::EINVAL)
}

fn sys_clock_gettime(args: &Args<'_>) -> Result<u64> {
    write_timespec(args.word(1), now(clock(args.int(0))?)).map(|()| 0)
}

fn sys_clock_settime(args: &Args<'_>) -> Result<u64> {
    clock(args.int(0))?;
    Err(Errno::EPERM)
}

fn sys_clock_getres(args: &Args<'_>) -> Result<u64> {
    let coarse = matches!(clock(args.int(0))?, Clock::RealtimeCoarse | Clock::MonotonicCoarse);
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
    let clock = clock(args.int(0))?;
    let time = read_timespec(args.word(2))?;
    if args.uint(1) & TIMER_ABSTIME != 0 {
        return sleep(Deadline::on(clock, time), 0);
    }
    sleep(Deadline::after(time), args.word(3))
}

fn write_pair(address: u64, (left, interval): (Duration, Duration)) -> Result<()> {
    write_timeval(address, interval)?;
    write_timeval(address + 16, left)
}

fn sys_getitimer(args: &Args<'_>) -> Result<u64> {
    if args.int(0) != 0 {
        return Err(Errno::EINVAL);
    }
    write_pair(args.word(1), alarm_left(args.thread.process())).map(|()| 0)
}

fn sys_setitimer(args: &Args<'_>) -> Result<u64> {
    match args.int(0) {
        0 => {}
        // ITIMER_VIRTUAL and ITIMER_PROF: profilers live without.
        1 | 2 => return Ok(0),
        _ => return Err(Errno::EINVAL),
    }
    let (interval, left) = if args.word(1) == 0 {
        (Duration::ZERO, Duration::ZERO)
    } else {
        (read_timeval(args.word(1))?, read_timeval(args.word(1) + 16)?)
    };
    let before = set_alarm(args.thread.process(), left, interval);
    if args.word(2) != 0 {
        write_pair(args.word(2), before)?;
    }
    Ok(0)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler's signature")]
fn sys_alarm(args: &Args<'_>) -> Result<u64> {
    let left = Duration::from_secs(u64::from(args.uint(0)));
    let (before, _) = set_alarm(args.thread.process(), left, Duration::ZERO);
    // What is left is rounded, but never to nothing.
    Ok(if before.is_zero() { 0 } else { (before.as_millis() as u64 + 500).div_euclid(1000).max(1) })
}

fn sys_timer_create(args: &Args<'_>) -> Result<u64> {
    const SIGEV_NONE: i32 = 1;
    const SIGEV_THREAD_ID: i32 = 4;
    let clock = clock(args.int(0))?;
    let mut timer = PosixTimer {
        clock,
        signo: SIGALRM,
        thread: None,
        value: 0,
        next: None,
        interval: Duration::ZERO,
        overrun: 0,
    };
    if args.word(1) != 0 {
        let value: u64 = user::read(args.word(1))?;
        let [signo, notify, tid]: [i32; 3] = user::read(args.word(1) + 8)?;
        timer.value = value;
        timer.signo = match notify {
            SIGEV_NONE => 0,
            _ => u8::try_from(signo)
                .ok()
                .filter(|signo| (1..=SIGRTMAX).contains(signo))
                .ok_or(Errno::EINVAL)?,
        };
        timer.thread = (notify == SIGEV_THREAD_ID).then_some(tid);
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
    user::write(args.word(2), &i32::try_from(id).map_err(|_| Errno::EAGAIN)?)?;
    Ok(0)
}

fn with_timer<T>(args: &Args<'_>, work: impl FnOnce(&mut PosixTimer) -> T) -> Result<T> {
    let index = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    let mut timers = args.thread.process().timers.lock();
    timers.get_mut(index).and_then(Option::as_mut).map(work).ok_or(Errno::EINVAL)
}

fn write_timer(address: u64, timer: &PosixTimer) -> Result<()> {
    write_timespec(address, timer.interval)?;
    write_timespec(address + 16, timer.next.map_or(Duration::ZERO, Deadline::left))
}

fn sys_timer_settime(args: &Args<'_>) -> Result<u64> {
    let (interval, first) = (read_timespec(args.word(2))?, read_timespec(args.word(2) + 16)?);
    let absolute = args.uint(1) & TIMER_ABSTIME != 0;
    let before = with_timer(args, |timer| {
        let before = *timer;
        timer.interval = interval;
        timer.next = (!first.is_zero())
            .then(|| if absolute { Deadline::on(timer.clock, first) } else { Deadline::after(first) });
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
