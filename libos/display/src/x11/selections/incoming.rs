//! An X11 program's selection on its way to a Wayland client.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, Window};
use x11rb::rust_connection::RustConnection;

use crate::x11::atoms::Atoms;
use crate::x11::manager::ManagerError;

/// Most of a property that is read at once, in 32-bit units: 64 MiB.
const MOST: u32 = 16 << 20;

/// One transfer.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Where the owner puts it, on our window.
    pub(super) property: Atom,
    into: File,
    /// Not yet written.
    waiting: Vec<u8>,
    /// It comes in pieces.
    pieces: bool,
    /// No more comes.
    complete: bool,
    /// The reader has gone, or all is written.
    over: bool,
}

impl Incoming {
    /// A transfer that has been asked for.
    pub(super) fn new(property: Atom, into: OwnedFd) -> Self {
        // A reader that takes nothing must not stop us.
        if let Ok(flags) = fcntl_getfl(&into) {
            let _ = fcntl_setfl(&into, flags | OFlags::NONBLOCK);
        }
        let into = File::from(into);
        Self { property, into, waiting: Vec::new(), pieces: false, complete: false, over: false }
    }

    /// Whether it is over.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// What it waits to write to.
    pub(super) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        (!self.waiting.is_empty() && !self.over).then(|| self.into.as_fd())
    }

    /// The owner cannot give it.
    pub(super) fn refuse(&mut self) {
        self.over = true;
    }

    /// The owner has put something into the property: all, or that there will be pieces, or one.
    pub(super) fn take(
        &mut self,
        connection: &RustConnection,
        atoms: &Atoms,
        window: Window,
        first: bool,
    ) -> Result<(), ManagerError> {
        if self.complete || first == self.pieces {
            return Ok(());
        }
        let got = connection.get_property(true, window, self.property, AtomEnum::ANY, 0, MOST)?.reply()?;
        if first && got.type_ == atoms.INCR {
            self.pieces = true;
            return Ok(());
        }
        self.complete = first || got.value.is_empty();
        self.waiting.extend(got.value);
        self.write();
        Ok(())
    }

    /// Writes what the reader takes.
    pub(super) fn write(&mut self) {
        while !self.waiting.is_empty() {
            match self.into.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.over = true;
                    return;
                }
            }
        }
        self.over |= self.complete;
    }
}
