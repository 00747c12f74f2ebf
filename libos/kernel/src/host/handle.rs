//! Open streams of the host, and each process's descriptors of them.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use bailey_abi::stream::{Attributes, OpenMode, Reply, Request};

use crate::errno::{Errno, Result};
use crate::host::raw::{nr, syscall};
use crate::host::{rpc, stat, tell};
use crate::sync::Mutex;
use crate::task;

/// An open stream: any process of the instance may hold it. A process gets a host descriptor of it when it first
/// needs one.
#[derive(Debug)]
pub struct HostHandle {
    id: u64,
    /// Whether it does no harm if the monitor hears of its end a little later.
    patient: AtomicBool,
}

/// Handles that are closed together: most programs open and close one file after the other.
const CLOSED_TOGETHER: usize = 32;

/// Closed handles that the monitor has not been told of.
static CLOSED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

impl HostHandle {
    /// `StreamOpen`.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `EEXIST`, `EROFS`, `EISDIR`, `EMFILE`, …
    pub fn open(uri: &str, mode: OpenMode) -> Result<(Arc<Self>, Attributes)> {
        match rpc(&Request::StreamOpen { uri: uri.to_string(), mode })? {
            (Reply::Stream { handle, attributes }, fd) => {
                let handle = Arc::new(Self { id: handle, patient: AtomicBool::new(false) });
                if let Some(fd) = fd {
                    task::current().process().descriptors().insert(&handle, fd);
                }
                Ok((handle, attributes))
            }
            _ => Err(Errno::EIO),
        }
    }

    /// The monitor's number of the stream.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Says whether the monitor may hear of its end later, together with that of others: of a file that has no name
    /// any more it must hear at once, for its space.
    pub fn set_patient(&self, patient: bool) {
        self.patient.store(patient, Ordering::Relaxed);
    }

    /// The calling process's descriptor (`HandleFetch` where it has none yet). It stays the handle's: never close it.
    ///
    /// # Errors
    /// `EBADF`, `EMFILE`
    pub fn fd(self: &Arc<Self>) -> Result<i32> {
        let process = task::current().process();
        if let Some(fd) = process.descriptors().get(self.id) {
            return Ok(fd);
        }
        match rpc(&Request::HandleFetch { handle: self.id })? {
            (Reply::Stream { .. }, Some(fd)) => {
                task::wish_to_inherit(process, self);
                Ok(process.descriptors().insert(self, fd))
            }
            _ => Err(Errno::EIO),
        }
    }

    /// Gives up the calling process's descriptor: nobody here uses the stream any more.
    pub fn let_go(&self) {
        if let Some(thread) = task::try_current() {
            thread.process().descriptors().remove(self.id);
        }
    }

    /// `StreamAttributesQueryByHandle`.
    ///
    /// # Errors
    /// `EBADF`
    pub fn attributes(&self) -> Result<Attributes> {
        match rpc(&Request::StreamAttributesQueryByHandle { handle: self.id })? {
            (Reply::Attributes(attributes), _) => Ok(attributes),
            _ => Err(Errno::EIO),
        }
    }

    /// The same by the calling process's own descriptor, if it has one; owner and group are the host's.
    pub fn attributes_here(&self) -> Option<Attributes> {
        let fd = task::current().process().descriptors().get(self.id)?;
        stat::attributes(fd).ok()
    }

    /// `StreamSetLength`.
    ///
    /// # Errors
    /// `EROFS`, `EFBIG`, `ENOSPC`
    pub fn set_length(&self, length: u64) -> Result<()> {
        rpc(&Request::StreamSetLength { handle: self.id, length }).map(drop)
    }

    /// `StreamAllocate`; `mode` as `fallocate(2)`.
    ///
    /// # Errors
    /// `EFBIG`, `ENOSPC`, `EOPNOTSUPP`
    pub fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        rpc(&Request::StreamAllocate { handle: self.id, mode, offset, length }).map(drop)
    }

    /// `StreamSeek`: the next hole at or after `offset`, or the next data.
    ///
    /// # Errors
    /// `ENXIO`
    pub fn seek_data(&self, offset: u64, hole: bool) -> Result<u64> {
        match rpc(&Request::StreamSeek { handle: self.id, offset, hole })? {
            (Reply::Offset(offset), _) => Ok(offset),
            _ => Err(Errno::EIO),
        }
    }

    /// `StreamFlush`.
    ///
    /// # Errors
    /// `EIO`
    pub fn flush(&self) -> Result<()> {
        rpc(&Request::StreamFlush { handle: self.id }).map(drop)
    }
}

