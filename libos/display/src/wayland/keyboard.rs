//! `wl_keyboard`.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::{Errno, pwrite};
use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_keyboard::{self, KeyState, KeymapFormat, WlKeyboard};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource};

use crate::input::modifiers::Masks;
use crate::input::{keymap, scancode};
use crate::state::State;
use crate::wayland::surface::SurfaceId;
use crate::x11::X11Request;

/// `KEY_*` of `linux/input-event-codes.h`.
const KEY_BACKSPACE: u16 = 14;
const KEY_TAB: u16 = 15;
const KEY_ENTER: u16 = 28;

/// A keymap in memory that clients can map.
#[derive(Debug)]
pub struct Keymap {
    file: OwnedFd,
    size: u32,
    alt_gr: bool,
    layout: u32,
    /// Characters on spare keys.
    spare: Vec<char>,
    /// The spare key that the next new character gets.
    next_spare: usize,
    /// The first half of a character that UTF-16 writes as two units.
    half: Option<u16>,
}

/// A text in sealed memory, closed by a NUL, and its size with that.
fn sealed(text: String) -> Result<(OwnedFd, u32), Errno> {
    let mut bytes = text.into_bytes();
    bytes.push(0);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = memfd_create("bailey-keymap", flags)?;
    ftruncate(&file, bytes.len() as u64)?;
    let mut written = 0;
    while written < bytes.len() {
        written += pwrite(&file, &bytes[written..], written as u64)?;
    }
    // All clients share the file; a kernel without seals leaves them to trust each other.
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    if let Err(error) = fcntl_add_seals(&file, seals) {
        tracing::debug!(%error, "The keymap cannot be sealed");
    }
    let size = u32::try_from(bytes.len()).map_err(|_| Errno::FBIG)?;
    Ok((file, size))
}

impl Keymap {
    /// The keymap of a Windows keyboard layout.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(layout: u32) -> Result<Self, Errno> {
        let text = keymap::keymap_text(layout, &[]);
        // Layouts without a third level bind the right Alt key to Mod1, as the left one.
        let alt_gr = !text.contains("modifier_map Mod1 { <LALT>, <RALT>");
        let (file, size) = sealed(text)?;
        Ok(Self { file, size, alt_gr, layout, spare: Vec::new(), next_spare: 0, half: None })
    }

    /// Puts a character on a spare key, unless it is on one. Returns the key, and whether the keymap changed.
    fn put(&mut self, character: char) -> Result<(u16, bool), Errno> {
        if let Some(index) = self.spare.iter().position(|known| *known == character) {
            return Ok((keymap::spare_key(index), false));
        }
        let index = self.next_spare % keymap::spare_keys();
        let mut spare = self.spare.clone();
        match spare.get_mut(index) {
            Some(old) => *old = character,
            None => spare.push(character),
        }
        (self.file, self.size) = sealed(keymap::keymap_text(self.layout, &spare))?;
        self.spare = spare;
        self.next_spare = index + 1;
        Ok((keymap::spare_key(index), true))
    }

    /// Takes the next UTF-16 unit; a character once it is whole.
    fn decode(&mut self, unit: u16) -> Option<char> {
        let units = self.half.take().into_iter().chain([unit]);
        match char::decode_utf16(units).last()? {
            Ok(character) => Some(character),
            Err(_) => {
                self.half = Some(unit).filter(|unit| (0xd800..0xdc00).contains(unit));
                None
            }
        }
    }

    /// Whether the right Alt key selects the third level.
    pub const fn alt_gr(&self) -> bool {
        self.alt_gr
    }
}

impl Dispatch<WlKeyboard, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlKeyboard,
        _: wl_keyboard::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &WlKeyboard, _: &()) {
        state.seat.keyboards.retain(|keyboard| keyboard != resource);
    }
}

impl State {
    /// A client asks for the keyboard.
    pub fn add_keyboard(&mut self, keyboard: WlKeyboard) {
        let keymap = &self.seat.keymap;
        keyboard.keymap(KeymapFormat::XkbV1, keymap.file.as_fd(), keymap.size);
        if keyboard.version() >= wl_keyboard::EVT_REPEAT_INFO_SINCE {
            let (delay, rate) = self.seat.repeat;
            keyboard.repeat_info(rate, delay);
        }
        let focus = self.seat.keyboard_focus.and_then(|id| self.surfaces.get(&id));
        if let Some(surface) = focus.map(|surface| surface.resource.clone())
            && surface.id().same_client_as(&keyboard.id())
        {
            let serial = self.next_serial();
            keyboard.enter(serial, &surface, self.held_keys());
            self.modifiers_to(&keyboard, self.seat.keyboard.masks());
        }
        self.seat.keyboards.push(keyboard);
    }

    /// Keys that are down, as the array of `wl_keyboard.enter`.
    fn held_keys(&self) -> Vec<u8> {
        // The press of one that is still to be sent again comes after.
        let held = self.seat.keyboard.held().iter().filter(|key| !self.seat.unread.has_press(**key));
        held.flat_map(|key| u32::from(*key).to_ne_bytes()).collect()
    }

    fn modifiers_to(&mut self, keyboard: &WlKeyboard, masks: Masks) {
        let serial = self.next_serial();
        keyboard.modifiers(serial, masks.depressed, 0, masks.locked, 0);
    }

    /// Keyboards of the client whose surface has the focus.
    fn focused_keyboards(&self) -> Vec<WlKeyboard> {
        let Some(surface) = self.seat.keyboard_focus.and_then(|id| self.surfaces.get(&id)) else {
            return Vec::new();
        };
        let id = surface.resource.id();
        self.seat.keyboards.iter().filter(|keyboard| keyboard.id().same_client_as(&id)).cloned().collect()
    }

