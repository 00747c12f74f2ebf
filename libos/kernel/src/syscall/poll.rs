//! Waiting for many descriptors: `poll`, `ppoll`, `select`, `pselect6`.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::errno::{Errno, Result};
use crate::ipc::epoll::earliest;
use crate::sync::{WaitError, WaitQueue, wait_event};
use crate::syscall::table::{Call, full};
use crate::syscall::{Args, sigmask};
use crate::time::{self, Deadline};
use crate::user;
use crate::vfs::{Events, FileTable, OpenFile};

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(7, "poll", poll),
    full(23, "select", select),
    full(270, "pselect6", pselect6),
    full(271, "ppoll", ppoll),
];

/// Most descriptors that one call looks at (`RLIMIT_NOFILE` bounds it on Linux).
const MAX_POLL: usize = 1 << 20;
/// Bytes of `struct pollfd`.
const POLLFD: u64 = 8;
/// Events that `select` counts as readable, writable, exceptional (fs/select.c).
const SELECT_IN: Events = Events(0x001 | 0x040 | 0x080 | 0x010 | 0x008 | 0x020);
const SELECT_OUT: Events = Events(0x004 | 0x100 | 0x200 | 0x008 | 0x020);
const SELECT_EX: Events = Events(0x002 | 0x020);

/// One descriptor that is looked at.
struct Watched {
    /// None for a number that is no descriptor, or is not asked for.
    file: Option<Arc<OpenFile>>,
    wanted: Events,
    /// What was ready at the last look.
    ready: Events,
}

impl Watched {
    fn new(file: Option<Arc<OpenFile>>, wanted: Events) -> Self {
        Self { file, wanted, ready: Events::NONE }
    }
}

/// Looks at all; says whether some are ready.
fn look(watched: &mut [Watched]) -> bool {
    let mut any = false;
    for entry in watched {
        let events = entry.file.as_ref().map_or(Events::NONE, |file| file.file.poll(file));
        entry.ready = events & entry.wanted;
        any |= entry.ready != Events::NONE;
    }
    any
}

/// Waits until some of `watched` is ready, or until the deadline; says what is ready of each.
fn wait(watched: &mut [Watched], deadline: Option<Deadline>) -> Result<()> {
    if look(watched) {
        return Ok(());
    }
    let files: Vec<Arc<OpenFile>> = watched.iter().filter_map(|entry| entry.file.clone()).collect();
    let queues: Vec<&WaitQueue> = files.iter().filter_map(|file| file.file.wait_queue()).collect();
    let alarm = || files.iter().map(|file| file.file.deadline()).fold(None, earliest);
    loop {
        let first = alarm();
        let until = earliest(first, deadline);
        // Woken by a timer that was set anew: sleep to the new time.
        let result = wait_event(&queues, until, || {
            if look(watched) { Some(true) } else { (alarm() != first).then_some(false) }
        });
        match result {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(WaitError::Interrupted) => return Err(Errno::ERESTARTNOHAND),
            Err(WaitError::TimedOut) if deadline.is_some_and(|deadline| deadline.passed()) => {
                look(watched);
                return Ok(());
            }
            Err(WaitError::TimedOut) => {}
        }
    }
}

fn poll_set(args: &Args<'_>, deadline: Option<Deadline>) -> Result<u64> {
    let (address, count) = (args.word(0), args.uint(1) as usize);
    if count > MAX_POLL {
        return Err(Errno::EINVAL);
    }
    let entries: Vec<[u8; POLLFD as usize]> = user::read_array(address, count)?;
    let files = args.thread.process().files();
    let mut bad = false;
    let mut watched = Vec::with_capacity(count);
    for entry in &entries {
        let fd = i32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let wanted = Events(u32::from(u16::from_le_bytes([entry[4], entry[5]])));
        let file = if fd < 0 { None } else { files.get(fd).ok() };
        bad |= fd >= 0 && file.is_none();
        watched.push(Watched::new(file, wanted | Events::ERR | Events::HUP));
    }
    if bad {
        look(&mut watched);
    } else {
        wait(&mut watched, deadline)?;
    }
    let mut ready = 0;
    for (index, (entry, found)) in entries.iter().zip(&watched).enumerate() {
        let negative = entry[3] & 0x80 != 0;
        let events = if found.file.is_none() && !negative { Events::NVAL } else { found.ready };
        ready += u64::from(events != Events::NONE);
        let revents = (events.0 & 0xffff) as u16;
        user::write(address + index as u64 * POLLFD + 6, &revents)?;
    }
    Ok(ready)
}

