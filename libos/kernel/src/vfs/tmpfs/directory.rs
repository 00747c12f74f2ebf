//! tmpfs directories. A name may stand for an inode of another file system: that is a mount.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::vfs::tmpfs::inode::{Body, DEVICE, TmpInode};
use crate::vfs::{DirEntry, FileKind, Inode, rename_exchange_flag};

/// The names in a directory.
#[derive(Default)]
pub(super) struct Directory {
    names: BTreeMap<String, Arc<dyn Inode>>,
    /// Removed: nothing can be added any more.
    dead: bool,
}

impl Directory {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    fn put(&mut self, name: &str, inode: Arc<dyn Inode>) -> Result<()> {
        if self.dead {
            return Err(Errno::ENOENT);
        }
        if self.names.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        self.names.insert(name.to_string(), inode);
        Ok(())
    }
}

/// Renames go one at a time, so that two directories can be locked in any order.
static RENAMES: Mutex<()> = Mutex::new(());

fn as_tmp(inode: &Arc<dyn Inode>) -> Option<&TmpInode> {
    inode.as_any().downcast_ref()
}

/// Marks a directory that loses its name as dead, if it is empty.
fn bury(inode: &Arc<dyn Inode>) -> Result<()> {
    if inode.id().dev != DEVICE {
        return Err(Errno::EBUSY);
    }
    if let Some(TmpInode { body: Body::Directory(directory), .. }) = as_tmp(inode) {
        let mut directory = directory.lock();
        if !directory.names.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        directory.dead = true;
    }
    Ok(())
}

/// Counts a lost name.
fn unlinked(inode: &Arc<dyn Inode>) {
    if let Some(inode) = as_tmp(inode) {
        inode.change_links(if inode.kind() == FileKind::Directory { -2 } else { -1 });
    }
}

impl TmpInode {
    fn names_of(&self) -> Result<&Mutex<Directory>> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<dyn Inode>> {
        self.names_of()?.lock().names.get(name).cloned().ok_or(Errno::ENOENT)
    }

    pub(super) fn names(&self) -> Result<Vec<DirEntry>> {
        let directory = self.names_of()?.lock();
        let entries = directory.names.iter();
        Ok(entries
            .map(|(name, inode)| DirEntry {
                name: name.as_str().into(),
                ino: inode.id().ino,
                kind: inode.kind(),
            })
            .collect())
    }

    /// Adds a name; also how a file system is mounted.
    ///
    /// # Errors
    /// `EEXIST`; `ENOENT` in a removed directory.
    pub fn add(&self, name: &str, inode: Arc<dyn Inode>) -> Result<()> {
        let directory = inode.kind() == FileKind::Directory;
        self.names_of()?.lock().put(name, inode)?;
        if directory {
            self.change_links(1);
        }
        self.touch();
        Ok(())
    }

    /// Puts an inode at a name, whatever it stood for.
    ///
    /// # Errors
    /// `ENOTDIR`
    pub fn replace(&self, name: &str, inode: Arc<dyn Inode>) -> Result<()> {
        let old = self.names_of()?.lock().names.remove(name);
        drop(old);
        self.add(name, inode)
    }

    pub(super) fn remove(&self, name: &str, directory: bool) -> Result<()> {
        let mut names = self.names_of()?.lock();
        let inode = names.names.get(name).cloned().ok_or(Errno::ENOENT)?;
        match (directory, inode.kind() == FileKind::Directory) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            _ => bury(&inode)?,
        }
        let removed = names.names.remove(name);
        drop(names);
        if directory {
            self.change_links(-1);
        }
        unlinked(&inode);
        drop(removed);
        self.touch();
        Ok(())
    }

    pub(super) fn move_name(&self, name: &str, to: &Self, to_name: &str, flags: u32) -> Result<()> {
        let serial = RENAMES.lock();
        let source = self.find(name)?;
        let target = to.names_of()?.lock().names.get(to_name).cloned();
        if source.id().dev != DEVICE {
            return Err(Errno::EBUSY);
        }
        if flags & rename_exchange_flag() != 0 {
            let target = target.ok_or(Errno::ENOENT)?;
            self.names_of()?.lock().names.insert(name.to_string(), target.clone());
            to.names_of()?.lock().names.insert(to_name.to_string(), source.clone());
            self.count_moved(&source, to);
            to.count_moved(&target, self);
        } else {
            if let Some(target) = &target {
                bury(target)?;
            }
            let mut to_names = to.names_of()?.lock();
            if to_names.dead {
                return Err(Errno::ENOENT);
            }
            to_names.names.insert(to_name.to_string(), source.clone());
            drop(to_names);
            self.names_of()?.lock().names.remove(name);
            self.count_moved(&source, to);
            if let Some(target) = &target {
                unlinked(target);
                if target.kind() == FileKind::Directory {
                    to.change_links(-1);
                }
            }
        }
        drop(serial);
        self.touch();
        to.touch();
        if let Some(source) = as_tmp(&source) {
            source.change_links(0);
        }
        Ok(())
    }

    /// A directory's `..` counts as a link of the directory it is in.
    fn count_moved(&self, inode: &Arc<dyn Inode>, to: &Self) {
        if inode.kind() == FileKind::Directory {
            self.change_links(-1);
            to.change_links(1);
        }
    }
}
