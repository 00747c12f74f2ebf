//! Making, moving and removing names.

use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::vfs::{
    AttributeChange, Creation, Credentials, Dentry, EXECUTE, FileKind, Last, NewInode, WRITE, Walk, Walked,
    inotify, resolve, root,
};

const RENAME_NOREPLACE: u32 = 1;
const RENAME_EXCHANGE: u32 = 2;

/// `RENAME_EXCHANGE`
pub fn rename_exchange_flag() -> u32 {
    RENAME_EXCHANGE
}

/// The name that is to be made; it must be free.
fn free_name(walked: &Walked, directory: bool) -> Result<&str> {
    let Last::Name(name) = &walked.last else {
        return Err(Errno::EEXIST);
    };
    if walked.found.is_some() {
        return Err(Errno::EEXIST);
    }
    if walked.slash && !directory {
        return Err(Errno::ENOENT);
    }
    Ok(name)
}

/// `mkdir(2)`, `mknod(2)`, `symlink(2)`: makes the name that `walked` (not followed) leads to.
///
/// # Errors
/// `EEXIST`, `ENOENT`, `EACCES`, `EROFS`, and the file system's.
pub fn create(walked: &Walked, creation: &Creation<'_>, cred: &Credentials) -> Result<Arc<Dentry>> {
    let directory = matches!(creation.what, NewInode::Directory);
    let name = free_name(walked, directory)?;
    let parent = &walked.parent;
    cred.check(&*parent.inode, WRITE | EXECUTE)?;
    if parent.is_deleted() {
        return Err(Errno::ENOENT);
    }
    let mut inherited = Creation { what: NewInode::Regular, ..*creation };
    let owner = parent.inode.owner()?;
    if owner.mode & 0o2000 != 0 {
        inherited.gid = owner.gid;
        if directory {
            inherited.mode |= 0o2000;
        }
    }
    inherited.what = match &creation.what {
        NewInode::Regular => NewInode::Regular,
        NewInode::Directory => NewInode::Directory,
        NewInode::Symlink(target) => NewInode::Symlink(target),
        NewInode::Fifo => NewInode::Fifo,
        NewInode::Socket(endpoint) => NewInode::Socket(endpoint.clone()),
        NewInode::CharDevice(number) => NewInode::CharDevice(*number),
    };
    let inode = parent.inode.create(name, &inherited)?;
    inotify::created(parent, name, directory);
    Ok(parent.child(name, inode))
}

/// `symlink(2)`.
///
/// # Errors
/// As [`create`]; `ENOENT` for an empty target.
pub fn symlink(walked: &Walked, target: &str, cred: &Credentials) -> Result<()> {
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    let what = NewInode::Symlink(target);
    create(walked, &Creation { what, mode: 0o777, uid: cred.uid, gid: cred.gid }, cred).map(drop)
}

/// `unlink(2)` or, with `directory`, `rmdir(2)` of what `walked` (not followed) leads to.
///
/// # Errors
/// As those calls.
pub fn unlink(walked: &Walked, directory: bool, cred: &Credentials) -> Result<()> {
    let name = match &walked.last {
        Last::Name(name) => name,
        Last::Root if directory => return Err(Errno::EBUSY),
        Last::Dot if directory => return Err(Errno::EINVAL),
        Last::DotDot if directory => return Err(Errno::ENOTEMPTY),
        _ => return Err(Errno::EISDIR),
    };
    let victim = walked.found.as_ref().ok_or(Errno::ENOENT)?;
    let is_directory = victim.inode.kind() == FileKind::Directory;
    if walked.slash && !is_directory {
        return Err(Errno::ENOTDIR);
    }
    let parent = &walked.parent;
    cred.check(&*parent.inode, WRITE | EXECUTE)?;
    cred.check_sticky(&*parent.inode, &*victim.inode)?;
    match (directory, is_directory) {
        (true, false) => return Err(Errno::ENOTDIR),
        (false, true) => return Err(Errno::EISDIR),
        _ => {}
    }
    parent.inode.unlink(name, directory)?;
    inotify::removed(parent, name, victim, directory);
    parent.forget(name);
    Ok(())
}

/// `link(2)`: a further name for `target`.
///
/// # Errors
/// As that call.
pub fn link(target: &Arc<Dentry>, walked: &Walked, cred: &Credentials) -> Result<()> {
    let name = free_name(walked, false)?;
    let parent = &walked.parent;
    if target.inode.kind() == FileKind::Directory {
        return Err(Errno::EPERM);
    }
    if target.inode.id().dev != parent.inode.id().dev {
        return Err(Errno::EXDEV);
    }
    cred.check(&*parent.inode, WRITE | EXECUTE)?;
    parent.inode.link(name, &target.inode)?;
    inotify::created(parent, name, false);
    Ok(())
}

fn moved_name(walked: &Walked) -> Result<&String> {
    match &walked.last {
        Last::Name(name) => Ok(name),
        _ => Err(Errno::EBUSY),
    }
}

