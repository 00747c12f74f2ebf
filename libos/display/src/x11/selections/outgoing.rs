//! A Wayland client's selection on its way to an X11 program.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};

use x11rb::errors::ConnectionError;
use x11rb::protocol::xproto::{
    Atom, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, PropMode, Property, PropertyNotifyEvent,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::x11::atoms::Atoms;
use crate::x11::selections::types::to_latin1;

/// Most bytes of one selection.
const MOST: usize = 64 << 20;
/// Bytes that go in one piece; more go by ICCCM's INCR.
const PIECE: usize = 128 << 10;

/// How far it is.
#[derive(Debug)]
enum Stage {
    /// The client writes.
    Reading(File),
    /// The requestor has been told to take pieces; bytes sent so far.
    Pieces(usize),
    /// All is sent, or nothing can be.
    Done,
}

/// One transfer.
#[derive(Debug)]
pub(super) struct Outgoing {
    request: SelectionRequestEvent,
    /// The property's type.
    kind: Atom,
    latin1: bool,
    data: Vec<u8>,
    stage: Stage,
}

/// Tells who asked that there is an answer, or none.
pub(super) fn answer(
    connection: &RustConnection,
    request: &SelectionRequestEvent,
    property: Atom,
) -> Result<(), ConnectionError> {
    let event = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: request.time,
        requestor: request.requestor,
        selection: request.selection,
        target: request.target,
        property,
    };
    connection.send_event(false, request.requestor, EventMask::NO_EVENT, event)?;
    Ok(())
}

impl Outgoing {
    /// A transfer of what can be read from `pipe`, as a property of type `kind`.
    pub(super) fn new(request: SelectionRequestEvent, kind: Atom, latin1: bool, pipe: File) -> Self {
        Self { request, kind, latin1, data: Vec::new(), stage: Stage::Reading(pipe) }
    }

    /// Whether it is over.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// What it waits to read from.
    pub(super) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        if let Stage::Reading(pipe) = &self.stage { Some(pipe.as_fd()) } else { None }
    }

    /// Reads what there is, and answers at its end.
    pub(super) fn read(&mut self, connection: &RustConnection, atoms: &Atoms) -> Result<(), ConnectionError> {
        let Stage::Reading(pipe) = &mut self.stage else { return Ok(()) };
        let mut piece = vec![0; 64 << 10];
        let whole = loop {
            match pipe.read(&mut piece) {
                Ok(0) => break true,
                Ok(count) if self.data.len() + count <= MOST => self.data.extend(&piece[..count]),
                Ok(_) => break false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        if !whole {
            tracing::warn!("A selection is too large for X11, or cannot be read");
            self.stage = Stage::Done;
            return answer(connection, &self.request, x11rb::NONE);
        }
        if self.latin1 {
            self.data = to_latin1(&self.data);
        }
        let (window, property) = (self.request.requestor, self.request.property);
        if self.data.len() <= PIECE {
            connection.change_property8(PropMode::REPLACE, window, property, self.kind, &self.data)?;
            self.stage = Stage::Done;
        } else {
            let events = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
            connection.change_window_attributes(window, &events)?;
            let size = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
            connection.change_property32(PropMode::REPLACE, window, property, atoms.INCR, &[size])?;
            self.stage = Stage::Pieces(0);
        }
        answer(connection, &self.request, property)
    }

    /// A property has changed: where the requestor has taken a piece, it gets the next one; an empty one is the last.
    pub(super) fn property(
        &mut self,
        connection: &RustConnection,
        event: &PropertyNotifyEvent,
    ) -> Result<(), ConnectionError> {
        let own = (self.request.requestor, self.request.property);
        let Stage::Pieces(sent) = &mut self.stage else { return Ok(()) };
        if (event.window, event.atom) != own || event.state != Property::DELETE {
            return Ok(());
        }
        let end = (*sent + PIECE).min(self.data.len());
        let piece = &self.data[*sent..end];
        connection.change_property8(PropMode::REPLACE, own.0, own.1, self.kind, piece)?;
        if piece.is_empty() {
            self.stage = Stage::Done;
        } else {
            *sent = end;
        }
        Ok(())
    }
}
