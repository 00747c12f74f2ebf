//! Open directories (`getdents64(2)`).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::user::UserBuffers;
use crate::vfs::{Dentry, DirEntry, File, FileKind, OpenFile, Stat};

/// An open directory of any file system: a picture of its names, taken when it is first read and
/// whenever it is rewound, so that names removed meanwhile do not shift the rest.
pub struct DirectoryFile {
    dentry: Arc<Dentry>,
    names: Mutex<Option<Arc<[DirEntry]>>>,
}

impl core::fmt::Debug for DirectoryFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DirectoryFile").field("dentry", &self.dentry).finish_non_exhaustive()
    }
}

impl DirectoryFile {
    /// Opens a directory.
    pub fn new(dentry: Arc<Dentry>) -> Arc<Self> {
        Arc::new(Self { dentry, names: Mutex::new(None) })
    }

    /// The names from `.` on; taken anew where `position` is 0.
    ///
    /// # Errors
    /// `ENOENT` for a removed directory, and the file system's.
    pub fn entries(&self, position: u64) -> Result<Arc<[DirEntry]>> {
        if position > 0
            && let Some(names) = &*self.names.lock()
        {
            return Ok(names.clone());
        }
        if self.dentry.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let own = self.dentry.inode.id().ino;
        let parent = self.dentry.parent().map_or(own, |parent| parent.inode.id().ino);
        let dots = [(".", own), ("..", parent)];
        let mut names: Vec<DirEntry> = dots
            .iter()
            .map(|(name, ino)| DirEntry { name: (*name).into(), ino: *ino, kind: FileKind::Directory })
            .collect();
        names.extend(self.dentry.inode.list()?);
        let names: Arc<[DirEntry]> = names.into();
        *self.names.lock() = Some(names.clone());
        Ok(names)
    }
}

impl File for DirectoryFile {
    fn stat(&self) -> Result<Stat> {
        self.dentry.inode.stat()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn seekable(&self) -> bool {
        true
    }

    fn read(&self, _open: &OpenFile, _to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
