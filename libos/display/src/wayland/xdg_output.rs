//! `zxdg_output_manager_v1`: the output's place in the desktop's coordinates.

use wayland_protocols::xdg::xdg_output::zv1::server::zxdg_output_manager_v1::{self, ZxdgOutputManagerV1};
use wayland_protocols::xdg::xdg_output::zv1::server::zxdg_output_v1::{self, ZxdgOutputV1};
use wayland_server::backend::ClientId;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New};

use crate::state::State;

impl GlobalDispatch<ZxdgOutputManagerV1, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<ZxdgOutputManagerV1>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<ZxdgOutputManagerV1, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &ZxdgOutputManagerV1,
        request: zxdg_output_manager_v1::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        if let zxdg_output_manager_v1::Request::GetXdgOutput { id, output: whole } = request {
            let output = data_init.init(id, ());
            state.outputs.extend(output, &whole, state.desktop_size);
        }
    }
}

impl Dispatch<ZxdgOutputV1, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &ZxdgOutputV1,
        _: zxdg_output_v1::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &ZxdgOutputV1, _: &()) {
        state.outputs.retract(resource);
    }
}
