//! The kernel's I/O thread: host streams that become ready, timers that send signals, the monitor's events.
//! It is the only thread that waits for descriptors of the host.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, Ordering};

use bailey_abi::codec::{MAX_MESSAGE, decode};
use bailey_abi::stream::Event;

use crate::errno::Result;
use crate::host::raw::{nr, syscall};
use crate::host::{HostHandle, channel, pwritev};
use crate::sync::{Mutex, WaitQueue};
use crate::time::Deadline;
use crate::vfs::Events;

/// Somebody waits for a stream.
struct Armed {
    handle: Arc<HostHandle>,
    events: Events,
    queue: Arc<WaitQueue>,
}

static ARMED: Mutex<Vec<Armed>> = Mutex::new(Vec::new());
/// Write end of the socket by which the thread is woken.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// `struct pollfd`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct PollFd {
    fd: i32,
    events: i16,
    ready: i16,
}

const POLLIN: i16 = 1;

/// What the I/O thread calls when it has nothing of the host to do.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Does what is due and says when the next is.
    pub timers: fn() -> Option<Deadline>,
    /// Takes an event of the monitor.
    pub event: fn(Event),
}

/// Wakes `queue` once when the stream is ready for `events` (or broken).
///
/// # Errors
/// None today; a bound on armed streams may come.
pub fn arm(handle: &Arc<HostHandle>, events: Events, queue: &Arc<WaitQueue>) -> Result<()> {
    let mut armed = ARMED.lock();
    let known =
        armed.iter_mut().find(|other| other.handle.id() == handle.id() && Arc::ptr_eq(&other.queue, queue));
    match known {
        // It is looked at already.
        Some(other) if other.events.0 & events.0 == events.0 => return Ok(()),
        Some(other) => other.events |= events,
        None => armed.push(Armed { handle: handle.clone(), events, queue: queue.clone() }),
    }
    drop(armed);
    wake();
    Ok(())
}

/// Nobody waits for the stream any more.
pub fn disarm(handle: &Arc<HostHandle>) {
    let mut armed = ARMED.lock();
    let (gone, left) =
        core::mem::take(&mut *armed).into_iter().partition(|one| one.handle.id() == handle.id());
    *armed = left;
    drop(armed);
    let gone: Vec<Armed> = gone;
    if !gone.is_empty() {
        wake();
    }
}

/// Makes the I/O thread look again at what it waits for.
pub fn wake() {
    let byte = [0_u8];
    // A full socket wakes it as well.
    let _ = pwritev(WAKE.load(Ordering::Relaxed), &[(byte.as_ptr() as u64, 1)], None);
}

/// Says which descriptors wake the thread; before it starts.
pub fn set_wake(fd: i32) {
    WAKE.store(fd, Ordering::Relaxed);
}

/// The I/O thread's life.
pub fn run(wake_fd: i32, event_fd: i32, work: Work) -> ! {
    let mut fds = Vec::new();
    let mut message = Vec::new();
    loop {
        let deadline = (work.timers)();
        fds.clear();
        fds.push(PollFd { fd: wake_fd, events: POLLIN, ready: 0 });
        fds.push(PollFd { fd: event_fd, events: POLLIN, ready: 0 });
        let handles = armed_handles();
        for (handle, events) in &handles {
            let fd = handle.fd().unwrap_or(-1);
            #[expect(clippy::cast_possible_truncation, reason = "poll's events are the low bits")]
            fds.push(PollFd { fd, events: events.0 as i16, ready: 0 });
        }
        wait(&mut fds, deadline);
        if fds[0].ready != 0 {
            drain(wake_fd);
        }
        if fds[1].ready != 0
            && channel::receive(event_fd, &mut message).is_ok()
            && let Ok(event) = decode(&message, MAX_MESSAGE)
        {
            (work.event)(event);
        }
        for ((handle, _), fd) in handles.iter().zip(&fds[2..]) {
            if fd.ready != 0 || fd.fd < 0 {
                ready(handle, Events(u32::from(fd.ready.cast_unsigned())));
            }
        }
    }
}

fn armed_handles() -> Vec<(Arc<HostHandle>, Events)> {
    ARMED.lock().iter().map(|armed| (armed.handle.clone(), armed.events)).collect()
}

fn ready(handle: &Arc<HostHandle>, events: Events) {
    let mut woken = Vec::new();
    ARMED.lock().retain(|armed| {
        let hit = armed.handle.id() == handle.id();
        if hit {
            woken.push(armed.queue.clone());
        }
        !hit
    });
    for queue in woken {
        queue.wake(if events == Events::NONE { Events::ERR } else { events });
    }
}

fn wait(fds: &mut [PollFd], deadline: Option<Deadline>) {
    let timeout = deadline.map(|deadline| {
        let left = deadline.left();
        [left.as_secs(), u64::from(left.subsec_nanos())]
    });
    let timeout = timeout.as_ref().map_or(0, |time| time.as_ptr() as u64);
    // An interrupted or failed wait is looked at like one without news.
    // SAFETY: the array is as long as said and outlives the call.
    let _ = unsafe { syscall(nr::PPOLL, [fds.as_mut_ptr() as u64, fds.len() as u64, timeout, 0, 8, 0]) };
}

fn drain(fd: i32) {
    let mut bytes = [0_u8; 64];
    while crate::host::preadv(fd, &[(bytes.as_mut_ptr() as u64, bytes.len())], None)
        .is_ok_and(|count| count == 64)
    {}
}
