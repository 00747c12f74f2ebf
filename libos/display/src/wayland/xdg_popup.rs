//! `xdg_popup`: menus and tooltips.

use wayland_protocols::xdg::shell::server::xdg_popup::{self, XdgPopup};
use wayland_protocols::xdg::shell::server::xdg_wm_base;
use wayland_server::backend::ClientId;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource};

use crate::pixels::rect::Rect;
use crate::state::State;
use crate::wayland::surface::SurfaceId;
use crate::wayland::xdg_surface::Kind;
use crate::window::positioner::Positioner;

/// The state of a popup.
#[derive(Debug)]
pub struct Popup {
    /// The protocol object.
    pub resource: XdgPopup,
    /// The window or popup it belongs to.
    pub parent: Option<SurfaceId>,
    /// Where it wants to be.
    pub rules: Positioner,
    /// Where it is, relative to the parent's window geometry.
    pub rect: Rect,
    /// It takes the keyboard, and goes when the user clicks elsewhere.
    pub grabs: bool,
    /// `popup_done` has been sent.
    pub dismissed: bool,
}

impl Popup {
    /// A popup that is not placed yet.
    pub fn new(resource: XdgPopup, parent: Option<SurfaceId>, rules: Positioner) -> Self {
        Self { resource, parent, rules, rect: Rect::default(), grabs: false, dismissed: false }
    }
}

impl Dispatch<XdgPopup, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &XdgPopup,
        request: xdg_popup::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        match request {
            xdg_popup::Request::Grab { .. } => state.grab_popup(*id, resource),
            xdg_popup::Request::Reposition { positioner, token } => {
                let rules = Self::positioner(&positioner);
                if let Some(popup) = state.popup_mut(*id) {
                    popup.rules = rules;
                }
                state.configure_popup(*id, Some(token));
                state.refresh_window(*id);
            }
            xdg_popup::Request::Destroy => {
                let has_child = state.seat.popup_grabs.iter().any(|other| {
                    state.popup(*other).is_some_and(|popup| popup.parent == Some(*id) && !popup.dismissed)
                });
                if has_child && let Some(xdg) = state.surfaces.get(id).and_then(|surface| surface.xdg()) {
                    let error = xdg_wm_base::Error::NotTheTopmostPopup;
                    xdg.base.post_error(error, "a popup was destroyed before its own popup");
                }
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &XdgPopup, id: &SurfaceId) {
        state.close_window_of(*id);
        if let Some(xdg) = state.surfaces.get_mut(id).and_then(|surface| surface.xdg_mut()) {
            xdg.kind = Kind::None;
        }
    }
}

impl State {
    /// A surface's popup state.
    pub fn popup(&self, id: SurfaceId) -> Option<&Popup> {
        self.surfaces.get(&id)?.xdg()?.popup()
    }

    /// A surface's popup state.
    pub fn popup_mut(&mut self, id: SurfaceId) -> Option<&mut Popup> {
        self.surfaces.get_mut(&id)?.xdg_mut()?.popup_mut()
    }

    /// Places a popup by its rules and tells the client.
    pub fn configure_popup(&mut self, id: SurfaceId, token: Option<u32>) {
        let Some((rules, parent)) = self.popup(id).map(|popup| (popup.rules, popup.parent)) else {
            return;
        };
        let origin = parent.map_or((0, 0), |parent| self.window_origin(parent));
        let (width, height) = self.desktop_size;
        let bounds = Rect::new(0, 0, width, height).translate(-origin.0, -origin.1);
        let rect = rules.place(bounds);
        if let Some(popup) = self.popup_mut(id) {
            popup.rect = rect;
            if let Some(token) = token {
                popup.resource.repositioned(token);
            }
            popup.resource.configure(rect.x, rect.y, rect.width, rect.height);
        }
        self.send_configure_serial(id);
    }

    /// Where the top left corner of a window's content is, from that of the top-level it belongs to.
    /// The host decides where that one is; here every top-level is at (0, 0).
    pub fn window_origin(&self, id: SurfaceId) -> (i32, i32) {
        let mut at = id;
        let mut origin = (0i32, 0i32);
        // A chain of popups ends at a window; the bound guards against one that does not.
        for _ in 0..64 {
            let Some(xdg) = self.surfaces.get(&at).and_then(|surface| surface.xdg()) else {
                break;
            };
            let Some(popup) = xdg.popup() else { break };
            origin.0 = origin.0.saturating_add(popup.rect.x);
            origin.1 = origin.1.saturating_add(popup.rect.y);
            let Some(parent) = popup.parent else { break };
            at = parent;
        }
        origin
    }

    fn grab_popup(&mut self, id: SurfaceId, resource: &XdgPopup) {
        let mapped =
            self.surfaces.get(&id).and_then(|surface| surface.xdg()).is_some_and(|xdg| xdg.window.is_some());
        if mapped {
            resource.post_error(xdg_popup::Error::InvalidGrab, "a popup must grab before it is mapped");
            return;
        }
        if let Some(popup) = self.popup_mut(id) {
            popup.grabs = true;
        }
        self.seat.popup_grabs.retain(|other| *other != id);
        self.seat.popup_grabs.push(id);
        self.update_keyboard_focus();
    }

    /// Tells the clients of all grabbing popups that these are over, topmost first.
    pub fn dismiss_popups(&mut self) {
        while let Some(id) = self.seat.popup_grabs.pop() {
            if let Some(popup) = self.popup_mut(id)
                && !popup.dismissed
            {
                popup.dismissed = true;
                popup.resource.popup_done();
            }
        }
        self.update_keyboard_focus();
    }
}
