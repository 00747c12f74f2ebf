//! Who owns the selections, on either side, and the transfers under way.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use x11rb::CURRENT_TIME;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{ConnectionExt as _, SelectionEventMask, SelectionNotifyEvent as OwnerEvent};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, PropMode, Property, PropertyNotifyEvent, SelectionNotifyEvent,
    SelectionRequestEvent, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::state::State;
use crate::wayland::selection::Which;
use crate::x11::atoms::Atoms;
use crate::x11::manager::ManagerError;
use crate::x11::selections::incoming::Incoming;
use crate::x11::selections::outgoing::{Outgoing, answer};
use crate::x11::selections::types;

/// Transfers in one direction at once; the oldest goes for one more.
const MOST_TRANSFERS: usize = 16;
/// Targets of one owner that are read.
const MOST_TARGETS: u32 = 256;

/// One selection.
#[derive(Debug)]
struct Selection {
    which: Which,
    atom: Atom,
    /// What the X11 program that owns it offers.
    targets: Vec<String>,
}

/// Both selections, from X11's side.
#[derive(Debug)]
pub struct Selections {
    /// Our window: it owns what a Wayland client has selected, and takes what X11 programs give.
    window: Window,
    atoms: Atoms,
    both: [Selection; 2],
    outgoing: Vec<Outgoing>,
    incoming: Vec<Incoming>,
    /// Numbers the properties that X11 programs put selections into.
    transfers: usize,
}

impl Selections {
    /// Watches both selections.
    ///
    /// # Errors
    /// [`ManagerError`].
    pub fn new(connection: &RustConnection, atoms: Atoms, window: Window) -> Result<Self, ManagerError> {
        let selection = |which, atom| Selection { which, atom, targets: Vec::new() };
        let both = [
            selection(Which::Clipboard, atoms.CLIPBOARD),
            selection(Which::Primary, AtomEnum::PRIMARY.into()),
        ];
        connection.xfixes_query_version(5, 0)?.reply()?;
        let events = SelectionEventMask::SET_SELECTION_OWNER
            | SelectionEventMask::SELECTION_WINDOW_DESTROY
            | SelectionEventMask::SELECTION_CLIENT_CLOSE;
        for selection in &both {
            connection.xfixes_select_selection_input(window, selection.atom, events)?;
        }
        Ok(Self { window, atoms, both, outgoing: Vec::new(), incoming: Vec::new(), transfers: 0 })
    }

    /// What the transfers wait for.
    pub fn watched(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let outgoing = self.outgoing.iter().filter_map(|one| Some((one.pipe()?, PollFlags::IN)));
        let incoming = self.incoming.iter().filter_map(|one| Some((one.pipe()?, PollFlags::OUT)));
        outgoing.chain(incoming)
    }

    /// Goes on with the transfers as far as that can be.
    ///
    /// # Errors
    /// Where the connection broke.
    pub fn go_on(&mut self, connection: &RustConnection) -> Result<(), ManagerError> {
        for transfer in &mut self.outgoing {
            transfer.read(connection, &self.atoms)?;
        }
        self.incoming.iter_mut().for_each(Incoming::write);
        self.outgoing.retain(|transfer| !transfer.is_over());
        self.incoming.retain(|transfer| !transfer.is_over());
        Ok(())
    }

    /// A Wayland client owns a selection from now on, or none does any more.
    ///
    /// # Errors
    /// Where the connection broke.
    pub fn selected(
        &self,
        connection: &RustConnection,
        state: &State,
        which: Which,
    ) -> Result<(), ManagerError> {
        let Some(selection) = self.both.iter().find(|selection| selection.which == which) else {
            return Ok(());
        };
        if state.client_types(which).is_some() {
            connection.set_selection_owner(self.window, selection.atom, CURRENT_TIME)?;
        } else if connection.get_selection_owner(selection.atom)?.reply()?.owner == self.window {
            connection.set_selection_owner(x11rb::NONE, selection.atom, CURRENT_TIME)?;
        }
        Ok(())
    }

    /// A Wayland client wants what an X11 program has selected.
    ///
    /// # Errors
    /// Where the connection broke.
    pub fn receive(
        &mut self,
        connection: &RustConnection,
        which: Which,
        mime_type: &str,
        into: OwnedFd,
    ) -> Result<(), ManagerError> {
        let Some(selection) = self.both.iter().find(|selection| selection.which == which) else {
            return Ok(());
        };
        let target = types::target_of(mime_type, &selection.targets);
        let target = connection.intern_atom(false, target.as_bytes())?;
        let name = format!("_BAILEY_SELECTION_{}", self.transfers % MOST_TRANSFERS);
        self.transfers += 1;
        let property = connection.intern_atom(false, name.as_bytes())?.reply()?.atom;
        let target = target.reply()?.atom;
        connection.delete_property(self.window, property)?;
        connection.convert_selection(self.window, selection.atom, target, property, CURRENT_TIME)?;
        self.incoming.retain(|transfer| transfer.property != property);
        self.incoming.push(Incoming::new(property, into));
        Ok(())
    }

    /// Takes an event that concerns selections.
    ///
    /// # Errors
    /// Where the connection broke, or a window has gone.
    pub fn event(
        &mut self,
        connection: &RustConnection,
        state: &mut State,
        event: &Event,
    ) -> Result<(), ManagerError> {
        match event {
            Event::XfixesSelectionNotify(event) => self.owner_changed(connection, state, event),
            Event::SelectionRequest(event) => self.asked(connection, state, event),
            Event::SelectionNotify(event) => self.given(connection, state, event),
            Event::PropertyNotify(event) => self.property(connection, event),
            _ => Ok(()),
        }
    }

