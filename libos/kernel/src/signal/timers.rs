//! Timers that send signals (setitimer(2), alarm(2), timer_create(2)). The I/O thread fires them.

use core::time::Duration;

use crate::host::io;
use crate::signal::number::SIGALRM;
use crate::signal::{SigInfo, send_to_process, send_to_thread};
use crate::task::{self, Process};
use crate::time::{Clock, Deadline, now};

/// A timer of `timer_create(2)`.
#[derive(Clone, Copy, Debug)]
pub struct PosixTimer {
    /// By which it counts.
    pub clock: Clock,
    /// Signal that it sends; 0: none (`SIGEV_NONE`).
    pub signo: u8,
    /// For `SIGEV_THREAD_ID`: the thread.
    pub thread: Option<i32>,
    /// `si_value`
    pub value: u64,
    /// When it goes off next.
    pub next: Option<Deadline>,
    /// From one time to the next; zero: once.
    pub interval: Duration,
    /// Expirations since the last signal was delivered, less one.
    pub overrun: i32,
}

/// Sets `ITIMER_REAL`; returns what was left and the interval before.
pub fn set_alarm(process: &Process, left: Duration, interval: Duration) -> (Duration, Duration) {
    let mut alarm = process.alarm.lock();
    let before = (alarm.next.map_or(Duration::ZERO, Deadline::left), Duration::from_nanos(alarm.interval));
    alarm.next = (!left.is_zero()).then(|| Deadline::after(left));
    alarm.interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    drop(alarm);
    io::wake();
    before
}

/// What is left of `ITIMER_REAL`, and its interval.
pub fn alarm_left(process: &Process) -> (Duration, Duration) {
    let alarm = process.alarm.lock();
    (alarm.next.map_or(Duration::ZERO, Deadline::left), Duration::from_nanos(alarm.interval))
}

/// Fires what is due in every process; says when the next is.
pub fn fire_due() -> Option<Deadline> {
    let time = Deadline::at(now(Clock::Monotonic));
    let mut next: Option<Deadline> = None;
    let mut sooner = |deadline: Option<Deadline>| {
        next = [next, deadline].into_iter().flatten().min();
    };
    for process in task::all_processes() {
        sooner(fire_alarm(&process, time));
        sooner(fire_posix(&process, time));
    }
    next
}

fn fire_alarm(process: &Process, time: Deadline) -> Option<Deadline> {
    let mut alarm = process.alarm.lock();
    let due = alarm.next.is_some_and(|next| next <= time);
    if due {
        alarm.next = (alarm.interval != 0).then(|| Deadline::from_nanos(time.as_nanos() + alarm.interval));
    }
    let next = alarm.next;
    drop(alarm);
    if due {
        send_to_process(process, SigInfo::kernel(SIGALRM));
    }
    next
}

fn fire_posix(process: &Process, time: Deadline) -> Option<Deadline> {
    let mut due = alloc::vec::Vec::new();
    let mut soonest: Option<Deadline> = None;
    let mut timers = process.timers.lock();
    for (id, timer) in timers.iter_mut().enumerate() {
        let Some(timer) = timer else { continue };
        if timer.next.is_some_and(|next| next <= time) {
            due.push((id, *timer));
            let step = u64::try_from(timer.interval.as_nanos()).unwrap_or(u64::MAX);
            timer.next = (step != 0).then(|| Deadline::from_nanos(time.as_nanos().saturating_add(step)));
        }
        soonest = [soonest, timer.next].into_iter().flatten().min();
    }
    drop(timers);
    for (id, timer) in due.into_iter().filter(|(_, timer)| timer.signo != 0) {
        let info = SigInfo::timer(timer.signo, i32::try_from(id).unwrap_or(0), timer.overrun, timer.value);
        match timer.thread.and_then(task::find_thread) {
            Some(thread) => send_to_thread(&thread, info),
            None => send_to_process(process, info),
        };
    }
    soonest
}
