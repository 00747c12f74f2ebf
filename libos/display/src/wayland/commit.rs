//! What `wl_surface.commit` does: pending state becomes current, down the tree of subsurfaces.

use crate::pixels::rect::Rect;
use crate::state::State;
use crate::wayland::surface::{Changes, Role, Subsurface, SurfaceId};
use crate::window::tree;

/// Subsurfaces nest no deeper than this when a commit is applied.
const MAX_DEPTH: u32 = 16;

/// What a commit changed, in the coordinates of the surfaces it names.
#[derive(Debug, Default)]
pub struct Changed {
    /// Damaged rectangles.
    pub damage: Vec<(SurfaceId, Rect)>,
    /// A surface came, went, moved, changed size or order: all of the window has to be drawn anew.
    pub restructured: bool,
}

impl State {
    /// Handles `wl_surface.commit`.
    pub fn commit(&mut self, id: SurfaceId) {
        let synchronised = self.is_synchronised(id);
        let Some(surface) = self.surfaces.get_mut(&id) else {
            return;
        };
        let pending = std::mem::take(&mut surface.pending);
        let mut changes = surface.cached.take().unwrap_or_default();
        changes.merge(pending);
        if synchronised {
            surface.cached = Some(changes);
            return;
        }
        self.apply(id, changes);
    }

    /// Applies what a subsurface committed while it was synchronised, now that it no longer is.
    pub fn flush_cached(&mut self, id: SurfaceId) {
        if self.is_synchronised(id) {
            return;
        }
        if let Some(changes) = self.surfaces.get_mut(&id).and_then(|surface| surface.cached.take()) {
            self.apply(id, changes);
        }
    }

    fn apply(&mut self, id: SurfaceId, changes: Changes) {
        if !self.may_commit(id, &changes) {
            return;
        }
        let mut changed = Changed::default();
        self.apply_tree(id, changes, 0, &mut changed);
        let root = tree::root_of(&self.surfaces, id).surface;
        self.ask_for_frame();
        match self.surfaces.get(&root).map(|surface| &surface.role) {
            Some(Role::Xdg(_) | Role::X11(_)) => self.window_committed(root, &changed),
            Some(Role::Cursor) => self.cursor_committed(root),
            _ => {}
        }
    }

    fn apply_tree(&mut self, id: SurfaceId, mut changes: Changes, depth: u32, out: &mut Changed) {
        let Some(surface) = self.surfaces.get_mut(&id) else {
            return;
        };
        let (damage, resized) = surface.content.apply(&mut changes);
        out.damage.extend(damage.into_iter().map(|rect| (id, rect)));
        out.restructured |= resized;
        surface.frames.append(&mut changes.frames);
        for feedback in surface.feedbacks.drain(..) {
            feedback.discarded();
        }
        surface.feedbacks.append(&mut changes.feedbacks);
        if let Some(xdg) = surface.xdg_mut() {
            xdg.apply(&changes);
        }
        if let Some(next) = surface.next_stack.take() {
            out.restructured |= next != surface.stack;
            surface.stack = next;
        }
        if depth >= MAX_DEPTH {
            return;
        }
        let children: Vec<SurfaceId> = surface.stack.iter().filter_map(|entry| *entry).collect();
        for child in children {
            if let Some(sub) = self.subsurface_mut(child)
                && let Some(position) = sub.next_position.take()
            {
                out.restructured |= position != sub.position;
                sub.position = position;
            }
            if self.is_synchronised(child)
                && let Some(cached) = self.surfaces.get_mut(&child).and_then(|surface| surface.cached.take())
            {
                self.apply_tree(child, cached, depth + 1, out);
            }
        }
    }

    /// Whether a surface's commits wait for its parent's.
    fn is_synchronised(&self, id: SurfaceId) -> bool {
        let mut at = id;
        for _ in 0..=MAX_DEPTH {
            let Some(Role::Subsurface(sub)) = self.surfaces.get(&at).map(|surface| &surface.role) else {
                return false;
            };
            if sub.synchronised {
                return true;
            }
            at = sub.parent;
        }
        false
    }

    /// The subsurface state of a surface.
    pub fn subsurface_mut(&mut self, id: SurfaceId) -> Option<&mut Subsurface> {
        match self.surfaces.get_mut(&id).map(|surface| &mut surface.role) {
            Some(Role::Subsurface(sub)) => Some(sub),
            _ => None,
        }
    }

    /// A `wl_subsurface` is gone: its surface is no longer shown.
    pub fn subsurface_destroyed(&mut self, id: SurfaceId) {
        let Some(parent) = self.subsurface_mut(id).map(|sub| sub.parent) else {
            return;
        };
        let root = tree::root_of(&self.surfaces, parent).surface;
        if let Some(parent) = self.surfaces.get_mut(&parent) {
            parent.stack.retain(|entry| *entry != Some(id));
            if let Some(next) = &mut parent.next_stack {
                next.retain(|entry| *entry != Some(id));
            }
        }
        if let Some(surface) = self.surfaces.get_mut(&id) {
            surface.role = Role::None;
        }
        self.window_committed(root, &Changed { restructured: true, ..Changed::default() });
    }

    /// A `wl_surface` is gone.
    pub fn surface_destroyed(&mut self, id: SurfaceId) {
        self.subsurface_destroyed(id);
        self.close_window_of(id);
        self.forget_focus(id);
        self.surfaces.remove(&id);
    }
}
