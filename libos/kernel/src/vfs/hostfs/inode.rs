//! Inodes of host files.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use bailey_abi::stream::{self, Attributes, Kind};

use crate::errno::{Errno, Result};
use crate::host::{self, HostHandle};
use crate::sync::Mutex;
use crate::time::{Clock, now};
use crate::vfs::hostfs::cache;
use crate::vfs::{
    AttributeChange, Creation, DirEntry, File, FileKind, FileSystem, Inode, InodeId, Owner, Space, Stat,
};

/// How long attributes that came along with something else are good.
pub(super) const FRESH: Duration = Duration::from_millis(20);

/// One grant of the manifest.
#[derive(Debug)]
pub struct Tree {
    /// Absolute path in the instance.
    pub guest: String,
    /// Whether the instance may change it.
    pub writable: bool,
    /// Whether nobody ever changes it.
    pub immutable: bool,
    /// Counts changes of names: another name of the same file may have other attributes then.
    pub changes: AtomicU32,
    /// Held while a name is changed, the request to the host included: the tree's I/O lock.
    pub changing: Mutex<()>,
}

impl FileSystem for Tree {
    fn name(&self) -> &'static str {
        "ext4"
    }

    fn read_only(&self) -> bool {
        !self.writable
    }

    fn space(&self) -> Result<Space> {
        const EXT4_MAGIC: u64 = 0xef53;
        let [block_size, blocks, free, files, files_free] = host::space(&format!("file:{}", self.guest))?;
        Ok(Space { magic: EXT4_MAGIC, block_size, blocks, free, files, files_free })
    }
}

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
}

/// Names of a directory: what they stand for, or that they are missing.
#[derive(Default)]
pub(super) struct Names {
    pub(super) known: BTreeMap<Arc<str>, Option<Arc<HostInode>>>,
    /// All of them in the host's order: a name that is not known is missing.
    pub(super) listed: Option<Arc<[Arc<HostInode>]>>,
    /// Whether the directory has been counted as one that keeps names.
    pub(super) counted: bool,
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
    target: Mutex<Option<String>>,
    /// A handle that is kept for the next `open`.
    pub(super) handle: Mutex<Option<Arc<HostHandle>>>,
}

impl core::fmt::Debug for HostInode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HostInode").field("path", &self.path()).finish_non_exhaustive()
    }
}

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
        cache::count_inode();
        let changes = tree.changes.load(Ordering::Relaxed);
        Arc::new(Self {
            tree,
            place: Mutex::new(place),
            kind: kind_of(attributes.kind),
            id: InodeId { dev: attributes.dev, ino: attributes.ino },
            access: [attributes.mode, attributes.uid, attributes.gid].map(AtomicU32::new),
            known: Mutex::new(Known { attributes, fresh_until: now(Clock::Monotonic) + FRESH, changes }),
            names: Mutex::new(Names::default()),
            cover: Mutex::new(BTreeMap::new()),
            covered: AtomicBool::new(false),
            target: Mutex::new(None),
            handle: Mutex::new(None),
        })
    }

    /// Its last component.
    pub(super) fn name(&self) -> Arc<str> {
        self.place.lock().name.clone()
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

    pub(super) fn uri_of(&self, name: &str) -> Result<String> {
        Ok(format!("{}/{name}", self.uri()?.trim_end_matches('/')))
    }

    /// Takes in attributes that the host has just given.
    pub(super) fn learn(&self, attributes: Attributes) {
        for (slot, value) in self.access.iter().zip([attributes.mode, attributes.uid, attributes.gid]) {
            slot.store(value, Ordering::Relaxed);
        }
        let mut known = self.known.lock();
        known.attributes = attributes;
        known.fresh_until = now(Clock::Monotonic) + FRESH;
        known.changes = self.tree.changes.load(Ordering::SeqCst);
    }

    /// The attributes may have changed.
    pub(super) fn changed(&self) {
        self.known.lock().fresh_until = Duration::ZERO;
    }

    /// Attributes that need no question, if there are such.
    pub(super) fn current(&self) -> Option<Attributes> {
        let known = self.known.lock();
        let untouched = known.changes == self.tree.changes.load(Ordering::SeqCst);
        let good = self.tree.immutable || (untouched && known.fresh_until > now(Clock::Monotonic));
        good.then_some(known.attributes)
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
        let attributes = host::attributes(&self.uri()?)?;
        self.learn(attributes);
        Ok(attributes)
    }

    /// Drops what it knows of its names.
    pub(super) fn forget_names(&self) {
        let names = core::mem::take(&mut *self.names.lock());
        drop(names);
    }

    /// Drops its handle.
    pub(super) fn forget_handle(&self) {
        let handle = self.handle.lock().take();
        drop(handle);
    }

    /// Lays `inode` over whatever the host has by that name.
    pub fn lay_over(&self, name: &str, inode: Arc<dyn Inode>) {
        self.cover.lock().insert(name.to_string(), inode);
        self.covered.store(true, Ordering::Release);
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
        cache::uncount_inode();
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
        if self.tree.immutable
            && let Some(target) = &*self.target.lock()
        {
            return Ok(target.clone());
        }
        let target = host::read_link(&self.uri()?)?;
        *self.target.lock() = Some(target.clone());
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
            host::attributes_set(&self.uri()?, wanted)?;
            let mut known = self.known.lock();
            known.attributes.mode = change.mode.unwrap_or(known.attributes.mode);
            self.access[0].store(known.attributes.mode, Ordering::Relaxed);
            known.fresh_until = Duration::ZERO;
        }
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>> {
        super::file::open(self, flags)
    }
}
