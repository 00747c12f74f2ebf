//! `wl_compositor`, `wl_surface` requests, `wl_region`.

use std::sync::{Mutex, PoisonError};

use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_callback::{self, WlCallback};
use wayland_server::protocol::wl_compositor::{self, WlCompositor};
use wayland_server::protocol::wl_region::{self, WlRegion};
use wayland_server::protocol::wl_surface::{self, WlSurface};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum};

use crate::pixels::picture::Transform;
use crate::pixels::rect::{Rect, Region, near};
use crate::pixels::source::ShmBuffer;
use crate::state::State;
use crate::wayland::surface::{Attached, Changes, Surface, SurfaceId, push_damage};

/// Surfaces that all clients together may have.
const MAX_SURFACES: usize = 16_384;

/// A `wl_region`'s own state.
pub(super) type RegionData = Mutex<Region>;

impl GlobalDispatch<WlCompositor, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlCompositor>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<WlCompositor, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WlCompositor,
        request: wl_compositor::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_compositor::Request::CreateSurface { id } => {
                let name = state.next_surface();
                let surface = data_init.init(id, name);
                if state.surfaces.len() >= MAX_SURFACES {
                    resource.post_error(0u32, "too many surfaces");
                    return;
                }
                state.surfaces.insert(name, Surface::new(surface));
            }
            wl_compositor::Request::CreateRegion { id } => {
                data_init.init(id, RegionData::default());
            }
            _ => {}
        }
    }
}

impl Dispatch<WlRegion, RegionData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlRegion,
        request: wl_region::Request,
        data: &RegionData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let mut region = data.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            wl_region::Request::Add { x, y, width, height } => region.add(Rect::new(x, y, width, height)),
            wl_region::Request::Subtract { x, y, width, height } => {
                region.subtract(Rect::new(x, y, width, height));
            }
            _ => {}
        }
    }
}

impl Dispatch<WlCallback, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlCallback,
        _: wl_callback::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }
}

fn region_of(resource: Option<&WlRegion>) -> Option<Region> {
    let data = resource?.data::<RegionData>()?;
    Some(data.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

impl Dispatch<WlSurface, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WlSurface,
        request: wl_surface::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        if let wl_surface::Request::Frame { callback } = request {
            let callback = data_init.init(callback, ());
            if let Some(surface) = state.surfaces.get_mut(id) {
                surface.pending.frames.push(callback);
            }
            return;
        }
        if matches!(request, wl_surface::Request::Commit) {
            state.commit(*id);
            return;
        }
        let Some(surface) = state.surfaces.get_mut(id) else {
            return;
        };
        if let Err((code, message)) = change(resource, &mut surface.pending, request) {
            resource.post_error(code, message);
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &WlSurface, id: &SurfaceId) {
        state.surface_destroyed(*id);
    }
}

/// Notes one request in the pending state.
fn change(
    resource: &WlSurface,
    pending: &mut Changes,
    request: wl_surface::Request,
) -> Result<(), (wl_surface::Error, &'static str)> {
    match request {
        wl_surface::Request::Attach { buffer, x, y } => {
            if resource.version() >= 5 && (x, y) != (0, 0) {
                return Err((
                    wl_surface::Error::InvalidOffset,
                    "attach with an offset: use wl_surface.offset",
                ));
            }
            let attached = buffer.and_then(|resource| {
                let shm = resource.data::<ShmBuffer>()?.clone();
                Some(Attached { resource, shm })
            });
            pending.buffer = Some(attached);
            if resource.version() < 5 {
                pending.offset = (near(x), near(y));
            }
        }
        wl_surface::Request::Offset { x, y } => pending.offset = (near(x), near(y)),
        wl_surface::Request::Damage { x, y, width, height } => {
            push_damage(&mut pending.damage, Rect::new(x, y, width, height));
        }
        wl_surface::Request::DamageBuffer { x, y, width, height } => {
            push_damage(&mut pending.buffer_damage, Rect::new(x, y, width, height));
        }
        wl_surface::Request::SetOpaqueRegion { region } => pending.opaque = Some(region_of(region.as_ref())),
        wl_surface::Request::SetInputRegion { region } => pending.input = Some(region_of(region.as_ref())),
        wl_surface::Request::SetBufferTransform { transform } => {
            let value = match transform {
                WEnum::Value(known) => known.into(),
                WEnum::Unknown(raw) => raw,
            };
            let transform = Transform::from_wire(value);
            let unknown = (wl_surface::Error::InvalidTransform, "unknown transform");
            pending.transform = Some(transform.ok_or(unknown)?);
        }
        wl_surface::Request::SetBufferScale { scale } => {
            if !(1..=64).contains(&scale) {
                return Err((wl_surface::Error::InvalidScale, "the scale must be from 1 to 64"));
            }
            pending.scale = Some(scale);
        }
        _ => {}
    }
    Ok(())
}
