//! Changing attributes and asking for access.

use crate::errno::{Errno, Result};
use crate::syscall::Args;
use crate::syscall::at::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Target, target};
use crate::syscall::table::{Call, full, partial};
use crate::time::{Clock, now};
use crate::user;
use crate::vfs::{self, AttributeChange, Credentials, Dentry, WRITE, inotify};

const CHOWN_NOTE: &str = "only to the instance's one user and group";

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(21, "access", access),
    full(90, "chmod", chmod),
    full(91, "fchmod", fchmod),
    partial(92, "chown", chown, CHOWN_NOTE),
    partial(93, "fchown", fchown, CHOWN_NOTE),
    partial(94, "lchown", lchown, CHOWN_NOTE),
    full(132, "utime", utime),
    full(235, "utimes", utimes),
    partial(260, "fchownat", fchownat, CHOWN_NOTE),
    full(261, "futimesat", futimesat),
    full(268, "fchmodat", fchmodat),
    full(269, "faccessat", faccessat),
    full(280, "utimensat", utimensat),
    full(439, "faccessat2", faccessat2),
    full(452, "fchmodat2", fchmodat2),
];

fn check_access(args: &Args<'_>, directory: i32, name: usize, mask: u32, flags: u32) -> Result<u64> {
    const AT_EACCESS: u32 = 0x200;
    if mask & !7 != 0 || flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let target = target(args, directory, args.word(name), flags)?;
    match target.dentry() {
        Ok(dentry) if mask != 0 => Credentials::current().check(&*dentry.inode, mask)?,
        _ => {}
    }
    Ok(0)
}

fn access(args: &Args<'_>) -> Result<u64> {
    check_access(args, AT_FDCWD, 0, args.uint(1), 0)
}

fn faccessat(args: &Args<'_>) -> Result<u64> {
    check_access(args, args.int(0), 1, args.uint(2), 0)
}

fn faccessat2(args: &Args<'_>) -> Result<u64> {
    check_access(args, args.int(0), 1, args.uint(2), args.uint(3))
}

fn change_mode(target: &Target, mode: u32) -> Result<u64> {
    // Pipes and sockets have no name: nobody ever looks at their mode.
    if let Ok(dentry) = target.dentry() {
        vfs::chmod(&dentry, mode, &Credentials::current())?;
    }
    Ok(0)
}

fn chmod(args: &Args<'_>) -> Result<u64> {
    change_mode(&target(args, AT_FDCWD, args.word(0), 0)?, args.uint(1))
}

fn fchmod(args: &Args<'_>) -> Result<u64> {
    change_mode(&Target::File(args.file(0)?), args.uint(1))
}

fn fchmodat(args: &Args<'_>) -> Result<u64> {
    change_mode(&target(args, args.int(0), args.word(1), 0)?, args.uint(2))
}

fn fchmodat2(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(3);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    change_mode(&target(args, args.int(0), args.word(1), flags)?, args.uint(2))
}

fn change_owner(target: &Target, uid: u32, gid: u32) -> Result<u64> {
    const UNCHANGED: u32 = u32::MAX;
    let Ok(dentry) = target.dentry() else { return Ok(0) };
    let inode = &dentry.inode;
    if inode.file_system().read_only() {
        return Err(Errno::EROFS);
    }
    let cred = Credentials::current();
    let owner = inode.owner()?;
    if !cred.privileged() {
        let new_owner = uid != UNCHANGED && uid != owner.uid;
        let new_group = gid != UNCHANGED && gid != owner.gid;
        if new_owner || (new_group && !cred.in_group(gid)) || owner.uid != cred.uid {
            return Err(Errno::EPERM);
        }
    }
    let change = AttributeChange {
        uid: (uid != UNCHANGED).then_some(uid),
        gid: (gid != UNCHANGED).then_some(gid),
        ..AttributeChange::default()
    };
    inode.change(&change)?;
    inotify::attributes(&dentry);
    Ok(0)
}

fn chown(args: &Args<'_>) -> Result<u64> {
    change_owner(&target(args, AT_FDCWD, args.word(0), 0)?, args.uint(1), args.uint(2))
}

fn lchown(args: &Args<'_>) -> Result<u64> {
    change_owner(&target(args, AT_FDCWD, args.word(0), AT_SYMLINK_NOFOLLOW)?, args.uint(1), args.uint(2))
}

