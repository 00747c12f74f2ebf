//! After every change: what follows from it is put right in one place, in a fixed order

use crate::desktop::Desktop;
use crate::frame::{Frame, Look};
use crate::scene::Node;
use crate::window::WindowKey;

impl Desktop {
    /// Puts focus, grabs, pointer, frames and task strip in accordance with the scene, and asks for a redraw.
    pub(crate) fn settle(&mut self) {
        self.fix_grab();
        self.fix_focus();
        self.refresh_pointer(false);
        self.update_frames();
        self.update_strip();
        self.request_redraw();
    }

    fn update_frames(&mut self) {
        for key in self.scene.keys() {
            if self.scene.is_shown(key) {
                self.update_frame(key);
            }
        }
    }

    /// Makes a window's frame fit and look right. If the store has no room for it the window has none, and is not
    /// shown: content without a frame would be without its owner's colour.
    fn update_frame(&mut self, key: WindowKey) {
        let Some(node) = self.scene.get(key) else { return };
        let Some(look) = self.look_of(node) else { return };
        let layout = self.layout_of(node);
        let Some(node) = self.scene.get_mut(key) else {
            return;
        };
        if let Some(frame) = node.frame.as_mut().filter(|frame| frame.fits(&layout)) {
            frame.update(&layout, look, &self.fonts);
            return;
        }
        if let Some(old) = node.frame.take() {
            old.dispose(&mut self.ids);
        }
        node.frame = Frame::new(&layout, look, self.store.as_mut(), &mut self.ids, &self.fonts).ok();
    }

    fn look_of(&self, node: &Node) -> Option<Look> {
        let instance = self.scene.instances.get(&node.key.instance)?;
        Some(Look {
            title: node.info.title.clone(),
            instance: instance.name.clone(),
            colour: instance.colour,
            focused: self.seat.focus == Some(node.key),
            maximised: node.is_maximised(),
            resizable: node.info.resizable,
            hover: self.seat.hover.filter(|(key, _)| *key == node.key).map(|(_, button)| button),
            popup: node.is_popup(),
        })
    }
}
