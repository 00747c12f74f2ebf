//! Inodes without a name: pipes, sockets, eventfds and their kin.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::vfs::{FileKind, Stat};

static NEXT: AtomicU64 = AtomicU64::new(1000);

/// A fresh inode number.
pub fn inode_number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Attributes of such an inode, owned by the instance's user.
pub fn stat(kind: FileKind, mode: u32, ino: u64) -> Stat {
    let (uid, gid) = crate::task::current_ids();
    Stat {
        kind,
        mode,
        uid,
        gid,
        dev: match kind {
            FileKind::Fifo => 14,
            FileKind::Socket => 8,
            _ => 15,
        },
        ino,
        nlink: 1,
        rdev: 0,
        size: 0,
        block_size: 4096,
        blocks: 0,
        atime: (0, 0),
        mtime: (0, 0),
        ctime: (0, 0),
    }
}
