//! What the rest of the file system reports to watchers.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::vfs::inotify::watch::{any, report};
use crate::vfs::{Dentry, FileKind, OpenFile};

const IN_ACCESS: u32 = 0x1;
const IN_MODIFY: u32 = 0x2;
const IN_ATTRIB: u32 = 0x4;
const IN_CLOSE_WRITE: u32 = 0x8;
const IN_CLOSE_NOWRITE: u32 = 0x10;
const IN_OPEN: u32 = 0x20;
const IN_MOVED_FROM: u32 = 0x40;
const IN_MOVED_TO: u32 = 0x80;
const IN_CREATE: u32 = 0x100;
const IN_DELETE: u32 = 0x200;
const IN_DELETE_SELF: u32 = 0x400;
const IN_MOVE_SELF: u32 = 0x800;
const IN_ISDIR: u32 = 0x4000_0000;

fn directory_flag(directory: bool) -> u32 {
    if directory { IN_ISDIR } else { 0 }
}

/// A name has been made.
pub fn created(parent: &Arc<Dentry>, name: &str, directory: bool) {
    report(parent.inode.id(), IN_CREATE | directory_flag(directory), 0, name, false);
}

/// A name has been removed, which stood for `victim`.
pub fn removed(parent: &Arc<Dentry>, name: &str, victim: &Arc<Dentry>, directory: bool) {
    if !any() {
        return;
    }
    let flag = directory_flag(directory);
    let last = victim.inode.stat().map_or(true, |stat| directory || stat.nlink == 0);
    if !directory {
        report(victim.inode.id(), IN_ATTRIB, 0, "", false);
    }
    if last {
        report(victim.inode.id(), IN_DELETE_SELF, 0, "", true);
    }
    report(parent.inode.id(), IN_DELETE | flag, 0, name, false);
}

/// A name has moved.
pub fn renamed(from: &Arc<Dentry>, name: &str, to: &Arc<Dentry>, to_name: &str, source: &Arc<Dentry>) {
    static COOKIE: AtomicU32 = AtomicU32::new(1);
    if !any() {
        return;
    }
    let flag = directory_flag(source.inode.kind() == FileKind::Directory);
    let cookie = COOKIE.fetch_add(1, Ordering::Relaxed);
    report(from.inode.id(), IN_MOVED_FROM | flag, cookie, name, false);
    report(to.inode.id(), IN_MOVED_TO | flag, cookie, to_name, false);
    report(source.inode.id(), IN_MOVE_SELF, 0, "", false);
}

fn both(dentry: &Arc<Dentry>, mask: u32) {
    if !any() {
        return;
    }
    let mask = mask | directory_flag(dentry.inode.kind() == FileKind::Directory);
    if let Some(parent) = dentry.parent() {
        report(parent.inode.id(), mask, 0, &dentry.name(), false);
    }
    report(dentry.inode.id(), mask, 0, "", false);
}

/// Attributes have changed.
pub fn attributes(dentry: &Arc<Dentry>) {
    both(dentry, IN_ATTRIB);
}

fn of_file(open: &OpenFile, mask: u32) {
    if let Some(dentry) = &open.dentry
        && !open.is_path()
    {
        both(dentry, mask);
    }
}

/// A file has been opened.
pub fn opened(open: &OpenFile) {
    of_file(open, IN_OPEN);
}

/// A file has been read.
pub fn read(open: &OpenFile) {
    of_file(open, IN_ACCESS);
}

/// A file has been written or cut.
pub fn modified(open: &OpenFile) {
    of_file(open, IN_MODIFY);
}

/// What a name stands for has been cut, without being opened.
pub fn cut(dentry: &Arc<Dentry>) {
    both(dentry, IN_MODIFY);
}

/// The last descriptor of a description is gone.
pub fn closed(open: &OpenFile) {
    of_file(open, if open.writable() { IN_CLOSE_WRITE } else { IN_CLOSE_NOWRITE });
}
