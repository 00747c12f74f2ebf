//! Handles that outlive the open files they were made for.

use alloc::sync::{Arc, Weak};

use crate::host::HostHandle;

/// The handle that is kept for the next `open`.
#[derive(Default)]
pub(super) struct Kept {
    handle: Option<Arc<HostHandle>>,
    /// The same, as long as somebody has it open: all there is of a file without a name.
    last: Weak<HostHandle>,
    writable: bool,
}

impl Kept {
    /// The handle, if it is good for what is wanted.
    pub(super) fn get(&self, write: bool) -> Option<Arc<HostHandle>> {
        if write && !self.writable {
            return None;
        }
        self.handle.clone().or_else(|| self.last.upgrade())
    }

    /// Takes it out.
    pub(super) fn take(&mut self) -> Option<Arc<HostHandle>> {
        self.handle.take()
    }

    /// Knows of a handle that somebody has open, without keeping it.
    pub(super) fn know(&mut self, handle: &Arc<HostHandle>) {
        if self.handle.is_none() && self.last.strong_count() == 0 {
            self.writable = false;
            self.last = Arc::downgrade(handle);
        }
    }

    /// Keeps a handle; one that is writable is not given up for one that is not.
    pub(super) fn put(&mut self, handle: &Arc<HostHandle>, writable: bool) -> Option<Arc<HostHandle>> {
        if self.handle.is_some() && self.writable && !writable {
            return None;
        }
        self.writable = writable;
        self.last = Arc::downgrade(handle);
        self.handle.replace(handle.clone())
    }
}
