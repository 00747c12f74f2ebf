//! Keys: to the focused instance, but for Alt+Tab

use core::time::Duration;

use crate::action::ToInstance;
use crate::desktop::Desktop;
use crate::input::{Locks, Scancode};
use crate::seat::Switcher;
use crate::window::WindowKey;

impl Desktop {
    /// A key went down or up. True if the scene may have changed.
    pub(crate) fn key(&mut self, scancode: Scancode, released: bool, now: Duration) -> bool {
        if released {
            self.seat.keys_down.remove(&scancode);
            let switched = scancode.is_alt() && self.finish_switch();
            if self.seat.keys_sent.contains(&scancode) {
                self.send_key(scancode, true);
            }
            return switched;
        }
        // Repeats end here: a Wayland client repeats keys by itself.
        if !self.seat.keys_down.insert(scancode) {
            let again = scancode == Scancode::TAB && self.seat.switcher.is_some();
            return again && self.switch();
        }
        self.seat.typed_at = Some(now);
        let alt = self.seat.keys_down.iter().any(|key| key.is_alt());
        if scancode == Scancode::TAB && alt {
            return self.switch();
        }
        self.toggle_lock(scancode);
        self.send_key(scancode, false);
        false
    }

    /// A code unit was typed.
    pub(crate) fn unicode(&mut self, unit: u16, released: bool, now: Duration) {
        if !released {
            self.seat.typed_at = Some(now);
        }
        if let Some(focus) = self.seat.focus {
            self.tell(focus.instance, ToInstance::Unicode { unit, released });
        }
    }

    /// The remote end told the state of its lock keys.
    pub(crate) fn set_locks(&mut self, locks: Locks) {
        self.release_keys();
        self.seat.locks = locks;
        if let Some(focus) = self.seat.focus {
            self.tell(focus.instance, ToInstance::Locks(locks));
        }
    }

    /// Every key counts as released.
    pub(crate) fn release_keys(&mut self) {
        self.seat.switcher = None;
        self.seat.keys_down.clear();
        for scancode in self.seat.keys_sent.clone() {
            self.send_key(scancode, true);
        }
    }

    /// Sends a key to the focused instance and keeps account of it.
    pub(crate) fn send_key(&mut self, scancode: Scancode, released: bool) {
        if let Some(focus) = self.seat.focus {
            if released {
                self.seat.keys_sent.remove(&scancode);
            } else {
                self.seat.keys_sent.insert(scancode);
            }
            self.tell(focus.instance, ToInstance::Key { scancode, released });
        }
    }

    fn toggle_lock(&mut self, scancode: Scancode) {
        let locks = &mut self.seat.locks;
        match scancode {
            Scancode::CAPS_LOCK => locks.caps ^= true,
            Scancode::NUM_LOCK => locks.num ^= true,
            Scancode::SCROLL_LOCK => locks.scroll ^= true,
            _ => {}
        }
    }

    /// Alt+Tab: the next window is chosen when Alt goes up; with Shift, the one before.
    fn switch(&mut self) -> bool {
        let back = self.seat.keys_down.iter().any(|key| key.is_shift());
        let mut switcher = match self.seat.switcher.take() {
            Some(switcher) => switcher,
            None => Switcher { order: self.switch_order(), at: 0 },
        };
        let count = switcher.order.len();
        if count > 0 {
            switcher.at = (switcher.at + if back { count - 1 } else { 1 }) % count;
        }
        self.seat.switcher = Some(switcher);
        true
    }

    /// Listed windows, the topmost first.
    fn switch_order(&self) -> Vec<WindowKey> {
        let listed = self.listed_windows();
        self.scene.roots().iter().rev().filter(|key| listed.contains(key)).copied().collect()
    }

    fn finish_switch(&mut self) -> bool {
        let Some(switcher) = self.seat.switcher.take() else {
            return false;
        };
        if let Some(key) = switcher.order.get(switcher.at) {
            self.choose(*key, false);
        }
        true
    }
}