/// Whether `old` may go where `new` leads.
fn check_rename(old: &Walked, new: &Walked, flags: u32, cred: &Credentials) -> Result<()> {
    let source = old.found.as_ref().ok_or(Errno::ENOENT)?;
    let is_directory = source.inode.kind() == FileKind::Directory;
    if old.slash && !is_directory {
        return Err(Errno::ENOTDIR);
    }
    if new.slash && !is_directory && (flags & RENAME_EXCHANGE == 0 || new.found.is_none()) {
        return Err(Errno::ENOTDIR);
    }
    if is_directory && source.is_above(&new.parent) {
        return Err(Errno::EINVAL);
    }
    for parent in [&old.parent, &new.parent] {
        cred.check(&*parent.inode, WRITE | EXECUTE)?;
    }
    cred.check_sticky(&*old.parent.inode, &*source.inode)?;
    let Some(target) = &new.found else {
        return if flags & RENAME_EXCHANGE != 0 { Err(Errno::ENOENT) } else { Ok(()) };
    };
    if flags & RENAME_NOREPLACE != 0 {
        return Err(Errno::EEXIST);
    }
    cred.check_sticky(&*new.parent.inode, &*target.inode)?;
    let target_is_directory = target.inode.kind() == FileKind::Directory;
    if target.is_above(&old.parent) && target_is_directory {
        return Err(if flags & RENAME_EXCHANGE != 0 { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    if flags & RENAME_EXCHANGE == 0 {
        match (is_directory, target_is_directory) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            _ => {}
        }
    }
    Ok(())
}

/// `renameat2(2)` of what `old` leads to, to what `new` leads to (neither followed).
///
/// # Errors
/// As that call.
pub fn rename(old: &Walked, new: &Walked, flags: u32, cred: &Credentials) -> Result<()> {
    if flags & !(RENAME_NOREPLACE | RENAME_EXCHANGE) != 0 || flags == RENAME_NOREPLACE | RENAME_EXCHANGE {
        return Err(Errno::EINVAL);
    }
    let (from, to) = (moved_name(old)?, moved_name(new)?);
    if old.parent.inode.id().dev != new.parent.inode.id().dev {
        return Err(Errno::EXDEV);
    }
    check_rename(old, new, flags, cred)?;
    let source = old.found.as_ref().ok_or(Errno::ENOENT)?;
    if let Some(target) = &new.found
        && target.inode.id() == source.inode.id()
    {
        // Two names of one file: nothing happens (rename(2)).
        return Ok(());
    }
    old.parent.inode.rename(from, &new.parent.inode, to, flags)?;
    inotify::renamed(&old.parent, from, &new.parent, to, source);
    old.parent.moved(from, &new.parent, to, flags & RENAME_EXCHANGE != 0);
    Ok(())
}

/// `chmod(2)`.
///
/// # Errors
/// `EPERM`, `EROFS`
pub fn chmod(dentry: &Arc<Dentry>, mode: u32, cred: &Credentials) -> Result<()> {
    let inode = &dentry.inode;
    if inode.file_system().read_only() {
        return Err(Errno::EROFS);
    }
    cred.check_owns(&**inode)?;
    if inode.kind() == FileKind::Symlink {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut mode = mode & 0o7777;
    if !cred.privileged() && !cred.in_group(inode.owner()?.gid) {
        mode &= !0o2000;
    }
    inode.change(&AttributeChange { mode: Some(mode), ..AttributeChange::default() })?;
    inotify::attributes(dentry);
    Ok(())
}

/// Makes a socket's name (`bind(2)` of a unix socket); the inode keeps `endpoint` for who connects.
///
/// # Errors
/// `EADDRINUSE` where the name is taken, and those of path resolution.
pub fn bind_socket(
    start: &Arc<Dentry>,
    path: &str,
    endpoint: Arc<dyn Any + Send + Sync>,
    mode: u32,
    cred: &Credentials,
) -> Result<Arc<Dentry>> {
    let walked = Walk::new(cred).walk(start, path, false)?;
    let creation = Creation { what: NewInode::Socket(endpoint), mode, uid: cred.uid, gid: cred.gid };
    match create(&walked, &creation, cred) {
        Err(Errno::EEXIST) => Err(Errno::EADDRINUSE),
        result => result,
    }
}

/// The endpoint behind a socket's name (`connect(2)`).
///
/// # Errors
/// `ECONNREFUSED` for something that is no live socket, `EACCES`, and those of path resolution.
pub fn lookup_socket(
    start: &Arc<Dentry>,
    path: &str,
    cred: &Credentials,
) -> Result<Arc<dyn Any + Send + Sync>> {
    let dentry = resolve(start, path, true, cred)?;
    cred.check(&*dentry.inode, WRITE)?;
    dentry.inode.endpoint().ok_or(Errno::ECONNREFUSED)
}

fn kernel_credentials() -> Credentials {
    Credentials { uid: 0, gid: 0, groups: alloc::vec::Vec::new() }
}

/// Makes a name on the kernel's own behalf (a device node that comes up, as `/dev/pts/3`).
///
/// # Errors
/// As [`create`].
pub fn make_node(path: &str, what: NewInode<'_>, mode: u32, uid: u32, gid: u32) -> Result<Arc<Dentry>> {
    let cred = kernel_credentials();
    let walked = Walk::new(&cred).walk(&root(), path, false)?;
    create(&walked, &Creation { what, mode, uid, gid }, &cred)
}

/// Removes a name on the kernel's own behalf.
///
/// # Errors
/// As [`unlink`].
pub fn remove_node(path: &str) -> Result<()> {
    let cred = kernel_credentials();
    unlink(&Walk::new(&cred).walk(&root(), path, false)?, false, &cred)
}