fn poll(args: &Args<'_>) -> Result<u64> {
    let timeout = args.int(2);
    let deadline = u64::try_from(timeout).ok().map(|millis| Deadline::after(Duration::from_millis(millis)));
    poll_set(args, deadline)
}

/// Writes back how much of a time-out is left; the program need not have left it writable.
fn return_rest(address: u64, deadline: Option<Deadline>, micros: bool) {
    let (Some(deadline), true) = (deadline, address != 0) else {
        return;
    };
    let left = deadline.left();
    let part = if micros { left.subsec_micros() } else { left.subsec_nanos() };
    let _ = user::write(address, &[left.as_secs(), u64::from(part)]);
}

fn ppoll(args: &Args<'_>) -> Result<u64> {
    let deadline = match args.word(2) {
        0 => None,
        at => Some(Deadline::after(time::read_timespec(at)?)),
    };
    let result = sigmask::with_mask(args.thread, args.word(3), args.word(4), || poll_set(args, deadline));
    return_rest(args.word(2), deadline, false);
    result
}

/// The three sets of `select`, as bitmaps in application memory.
struct Sets {
    count: usize,
    addresses: [u64; 3],
    bits: [Vec<u64>; 3],
}

impl Sets {
    fn read(args: &Args<'_>) -> Result<Self> {
        let count = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?.min(MAX_POLL);
        let addresses = [args.word(1), args.word(2), args.word(3)];
        let words = count.div_ceil(64);
        let read = |address: u64| {
            if address == 0 { Ok(alloc::vec![0; words]) } else { user::read_array(address, words) }
        };
        Ok(Self { count, addresses, bits: [read(addresses[0])?, read(addresses[1])?, read(addresses[2])?] })
    }

    fn has(&self, set: usize, fd: usize) -> bool {
        self.bits[set][fd / 64] & 1 << (fd % 64) != 0
    }

    fn watch(&self, files: &FileTable) -> Result<Vec<Watched>> {
        (0..self.count)
            .map(|fd| {
                let mut wanted = Events::NONE;
                for (set, events) in [SELECT_IN, SELECT_OUT, SELECT_EX].into_iter().enumerate() {
                    if self.has(set, fd) {
                        wanted |= events;
                    }
                }
                if wanted == Events::NONE {
                    return Ok(Watched::new(None, wanted));
                }
                let number = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
                Ok(Watched::new(Some(files.get(number)?), wanted))
            })
            .collect()
    }

    /// Writes the results; returns how many bits are set.
    fn write(&self, watched: &[Watched]) -> Result<u64> {
        let mut total = 0;
        for (set, events) in [SELECT_IN, SELECT_OUT, SELECT_EX].into_iter().enumerate() {
            if self.addresses[set] == 0 {
                continue;
            }
            let mut bits = alloc::vec![0u64; self.bits[set].len()];
            for (fd, found) in watched.iter().enumerate() {
                if found.ready.intersects(events) && self.has(set, fd) {
                    bits[fd / 64] |= 1 << (fd % 64);
                    total += 1;
                }
            }
            for (index, word) in bits.iter().enumerate() {
                user::write(self.addresses[set] + index as u64 * 8, word)?;
            }
        }
        Ok(total)
    }
}

fn select_sets(args: &Args<'_>, deadline: Option<Deadline>) -> Result<u64> {
    let sets = Sets::read(args)?;
    let mut watched = sets.watch(&args.thread.process().files())?;
    wait(&mut watched, deadline)?;
    sets.write(&watched)
}

fn select(args: &Args<'_>) -> Result<u64> {
    let deadline = match args.word(4) {
        0 => None,
        at => {
            let [seconds, micros]: [i64; 2] = user::read(at)?;
            let seconds = u64::try_from(seconds).map_err(|_| Errno::EINVAL)?;
            let micros = u64::try_from(micros).map_err(|_| Errno::EINVAL)?;
            let wait = Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros));
            Some(Deadline::after(wait))
        }
    };
    let result = select_sets(args, deadline);
    return_rest(args.word(4), deadline, true);
    result
}

fn pselect6(args: &Args<'_>) -> Result<u64> {
    let deadline = match args.word(4) {
        0 => None,
        at => Some(Deadline::after(time::read_timespec(at)?)),
    };
    let [mask, size]: [u64; 2] = if args.word(5) == 0 { [0; 2] } else { user::read(args.word(5))? };
    let result = sigmask::with_mask(args.thread, mask, size, || select_sets(args, deadline));
    return_rest(args.word(4), deadline, false);
    result
}
