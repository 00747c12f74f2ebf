//! `xdg_surface`: what windows and popups have in common.

use std::collections::VecDeque;

use wayland_protocols::xdg::shell::server::xdg_surface::{self, XdgSurface};
use wayland_protocols::xdg::shell::server::xdg_wm_base::{self, XdgWmBase};
use wayland_server::backend::ClientId;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource};

use crate::pixels::rect::{Rect, near};
use crate::state::State;
use crate::wayland::surface::{Changes, Role, SurfaceId};
use crate::wayland::xdg_popup::Popup;
use crate::wayland::xdg_toplevel::Toplevel;

/// Configures that a client may leave unanswered before no more are sent.
pub const MAX_UNANSWERED: usize = 8;

/// Which of the two an `xdg_surface` is.
#[derive(Debug, Default)]
pub enum Kind {
    /// Neither yet.
    #[default]
    None,
    /// A window.
    Toplevel(Toplevel),
    /// A menu, a tooltip.
    Popup(Popup),
}

/// The role state of an `xdg_surface`.
#[derive(Debug)]
pub struct XdgRole {
    /// The protocol object.
    pub resource: XdgSurface,
    /// Its factory, which gets some of its errors.
    pub base: XdgWmBase,
    /// Window or popup.
    pub kind: Kind,
    /// The visible part of the surface, if the client said so.
    pub geometry: Option<Rect>,
    /// The first configure has been sent.
    pub configured: bool,
    /// A configure has been acknowledged.
    pub acknowledged: bool,
    /// Serials sent and not acknowledged.
    pub unanswered: VecDeque<u32>,
    /// A newer configure waits for an answer to those.
    pub stale: bool,
    /// The host's number of the window while it is mapped.
    pub window: Option<u32>,
}

impl XdgRole {
    /// The role of a fresh `xdg_surface`.
    pub fn new(resource: XdgSurface, base: XdgWmBase) -> Self {
        Self {
            resource,
            base,
            kind: Kind::None,
            geometry: None,
            configured: false,
            acknowledged: false,
            unanswered: VecDeque::new(),
            stale: false,
            window: None,
        }
    }

    /// Takes over what a commit changes.
    pub fn apply(&mut self, changes: &Changes) {
        self.geometry = changes.geometry.or(self.geometry);
        if let Kind::Toplevel(toplevel) = &mut self.kind {
            toplevel.min_size = changes.min_size.unwrap_or(toplevel.min_size);
            toplevel.max_size = changes.max_size.unwrap_or(toplevel.max_size);
        }
    }

    /// Back to the state before the first commit.
    pub fn unmapped(&mut self) {
        self.configured = false;
        self.acknowledged = false;
        self.stale = false;
        self.unanswered.clear();
        self.geometry = None;
        self.window = None;
    }

    /// Its window state.
    pub fn toplevel(&self) -> Option<&Toplevel> {
        if let Kind::Toplevel(toplevel) = &self.kind { Some(toplevel) } else { None }
    }

    /// Its window state.
    pub fn toplevel_mut(&mut self) -> Option<&mut Toplevel> {
        if let Kind::Toplevel(toplevel) = &mut self.kind { Some(toplevel) } else { None }
    }

    /// Its popup state.
    pub fn popup(&self) -> Option<&Popup> {
        if let Kind::Popup(popup) = &self.kind { Some(popup) } else { None }
    }

    /// Its popup state.
    pub fn popup_mut(&mut self) -> Option<&mut Popup> {
        if let Kind::Popup(popup) = &mut self.kind { Some(popup) } else { None }
    }
}

