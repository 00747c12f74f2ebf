//! All locks of the instance, and waiting for them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::errno::{Errno, Result};
use crate::sync::{Mutex, WaitQueue, wait_event};
use crate::vfs::locks::{Holder, Lock, Records};
use crate::vfs::{Events, InodeId, OpenFile};

/// Most files with locks.
const MAX_FILES: usize = 65536;

#[derive(Debug, Default)]
struct FileLocks {
    records: Records,
    /// Whole-file locks: description, exclusive.
    whole: Vec<(usize, bool)>,
}

#[derive(Debug)]
struct All {
    files: BTreeMap<InodeId, FileLocks>,
    /// Which table waits for which.
    waiting: BTreeMap<u64, u64>,
}

static ALL: Mutex<All> = Mutex::new(All { files: BTreeMap::new(), waiting: BTreeMap::new() });
/// Files with locks: closing a file costs nothing while there are none.
static FILES: AtomicUsize = AtomicUsize::new(0);
static QUEUE: WaitQueue = WaitQueue::new();

impl All {
    fn of(&mut self, id: InodeId) -> Result<&mut FileLocks> {
        if !self.files.contains_key(&id) && self.files.len() >= MAX_FILES {
            return Err(Errno::ENOLCK);
        }
        Ok(self.files.entry(id).or_default())
    }

    fn tidy(&mut self, id: InodeId) {
        if self.files.get(&id).is_some_and(|locks| locks.records.is_empty() && locks.whole.is_empty()) {
            self.files.remove(&id);
        }
        FILES.store(self.files.len(), Ordering::Release);
    }

    /// Whether `waiter`, waiting for `blocker`, would close a ring.
    fn deadlocks(&self, waiter: u64, blocker: u64) -> bool {
        let mut at = blocker;
        for _ in 0..=self.waiting.len() {
            if at == waiter {
                return true;
            }
            match self.waiting.get(&at) {
                Some(next) => at = *next,
                None => return false,
            }
        }
        false
    }
}

/// What locks are on: the inode of a name, else the anonymous one of a pipe, a socket or the like.
fn id_of(file: &OpenFile) -> Option<InodeId> {
    if let Some(dentry) = &file.dentry {
        return Some(dentry.inode.id());
    }
    let stat = file.file.stat().ok()?;
    Some(InodeId { dev: stat.dev, ino: stat.ino })
}

fn address(file: &OpenFile) -> usize {
    core::ptr::from_ref(file) as usize
}

/// A lock that stands against `wanted` (`F_GETLK`).
///
/// # Errors
/// `EINVAL` for a file that has no inode.
pub fn test(file: &OpenFile, wanted: &Lock) -> Result<Option<Lock>> {
    let id = id_of(file).ok_or(Errno::EINVAL)?;
    Ok(ALL.lock().files.get(&id).and_then(|locks| locks.records.conflict(wanted)))
}

/// Sets (or, without `exclusive`, takes away) a record lock; waits for it if `wait`.
///
/// # Errors
/// `EAGAIN` where another's is in the way, `EDEADLK`, `ERESTARTSYS`, `ENOLCK`, `EINVAL`.
pub fn set(file: &OpenFile, wanted: Lock, unlock: bool, wait: bool) -> Result<()> {
    let id = id_of(file).ok_or(Errno::EINVAL)?;
    if unlock {
        let mut all = ALL.lock();
        if let Some(locks) = all.files.get_mut(&id) {
            locks.records.unlock(wanted.holder, wanted.start, wanted.end);
        }
        all.tidy(id);
        drop(all);
        QUEUE.wake(Events::IN);
        return Ok(());
    }
    let attempt = || {
        let mut all = ALL.lock();
        let locks = match all.of(id) {
            Ok(locks) => locks,
            Err(error) => return Some(Err(error)),
        };
        let Some(blocker) = locks.records.conflict(&wanted) else {
            locks.records.lock(wanted);
            all.tidy(id);
            return Some(Ok(()));
        };
        all.tidy(id);
        if !wait {
            return Some(Err(Errno::EAGAIN));
        }
        if let (Holder::Table(waiter), Holder::Table(blocker)) = (wanted.holder, blocker.holder) {
            if all.deadlocks(waiter, blocker) {
                return Some(Err(Errno::EDEADLK));
            }
            all.waiting.insert(waiter, blocker);
        }
        None
    };
    let result = wait_event(&[&QUEUE], None, attempt);
    if let Holder::Table(waiter) = wanted.holder {
        ALL.lock().waiting.remove(&waiter);
    }
    // A read lock in place of a write lock lets others in.
    QUEUE.wake(Events::IN);
    result.unwrap_or(Err(Errno::ERESTARTSYS))
}

/// `flock(2)`: `exclusive` or shared; none unlocks.
///
/// # Errors
/// `EWOULDBLOCK`, `ERESTARTSYS`, `ENOLCK`, `EINVAL`.
pub fn flock(file: &OpenFile, exclusive: Option<bool>, wait: bool) -> Result<()> {
    let id = id_of(file).ok_or(Errno::EINVAL)?;
    let me = address(file);
    let attempt = || {
        let mut all = ALL.lock();
        let locks = match all.of(id) {
            Ok(locks) => locks,
            Err(error) => return Some(Err(error)),
        };
        // Changing a lock gives up the old one first, as Linux does.
        locks.whole.retain(|(holder, _)| *holder != me);
        let result = match exclusive {
            None => Some(Ok(())),
            Some(exclusive) if locks.whole.iter().any(|(_, other)| *other || exclusive) => {
                if wait {
                    None
                } else {
                    Some(Err(Errno::EAGAIN))
                }
            }
            Some(exclusive) => {
                locks.whole.push((me, exclusive));
                Some(Ok(()))
            }
        };
        all.tidy(id);
        result
    };
    let result = wait_event(&[&QUEUE], None, attempt);
    QUEUE.wake(Events::IN);
    result.unwrap_or(Err(Errno::ERESTARTSYS))
}

/// The last descriptor of a description is gone: so are its locks.
pub fn release_description(file: &OpenFile) {
    if FILES.load(Ordering::Acquire) == 0 {
        return;
    }
    let Some(id) = id_of(file) else { return };
    let me = address(file);
    let mut all = ALL.lock();
    let Some(locks) = all.files.get_mut(&id) else {
        return;
    };
    locks.whole.retain(|(holder, _)| *holder != me);
    locks.records.unlock(Holder::Description(me), 0, u64::MAX);
    all.tidy(id);
    drop(all);
    QUEUE.wake(Events::IN);
}

/// A process has closed a descriptor of `file`: all its record locks on that file are gone.
pub fn release_owner_on(owner: u64, file: &OpenFile) {
    if FILES.load(Ordering::Acquire) == 0 {
        return;
    }
    let Some(id) = id_of(file) else { return };
    let mut all = ALL.lock();
    let Some(locks) = all.files.get_mut(&id) else {
        return;
    };
    locks.records.unlock(Holder::Table(owner), 0, u64::MAX);
    all.tidy(id);
    drop(all);
    QUEUE.wake(Events::IN);
}
