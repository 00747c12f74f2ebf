//! An inotify instance: its watches and its queue of events.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::errno::{Errno, Result};
use crate::sync::{Mutex, WaitQueue, wait_event};
use crate::user::{self, UserBuffers};
use crate::vfs::bytes::to_bytes;
use crate::vfs::{Dentry, Events, File, FileKind, InodeId, OpenFile, Stat};

/// `/proc/sys/fs/inotify/max_queued_events`
const MAX_QUEUED: usize = 16384;
/// `/proc/sys/fs/inotify/max_user_watches`, of one instance.
const MAX_WATCHES: usize = 65536;
const FIONREAD: u32 = 0x541b;

pub(super) const IN_IGNORED: u32 = 0x8000;
const IN_Q_OVERFLOW: u32 = 0x4000;
const IN_ALL_EVENTS: u32 = 0xfff;
const IN_ONESHOT: u32 = 0x8000_0000;
const IN_MASK_ADD: u32 = 0x2000_0000;
const IN_MASK_CREATE: u32 = 0x1000_0000;
const IN_EXCL_UNLINK: u32 = 0x0400_0000;

/// Who watches an inode: instance and watch descriptor.
type Watchers = Vec<(Weak<Inotify>, i32)>;

/// All watches, by what they watch.
static WATCHES: Mutex<BTreeMap<InodeId, Watchers>> = Mutex::new(BTreeMap::new());
/// Watched inodes: nothing is looked up while there are none.
static WATCHED: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

impl Event {
    /// `struct inotify_event`, the name padded with NULs to a multiple of 16.
    fn encode(&self) -> Vec<u8> {
        let length = if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(16) };
        let mut bytes = Vec::with_capacity(16 + length);
        bytes.extend_from_slice(&self.watch.to_ne_bytes());
        bytes.extend_from_slice(&self.mask.to_ne_bytes());
        bytes.extend_from_slice(&self.cookie.to_ne_bytes());
        bytes.extend_from_slice(&(length as u32).to_ne_bytes());
        bytes.extend_from_slice(&self.name);
        bytes.resize(16 + length, 0);
        bytes
    }
}

#[derive(Debug, Default)]
struct State {
    /// Watch descriptor: inode, mask.
    watches: BTreeMap<i32, (InodeId, u32)>,
    last: i32,
    queue: VecDeque<Event>,
}

/// An inotify instance.
pub struct Inotify {
    state: Mutex<State>,
    waiters: WaitQueue,
    ino: u64,
}

impl core::fmt::Debug for Inotify {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inotify").field("ino", &self.ino).finish_non_exhaustive()
    }
}

impl Inotify {
    /// `inotify_init1(2)`.
    pub fn open(flags: u32) -> Arc<OpenFile> {
        let file = Self {
            state: Mutex::new(State::default()),
            waiters: WaitQueue::new(),
            ino: crate::ipc::anonymous::inode_number(),
        };
        OpenFile::new(Arc::new(file), flags & OpenFile::NONBLOCK, "anon_inode:inotify")
    }

    /// `inotify_add_watch(2)`.
    ///
    /// # Errors
    /// `EINVAL`, `EEXIST`, `ENOSPC`
    pub fn watch(self: &Arc<Self>, dentry: &Dentry, mask: u32) -> Result<i32> {
        if mask & IN_ALL_EVENTS == 0 || mask & (IN_MASK_ADD | IN_MASK_CREATE) == IN_MASK_ADD | IN_MASK_CREATE
        {
            return Err(Errno::EINVAL);
        }
        let id = dentry.inode.id();
        let kept = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
        let mut state = self.state.lock();
        let existing = state.watches.iter_mut().find(|(_, (watched, _))| *watched == id);
        if let Some((watch, (_, old))) = existing {
            if mask & IN_MASK_CREATE != 0 {
                return Err(Errno::EEXIST);
            }
            *old = if mask & IN_MASK_ADD != 0 { *old | kept } else { kept };
            return Ok(*watch);
        }
        if state.watches.len() >= MAX_WATCHES {
            return Err(Errno::ENOSPC);
        }
        state.last += 1;
        let watch = state.last;
        state.watches.insert(watch, (id, kept));
        drop(state);
        let mut all = WATCHES.lock();
        all.entry(id).or_default().push((Arc::downgrade(self), watch));
        WATCHED.store(all.len(), Ordering::Release);
        Ok(watch)
    }

