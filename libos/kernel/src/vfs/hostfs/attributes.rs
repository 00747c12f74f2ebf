//! What the host says of a file.

use bailey_abi::stream::{Attributes, Kind};

use crate::time::{Clock, now};
use crate::vfs::hostfs::tree::Tree;
use crate::vfs::{FileKind, Stat};

/// `S_IFMT`
pub(super) fn kind_of(kind: Kind) -> FileKind {
    match kind {
        Kind::Regular => FileKind::Regular,
        Kind::Directory => FileKind::Directory,
        Kind::Symlink => FileKind::Symlink,
        Kind::CharDevice => FileKind::CharDevice,
        Kind::BlockDevice => FileKind::BlockDevice,
        Kind::Fifo => FileKind::Fifo,
        Kind::Socket => FileKind::Socket,
    }
}

/// As `stat(2)` shows them.
pub(super) fn stat_of(attributes: &Attributes) -> Stat {
    Stat {
        kind: kind_of(attributes.kind),
        mode: attributes.mode,
        uid: attributes.uid,
        gid: attributes.gid,
        dev: attributes.dev,
        ino: attributes.ino,
        nlink: attributes.nlink,
        rdev: 0,
        size: attributes.size,
        block_size: 4096,
        blocks: attributes.blocks,
        atime: attributes.atime,
        mtime: attributes.mtime,
        ctime: attributes.ctime,
    }
}

/// Whether a read of what has these attributes changes its access time (`relatime` of mount(8)).
pub(super) fn is_read_news(tree: &Tree, attributes: &Attributes) -> bool {
    const DAY: i64 = 24 * 60 * 60;
    let old = || now(Clock::Realtime).as_secs() as i64 - attributes.atime.0 >= DAY;
    !tree.immutable && (attributes.atime <= attributes.mtime.max(attributes.ctime) || old())
}
