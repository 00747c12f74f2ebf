//! What instances ask for, checked against the limits before anything changes

use std::sync::Arc;

use crate::desktop::{Desktop, InstancePointer};
use crate::geometry::{Rect, Size};
use crate::limits::Violation;
use crate::pixels::BYTES_PER_PIXEL;
use crate::scene::{CheckedPointer, Instance, Node};
use crate::text::{sanitise, sanitise_name};
use crate::window::{InstanceId, ShowState, TrustColour, WindowInfo, WindowKey};

impl Desktop {
    pub(crate) fn insert_instance(&mut self, id: InstanceId, name: &str, colour: TrustColour) {
        let name = sanitise_name(name);
        let colour = colour.into();
        match self.scene.instances.get_mut(&id) {
            Some(instance) => (instance.name, instance.colour) = (name, colour),
            None => drop(self.scene.instances.insert(id, Instance::new(name, colour))),
        }
    }

    pub(crate) fn forget_instance(&mut self, id: InstanceId) {
        for key in self.scene.keys() {
            if key.instance == id {
                self.discard(key);
            }
        }
        self.scene.instances.remove(&id);
        self.seat.forget_instance(id);
    }

    pub(crate) fn create_window(&mut self, key: WindowKey, mut info: WindowInfo) -> Result<(), Violation> {
        let instance = self.scene.instances.get(&key.instance).ok_or(Violation::UnknownInstance)?;
        if self.scene.get(key).is_some() {
            return Err(Violation::DuplicateWindow(key.window));
        }
        if instance.windows >= self.limits.windows {
            return Err(Violation::TooManyWindows(self.limits.windows));
        }
        self.check_owner(key, &info)?;
        make_harmless(&mut info);
        self.scene.insert(key, info);
        if let Some(instance) = self.scene.instances.get_mut(&key.instance) {
            instance.windows += 1;
        }
        Ok(())
    }

    pub(crate) fn update_window(&mut self, key: WindowKey, mut info: WindowInfo) -> Result<(), Violation> {
        let node = self.scene.get(key).ok_or(Violation::UnknownWindow(key.window))?;
        if node.is_popup() != info.popup {
            return Err(Violation::KindChanged(key.window));
        }
        self.check_owner(key, &info)?;
        make_harmless(&mut info);
        self.scene.set_owner(key, info.owner);
        let Some(node) = self.scene.get_mut(key) else {
            return Ok(());
        };
        let wish = node.report.wish(info.show_state);
        let shown_before = node.info.show_state;
        node.info = info;
        match wish {
            Some(ShowState::Minimised) => self.minimise(key),
            Some(ShowState::Maximised) => self.set_maximised(key, true),
            Some(ShowState::Normal) if shown_before != ShowState::Hidden => self.restore(key),
            Some(ShowState::Normal | ShowState::Hidden) | None => {}
        }
        Ok(())
    }

    pub(crate) fn destroy_window(&mut self, key: WindowKey) -> Result<(), Violation> {
        self.scene.get(key).ok_or(Violation::UnknownWindow(key.window))?;
        self.discard(key);
        Ok(())
    }

    pub(crate) fn keep_pointer(&mut self, id: InstanceId, pointer: InstancePointer) -> Result<(), Violation> {
        let limit = self.limits.pointer_side;
        let instance = self.scene.instances.get_mut(&id).ok_or(Violation::UnknownInstance)?;
        instance.pointer = match pointer {
            InstancePointer::Default => CheckedPointer::Default,
            InstancePointer::Hidden => CheckedPointer::Hidden,
            InstancePointer::Image(image) => {
                let Size { width, height } = image.size;
                let good = (1..=limit).contains(&width)
                    && (1..=limit).contains(&height)
                    && image.pixels.len() as u64 == image.size.byte_len()
                    && Rect::new(0, 0, width, height).contains(image.hot_spot);
                if !good {
                    instance.pointer = CheckedPointer::Default;
                    self.update_pointer_shape();
                    return Err(Violation::PointerImage(Size { width, height }));
                }
                CheckedPointer::Image(Arc::new(image))
            }
        };
        Ok(())
    }

    /// Checks that the window may have content of `size`; returns what it and its frame cost in bytes.
    pub(crate) fn check_size(&self, key: WindowKey, size: Size) -> Result<u64, Violation> {
        let node = self.scene.get(key).ok_or(Violation::UnknownWindow(key.window))?;
        let instance = self.scene.instances.get(&key.instance).ok_or(Violation::UnknownInstance)?;
        let limit = self.limits.side;
        if size.is_empty() || size.width > limit || size.height > limit {
            return Err(Violation::WindowSize { size, limit });
        }
        let cost = size.byte_len() + frame_cost(node, size);
        let needed = instance.bytes - node.bytes + cost;
        if needed > self.limits.bytes {
            return Err(Violation::TooManyBytes { needed, limit: self.limits.bytes });
        }
        Ok(cost)
    }

    fn check_owner(&self, key: WindowKey, info: &WindowInfo) -> Result<(), Violation> {
        let bad = || Violation::BadOwner { window: key.window, owner: info.owner };
        let Some(owner) = info.owner else {
            return if info.popup { Err(bad()) } else { Ok(()) };
        };
        let owner = WindowKey::new(key.instance, owner);
        let node = self.scene.get(owner).ok_or_else(bad)?;
        let above: Vec<WindowKey> = core::iter::once(owner).chain(self.scene.owners(owner)).collect();
        // A window that is not a popup must not vanish with one.
        let vanishing = !info.popup && node.is_popup();
        let depth = above.len() + self.depth_below(key);
        if above.contains(&key) || depth > self.limits.owner_depth || vanishing { Err(bad()) } else { Ok(()) }
    }

    /// Levels of windows that hang on this one.
    fn depth_below(&self, key: WindowKey) -> usize {
        let mut depth = 0;
        let mut level: Vec<WindowKey> =
            self.scene.get(key).map(|node| node.children.clone()).unwrap_or_default();
        while !level.is_empty() {
            depth += 1;
            level = level
                .iter()
                .filter_map(|key| self.scene.get(*key))
                .flat_map(|node| node.children.clone())
                .collect();
        }
        depth
    }

    /// Takes a window and what vanishes with it off the desktop, and gives back what it held.
    fn discard(&mut self, key: WindowKey) {
        for node in self.scene.remove(key) {
            if let Some(instance) = self.scene.instances.get_mut(&node.key.instance) {
                instance.windows -= 1;
                instance.bytes -= node.bytes;
            }
            if let Some(content) = node.content {
                self.ids.give_back(content.id);
            }
            if let Some(frame) = node.frame {
                frame.dispose(&mut self.ids);
            }
            self.seat.forget_window(node.key);
        }
    }
}

fn make_harmless(info: &mut WindowInfo) {
    info.title = sanitise(&info.title);
    info.app_id = sanitise(&info.app_id);
}

/// Bytes of the frame around content of `size`, at most.
fn frame_cost(node: &Node, size: Size) -> u64 {
    let insets = node.insets();
    let outer = insets.grow(Size::new(size.width.max(256), size.height.max(64)));
    let rows = u64::from(insets.top + insets.side) * u64::from(outer.width);
    let columns = u64::from(2 * insets.side) * u64::from(outer.height);
    (rows + columns) * u64::from(BYTES_PER_PIXEL)
}
