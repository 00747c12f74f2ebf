//! Whole paths whose walk need not be made again: through directories in which no name and no permission changes
//! without a word, as nearly all are that programs look things up in over and over.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::errno::{Errno, Result};
use crate::sync::Mutex;
use crate::vfs::Dentry;

/// Paths that are kept, one a slot. A power of two.
const SLOTS: usize = 4096;
/// Longest path that is kept, in bytes.
const MAX_PATH: usize = 256;

/// Where a path leads.
struct Known {
    /// Where it starts, if it is no absolute one.
    start: Option<Arc<Dentry>>,
    path: Box<str>,
    /// User who may walk it.
    uid: u32,
    /// Whether a link at its end is followed.
    follow: bool,
    /// Whether the dentry is one that its directory may not know of ([`Walk::look`]).
    ///
    /// [`Walk::look`]: crate::vfs::Walk::look
    look: bool,
    /// [`generation`] before the walk.
    generation: u32,
    /// Where its last name is looked up, if that must be asked ([`Inode::still`]), and the name.
    ///
    /// [`Inode::still`]: crate::vfs::Inode::still
    asked: Option<(Arc<Dentry>, Box<str>)>,
    /// None: it leads to nothing.
    found: Option<Arc<Dentry>>,
}

/// A path and who walks it.
#[derive(Clone, Copy)]
pub(super) struct Path<'a> {
    /// Where a relative one starts.
    pub(super) start: Option<&'a Arc<Dentry>>,
    /// The path.
    pub(super) path: &'a str,
    /// Whether a link at its end is followed.
    pub(super) follow: bool,
    /// Whether what is found is only looked at.
    pub(super) look: bool,
    /// User.
    pub(super) uid: u32,
}

impl Known {
    fn is_of(&self, path: &Path<'_>) -> bool {
        let same_start = match (&self.start, path.start) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same_start
            && self.follow == path.follow
            && self.look == path.look
            && self.uid == path.uid
            && *self.path == *path.path
    }

    /// Whether it still leads there.
    fn is_good(&self) -> bool {
        let still = |(parent, name): &(Arc<Dentry>, Box<str>)| {
            parent.inode.still(name, self.found.as_ref().map(|found| &found.inode))
        };
        self.generation == generation() && self.asked.as_ref().is_none_or(still)
    }
}

static PATHS: [Mutex<Option<Box<Known>>>; SLOTS] = [const { Mutex::new(None) }; SLOTS];
/// Counts changes in directories that are taken to be stable.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// What is asked for before a walk that is to be kept.
pub(super) fn generation() -> u32 {
    GENERATION.load(Ordering::Acquire)
}

/// A name or the permissions of a stable directory have changed: nothing that was kept is good any more.
pub fn changed() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
}

fn slot(path: &Path<'_>) -> &'static Mutex<Option<Box<Known>>> {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let start = path.start.map_or(0, |start| Arc::as_ptr(start) as u64);
    let mut hash = start ^ u64::from(path.follow) ^ u64::from(path.look) << 1;
    let mut chunks = path.path.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }
    let length = path.path.len() as u64;
    let rest = chunks.remainder().iter().fold(length, |word, byte| word << 8 | u64::from(*byte));
    hash = (hash ^ rest).wrapping_mul(FACTOR);
    &PATHS[(hash >> 40) as usize % SLOTS]
}

/// Where a path leads, if that is known: to a dentry, or `ENOENT`.
pub(super) fn find(path: &Path<'_>) -> Option<Result<Arc<Dentry>>> {
    let slot = slot(path).lock();
    let known = slot.as_ref().filter(|known| known.is_of(path) && known.is_good())?;
    Some(known.found.clone().ok_or(Errno::ENOENT))
}

/// Keeps where a path leads, by a walk that began at `generation`; `asked` is a directory and a name in it that are
/// asked each time whether it still does.
pub(super) fn keep(
    path: &Path<'_>,
    generation: u32,
    asked: Option<(&Arc<Dentry>, &str)>,
    found: Option<Arc<Dentry>>,
) {
    if path.path.len() > MAX_PATH {
        return;
    }
    let known = Known {
        start: path.start.cloned(),
        path: path.path.into(),
        uid: path.uid,
        follow: path.follow,
        look: path.look,
        generation,
        asked: asked.map(|(directory, name)| (directory.clone(), name.into())),
        found,
    };
    let replaced = slot(path).lock().replace(Box::new(known));
    // Dropping a dentry takes other locks.
    drop(replaced);
}
