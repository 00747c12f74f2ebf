//! Names in directories of the host.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use bailey_abi::stream::{Attributes, OpenMode};

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::inode::{HostInode, kind_of};
use crate::vfs::tmpfs::TmpInode;
use crate::vfs::{Creation, DirEntry, FileKind, Inode, NewInode, rename_exchange_flag};

/// Most names that a directory which may change keeps in mind.
const MAX_RECENT: usize = 1024;

impl HostInode {
    /// What `name` stands for in this directory.
    pub(super) fn find(self: &Arc<Self>, name: &str) -> Result<Arc<Self>> {
        let remembered = {
            let names = self.names.lock();
            match names.known.get(name) {
                Some(Some(inode)) if self.tree.immutable || inode.kind == FileKind::Directory => {
                    return Ok(inode.clone());
                }
                Some(None) if self.tree.immutable => return Err(Errno::ENOENT),
                None if names.listed.is_some() => return Err(Errno::ENOENT),
                Some(inode) => inode.clone(),
                None => None,
            }
        };
        let before = self.tree.changes.load(Ordering::SeqCst);
        match host::attributes(&self.uri_of(name)?) {
            Ok(attributes) => Ok(self.found(name, attributes, remembered, before)),
            Err(Errno::ENOENT) => {
                self.missing(name, before);
                Err(Errno::ENOENT)
            }
            Err(error) => Err(error),
        }
    }

    /// The host has just said what `name` is.
    fn found(
        self: &Arc<Self>,
        name: &str,
        attributes: Attributes,
        remembered: Option<Arc<Self>>,
        before: u32,
    ) -> Arc<Self> {
        if let Some(inode) = remembered
            && inode.kind == kind_of(attributes.kind)
            && inode.last_known().ino == attributes.ino
        {
            inode.learn(attributes);
            return inode;
        }
        let inode = self.child(name.into(), attributes);
        self.remember(name, Some(inode.clone()), before);
        inode
    }

    fn missing(self: &Arc<Self>, name: &str, before: u32) {
        if self.tree.immutable {
            self.remember(name, None, before);
        } else {
            let old = self.names.lock().known.remove(name);
            drop(old);
        }
    }

    /// Keeps what a name stands for, if no name has changed since [`Tree::changes`] was `before`: the
    /// answer may be older than the change.
    ///
    /// [`Tree::changes`]: crate::vfs::hostfs::Tree::changes
    pub(super) fn remember(self: &Arc<Self>, name: &str, inode: Option<Arc<Self>>, before: u32) {
        let mut names = self.names.lock();
        if self.tree.changes.load(Ordering::SeqCst) != before {
            return;
        }
        let first = !core::mem::replace(&mut names.counted, true);
        let old = names.known.insert(name.into(), inode);
        let crowded = !self.tree.immutable && names.known.len() > MAX_RECENT;
        let unused = if crowded { Self::take_unused(&mut names.known) } else { Vec::new() };
        drop(names);
        drop((old, unused));
        if first && self.tree.immutable {
            cache::keeps_names(self);
        }
    }

    fn take_unused(known: &mut BTreeMap<Arc<str>, Option<Arc<Self>>>) -> Vec<Option<Arc<Self>>> {
        let names: Vec<Arc<str>> = known
            .iter()
            .filter(|(_, inode)| inode.as_ref().is_none_or(|inode| Arc::strong_count(inode) == 1))
            .map(|(name, _)| name.clone())
            .collect();
        names.iter().filter_map(|name| known.remove(name)).collect()
    }

    fn forget(&self, name: &str) -> Option<Arc<Self>> {
        self.names.lock().known.remove(name).flatten()
    }

    /// All names but `.` and `..`, in the host's order.
    pub(super) fn entries(self: &Arc<Self>) -> Result<Vec<DirEntry>> {
        let listed = match self.listed() {
            Some(listed) => listed,
            None => self.fetch_names()?,
        };
        let laid_over = self.covered.load(Ordering::Acquire);
        let mut entries: Vec<DirEntry> = Vec::with_capacity(listed.len());
        for inode in listed.iter() {
            let name = inode.name();
            if !laid_over || self.covering(&name).is_none() {
                entries.push(DirEntry { name, ino: inode.id().ino, kind: inode.kind });
            }
        }
        if laid_over {
            for (name, inode) in &*self.cover.lock() {
                entries.push(DirEntry {
                    name: name.as_str().into(),
                    ino: inode.id().ino,
                    kind: inode.kind(),
                });
            }
        }
        Ok(entries)
    }

    /// The names, where they are all known and never change.
    fn listed(&self) -> Option<Arc<[Arc<Self>]>> {
        self.names.lock().listed.clone()
    }

    /// Asks for all names, with their attributes.
    fn fetch_names(self: &Arc<Self>) -> Result<Arc<[Arc<Self>]>> {
        let before = self.tree.changes.load(Ordering::SeqCst);
        let listed = host::enumerate(&self.uri()?)?;
        let old = self.names.lock().known.clone();
        let mut known: BTreeMap<Arc<str>, Option<Arc<Self>>> = BTreeMap::new();
        let mut order = Vec::with_capacity(listed.len());
        for entry in listed {
            let inode = match old.get(entry.name.as_str()) {
                Some(Some(inode)) if inode.last_known().ino == entry.attributes.ino => {
                    inode.learn(entry.attributes);
                    inode.clone()
                }
                _ => self.child(entry.name.into(), entry.attributes),
            };
            order.push(inode.clone());
            known.insert(inode.name(), Some(inode));
        }
        let order: Arc<[Arc<Self>]> = order.into();
        let mut names = self.names.lock();
        if self.tree.changes.load(Ordering::SeqCst) != before {
            return Ok(order);
        }
        let replaced = core::mem::replace(&mut names.known, known);
        if self.tree.immutable {
            names.listed = Some(order.clone());
        }
        let first = !core::mem::replace(&mut names.counted, true);
        drop(names);
        drop((old, replaced));
        if first && self.tree.immutable {
            cache::keeps_names(self);
        }
        Ok(order)
    }