    /// `inotify_rm_watch(2)`.
    ///
    /// # Errors
    /// `EINVAL`
    pub fn unwatch(&self, watch: i32) -> Result<()> {
        let id = {
            let mut state = self.state.lock();
            let (id, _) = state.watches.remove(&watch).ok_or(Errno::EINVAL)?;
            Self::push(&mut state, Event { watch, mask: IN_IGNORED, cookie: 0, name: Vec::new() });
            id
        };
        self.drop_watch(id, watch);
        self.waiters.wake(Events::IN);
        Ok(())
    }

    fn drop_watch(&self, id: InodeId, watch: i32) {
        let mut all = WATCHES.lock();
        if let Some(watches) = all.get_mut(&id) {
            watches.retain(|(owner, other)| *other != watch || !core::ptr::eq(owner.as_ptr(), self));
            if watches.is_empty() {
                all.remove(&id);
            }
        }
        WATCHED.store(all.len(), Ordering::Release);
    }

    fn push(state: &mut State, event: Event) {
        if state.queue.back() == Some(&event) {
            return;
        }
        if state.queue.len() >= MAX_QUEUED {
            let overflow = Event { watch: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: Vec::new() };
            if state.queue.back() != Some(&overflow) {
                state.queue.push_back(overflow);
            }
            return;
        }
        state.queue.push_back(event);
    }

    /// Something has happened to what `watch` watches.
    fn report(&self, watch: i32, mask: u32, cookie: u32, name: &str, ends: bool) {
        let mut state = self.state.lock();
        let Some((id, wanted)) = state.watches.get(&watch).copied() else {
            return;
        };
        // IN_IGNORED and the flag for directories come unasked.
        let told = mask & IN_ALL_EVENTS & wanted != 0;
        if told {
            Self::push(&mut state, Event { watch, mask, cookie, name: to_bytes(name).into_owned() });
        }
        let over = ends || (told && wanted & IN_ONESHOT != 0);
        if over {
            state.watches.remove(&watch);
            Self::push(&mut state, Event { watch, mask: IN_IGNORED, cookie: 0, name: Vec::new() });
        }
        drop(state);
        if over {
            self.drop_watch(id, watch);
        }
        if told || over {
            self.waiters.wake(Events::IN | Events::RDNORM);
        }
    }

    fn take(&self, to: &mut UserBuffers) -> Result<usize> {
        let mut state = self.state.lock();
        let mut done = 0;
        while let Some(event) = state.queue.front() {
            let bytes = event.encode();
            if bytes.len() > to.remaining() {
                return if done > 0 { Ok(done) } else { Err(Errno::EINVAL) };
            }
            done += to.copy_out(&bytes)?;
            state.queue.pop_front();
        }
        if done > 0 { Ok(done) } else { Err(Errno::EAGAIN) }
    }
}

/// Tells the watchers of an inode; `ends` where the inode is gone.
pub(super) fn report(id: InodeId, mask: u32, cookie: u32, name: &str, ends: bool) {
    if !any() {
        return;
    }
    let watchers: Vec<_> = WATCHES.lock().get(&id).cloned().unwrap_or_default();
    for (owner, watch) in watchers {
        if let Some(owner) = owner.upgrade() {
            owner.report(watch, mask, cookie, name, ends);
        }
    }
}

/// Whether there are watches at all.
pub(super) fn any() -> bool {
    WATCHED.load(Ordering::Acquire) > 0
}

impl File for Inotify {
    fn stat(&self) -> Result<Stat> {
        Ok(crate::ipc::anonymous::stat(FileKind::Anonymous, 0o600, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        match self.take(to) {
            Err(Errno::EAGAIN) if !open.nonblocking() => {}
            result => return result,
        }
        let result = wait_event(&[&self.waiters], None, || match self.take(to) {
            Err(Errno::EAGAIN) => None,
            result => Some(result),
        });
        result.unwrap_or(Err(Errno::ERESTARTSYS))
    }

    fn ioctl(&self, _open: &OpenFile, request: u32, argument: u64) -> Result<u64> {
        if request != FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let bytes: usize = self.state.lock().queue.iter().map(|event| event.encode().len()).sum();
        user::write(argument, &i32::try_from(bytes).unwrap_or(i32::MAX))?;
        Ok(0)
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        if self.state.lock().queue.is_empty() { Events::NONE } else { Events::IN | Events::RDNORM }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.waiters)
    }

    fn release(&self, _open: &OpenFile) {
        let watches = core::mem::take(&mut self.state.lock().watches);
        for (watch, (id, _)) in watches {
            self.drop_watch(id, watch);
        }
    }
}
