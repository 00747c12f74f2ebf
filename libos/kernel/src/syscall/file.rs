//! Opening, closing and duplicating descriptors; `ioctl(2)`.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::syscall::Args;
use crate::syscall::at::{AT_FDCWD, path, start};
use crate::syscall::table::{Call, full, partial};
use crate::user;
use crate::vfs::{self, Credentials, FileKind, OpenFile, Walk};

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(2, "open", open),
    full(3, "close", close),
    full(16, "ioctl", ioctl),
    full(32, "dup", dup),
    full(33, "dup2", dup2),
    full(85, "creat", creat),
    full(257, "openat", openat),
    full(292, "dup3", dup3),
    partial(436, "close_range", close_range, "CLOSE_RANGE_UNSHARE only where the table is not shared"),
    partial(437, "openat2", openat2, "RESOLVE_NO_XDEV and RESOLVE_CACHED are not looked at"),
];

const O_CREAT: u32 = 0o100;
const O_WRONLY: u32 = 0o1;
const O_TRUNC: u32 = 0o1000;
const O_ASYNC: u32 = 0o20000;
const O_LARGEFILE: u32 = 0o100000;
const O_CLOEXEC: u32 = 0o2000000;
const O_TMPFILE_BIT: u32 = 0o20000000;

/// Puts an open file into the table.
fn install(args: &Args<'_>, open: Arc<OpenFile>, flags: u32) -> Result<u64> {
    let fd = args.thread.process().files().insert(open, flags & O_CLOEXEC != 0, 0)?;
    Ok(fd as u64)
}

fn open_at(args: &Args<'_>, directory: i32, name: usize, flags: u32, mode: u32) -> Result<u64> {
    let path = path(args, name)?;
    let cred = Credentials::current();
    let walk = Walk::new(&cred);
    open_walk(args, &walk, directory, &path, flags, mode)
}

fn open_walk(
    args: &Args<'_>,
    walk: &Walk<'_>,
    directory: i32,
    path: &str,
    flags: u32,
    mode: u32,
) -> Result<u64> {
    let umask = args.thread.process().fs.lock().umask;
    let start = start(args, directory, if walk.in_root { "." } else { path })?;
    let flags = if flags & OpenFile::PATH == 0 { flags | O_LARGEFILE } else { flags };
    let open = vfs::open(walk, &start, path, flags, mode & 0o7777 & !umask)?;
    install(args, open, flags)
}

fn open(args: &Args<'_>) -> Result<u64> {
    open_at(args, AT_FDCWD, 0, args.uint(1), args.uint(2))
}

fn openat(args: &Args<'_>) -> Result<u64> {
    open_at(args, args.int(0), 1, args.uint(2), args.uint(3))
}

fn creat(args: &Args<'_>) -> Result<u64> {
    open_at(args, AT_FDCWD, 0, O_CREAT | O_WRONLY | O_TRUNC, args.uint(1))
}

fn openat2(args: &Args<'_>) -> Result<u64> {
    const NO_MAGICLINKS: u64 = 2;
    const NO_SYMLINKS: u64 = 4;
    const BENEATH: u64 = 8;
    const IN_ROOT: u64 = 16;
    let size = args.word(3);
    if size < 24 {
        return Err(Errno::EINVAL);
    }
    let [flags, mode, resolve]: [u64; 3] = user::read(args.word(2))?;
    for offset in (24..size.min(4096)).step_by(8) {
        let rest: u64 = user::read(args.word(2) + offset)?;
        if rest != 0 {
            return Err(Errno::E2BIG);
        }
    }
    let flags = u32::try_from(flags).map_err(|_| Errno::EINVAL)?;
    if resolve & !0x3f != 0 || mode & !0o7777 != 0 || (mode != 0 && flags & (O_CREAT | O_TMPFILE_BIT) == 0) {
        return Err(Errno::EINVAL);
    }
    let path = path(args, 1)?;
    let cred = Credentials::current();
    let mut walk = Walk::new(&cred);
    walk.no_links = resolve & NO_SYMLINKS != 0;
    walk.no_magic = resolve & (NO_MAGICLINKS | NO_SYMLINKS) != 0;
    walk.beneath = resolve & BENEATH != 0;
    walk.in_root = resolve & IN_ROOT != 0;
    open_walk(args, &walk, args.int(0), &path, flags, mode as u32)
}

fn close(args: &Args<'_>) -> Result<u64> {
    args.thread.process().files().remove(args.int(0))?;
    Ok(0)
}

fn close_range(args: &Args<'_>) -> Result<u64> {
    const UNSHARE: u32 = 2;
    const CLOEXEC: u32 = 4;
    let (first, last, flags) = (args.uint(0), args.uint(1), args.uint(2));
    if first > last || flags & !(UNSHARE | CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let process = args.thread.process();
    if flags & UNSHARE != 0 {
        let copy = Arc::new(process.files().clone_table());
        drop(process.set_files(copy));
    }
    process.files().remove_range(first, last, flags & CLOEXEC != 0);
    Ok(0)
}

fn dup(args: &Args<'_>) -> Result<u64> {
    let files = args.thread.process().files();
    let file = files.get_any(args.int(0))?;
    files.insert(file, false, 0).map(|fd| fd as u64)
}

fn dup2(args: &Args<'_>) -> Result<u64> {
    let files = args.thread.process().files();
    files.duplicate(args.int(0), args.int(1), false).map(|fd| fd as u64)
}

fn dup3(args: &Args<'_>) -> Result<u64> {
    let flags = args.uint(2);
    if flags & !O_CLOEXEC != 0 || args.int(0) == args.int(1) {
        return Err(Errno::EINVAL);
    }
    let files = args.thread.process().files();
    files.duplicate(args.int(0), args.int(1), flags & O_CLOEXEC != 0).map(|fd| fd as u64)
}

fn set_flag(file: &OpenFile, flag: u32, argument: u64) -> Result<u64> {
    let on: i32 = user::read(argument)?;
    let flags = file.flags();
    file.set_flags(if on != 0 { flags | flag } else { flags & !flag });
    Ok(0)
}

fn ioctl(args: &Args<'_>) -> Result<u64> {
    const FIGETBSZ: u32 = 2;
    const FIONREAD: u32 = 0x541b;
    const FIONBIO: u32 = 0x5421;
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FIOASYNC: u32 = 0x5452;
    let files = args.thread.process().files();
    let file = files.get(args.int(0))?;
    let (request, argument) = (args.uint(1), args.word(2));
    match request {
        FIOCLEX | FIONCLEX => files.set_close_on_exec(args.int(0), request == FIOCLEX).map(|()| 0),
        FIONBIO => set_flag(&file, OpenFile::NONBLOCK, argument),
        FIOASYNC => set_flag(&file, O_ASYNC, argument),
        FIONREAD | FIGETBSZ => {
            let stat = file.file.stat()?;
            if stat.kind != FileKind::Regular {
                return file.file.ioctl(&file, request, argument);
            }
            let value = if request == FIGETBSZ {
                stat.block_size
            } else {
                stat.size.saturating_sub(*file.offset.lock())
            };
            user::write(argument, &i32::try_from(value).unwrap_or(i32::MAX))?;
            Ok(0)
        }
        _ => file.file.ioctl(&file, request, argument),
    }
}
