//! Names in directories of the host.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

use bailey_abi::stream::{Attributes, Entry, OpenMode};

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::time::{Clock, now};
use crate::vfs::hostfs::attributes::kind_of;
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::inode::{HostInode, Name, Names};
use crate::vfs::hostfs::roll::Roll;
use crate::vfs::tmpfs::TmpInode;
use crate::vfs::{
    Creation, DirEntry, FileKind, Inode, NewInode, rename_exchange_flag, stable_directory_changed,
};

/// Most names that a directory which may change keeps in mind.
const MAX_RECENT: usize = 4096;

/// Bytes of a directory for each name that is asked for by itself before all are asked for at once: a small directory
/// is listed soon, a large one only where many of its names are wanted.
const LISTING_COST: u64 = 2048;

/// All names of a directory, as they are kept.
pub(super) enum Listing {
    /// Of an immutable one.
    Roll(Arc<Roll>),
    /// With their inodes, in the host's order.
    Inodes(Arc<[Arc<HostInode>]>),
}

impl HostInode {
    /// What `name` stands for in this directory.
    pub(super) fn find(self: &Arc<Self>, name: &str) -> Result<Arc<Self>> {
        let mut remembered = match self.remembered(name) {
            Ok(answer) => return answer,
            Err(remembered) => remembered,
        };
        if self.is_worth_listing() && self.list_all().is_ok() {
            remembered = match self.remembered(name) {
                Ok(answer) => return answer,
                Err(remembered) => remembered,
            };
        }
        let before = self.tree.changes.load(Ordering::SeqCst);
        let epoch = remembered.as_ref().map_or(0, |inode| inode.epoch());
        match host::attributes(&self.uri_of(name)?) {
            Ok(attributes) => Ok(self.found(name, attributes, remembered, (before, epoch))),
            Err(Errno::ENOENT) => {
                self.missing(name, before);
                Err(Errno::ENOENT)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::known`]; the inode of a name that is only on the roll is made.
    pub(super) fn remembered(
        self: &Arc<Self>,
        name: &str,
    ) -> core::result::Result<Result<Arc<Self>>, Option<Arc<Self>>> {
        let known = self.known(name);
        if matches!(known, Err(None))
            && let Some(inode) = self.enrolled(name)
        {
            return Ok(Ok(inode));
        }
        known
    }

    /// The inode of a name on the roll.
    fn enrolled(self: &Arc<Self>, name: &str) -> Option<Arc<Self>> {
        let roll = self.names.lock().roll.clone()?;
        let made = self.child(name.into(), *roll.get(name)?);
        if let Some(target) = roll.target(name) {
            *made.target.lock() = Some((target.into(), Duration::MAX));
        }
        let mut names = self.names.lock();
        if let Some(Name { inode: Some(inode), .. }) = names.known.get(name) {
            // Somebody else was quicker. What was made in vain is dropped after the lock.
            let inode = inode.clone();
            drop(names);
            return Some(inode);
        }
        names.known.insert(made.name(), Name { inode: Some(made.clone()), until: Duration::MAX });
        Some(made)
    }

    /// What is known of a name without asking; else what it stood for when it was last asked for.
    pub(super) fn known(&self, name: &str) -> core::result::Result<Result<Arc<Self>>, Option<Arc<Self>>> {
        let now = if self.tree.private { now(Clock::Monotonic) } else { Duration::ZERO };
        let keeps = self.tree.keeps();
        let names = self.names.lock();
        match names.known.get(name) {
            Some(Name { inode: Some(inode), until }) => {
                let good = keeps && *until > now || inode.kind == FileKind::Directory;
                if good { Ok(Ok(inode.clone())) } else { Err(Some(inode.clone())) }
            }
            Some(Name { inode: None, until }) if keeps && *until > now => Ok(Err(Errno::ENOENT)),
            None if names.roll.as_ref().is_some_and(|roll| roll.get(name).is_some()) => Err(None),
            None if keeps && names.complete_until > now => Ok(Err(Errno::ENOENT)),
            _ => Err(None),
        }
    }

    /// Whether so many names have been asked for that asking for all of them pays.
    fn is_worth_listing(&self) -> bool {
        if !self.tree.keeps() {
            return false;
        }
        let size = self.last_known().size;
        let mut names = self.names.lock();
        names.asked += 1;
        let worth = names.asked * LISTING_COST > size;
        if worth {
            names.asked = 0;
        }
        worth
    }

    /// The host has just said what `name` is; `before` and `epoch` are [`Tree::changes`] and [`Self::epoch`] from
    /// before it was asked.
    ///
    /// [`Tree::changes`]: crate::vfs::hostfs::Tree::changes
    fn found(
        self: &Arc<Self>,
        name: &str,
        attributes: Attributes,
        remembered: Option<Arc<Self>>,
        (before, epoch): (u32, u32),
    ) -> Arc<Self> {
        let inode = match remembered {
            Some(inode) if inode.is(&attributes) => {
                inode.learn(attributes, epoch);
                inode
            }
            _ => self.child(name.into(), attributes),
        };
        self.remember(name, Some(inode.clone()), before);
        inode
    }

    /// Whether these are attributes of the same file.
    pub(super) fn is(&self, attributes: &Attributes) -> bool {
        self.kind == kind_of(attributes.kind) && self.last_known().ino == attributes.ino
    }

    fn missing(self: &Arc<Self>, name: &str, before: u32) {
        if self.tree.keeps() {
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
        let until = self.tree.good_until();
        let mut names = self.names.lock();
        if self.tree.changes.load(Ordering::SeqCst) != before {
            return;
        }
        let first = !core::mem::replace(&mut names.counted, true);
        let old = names.known.insert(name.into(), Name { inode, until });
        let unused = self.make_room(&mut names);
        drop(names);
        drop((old, unused));
        if first && self.tree.keeps() {
            cache::keeps_names(self);
        }
    }

    /// Takes out what nobody uses of a directory that may change, where it has too many names.
    fn make_room(&self, names: &mut Names) -> Vec<Option<Name>> {
        if self.tree.immutable || names.known.len() <= MAX_RECENT {
            return Vec::new();
        }
        names.complete_until = Duration::ZERO;
        let unused = |name: &Name| name.inode.as_ref().is_none_or(|inode| Arc::strong_count(inode) == 1);
        let chosen: Vec<Arc<str>> =
            names.known.iter().filter(|(_, name)| unused(name)).map(|(name, _)| name.clone()).collect();
        chosen.iter().map(|name| names.known.remove(name)).collect()
    }

    /// The name has been taken away: it is missing from now on. What it stood for has `gone` with it, or has
    /// another name.
    fn forget(&self, name: &str, gone: bool) -> Option<Arc<Self>> {
        let until = self.tree.good_until();
        let mut names = self.names.lock();
        let listed = if gone { None } else { names.listed.take() };
        let old = if self.tree.keeps() {
            names.known.insert(name.into(), Name { inode: None, until })
        } else {
            names.known.remove(name)
        };
        drop(names);
        drop(listed);
        old.and_then(|name| name.inode)
    }

    /// All names but `.` and `..`, in the host's order.
    pub(super) fn entries(self: &Arc<Self>) -> Result<Vec<DirEntry>> {
        let listed = match self.listed() {
            Some(listed) => {
                self.note_listed();
                listed
            }
            None => self.list_all()?,
        };
        let laid_over = self.covered.load(Ordering::Acquire);
        let mut entries: Vec<DirEntry> = match &listed {
            Listing::Roll(roll) => roll.entries().collect(),
            Listing::Inodes(inodes) => {
                let entry = |inode: &Arc<Self>| {
                    let name = inode.live_name()?;
                    Some(DirEntry { name, ino: inode.id().ino, kind: inode.kind })
                };
                inodes.iter().filter_map(entry).collect()
            }
        };
        if laid_over {
            entries.retain(|entry| self.covering(&entry.name).is_none());
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

    /// All names, where they are all known; some of the inodes may be gone.
    pub(super) fn listed(&self) -> Option<Listing> {
        let now = if self.tree.private { now(Clock::Monotonic) } else { Duration::ZERO };
        let names = self.names.lock();
        if let Some(roll) = &names.roll {
            return Some(Listing::Roll(roll.clone()));
        }
        if names.complete_until <= now {
            return None;
        }
        let known = || names.known.values().filter_map(|name| name.inode.clone()).collect();
        Some(Listing::Inodes(names.listed.clone().unwrap_or_else(known)))
    }

    /// What tells whether an answer of the host may be older than a change of names, or of attributes.
    pub(super) fn counters(&self) -> (u32, u32) {
        (self.tree.changes.load(Ordering::SeqCst), self.tree.epoch.load(Ordering::SeqCst))
    }

    /// Asks for all names, with their attributes; also for those of other directories, where it looks as if they are
    /// listed next.
    fn list_all(self: &Arc<Self>) -> Result<Listing> {
        if self.list_ahead()
            && let Some(listed) = self.listed()
        {
            return Ok(listed);
        }
        let counters = self.counters();
        let listed = host::enumerate(&self.uri()?)?;
        Ok(self.take_in(listed, counters))
    }

    /// Takes in all names, which the host was asked for at `before`.
    pub(super) fn take_in(self: &Arc<Self>, listed: Vec<Entry>, before: (u32, u32)) -> Listing {
        if self.tree.immutable {
            Listing::Roll(self.take_roll(listed))
        } else {
            Listing::Inodes(self.take_inodes(listed, before))
        }
    }

    /// Takes in all names of a directory that nobody ever changes.
    fn take_roll(self: &Arc<Self>, listed: Vec<Entry>) -> Arc<Roll> {
        let roll = Arc::new(Roll::new(listed));
        let mut names = self.names.lock();
        let replaced = names.roll.replace(roll.clone());
        names.complete_until = Duration::MAX;
        // That it is not on the roll says the same.
        let (found, missing) =
            core::mem::take(&mut names.known).into_iter().partition(|(_, name)| name.inode.is_some());
        names.known = found;
        let first = !core::mem::replace(&mut names.counted, true);
        drop(names);
        drop::<(BTreeMap<_, _>, _)>((missing, replaced));
        if first {
            cache::keeps_names(self);
        }
        roll
    }

    /// Takes in all names, and makes or updates their inodes.
    fn take_inodes(self: &Arc<Self>, listed: Vec<Entry>, before: (u32, u32)) -> Arc<[Arc<Self>]> {
        let until = self.tree.good_until();
        let old = self.names.lock().known.clone();
        let mut known: BTreeMap<Arc<str>, Name> = BTreeMap::new();
        let mut order = Vec::with_capacity(listed.len());
        for entry in listed {
            let inode = match old.get(entry.name.as_str()) {
                Some(Name { inode: Some(inode), .. }) if inode.is(&entry.attributes) => {
                    let current = inode.epoch();
                    if self.counters().1 == before.1 {
                        inode.learn(entry.attributes, current);
                    }
                    inode.clone()
                }
                _ => self.child(entry.name.into(), entry.attributes),
            };
            if let Some(target) = entry.target {
                *inode.target.lock() = Some((target, until));
            }
            inode.position.store(order.len() as u32, Ordering::Relaxed);
            order.push(inode.clone());
            known.insert(inode.name(), Name { inode: Some(inode), until });
        }
        let order: Arc<[Arc<Self>]> = order.into();
        let mut names = self.names.lock();
        if self.counters().0 != before.0 {
            return order;
        }
        let replaced = core::mem::replace(&mut names.known, known);
        let replaced_list = names.listed.take();
        if self.tree.keeps() {
            names.listed = Some(order.clone());
            names.complete_until = until;
        }
        let first = !core::mem::replace(&mut names.counted, true);
        drop(names);
        drop((old, replaced, replaced_list));
        if first && self.tree.keeps() {
            cache::keeps_names(self);
        }
        order
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
                handle.set_patient(self.tree.keeps());
                let inode = self.child(name.into(), attributes);
                // The caller opens it next.
                inode.handle.lock().put(&handle, true);
                if self.tree.keeps() {
                    cache::keeps_handle(&inode);
                }
                inode
            }
            NewInode::Directory => {
                let inode = self.child(name.into(), host::make_directory(&uri, creation.mode)?);
                if self.tree.keeps() {
                    // Nothing is in it, and every name in it is missing.
                    inode.names.lock().complete_until = self.tree.good_until();
                }
                inode
            }
            NewInode::Symlink(target) => self.child(name.into(), host::symlink(&uri, target)?),
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
        self.ask_again(name);
        drop(serial);
        target.linked();
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
            stable_directory_changed();
            return Ok(());
        }
        let serial = self.tree.changing.lock();
        self.hold_open_by(name);
        host::delete(&self.uri_of(name)?, directory)?;
        self.tree.changes.fetch_add(1, Ordering::SeqCst);
        let removed = self.forget(name, true);
        drop(serial);
        if let Some(inode) = removed {
            inode.removed();
        }
        self.changed();
        Ok(())
    }

    /// A name is about to lead elsewhere, or nowhere.
    fn hold_open_by(&self, name: &str) {
        let inode = self.names.lock().known.get(name).and_then(|known| known.inode.clone());
        if let Some(inode) = inode {
            inode.hold_open();
        }
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
        to.hold_open_by(to_name);
        host::rename(&self.uri_of(name)?, &to.uri_of(to_name)?, flags)?;
        self.tree.changes.fetch_add(1, Ordering::SeqCst);
        let source = self.forget(name, false);
        let target = to.forget(to_name, false);
        match target {
            Some(target) if flags & rename_exchange_flag() != 0 => self.settle(name, target),
            Some(target) => target.removed(),
            None if flags & rename_exchange_flag() != 0 => self.ask_again(name),
            None => {}
        }
        match source {
            Some(source) => to.settle(to_name, source),
            None => to.ask_again(to_name),
        }
        drop(serial);
        self.changed();
        to.changed();
        Ok(())
    }

    /// What `name` stands for now is not known.
    fn ask_again(&self, name: &str) {
        let mut names = self.names.lock();
        let old = (names.known.remove(name), names.listed.take());
        names.complete_until = Duration::ZERO;
        drop(names);
        drop(old);
        stable_directory_changed();
    }

    /// `inode` now goes by `name` in this directory.
    fn settle(self: &Arc<Self>, name: &str, inode: Arc<Self>) {
        let old = {
            let mut place = inode.place.lock();
            place.name = name.into();
            place.parent.replace(self.clone())
        };
        drop(old);
        if inode.kind == FileKind::Directory {
            stable_directory_changed();
        }
        inode.changed();
        self.keep(name, inode);
    }

    /// Keeps what the caller has just made of a name.
    fn keep(&self, name: &str, inode: Arc<Self>) {
        let until = self.tree.good_until();
        let mut names = self.names.lock();
        let listed = names.listed.take();
        let old = names.known.insert(name.into(), Name { inode: Some(inode), until });
        let unused = self.make_room(&mut names);
        drop(names);
        drop((old, unused, listed));
    }
}
