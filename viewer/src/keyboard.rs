//! Keys as XT set-1 scancodes, and which of them are down

use std::collections::BTreeSet;

use bailey_link::InputEvent;
use winit::keyboard::KeyCode;

/// A scancode: the code, and whether the keyboard prefixes it with E0.
type Scancode = (u8, bool);

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
        std::mem::take(&mut self.down)
            .into_iter()
            .map(|scancode| event(scancode, true))
            .collect()
    }
}

fn event((code, extended): Scancode, released: bool) -> InputEvent {
    InputEvent::Key {
        code,
        extended,
        released,
    }
}

/// The scancode of a physical key (USB HID to PS/2 translation table).
fn scancode(key: KeyCode) -> Option<Scancode> {
    main_block(key).or_else(|| beside(key))
}

/// Keys without a prefix.
fn main_block(key: KeyCode) -> Option<Scancode> {
    use KeyCode::*;
    // Rows of the keyboard: each key's code is one more than its left neighbour's.
    const ROWS: [(u8, &[KeyCode]); 8] = [
        (
            0x01,
            &[
                Escape, Digit1, Digit2, Digit3, Digit4, Digit5, Digit6, Digit7, Digit8, Digit9, Digit0,
            ],
        ),
        (
            0x0c,
            &[
                Minus, Equal, Backspace, Tab, KeyQ, KeyW, KeyE, KeyR, KeyT, KeyY, KeyU, KeyI, KeyO, KeyP,
            ],
        ),
        (
            0x1a,
            &[
                BracketLeft,
                BracketRight,
                Enter,
                ControlLeft,
                KeyA,
                KeyS,
                KeyD,
                KeyF,
                KeyG,
                KeyH,
                KeyJ,
                KeyK,
            ],
        ),
        (
            0x26,
            &[
                KeyL, Semicolon, Quote, Backquote, ShiftLeft, Backslash, KeyZ, KeyX, KeyC, KeyV, KeyB, KeyN,
            ],
        ),
        (
            0x32,
            &[
                KeyM,
                Comma,
                Period,
                Slash,
                ShiftRight,
                NumpadMultiply,
                AltLeft,
                Space,
                CapsLock,
            ],
        ),
        (
            0x3b,
            &[
                F1, F2, F3, F4, F5, F6, F7, F8, F9, F10, NumLock, ScrollLock, Numpad7, Numpad8, Numpad9,
            ],
        ),
        (
            0x4a,
            &[
                NumpadSubtract,
                Numpad4,
                Numpad5,
                Numpad6,
                NumpadAdd,
                Numpad1,
                Numpad2,
                Numpad3,
                Numpad0,
                NumpadDecimal,
            ],
        ),
        (0x64, &[F13, F14, F15, F16, F17, F18, F19, F20, F21, F22, F23]),
    ];
    const SINGLES: [(KeyCode, u8); 9] = [
        (IntlBackslash, 0x56),
        (F11, 0x57),
        (F12, 0x58),
        (KanaMode, 0x70),
        (IntlRo, 0x73),
        (F24, 0x76),
        (Convert, 0x79),
        (NonConvert, 0x7b),
        (IntlYen, 0x7d),
    ];
    let in_row = ROWS.iter().find_map(|(first, keys)| {
        let at = keys.iter().position(|own| *own == key)?;
        Some(first + u8::try_from(at).ok()?)
    });
    let single = || SINGLES.iter().find(|(own, _)| *own == key).map(|(_, code)| *code);
    in_row.or_else(single).map(|code| (code, false))
}

/// Keys with the prefix E0.
fn beside(key: KeyCode) -> Option<Scancode> {
    use KeyCode::*;
    let code = match key {
        MediaTrackPrevious => 0x10,
        MediaTrackNext => 0x19,
        NumpadEnter => 0x1c,
        ControlRight => 0x1d,
        AudioVolumeMute => 0x20,
        LaunchApp2 => 0x21,
        MediaPlayPause => 0x22,
        MediaStop => 0x24,
        AudioVolumeDown => 0x2e,
        AudioVolumeUp => 0x30,
        BrowserHome => 0x32,
        NumpadDivide => 0x35,
        PrintScreen => 0x37,
        AltRight => 0x38,
        // Ctrl+Break: the code of Pause itself (E1 1D 45) does not fit into a fast-path event.
        Pause => 0x46,
        Home => 0x47,
        ArrowUp => 0x48,
        PageUp => 0x49,
        ArrowLeft => 0x4b,
        ArrowRight => 0x4d,
        End => 0x4f,
        ArrowDown => 0x50,
        PageDown => 0x51,
        Insert => 0x52,
        Delete => 0x53,
        SuperLeft => 0x5b,
        SuperRight => 0x5c,
        ContextMenu => 0x5d,
        Power => 0x5e,
        Sleep => 0x5f,
        WakeUp => 0x63,
        BrowserSearch => 0x65,
        BrowserFavorites => 0x66,
        BrowserRefresh => 0x67,
        BrowserStop => 0x68,
        BrowserForward => 0x69,
        BrowserBack => 0x6a,
        LaunchApp1 => 0x6b,
        LaunchMail => 0x6c,
        MediaSelect => 0x6d,
        _ => return None,
    };
    Some((code, true))
}

#[cfg(test)]
mod tests {
    use bailey_link::InputEvent;
    use winit::keyboard::KeyCode;

    use super::{Keyboard, scancode};

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
        let released = InputEvent::Key {
            code: 0x1e,
            extended: false,
            released: true,
        };
        assert_eq!(keyboard.release_all(), [released]);
        assert_eq!(keyboard.key(KeyCode::KeyA, true), None, "it is up already");
    }
}
