//! Names: which directory a file was reached in, and by what name.
//!
//! Dentries live as long as somebody uses them (a working directory, an open file, a path walk). The
//! caches of names that outlive a walk belong to the file systems.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use crate::errno::Result;
use crate::sync::Mutex;
use crate::vfs::synthetic::SyntheticInode;
use crate::vfs::{FileKind, Inode};

struct Place {
    parent: Option<Arc<Dentry>>,
    name: String,
    deleted: bool,
}

/// A name that leads to an inode.
pub struct Dentry {
    /// What it stands for.
    pub inode: Arc<dyn Inode>,
    place: Mutex<Place>,
    children: Mutex<BTreeMap<String, Weak<Dentry>>>,
    /// Whether the parent knows of it.
    registered: bool,
}

/// Most directories that are kept for the next walk through them.
const MAX_RECENT: usize = 1024;

/// Directories that walks have led through lately: making their dentries anew is most of a walk's cost.
static RECENT: Mutex<VecDeque<Arc<Dentry>>> = Mutex::new(VecDeque::new());

/// Whether a name still leads to the same inode. Those of synthetic files are made anew each time.
fn same(known: &Arc<dyn Inode>, found: &Arc<dyn Inode>) -> bool {
    Arc::ptr_eq(known, found) || (found.as_any().is::<SyntheticInode>() && known.id() == found.id())
}

fn keep(directory: &Arc<Dentry>) {
    let mut recent = RECENT.lock();
    recent.push_back(directory.clone());
    let oldest = if recent.len() > MAX_RECENT { recent.pop_front() } else { None };
    // Dropping it locks its parent, and may drop that in turn.
    drop(recent);
    drop(oldest);
}

impl core::fmt::Debug for Dentry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Dentry").field("path", &self.path()).field("inode", &self.inode).finish()
    }
}

impl Dentry {
    /// The root of a name space.
    pub fn root(inode: Arc<dyn Inode>) -> Arc<Self> {
        Self::make(inode, None, String::new(), false)
    }

    /// A name outside every directory (`pipe:[7]`, `/memfd:x`).
    pub fn detached(inode: Arc<dyn Inode>, name: String) -> Arc<Self> {
        let dentry = Self::make(inode, None, name, false);
        dentry.place.lock().deleted = true;
        dentry
    }

    fn make(inode: Arc<dyn Inode>, parent: Option<Arc<Self>>, name: String, registered: bool) -> Arc<Self> {
        Arc::new(Self {
            inode,
            place: Mutex::new(Place { parent, name, deleted: false }),
            children: Mutex::new(BTreeMap::new()),
            registered,
        })
    }

    /// The dentry of `name`, which leads to `inode`, in this directory: the one in use, or a new one.
    pub fn child(self: &Arc<Self>, name: &str, inode: Arc<dyn Inode>) -> Arc<Self> {
        // A dentry that turns out to be stale must be dropped after the lock.
        let stale;
        let mut children = self.children.lock();
        if let Some(found) = children.get(name).and_then(Weak::upgrade) {
            if same(&found.inode, &inode) {
                return found;
            }
            stale = Some(found);
        } else {
            stale = None;
        }
        let is_directory = inode.kind() == FileKind::Directory;
        let made = Self::make(inode, Some(self.clone()), name.to_string(), true);
        children.insert(name.to_string(), Arc::downgrade(&made));
        drop(children);
        drop(stale);
        // One of `/proc` would keep its process.
        if is_directory && !made.inode.as_any().is::<SyntheticInode>() {
            keep(&made);
        }
        made
    }

    /// As [`Self::child`], for somebody who only looks at it: a new one is not known to the directory,
    /// and does not hear of the name being moved.
    fn glance(self: &Arc<Self>, name: &str, inode: Arc<dyn Inode>) -> Arc<Self> {
        if inode.kind() == FileKind::Directory {
            return self.child(name, inode);
        }
        Self::make(inode, Some(self.clone()), name.to_string(), false)
    }