    /// Tells the focused client which modifiers are on.
    pub fn send_modifiers(&mut self) {
        self.send_masks(self.seat.keyboard.masks());
    }

    /// Tells the focused client of these modifiers.
    pub(super) fn send_masks(&mut self, masks: Masks) {
        for keyboard in self.focused_keyboards() {
            self.modifiers_to(&keyboard, masks);
        }
    }

    /// Sends a key to the focused client.
    pub(super) fn send_key(&mut self, time: u32, key: u16, state: KeyState) {
        for keyboard in self.focused_keyboards() {
            let serial = self.next_serial();
            keyboard.key(serial, time, u32::from(key), state);
        }
    }

    /// A key of the host's keyboard went down or up.
    pub fn key(&mut self, code: u8, extended: bool, pressed: bool) {
        let Some(key) = scancode::to_evdev(code, extended) else {
            tracing::debug!(code, extended, "A scan code that no key has");
            return;
        };
        let before = self.seat.keyboard.masks();
        if !self.seat.keyboard.key(key, pressed) {
            return;
        }
        let state = if pressed { KeyState::Pressed } else { KeyState::Released };
        self.send_key(self.time(), key, state);
        self.sent_key(key, state, before);
        if self.seat.keyboard.masks() != before {
            self.send_modifiers();
        }
    }

    /// Gives the keyboard to a surface.
    pub fn set_keyboard_focus(&mut self, focus: Option<SurfaceId>) {
        if self.seat.keyboard_focus == focus {
            return;
        }
        if self.seat.keyboard_focus.is_some_and(|old| self.window_of(old).is_some()) {
            self.seat.unread.clear();
        }
        let old = self.seat.keyboard_focus.and_then(|id| self.surfaces.get(&id));
        if let Some(surface) = old.map(|surface| surface.resource.clone()) {
            for keyboard in self.focused_keyboards() {
                let serial = self.next_serial();
                keyboard.leave(serial, &surface);
            }
        }
        self.seat.keyboard_focus = focus;
        let new = focus.and_then(|id| self.surfaces.get(&id));
        if let Some(surface) = new.map(|surface| surface.resource.clone()) {
            self.offer_selections(&surface);
            for keyboard in self.focused_keyboards() {
                let serial = self.next_serial();
                keyboard.enter(serial, &surface, self.held_keys());
                self.modifiers_to(&keyboard, self.seat.keyboard.masks());
            }
        }
    }

    /// Gives the keyboard to the topmost grabbing popup, else to the active window.
    pub fn update_keyboard_focus(&mut self) {
        let popup = self.seat.popup_grabs.iter().rev().find(|id| self.window_of(**id).is_some()).copied();
        // Popups of another window than the active one have no claim.
        let focus = self.seat.active.map(|active| popup.unwrap_or(active));
        self.set_keyboard_focus(focus);
    }

    /// The host makes a window active, or no longer active.
    pub fn activate(&mut self, number: u32, active: bool) {
        let Some(id) = self.windows.get(&number).map(|window| window.surface) else {
            return;
        };
        if self.toplevel(id).is_none() && self.x11(id).is_none_or(|role| role.popup) {
            return;
        }
        let before = self.seat.active;
        if active {
            self.seat.active = Some(id);
        } else if before == Some(id) {
            self.seat.active = None;
        }
        if before == self.seat.active {
            return;
        }
        let focus = self.seat.active.and_then(|active| self.x11(active)).map(|role| role.xid);
        self.x11_requests.push(X11Request::Focus(focus));
        for changed in [before, Some(id)].into_iter().flatten() {
            let now = self.seat.active == Some(changed);
            if let Some(toplevel) = self.toplevel_mut(changed)
                && toplevel.active != now
            {
                toplevel.active = now;
                self.configure_toplevel(changed);
            }
        }
        if self.seat.active.is_none() {
            self.release_all_keys();
        }
        if before.is_some() {
            self.dismiss_popups();
            self.press_beside_x11_popups();
        }
        self.update_keyboard_focus();
    }

    /// Lets go of every key: the keyboard goes elsewhere, or starts afresh.
    pub fn release_all_keys(&mut self) {
        let time = self.time();
        for key in self.seat.keyboard.held().to_vec() {
            self.seat.keyboard.key(key, false);
            self.send_key(time, key, KeyState::Released);
        }
        self.send_modifiers();
    }

    /// A UTF-16 unit that was typed without a key. Its character is put on a spare key of the keymap, and that
    /// key pressed and released.
    pub fn unicode(&mut self, unit: u16, pressed: bool) {
        if !pressed {
            return;
        }
        let Some(character) = self.seat.keymap.decode(unit) else {
            return;
        };
        let key = match character {
            '\u{8}' => KEY_BACKSPACE,
            '\t' => KEY_TAB,
            '\r' | '\n' => KEY_ENTER,
            _ if character.is_control() => return,
            _ => match self.seat.keymap.put(character) {
                Ok((key, false)) => key,
                Ok((key, true)) => {
                    for keyboard in self.seat.keyboards.clone() {
                        keyboard.keymap(
                            KeymapFormat::XkbV1,
                            self.seat.keymap.file.as_fd(),
                            self.seat.keymap.size,
                        );
                    }
                    self.send_modifiers();
                    key
                }
                Err(error) => {
                    tracing::warn!(%error, "A character cannot be typed");
                    return;
                }
            },
        };
        let time = self.time();
        let masks = self.seat.keyboard.masks();
        for state in [KeyState::Pressed, KeyState::Released] {
            self.send_key(time, key, state);
            self.sent_key(key, state, masks);
        }
    }
}
