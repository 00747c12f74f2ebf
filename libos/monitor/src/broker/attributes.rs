//! Host attributes as the instance is shown them.

use bailey_abi::stream::{Attributes, Kind};
use rustix::fs::{FileType, Stat};

use super::Root;

/// The id that stands for everybody else, as Linux shows an unmapped one.
const NOBODY: u32 = 65534;
const ROOT: u32 = 0;

/// Who the instance's processes are, and who the monitor is on the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    /// User and group id in the instance.
    pub guest: (u32, u32),
    /// User and group id of the monitor, as its user namespace has them.
    pub host: (u32, u32),
}

impl Owner {
    /// Everything in a system tree is shown as root's: nearly all of it is, and a user namespace hides
    /// whose the rest is. Elsewhere, what is the monitor's own is the instance's user's.
    fn show(self, root: Option<&Root>, uid: u32, gid: u32) -> (u32, u32) {
        if root.is_some_and(|root| root.public_only) {
            return (ROOT, ROOT);
        }
        let show = |id: u32, host: u32, guest: u32| match id {
            _ if id == host => guest,
            ROOT => ROOT,
            _ => NOBODY,
        };
        (show(uid, self.host.0, self.guest.0), show(gid, self.host.1, self.guest.1))
    }

    /// Attributes of something below `root` (or of a stream that lies below none).
    pub(super) fn attributes(self, root: Option<&Root>, stat: &Stat) -> Attributes {
        let (uid, gid) = self.show(root, stat.st_uid, stat.st_gid);
        let nanoseconds = |value: u64| u32::try_from(value).unwrap_or(0);
        Attributes {
            kind: kind(FileType::from_raw_mode(stat.st_mode)),
            mode: stat.st_mode & 0o7777,
            uid,
            gid,
            dev: stat.st_dev,
            ino: stat.st_ino,
            nlink: stat.st_nlink,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
            atime: (stat.st_atime, nanoseconds(stat.st_atime_nsec)),
            mtime: (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
            ctime: (stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
        }
    }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::RegularFile | FileType::Unknown => Kind::Regular,
    }
}
