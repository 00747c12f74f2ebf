//! `xdg_wm_base`: the factory of windows and popups.

use wayland_protocols::xdg::shell::server::xdg_wm_base::{self, XdgWmBase};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::state::State;
use crate::wayland::surface::{Role, SurfaceId};
use crate::wayland::xdg_positioner::PositionerData;
use crate::wayland::xdg_surface::XdgRole;

impl GlobalDispatch<XdgWmBase, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<XdgWmBase>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<XdgWmBase, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &XdgWmBase,
        request: xdg_wm_base::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            xdg_wm_base::Request::CreatePositioner { id } => {
                data_init.init(id, PositionerData::default());
            }
            xdg_wm_base::Request::GetXdgSurface { id, surface } => {
                let Some(name) = surface.data::<SurfaceId>().copied() else {
                    return;
                };
                let xdg = data_init.init(id, name);
                let Some(surface) = state.surfaces.get_mut(&name) else {
                    return;
                };
                if surface.has_role() {
                    resource.post_error(xdg_wm_base::Error::Role, "the surface has a role already");
                } else if surface.content.buffer.is_some() {
                    let error = xdg_wm_base::Error::InvalidSurfaceState;
                    resource.post_error(error, "the surface has a buffer already");
                } else {
                    surface.role = Role::Xdg(Box::new(XdgRole::new(xdg, resource.clone())));
                }
            }
            xdg_wm_base::Request::Pong { serial } => state.seat.unread.read(resource, serial),
            _ => {}
        }
    }
}
