//! What `CLONE_FS` shares: working directory and umask.

use alloc::sync::Arc;

use crate::errno::Result;
use crate::vfs::{Dentry, root};

/// A process's place in the name space.
#[derive(Clone, Debug)]
pub struct FsContext {
    /// Working directory.
    pub cwd: Arc<Dentry>,
    /// Permission bits that new files do not get.
    pub umask: u32,
}

impl Default for FsContext {
    fn default() -> Self {
        Self { cwd: root(), umask: 0o022 }
    }
}

impl FsContext {
    /// At the root, before there is anything else.
    pub fn default_at_boot() -> Self {
        Self::default()
    }

    /// At `directory`, or at the root where there is no such directory.
    ///
    /// # Errors
    /// None now; the signature leaves room for a policy on missing directories.
    pub fn at(directory: &str) -> Result<Self> {
        let start = root();
        let cred = crate::vfs::Credentials { uid: 0, gid: 0, groups: alloc::vec::Vec::new() };
        let cwd = crate::vfs::resolve(&start, directory, true, &cred).unwrap_or(start);
        Ok(Self { cwd, ..Self::default() })
    }
}