impl Dispatch<XdgSurface, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &XdgSurface,
        request: xdg_surface::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            xdg_surface::Request::GetToplevel { id: new } => {
                let toplevel = Toplevel::new(data_init.init(new, *id));
                state.set_kind(*id, resource, Kind::Toplevel(toplevel));
            }
            xdg_surface::Request::GetPopup { id: new, parent, positioner } => {
                let resource_popup = data_init.init(new, *id);
                let parent = parent.and_then(|parent| parent.data::<SurfaceId>().copied());
                let rules = Self::positioner(&positioner);
                if !rules.is_complete() {
                    let error = xdg_wm_base::Error::InvalidPositioner;
                    state.base_error(*id, error, "the positioner lacks a size or an anchor rectangle");
                }
                state.set_kind(*id, resource, Kind::Popup(Popup::new(resource_popup, parent, rules)));
            }
            xdg_surface::Request::SetWindowGeometry { x, y, width, height } => {
                if width <= 0 || height <= 0 {
                    resource.post_error(xdg_surface::Error::InvalidSize, "the window geometry is empty");
                } else if let Some(surface) = state.surfaces.get_mut(id) {
                    surface.pending.geometry = Some(Rect::new(near(x), near(y), near(width), near(height)));
                }
            }
            xdg_surface::Request::AckConfigure { serial } => state.ack_configure(*id, resource, serial),
            xdg_surface::Request::Destroy => {
                let has_kind = state
                    .surfaces
                    .get(id)
                    .and_then(|surface| surface.xdg())
                    .is_some_and(|xdg| !matches!(xdg.kind, Kind::None));
                if has_kind {
                    let error = xdg_surface::Error::DefunctRoleObject;
                    resource.post_error(error, "destroyed before its toplevel or popup");
                }
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &XdgSurface, id: &SurfaceId) {
        state.close_window_of(*id);
        if let Some(surface) = state.surfaces.get_mut(id)
            && matches!(surface.role, Role::Xdg(_))
        {
            surface.role = Role::None;
        }
    }
}

impl State {
    fn set_kind(&mut self, id: SurfaceId, resource: &XdgSurface, kind: Kind) {
        let Some(xdg) = self.surfaces.get_mut(&id).and_then(|surface| surface.xdg_mut()) else {
            return;
        };
        if matches!(xdg.kind, Kind::None) {
            xdg.kind = kind;
        } else {
            resource.post_error(xdg_surface::Error::AlreadyConstructed, "it is a toplevel or popup already");
        }
    }

    fn base_error(&self, id: SurfaceId, error: xdg_wm_base::Error, message: &str) {
        if let Some(xdg) = self.surfaces.get(&id).and_then(|surface| surface.xdg()) {
            xdg.base.post_error(error, message);
        }
    }

    /// Whether a commit keeps the rules of `xdg_surface`; posts the error where not.
    pub fn may_commit(&self, id: SurfaceId, changes: &Changes) -> bool {
        let Some(surface) = self.surfaces.get(&id) else {
            return false;
        };
        let Some(xdg) = surface.xdg() else { return true };
        if matches!(xdg.kind, Kind::None) {
            xdg.resource.post_error(xdg_surface::Error::NotConstructed, "neither a toplevel nor a popup");
            return false;
        }
        if matches!(changes.buffer, Some(Some(_))) && !xdg.acknowledged {
            let error = xdg_surface::Error::UnconfiguredBuffer;
            xdg.resource.post_error(error, "a buffer before the first configure was acknowledged");
            return false;
        }
        true
    }

    fn ack_configure(&mut self, id: SurfaceId, resource: &XdgSurface, serial: u32) {
        let Some(xdg) = self.surfaces.get_mut(&id).and_then(|surface| surface.xdg_mut()) else {
            return;
        };
        let Some(index) = xdg.unanswered.iter().position(|sent| *sent == serial) else {
            resource.post_error(xdg_surface::Error::InvalidSerial, "this configure was never sent");
            return;
        };
        xdg.unanswered.drain(..=index);
        xdg.acknowledged = true;
        if xdg.stale && xdg.unanswered.is_empty() {
            xdg.stale = false;
            self.configure_toplevel(id);
        }
    }

    /// Sends `xdg_surface.configure`, which makes the role's own configure event take effect.
    pub fn send_configure_serial(&mut self, id: SurfaceId) {
        let serial = self.next_serial();
        let Some(xdg) = self.surfaces.get_mut(&id).and_then(|surface| surface.xdg_mut()) else {
            return;
        };
        xdg.configured = true;
        xdg.unanswered.push_back(serial);
        xdg.resource.configure(serial);
    }
}
