//! The X11 window manager of rootless Xwayland. Windows have no frames here: the host draws them. Every
//! window but menus lies at (0, 0) of the X screen, as every top-level does on the display stream.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use bailey_link::MoveSize;
use rustix::event::PollFlags;
use wayland_server::Resource;
use wayland_server::backend::ClientId;
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection;
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigureNotifyEvent, ConfigureRequestEvent,
    ConfigureWindowAux, ConnectionExt as _, CreateNotifyEvent, CreateWindowAux, EventMask, InputFocus,
    PropMode, StackMode, Window, WindowClass,
};
use x11rb::rust_connection::{DefaultStream, RustConnection};
use x11rb::wrapper::ConnectionExt as _;

use crate::state::State;
use crate::wayland::surface::SurfaceId;
use crate::wayland::xdg_toplevel::Show;
use crate::x11::atoms::Atoms;
use crate::x11::properties::Properties;
use crate::x11::role::{X11Request, X11Role};
use crate::x11::selections::Selections;

/// Why the window manager cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// No connection.
    #[error("Xwayland does not take its window manager: {0}")]
    Connect(#[from] ConnectError),
    /// The connection broke.
    #[error("the connection to Xwayland broke: {0}")]
    Connection(#[from] ConnectionError),
    /// A request failed that must not.
    #[error("Xwayland refuses its window manager: {0}")]
    Reply(#[from] ReplyError),
    /// No more identifiers.
    #[error("Xwayland refuses its window manager: {0}")]
    Identifier(#[from] ReplyOrIdError),
    /// The socket.
    #[error("the connection to Xwayland cannot be used: {0}")]
    Socket(#[from] std::io::Error),
}

/// A window of the X server.
#[derive(Debug, Default)]
struct XWindow {
    override_redirect: bool,
    position: (i16, i16),
    size: (u16, u16),
    mapped: bool,
    properties: Properties,
    /// Xwayland's protocol id of the surface that shows it, until that surface is known.
    awaits_surface: Option<u32>,
    surface: Option<SurfaceId>,
}

/// The connection as window manager, and all windows.
#[derive(Debug)]
pub struct WindowManager {
    connection: RustConnection,
    atoms: Atoms,
    root: Window,
    /// Xwayland as a Wayland client.
    client: ClientId,
    windows: HashMap<Window, XWindow>,
    selections: Selections,
}

/// WM_STATE of ICCCM 4.1.3.1.
const NORMAL_STATE: u32 = 1;
const ICONIC_STATE: u32 = 3;

/// _NET_WM_STATE's actions in a client message.
const STATE_REMOVE: u32 = 0;
const STATE_TOGGLE: u32 = 2;

impl WindowManager {
    /// Becomes the window manager at the other end of `stream`.
    ///
    /// # Errors
    /// [`ManagerError`].
    pub fn new(stream: UnixStream, client: ClientId) -> Result<Self, ManagerError> {
        let (stream, _) = DefaultStream::from_unix_stream(stream)?;
        let connection = RustConnection::connect_to_stream(stream, 0)?;
        let atoms = Atoms::new(&connection)?.reply()?;
        let root = connection.setup().roots.first().map_or(0, |screen| screen.root);
        let events =
            EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY | EventMask::PROPERTY_CHANGE;
        let attributes = ChangeWindowAttributesAux::new().event_mask(events);
        connection.change_window_attributes(root, &attributes)?.check()?;
        connection.composite_redirect_subwindows(root, Redirect::MANUAL)?.check()?;
        let own = connection.generate_id()?;
        let events = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection.create_window(0, own, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &events)?;
        let selections = Selections::new(&connection, atoms, own)?;
        let manager = Self { connection, atoms, root, client, windows: HashMap::new(), selections };
        manager.announce(own)?;
        Ok(manager)
    }

    /// What is to be polled, and what for.
    pub fn watched(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut all = vec![(self.as_fd(), PollFlags::IN)];
        all.extend(self.selections.watched());
        all
    }

    /// Says by the means of ICCCM and EWMH that there is a window manager, and what it can do.
    fn announce(&self, own: Window) -> Result<(), ManagerError> {
        let (connection, atoms, root) = (&self.connection, &self.atoms, self.root);
        for window in [own, root] {
            let check = atoms._NET_SUPPORTING_WM_CHECK;
            connection.change_property32(PropMode::REPLACE, window, check, AtomEnum::WINDOW, &[own])?;
        }
        let (name, utf8) = (atoms._NET_WM_NAME, atoms.UTF8_STRING);
        connection.change_property8(PropMode::REPLACE, own, name, utf8, b"Bailey")?;
        let supported = atoms.supported();
        connection.change_property32(
            PropMode::REPLACE,
            root,
            atoms._NET_SUPPORTED,
            AtomEnum::ATOM,
            &supported,
        )?;
        connection.set_selection_owner(own, atoms.WM_S0, CURRENT_TIME)?;
        connection.flush()?;
        Ok(())
    }

    /// Takes all events that have come. Errors of single requests concern windows that are gone meanwhile.
    ///
    /// # Errors
    /// Where the connection broke.
    pub fn dispatch(&mut self, state: &mut State) -> Result<(), ManagerError> {
        for request in std::mem::take(&mut state.x11_requests) {
            self.serve(state, request)?;
        }
        while let Some(event) = self.connection.poll_for_event()? {
            match self.event(state, event) {
                Err(ManagerError::Reply(ReplyError::X11Error(error))) => {
                    tracing::debug!(?error, "A window has gone meanwhile");
                }
                other => other?,
            }
        }
        self.selections.go_on(&self.connection)?;
        self.pair(state);
        Ok(self.connection.flush()?)
    }

    fn event(&mut self, state: &mut State, event: Event) -> Result<(), ManagerError> {
        self.selections.event(&self.connection, state, &event)?;
        match event {
            Event::CreateNotify(event) => self.created(&event),
            Event::DestroyNotify(event) => {
                self.windows.remove(&event.window);
                self.tell_clients()?;
            }
            Event::MapRequest(event) => self.map(state, event.window)?,
            Event::MapNotify(event) => self.mapped(state, event.window)?,
            Event::UnmapNotify(event) => self.unmapped(event.window)?,
            Event::ConfigureRequest(event) => self.configure(&event)?,
            Event::ConfigureNotify(event) => self.configured(state, &event),
            Event::PropertyNotify(event) if Properties::follows(event.atom, &self.atoms) => {
                self.read(event.window)?;
                self.tell(state, event.window);
            }
            Event::ClientMessage(event) => self.message(state, &event)?,
            Event::Error(error) => tracing::debug!(?error, "A window has gone meanwhile"),
            _ => {}
        }
        Ok(())
    }

    fn created(&mut self, event: &CreateNotifyEvent) {
        let window = XWindow {
            override_redirect: event.override_redirect,
            position: (event.x, event.y),
            size: (event.width, event.height),
            ..XWindow::default()
        };
        self.windows.insert(event.window, window);
        // An error comes as an event: the window has gone again.
        let attributes = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        let sent = self.connection.change_window_attributes(event.window, &attributes);
        if let Err(error) = sent {
            tracing::debug!(%error, "Xwayland has gone");
        }
    }

    fn map(&mut self, state: &mut State, xid: Window) -> Result<(), ManagerError> {
        self.read(xid)?;
        self.connection.configure_window(xid, &ConfigureWindowAux::new().x(0).y(0).border_width(0))?;
        self.set_state(xid, NORMAL_STATE)?;
        let extents = self.atoms._NET_FRAME_EXTENTS;
        self.connection.change_property32(PropMode::REPLACE, xid, extents, AtomEnum::CARDINAL, &[0; 4])?;
        self.connection.map_window(xid)?;
        self.tell(state, xid);
        Ok(())
    }

    fn mapped(&mut self, state: &mut State, xid: Window) -> Result<(), ManagerError> {
        let Some(window) = self.windows.get_mut(&xid) else { return Ok(()) };
        window.mapped = true;
        if window.override_redirect {
            self.read(xid)?;
        }
        self.tell(state, xid);
        self.tell_clients()
    }

    fn unmapped(&mut self, xid: Window) -> Result<(), ManagerError> {
        let Some(window) = self.windows.get_mut(&xid) else { return Ok(()) };
        window.mapped = false;
        // Xwayland destroys the surface by itself.
        window.surface = None;
        window.awaits_surface = None;
        if !window.override_redirect {
            let state = self.atoms.WM_STATE;
            self.connection.delete_property(xid, state)?;
        }
        self.tell_clients()
    }

    /// A client asks for a place and size: it gets the size.
    fn configure(&mut self, event: &ConfigureRequestEvent) -> Result<(), ManagerError> {
        let Some(window) = self.windows.get_mut(&event.window) else { return Ok(()) };
        let mut change = ConfigureWindowAux::from_configure_request(event).sibling(None).stack_mode(None);
        change.border_width = Some(0);
        if !window.override_redirect {
            change = change.x(0).y(0);
        }
        let size = (
            change.width.and_then(|width| u16::try_from(width).ok()).unwrap_or(window.size.0),
            change.height.and_then(|height| u16::try_from(height).ok()).unwrap_or(window.size.1),
        );
        self.connection.configure_window(event.window, &change)?;
        if size == window.size {
            // ICCCM 4.1.5: nothing changed, so the client is told by a synthetic event.
            let (width, height) = window.size;
            let notify = ConfigureNotifyEvent {
                response_type: x11rb::protocol::xproto::CONFIGURE_NOTIFY_EVENT,
                sequence: 0,
                event: event.window,
                window: event.window,
                above_sibling: x11rb::NONE,
                x: 0,
                y: 0,
                width,
                height,
                border_width: 0,
                override_redirect: false,
            };
            self.connection.send_event(false, event.window, EventMask::STRUCTURE_NOTIFY, notify)?;
        }
        Ok(())
    }

    fn configured(&mut self, state: &mut State, event: &ConfigureNotifyEvent) {
        if let Some(window) = self.windows.get_mut(&event.window) {
            window.position = (event.x, event.y);
            window.size = (event.width, event.height);
            window.override_redirect = event.override_redirect;
            self.tell(state, event.window);
        }
    }

    fn read(&mut self, xid: Window) -> Result<(), ManagerError> {
        let properties = Properties::read(&self.connection, &self.atoms, xid)?;
        if let Some(window) = self.windows.get_mut(&xid) {
            window.properties = properties;
        }
        Ok(())
    }

    /// Passes on to the state what is known of a window whose surface is known.
    fn tell(&self, state: &mut State, xid: Window) {
        let Some(window) = self.windows.get(&xid) else { return };
        let Some(surface) = window.surface else { return };
        let named = window.properties.transient_for.and_then(|owner| self.windows.get(&owner)?.surface);
        let owner = if window.override_redirect { named.or_else(|| state.x11_owner()) } else { named };
        let known = state.x11(surface).cloned().unwrap_or_default();
        let role = X11Role {
            xid,
            title: window.properties.title.clone(),
            class: window.properties.class.clone(),
            // A menu stays with the window that it was opened for.
            owner: if window.override_redirect { known.owner.or(owner) } else { owner },
            popup: window.override_redirect,
            position: (window.position.0.into(), window.position.1.into()),
            min_size: window.properties.min_size,
            max_size: window.properties.max_size,
            ..known
        };
        state.set_x11(surface, role);
    }

    /// Joins windows with the surfaces that Xwayland has named for them.
    fn pair(&mut self, state: &mut State) {
        let waiting: Vec<(Window, u32)> =
            self.windows.iter().filter_map(|(xid, window)| Some((*xid, window.awaits_surface?))).collect();
        for (xid, number) in waiting {
            let is = |resource: &wayland_server::protocol::wl_surface::WlSurface| {
                resource.id().protocol_id() == number
                    && resource.client().is_some_and(|client| client.id() == self.client)
            };
            let found = state
                .surfaces
                .iter()
                .find(|(_, surface)| !surface.has_role() && is(&surface.resource))
                .map(|(id, _)| *id);
            if let (Some(found), Some(window)) = (found, self.windows.get_mut(&xid)) {
                window.awaits_surface = None;
                window.surface = Some(found);
                self.tell(state, xid);
            }
        }
    }

    fn message(&mut self, state: &mut State, event: &ClientMessageEvent) -> Result<(), ManagerError> {
        let data = event.data.as_data32();
        let atoms = self.atoms;
        if event.type_ == atoms.WL_SURFACE_ID {
            if let Some(window) = self.windows.get_mut(&event.window) {
                window.awaits_surface = Some(data[0]);
                window.surface = None;
            }
            return Ok(());
        }
        let Some(surface) = self.windows.get(&event.window).and_then(|window| window.surface) else {
            return Ok(());
        };
        if event.type_ == atoms._NET_WM_STATE {
            self.state_asked(state, surface, data);
        } else if event.type_ == atoms.WM_CHANGE_STATE && data[0] == ICONIC_STATE {
            state.show_x11(surface, Show::Minimised);
        } else if event.type_ == atoms._NET_CLOSE_WINDOW {
            self.serve(state, X11Request::Close(event.window))?;
        } else if event.type_ == atoms._NET_WM_MOVERESIZE
            && let Some(operation) = move_size(data[2])
        {
            state.move_x11(surface, operation);
        }
        Ok(())
    }

    /// A client asks by _NET_WM_STATE to be shown otherwise.
    fn state_asked(&self, state: &mut State, surface: SurfaceId, data: [u32; 5]) {
        let atoms = &self.atoms;
        let show = match data[1] {
            atom if atom == atoms._NET_WM_STATE_FULLSCREEN => Show::FullScreen,
            atom if atom == atoms._NET_WM_STATE_HIDDEN => Show::Minimised,
            atom if atom == atoms._NET_WM_STATE_MAXIMIZED_HORZ
                || atom == atoms._NET_WM_STATE_MAXIMIZED_VERT =>
            {
                Show::Maximised
            }
            _ => return,
        };
        let now = state.x11(surface).map(|role| role.show).unwrap_or_default();
        let remove = data[0] == STATE_REMOVE || (data[0] == STATE_TOGGLE && now == show);
        match remove {
            true if now == show => state.show_x11(surface, Show::Normal),
            true => {}
            false => state.show_x11(surface, show),
        }
    }

    fn serve(&mut self, state: &State, request: X11Request) -> Result<(), ManagerError> {
        let connection = &self.connection;
        match request {
            X11Request::Selected(which) => self.selections.selected(connection, state, which)?,
            X11Request::Receive(which, mime_type, into) => {
                self.selections.receive(connection, which, &mime_type, into)?;
            }
            X11Request::Close(xid) if self.windows.get(&xid).is_some_and(|it| it.properties.deletes) => {
                self.protocol(xid, self.atoms.WM_DELETE_WINDOW)?;
            }
            X11Request::Close(xid) => {
                connection.kill_client(xid)?;
            }
            X11Request::Resize(xid, (width, height)) => {
                let size = ConfigureWindowAux::new().width(u32::from(width)).height(u32::from(height));
                connection.configure_window(xid, &size)?;
            }
            X11Request::Focus(xid) => self.focus(xid)?,
            X11Request::Show(xid, show) => {
                let wm_state = if show == Show::Minimised { ICONIC_STATE } else { NORMAL_STATE };
                self.set_state(xid, wm_state)?;
                let atoms = &self.atoms;
                let list = match show {
                    Show::Normal => vec![],
                    Show::Minimised => vec![atoms._NET_WM_STATE_HIDDEN],
                    Show::Maximised => {
                        vec![atoms._NET_WM_STATE_MAXIMIZED_HORZ, atoms._NET_WM_STATE_MAXIMIZED_VERT]
                    }
                    Show::FullScreen => vec![atoms._NET_WM_STATE_FULLSCREEN],
                };
                let property = atoms._NET_WM_STATE;
                connection.change_property32(PropMode::REPLACE, xid, property, AtomEnum::ATOM, &list)?;
                if show == Show::FullScreen {
                    let (width, height) = state.desktop_size;
                    let side = |value: i32| u32::try_from(value).unwrap_or(1);
                    let size = ConfigureWindowAux::new().width(side(width)).height(side(height));
                    connection.configure_window(xid, &size)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the X focus as ICCCM 4.1.7 says, and puts the window on top.
    fn focus(&self, xid: Option<Window>) -> Result<(), ManagerError> {
        let connection = &self.connection;
        let active = [xid.unwrap_or(x11rb::NONE)];
        let property = self.atoms._NET_ACTIVE_WINDOW;
        connection.change_property32(PropMode::REPLACE, self.root, property, AtomEnum::WINDOW, &active)?;
        let Some((xid, window)) = xid.and_then(|xid| Some((xid, self.windows.get(&xid)?))) else {
            connection.set_input_focus(InputFocus::NONE, x11rb::NONE, CURRENT_TIME)?;
            return Ok(());
        };
        connection.configure_window(xid, &ConfigureWindowAux::new().stack_mode(StackMode::ABOVE))?;
        if window.properties.input {
            connection.set_input_focus(InputFocus::POINTER_ROOT, xid, CURRENT_TIME)?;
        }
        if window.properties.takes_focus {
            self.protocol(xid, self.atoms.WM_TAKE_FOCUS)?;
        }
        Ok(())
    }

    fn protocol(&self, xid: Window, protocol: u32) -> Result<(), ManagerError> {
        let data = [protocol, CURRENT_TIME, 0, 0, 0];
        let message = ClientMessageEvent::new(32, xid, self.atoms.WM_PROTOCOLS, data);
        self.connection.send_event(false, xid, EventMask::NO_EVENT, message)?;
        Ok(())
    }

    fn set_state(&self, xid: Window, state: u32) -> Result<(), ManagerError> {
        let property = self.atoms.WM_STATE;
        self.connection.change_property32(
            PropMode::REPLACE,
            xid,
            property,
            property,
            &[state, x11rb::NONE],
        )?;
        Ok(())
    }

    fn tell_clients(&self) -> Result<(), ManagerError> {
        let shown = self.windows.iter().filter(|(_, window)| window.mapped && !window.override_redirect);
        let list: Vec<Window> = shown.map(|(xid, _)| *xid).collect();
        let property = self.atoms._NET_CLIENT_LIST;
        self.connection.change_property32(PropMode::REPLACE, self.root, property, AtomEnum::WINDOW, &list)?;
        Ok(())
    }
}

/// The directions of _NET_WM_MOVERESIZE (EWMH).
const fn move_size(direction: u32) -> Option<MoveSize> {
    Some(match direction {
        0 => MoveSize::TopLeft,
        1 => MoveSize::Top,
        2 => MoveSize::TopRight,
        3 => MoveSize::Right,
        4 => MoveSize::BottomRight,
        5 => MoveSize::Bottom,
        6 => MoveSize::BottomLeft,
        7 => MoveSize::Left,
        8 => MoveSize::Move,
        _ => return None,
    })
}

impl AsFd for WindowManager {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}
