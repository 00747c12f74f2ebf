//! `fcntl(2)` and `flock(2)`.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::ipc::fifo;
use crate::mm;
use crate::syscall::Args;
use crate::syscall::table::{Call, full, partial};
use crate::user;
use crate::vfs::locks::{self, Holder, Lock};
use crate::vfs::{DirectoryFile, OpenFile, memfd, tmpfs};

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    partial(72, "fcntl", fcntl, "no leases; F_NOTIFY never tells anything; F_SETOWN is kept without effect"),
    full(73, "flock", flock),
];

const F_DUPFD: u32 = 0;
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_GETLK: u32 = 5;
const F_SETLK: u32 = 6;
const F_SETLKW: u32 = 7;
const F_SETOWN: u32 = 8;
const F_GETOWN: u32 = 9;
const F_SETSIG: u32 = 10;
const F_GETSIG: u32 = 11;
const F_SETOWN_EX: u32 = 15;
const F_GETOWN_EX: u32 = 16;
const F_OFD_GETLK: u32 = 36;
const F_OFD_SETLK: u32 = 37;
const F_OFD_SETLKW: u32 = 38;
const F_GETLEASE: u32 = 1025;
const F_NOTIFY: u32 = 1026;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_SETPIPE_SZ: u32 = 1031;
const F_GETPIPE_SZ: u32 = 1032;
const F_ADD_SEALS: u32 = 1033;
const F_GET_SEALS: u32 = 1034;
const F_UNLCK: i16 = 2;
const F_WRLCK: i16 = 1;
const F_RDLCK: i16 = 0;

fn fcntl(args: &Args<'_>) -> Result<u64> {
    let files = args.thread.process().files();
    let (fd, command) = (args.int(0), args.uint(1));
    let file = files.get_any(fd)?;
    match command {
        F_DUPFD | F_DUPFD_CLOEXEC => {
            files.insert(file, command == F_DUPFD_CLOEXEC, args.int(2)).map(|fd| fd as u64)
        }
        F_GETFD => files.close_on_exec_of(fd).map(u64::from),
        F_SETFD => files.set_close_on_exec(fd, args.word(2) & 1 != 0).map(|()| 0),
        F_GETFL => Ok(u64::from(file.flags())),
        _ if file.is_path() => Err(Errno::EBADF),
        F_SETFL => set_flags(&file, args.uint(2)),
        F_GETLK | F_OFD_GETLK | F_SETLK | F_SETLKW | F_OFD_SETLK | F_OFD_SETLKW => {
            record(args, &file, command)
        }
        F_SETOWN | F_GETOWN | F_SETSIG | F_GETSIG | F_SETOWN_EX | F_GETOWN_EX => owner(args, &file, command),
        F_GETLEASE => Ok(F_UNLCK as u64),
        // Accepted, and never told: inotify took its place long ago.
        F_NOTIFY if file.downcast::<DirectoryFile>().is_some() => Ok(0),
        F_NOTIFY => Err(Errno::ENOTDIR),
        F_SETPIPE_SZ => {
            let pipe = fifo::pipe_of(&file).ok_or(Errno::EBADF)?;
            pipe.set_size(args.uint(2) as usize).map(|size| size as u64)
        }
        F_GETPIPE_SZ => Ok(fifo::pipe_of(&file).ok_or(Errno::EBADF)?.size() as u64),
        F_ADD_SEALS => {
            if !file.writable() {
                return Err(Errno::EPERM);
            }
            let seals = tmpfs::seals_of(&file).ok_or(Errno::EINVAL)?;
            if args.uint(2) & memfd::SEAL_WRITE != 0 && mm::writably_mapped(&file) {
                return Err(Errno::EBUSY);
            }
            seals.add(args.uint(2)).map(|()| 0)
        }
        F_GET_SEALS => Ok(u64::from(tmpfs::seals_of(&file).ok_or(Errno::EINVAL)?.get())),
        _ => Err(Errno::EINVAL),
    }
}

fn set_flags(file: &OpenFile, flags: u32) -> Result<u64> {
    const SETTABLE: u32 = OpenFile::APPEND | OpenFile::NONBLOCK | 0o20000 | 0o40000 | 0o1000000;
    file.set_flags(file.flags() & !SETTABLE | flags & SETTABLE);
    Ok(0)
}

