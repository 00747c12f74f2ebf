//! Physical keys and their XT set-1 scancodes (USB HID to PS/2 translation table)

use winit::keyboard::KeyCode::{self, *};

/// A scancode: the code, and whether the keyboard prefixes it with E0.
pub(crate) type Scancode = (u8, bool);

/// Rows of the keyboard: each key's code is one more than its left neighbour's.
const ROWS: [(u8, &[KeyCode]); 8] = [
    (0x01, &[Escape, Digit1, Digit2, Digit3, Digit4, Digit5, Digit6, Digit7, Digit8, Digit9, Digit0]),
    (0x0c, &[Minus, Equal, Backspace, Tab, KeyQ, KeyW, KeyE, KeyR, KeyT, KeyY, KeyU, KeyI, KeyO, KeyP]),
    (0x1a, &[BracketLeft, BracketRight, Enter, ControlLeft, KeyA, KeyS, KeyD, KeyF, KeyG, KeyH, KeyJ, KeyK]),
    (0x26, &[KeyL, Semicolon, Quote, Backquote, ShiftLeft, Backslash, KeyZ, KeyX, KeyC, KeyV, KeyB, KeyN]),
    (0x32, &[KeyM, Comma, Period, Slash, ShiftRight, NumpadMultiply, AltLeft, Space, CapsLock]),
    (0x3b, &[F1, F2, F3, F4, F5, F6, F7, F8, F9, F10, NumLock, ScrollLock, Numpad7, Numpad8, Numpad9]),
    (0x4a, &[NumpadSubtract, Numpad4, Numpad5, Numpad6, NumpadAdd, Numpad1, Numpad2, Numpad3, Numpad0]),
    (0x64, &[F13, F14, F15, F16, F17, F18, F19, F20, F21, F22, F23]),
];

/// Other keys without a prefix.
const SINGLES: [(KeyCode, u8); 12] = [
    (NumpadDecimal, 0x53),
    (IntlBackslash, 0x56),
    (F11, 0x57),
    (F12, 0x58),
    (KanaMode, 0x70),
    (IntlRo, 0x73),
    (Hiragana, 0x77),
    (Katakana, 0x78),
    (F24, 0x76),
    (Convert, 0x79),
    (NonConvert, 0x7b),
    (IntlYen, 0x7d),
];

/// Keys with the prefix E0.
const EXTENDED: [(KeyCode, u8); 40] = [
    (MediaTrackPrevious, 0x10),
    (MediaTrackNext, 0x19),
    (NumpadEnter, 0x1c),
    (ControlRight, 0x1d),
    (AudioVolumeMute, 0x20),
    (LaunchApp2, 0x21),
    (MediaPlayPause, 0x22),
    (MediaStop, 0x24),
    (AudioVolumeDown, 0x2e),
    (AudioVolumeUp, 0x30),
    (BrowserHome, 0x32),
    (NumpadDivide, 0x35),
    (PrintScreen, 0x37),
    (AltRight, 0x38),
    // Ctrl+Break: the code of Pause itself (E1 1D 45) does not fit into a fast-path event.
    (Pause, 0x46),
    (Home, 0x47),
    (ArrowUp, 0x48),
    (PageUp, 0x49),
    (ArrowLeft, 0x4b),
    (ArrowRight, 0x4d),
    (End, 0x4f),
    (ArrowDown, 0x50),
    (PageDown, 0x51),
    (Insert, 0x52),
    (Delete, 0x53),
    (SuperLeft, 0x5b),
    (SuperRight, 0x5c),
    (ContextMenu, 0x5d),
    (Power, 0x5e),
    (Sleep, 0x5f),
    (WakeUp, 0x63),
    (BrowserSearch, 0x65),
    (BrowserFavorites, 0x66),
    (BrowserRefresh, 0x67),
    (BrowserStop, 0x68),
    (BrowserForward, 0x69),
    (BrowserBack, 0x6a),
    (LaunchApp1, 0x6b),
    (LaunchMail, 0x6c),
    (MediaSelect, 0x6d),
];

/// The scancode of a physical key.
pub(crate) fn scancode(key: KeyCode) -> Option<Scancode> {
    let in_row = ROWS.iter().find_map(|(first, keys)| {
        let at = keys.iter().position(|own| *own == key)?;
        Some(first + u8::try_from(at).ok()?)
    });
    let listed = |keys: &[(KeyCode, u8)]| keys.iter().find(|(own, _)| *own == key).map(|(_, code)| *code);
    match in_row.or_else(|| listed(&SINGLES)) {
        Some(code) => Some((code, false)),
        None => listed(&EXTENDED).map(|code| (code, true)),
    }
}
