//! Names: making, moving, removing them, and the working directory.

use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::syscall::Args;
use crate::syscall::at::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, lookup, path, walk};
use crate::syscall::table::{Call, full, partial};
use crate::user;
use crate::vfs::{self, Creation, Credentials, Dentry, EXECUTE, FileKind, NewInode};

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    full(79, "getcwd", getcwd),
    full(80, "chdir", chdir),
    full(81, "fchdir", fchdir),
    full(82, "rename", rename),
    full(83, "mkdir", mkdir),
    full(84, "rmdir", rmdir),
    full(86, "link", link),
    full(87, "unlink", unlink),
    full(88, "symlink", symlink),
    full(89, "readlink", readlink),
    full(95, "umask", umask),
    partial(133, "mknod", mknod, "device nodes: EPERM"),
    full(258, "mkdirat", mkdirat),
    partial(259, "mknodat", mknodat, "device nodes: EPERM"),
    full(263, "unlinkat", unlinkat),
    full(264, "renameat", renameat),
    full(265, "linkat", linkat),
    full(266, "symlinkat", symlinkat),
    full(267, "readlinkat", readlinkat),
    partial(316, "renameat2", renameat2, "no RENAME_WHITEOUT"),
];

fn getcwd(args: &Args<'_>) -> Result<u64> {
    let cwd = args.thread.process().fs.lock().cwd.clone();
    if cwd.is_deleted() {
        return Err(Errno::ENOENT);
    }
    let mut path = vfs::bytes::to_bytes(&cwd.path()).into_owned();
    path.push(0);
    if path.len() as u64 > args.word(1) {
        return Err(Errno::ERANGE);
    }
    user::copy_out(args.word(0), &path)?;
    Ok(path.len() as u64)
}

fn change_directory(args: &Args<'_>, directory: Arc<Dentry>) -> Result<u64> {
    if directory.inode.kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    Credentials::current().check(&*directory.inode, EXECUTE)?;
    let old = core::mem::replace(&mut args.thread.process().fs.lock().cwd, directory);
    drop(old);
    Ok(0)
}

fn chdir(args: &Args<'_>) -> Result<u64> {
    change_directory(args, lookup(args, AT_FDCWD, &path(args, 0)?, true)?)
}

fn fchdir(args: &Args<'_>) -> Result<u64> {
    let file = args.thread.process().files().get_any(args.int(0))?;
    change_directory(args, file.dentry.clone().ok_or(Errno::ENOTDIR)?)
}

fn umask(args: &Args<'_>) -> Result<u64> {
    let mut fs = args.thread.process().fs.lock();
    let old = core::mem::replace(&mut fs.umask, args.uint(0) & 0o777);
    Ok(u64::from(old))
}

fn make(args: &Args<'_>, directory: i32, name: usize, what: NewInode<'_>, mode: u32) -> Result<u64> {
    let path = path(args, name)?;
    let cred = Credentials::current();
    let mode = mode & 0o7777 & !args.thread.process().fs.lock().umask;
    let walked = walk(args, directory, &path, false, &cred)?;
    vfs::create(&walked, &Creation { what, mode, uid: cred.uid, gid: cred.gid }, &cred)?;
    Ok(0)
}

fn mkdir(args: &Args<'_>) -> Result<u64> {
    make(args, AT_FDCWD, 0, NewInode::Directory, args.uint(1) & 0o1777)
}

fn mkdirat(args: &Args<'_>) -> Result<u64> {
    make(args, args.int(0), 1, NewInode::Directory, args.uint(2) & 0o1777)
}

fn make_node(args: &Args<'_>, directory: i32, name: usize, mode: u32) -> Result<u64> {
    const S_IFMT: u32 = 0o170000;
    const S_IFREG: u32 = 0o100000;
    const S_IFIFO: u32 = 0o010000;
    const S_IFSOCK: u32 = 0o140000;
    const S_IFDIR: u32 = 0o040000;
    let what = match mode & S_IFMT {
        0 | S_IFREG => NewInode::Regular,
        S_IFIFO => NewInode::Fifo,
        // A socket without an endpoint: connecting to it is refused.
        S_IFSOCK => NewInode::Socket(Arc::new(())),
        S_IFDIR => return Err(Errno::EPERM),
        _ => return Err(Errno::EPERM),
    };
    make(args, directory, name, what, mode)
}

fn mknod(args: &Args<'_>) -> Result<u64> {
    make_node(args, AT_FDCWD, 0, args.uint(1))
}

fn mknodat(args: &Args<'_>) -> Result<u64> {
    make_node(args, args.int(0), 1, args.uint(2))
}

