//! Descriptors for events: eventfd, timerfd, signalfd, epoll, pidfd.

use alloc::sync::Arc;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::ipc::epoll::{Epoll, Interest};
use crate::ipc::eventfd::EventFd;
use crate::ipc::pidfd::PidFd;
use crate::ipc::signalfd::SignalFd;
use crate::ipc::timerfd::TimerFd;
use crate::signal;
use crate::syscall::table::{Call, full, partial};
use crate::syscall::{Args, sigmask};
use crate::time::{self, Clock, Deadline};
use crate::user;
use crate::vfs::OpenFile;

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(213, "epoll_create", epoll_create),
    full(232, "epoll_wait", epoll_wait),
    full(233, "epoll_ctl", epoll_ctl),
    full(281, "epoll_pwait", epoll_pwait),
    full(282, "signalfd", signalfd),
    full(283, "timerfd_create", timerfd_create),
    full(284, "eventfd", eventfd),
    partial(
        286,
        "timerfd_settime",
        timerfd_settime,
        "TFD_TIMER_CANCEL_ON_SET never cancels: nobody sets the clock",
    ),
    full(287, "timerfd_gettime", timerfd_gettime),
    full(289, "signalfd4", signalfd4),
    full(290, "eventfd2", eventfd2),
    full(291, "epoll_create1", epoll_create1),
    full(424, "pidfd_send_signal", pidfd_send_signal),
    full(434, "pidfd_open", pidfd_open),
    full(438, "pidfd_getfd", pidfd_getfd),
    full(441, "epoll_pwait2", epoll_pwait2),
];

const O_CLOEXEC: u32 = 0o2_000_000;
const EFD_SEMAPHORE: u32 = 1;
const TFD_TIMER_ABSTIME: u32 = 1;
const TFD_TIMER_CANCEL_ON_SET: u32 = 2;
const EPOLL_CTL_ADD: i32 = 1;
const EPOLL_CTL_DEL: i32 = 2;
const EPOLL_CTL_MOD: i32 = 3;
const EPOLLEXCLUSIVE: u32 = 1 << 28;
/// Flags that `EPOLLEXCLUSIVE` may stand beside.
const EXCLUSIVE_OK: u32 = EPOLLEXCLUSIVE | 1 << 29 | 1 << 31 | 0x1f;
/// Bytes of `struct epoll_event`, which is packed.
const EPOLL_EVENT: usize = 12;
/// `EP_MAX_EVENTS`
const MAX_EVENTS: i32 = i32::MAX / EPOLL_EVENT as i32;

fn install(args: &Args<'_>, file: Arc<OpenFile>, flags: u32) -> Result<u64> {
    let fd = args.thread.process().files().insert(file, flags & O_CLOEXEC != 0, 0)?;
    Ok(u64::from(fd.unsigned_abs()))
}