    /// Looks a name up in this directory.
    ///
    /// # Errors
    /// `ENOENT`, and the file system's.
    pub fn lookup(self: &Arc<Self>, name: &str) -> Result<Arc<Self>> {
        let inode = self.inode.lookup(name)?;
        Ok(self.child(name, inode))
    }

    /// As [`Self::lookup`], for somebody who only looks at what is there.
    ///
    /// # Errors
    /// As [`Self::lookup`].
    pub fn look_at(self: &Arc<Self>, name: &str) -> Result<Arc<Self>> {
        let inode = self.inode.lookup(name)?;
        Ok(self.glance(name, inode))
    }

    /// The directory of this name; none for a root.
    pub fn parent(&self) -> Option<Arc<Self>> {
        self.place.lock().parent.clone()
    }

    /// Its last component.
    pub fn name(&self) -> String {
        self.place.lock().name.clone()
    }

    /// Whether the name has been removed.
    pub fn is_deleted(&self) -> bool {
        self.place.lock().deleted
    }

    /// Absolute path; a removed one ends in ` (deleted)`.
    pub fn path(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        let (mut parent, deleted) = {
            let place = self.place.lock();
            if place.parent.is_none() {
                return if place.name.is_empty() { "/".to_string() } else { place.name.clone() };
            }
            names.push(place.name.clone());
            (place.parent.clone(), place.deleted)
        };
        while let Some(dentry) = parent {
            let place = dentry.place.lock();
            if place.parent.is_some() {
                names.push(place.name.clone());
            }
            let next = place.parent.clone();
            drop(place);
            parent = next;
        }
        let mut path = String::new();
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(name);
        }
        if deleted {
            path.push_str(" (deleted)");
        }
        path
    }

    /// Whether `self` is `other` or one of the directories above it.
    pub fn is_above(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Arc::ptr_eq(self, &dentry) || (self.inode.id() == dentry.inode.id()) {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    fn take_child(&self, name: &str) -> Option<Arc<Self>> {
        self.children.lock().remove(name).as_ref().and_then(Weak::upgrade)
    }

    /// The name `name` of this directory has been removed.
    pub fn forget(&self, name: &str) {
        if let Some(child) = self.take_child(name) {
            child.place.lock().deleted = true;
        }
    }

    fn put_child(self: &Arc<Self>, name: &str, child: &Arc<Self>) {
        let parent = {
            let mut place = child.place.lock();
            place.name = name.to_string();
            place.parent.replace(self.clone())
        };
        drop(parent);
        self.children.lock().insert(name.to_string(), Arc::downgrade(child));
    }

    /// `name` of this directory is now `to_name` of `to`; with `exchange` the other way round as well.
    pub fn moved(self: &Arc<Self>, name: &str, to: &Arc<Self>, to_name: &str, exchange: bool) {
        let source = self.take_child(name);
        let target = to.take_child(to_name);
        if let Some(target) = &target {
            if exchange {
                self.put_child(name, target);
            } else {
                target.place.lock().deleted = true;
            }
        }
        if let Some(source) = &source {
            to.put_child(to_name, source);
        }
    }
}

impl Dentry {
    /// Takes itself out of its directory, and returns that.
    fn leave(&mut self) -> Option<Arc<Self>> {
        let place = self.place.get_mut();
        let parent = place.parent.take()?;
        if self.registered {
            let mut children = parent.children.lock();
            if children.get(&place.name).is_some_and(|child| child.strong_count() == 0) {
                children.remove(&place.name);
            }
        }
        Some(parent)
    }
}

impl Drop for Dentry {
    fn drop(&mut self) {
        // One after the other and not each within the last: a path may be deeper than the stack.
        let mut parent = self.leave();
        while let Some(directory) = parent {
            parent = Arc::into_inner(directory).and_then(|mut directory| directory.leave());
        }
    }
}