fn fchown(args: &Args<'_>) -> Result<u64> {
    change_owner(&Target::File(args.file(0)?), args.uint(1), args.uint(2))
}

fn fchownat(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(4);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    change_owner(&target(args, args.int(0), args.word(1), flags)?, args.uint(2), args.uint(3))
}

/// A time to set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NewTime {
    Now,
    Omit,
    At(i64, u32),
}

impl NewTime {
    /// From a `struct timespec`.
    fn decode(seconds: i64, nanoseconds: i64) -> Result<Self> {
        const UTIME_NOW: i64 = 0x3fff_ffff;
        const UTIME_OMIT: i64 = 0x3fff_fffe;
        match nanoseconds {
            UTIME_NOW => Ok(Self::Now),
            UTIME_OMIT => Ok(Self::Omit),
            0..1_000_000_000 => Ok(Self::At(seconds, nanoseconds as u32)),
            _ => Err(Errno::EINVAL),
        }
    }

    fn value(self, now: (i64, u32)) -> Option<(i64, u32)> {
        match self {
            Self::Now => Some(now),
            Self::Omit => None,
            Self::At(seconds, nanoseconds) => Some((seconds, nanoseconds)),
        }
    }
}

fn set_times(dentry: &alloc::sync::Arc<Dentry>, times: [NewTime; 2]) -> Result<u64> {
    if times == [NewTime::Omit; 2] {
        return Ok(0);
    }
    let cred = Credentials::current();
    let inode = &dentry.inode;
    if inode.file_system().read_only() {
        return Err(Errno::EROFS);
    }
    if cred.check_owns(&**inode).is_err() {
        // Who may write may set both times to now.
        if times != [NewTime::Now; 2] {
            return Err(Errno::EPERM);
        }
        cred.check(&**inode, WRITE)?;
    }
    let time = now(Clock::Realtime);
    let time = (time.as_secs() as i64, time.subsec_nanos());
    let [atime, mtime] = times.map(|new| new.value(time));
    inode.change(&AttributeChange { atime, mtime, ..AttributeChange::default() })?;
    inotify::attributes(dentry);
    Ok(0)
}

fn utimensat(args: &Args<'_>) -> Result<u64> {
    let (directory, name, times, flags) = (args.int(0), args.word(1), args.word(2), args.uint(3));
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let times = if times == 0 {
        [NewTime::Now; 2]
    } else {
        let [a, b, c, d]: [i64; 4] = user::read(times)?;
        [NewTime::decode(a, b)?, NewTime::decode(c, d)?]
    };
    let target = if name == 0 && directory != AT_FDCWD {
        Target::File(args.thread.process().files().get_any(directory)?)
    } else {
        target(args, directory, name, flags)?
    };
    match target.dentry() {
        Ok(dentry) => set_times(&dentry, times),
        Err(_) => Ok(0),
    }
}

/// Times as `struct timeval`.
fn micro_times(address: u64) -> Result<[NewTime; 2]> {
    if address == 0 {
        return Ok([NewTime::Now; 2]);
    }
    let [a, b, c, d]: [i64; 4] = user::read(address)?;
    if !(0..1_000_000).contains(&b) || !(0..1_000_000).contains(&d) {
        return Err(Errno::EINVAL);
    }
    Ok([NewTime::At(a, b as u32 * 1000), NewTime::At(c, d as u32 * 1000)])
}

fn utimes(args: &Args<'_>) -> Result<u64> {
    let times = micro_times(args.word(1))?;
    set_times(&target(args, AT_FDCWD, args.word(0), 0)?.dentry()?, times)
}

fn futimesat(args: &Args<'_>) -> Result<u64> {
    let times = micro_times(args.word(2))?;
    let flags = if args.word(1) == 0 { AT_EMPTY_PATH } else { 0 };
    set_times(&target(args, args.int(0), args.word(1), flags)?.dentry()?, times)
}

fn utime(args: &Args<'_>) -> Result<u64> {
    let times = if args.word(1) == 0 {
        [NewTime::Now; 2]
    } else {
        let [atime, mtime]: [i64; 2] = user::read(args.word(1))?;
        [NewTime::At(atime, 0), NewTime::At(mtime, 0)]
    };
    set_times(&target(args, AT_FDCWD, args.word(0), 0)?.dentry()?, times)
}
