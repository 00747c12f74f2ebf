//! The role of a surface that shows an X11 window.

use std::os::fd::OwnedFd;

use bailey_link::{MoveSize, ToHost, WindowInfo};

use crate::state::State;
use crate::wayland::commit::Changed;
use crate::wayland::selection::Which;
use crate::wayland::surface::{Role, SurfaceId};
use crate::wayland::xdg_toplevel::Show;
use crate::window::windows::Window;

/// Further to the right and below than any screen reaches.
const FAR: f64 = 30_000.0;

/// What the window manager is to do, decided by the host or by the state.
#[derive(Debug)]
pub enum X11Request {
    /// Ask a window to close, or end its client where it does not know how to be asked.
    Close(u32),
    /// Make a window this large.
    Resize(u32, (u16, u16)),
    /// Give the keyboard to a window, or to none.
    Focus(Option<u32>),
    /// Tell a window how it is shown.
    Show(u32, Show),
    /// A Wayland client owns a selection from now on, or none does any more.
    Selected(Which),
    /// Have the X11 program that owns a selection write it as this MIME type.
    Receive(Which, String, OwnedFd),
}

/// A window of an X11 client.
#[derive(Clone, Debug, Default)]
pub struct X11Role {
    /// The X server's name of the window.
    pub xid: u32,
    /// The host's number of the window while it is mapped.
    pub window: Option<u32>,
    /// What the frame says.
    pub title: String,
    /// The class of WM_CLASS.
    pub class: String,
    /// The window that it belongs to.
    pub owner: Option<SurfaceId>,
    /// A menu or tooltip, placed by its client (override-redirect): relative to its owner's content.
    pub popup: bool,
    /// Where a popup is, in the X server's coordinates. All other windows are at (0, 0).
    pub position: (i32, i32),
    /// Smallest size, 0 for none.
    pub min_size: (u32, u32),
    /// Largest size, 0 for none.
    pub max_size: (u32, u32),
    /// Normal, minimised, maximised or full screen.
    pub show: Show,
    /// The size to go back to from maximised.
    pub normal_size: (i32, i32),
}

impl X11Role {
    /// What the host is to know, with the owner's number and position.
    pub fn describe(&self, window: u32, size: (u32, u32), owner: Option<(u32, (i32, i32))>) -> WindowInfo {
        let popup = self.popup && owner.is_some();
        let origin = owner.map_or((0, 0), |(_, origin)| origin);
        let offset = (self.position.0.saturating_sub(origin.0), self.position.1.saturating_sub(origin.1));
        WindowInfo {
            id: window,
            size,
            owner: owner.map(|(number, _)| number),
            popup,
            offset: if popup { offset } else { (0, 0) },
            title: self.title.clone(),
            app_id: self.class.clone(),
            min_size: self.min_size,
            max_size: self.max_size,
            show_state: self.show.to_link(),
            resizable: !self.popup && (self.min_size == (0, 0) || self.min_size != self.max_size),
        }
    }
}

impl State {
    /// A surface's X11 state.
    pub fn x11(&self, id: SurfaceId) -> Option<&X11Role> {
        if let Role::X11(role) = &self.surfaces.get(&id)?.role { Some(role) } else { None }
    }

    /// A surface's X11 state.
    pub fn x11_mut(&mut self, id: SurfaceId) -> Option<&mut X11Role> {
        if let Role::X11(role) = &mut self.surfaces.get_mut(&id)?.role { Some(role) } else { None }
    }

    /// The surface of an X11 window.
    pub fn x11_surface(&self, xid: u32) -> Option<SurfaceId> {
        let is = |id: &&SurfaceId| self.x11(**id).is_some_and(|role| role.xid == xid);
        self.surfaces.keys().find(is).copied()
    }

    /// Gives a surface of Xwayland's its window, or changes what is known of it.
    pub fn set_x11(&mut self, id: SurfaceId, mut role: X11Role) {
        let Some(surface) = self.surfaces.get_mut(&id) else {
            return;
        };
        match &surface.role {
            Role::None => {}
            Role::X11(known) => {
                role.window = known.window;
                role.show = known.show;
                role.normal_size = known.normal_size;
            }
            _ => return,
        }
        let is_new = !surface.has_role();
        surface.role = Role::X11(Box::new(role));
        if is_new {
            self.window_committed(id, &Changed { restructured: true, ..Changed::default() });
        } else {
            self.refresh_window(id);
        }
    }

    /// The window that a popup without a named owner belongs to: the active one.
    pub fn x11_owner(&self) -> Option<SurfaceId> {
        self.seat.active.filter(|id| self.x11(*id).is_some())
    }

    /// An X11 window wants to be shown otherwise, or the host wants it.
    pub fn show_x11(&mut self, id: SurfaceId, show: Show) {
        let size = self.content_size(id);
        let Some(role) = self.x11_mut(id) else { return };
        if role.show == show {
            return;
        }
        let was_large = matches!(role.show, Show::Maximised | Show::FullScreen);
        if role.show == Show::Normal && show != Show::Minimised {
            role.normal_size = size;
        }
        let (xid, normal) = (role.xid, role.normal_size);
        role.show = show;
        self.x11_requests.push(X11Request::Show(xid, show));
        if was_large && show == Show::Normal && normal != (0, 0) {
            self.x11_requests.push(X11Request::Resize(xid, sides(normal)));
        }
        self.refresh_window(id);
        self.ask_for_frame();
    }

    /// The host wants a size.
    pub fn resize_x11(&mut self, id: SurfaceId, size: (i32, i32)) {
        if let Some(role) = self.x11(id)
            && !role.popup
            && self.content_size(id) != size
        {
            self.x11_requests.push(X11Request::Resize(role.xid, sides(size)));
        }
    }

    /// The user has turned to something else. Menus of X11 programs grab the pointer and wait for a press outside of
    /// them, which X11 sees on X11 windows only: it is told of one where there is none, in the corner of its screen.
    pub fn press_beside_x11_popups(&mut self) {
        let popup = |window: &Window| self.x11(window.surface).is_some_and(|role| role.popup);
        let Some(menu) = self.windows.values().find(|window| popup(window)).map(|window| window.surface)
        else {
            return;
        };
        self.set_pointer_focus(None);
        self.press_at(menu, FAR);
    }

    /// An X11 window asks to be moved or resized by the pointer (_NET_WM_MOVERESIZE).
    pub fn move_x11(&mut self, id: SurfaceId, operation: MoveSize) {
        if let Some(window) = self.x11(id).and_then(|role| role.window)
            && !self.seat.buttons.is_empty()
        {
            self.end_pointer_grab();
            self.out.push(ToHost::LocalMoveSize { window, operation });
        }
    }
}

/// A size as the X11 protocol can say it.
fn sides((width, height): (i32, i32)) -> (u16, u16) {
    let side = |value: i32| u16::try_from(value.clamp(1, 0x7fff)).unwrap_or(1);
    (side(width), side(height))
}
