//! `wl_subcompositor`: surfaces made of surfaces.

use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_subcompositor::{self, WlSubcompositor};
use wayland_server::protocol::wl_subsurface::{self, WlSubsurface};
use wayland_server::protocol::wl_surface::WlSurface;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::pixels::rect::near;
use crate::state::State;
use crate::wayland::surface::{Role, Subsurface, SurfaceId};
use crate::window::tree;

impl GlobalDispatch<WlSubcompositor, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlSubcompositor>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<WlSubcompositor, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WlSubcompositor,
        request: wl_subcompositor::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        let wl_subcompositor::Request::GetSubsurface { id, surface, parent } = request else {
            return;
        };
        let (Some(name), Some(parent)) =
            (surface.data::<SurfaceId>().copied(), parent.data::<SurfaceId>().copied())
        else {
            return;
        };
        data_init.init(id, name);
        if parent == name || tree::root_of(&state.surfaces, parent).surface == name {
            resource.post_error(wl_subcompositor::Error::BadParent, "a surface cannot be its own ancestor");
            return;
        }
        let Some(surface) = state.surfaces.get_mut(&name) else {
            return;
        };
        if surface.has_role() {
            resource.post_error(wl_subcompositor::Error::BadSurface, "the surface has a role already");
            return;
        }
        surface.role = Role::Subsurface(Subsurface {
            parent,
            position: (0, 0),
            next_position: None,
            synchronised: true,
        });
        if let Some(parent) = state.surfaces.get_mut(&parent) {
            parent.stack.push(Some(name));
            if let Some(next) = &mut parent.next_stack {
                next.push(Some(name));
            }
        }
    }
}

impl Dispatch<WlSubsurface, SurfaceId> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WlSubsurface,
        request: wl_subsurface::Request,
        id: &SurfaceId,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_subsurface::Request::SetPosition { x, y } => {
                if let Some(sub) = state.subsurface_mut(*id) {
                    sub.next_position = Some((near(x), near(y)));
                }
            }
            wl_subsurface::Request::PlaceAbove { sibling } => restack(state, resource, *id, &sibling, true),
            wl_subsurface::Request::PlaceBelow { sibling } => restack(state, resource, *id, &sibling, false),
            wl_subsurface::Request::SetSync => {
                if let Some(sub) = state.subsurface_mut(*id) {
                    sub.synchronised = true;
                }
            }
            wl_subsurface::Request::SetDesync => {
                if let Some(sub) = state.subsurface_mut(*id) {
                    sub.synchronised = false;
                }
                state.flush_cached(*id);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, _: &WlSubsurface, id: &SurfaceId) {
        state.subsurface_destroyed(*id);
    }
}

/// Moves a subsurface next to a sibling or its parent, from the parent's next commit on.
fn restack(state: &mut State, resource: &WlSubsurface, id: SurfaceId, sibling: &WlSurface, above: bool) {
    let bad = |message: &str| resource.post_error(wl_subsurface::Error::BadSurface, message);
    let Some(sibling) = sibling.data::<SurfaceId>().copied() else {
        return;
    };
    let Some(parent_id) = state.subsurface_mut(id).map(|sub| sub.parent) else {
        return;
    };
    let Some(parent) = state.surfaces.get_mut(&parent_id) else {
        return;
    };
    let beside = if sibling == parent_id { None } else { Some(sibling) };
    let mut stack = parent.next_stack.clone().unwrap_or_else(|| parent.stack.clone());
    stack.retain(|entry| *entry != Some(id));
    let Some(index) = stack.iter().position(|entry| *entry == beside) else {
        bad("not a sibling nor the parent");
        return;
    };
    stack.insert(if above { index + 1 } else { index }, Some(id));
    parent.next_stack = Some(stack);
}
