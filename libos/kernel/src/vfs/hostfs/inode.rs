//! Inodes of host files.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use bailey_abi::stream::{self, Attributes};

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::sync::Mutex;
use crate::time::{Clock, now};
use crate::vfs::hostfs::ahead::Run;
use crate::vfs::hostfs::attributes::{is_read_news, kind_of, stat_of};
use crate::vfs::hostfs::cache;
use crate::vfs::hostfs::kept::Kept;
use crate::vfs::hostfs::roll::Roll;
use crate::vfs::hostfs::told::Told;
use crate::vfs::hostfs::tree::Tree;
use crate::vfs::{
    AttributeChange, Creation, DirEntry, File, FileKind, FileSystem, Inode, InodeId, Owner, Stability, Stat,
    stable_directory_changed,
};

pub(super) struct Place {
    pub(super) parent: Option<Arc<HostInode>>,
    pub(super) name: Arc<str>,
    /// The name has been removed: there is no path to it any more.
    pub(super) gone: bool,
}

pub(super) struct Known {
    attributes: Attributes,
    /// Monotonic time until which they may be taken as they are.
    fresh_until: Duration,
    /// [`Tree::changes`] when they were given.
    changes: u32,
    /// Monotonic time until which the size is right in any case: the instance's own writes keep it so.
    sized_until: Duration,
    /// Counts changes: an answer of the host may be older than one.
    epoch: u32,
    /// [`Tree::orphans`] when they were given.
    orphans: u32,
    /// The name is gone: there may be others, which nothing is known of.
    gone: bool,
    /// Whether a program may write it through memory: its times change unseen.
    mapped: bool,
}

/// What a name stands for, or that it is missing.
#[derive(Clone)]
pub(super) struct Name {
    pub(super) inode: Option<Arc<HostInode>>,
    /// Monotonic time until which that is good.
    pub(super) until: Duration,
}

/// Names of a directory.
#[derive(Default)]
pub(super) struct Names {
    pub(super) known: BTreeMap<Arc<str>, Name>,
    /// Monotonic time until which a name that is not known is missing.
    pub(super) complete_until: Duration,
    /// All of them in the host's order, as long as they are complete.
    pub(super) listed: Option<Arc<[Arc<HostInode>]>>,
    /// All of them, where they never change.
    pub(super) roll: Option<Arc<Roll>>,
    /// How many names the host has been asked for one by one.
    pub(super) asked: u64,
    /// Whether the directory has been counted as one that keeps names.
    pub(super) counted: bool,
    /// Files that are read one after the other, and directories that are listed so.
    pub(super) runs: [Run; 2],
}

/// A file of the host, by its name.
pub struct HostInode {
    pub(super) tree: Arc<Tree>,
    pub(super) place: Mutex<Place>,
    pub(super) kind: FileKind,
    id: InodeId,
    /// Permission bits, owner and group, as last known.
    access: [AtomicU32; 3],
    known: Mutex<Known>,
    pub(super) names: Mutex<Names>,
    /// Names laid over the host's: synthetic files, other grants, sockets, fifos.
    pub(super) cover: Mutex<BTreeMap<String, Arc<dyn Inode>>>,
    pub(super) covered: AtomicBool,
    /// Of a link: its target, and the monotonic time until which that is good.
    pub(super) target: Mutex<Option<(String, Duration)>>,
    pub(super) handle: Mutex<Kept>,
    /// Its bytes, where they have been told ahead.
    pub(super) told: Mutex<Option<Arc<Told>>>,
    /// Counts changes of its bytes.
    pub(super) version: AtomicU32,
    /// Where it is in its directory's list.
    pub(super) position: AtomicU32,
    /// Whether the next read changes the access time (`relatime`).
    pub(super) read_is_news: AtomicBool,
}

