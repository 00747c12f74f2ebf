//! File systems and whole files: lengths, flushing, memfds, watches, and what only root may do.

use alloc::string::String;
use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::mm;
use crate::syscall::at::{AT_FDCWD, lookup, path};
use crate::syscall::table::{Call, full, ignored, partial};
use crate::syscall::{Args, io};
use crate::task;
use crate::user;
use crate::vfs::inotify::Inotify;
use crate::vfs::{Credentials, File, FileKind, InodeId, OpenFile, Stat, Use, WRITE, inotify, tmpfs};

const CUT: &str = "pages of a tmpfs file that other processes have mapped read zero instead of SIGBUS";
const ROOT_ONLY: &str = "EPERM, as for every user who is not root";

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(74, "fsync", fsync),
    full(75, "fdatasync", fsync),
    partial(76, "truncate", truncate, CUT),
    partial(77, "ftruncate", ftruncate, CUT),
    partial(155, "pivot_root", refuse, ROOT_ONLY),
    partial(161, "chroot", refuse, ROOT_ONLY),
    ignored(162, "sync", nothing, "the host writes its files by itself"),
    partial(163, "acct", refuse, ROOT_ONLY),
    partial(165, "mount", refuse, ROOT_ONLY),
    partial(166, "umount2", refuse, ROOT_ONLY),
    partial(167, "swapon", refuse, ROOT_ONLY),
    partial(168, "swapoff", refuse, ROOT_ONLY),
    partial(179, "quotactl", refuse, ROOT_ONLY),
    ignored(187, "readahead", check_file, "advice"),
    ignored(221, "fadvise64", fadvise, "advice"),
    full(253, "inotify_init", inotify_init),
    partial(254, "inotify_add_watch", inotify_add_watch, "changes that the host makes are not seen"),
    full(255, "inotify_rm_watch", inotify_rm_watch),
    ignored(277, "sync_file_range", sync_file_range, "the host writes its files by itself"),
    partial(285, "fallocate", fallocate, "host files: only the length is made to fit"),
    full(294, "inotify_init1", inotify_init1),
    partial(300, "fanotify_init", refuse, ROOT_ONLY),
    partial(303, "name_to_handle_at", no_handles, "EOPNOTSUPP: no file system has handles"),
    partial(304, "open_by_handle_at", refuse, ROOT_ONLY),
    ignored(306, "syncfs", check_file, "the host writes its files by itself"),
    partial(319, "memfd_create", memfd_create, "no huge pages"),
    partial(428, "open_tree", refuse, ROOT_ONLY),
    partial(429, "move_mount", refuse, ROOT_ONLY),
    partial(430, "fsopen", refuse, ROOT_ONLY),
    partial(431, "fsconfig", refuse, ROOT_ONLY),
    partial(432, "fsmount", refuse, ROOT_ONLY),
    partial(433, "fspick", refuse, ROOT_ONLY),
    partial(442, "mount_setattr", refuse, ROOT_ONLY),
];

fn nothing(_: &Args<'_>) -> Result<u64> {
    Ok(0)
}

fn refuse(_: &Args<'_>) -> Result<u64> {
    Err(Errno::EPERM)
}

fn no_handles(args: &Args<'_>) -> Result<u64> {
    const AT_SYMLINK_FOLLOW: u32 = 0x400;
    lookup(args, args.int(0), &path(args, 1)?, args.uint(4) & AT_SYMLINK_FOLLOW != 0)?;
    Err(Errno::EOPNOTSUPP)
}

fn check_file(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    match file.file.stat()?.kind {
        FileKind::Fifo | FileKind::Socket => Err(Errno::ESPIPE),
        _ => Ok(0),
    }
}

fn fadvise(args: &Args<'_>) -> Result<u64> {
    const POSIX_FADV_NOREUSE: i32 = 5;
    check_file(args)?;
    let known = (0..=POSIX_FADV_NOREUSE).contains(&args.int(3));
    if known && args.long(2) >= 0 { Ok(0) } else { Err(Errno::EINVAL) }
}

fn sync_file_range(args: &Args<'_>) -> Result<u64> {
    const ALL_FLAGS: u32 = 7;
    let (offset, length) = (args.long(1), args.long(2));
    let good = offset >= 0 && length >= 0 && offset.checked_add(length).is_some();
    if !good || args.uint(3) & !ALL_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    check_file(args)
}

fn fsync(args: &Args<'_>) -> Result<u64> {
    args.file(0)?.file.sync()?;
    Ok(0)
}

fn length_argument(args: &Args<'_>) -> Result<u64> {
    u64::try_from(args.long(1)).map_err(|_| Errno::EINVAL)
}