    /// Makes a name.
    pub(super) fn make(self: &Arc<Self>, name: &str, creation: &Creation<'_>) -> Result<Arc<dyn Inode>> {
        if self.covering(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let serial = self.tree.changing.lock();
        let uri = self.uri_of(name)?;
        let inode = match &creation.what {
            NewInode::Regular => {
                let mode = OpenMode {
                    read: true,
                    write: true,
                    create: Some(creation.mode),
                    exclusive: true,
                    truncate: false,
                };
                let (handle, attributes) = HostHandle::open(&uri, mode)?;
                let inode = self.child(name.into(), attributes);
                // The caller opens it next.
                *inode.handle.lock() = Some(handle);
                inode
            }
            NewInode::Directory => {
                host::make_directory(&uri, creation.mode)?;
                self.child(name.into(), host::attributes(&uri)?)
            }
            NewInode::Symlink(target) => {
                host::symlink(&uri, target)?;
                self.child(name.into(), host::attributes(&uri)?)
            }
            NewInode::Fifo | NewInode::Socket(_) => return self.make_special(name, creation, uri),
            NewInode::CharDevice(_) => return Err(Errno::EPERM),
        };
        self.keep(name, inode.clone());
        drop(serial);
        self.changed();
        Ok(inode)
    }

    /// Sockets and fifos live in the kernel: the host is given none.
    fn make_special(&self, name: &str, creation: &Creation<'_>, uri: String) -> Result<Arc<dyn Inode>> {
        match host::attributes(&uri) {
            Ok(_) => return Err(Errno::EEXIST),
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(error),
        }
        let inode = TmpInode::make(creation);
        self.lay_over(name, inode.clone());
        Ok(inode)
    }

    pub(super) fn make_link(&self, name: &str, target: &Self) -> Result<()> {
        if !Arc::ptr_eq(&self.tree, &target.tree) {
            return Err(Errno::EXDEV);
        }
        let serial = self.tree.changing.lock();
        host::link(&target.uri()?, &self.uri_of(name)?)?;
        self.tree.changes.fetch_add(1, Ordering::SeqCst);
        drop(serial);
        target.changed();
        self.changed();
        Ok(())
    }

    pub(super) fn remove(&self, name: &str, directory: bool) -> Result<()> {
        if let Some(inode) = self.covering(name) {
            if !matches!(inode.kind(), FileKind::Fifo | FileKind::Socket) {
                return Err(Errno::EBUSY);
            }
            let gone = self.cover.lock().remove(name);
            drop(gone);
            return Ok(());
        }
        let serial = self.tree.changing.lock();
        host::delete(&self.uri_of(name)?, directory)?;
        self.tree.changes.fetch_add(1, Ordering::SeqCst);
        let removed = self.forget(name);
        drop(serial);
        if let Some(inode) = removed {
            inode.place.lock().gone = true;
            inode.changed();
            // What it remembers refers back to it.
            inode.forget_names();
        }
        self.changed();
        Ok(())
    }

    pub(super) fn move_name(
        self: &Arc<Self>,
        name: &str,
        to: &Arc<Self>,
        to_name: &str,
        flags: u32,
    ) -> Result<()> {
        if !Arc::ptr_eq(&self.tree, &to.tree) || self.covering(name).is_some() {
            return Err(Errno::EXDEV);
        }
        if to.covering(to_name).is_some() {
            return Err(Errno::EBUSY);
        }
        let serial = self.tree.changing.lock();
        host::rename(&self.uri_of(name)?, &to.uri_of(to_name)?, flags)?;
        self.tree.changes.fetch_add(1, Ordering::SeqCst);
        let source = self.forget(name);
        let target = to.forget(to_name);
        if let Some(target) = target {
            if flags & rename_exchange_flag() != 0 {
                self.settle(name, target);
            } else {
                target.place.lock().gone = true;
                target.forget_names();
            }
        }
        if let Some(source) = source {
            to.settle(to_name, source);
        }
        drop(serial);
        self.changed();
        to.changed();
        Ok(())
    }

    /// `inode` now goes by `name` in this directory.
    fn settle(self: &Arc<Self>, name: &str, inode: Arc<Self>) {
        let old = {
            let mut place = inode.place.lock();
            place.name = name.into();
            place.parent.replace(self.clone())
        };
        drop(old);
        inode.changed();
        self.keep(name, inode);
    }

    /// Keeps what the caller has just made of a name.
    fn keep(&self, name: &str, inode: Arc<Self>) {
        let mut names = self.names.lock();
        let old = names.known.insert(name.into(), Some(inode));
        let crowded = names.known.len() > MAX_RECENT;
        let unused = if crowded { Self::take_unused(&mut names.known) } else { Vec::new() };
        drop(names);
        drop((old, unused));
    }
}
