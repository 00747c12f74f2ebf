//! `xdg_toplevel`: windows.

use bailey_link::{MoveSize, ShowState, ToHost};
use wayland_protocols::xdg::decoration::zv1::server::zxdg_toplevel_decoration_v1::ZxdgToplevelDecorationV1;
use wayland_protocols::xdg::shell::server::xdg_toplevel::{self, XdgToplevel};
use wayland_server::backend::ClientId;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum};

use crate::state::State;
use crate::wayland::surface::SurfaceId;
use crate::wayland::xdg_surface::{Kind, MAX_UNANSWERED};

/// Bytes of a title or application id that are kept.
const MAX_TEXT: usize = 512;

/// How a window is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// At its own size.
    #[default]
    Normal,
    /// Hidden, but there.
    Minimised,
    /// As large as the desktop allows, with its frame.
    Maximised,
    /// All of the desktop. The host knows no such state and maximises it.
    FullScreen,
}

impl Show {
    /// As the host is told.
    pub const fn to_link(self) -> ShowState {
        match self {
            Self::Normal => ShowState::Normal,
            Self::Minimised => ShowState::Minimised,
            Self::Maximised | Self::FullScreen => ShowState::Maximised,
        }
    }
}

/// From `xdg_toplevel.resize_edge`.
const fn move_size(edges: xdg_toplevel::ResizeEdge) -> Option<MoveSize> {
    use xdg_toplevel::ResizeEdge;
    Some(match edges {
        ResizeEdge::Top => MoveSize::Top,
        ResizeEdge::Bottom => MoveSize::Bottom,
        ResizeEdge::Left => MoveSize::Left,
        ResizeEdge::Right => MoveSize::Right,
        ResizeEdge::TopLeft => MoveSize::TopLeft,
        ResizeEdge::TopRight => MoveSize::TopRight,
        ResizeEdge::BottomLeft => MoveSize::BottomLeft,
        ResizeEdge::BottomRight => MoveSize::BottomRight,
        _ => return None,
    })
}

/// The state of a window.
#[derive(Debug)]
pub struct Toplevel {
    /// The protocol object.
    pub resource: XdgToplevel,
    /// The window that it belongs to.
    pub parent: Option<SurfaceId>,
    /// What the frame says.
    pub title: String,
    /// The application's name.
    pub app_id: String,
    /// Smallest size, 0 for none.
    pub min_size: (i32, i32),
    /// Largest size, 0 for none.
    pub max_size: (i32, i32),
    /// Normal, minimised, maximised or full screen.
    pub show: Show,
    /// What it was before it was minimised.
    pub shown_before: Show,
    /// It has the keyboard.
    pub active: bool,
    /// The size that the host asked for, 0 for the client's choice.
    pub size: (i32, i32),
    /// The size to go back to from maximised.
    pub normal_size: (i32, i32),
    /// The user is resizing it: more sizes follow.
    pub resizing: bool,
    /// Its `zxdg_toplevel_decoration_v1`.
    pub decoration: Option<ZxdgToplevelDecorationV1>,
}

impl Toplevel {
    /// A window with nothing set.
    pub fn new(resource: XdgToplevel) -> Self {
        Self {
            resource,
            parent: None,
            title: String::new(),
            app_id: String::new(),
            min_size: (0, 0),
            max_size: (0, 0),
            show: Show::Normal,
            shown_before: Show::Normal,
            active: false,
            size: (0, 0),
            normal_size: (0, 0),
            resizing: false,
            decoration: None,
        }
    }

    /// The array of `xdg_toplevel.configure`: states as native-endian u32.
    fn states(&self) -> Vec<u8> {
        let mut states = Vec::new();
        match self.show {
            Show::Maximised => states.push(xdg_toplevel::State::Maximized),
            Show::FullScreen => states.push(xdg_toplevel::State::Fullscreen),
            Show::Normal | Show::Minimised => {}
        }
        if self.resizing {
            states.push(xdg_toplevel::State::Resizing);
        }
        if self.active {
            states.push(xdg_toplevel::State::Activated);
        }
        states.into_iter().flat_map(|state| u32::from(state).to_ne_bytes()).collect()
    }
}

/// The longest start of a text that is kept.
fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