    fn owner_changed(
        &mut self,
        connection: &RustConnection,
        state: &mut State,
        event: &OwnerEvent,
    ) -> Result<(), ManagerError> {
        let Some(selection) = self.both.iter_mut().find(|selection| selection.atom == event.selection) else {
            return Ok(());
        };
        selection.targets.clear();
        if event.owner == x11rb::NONE {
            state.x11_selects(selection.which, None);
        } else if event.owner != self.window {
            // The answer's property has the selection's own name.
            let targets = self.atoms.TARGETS;
            connection.convert_selection(
                self.window,
                event.selection,
                targets,
                event.selection,
                CURRENT_TIME,
            )?;
        }
        Ok(())
    }

    /// The owner has given a selection, or its targets.
    fn given(
        &mut self,
        connection: &RustConnection,
        state: &mut State,
        event: &SelectionNotifyEvent,
    ) -> Result<(), ManagerError> {
        if event.target != self.atoms.TARGETS {
            let own = self.incoming.iter_mut().filter(|transfer| !transfer.is_over());
            if event.property == x11rb::NONE {
                // It does not say which one was refused: the oldest that has got nothing.
                own.take(1).for_each(Incoming::refuse);
            } else if let Some(transfer) = own.into_iter().find(|one| one.property == event.property) {
                transfer.take(connection, &self.atoms, self.window, true)?;
            }
            return Ok(());
        }
        let Some(selection) = self.both.iter_mut().find(|selection| selection.atom == event.selection) else {
            return Ok(());
        };
        let kind = AtomEnum::ATOM;
        let list = connection.get_property(true, self.window, event.selection, kind, 0, MOST_TARGETS)?;
        let list: Vec<Atom> = match list.reply()?.value32() {
            Some(list) if event.property != x11rb::NONE => list.collect(),
            // An owner of old knows of no targets and has text.
            _ => vec![AtomEnum::STRING.into()],
        };
        let asked: Result<Vec<_>, _> = list.iter().map(|atom| connection.get_atom_name(*atom)).collect();
        let names = asked?.into_iter().filter_map(|name| name.reply().ok());
        selection.targets = names.filter_map(|name| String::from_utf8(name.name).ok()).collect();
        state.x11_selects(selection.which, Some(types::mime_types(&selection.targets)));
        Ok(())
    }

    fn property(
        &mut self,
        connection: &RustConnection,
        event: &PropertyNotifyEvent,
    ) -> Result<(), ManagerError> {
        for transfer in &mut self.outgoing {
            transfer.property(connection, event)?;
        }
        if event.window == self.window && event.state == Property::NEW_VALUE {
            let (atoms, window) = (&self.atoms, self.window);
            for transfer in self.incoming.iter_mut().filter(|transfer| transfer.property == event.atom) {
                transfer.take(connection, atoms, window, false)?;
            }
        }
        Ok(())
    }

    /// An X11 program wants what a Wayland client has selected.
    fn asked(
        &mut self,
        connection: &RustConnection,
        state: &State,
        event: &SelectionRequestEvent,
    ) -> Result<(), ManagerError> {
        let mut request = *event;
        // Clients of old name no property (ICCCM 2.2).
        if request.property == x11rb::NONE {
            request.property = request.target;
        }
        let selection = self.both.iter().find(|selection| selection.atom == request.selection);
        let which = selection.map(|selection| selection.which);
        let Some((which, offered)) = which.and_then(|which| Some((which, state.client_types(which)?))) else {
            return Ok(answer(connection, &request, x11rb::NONE)?);
        };
        let (window, property) = (request.requestor, request.property);
        if request.target == self.atoms.TARGETS {
            let names = types::targets(&offered);
            let asked: Result<Vec<_>, _> =
                names.iter().map(|name| connection.intern_atom(false, name.as_bytes())).collect();
            let mut list = vec![self.atoms.TARGETS];
            list.extend(asked?.into_iter().filter_map(|atom| Some(atom.reply().ok()?.atom)));
            connection.change_property32(PropMode::REPLACE, window, property, AtomEnum::ATOM, &list)?;
            return Ok(answer(connection, &request, property)?);
        }
        let name = connection.get_atom_name(request.target)?.reply()?.name;
        let name = String::from_utf8_lossy(&name);
        let pipe = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok();
        let transfer = types::mime_type_of(&name, &offered).and_then(|mime_type| {
            let (reader, writer) = pipe?;
            // The client may write as it likes: only our end must not wait.
            let flags = rustix::fs::fcntl_getfl(&writer).ok()?;
            rustix::fs::fcntl_setfl(&writer, flags - rustix::fs::OFlags::NONBLOCK).ok()?;
            let latin1 = request.target == u32::from(AtomEnum::STRING);
            let kind =
                if request.target == self.atoms.TEXT { self.atoms.UTF8_STRING } else { request.target };
            let asked = state.ask_client(which, mime_type, &writer);
            asked.then(|| Outgoing::new(request, kind, latin1, File::from(reader)))
        });
        match transfer {
            None => answer(connection, &request, x11rb::NONE)?,
            Some(transfer) => {
                if self.outgoing.len() == MOST_TRANSFERS {
                    self.outgoing.remove(0);
                }
                self.outgoing.push(transfer);
            }
        }
        Ok(())
    }
}
