//! A surface and its subsurfaces as one picture and as one target of the pointer.

use crate::pixels::picture::{Layer, Picture};
use crate::pixels::rect::Rect;
use crate::wayland::surface::{Role, SurfaceId, Surfaces};

/// Subsurfaces nest no deeper than this; deeper ones are not shown.
const MAX_DEPTH: u32 = 16;

/// A surface in a tree, and where its top left corner is relative to the root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The surface.
    pub surface: SurfaceId,
    /// To the right of the root's left edge.
    pub x: i32,
    /// Below the root's top edge.
    pub y: i32,
}

/// All surfaces of a tree that have content, bottom first.
pub fn flatten(surfaces: &Surfaces, root: SurfaceId) -> Vec<Placed> {
    let mut out = Vec::new();
    walk(surfaces, Placed { surface: root, x: 0, y: 0 }, 0, &mut out);
    out
}

fn walk(surfaces: &Surfaces, at: Placed, depth: u32, out: &mut Vec<Placed>) {
    let Some(surface) = surfaces.get(&at.surface) else {
        return;
    };
    if surface.content.buffer.is_none() || depth > MAX_DEPTH {
        return;
    }
    for entry in &surface.stack {
        let Some(child) = entry else {
            out.push(at);
            continue;
        };
        if let Some(Role::Subsurface(sub)) = surfaces.get(child).map(|surface| &surface.role) {
            let x = at.x.saturating_add(sub.position.0);
            let y = at.y.saturating_add(sub.position.1);
            walk(surfaces, Placed { surface: *child, x, y }, depth + 1, out);
        }
    }
}

/// The surface at the top of a chain of subsurfaces, and the offset of `id` in it.
pub fn root_of(surfaces: &Surfaces, id: SurfaceId) -> Placed {
    let mut at = Placed { surface: id, x: 0, y: 0 };
    for _ in 0..=MAX_DEPTH {
        let Some(Role::Subsurface(sub)) = surfaces.get(&at.surface).map(|surface| &surface.role) else {
            break;
        };
        at.x = at.x.saturating_add(sub.position.0);
        at.y = at.y.saturating_add(sub.position.1);
        at.surface = sub.parent;
    }
    at
}

/// The bounding box of a tree, relative to the root's top left corner.
pub fn extents(surfaces: &Surfaces, root: SurfaceId) -> Rect {
    flatten(surfaces, root).iter().fold(Rect::default(), |all, at| all.union(rect_of(surfaces, *at)))
}

/// Where a placed surface lies.
pub fn rect_of(surfaces: &Surfaces, at: Placed) -> Rect {
    let (width, height) = surfaces.get(&at.surface).map_or((0, 0), |surface| surface.content.size());
    Rect::new(at.x, at.y, width, height)
}

/// The part of a tree that is the window, as layers.
pub fn picture(surfaces: &Surfaces, root: SurfaceId, geometry: Rect) -> Picture {
    let mut layers = Vec::new();
    for at in flatten(surfaces, root) {
        let Some(surface) = surfaces.get(&at.surface) else {
            continue;
        };
        let dest = rect_of(surfaces, at).translate(-geometry.x, -geometry.y);
        let window = Rect::new(0, 0, geometry.width, geometry.height);
        let Some(buffer) = surface.content.buffer.clone() else {
            continue;
        };
        let visible = dest.intersect(window);
        if visible.is_empty() {
            continue;
        }
        let own = visible.translate(-dest.x, -dest.y);
        let opaque = surface.content.opaque.as_ref().is_some_and(|region| region.surely_covers(own));
        let content = &surface.content;
        layers.push(Layer { buffer, transform: content.transform, source: content.shown(), dest, opaque });
    }
    Picture { width: geometry.width, height: geometry.height, layers }
}

/// The topmost surface of a tree that takes input at a point, and the point in its coordinates.
pub fn surface_at(surfaces: &Surfaces, root: SurfaceId, x: f64, y: f64) -> Option<(SurfaceId, f64, f64)> {
    flatten(surfaces, root).into_iter().rev().find_map(|at| {
        let surface = surfaces.get(&at.surface)?;
        if !rect_of(surfaces, at).contains(x, y) {
            return None;
        }
        let (x, y) = (x - f64::from(at.x), y - f64::from(at.y));
        let taken = surface.content.input.as_ref().is_none_or(|region| region.contains(x, y));
        taken.then_some((at.surface, x, y))
    })
}
