//! Open streams of an instance, by number.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result};

/// An open stream.
#[derive(Debug)]
pub(super) struct Handle {
    /// The host's descriptor.
    pub(super) fd: OwnedFd,
    /// Index of the grant it lies below; `None` for standard streams and the display.
    pub(super) root: Option<usize>,
    /// Whether it was opened for writing.
    pub(super) writable: bool,
    /// Whether it is a connection to somewhere outside.
    pub(super) socket: bool,
}

/// The table. Numbers are never used again.
#[derive(Debug)]
pub(super) struct Handles {
    open: HashMap<u64, Handle>,
    last: u64,
    most: usize,
}

impl Handles {
    /// A table of at most `most` open streams.
    pub(super) fn new(most: usize) -> Self {
        Self { open: HashMap::new(), last: 0, most }
    }

    /// # Errors
    /// `EMFILE` when the table is full.
    pub(super) fn check_room(&self) -> Result<()> {
        if self.open.len() >= self.most {
            return Err(Errno::MFILE);
        }
        Ok(())
    }

    /// Gives a stream its number.
    ///
    /// # Errors
    /// `EMFILE` when the table is full.
    pub(super) fn insert(&mut self, handle: Handle) -> Result<u64> {
        self.check_room()?;
        self.last += 1;
        self.open.insert(self.last, handle);
        Ok(self.last)
    }

    /// # Errors
    /// `EBADF` for a number that is not open.
    pub(super) fn get(&self, number: u64) -> Result<&Handle> {
        self.open.get(&number).ok_or(Errno::BADF)
    }

    /// # Errors
    /// `EBADF` for a number that is not open.
    pub(super) fn remove(&mut self, number: u64) -> Result<()> {
        let handle = self.open.remove(&number).ok_or(Errno::BADF)?;
        if handle.socket {
            // Another process may still have a descriptor; the peer is told now.
            let _ = rustix::net::shutdown(&handle.fd, rustix::net::Shutdown::Both);
        }
        Ok(())
    }

    /// Connections that are open.
    pub(super) fn sockets(&self) -> usize {
        self.open.values().filter(|handle| handle.socket).count()
    }
}
