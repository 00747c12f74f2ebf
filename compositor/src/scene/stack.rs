//! The tree of windows: an owned window is always above its owner, because it is drawn as part of it
//!
//! INVARIANT: every window is in exactly one list: `roots`, or the `children` of its owner. Popups are never roots.

use std::collections::BTreeMap;

use super::instance::Instance;
use super::node::Node;
use crate::window::{InstanceId, WindowKey};

/// All instances and windows.
#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    windows: BTreeMap<WindowKey, Node>,
    /// Windows without an owner, lowest first.
    roots: Vec<WindowKey>,
    born: u64,
}

impl Scene {
    pub(crate) fn get(&self, key: WindowKey) -> Option<&Node> {
        self.windows.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: WindowKey) -> Option<&mut Node> {
        self.windows.get_mut(&key)
    }

    pub(crate) fn roots(&self) -> &[WindowKey] {
        &self.roots
    }

    pub(crate) fn keys(&self) -> Vec<WindowKey> {
        self.windows.keys().copied().collect()
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.windows.values()
    }

    /// Adds a window on top of its siblings. The caller has checked that the key is free and the owner exists.
    pub(crate) fn insert(&mut self, key: WindowKey, info: crate::window::WindowInfo) {
        self.born += 1;
        let node = Node::new(key, info, self.born);
        let owner = node.owner();
        self.windows.insert(key, node);
        self.siblings_mut(owner).push(key);
    }

    /// Takes a window and its popups, with theirs, out of the scene; other windows that it owned lose their owner and
    /// stay where it was. Returns what was taken out.
    pub(crate) fn remove(&mut self, key: WindowKey) -> Vec<Node> {
        let mut removed = Vec::new();
        let Some(node) = self.windows.get(&key) else {
            return removed;
        };
        let owner = node.owner();
        for child in node.children.clone() {
            if self.windows.get(&child).is_some_and(Node::is_popup) {
                removed.extend(self.remove(child));
            }
        }
        let Some(node) = self.windows.remove(&key) else {
            return removed;
        };
        for child in &node.children {
            if let Some(child) = self.windows.get_mut(child) {
                child.info.owner = owner.map(|owner| owner.window);
            }
        }
        let siblings = self.siblings_mut(owner);
        if let Some(at) = siblings.iter().position(|sibling| *sibling == key) {
            siblings.splice(at..=at, node.children.iter().copied());
        }
        removed.push(node);
        removed
    }

    /// Gives a window another owner, or none. The caller has checked that no circle results.
    pub(crate) fn set_owner(&mut self, key: WindowKey, owner: Option<u32>) {
        let Some(node) = self.windows.get_mut(&key) else {
            return;
        };
        let before = node.owner();
        node.info.owner = owner;
        let after = node.owner();
        if before != after {
            self.siblings_mut(before).retain(|sibling| *sibling != key);
            self.siblings_mut(after).push(key);
        }
    }

    /// Owners above a window, nearest first.
    pub(crate) fn owners(&self, key: WindowKey) -> impl Iterator<Item = WindowKey> {
        core::iter::successors(self.windows.get(&key).and_then(Node::owner), |owner| {
            self.windows.get(owner).and_then(Node::owner)
        })
    }

    /// The window that a window's whole family hangs on: itself, or its farthest owner.
    pub(crate) fn root_of(&self, key: WindowKey) -> WindowKey {
        self.owners(key).last().unwrap_or(key)
    }

    /// The nearest window that is not a popup: itself, or an owner.
    pub(crate) fn top_level_of(&self, key: WindowKey) -> WindowKey {
        core::iter::once(key)
            .chain(self.owners(key))
            .find(|key| self.windows.get(key).is_some_and(|node| !node.is_popup()))
            .unwrap_or(key)
    }

    /// Puts a window with all it owns on top, its owners along with it.
    pub(crate) fn raise(&mut self, key: WindowKey) {
        let mut at = Some(key);
        while let Some(key) = at {
            let owner = self.windows.get(&key).and_then(Node::owner);
            let siblings = self.siblings_mut(owner);
            if let Some(place) = siblings.iter().position(|sibling| *sibling == key) {
                siblings[place..].rotate_left(1);
            }
            at = owner;
        }
    }

    /// Puts a root directly below another one.
    pub(crate) fn place_below(&mut self, root: WindowKey, above: WindowKey) {
        if root == above || !self.roots.contains(&root) {
            return;
        }
        if self.roots.contains(&above) {
            self.roots.retain(|own| *own != root);
            let at = self.roots.iter().position(|own| *own == above).unwrap_or(self.roots.len());
            self.roots.insert(at, root);
        }
    }

    /// Every window, lowest first, each followed by what it owns.
    pub(crate) fn draw_order(&self) -> Vec<WindowKey> {
        let mut order = Vec::with_capacity(self.windows.len());
        // Owner chains are short (Limits::owner_depth), but an explicit stack needs no such argument.
        let mut pending: Vec<WindowKey> = self.roots.iter().rev().copied().collect();
        while let Some(key) = pending.pop() {
            order.push(key);
            if let Some(node) = self.windows.get(&key) {
                pending.extend(node.children.iter().rev());
            }
        }
        order
    }

    /// True if the window is on the desktop: it and all its owners have pixels and are neither hidden nor minimised.
    pub(crate) fn is_shown(&self, key: WindowKey) -> bool {
        core::iter::once(key)
            .chain(self.owners(key))
            .all(|key| self.windows.get(&key).is_some_and(Node::wants_to_show))
    }

    fn siblings_mut(&mut self, owner: Option<WindowKey>) -> &mut Vec<WindowKey> {
        match owner.and_then(|owner| self.windows.get_mut(&owner)) {
            Some(owner) => &mut owner.children,
            None => &mut self.roots,
        }
    }
}
