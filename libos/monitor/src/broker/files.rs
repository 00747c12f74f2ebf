//! What requests do to files: each function is one request, on a [`Place`] that has been found.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bailey_abi::codec::{MAX_ENTRIES, MAX_MESSAGE};
use bailey_abi::stream::{AttributeChange, Entry, Kind, OpenMode};
use rustix::fs::{
    AtFlags, FallocateFlags, FileType, Mode, OFlags, RawDir, RenameFlags, SeekFrom, Stat, Timespec,
    Timestamps,
};
use rustix::io::{Errno, Result};

use super::attributes::Owner;
use super::place::Place;

/// Permission bits that an instance may set: set-user-id and set-group-id mean nothing in it and must
/// not come to mean something on the host.
const MODE_MASK: u32 = 0o1777;
const MOST_TARGET_BYTES: usize = 4096;
/// Attributes, encoded, and the lengths of a name and a target.
pub(super) const MOST_ATTRIBUTE_BYTES: usize = 128;
/// `UTIME_OMIT` of `utimensat(2)`.
const OMIT: Timespec = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };

/// Opens a regular file, and makes it where `mode` says so.
///
/// # Errors
/// `EROFS` for writing below a read-only grant, `EISDIR` for a directory, `ELOOP` for a link,
/// `EACCES` for what is no regular file and for what not everybody may read (system trees).
pub(super) fn open(place: &Place<'_>, mode: OpenMode) -> Result<(OwnedFd, Stat)> {
    if !place.root.writable && (mode.write || mode.truncate) {
        return Err(match place.stat() {
            Err(Errno::NOENT) if mode.create.is_some() => Errno::ROFS,
            Err(errno) => errno,
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => Errno::ISDIR,
            Ok(_) => Errno::ROFS,
        });
    }
    let mut flags = match (mode.read, mode.write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    let mut permissions = Mode::empty();
    match place.stat() {
        Ok(stat) => {
            if mode.create.is_some() && mode.exclusive {
                return Err(Errno::EXIST);
            }
            check_regular(&stat)?;
            place.check_readable(&stat)?;
        }
        Err(Errno::NOENT) if mode.create.is_some() => {
            place.changeable()?;
            flags |= OFlags::CREATE | OFlags::EXCL;
            permissions = Mode::from_raw_mode(mode.create.unwrap_or(0) & MODE_MASK);
        }
        Err(errno) => return Err(errno),
    }
    if mode.truncate {
        flags |= OFlags::TRUNC;
    }
    let fd = place.open(flags, permissions)?;
    let stat = rustix::fs::fstat(&fd)?;
    check_regular(&stat)?;
    place.check_readable(&stat)?;
    // It was opened with `O_NONBLOCK`, which means nothing to a regular file.
    Ok((fd, stat))
}

fn check_regular(stat: &Stat) -> Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR),
        FileType::Symlink => Err(Errno::LOOP),
        _ => Err(Errno::ACCESS),
    }
}

/// Some of the names in a directory from `cursor` on (a position of `getdents64(2)`), and where to go on.
///
/// Names that are not UTF-8 cannot be said in the protocol and are left out.
pub(super) fn enumerate(place: &Place<'_>, owner: Owner, cursor: u64) -> Result<(Vec<Entry>, Option<u64>)> {
    place.check_readable(&place.stat()?)?;
    let directory = place.open(OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    if cursor != 0 {
        let position = i64::try_from(cursor).map_err(|_| Errno::INVAL)?;
        rustix::fs::seek(&directory, SeekFrom::Start(position.unsigned_abs()))?;
    }
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut names = RawDir::new(directory.as_fd(), buffer.spare_capacity_mut());
    let (mut entries, mut room) = (Vec::new(), Room::of_a_message());
    let mut position = cursor;
    while let Some(name) = names.next() {
        let name = name?;
        let entry = entry(place, owner, directory.as_fd(), name.file_name());
        if let Some(entry) = &entry
            && (entries.len() >= MAX_ENTRIES || !room.take(entry_size(entry)))
        {
            return Ok((entries, Some(position)));
        }
        position = name.next_entry_cookie();
        entries.extend(entry);
    }
    Ok((entries, None))
}

/// Room for what is left of a reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room(usize);

impl Room {
    /// Of a whole message, but for what is around it.
    pub(super) fn of_a_message() -> Self {
        Self(MAX_MESSAGE - 64)
    }

    /// Takes so many bytes, if there are so many.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.0.checked_sub(bytes).map(|left| self.0 = left).is_some()
    }
}

/// Most bytes that an entry may take, encoded.
pub(super) fn entry_size(entry: &Entry) -> usize {
    MOST_ATTRIBUTE_BYTES + entry.name.len() + entry.target.as_ref().map_or(0, String::len)
}

/// A name of a directory with its attributes.
pub(super) fn entry(
    place: &Place<'_>,
    owner: Owner,
    directory: BorrowedFd<'_>,
    name: &CStr,
) -> Option<Entry> {
    if matches!(name.to_bytes(), b"." | b"..") {
        return None;
    }
    // A name that has gone since is left out.
    let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let attributes = owner.attributes(Some(place.root), &stat);
    let target = match attributes.kind {
        Kind::Symlink => rustix::fs::readlinkat(directory, name, Vec::new()).ok(),
        _ => None,
    };
    let target = target.and_then(|target| target.into_string().ok());
    Some(Entry { name: name.to_str().ok()?.to_owned(), attributes, target })
}

