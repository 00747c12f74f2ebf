//! Timers that send signals (setitimer(2), alarm(2), timer_create(2)), and the limit of processor time. The I/O
//! thread fires them.

use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::host::io;
use crate::signal::number::{SIGALRM, SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU};
use crate::signal::{SigInfo, code, send_to_process, send_to_thread};
use crate::task::{self, Process, process_clocks};
use crate::time::{Clock, Deadline, Schedule, now};

/// The signals of `ITIMER_REAL`, `ITIMER_VIRTUAL` and `ITIMER_PROF`.
const SIGNALS: [u8; 3] = [SIGALRM, SIGVTALRM, SIGPROF];
/// How near an expiry by processor time is looked for: the host counts that time in steps as well.
const STEP: Duration = Duration::from_millis(1);

/// A timer of `timer_create(2)`.
#[derive(Clone, Copy, Debug)]
pub struct PosixTimer {
    /// By which it counts; times of day are turned into monotonic ones when they are set.
    pub clock: Clock,
    /// Signal that it sends; 0: none (`SIGEV_NONE`).
    pub signo: u8,
    /// For `SIGEV_THREAD_ID`: the thread.
    pub thread: Option<i32>,
    /// `si_value`
    pub value: u64,
    /// When it goes off.
    pub schedule: Schedule,
    /// Expirations since its signal was sent, which still waits.
    pub missed: i32,
    /// `timer_getoverrun(2)`: those before the signal that was taken last.
    pub overrun: i32,
}

impl PosixTimer {
    /// What its schedule counts by.
    pub const fn counter(&self) -> Clock {
        if self.clock.counts_processor() { self.clock } else { Clock::Monotonic }
    }
}

/// What an interval timer of a process counts by.
fn interval_clock(process: &Process, which: usize) -> Clock {
    let [user, both, _] = process_clocks(process.host_pid());
    [Clock::Monotonic, user, both][which]
}

/// Sets an interval timer (`ITIMER_*`); returns what was left and the interval before.
pub fn set_interval(
    process: &Process,
    which: usize,
    left: Duration,
    interval: Duration,
) -> (Duration, Duration) {
    let now = now(interval_clock(process, which));
    let next = (!left.is_zero()).then(|| now.saturating_add(left));
    let mut timers = process.interval_timers.lock();
    let before = core::mem::replace(&mut timers[which], Schedule::new(next, interval));
    drop(timers);
    io::wake();
    (before.left(now), before.interval())
}

/// What is left of an interval timer, and its interval.
pub fn interval_left(process: &Process, which: usize) -> (Duration, Duration) {
    let timer = process.interval_timers.lock()[which];
    (timer.left(now(interval_clock(process, which))), timer.interval())
}

/// Fires what is due in every process; says when the next is.
pub fn fire_due() -> Option<Deadline> {
    let mut next = Wakeup { now: now(Clock::Monotonic), next: None };
    for process in task::all_processes() {
        if !process.ended() {
            fire_intervals(&process, &mut next);
            fire_posix(&process, &mut next);
            check_limit(&process, &mut next);
        }
    }
    next.next
}

/// When the I/O thread has to look again.
struct Wakeup {
    now: Duration,
    next: Option<Deadline>,
}

impl Wakeup {
    /// A schedule of `clock`, which shows `time`, goes off at `next`.
    fn add(&mut self, process: &Process, clock: Clock, time: Duration, next: Option<Duration>) {
        let Some(next) = next else { return };
        let at = if clock.counts_processor() {
            // No thread uses more time than goes by.
            let threads = u32::try_from(process.threads.lock().len().max(1)).unwrap_or(u32::MAX);
            self.now.saturating_add((next.saturating_sub(time) / threads).max(STEP))
        } else {
            next
        };
        self.next = [self.next, Some(Deadline::at(at))].into_iter().flatten().min();
    }
}

fn fire_intervals(process: &Process, wakeup: &mut Wakeup) {
    for (which, signo) in SIGNALS.into_iter().enumerate() {
        if process.interval_timers.lock()[which].next().is_none() {
            continue;
        }
        let clock = interval_clock(process, which);
        let time = now(clock);
        let mut timers = process.interval_timers.lock();
        let due = timers[which].expire(time) > 0;
        let next = timers[which].next();
        drop(timers);
        if due {
            send_to_process(process, SigInfo::kernel(signo));
        }
        wakeup.add(process, clock, time, next);
    }
}

fn count(expirations: u64) -> i32 {
    i32::try_from(expirations).unwrap_or(i32::MAX)
}

fn fire_posix(process: &Process, wakeup: &mut Wakeup) {
    let mut due = Vec::new();
    let mut timers = process.timers.lock();
    for (id, timer) in timers.iter_mut().enumerate() {
        let Some(timer) = timer else { continue };
        if timer.schedule.next().is_none() {
            continue;
        }
        let time = now(timer.counter());
        let expirations = timer.schedule.expire(time);
        if expirations > 0 && timer.signo != 0 {
            due.push((count(id as u64), *timer, count(expirations)));
        }
        wakeup.add(process, timer.counter(), time, timer.schedule.next());
    }
    drop(timers);
    for (id, timer, expirations) in due {
        let waits = waits(process, id);
        if let Some(Some(timer)) = process.timers.lock().get_mut(id as usize) {
            timer.missed = if waits { timer.missed.saturating_add(expirations) } else { expirations - 1 };
        }
        if waits {
            continue;
        }
        let info = SigInfo::timer(timer.signo, id, 0, timer.value);
        match timer.thread.and_then(task::find_thread) {
            Some(thread) => send_to_thread(&thread, info),
            None => send_to_process(process, info),
        };
    }
}

/// Whether the signal of the timer still waits.
fn waits(process: &Process, id: i32) -> bool {
    let shared = process.signals.lock().pending.has_timer(id);
    shared || process.threads.lock().iter().any(|thread| thread.signals.lock().pending.has_timer(id))
}

/// A signal has been taken: one of a timer tells how often that has gone off meanwhile.
pub(super) fn with_overrun(process: &Process, info: SigInfo) -> SigInfo {
    if info.code() != code::SI_TIMER {
        return info;
    }
    let id = info.timer_id();
    let mut timers = process.timers.lock();
    let Some(Some(timer)) = usize::try_from(id).ok().and_then(|id| timers.get_mut(id)) else {
        return info;
    };
    timer.overrun = core::mem::take(&mut timer.missed);
    SigInfo::timer(info.signo(), id, timer.overrun, info.field(1))
}

/// `RLIMIT_CPU`: `SIGXCPU` at the soft limit and every second from then on, `SIGKILL` at the hard one.
fn check_limit(process: &Process, wakeup: &mut Wakeup) {
    let soft = process.processor_limit.load(Ordering::Relaxed);
    if soft == u64::MAX {
        return;
    }
    let [_, _, clock] = process_clocks(process.host_pid());
    let used = now(clock);
    let hard = process.limits.lock().0[0][1];
    if used.as_secs() >= hard {
        send_to_process(process, SigInfo::kernel(SIGKILL));
        return;
    }
    let mut next = soft.max(1);
    if used.as_secs() >= next {
        send_to_process(process, SigInfo::kernel(SIGXCPU));
        next += 1;
        process.limits.lock().0[0][0] = next;
        process.processor_limit.store(next, Ordering::Relaxed);
    }
    wakeup.add(process, clock, used, Some(Duration::from_secs(next.min(hard))));
}
