//! `zxdg_decoration_manager_v1`: frames are drawn by the host.

use wayland_protocols::xdg::decoration::zv1::server::zxdg_decoration_manager_v1::{
    self, ZxdgDecorationManagerV1,
};
use wayland_protocols::xdg::decoration::zv1::server::zxdg_toplevel_decoration_v1::{
    self, Mode, ZxdgToplevelDecorationV1,
};
use wayland_server::backend::ClientId;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::state::State;
use crate::wayland::surface::SurfaceId;

impl GlobalDispatch<ZxdgDecorationManagerV1, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<ZxdgDecorationManagerV1>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<ZxdgDecorationManagerV1, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &ZxdgDecorationManagerV1,
        request: zxdg_decoration_manager_v1::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        let zxdg_decoration_manager_v1::Request::GetToplevelDecoration { id, toplevel } = request else {
            return;
        };
        let Some(name) = toplevel.data::<SurfaceId>().copied() else {
            return;
        };
        let decoration = data_init.init(id, name);
        let Some(window) = state.toplevel_mut(name) else {
            return;
        };
        if window.decoration.is_some() {
            resource.post_error(
                zxdg_toplevel_decoration_v1::Error::AlreadyConstructed,
                "the window has a decoration object already",
            );
            return;
        }
        decoration.configure(Mode::ServerSide);
        window.decoration = Some(decoration);
    }
}

impl Dispatch<ZxdgToplevelDecorationV1, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &ZxdgToplevelDecorationV1,
        request: zxdg_toplevel_decoration_v1::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        if matches!(request, zxdg_toplevel_decoration_v1::Request::Destroy) {
            return;
        }
        // Whatever was asked for: the frame carries the host's own marks and is never the client's.
        resource.configure(Mode::ServerSide);
        let configured =
            state.surfaces.get(id).and_then(|surface| surface.xdg()).is_some_and(|xdg| xdg.configured);
        if configured {
            state.configure_toplevel(*id);
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &ZxdgToplevelDecorationV1, id: &SurfaceId) {
        if let Some(toplevel) = state.toplevel_mut(*id) {
            toplevel.decoration = None;
        }
    }
}
