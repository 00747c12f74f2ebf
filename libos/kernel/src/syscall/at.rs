//! Path arguments: where they start, and what they lead to.

use alloc::string::String;
use alloc::sync::Arc;

use crate::errno::{Errno, Result};
use crate::syscall::Args;
use crate::user;
use crate::vfs::{Credentials, Dentry, FileKind, OpenFile, Stat, Walk, Walked, root};

/// `AT_FDCWD`
pub(super) const AT_FDCWD: i32 = -100;
/// `AT_SYMLINK_NOFOLLOW`
pub(super) const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// `AT_SYMLINK_FOLLOW`
pub(super) const AT_SYMLINK_FOLLOW: u32 = 0x400;
/// `AT_EMPTY_PATH`
pub(super) const AT_EMPTY_PATH: u32 = 0x1000;

/// What a path or descriptor argument leads to.
pub(super) enum Target {
    /// A name.
    Name(Arc<Dentry>),
    /// An open file, given by its descriptor alone.
    File(Arc<OpenFile>),
}

impl Target {
    /// Attributes.
    pub(super) fn stat(&self) -> Result<Stat> {
        match self {
            Self::Name(dentry) => dentry.inode.stat(),
            Self::File(file) => stat_file(file),
        }
    }

    /// The name; for an open file the one by which it was opened.
    pub(super) fn dentry(&self) -> Result<Arc<Dentry>> {
        match self {
            Self::Name(dentry) => Ok(dentry.clone()),
            Self::File(file) => file.dentry.clone().ok_or(Errno::EBADF),
        }
    }
}

/// Attributes of an open file: of its inode, where that is not a regular file, so that a device's are
/// those of its node.
pub(super) fn stat_file(file: &OpenFile) -> Result<Stat> {
    match &file.dentry {
        Some(dentry) if dentry.inode.kind() != FileKind::Regular => dentry.inode.stat(),
        _ => file.file.stat(),
    }
}

/// Reads a path argument.
pub(super) fn path(args: &Args<'_>, index: usize) -> Result<String> {
    user::read_path(args.word(index))
}

/// Where a path starts.
pub(super) fn start(args: &Args<'_>, directory: i32, path: &str) -> Result<Arc<Dentry>> {
    if path.starts_with('/') {
        return Ok(root());
    }
    if directory == AT_FDCWD {
        return Ok(args.thread.process().fs.lock().cwd.clone());
    }
    let file = args.thread.process().files().get_any(directory)?;
    let dentry = file.dentry.clone().ok_or(Errno::ENOTDIR)?;
    if path.is_empty() || dentry.inode.kind() == FileKind::Directory {
        Ok(dentry)
    } else {
        Err(Errno::ENOTDIR)
    }
}

/// Walks to where a path leads; its last component may be missing.
pub(super) fn walk(
    args: &Args<'_>,
    directory: i32,
    path: &str,
    follow: bool,
    cred: &Credentials,
) -> Result<Walked> {
    Walk::new(cred).walk(&start(args, directory, path)?, path, follow)
}

/// What a path leads to, to be looked at.
pub(super) fn lookup(args: &Args<'_>, directory: i32, path: &str, follow: bool) -> Result<Arc<Dentry>> {
    let cred = Credentials::current();
    let mut walk = Walk::new(&cred);
    walk.look = true;
    walk.find(&start(args, directory, path)?, path, follow)
}

/// What a path at `address` leads to, or the descriptor itself with `AT_EMPTY_PATH`; `flags` are `AT_*`.
pub(super) fn target(args: &Args<'_>, directory: i32, address: u64, flags: u32) -> Result<Target> {
    let empty = flags & AT_EMPTY_PATH != 0;
    let path = if empty && address == 0 { String::new() } else { user::read_path(address)? };
    if path.is_empty() && empty {
        if directory == AT_FDCWD {
            return Ok(Target::Name(args.thread.process().fs.lock().cwd.clone()));
        }
        return Ok(Target::File(args.thread.process().files().get_any(directory)?));
    }
    lookup(args, directory, &path, flags & AT_SYMLINK_NOFOLLOW == 0).map(Target::Name)
}
