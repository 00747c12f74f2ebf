//! Who has the keyboard
//!
//! Focus follows clicks. A window that comes up by itself gets it only where that cannot catch keys meant for another
//! instance: keys typed into the wrong window are the cheapest way to steal a password.

use core::time::Duration;

use crate::action::ToInstance;
use crate::desktop::Desktop;
use crate::scene::Node;
use crate::window::WindowKey;

/// After this long without a key press, an instance's first window may take the focus.
const QUIET: Duration = Duration::from_secs(1);

impl Desktop {
    /// Gives the keyboard to a top-level, or to none. With `modifiers`, the keys like Shift that are down count as
    /// pressed in it (for a Control-click); other keys never follow the focus.
    pub(crate) fn set_focus(&mut self, focus: Option<WindowKey>, modifiers: bool) {
        let before = self.seat.focus;
        if before == focus {
            return;
        }
        if let Some(old) = before {
            if self.scene.get(old).is_some() {
                self.tell(old.instance, ToInstance::Activate { window: old.window, active: false });
            }
            // After the window lost the keyboard, so that no application acts on these.
            for scancode in core::mem::take(&mut self.seat.keys_sent) {
                self.tell(old.instance, ToInstance::Key { scancode, released: true });
            }
        }
        self.seat.focus = focus;
        if let Some(new) = focus {
            self.tell(new.instance, ToInstance::Activate { window: new.window, active: true });
            self.tell(new.instance, ToInstance::Locks(self.seat.locks));
            if modifiers {
                for scancode in self.seat.keys_down.clone() {
                    if scancode.is_modifier() {
                        self.send_key(scancode, false);
                    }
                }
            }
            if let Some(node) = self.scene.get_mut(new) {
                node.attention = false;
            }
        }
    }

    /// The user chose a window: shown, on top, with the keyboard.
    pub(crate) fn choose(&mut self, key: WindowKey, modifiers: bool) {
        let key = self.scene.top_level_of(key);
        self.unminimise(key);
        self.scene.raise(key);
        self.set_focus(Some(key), modifiers);
    }

    /// A window came up for the first time.
    pub(crate) fn welcome(&mut self, key: WindowKey, now: Duration) {
        let Some(node) = self.scene.get(key) else { return };
        if node.is_popup() || !self.scene.is_shown(key) {
            return;
        }
        self.fix_focus();
        let first = self
            .scene
            .instances
            .get_mut(&key.instance)
            .is_some_and(|instance| !core::mem::replace(&mut instance.had_window, true));
        let quiet = self.seat.typed_at.is_none_or(|typed| now.saturating_sub(typed) >= QUIET);
        let busy = !self.seat.buttons.is_empty() || self.seat.switcher.is_some();
        let may = match self.seat.focus {
            None => true,
            Some(focus) => focus.instance == key.instance || (first && quiet && !busy),
        };
        if may {
            return self.choose(key, false);
        }
        if let Some(node) = self.scene.get_mut(key) {
            node.attention = true;
        }
        if let Some(focus) = self.seat.focus {
            let (root, above) = (self.scene.root_of(key), self.scene.root_of(focus));
            self.scene.place_below(root, above);
        }
    }

    /// If the focused window is gone or out of sight, the topmost one in sight gets the focus.
    pub(crate) fn fix_focus(&mut self) {
        let good = |key: &WindowKey| {
            self.scene.get(*key).is_some_and(|node| !node.is_popup()) && self.scene.is_shown(*key)
        };
        if !self.seat.focus.as_ref().is_some_and(good) {
            let next = self.scene.draw_order().into_iter().rev().find(good);
            if next.is_some() || self.seat.focus.is_some() {
                self.set_focus(next, false);
            }
        }
    }

    /// The user clicked where no content is: menus of the focused window go away, as they do when it loses the focus.
    pub(crate) fn dismiss_popups(&mut self) {
        let Some(focus) = self.seat.focus else { return };
        let has_popup = |node: &Node| {
            node.is_popup() && node.key.instance == focus.instance && self.scene.is_shown(node.key)
        };
        if self.scene.nodes().any(has_popup) {
            self.tell(focus.instance, ToInstance::Activate { window: focus.window, active: false });
            self.tell(focus.instance, ToInstance::Activate { window: focus.window, active: true });
        }
    }
}
