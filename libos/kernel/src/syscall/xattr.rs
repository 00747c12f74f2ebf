//! Extended attributes (`xattr(7)`): `user.*` on the instance's own files; host files have none.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::syscall::Args;
use crate::syscall::at::{AT_FDCWD, lookup, path};
use crate::syscall::table::{Call, partial};
use crate::user;
use crate::vfs::{Credentials, Dentry, FileKind, READ, WRITE};

const NOTE: &str = "user.* on the instance's own files only";

/// This family's part of the table.
pub(super) const CALLS: &[Call] = &[
    partial(188, "setxattr", setxattr, NOTE),
    partial(189, "lsetxattr", lsetxattr, NOTE),
    partial(190, "fsetxattr", fsetxattr, NOTE),
    partial(191, "getxattr", getxattr, NOTE),
    partial(192, "lgetxattr", lgetxattr, NOTE),
    partial(193, "fgetxattr", fgetxattr, NOTE),
    partial(194, "listxattr", listxattr, NOTE),
    partial(195, "llistxattr", llistxattr, NOTE),
    partial(196, "flistxattr", flistxattr, NOTE),
    partial(197, "removexattr", removexattr, NOTE),
    partial(198, "lremovexattr", lremovexattr, NOTE),
    partial(199, "fremovexattr", fremovexattr, NOTE),
];

const MAX_NAME: usize = 256;
const MAX_VALUE: u64 = 65536;

fn by_path(args: &Args<'_>, follow: bool) -> Result<Arc<Dentry>> {
    lookup(args, AT_FDCWD, &path(args, 0)?, follow)
}

/// The name of an open file; none for a pipe or socket, which has no attributes.
fn by_file(args: &Args<'_>) -> Result<Arc<Dentry>> {
    args.file(0)?.dentry.clone().ok_or(Errno::EOPNOTSUPP)
}

fn name_argument(args: &Args<'_>) -> Result<String> {
    let bytes = user::read_cstr(args.word(1), MAX_NAME).map_err(|error| match error {
        Errno::ENAMETOOLONG => Errno::ERANGE,
        error => error,
    })?;
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty()).ok_or(Errno::ERANGE)
}

/// Gives a value out; without room only its length.
fn give(address: u64, room: u64, value: &[u8]) -> Result<u64> {
    if room > 0 {
        if (value.len() as u64) > room {
            return Err(Errno::ERANGE);
        }
        user::copy_out(address, value)?;
    }
    Ok(value.len() as u64)
}

fn get(args: &Args<'_>, dentry: &Dentry) -> Result<u64> {
    let name = name_argument(args)?;
    let inode = &dentry.inode;
    if !name.starts_with("user.") {
        let known =
            ["security.", "system.posix_acl_", "trusted."].iter().any(|prefix| name.starts_with(prefix));
        return Err(if known { Errno::ENODATA } else { Errno::EOPNOTSUPP });
    }
    Credentials::current().check(&**inode, READ)?;
    let value = inode.xattrs().ok_or(Errno::ENODATA)?.get(&name)?;
    give(args.word(2), args.word(3), &value)
}

fn set(args: &Args<'_>, dentry: &Dentry) -> Result<u64> {
    let name = name_argument(args)?;
    let (length, flags) = (args.word(3), args.uint(4));
    if flags > 2 {
        return Err(Errno::EINVAL);
    }
    if length > MAX_VALUE {
        return Err(Errno::E2BIG);
    }
    let inode = &dentry.inode;
    writable_name(&name)?;
    if !matches!(inode.kind(), FileKind::Regular | FileKind::Directory) {
        // xattr(7): other kinds have no permissions by which to tell who may.
        return Err(Errno::EPERM);
    }
    Credentials::current().check(&**inode, WRITE)?;
    let mut value = alloc::vec![0; length as usize];
    user::copy_in(&mut value, args.word(2))?;
    inode.xattrs().ok_or(Errno::EOPNOTSUPP)?.set(&name, &value, flags)?;
    Ok(0)
}

/// Whether a program may set an attribute of that name.
fn writable_name(name: &str) -> Result<()> {
    if name.starts_with("user.") {
        Ok(())
    } else if name.starts_with("trusted.") || name.starts_with("security.") {
        Err(Errno::EPERM)
    } else {
        Err(Errno::EOPNOTSUPP)
    }
}

fn list(args: &Args<'_>, dentry: &Dentry) -> Result<u64> {
    let mut names: Vec<u8> = Vec::new();
    if let Some(xattrs) = dentry.inode.xattrs() {
        for name in xattrs.list() {
            names.extend_from_slice(name.as_bytes());
            names.push(0);
        }
    }
    give(args.word(1), args.word(2), &names)
}

fn remove(args: &Args<'_>, dentry: &Dentry) -> Result<u64> {
    let name = name_argument(args)?;
    let inode = &dentry.inode;
    writable_name(&name)?;
    Credentials::current().check(&**inode, WRITE)?;
    inode.xattrs().ok_or(Errno::ENODATA)?.remove(&name)?;
    Ok(0)
}

fn setxattr(args: &Args<'_>) -> Result<u64> {
    set(args, &*by_path(args, true)?)
}

fn lsetxattr(args: &Args<'_>) -> Result<u64> {
    set(args, &*by_path(args, false)?)
}

fn fsetxattr(args: &Args<'_>) -> Result<u64> {
    set(args, &*by_file(args)?)
}

fn getxattr(args: &Args<'_>) -> Result<u64> {
    get(args, &*by_path(args, true)?)
}

fn lgetxattr(args: &Args<'_>) -> Result<u64> {
    get(args, &*by_path(args, false)?)
}

fn fgetxattr(args: &Args<'_>) -> Result<u64> {
    get(args, &*by_file(args)?)
}

fn listxattr(args: &Args<'_>) -> Result<u64> {
    list(args, &*by_path(args, true)?)
}

fn llistxattr(args: &Args<'_>) -> Result<u64> {
    list(args, &*by_path(args, false)?)
}

fn flistxattr(args: &Args<'_>) -> Result<u64> {
    list(args, &*by_file(args)?)
}

fn removexattr(args: &Args<'_>) -> Result<u64> {
    remove(args, &*by_path(args, true)?)
}

fn lremovexattr(args: &Args<'_>) -> Result<u64> {
    remove(args, &*by_path(args, false)?)
}

fn fremovexattr(args: &Args<'_>) -> Result<u64> {
    remove(args, &*by_file(args)?)
}
