//! `signalfd(2)`.

use alloc::sync::Arc;
use core::any::Any;

use crate::errno::{Errno, Result};
use crate::ipc::anonymous;
use crate::ipc::block::until_ready;
use crate::signal::{SigInfo, SigSet, take_from};
use crate::sync::{Mutex, WaitQueue};
use crate::task;
use crate::user::UserBuffers;
use crate::vfs::{Events, File, FileKind, OpenFile, Stat};

/// Woken whenever a signal is posted to any thread or process: which of them a descriptor is about
/// depends on who reads it.
pub static ARRIVED: WaitQueue = WaitQueue::new();

/// Bytes of `struct signalfd_siginfo`.
const RECORD: usize = 128;

/// Signals as something to read.
pub struct SignalFd {
    mask: Mutex<SigSet>,
    ino: u64,
}

impl core::fmt::Debug for SignalFd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SignalFd").field("ino", &self.ino).finish_non_exhaustive()
    }
}

impl SignalFd {
    /// A description that gives the signals of `mask`; `flags` are `O_NONBLOCK` or none.
    pub fn open(mask: SigSet, flags: u32) -> Arc<OpenFile> {
        let file = Self { mask: Mutex::new(mask), ino: anonymous::inode_number() };
        OpenFile::new(Arc::new(file), flags | 2, "anon_inode:[signalfd]")
    }

    /// Gives the signals of another mask from now on.
    pub fn set_mask(&self, mask: SigSet) {
        *self.mask.lock() = mask;
        ARRIVED.wake(Events::IN);
    }

    /// The signals that it gives.
    pub fn mask(&self) -> SigSet {
        *self.mask.lock()
    }

    fn take(&self, to: &mut UserBuffers) -> Result<usize> {
        let mut moved = 0;
        while to.remaining() >= RECORD {
            let Some(info) = take_from(task::current(), self.mask()) else {
                break;
            };
            moved += to.copy_out(&record(&info))?;
        }
        if moved == 0 { Err(Errno::EAGAIN) } else { Ok(moved) }
    }
}

/// `struct signalfd_siginfo`. The fields that depend on the code lie, in `siginfo_t`, in three words:
/// process and user (or timer and overrun), value or status, times.
fn record(info: &SigInfo) -> [u8; RECORD] {
    const SI_TIMER: i32 = -2;
    const SIGCHLD: u8 = 17;
    let mut bytes = [0; RECORD];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let (first, second) = (info.field(0).to_le_bytes(), info.field(1).to_le_bytes());
    put(0, &u32::from(info.signo()).to_le_bytes());
    put(8, &info.code().to_le_bytes());
    if info.code() == SI_TIMER {
        put(24, &first[..4]);
        put(32, &first[4..]);
    } else {
        put(12, &first[..4]);
        put(16, &first[4..]);
    }
    if info.signo() == SIGCHLD {
        put(40, &second[..4]);
    } else {
        put(44, &second[..4]);
        put(48, &second);
    }
    bytes
}

impl File for SignalFd {
    fn stat(&self) -> Result<Stat> {
        Ok(anonymous::stat(FileKind::Anonymous, 0o600, self.ino))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, open: &OpenFile, to: &mut UserBuffers, _offset: u64) -> Result<usize> {
        if to.remaining() < RECORD {
            return Err(Errno::EINVAL);
        }
        until_ready(&ARRIVED, open.nonblocking(), None, || self.take(to))
    }

    fn poll(&self, _open: &OpenFile) -> Events {
        let thread = task::current();
        let own = thread.signals.lock().pending.set();
        let shared = thread.process().signals.lock().pending.set();
        let ready = own.union(shared).intersection(self.mask());
        if ready.is_empty() { Events::NONE } else { Events::IN }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&ARRIVED)
    }
}
