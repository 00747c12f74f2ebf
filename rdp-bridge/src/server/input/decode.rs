//! From the client's input PDUs to typed events. No I/O; hostile bytes in.
//!
//! Keeps what is held down, so that repeats are told from presses and everything is released at the end.

use std::collections::BTreeSet;

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_pdu::input::fast_path::{FastPathInputEvent, KeyboardFlags, SynchronizeFlags};
use ironrdp_pdu::input::mouse::PointerFlags;
use ironrdp_pdu::input::mouse_x::PointerXFlags;
use ironrdp_pdu::input::{
    InputEvent as SlowPathEvent, InputEventPdu, MousePdu, MouseXPdu, scan_code, sync, unicode,
};

use super::event::{InputEvent, MouseButton};

/// Most keys a session may hold down at once; a further press is ignored.
const MAX_HELD_KEYS: usize = 64;

/// Input state of one session.
#[derive(Debug)]
pub(crate) struct InputDecoder {
    width: u16,
    height: u16,
    keys: BTreeSet<(u8, bool)>,
    buttons: Vec<MouseButton>,
    position: (u16, u16),
    /// An E1 1D has been seen: the next code belongs to the Pause key.
    pause: bool,
}

impl InputDecoder {
    /// Input for a desktop of `width` x `height` pixels.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self { width, height, keys: BTreeSet::new(), buttons: Vec::new(), position: (0, 0), pause: false }
    }

    /// From now on positions are within `width` x `height` pixels.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.width = width;
        self.height = height;
    }

    /// Decodes a Fast-Path Input PDU (MS-RDPBCGR 2.2.8.1.2). What cannot be decoded is skipped to the end of the PDU.
    pub(crate) fn fast_path(&mut self, pdu: &[u8]) -> Vec<InputEvent> {
        let mut out = Vec::new();
        let Some((count, body)) = fast_path_events(pdu) else {
            tracing::debug!("malformed fast-path input header");
            return out;
        };
        let mut cursor = ReadCursor::new(body);
        for _ in 0..count {
            match FastPathInputEvent::decode(&mut cursor) {
                Ok(event) => self.fast_path_event(event, &mut out),
                Err(error) => {
                    tracing::debug!(%error, "skipping the rest of an input PDU");
                    break;
                }
            }
        }
        out
    }

    /// Decodes a slow-path Input Event PDU (MS-RDPBCGR 2.2.8.1.1.3).
    pub(crate) fn slow_path(&mut self, pdu: InputEventPdu) -> Vec<InputEvent> {
        let mut out = Vec::new();
        for event in pdu.0 {
            match event {
                SlowPathEvent::ScanCode(key) => {
                    let has = |flag| key.flags.contains(flag);
                    let (extended, extended1) =
                        (has(scan_code::KeyboardFlags::EXTENDED), has(scan_code::KeyboardFlags::EXTENDED_1));
                    let released = has(scan_code::KeyboardFlags::RELEASE);
                    self.key(key.key_code as u8, extended, extended1, released, &mut out);
                }
                SlowPathEvent::Unicode(key) => out.push(InputEvent::Unicode {
                    unit: key.unicode_code,
                    released: key.flags.contains(unicode::KeyboardFlags::RELEASE),
                }),
                SlowPathEvent::Mouse(mouse) => self.mouse(mouse, &mut out),
                SlowPathEvent::MouseX(mouse) => self.mouse_x(mouse, &mut out),
                SlowPathEvent::Sync(locks) => {
                    let has = |flag| locks.flags.contains(flag);
                    let scroll = has(sync::SyncToggleFlags::SCROLL_LOCK);
                    let num = has(sync::SyncToggleFlags::NUM_LOCK);
                    let caps = has(sync::SyncToggleFlags::CAPS_LOCK);
                    let kana = has(sync::SyncToggleFlags::KANA_LOCK);
                    self.release_keys(&mut out);
                    out.push(InputEvent::SyncLocks { scroll, num, caps, kana });
                }
                SlowPathEvent::MouseRel(_) | SlowPathEvent::Unused(_) => {}
            }
        }
        out
    }

    /// Releases everything that is held.
    pub(crate) fn release_all(&mut self) -> Vec<InputEvent> {
        let mut out = Vec::new();
        self.release_keys(&mut out);
        let (x, y) = self.position;
        let released = true;
        out.extend(self.buttons.drain(..).map(|button| InputEvent::Button { button, released, x, y }));
        out
    }

    fn fast_path_event(&mut self, event: FastPathInputEvent, out: &mut Vec<InputEvent>) {
        match event {
            FastPathInputEvent::KeyboardEvent(flags, code) => {
                let has = |flag| flags.contains(flag);
                let (extended, extended1) = (has(KeyboardFlags::EXTENDED), has(KeyboardFlags::EXTENDED1));
                self.key(code, extended, extended1, has(KeyboardFlags::RELEASE), out);
            }
            FastPathInputEvent::UnicodeKeyboardEvent(flags, unit) => {
                out.push(InputEvent::Unicode { unit, released: flags.contains(KeyboardFlags::RELEASE) });
            }
            FastPathInputEvent::MouseEvent(mouse) => self.mouse(mouse, out),
            FastPathInputEvent::MouseEventEx(mouse) => self.mouse_x(mouse, out),
            FastPathInputEvent::SyncEvent(flags) => {
                self.release_keys(out);
                out.push(InputEvent::SyncLocks {
                    scroll: flags.contains(SynchronizeFlags::SCROLL_LOCK),
                    num: flags.contains(SynchronizeFlags::NUM_LOCK),
                    caps: flags.contains(SynchronizeFlags::CAPS_LOCK),
                    kana: flags.contains(SynchronizeFlags::KANA_LOCK),
                });
            }
            // Relative motion is not offered in our capabilities; QoE time stamps carry no input.
            FastPathInputEvent::MouseEventRel(_) | FastPathInputEvent::QoeEvent(_) => {}
        }
    }

    fn key(&mut self, code: u8, extended: bool, extended1: bool, released: bool, out: &mut Vec<InputEvent>) {
        if extended1 && code == 0x1d {
            self.pause = true;
            return;
        }
        // Pause is E1 1D 45: without its prefix, 45 would be Num Lock. E0 46 is the same key with Ctrl.
        let pause = std::mem::take(&mut self.pause) && code == 0x45;
        let (code, extended) = if pause { (0x46, true) } else { (code, extended) };
        if !(1..=127).contains(&code) {
            return;
        }
        let changed = if released {
            self.keys.remove(&(code, extended))
        } else {
            // A press of a held key is the client's auto-repeat; repeating is the application's business.
            self.keys.len() < MAX_HELD_KEYS && self.keys.insert((code, extended))
        };
        if changed || released {
            out.push(InputEvent::Key { code, extended, released });
        }
    }

    fn release_keys(&mut self, out: &mut Vec<InputEvent>) {
        self.pause = false;
        let keys = std::mem::take(&mut self.keys);
        out.extend(keys.into_iter().map(|(code, extended)| InputEvent::Key {
            code,
            extended,
            released: true,
        }));
    }

    fn mouse(&mut self, mouse: MousePdu, out: &mut Vec<InputEvent>) {
        let has = |flag| mouse.flags.contains(flag);
        let units = mouse.number_of_wheel_rotation_units;
        // The position of a wheel event is undefined (MS-RDPBCGR 2.2.8.1.1.3.1.1.3).
        if has(PointerFlags::VERTICAL_WHEEL) {
            out.push(InputEvent::Wheel { vertical: units, horizontal: 0 });
            return;
        }
        if has(PointerFlags::HORIZONTAL_WHEEL) {
            out.push(InputEvent::Wheel { vertical: 0, horizontal: units });
            return;
        }
        self.moved(mouse.x_position, mouse.y_position, out);
        let released = !has(PointerFlags::DOWN);
        for (flag, button) in [
            (PointerFlags::LEFT_BUTTON, MouseButton::Left),
            (PointerFlags::RIGHT_BUTTON, MouseButton::Right),
            (PointerFlags::MIDDLE_BUTTON_OR_WHEEL, MouseButton::Middle),
        ] {
            if has(flag) {
                self.button(button, released, out);
            }
        }
    }

    fn mouse_x(&mut self, mouse: MouseXPdu, out: &mut Vec<InputEvent>) {
        self.moved(mouse.x_position, mouse.y_position, out);
        let released = !mouse.flags.contains(PointerXFlags::DOWN);
        for (flag, button) in
            [(PointerXFlags::BUTTON1, MouseButton::X1), (PointerXFlags::BUTTON2, MouseButton::X2)]
        {
            if mouse.flags.contains(flag) {
                self.button(button, released, out);
            }
        }
    }

    fn moved(&mut self, x: u16, y: u16, out: &mut Vec<InputEvent>) {
        let (x, y) = (x.min(self.width.saturating_sub(1)), y.min(self.height.saturating_sub(1)));
        if self.position != (x, y) {
            self.position = (x, y);
            out.push(InputEvent::PointerMove { x, y });
        }
    }

    fn button(&mut self, button: MouseButton, released: bool, out: &mut Vec<InputEvent>) {
        let held = self.buttons.contains(&button);
        if held != released {
            return;
        }
        if released {
            self.buttons.retain(|other| *other != button);
        } else {
            self.buttons.push(button);
        }
        let (x, y) = self.position;
        out.push(InputEvent::Button { button, released, x, y });
    }
}