fn truncate(args: &Args<'_>) -> Result<u64> {
    const O_WRONLY: u32 = 1;
    let length = length_argument(args)?;
    let dentry = lookup(args, AT_FDCWD, &path(args, 0)?, true)?;
    match dentry.inode.kind() {
        FileKind::Regular => {}
        FileKind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    let cred = Credentials::current();
    cred.check(&*dentry.inode, WRITE)?;
    let _writing = Use::to_write(dentry.inode.id())?;
    let file = dentry.inode.clone().open(O_WRONLY)?;
    change_length(&*file, length)?;
    inotify::cut(&dentry);
    Ok(0)
}

/// Whether a file may grow to `length` (`RLIMIT_FSIZE`); any may shrink.
fn check_growth(stat: &Stat, length: u64) -> Result<()> {
    if stat.kind == FileKind::Regular && length > stat.size { io::check_length(length) } else { Ok(()) }
}

fn change_length(file: &dyn File, length: u64) -> Result<()> {
    let stat = file.stat()?;
    check_growth(&stat, length)?;
    file.truncate(length)?;
    if length < stat.size && tmpfs::is_file(file) {
        mm::cut(task::current().process(), InodeId { dev: stat.dev, ino: stat.ino }, length)?;
    }
    Ok(())
}

fn ftruncate(args: &Args<'_>) -> Result<u64> {
    let file = args.file(0)?;
    let length = length_argument(args)?;
    if !file.writable() {
        return Err(Errno::EINVAL);
    }
    change_length(&*file.file, length)?;
    inotify::modified(&file);
    Ok(0)
}

fn fallocate(args: &Args<'_>) -> Result<u64> {
    const FALLOC_KEEP_SIZE: u32 = 1;
    let file = args.file(0)?;
    let offset = u64::try_from(args.long(2)).map_err(|_| Errno::EINVAL)?;
    let length = u64::try_from(args.long(3)).ok().filter(|length| *length > 0).ok_or(Errno::EINVAL)?;
    if !file.writable() {
        return Err(Errno::EBADF);
    }
    let stat = file.file.stat()?;
    match stat.kind {
        FileKind::Regular => {}
        FileKind::Fifo => return Err(Errno::ESPIPE),
        _ => return Err(Errno::ENODEV),
    }
    if args.uint(1) & FALLOC_KEEP_SIZE == 0 {
        check_growth(&stat, offset.saturating_add(length))?;
    }
    file.file.allocate(args.uint(1), offset, length)?;
    inotify::modified(&file);
    Ok(0)
}

fn memfd_create(args: &Args<'_>) -> Result<u64> {
    const MFD_CLOEXEC: u32 = 1;
    const MFD_ALLOW_SEALING: u32 = 2;
    const MFD_NOEXEC_SEAL: u32 = 8;
    const MFD_EXEC: u32 = 16;
    const MAX_NAME: usize = 250;
    let flags = args.uint(1);
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = user::read_cstr(args.word(0), MAX_NAME).map_err(|error| match error {
        Errno::ENAMETOOLONG => Errno::EINVAL,
        error => error,
    })?;
    let name = String::from_utf8_lossy(&name);
    let sealing = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) != 0;
    let executable = flags & MFD_NOEXEC_SEAL == 0;
    let open = tmpfs::memfd(&name, sealing, executable, &Credentials::current());
    let files = args.thread.process().files();
    files.insert(open, flags & MFD_CLOEXEC != 0, 0).map(|fd| fd as u64)
}

fn make_inotify(args: &Args<'_>, flags: u32) -> Result<u64> {
    const IN_CLOEXEC: u32 = 0o2000000;
    if flags & !(IN_CLOEXEC | OpenFile::NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let files = args.thread.process().files();
    files.insert(Inotify::open(flags), flags & IN_CLOEXEC != 0, 0).map(|fd| fd as u64)
}

fn inotify_init(args: &Args<'_>) -> Result<u64> {
    make_inotify(args, 0)
}

fn inotify_init1(args: &Args<'_>) -> Result<u64> {
    make_inotify(args, args.uint(0))
}

/// The inotify instance behind a descriptor argument.
fn inotify_of(file: &Arc<OpenFile>) -> Result<Arc<Inotify>> {
    let any: Arc<dyn core::any::Any + Send + Sync> = file.file.clone();
    any.downcast::<Inotify>().map_err(|_| Errno::EINVAL)
}

fn inotify_add_watch(args: &Args<'_>) -> Result<u64> {
    const IN_ONLYDIR: u32 = 0x0100_0000;
    const IN_DONT_FOLLOW: u32 = 0x0200_0000;
    let instance = inotify_of(&args.file(0)?)?;
    let mask = args.uint(2);
    let dentry = lookup(args, AT_FDCWD, &path(args, 1)?, mask & IN_DONT_FOLLOW == 0)?;
    if mask & IN_ONLYDIR != 0 && dentry.inode.kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    Credentials::current().check(&*dentry.inode, crate::vfs::READ)?;
    instance.watch(&dentry, mask).map(|watch| watch as u64)
}

fn inotify_rm_watch(args: &Args<'_>) -> Result<u64> {
    inotify_of(&args.file(0)?)?.unwatch(args.int(1))?;
    Ok(0)
}