impl Drop for HostHandle {
    fn drop(&mut self) {
        if let Some(thread) = task::try_current() {
            thread.process().descriptors().remove(self.id);
            let request = if self.patient.load(Ordering::Relaxed) {
                closed_later(self.id).map(|handles| Request::HandlesClose { handles })
            } else {
                Some(Request::HandleClose { handle: self.id })
            };
            // The monitor forgets it when the instance ends, at the latest.
            let _ = request.map(|request| tell(&request));
        }
    }
}

/// Puts a closed handle to those that the monitor is told of later; returns them where there are enough.
fn closed_later(handle: u64) -> Option<Vec<u64>> {
    let mut closed = CLOSED.lock();
    closed.push(handle);
    (closed.len() >= CLOSED_TOGETHER).then(|| core::mem::take(&mut *closed))
}

/// Most handles that a process is asked to fetch for its children.
const MOST_WISHES: usize = 32;
/// How many children must have fetched a handle themselves before their parent does.
const WORTH: u32 = 2;

/// Handles that children of a process have had to fetch: programs that it runs again and again. It fetches them once,
/// before it makes the next child, and all later ones inherit them.
#[derive(Debug, Default)]
pub struct Wishes(Mutex<Vec<(Weak<HostHandle>, u32)>>);

impl Wishes {
    /// A child has had to fetch `handle`.
    pub fn add(&self, handle: &Arc<HostHandle>) {
        let mut wishes = self.0.lock();
        wishes.retain(|(handle, _)| handle.strong_count() > 0);
        let room = wishes.len() < MOST_WISHES;
        match wishes.iter_mut().find(|(other, _)| core::ptr::eq(other.as_ptr(), Arc::as_ptr(handle))) {
            Some((_, children)) => *children += 1,
            None if room => wishes.push((Arc::downgrade(handle), 1)),
            None => {}
        }
    }

    /// Fetches what is worth it, in the process whose wishes they are.
    pub fn grant(&self) {
        let mut worth = Vec::new();
        self.0.lock().retain(|(handle, children)| {
            if *children >= WORTH {
                worth.extend(handle.upgrade());
            }
            *children < WORTH
        });
        for handle in worth {
            // Without it the children fetch it as before.
            let _ = handle.fd();
        }
    }

    /// What is left of them, when the process ends: its parent may make children like it.
    pub fn take(&self) -> Vec<Arc<HostHandle>> {
        core::mem::take(&mut *self.0.lock()).iter().filter_map(|(handle, _)| handle.upgrade()).collect()
    }
}

/// How many descriptors more a process has when those of dead handles are closed.
const SWEEP_AFTER: usize = 128;

/// One process's host descriptors by handle. The numbers mean something in that process only.
#[derive(Debug, Default)]
pub struct DescriptorCache {
    entries: Mutex<Entries>,
}

#[derive(Clone, Debug, Default)]
struct Entries {
    open: BTreeMap<u64, (i32, Weak<HostHandle>)>,
    /// How many were left when those of dead handles were last closed.
    left: usize,
}

impl DescriptorCache {
    fn get(&self, id: u64) -> Option<i32> {
        self.entries.lock().open.get(&id).map(|(fd, _)| *fd)
    }

    /// Keeps `fd` for the handle, unless another thread was first; returns the one that stays.
    fn insert(&self, handle: &Arc<HostHandle>, fd: i32) -> i32 {
        let mut entries = self.entries.lock();
        if let Some((first, _)) = entries.open.get(&handle.id) {
            let first = *first;
            drop(entries);
            close(fd);
            return first;
        }
        if entries.open.len() >= entries.left + SWEEP_AFTER {
            sweep(&mut entries);
        }
        entries.open.insert(handle.id, (fd, Arc::downgrade(handle)));
        fd
    }

    fn remove(&self, id: u64) {
        if let Some((fd, _)) = self.entries.lock().open.remove(&id) {
            close(fd);
        }
    }

    /// What a cloned process inherits: the same numbers.
    pub fn inherited(&self) -> Self {
        Self { entries: Mutex::new(self.entries.lock().clone()) }
    }
}

/// Closes descriptors of handles that other processes have closed.
fn sweep(entries: &mut Entries) {
    let dead: Vec<u64> = entries
        .open
        .iter()
        .filter(|(_, (_, handle))| handle.strong_count() == 0)
        .map(|(id, _)| *id)
        .collect();
    for id in dead {
        if let Some((fd, _)) = entries.open.remove(&id) {
            close(fd);
        }
    }
    entries.left = entries.open.len();
}

/// `DescriptorClose`.
pub fn close(fd: i32) {
    // Nothing can be done about a failure, and the number is free again in any case.
    // SAFETY: the kernel's own descriptor, which nobody uses any more.
    let _ = unsafe { syscall(nr::CLOSE, [u64::from(fd.cast_unsigned()), 0, 0, 0, 0, 0]) };
}