/// # Errors
/// `EINVAL` where the place is no link, `EILSEQ` where its target is not UTF-8.
pub(super) fn read_link(place: &Place<'_>) -> Result<String> {
    let name = place.name().ok_or(Errno::INVAL)?;
    let target = rustix::fs::readlinkat(place.directory(), name, Vec::new())?;
    target.into_string().map_err(|_| Errno::ILSEQ)
}

pub(super) fn delete(place: &Place<'_>, directory: bool) -> Result<()> {
    let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    rustix::fs::unlinkat(place.directory(), place.changeable()?, flags)
}

/// # Errors
/// `EINVAL` for flags other than `RENAME_NOREPLACE` and `RENAME_EXCHANGE`.
pub(super) fn rename(from: &Place<'_>, to: &Place<'_>, flags: u32) -> Result<()> {
    let known = RenameFlags::NOREPLACE | RenameFlags::EXCHANGE;
    let flags = RenameFlags::from_bits(flags).filter(|flags| known.contains(*flags)).ok_or(Errno::INVAL)?;
    let (from_name, to_name) = (from.changeable()?, to.changeable()?);
    if flags.is_empty() {
        return rustix::fs::renameat(from.directory(), from_name, to.directory(), to_name);
    }
    rustix::fs::renameat_with(from.directory(), from_name, to.directory(), to_name, flags)
}

pub(super) fn link(from: &Place<'_>, to: &Place<'_>) -> Result<()> {
    let (from_name, to_name) = (from.changeable()?, to.changeable()?);
    rustix::fs::linkat(from.directory(), from_name, to.directory(), to_name, AtFlags::empty())
}

pub(super) fn symlink(place: &Place<'_>, target: &str) -> Result<()> {
    if target.is_empty() || target.contains('\0') {
        return Err(Errno::INVAL);
    }
    if target.len() >= MOST_TARGET_BYTES {
        return Err(Errno::NAMETOOLONG);
    }
    rustix::fs::symlinkat(target, place.directory(), place.changeable()?)
}

pub(super) fn make_directory(place: &Place<'_>, mode: u32) -> Result<()> {
    if place.root.writable && place.name().is_none() {
        return Err(Errno::EXIST);
    }
    if !place.root.writable && place.stat().is_ok() {
        return Err(Errno::EXIST);
    }
    let mode = Mode::from_raw_mode(mode & MODE_MASK);
    rustix::fs::mkdirat(place.directory(), place.changeable()?, mode)
}

/// Changes mode and times, of the place itself where it is a link.
pub(super) fn change(place: &Place<'_>, change: &AttributeChange) -> Result<()> {
    if !place.root.writable {
        return Err(Errno::ROFS);
    }
    if let Some(mode) = change.mode {
        change_mode(place, Mode::from_raw_mode(mode & MODE_MASK))?;
    }
    if change.atime.is_none() && change.mtime.is_none() {
        return Ok(());
    }
    let name = place.name().unwrap_or(".");
    rustix::fs::utimensat(place.directory(), name, &times(change)?, AtFlags::SYMLINK_NOFOLLOW)
}

/// Changes mode and times of an open file.
pub(super) fn change_open(file: &OwnedFd, change: &AttributeChange) -> Result<()> {
    if let Some(mode) = change.mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode & MODE_MASK))?;
    }
    if change.atime.is_none() && change.mtime.is_none() {
        return Ok(());
    }
    rustix::fs::futimens(file, &times(change)?)
}

fn times(change: &AttributeChange) -> Result<Timestamps> {
    let time = |time: Option<(i64, u32)>| match time {
        Some((tv_sec, nanoseconds)) if nanoseconds < 1_000_000_000 => {
            Ok(Timespec { tv_sec, tv_nsec: i64::from(nanoseconds) })
        }
        Some(_) => Err(Errno::INVAL),
        None => Ok(OMIT),
    };
    Ok(Timestamps { last_access: time(change.atime)?, last_modification: time(change.mtime)? })
}

/// `fallocate(2)` in the modes that every file system has who has any.
///
/// # Errors
/// `EOPNOTSUPP` for other modes.
pub(super) fn allocate(file: &OwnedFd, mode: u32, offset: u64, length: u64) -> Result<()> {
    let known = FallocateFlags::KEEP_SIZE | FallocateFlags::PUNCH_HOLE | FallocateFlags::ZERO_RANGE;
    let mode = FallocateFlags::from_bits(mode).filter(|mode| known.contains(*mode));
    rustix::fs::fallocate(file, mode.ok_or(Errno::OPNOTSUPP)?, offset, length)
}

/// `chmod` without following a link. Before Linux 6.6 that needs the file open; one that its owner
/// cannot read is then changed by name, which the check above has just seen to be no link (and
/// nobody but this broker changes names here on the instance's behalf).
fn change_mode(place: &Place<'_>, mode: Mode) -> Result<()> {
    let stat = place.stat()?;
    if FileType::from_raw_mode(stat.st_mode).is_symlink() {
        return Err(Errno::OPNOTSUPP);
    }
    match place.open(OFlags::RDONLY, Mode::empty()) {
        Ok(fd) => rustix::fs::fchmod(&fd, mode),
        Err(Errno::ACCESS) => {
            let name = place.name().unwrap_or(".");
            rustix::fs::chmodat(place.directory(), name, mode, AtFlags::empty())
        }
        Err(errno) => Err(errno),
    }
}
