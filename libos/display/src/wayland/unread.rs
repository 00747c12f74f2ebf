//! Keys on their way to a popup that closes meanwhile.
//!
//! A grabbing popup has the keyboard (`xdg_popup.grab`), and whoever types on while its client closes it writes to a
//! surface that is gone by the time the client reads: toolkits drop such keys. Each key is therefore followed by a ping
//! (`xdg_wm_base.ping`). Those whose pong has not come when the popup closes were not read while it was there, and are
//! sent again to the window that gets the keyboard.

use std::collections::VecDeque;

use wayland_protocols::xdg::shell::server::xdg_wm_base::XdgWmBase;
use wayland_server::Resource;
use wayland_server::protocol::wl_keyboard::KeyState;

use crate::input::modifiers::Masks;
use crate::state::State;

/// Most keys that are sent again: a person is not faster, and a client that answers no ping gets no more.
const MOST: usize = 64;

/// A key that a popup may not have read.
#[derive(Debug)]
struct Unread {
    base: XdgWmBase,
    /// Of the ping after it.
    serial: u32,
    key: u16,
    state: KeyState,
    /// Modifiers before it.
    masks: Masks,
}

/// The keys that the popup with the keyboard may not have read, the oldest first.
#[derive(Debug, Default)]
pub struct UnreadKeys(VecDeque<Unread>);

impl UnreadKeys {
    /// The client has read all up to the ping of this serial.
    pub fn read(&mut self, base: &XdgWmBase, serial: u32) {
        if let Some(last) = self.0.iter().position(|unread| unread.serial == serial && unread.base == *base) {
            self.0.drain(..=last);
        }
    }

    /// They are no concern of the next surface with the keyboard.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the press of a key is still to be sent again.
    pub fn has_press(&self, key: u16) -> bool {
        self.0.iter().any(|unread| unread.key == key && unread.state == KeyState::Pressed)
    }
}

impl State {
    /// A key has been sent to the surface with the keyboard; `masks` are the modifiers before it.
    pub(super) fn sent_key(&mut self, key: u16, state: KeyState, masks: Masks) {
        let popup = self.seat.keyboard_focus.filter(|focus| self.seat.popup_grabs.contains(focus));
        let xdg = popup.and_then(|popup| self.surfaces.get(&popup)).and_then(|surface| surface.xdg());
        let Some(base) = xdg.map(|xdg| xdg.base.clone()) else { return };
        let serial = self.next_serial();
        base.ping(serial);
        let unread = &mut self.seat.unread.0;
        if unread.len() == MOST {
            unread.pop_front();
        }
        unread.push_back(Unread { base, serial, key, state, masks });
    }

    /// A popup with the keyboard has closed: what it has not read goes to who has the keyboard now.
    pub(crate) fn send_unread_keys(&mut self) {
        let unread = std::mem::take(&mut self.seat.unread.0);
        let focus = self.seat.keyboard_focus.and_then(|id| self.surfaces.get(&id));
        let Some(focus) = focus.map(|surface| surface.resource.id()) else { return };
        let mut masks = self.seat.keyboard.masks();
        let last = masks;
        let time = self.time();
        for one in unread.into_iter().filter(|one| one.base.id().same_client_as(&focus)) {
            if masks != one.masks {
                masks = one.masks;
                self.send_masks(masks);
            }
            self.send_key(time, one.key, one.state);
        }
        if masks != last {
            self.send_masks(last);
        }
    }
}
