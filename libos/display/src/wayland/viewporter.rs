//! `wp_viewporter`: crop and scale.

use wayland_protocols::wp::viewporter::server::wp_viewport::{self, WpViewport};
use wayland_protocols::wp::viewporter::server::wp_viewporter::{self, WpViewporter};
use wayland_server::backend::ClientId;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::pixels::picture::Source;
use crate::state::State;
use crate::wayland::surface::SurfaceId;

/// No side of a destination may be longer.
const MAX_SIDE: i32 = 32_767;

impl GlobalDispatch<WpViewporter, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WpViewporter>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<WpViewporter, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WpViewporter,
        request: wp_viewporter::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        let wp_viewporter::Request::GetViewport { id, surface } = request else {
            return;
        };
        let Some(name) = surface.data::<SurfaceId>().copied() else {
            return;
        };
        data_init.init(id, name);
        let Some(surface) = state.surfaces.get_mut(&name) else {
            return;
        };
        if surface.has_viewport {
            resource.post_error(wp_viewporter::Error::ViewportExists, "the surface has a viewport already");
        }
        surface.has_viewport = true;
    }
}

impl Dispatch<WpViewport, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WpViewport,
        request: wp_viewport::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let Some(surface) = state.surfaces.get_mut(id) else {
            if !matches!(request, wp_viewport::Request::Destroy) {
                resource.post_error(wp_viewport::Error::NoSurface, "the surface is gone");
            }
            return;
        };
        let bad = |message: &str| resource.post_error(wp_viewport::Error::BadValue, message);
        match request {
            wp_viewport::Request::SetSource { x, y, width, height } => {
                if [x, y, width, height] == [-1.0; 4] {
                    surface.pending.source = Some(None);
                } else if x < 0.0 || y < 0.0 || width <= 0.0 || height <= 0.0 {
                    bad("the source rectangle must be positive");
                } else {
                    surface.pending.source = Some(Some(Source { x, y, width, height }));
                }
            }
            wp_viewport::Request::SetDestination { width, height } => {
                let sides = 1..=MAX_SIDE;
                if (width, height) == (-1, -1) {
                    surface.pending.destination = Some(None);
                } else if !sides.contains(&width) || !sides.contains(&height) {
                    bad("the destination size is out of range");
                } else {
                    surface.pending.destination = Some(Some((width, height)));
                }
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &WpViewport, id: &SurfaceId) {
        if let Some(surface) = state.surfaces.get_mut(id) {
            surface.has_viewport = false;
            surface.pending.source = Some(None);
            surface.pending.destination = Some(None);
        }
    }
}
