//! Keys as XT set-1 scancodes, and which of them are down

use std::collections::BTreeSet;

use bailey_link::InputEvent;
use winit::keyboard::KeyCode;

use crate::scancode::{Scancode, scancode};

/// The keys that are down.
#[derive(Debug, Default)]
pub(crate) struct Keyboard {
    down: BTreeSet<Scancode>,
}

impl Keyboard {
    /// A key went down, again if it repeats, or up; `None` for keys that RDP cannot name.
    pub(crate) fn key(&mut self, code: KeyCode, released: bool) -> Option<InputEvent> {
        let scancode = scancode(code)?;
        if released {
            // A release without its press belongs to whoever had the keyboard before.
            self.down.remove(&scancode).then(|| event(scancode, true))
        } else {
            self.down.insert(scancode);
            Some(event(scancode, false))
        }
    }

    /// The window lost the keyboard: releases of all keys.
    pub(crate) fn release_all(&mut self) -> Vec<InputEvent> {
        std::mem::take(&mut self.down).into_iter().map(|scancode| event(scancode, true)).collect()
    }
}

fn event((code, extended): Scancode, released: bool) -> InputEvent {
    InputEvent::Key { code, extended, released }
}

#[cfg(test)]
mod tests {
    use bailey_link::InputEvent;
    use winit::keyboard::KeyCode;

    use super::Keyboard;
    use crate::scancode::scancode;

    #[test]
    fn keys_have_the_codes_of_a_pc_keyboard() {
        for (key, code) in [
            (KeyCode::Escape, (0x01, false)),
            (KeyCode::Digit0, (0x0b, false)),
            (KeyCode::Backspace, (0x0e, false)),
            (KeyCode::Tab, (0x0f, false)),
            (KeyCode::KeyP, (0x19, false)),
            (KeyCode::Enter, (0x1c, false)),
            (KeyCode::KeyA, (0x1e, false)),
            (KeyCode::KeyL, (0x26, false)),
            (KeyCode::Backquote, (0x29, false)),
            (KeyCode::Backslash, (0x2b, false)),
            (KeyCode::KeyN, (0x31, false)),
            (KeyCode::ShiftRight, (0x36, false)),
            (KeyCode::AltLeft, (0x38, false)),
            (KeyCode::Space, (0x39, false)),
            (KeyCode::CapsLock, (0x3a, false)),
            (KeyCode::F10, (0x44, false)),
            (KeyCode::NumLock, (0x45, false)),
            (KeyCode::Numpad9, (0x49, false)),
            (KeyCode::NumpadSubtract, (0x4a, false)),
            (KeyCode::NumpadDecimal, (0x53, false)),
            (KeyCode::F12, (0x58, false)),
            (KeyCode::F23, (0x6e, false)),
            (KeyCode::ArrowUp, (0x48, true)),
            (KeyCode::AltRight, (0x38, true)),
            (KeyCode::SuperLeft, (0x5b, true)),
        ] {
            assert_eq!(scancode(key), Some(code), "{key:?}");
        }
    }

    #[test]
    fn all_keys_are_released_when_the_window_loses_the_keyboard() {
        let mut keyboard = Keyboard::default();
        assert!(keyboard.key(KeyCode::KeyA, false).is_some());
        assert!(keyboard.key(KeyCode::KeyA, false).is_some(), "repeats");
        let released = InputEvent::Key { code: 0x1e, extended: false, released: true };
        assert_eq!(keyboard.release_all(), [released]);
        assert_eq!(keyboard.key(KeyCode::KeyA, true), None, "it is up already");
    }
}