impl core::fmt::Debug for HostInode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HostInode").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl HostInode {
    /// The inode of a grant's own path.
    ///
    /// # Errors
    /// As the monitor answers for that path.
    pub fn root(tree: Tree) -> Result<Arc<Self>> {
        let attributes = host::attributes(&format!("file:{}", tree.guest))?;
        let place = Place { parent: None, name: Arc::from(""), gone: false };
        Ok(Self::with(Arc::new(tree), place, attributes))
    }

    pub(super) fn child(self: &Arc<Self>, name: Arc<str>, attributes: Attributes) -> Arc<Self> {
        let place = Place { parent: Some(self.clone()), name, gone: false };
        Self::with(self.tree.clone(), place, attributes)
    }

    fn with(tree: Arc<Tree>, place: Place, attributes: Attributes) -> Arc<Self> {
        cache::count_inodes(1);
        let changes = tree.changes.load(Ordering::Relaxed);
        let orphans = tree.orphans.load(Ordering::SeqCst);
        let fresh_until = tree.good_until();
        let news = AtomicBool::new(is_read_news(&tree, &attributes));
        Arc::new(Self {
            tree,
            place: Mutex::new(place),
            kind: kind_of(attributes.kind),
            id: InodeId { dev: attributes.dev, ino: attributes.ino },
            access: [attributes.mode, attributes.uid, attributes.gid].map(AtomicU32::new),
            known: Mutex::new(Known {
                attributes,
                fresh_until,
                changes,
                sized_until: fresh_until,
                epoch: 0,
                orphans,
                gone: false,
                mapped: false,
            }),
            names: Mutex::new(Names::default()),
            cover: Mutex::new(BTreeMap::new()),
            covered: AtomicBool::new(false),
            target: Mutex::new(None),
            handle: Mutex::new(Kept::default()),
            told: Mutex::new(None),
            version: AtomicU32::new(0),
            position: AtomicU32::new(0),
            read_is_news: news,
        })
    }

    /// Its last component.
    pub(super) fn name(&self) -> Arc<str> {
        self.place.lock().name.clone()
    }

    /// The same, if it has not been removed.
    pub(super) fn live_name(&self) -> Option<Arc<str>> {
        let place = self.place.lock();
        (!place.gone).then(|| place.name.clone())
    }

    /// The directory that it is in; none for a grant's own.
    pub(super) fn parent(&self) -> Option<Arc<Self>> {
        self.place.lock().parent.clone()
    }

    /// Absolute path in the instance.
    pub(super) fn path(&self) -> String {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut parent = {
            let place = self.place.lock();
            if place.parent.is_some() {
                names.push(place.name.clone());
            }
            place.parent.clone()
        };
        while let Some(inode) = parent {
            let place = inode.place.lock();
            if place.parent.is_some() {
                names.push(place.name.clone());
            }
            let next = place.parent.clone();
            drop(place);
            parent = next;
        }
        let mut path = self.tree.guest.trim_end_matches('/').to_string();
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(name);
        }
        if path.is_empty() { "/".to_string() } else { path }
    }

    /// The stream's name.
    ///
    /// # Errors
    /// `ENOENT` where the name has been removed.
    pub(super) fn uri(&self) -> Result<String> {
        if self.place.lock().gone { Err(Errno::ENOENT) } else { Ok(format!("file:{}", self.path())) }
    }

    /// The stream's name; without one the open stream's, if it is still open.
    fn uri_or_handle(&self) -> Result<String> {
        self.uri().or_else(|error| {
            let handle = self.handle.lock().get(false).ok_or(error)?;
            Ok(format!("handle:{}", handle.id()))
        })
    }

    pub(super) fn uri_of(&self, name: &str) -> Result<String> {
        Ok(format!("{}/{name}", self.uri()?.trim_end_matches('/')))
    }

    /// What [`Self::learn`] is told of a question that is asked now.
    pub(super) fn epoch(&self) -> u32 {
        self.known.lock().epoch
    }

    /// Takes in attributes that the host has given since `epoch`.
    pub(super) fn learn(&self, attributes: Attributes, epoch: u32) {
        for (slot, value) in self.access.iter().zip([attributes.mode, attributes.uid, attributes.gid]) {
            slot.store(value, Ordering::Relaxed);
        }
        self.read_is_news.store(is_read_news(&self.tree, &attributes), Ordering::Relaxed);
        let mut known = self.known.lock();
        if known.epoch != epoch {
            return;
        }
        known.attributes = attributes;
        known.fresh_until = self.tree.good_until();
        known.sized_until = known.fresh_until;
        known.changes = self.tree.changes.load(Ordering::SeqCst);
        known.orphans = self.tree.orphans.load(Ordering::SeqCst);
    }

    /// It has a further name, by which its bytes may be changed unseen.
    pub(super) fn linked(&self) {
        self.known.lock().attributes.nlink += 1;
        self.version.fetch_add(1, Ordering::SeqCst);
        self.changed();
    }

    /// Whether its attributes may be changed by another name.
    fn has_other_names(&self, known: &Known) -> bool {
        known.attributes.nlink > 1 && self.kind != FileKind::Directory
    }

    /// The attributes may have changed.
    pub(super) fn changed(&self) {
        let mut known = self.known.lock();
        known.fresh_until = Duration::ZERO;
        known.epoch = known.epoch.wrapping_add(1);
        self.tree.epoch.fetch_add(1, Ordering::SeqCst);
        if known.gone && known.attributes.nlink > 0 {
            self.tree.orphans.fetch_add(1, Ordering::SeqCst);
        }
        if self.has_other_names(&known) {
            self.tree.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The instance has changed its bytes: `size` says what that makes of its length.
    pub(super) fn written(&self, size: impl FnOnce(u64) -> u64) {
        let mut known = self.known.lock();
        known.attributes.size = size(known.attributes.size);
        drop(known);
        self.version.fetch_add(1, Ordering::SeqCst);
        self.changed();
    }

    /// A program may write its bytes from now on, unseen.
    pub(super) fn mapped_for_writing(&self) {
        self.known.lock().mapped = true;
    }

    /// Whether bytes of `version` that the host has told are its bytes still, but for what others may do to it.
    pub(super) fn is_at(&self, version: u32) -> bool {
        let known = self.known.lock();
        let alone = !known.mapped && !self.has_other_names(&known);
        alone && self.version.load(Ordering::SeqCst) == version
    }

    /// Attributes that need no question, if there are such.
    pub(super) fn current(&self) -> Option<Attributes> {
        let known = self.known.lock();
        if self.tree.immutable {
            return Some(known.attributes);
        }
        let untouched =
            !self.has_other_names(&known) || known.changes == self.tree.changes.load(Ordering::SeqCst);
        let whole = !known.gone && known.orphans == self.tree.orphans.load(Ordering::SeqCst);
        let good = untouched && whole && !known.mapped && known.fresh_until > now(Clock::Monotonic);
        good.then_some(known.attributes)
    }

    /// The length, where the instance alone decides it.
    pub(super) fn known_size(&self) -> Option<u64> {
        let known = self.known.lock();
        let whole = !known.gone && known.orphans == self.tree.orphans.load(Ordering::SeqCst);
        let alone = self.tree.private && whole && !self.has_other_names(&known);
        (alone && known.sized_until > now(Clock::Monotonic)).then_some(known.attributes.size)
    }

    pub(super) fn last_known(&self) -> Attributes {
        self.known.lock().attributes
    }

    fn attributes(&self) -> Result<Attributes> {
        if let Some(attributes) = self.current() {
            return Ok(attributes);
        }
        if self.place.lock().gone {
            return Ok(Attributes { nlink: 0, ..self.last_known() });
        }
        let epoch = self.epoch();
        let open = self.handle.lock().get(false);
        let here = open.and_then(|handle| self.attributes_here(&handle));
        let attributes = match here.filter(|attributes| attributes.nlink > 0) {
            Some(attributes) => attributes,
            None => host::attributes(&self.uri()?)?,
        };
        self.learn(attributes, epoch);
        Ok(attributes)
    }

    /// Attributes of the open file, if the calling process can ask for them itself. Whose it is does not change.
    pub(super) fn attributes_here(&self, handle: &HostHandle) -> Option<Attributes> {
        let Attributes { uid, gid, .. } = self.last_known();
        handle.attributes_here().map(|attributes| Attributes { uid, gid, ..attributes })
    }

    /// Drops what it knows of its names, but of those in use.
    pub(super) fn forget_names(&self) {
        let mut names = self.names.lock();
        let Names { known, listed, roll, .. } = core::mem::take(&mut *names);
        // The list would count as a use.
        drop((listed, roll));
        let in_use = |name: &Name| name.inode.as_ref().is_some_and(|inode| Arc::strong_count(inode) > 1);
        let (used, unused): (BTreeMap<_, _>, BTreeMap<_, _>) =
            known.into_iter().partition(|(_, name)| in_use(name));
        names.known = used;
        drop(names);
        drop(unused);
    }

    /// Drops its handle.
    pub(super) fn forget_handle(&self) {
        let handle = self.handle.lock().take();
        drop(handle);
    }

    /// Drops its bytes, unless somebody reads them.
    pub(super) fn forget_bytes(&self) {
        let told = {
            let mut slot = self.told.lock();
            if slot.as_ref().is_some_and(|told| Arc::strong_count(told) > 1) { None } else { slot.take() }
        };
        drop(told);
    }

    /// Its name is about to be removed: who has it open needs more than that.
    pub(super) fn hold_open(&self) {
        let told = self.told.lock().take();
        if let Some(told) = told
            && Arc::strong_count(&told) > 1
        {
            // Without a handle there are still the bytes that were told.
            let _ = told.handle(self);
        }
    }

    /// It has no name any more.
    pub(super) fn removed(&self) {
        self.place.lock().gone = true;
        {
            let mut known = self.known.lock();
            known.gone = true;
            known.attributes.nlink = known.attributes.nlink.saturating_sub(1);
        }
        if self.kind == FileKind::Directory {
            stable_directory_changed();
        }
        // Its bytes last only as long as it is open.
        if let Some(handle) = self.handle.lock().get(false) {
            handle.set_patient(false);
        }
        self.forget_handle();
        self.changed();
        // What it remembers refers back to it.
        self.forget_names();
    }

    /// Lays `inode` over whatever the host has by that name.
    pub fn lay_over(&self, name: &str, inode: Arc<dyn Inode>) {
        self.cover.lock().insert(name.to_string(), inode);
        self.covered.store(true, Ordering::Release);
        stable_directory_changed();
    }

    pub(super) fn covering(&self, name: &str) -> Option<Arc<dyn Inode>> {
        if self.covered.load(Ordering::Acquire) { self.cover.lock().get(name).cloned() } else { None }
    }

    fn to_host(change: &AttributeChange) -> stream::AttributeChange {
        stream::AttributeChange { mode: change.mode, atime: change.atime, mtime: change.mtime }
    }
}

impl Drop for HostInode {
    fn drop(&mut self) {
        cache::uncount_inodes(1);
        // One after the other and not each within the last: a path may be deeper than the stack.
        let mut parent = self.place.get_mut().parent.take();
        while let Some(directory) = parent {
            parent =
                Arc::into_inner(directory).and_then(|mut directory| directory.place.get_mut().parent.take());
        }
    }
}

/// The same inode, with the `Arc` that trait methods by reference lack.
fn strong(inode: &HostInode) -> Arc<HostInode> {
    // SAFETY: every `HostInode` is made by `HostInode::with`, in an `Arc`, and is only reached by one:
    // the count is raised for the clone that is given out.
    unsafe {
        let pointer = core::ptr::from_ref(inode);
        Arc::increment_strong_count(pointer);
        Arc::from_raw(pointer)
    }
}

impl Inode for HostInode {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn id(&self) -> InodeId {
        self.id
    }

    fn stat(&self) -> Result<Stat> {
        self.attributes().map(|attributes| stat_of(&attributes))
    }

    fn file_system(&self) -> &dyn FileSystem {
        &*self.tree
    }

    fn stability(&self) -> Stability {
        match (self.tree.immutable, self.tree.private) {
            (true, _) => Stability::Fixed,
            (false, true) => Stability::Leased,
            (false, false) => Stability::Changing,
        }
    }

    fn still(&self, name: &str, found: Option<&Arc<dyn Inode>>) -> bool {
        match (self.known(name), found) {
            (Ok(Ok(inode)), Some(found)) => {
                let found = Arc::as_ptr(found).cast::<Self>();
                core::ptr::addr_eq(Arc::as_ptr(&inode), found)
            }
            (Ok(Err(_)), None) => true,
            _ => false,
        }
    }

    fn owner(&self) -> Result<Owner> {
        let [mode, uid, gid] = [0, 1, 2].map(|index| self.access[index].load(Ordering::Relaxed));
        Ok(Owner { mode, uid, gid })
    }

    fn lookup(&self, name: &str) -> Result<Arc<dyn Inode>> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        if let Some(inode) = self.covering(name) {
            return Ok(inode);
        }
        let inode: Arc<dyn Inode> = strong(self).find(name)?;
        Ok(inode)
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        strong(self).entries()
    }

    fn create(&self, name: &str, creation: &Creation<'_>) -> Result<Arc<dyn Inode>> {
        strong(self).make(name, creation)
    }

    fn link(&self, name: &str, target: &Arc<dyn Inode>) -> Result<()> {
        let target = target.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        self.make_link(name, target)
    }

    fn unlink(&self, name: &str, directory: bool) -> Result<()> {
        self.remove(name, directory)
    }

    fn rename(&self, name: &str, to: &Arc<dyn Inode>, to_name: &str, flags: u32) -> Result<()> {
        let to = to.as_any().downcast_ref::<Self>().ok_or(Errno::EXDEV)?;
        strong(self).move_name(name, &strong(to), to_name, flags)
    }

    fn read_link(&self) -> Result<String> {
        if self.kind != FileKind::Symlink {
            return Err(Errno::EINVAL);
        }
        if let Some((target, until)) = &*self.target.lock()
            && self.tree.keeps()
            && *until > now(Clock::Monotonic)
        {
            return Ok(target.clone());
        }
        let target = host::read_link(&self.uri()?)?;
        *self.target.lock() = Some((target.clone(), self.tree.good_until()));
        Ok(target)
    }

    fn change(&self, change: &AttributeChange) -> Result<()> {
        let attributes = self.last_known();
        if !self.tree.writable {
            return Err(Errno::EROFS);
        }
        if change.uid.is_some_and(|uid| uid != attributes.uid)
            || change.gid.is_some_and(|gid| gid != attributes.gid)
        {
            return Err(Errno::EPERM);
        }
        let wanted = Self::to_host(change);
        if wanted != stream::AttributeChange::default() {
            host::attributes_set(&self.uri_or_handle()?, wanted)?;
            let mut known = self.known.lock();
            known.attributes.mode = change.mode.unwrap_or(known.attributes.mode);
            self.access[0].store(known.attributes.mode, Ordering::Relaxed);
            drop(known);
            self.changed();
            if change.mode.is_some() && self.kind == FileKind::Directory {
                stable_directory_changed();
            }
        }
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>> {
        super::file::open(self, flags)
    }
}
