//! `wl_output`: the one screen, as large as the host's desktop.

use wayland_protocols::xdg::xdg_output::zv1::server::zxdg_output_v1::{self, ZxdgOutputV1};
use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_output::{self, WlOutput};
use wayland_server::protocol::wl_surface::WlSurface;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::state::State;

/// Refresh rate in mHz: what frames are paced to.
const REFRESH: i32 = 60_000;

/// All bound outputs.
#[derive(Debug, Default)]
pub struct Outputs {
    bound: Vec<WlOutput>,
    extended: Vec<ZxdgOutputV1>,
}

impl Outputs {
    /// A surface is shown: its client's outputs learn of it.
    pub fn enter(&self, surface: &WlSurface) {
        for output in self.bound.iter().filter(|output| output.id().same_client_as(&surface.id())) {
            surface.enter(output);
        }
    }

    /// Bound outputs of a surface's client.
    pub fn of_client_of<'a>(&'a self, surface: &'a WlSurface) -> impl Iterator<Item = &'a WlOutput> {
        self.bound.iter().filter(|output| output.id().same_client_as(&surface.id()))
    }

    /// A `zxdg_output_v1` of `whole` was made. From its version 3 on, `wl_output.done` ends its events.
    pub fn extend(&mut self, output: ZxdgOutputV1, whole: &WlOutput, size: (i32, i32)) {
        output.logical_position(0, 0);
        output.logical_size(size.0, size.1);
        if output.version() >= zxdg_output_v1::EVT_NAME_SINCE {
            output.name("BAILEY-1".into());
            output.description("Bailey desktop".into());
        }
        if output.version() < 3 {
            output.done();
        } else if whole.version() >= wl_output::EVT_DONE_SINCE {
            whole.done();
        }
        self.extended.push(output);
    }

    /// A `zxdg_output_v1` is gone.
    pub fn retract(&mut self, output: &ZxdgOutputV1) {
        self.extended.retain(|known| known != output);
    }

    /// The desktop has another size.
    pub fn resized(&self, width: i32, height: i32) {
        for output in &self.extended {
            output.logical_size(width, height);
            if output.version() < 3 {
                output.done();
            }
        }
        for output in &self.bound {
            mode(output, width, height);
            if output.version() >= wl_output::EVT_DONE_SINCE {
                output.done();
            }
        }
    }
}

fn mode(output: &WlOutput, width: i32, height: i32) {
    output.mode(wl_output::Mode::Current | wl_output::Mode::Preferred, width, height, REFRESH);
}

impl GlobalDispatch<WlOutput, ()> for State {
    fn bind(
        state: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlOutput>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        let output = data_init.init(resource, ());
        let (width, height) = state.desktop_size;
        // 96 dots per inch, so that clients choose no scale of their own.
        let millimetres = |pixels: i32| pixels * 254 / 960;
        output.geometry(
            0,
            0,
            millimetres(width),
            millimetres(height),
            wl_output::Subpixel::Unknown,
            "Bailey".into(),
            "desktop".into(),
            wl_output::Transform::Normal,
        );
        mode(&output, width, height);
        if output.version() >= wl_output::EVT_SCALE_SINCE {
            output.scale(1);
        }
        if output.version() >= wl_output::EVT_NAME_SINCE {
            output.name("BAILEY-1".into());
            output.description("Bailey desktop".into());
        }
        if output.version() >= wl_output::EVT_DONE_SINCE {
            output.done();
        }
        // Surfaces that were shown before their client asked for the output.
        for window in state.windows.values() {
            if let Some(surface) = state.surfaces.get(&window.surface)
                && surface.resource.id().same_client_as(&output.id())
            {
                surface.resource.enter(&output);
            }
        }
        state.outputs.bound.push(output);
    }
}

impl Dispatch<WlOutput, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlOutput,
        _: wl_output::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &WlOutput, _: &()) {
        state.outputs.bound.retain(|output| output != resource);
    }
}