impl Dispatch<XdgToplevel, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &XdgToplevel,
        request: xdg_toplevel::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        use xdg_toplevel::Request;
        match request {
            Request::SetParent { parent } => {
                let parent = parent.and_then(|parent| parent.data::<SurfaceId>().copied());
                if parent.is_some_and(|parent| state.is_descendant(parent, *id)) {
                    resource.post_error(xdg_toplevel::Error::InvalidParent, "a window above itself");
                    return;
                }
                state.change_toplevel(*id, |toplevel| toplevel.parent = parent);
            }
            Request::SetTitle { title } => {
                state.change_toplevel(*id, |toplevel| toplevel.title = bounded(title));
            }
            Request::SetAppId { app_id } => {
                state.change_toplevel(*id, |toplevel| toplevel.app_id = bounded(app_id));
            }
            Request::SetMinSize { width, height } | Request::SetMaxSize { width, height }
                if width < 0 || height < 0 =>
            {
                resource.post_error(xdg_toplevel::Error::InvalidSize, "a negative size");
            }
            Request::SetMinSize { width, height } => {
                if let Some(surface) = state.surfaces.get_mut(id) {
                    surface.pending.min_size = Some((width, height));
                }
            }
            Request::SetMaxSize { width, height } => {
                if let Some(surface) = state.surfaces.get_mut(id) {
                    surface.pending.max_size = Some((width, height));
                }
            }
            Request::Move { .. } => state.ask_move_size(*id, MoveSize::Move),
            Request::Resize { edges: WEnum::Value(edges), .. } => {
                if let Some(operation) = move_size(edges) {
                    state.ask_move_size(*id, operation);
                }
            }
            Request::Resize { .. } => {
                resource.post_error(xdg_toplevel::Error::InvalidResizeEdge, "no such edge");
            }
            Request::SetMaximized => state.show_request(*id, Show::Maximised),
            Request::SetFullscreen { .. } => state.show_request(*id, Show::FullScreen),
            Request::SetMinimized => state.show_request(*id, Show::Minimised),
            Request::UnsetMaximized | Request::UnsetFullscreen => state.show_request(*id, Show::Normal),
            // `show_window_menu`: the host's frame has the only window menu.
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &XdgToplevel, id: &SurfaceId) {
        state.close_window_of(*id);
        if let Some(xdg) = state.surfaces.get_mut(id).and_then(|surface| surface.xdg_mut()) {
            xdg.kind = Kind::None;
        }
    }
}

impl State {
    /// A surface's window state.
    pub fn toplevel(&self, id: SurfaceId) -> Option<&Toplevel> {
        self.surfaces.get(&id)?.xdg()?.toplevel()
    }

    /// A surface's window state.
    pub fn toplevel_mut(&mut self, id: SurfaceId) -> Option<&mut Toplevel> {
        self.surfaces.get_mut(&id)?.xdg_mut()?.toplevel_mut()
    }

    fn change_toplevel(&mut self, id: SurfaceId, change: impl FnOnce(&mut Toplevel)) {
        if let Some(toplevel) = self.toplevel_mut(id) {
            change(toplevel);
            self.refresh_window(id);
        }
    }

    fn is_descendant(&self, of: SurfaceId, id: SurfaceId) -> bool {
        let mut at = Some(of);
        for _ in 0..64 {
            let Some(current) = at else { return false };
            if current == id {
                return true;
            }
            at = self.toplevel(current).and_then(|toplevel| toplevel.parent);
        }
        true
    }

    fn ask_move_size(&mut self, id: SurfaceId, operation: MoveSize) {
        let window = self.surfaces.get(&id).and_then(|surface| surface.xdg()).and_then(|xdg| xdg.window);
        if let Some(window) = window
            && !self.seat.buttons.is_empty()
        {
            // From here on the host moves the window; the client sees no release.
            self.end_pointer_grab();
            self.out.push(ToHost::LocalMoveSize { window, operation });
        }
    }

    /// The client wants to be shown otherwise.
    fn show_request(&mut self, id: SurfaceId, show: Show) {
        let Some(toplevel) = self.toplevel_mut(id) else {
            return;
        };
        if show == Show::Minimised {
            let window = self.surfaces.get(&id).and_then(|surface| surface.xdg()).and_then(|xdg| xdg.window);
            self.set_show(id, show);
            if window.is_some() {
                self.refresh_window(id);
            }
            return;
        }
        if show == Show::Normal && matches!(toplevel.show, Show::Maximised | Show::FullScreen) {
            toplevel.size = toplevel.normal_size;
        }
        self.set_show(id, show);
        self.refresh_window(id);
        if self.surfaces.get(&id).and_then(|surface| surface.xdg()).is_some_and(|xdg| xdg.configured) {
            self.configure_toplevel(id);
        }
    }

    /// Notes how a window is shown.
    pub fn set_show(&mut self, id: SurfaceId, show: Show) {
        let current = self.content_size(id);
        if let Some(toplevel) = self.toplevel_mut(id) {
            if toplevel.show == Show::Normal && show != Show::Minimised {
                toplevel.normal_size = current;
            }
            if show == Show::Minimised {
                toplevel.shown_before = toplevel.show;
            }
            toplevel.show = show;
        }
        self.ask_for_frame();
    }

    /// Sends the window's size and states, or notes that a newer one is due.
    pub fn configure_toplevel(&mut self, id: SurfaceId) {
        let (width, height) = self.desktop_size;
        let Some(xdg) = self.surfaces.get_mut(&id).and_then(|surface| surface.xdg_mut()) else {
            return;
        };
        if xdg.unanswered.len() >= MAX_UNANSWERED {
            xdg.stale = true;
            return;
        }
        let first = !xdg.configured;
        let Kind::Toplevel(toplevel) = &xdg.kind else {
            return;
        };
        let resource = &toplevel.resource;
        if first && resource.version() >= xdg_toplevel::EVT_WM_CAPABILITIES_SINCE {
            use xdg_toplevel::WmCapabilities::{Fullscreen, Maximize, Minimize};
            let able = [Maximize, Fullscreen, Minimize];
            resource
                .wm_capabilities(able.into_iter().flat_map(|able| u32::from(able).to_ne_bytes()).collect());
        }
        if resource.version() >= xdg_toplevel::EVT_CONFIGURE_BOUNDS_SINCE {
            resource.configure_bounds(width, height);
        }
        resource.configure(toplevel.size.0, toplevel.size.1, toplevel.states());
        self.send_configure_serial(id);
    }
}
