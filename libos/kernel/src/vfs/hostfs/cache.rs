//! The bounds on what is kept: inodes of immutable trees, and open handles of their files.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::Mutex;
use crate::vfs::hostfs::HostInode;

/// Most host inodes in the kernel heap (about 500 bytes each).
const MAX_INODES: usize = 300_000;
/// Most handles kept open for files that nobody has open.
const MAX_HANDLES: usize = 192;

/// Most bytes of files that have been told ahead: what four answers hold. They are read soon, or never, and memory that
/// the heap has once had stays the instance's.
const MAX_BYTES: usize = 256 * 1024;
/// What a file takes besides its bytes.
const BYTES_OVERHEAD: usize = 128;

static INODES: AtomicUsize = AtomicUsize::new(0);
/// Directories that keep names, the oldest first.
static DIRECTORIES: Mutex<VecDeque<Weak<HostInode>>> = Mutex::new(VecDeque::new());
/// Files that keep a handle, the oldest first.
static HANDLES: Mutex<VecDeque<Arc<HostInode>>> = Mutex::new(VecDeque::new());

/// Inodes, or what takes as much memory, have been made.
pub(super) fn count_inodes(count: usize) {
    INODES.fetch_add(count, Ordering::Relaxed);
}

/// They are gone.
pub(super) fn uncount_inodes(count: usize) {
    INODES.fetch_sub(count, Ordering::Relaxed);
}

/// `directory` keeps names from now on. Makes room where there are too many; no lock may be held.
pub(super) fn keeps_names(directory: &Arc<HostInode>) {
    DIRECTORIES.lock().push_back(Arc::downgrade(directory));
    while INODES.load(Ordering::Relaxed) > MAX_INODES {
        let Some(oldest) = DIRECTORIES.lock().pop_front() else {
            return;
        };
        if let Some(oldest) = oldest.upgrade() {
            oldest.forget_names();
        }
    }
}

/// `file` keeps a handle from now on. No lock may be held.
pub(super) fn keeps_handle(file: &Arc<HostInode>) {
    let mut handles = HANDLES.lock();
    handles.push_back(file.clone());
    let oldest = if handles.len() > MAX_HANDLES { handles.pop_front() } else { None };
    drop(handles);
    if let Some(oldest) = oldest {
        oldest.forget_handle();
    }
}

/// Files whose bytes have been told.
struct Told {
    /// The oldest first, with what they take.
    files: VecDeque<(Weak<HostInode>, usize)>,
    /// The sum.
    taken: usize,
}

static TOLD: Mutex<Told> = Mutex::new(Told { files: VecDeque::new(), taken: 0 });

/// `file` keeps so many bytes from now on. No lock may be held.
pub(super) fn keeps_bytes(file: &Arc<HostInode>, length: usize) {
    let mut oldest = Vec::new();
    let mut told = TOLD.lock();
    told.files.push_back((Arc::downgrade(file), length + BYTES_OVERHEAD));
    told.taken += length + BYTES_OVERHEAD;
    while told.taken > MAX_BYTES
        && let Some((file, taken)) = told.files.pop_front()
    {
        told.taken -= taken;
        oldest.push(file);
    }
    drop(told);
    for file in oldest.iter().filter_map(Weak::upgrade) {
        file.forget_bytes();
    }
}