fn check_flags(flags: u32, more: u32) -> Result<()> {
    if flags & !(O_CLOEXEC | OpenFile::NONBLOCK | more) == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

fn eventfd(args: &Args<'_>) -> Result<u64> {
    install(args, EventFd::open(args.uint(0), false, 0), 0)
}

fn eventfd2(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(1);
    check_flags(flags, EFD_SEMAPHORE)?;
    let file = EventFd::open(args.uint(0), flags & EFD_SEMAPHORE != 0, flags & OpenFile::NONBLOCK);
    install(args, file, flags)
}

fn timerfd_create(args: &Args<'_>) -> Result<u64> {
    let clock = match args.int(0) {
        0 => Clock::Realtime,
        1 => Clock::Monotonic,
        7 => Clock::Boottime,
        // The alarm clocks wake the machine up, which an ordinary user may not.
        8 | 9 => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    };
    let flags = args.uint(1);
    check_flags(flags, 0)?;
    install(args, TimerFd::open(clock, flags & OpenFile::NONBLOCK), flags)
}

fn timer(file: &OpenFile) -> Result<&TimerFd> {
    file.downcast::<TimerFd>().ok_or(Errno::EINVAL)
}

/// Writes a `struct itimerspec`: interval, then the time to the next expiry.
fn write_itimerspec(address: u64, (next, interval): (Duration, Duration)) -> Result<()> {
    let words = [
        interval.as_secs(),
        u64::from(interval.subsec_nanos()),
        next.as_secs(),
        u64::from(next.subsec_nanos()),
    ];
    user::write(address, &words)
}

fn timerfd_settime(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(1);
    if flags & !(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = args.file(0)?;
    let timer = timer(&file)?;
    let interval = time::read_timespec(args.word(2))?;
    let first = time::read_timespec(args.word(2) + 16)?;
    let old = timer.set(first, interval, flags & TFD_TIMER_ABSTIME != 0);
    if args.word(3) != 0 {
        write_itimerspec(args.word(3), old)?;
    }
    Ok(0)
}

fn timerfd_gettime(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    write_itimerspec(args.word(1), timer(&file)?.get())?;
    Ok(0)
}

fn signalfd(args: &Args<'_>) -> Result<u64> {
    signalfd_with(args, 0)
}

fn signalfd4(args: &Args<'_>) -> Result<u64> {
    signalfd_with(args, args.uint(3))
}

fn signalfd_with(args: &Args<'_>, flags: u32) -> Result<u64> {
    check_flags(flags, 0)?;
    let mask = sigmask::read(args.word(1), args.word(2))?;
    if args.int(0) == -1 {
        return install(args, SignalFd::open(mask, flags & OpenFile::NONBLOCK), flags);
    }
    let file = args.file(0)?;
    file.downcast::<SignalFd>().ok_or(Errno::EINVAL)?.set_mask(mask);
    Ok(args.word(0))
}

fn epoll_create(args: &Args<'_>) -> Result<u64> {
    if args.int(0) <= 0 {
        return Err(Errno::EINVAL);
    }
    install(args, Epoll::open(), 0)
}

fn epoll_create1(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(0);
    if flags & !O_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    install(args, Epoll::open(), flags)
}

fn read_interest(address: u64) -> Result<Interest> {
    let events: u32 = user::read(address)?;
    let data: u64 = user::read(address + 4)?;
    Ok(Interest { events, data })
}

fn epoll_ctl(args: &Args<'_>) -> Result<u64> {
    let operation = args.int(1);
    let interest = match operation {
        EPOLL_CTL_DEL => Interest::default(),
        _ => read_interest(args.word(3))?,
    };
    let set = args.file(0)?;
    let file = args.file(2)?;
    if file.file.wait_queue().is_none() {
        return Err(Errno::EPERM);
    }
    let epoll = set.downcast::<Epoll>().ok_or(Errno::EINVAL)?;
    if Arc::ptr_eq(&set, &file) {
        return Err(Errno::EINVAL);
    }
    if interest.events & EPOLLEXCLUSIVE != 0
        && (interest.events & !EXCLUSIVE_OK != 0 || file.downcast::<Epoll>().is_some())
    {
        return Err(Errno::EINVAL);
    }
    let fd = args.int(2);
    match operation {
        EPOLL_CTL_ADD => epoll.add(fd, &file, interest)?,
        EPOLL_CTL_DEL => epoll.delete(fd, &file)?,
        EPOLL_CTL_MOD => epoll.modify(fd, &file, interest)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn wait_for_events(args: &Args<'_>, deadline: Option<Deadline>) -> Result<u64> {
    let most = args.int(2);
    if most <= 0 || most > MAX_EVENTS {
        return Err(Errno::EINVAL);
    }
    let set = args.file(0)?;
    let epoll = set.downcast::<Epoll>().ok_or(Errno::EINVAL)?;
    let ready = epoll.wait(usize::try_from(most).unwrap_or(1), deadline)?;
    for (index, event) in ready.iter().enumerate() {
        let mut bytes = [0; EPOLL_EVENT];
        bytes[..4].copy_from_slice(&event.events.to_le_bytes());
        bytes[4..].copy_from_slice(&event.data.to_le_bytes());
        user::copy_out(args.word(1) + (index * EPOLL_EVENT) as u64, &bytes)?;
    }
    Ok(ready.len() as u64)
}

fn milliseconds(timeout: i32) -> Option<Deadline> {
    u64::try_from(timeout).ok().map(|millis| Deadline::after(Duration::from_millis(millis)))
}

fn epoll_wait(args: &Args<'_>) -> Result<u64> {
    wait_for_events(args, milliseconds(args.int(3)))
}

fn epoll_pwait(args: &Args<'_>) -> Result<u64> {
    let deadline = milliseconds(args.int(3));
    sigmask::with_mask(args.thread, args.word(4), args.word(5), || wait_for_events(args, deadline))
}

fn epoll_pwait2(args: &Args<'_>) -> Result<u64> {
    let deadline = match args.word(3) {
        0 => None,
        at => Some(Deadline::after(time::read_timespec(at)?)),
    };
    sigmask::with_mask(args.thread, args.word(4), args.word(5), || wait_for_events(args, deadline))
}

fn pidfd_open(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(1);
    if flags & !OpenFile::NONBLOCK != 0 || args.int(0) <= 0 {
        return Err(Errno::EINVAL);
    }
    let process = crate::task::find_process(args.int(0)).ok_or(Errno::ESRCH)?;
    install(args, PidFd::open(process, flags), O_CLOEXEC)
}

fn pidfd_send_signal(args: &Args<'_>) -> Result<u64> {
    if args.uint(3) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = args.file(0)?;
    let target = match file.downcast::<PidFd>() {
        Some(named) => named.process().clone(),
        None => crate::vfs::procfs::process_at(&file).ok_or(Errno::EBADF)?,
    };
    signal::send_by_user(&target, args.int(1), args.word(2))?;
    Ok(0)
}

fn pidfd_getfd(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let target = file.downcast::<PidFd>().ok_or(Errno::EBADF)?;
    if args.uint(2) != 0 {
        return Err(Errno::EINVAL);
    }
    if target.process().ended() {
        return Err(Errno::ESRCH);
    }
    let found = target.process().files().get(args.int(1))?;
    install(args, found, O_CLOEXEC)
}
