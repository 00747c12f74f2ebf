//! Permission checks by mode bits (`path_resolution(7)`).

use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::vfs::{Inode, Owner};

/// `X_OK`
pub const EXECUTE: u32 = 1;
/// `W_OK`
pub const WRITE: u32 = 2;
/// `R_OK`
pub const READ: u32 = 4;
const STICKY: u32 = 0o1000;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// File system user id.
    pub uid: u32,
    /// File system group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

impl Credentials {
    /// Those of the calling process.
    pub fn current() -> Self {
        let (uid, gid) = crate::task::current_ids();
        Self { uid, gid, groups: Vec::new() }
    }

    /// Whether permission bits do not count (`CAP_DAC_OVERRIDE`).
    pub fn privileged(&self) -> bool {
        self.uid == 0
    }

    /// Whether a group is one of theirs.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether `mask` ([`READ`], [`WRITE`], [`EXECUTE`]) is allowed.
    ///
    /// # Errors
    /// `EACCES`
    pub fn check_owner(&self, owner: Owner, directory: bool, mask: u32) -> Result<()> {
        if self.privileged() && (directory || mask & EXECUTE == 0 || owner.mode & 0o111 != 0) {
            return Ok(());
        }
        let bits = if owner.uid == self.uid {
            owner.mode >> 6
        } else if self.in_group(owner.gid) {
            owner.mode >> 3
        } else {
            owner.mode
        };
        if mask & !bits & 7 == 0 { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// Whether `mask` is allowed on an inode.
    ///
    /// # Errors
    /// `EACCES`; `EROFS` for writing to what can't be changed.
    pub fn check(&self, inode: &dyn Inode, mask: u32) -> Result<()> {
        use crate::vfs::FileKind::{Directory, Regular, Symlink};
        let kind = inode.kind();
        if mask & WRITE != 0
            && matches!(kind, Regular | Directory | Symlink)
            && inode.file_system().read_only()
        {
            return Err(Errno::EROFS);
        }
        self.check_owner(inode.owner()?, kind == Directory, mask)
    }

    /// Whether a name may be removed from `directory` or replaced there: the sticky bit.
    ///
    /// # Errors
    /// `EPERM`
    pub fn check_sticky(&self, directory: &dyn Inode, victim: &dyn Inode) -> Result<()> {
        let parent = directory.owner()?;
        if parent.mode & STICKY == 0 || self.privileged() || parent.uid == self.uid {
            return Ok(());
        }
        if victim.owner()?.uid == self.uid { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Whether they own an inode.
    ///
    /// # Errors
    /// `EPERM`
    pub fn check_owns(&self, inode: &dyn Inode) -> Result<()> {
        if self.privileged() || inode.owner()?.uid == self.uid { Ok(()) } else { Err(Errno::EPERM) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_bits() {
        let someone = Credentials { uid: 1000, gid: 100, groups: alloc::vec![7] };
        let owner = |mode, uid, gid| Owner { mode, uid, gid };
        assert!(someone.check_owner(owner(0o600, 1000, 0), false, READ | WRITE).is_ok());
        assert_eq!(someone.check_owner(owner(0o077, 1000, 0), false, READ), Err(Errno::EACCES));
        assert!(someone.check_owner(owner(0o040, 0, 7), false, READ).is_ok());
        assert_eq!(someone.check_owner(owner(0o604, 0, 7), false, READ), Err(Errno::EACCES));
        let root = Credentials { uid: 0, gid: 0, groups: Vec::new() };
        assert_eq!(root.check_owner(owner(0o644, 1, 1), false, EXECUTE), Err(Errno::EACCES));
        assert!(root.check_owner(owner(0, 1, 1), true, EXECUTE).is_ok());
    }
}