fn remove(args: &Args<'_>, directory: i32, name: usize, is_directory: bool) -> Result<u64> {
    let path = path(args, name)?;
    let cred = Credentials::current();
    vfs::unlink(&walk(args, directory, &path, false, &cred)?, is_directory, &cred)?;
    Ok(0)
}

fn unlink(args: &Args<'_>) -> Result<u64> {
    remove(args, AT_FDCWD, 0, false)
}

fn rmdir(args: &Args<'_>) -> Result<u64> {
    remove(args, AT_FDCWD, 0, true)
}

fn unlinkat(args: &Args<'_>) -> Result<u64> {
    const AT_REMOVEDIR: u32 = 0x200;
    let flags = args.uint(2);
    if flags & !AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    remove(args, args.int(0), 1, flags != 0)
}

fn make_link(args: &Args<'_>, from: i32, old: usize, to: i32, new: usize, flags: u32) -> Result<u64> {
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let cred = Credentials::current();
    let old_path = path(args, old)?;
    let target = if old_path.is_empty() && flags & AT_EMPTY_PATH != 0 {
        args.thread.process().files().get_any(from)?.dentry.clone().ok_or(Errno::EXDEV)?
    } else {
        walk(args, from, &old_path, flags & AT_SYMLINK_FOLLOW != 0, &cred)?.existing()?
    };
    let new_path = path(args, new)?;
    vfs::link(&target, &walk(args, to, &new_path, false, &cred)?, &cred)?;
    Ok(0)
}

fn link(args: &Args<'_>) -> Result<u64> {
    make_link(args, AT_FDCWD, 0, AT_FDCWD, 1, 0)
}

fn linkat(args: &Args<'_>) -> Result<u64> {
    make_link(args, args.int(0), 1, args.int(2), 3, args.uint(4))
}

fn make_symlink(args: &Args<'_>, target: usize, directory: i32, name: usize) -> Result<u64> {
    let target = path(args, target)?;
    let path = path(args, name)?;
    let cred = Credentials::current();
    vfs::symlink(&walk(args, directory, &path, false, &cred)?, &target, &cred)?;
    Ok(0)
}

fn symlink(args: &Args<'_>) -> Result<u64> {
    make_symlink(args, 0, AT_FDCWD, 1)
}

fn symlinkat(args: &Args<'_>) -> Result<u64> {
    make_symlink(args, 0, args.int(1), 2)
}

fn read_link(args: &Args<'_>, directory: i32, name: usize, buffer: usize) -> Result<u64> {
    let room = args.int(buffer + 1);
    let room = usize::try_from(room).ok().filter(|room| *room > 0).ok_or(Errno::EINVAL)?;
    let path = path(args, name)?;
    let dentry = if path.is_empty() && directory != AT_FDCWD {
        // An O_PATH descriptor of the link itself.
        args.thread.process().files().get_any(directory)?.dentry.clone().ok_or(Errno::ENOENT)?
    } else {
        lookup(args, directory, &path, false)?
    };
    let target = match dentry.inode.read_link() {
        Err(Errno::EINVAL) if path.is_empty() => return Err(Errno::ENOENT),
        result => result?,
    };
    let target = vfs::bytes::to_bytes(&target);
    let bytes = &target[..target.len().min(room)];
    user::copy_out(args.word(buffer), bytes)?;
    Ok(bytes.len() as u64)
}

fn readlink(args: &Args<'_>) -> Result<u64> {
    read_link(args, AT_FDCWD, 0, 1)
}

fn readlinkat(args: &Args<'_>) -> Result<u64> {
    read_link(args, args.int(0), 1, 2)
}

fn move_name(args: &Args<'_>, from: i32, old: usize, to: i32, new: usize, flags: u32) -> Result<u64> {
    let (old_path, new_path) = (path(args, old)?, path(args, new)?);
    let cred = Credentials::current();
    let old = walk(args, from, &old_path, false, &cred)?;
    let new = walk(args, to, &new_path, false, &cred)?;
    vfs::rename(&old, &new, flags, &cred)?;
    Ok(0)
}

fn rename(args: &Args<'_>) -> Result<u64> {
    move_name(args, AT_FDCWD, 0, AT_FDCWD, 1, 0)
}

fn renameat(args: &Args<'_>) -> Result<u64> {
    move_name(args, args.int(0), 1, args.int(2), 3, 0)
}

fn renameat2(args: &Args<'_>) -> Result<u64> {
    move_name(args, args.int(0), 1, args.int(2), 3, args.uint(4))
}