/// Number of events and their bytes in a Fast-Path Input PDU.
fn fast_path_events(pdu: &[u8]) -> Option<(usize, &[u8])> {
    let (&header, rest) = pdu.split_first()?;
    // Encrypted input belongs to standard RDP security, which is never negotiated.
    if header & 0xc0 != 0 {
        return None;
    }
    let (&length, rest) = rest.split_first()?;
    let rest = if length & 0x80 != 0 { rest.get(1..)? } else { rest };
    match usize::from((header >> 2) & 0x0f) {
        0 => rest.split_first().map(|(&count, rest)| (usize::from(count), rest)),
        count => Some((count, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> InputDecoder {
        InputDecoder::new(800, 600)
    }

    fn key(code: u8, extended: bool, released: bool) -> InputEvent {
        InputEvent::Key { code, extended, released }
    }

    /// A PDU with the events given, as a client frames it.
    fn pdu(count: u8, events: &[u8]) -> Vec<u8> {
        let mut pdu = vec![count << 2, events.len() as u8 + 2];
        pdu.extend_from_slice(events);
        pdu
    }

    #[test]
    fn keys_go_down_once_and_up() {
        let mut decoder = decoder();
        let events = decoder.fast_path(&pdu(4, &[0x00, 0x1e, 0x00, 0x1e, 0x02, 0x48, 0x01, 0x1e]));
        assert_eq!(events, [key(0x1e, false, false), key(0x48, true, false), key(0x1e, false, true)]);
        assert_eq!(decoder.release_all(), [key(0x48, true, true)]);
        assert!(decoder.release_all().is_empty());
    }

    #[test]
    fn pause_is_one_key_and_not_num_lock() {
        let mut decoder = decoder();
        let events = decoder.fast_path(&pdu(4, &[0x04, 0x1d, 0x00, 0x45, 0x05, 0x1d, 0x01, 0x45]));
        assert_eq!(events, [key(0x46, true, false), key(0x46, true, true)]);
        let events = decoder.fast_path(&pdu(2, &[0x00, 0x45, 0x01, 0x45]));
        assert_eq!(events, [key(0x45, false, false), key(0x45, false, true)]);
    }

    #[test]
    fn buttons_carry_their_place_and_are_clamped() {
        let mut decoder = decoder();
        // Button 1 down at (10, 20), then moved to (65535, 65535), then up there.
        let mut events = vec![0x20, 0x00, 0x90, 10, 0, 20, 0];
        events.extend([0x20, 0x00, 0x08, 0xff, 0xff, 0xff, 0xff]);
        events.extend([0x20, 0x00, 0x10, 0xff, 0xff, 0xff, 0xff]);
        let button = MouseButton::Left;
        assert_eq!(
            decoder.fast_path(&pdu(3, &events)),
            [
                InputEvent::PointerMove { x: 10, y: 20 },
                InputEvent::Button { button, released: false, x: 10, y: 20 },
                InputEvent::PointerMove { x: 799, y: 599 },
                InputEvent::Button { button, released: true, x: 799, y: 599 },
            ]
        );
    }

    #[test]
    fn the_wheel_has_a_sign_and_no_place() {
        let events =
            decoder().fast_path(&pdu(2, &[0x20, 0x78, 0x02, 0, 0, 0, 0, 0x20, 0x88, 0x03, 0, 0, 0, 0]));
        let wheel = |vertical| InputEvent::Wheel { vertical, horizontal: 0 };
        assert_eq!(events, [wheel(120), wheel(-120)]);
    }

    #[test]
    fn lock_lights_release_all_keys_first() {
        let mut decoder = decoder();
        decoder.fast_path(&pdu(1, &[0x00, 0x1e]));
        let events = decoder.fast_path(&pdu(1, &[0x66]));
        let locks = InputEvent::SyncLocks { scroll: false, num: true, caps: true, kana: false };
        assert_eq!(events, [key(0x1e, false, true), locks]);
    }

    #[test]
    fn odd_bytes_are_skipped_and_never_panic() {
        let mut decoder = decoder();
        // A good key, then an unknown event type.
        assert_eq!(decoder.fast_path(&pdu(2, &[0x00, 0x1e, 0xe0])), [key(0x1e, false, false)]);
        for bytes in [&[][..], &[0x04], &[0x04, 0x80], &[0x00, 0x02], &[0xc4, 0x04, 0, 0], &[0x3c, 0x02]] {
            assert!(decoder.fast_path(bytes).is_empty(), "{bytes:?}");
        }
        for seed in 0..20_000u32 {
            let bytes: Vec<u8> =
                (0..seed % 40).map(|i| (seed.wrapping_mul(2_654_435_761) >> (i % 25)) as u8).collect();
            decoder.fast_path(&bytes);
        }
    }
}