fn owner(args: &Args<'_>, file: &OpenFile, command: u32) -> Result<u64> {
    const F_OWNER_PGRP: i32 = 2;
    match command {
        F_SETOWN => file.owner.store(args.int(2), Ordering::Relaxed),
        F_GETOWN => return Ok(file.owner.load(Ordering::Relaxed) as u64),
        F_SETSIG => file.owner_signal.store(args.int(2), Ordering::Relaxed),
        F_GETSIG => return Ok(file.owner_signal.load(Ordering::Relaxed) as u64),
        F_SETOWN_EX => {
            let [kind, id]: [i32; 2] = user::read(args.word(2))?;
            file.owner.store(if kind == F_OWNER_PGRP { -id } else { id }, Ordering::Relaxed);
        }
        _ => {
            let owner = file.owner.load(Ordering::Relaxed);
            let kind = if owner < 0 { F_OWNER_PGRP } else { 1 };
            user::write(args.word(2), &[kind, owner.abs()])?;
        }
    }
    Ok(0)
}

/// `struct flock`: type, whence, start, length, pid.
struct Flock {
    kind: i16,
    whence: i16,
    start: i64,
    length: i64,
    pid: i32,
}

impl Flock {
    fn read(address: u64) -> Result<Self> {
        let [kind, whence]: [i16; 2] = user::read(address)?;
        let [start, length]: [i64; 2] = user::read(address + 8)?;
        Ok(Self { kind, whence, start, length, pid: user::read(address + 24)? })
    }

    fn write(&self, address: u64) -> Result<()> {
        user::write(address, &[self.kind, self.whence])?;
        user::write(address + 8, &[self.start, self.length])?;
        user::write(address + 24, &self.pid)
    }

    /// The bytes that are meant: the first and the last.
    fn range(&self, file: &OpenFile) -> Result<(u64, u64)> {
        let base = match self.whence {
            0 => 0,
            1 => i64::try_from(*file.offset.lock()).map_err(|_| Errno::EOVERFLOW)?,
            2 => i64::try_from(file.file.size()?).map_err(|_| Errno::EOVERFLOW)?,
            _ => return Err(Errno::EINVAL),
        };
        let at = base.checked_add(self.start).ok_or(Errno::EOVERFLOW)?;
        let (first, end) = if self.length < 0 {
            (at.checked_add(self.length).ok_or(Errno::EINVAL)?, at)
        } else {
            (at, at.checked_add(self.length).ok_or(Errno::EOVERFLOW)?)
        };
        let first = u64::try_from(first).map_err(|_| Errno::EINVAL)?;
        let last = if self.length == 0 { u64::MAX } else { end as u64 - 1 };
        Ok((first, last))
    }
}

fn record(args: &Args<'_>, file: &Arc<OpenFile>, command: u32) -> Result<u64> {
    let address = args.word(2);
    let mut asked = Flock::read(address)?;
    if !matches!(asked.kind, F_RDLCK | F_WRLCK | F_UNLCK) {
        return Err(Errno::EINVAL);
    }
    let (start, end) = asked.range(file)?;
    let own = matches!(command, F_OFD_GETLK | F_OFD_SETLK | F_OFD_SETLKW);
    if own && asked.pid != 0 {
        return Err(Errno::EINVAL);
    }
    let process = args.thread.process();
    let (holder, pid) = if own {
        (Holder::Description(Arc::as_ptr(file) as usize), -1)
    } else {
        (Holder::Table(process.files().lock_owner()), process.pid())
    };
    let exclusive = asked.kind == F_WRLCK;
    let lock = Lock { holder, pid, exclusive, start, end };
    if matches!(command, F_GETLK | F_OFD_GETLK) {
        match locks::test(file, &lock)? {
            Some(other) => {
                asked = Flock {
                    kind: if other.exclusive { F_WRLCK } else { F_RDLCK },
                    whence: 0,
                    start: other.start as i64,
                    length: if other.end == u64::MAX { 0 } else { (other.end - other.start + 1) as i64 },
                    pid: other.pid,
                };
            }
            None => asked.kind = F_UNLCK,
        }
        asked.write(address)?;
        return Ok(0);
    }
    let unlock = asked.kind == F_UNLCK;
    if !unlock && ((exclusive && !file.writable()) || (!exclusive && !file.readable())) {
        return Err(Errno::EBADF);
    }
    locks::set(file, lock, unlock, matches!(command, F_SETLKW | F_OFD_SETLKW))?;
    Ok(0)
}

fn flock(args: &Args<'_>) -> Result<u64> {
    const LOCK_SH: u32 = 1;
    const LOCK_EX: u32 = 2;
    const LOCK_NB: u32 = 4;
    const LOCK_UN: u32 = 8;
    let file = args.file(0)?;
    let operation = args.uint(1);
    let exclusive = match operation & !LOCK_NB {
        LOCK_SH => Some(false),
        LOCK_EX => Some(true),
        LOCK_UN => None,
        _ => return Err(Errno::EINVAL),
    };
    locks::flock(&file, exclusive, operation & LOCK_NB == 0)?;
    Ok(0)
}
