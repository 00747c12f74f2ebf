//! Which modifiers are held and locked, in the masks of `wl_keyboard.modifiers`.
//!
//! The bits are the real modifiers of the XKB protocol, in the order in which every
//! keymap of `keymap` binds them (its `modifier_map` lines).

const SHIFT: u32 = 1 << 0;
const LOCK: u32 = 1 << 1;
const CONTROL: u32 = 1 << 2;
const MOD1: u32 = 1 << 3; // Alt
const MOD2: u32 = 1 << 4; // Num Lock
const MOD4: u32 = 1 << 6; // Super
const MOD5: u32 = 1 << 7; // AltGr

const KEY_CAPSLOCK: u16 = 58;
const KEY_NUMLOCK: u16 = 69;
const KEY_RIGHTALT: u16 = 100;

/// The masks of one `wl_keyboard.modifiers` event; the group is always 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Modifiers that are held down.
    pub depressed: u32,
    /// Modifiers that stay on when released (Caps Lock, Num Lock).
    pub locked: u32,
}

/// Lock keys of a keyboard, as RDP's synchronise event names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locks {
    /// Caps Lock is on.
    pub caps: bool,
    /// Num Lock is on.
    pub num: bool,
}

/// Keys held on one keyboard, and the modifiers that follow from them.
#[derive(Debug, Default)]
pub struct Keyboard {
    held: Vec<u16>,
    locked: u32,
    alt_gr: bool,
}

impl Keyboard {
    /// A keyboard with nothing held. `alt_gr`: the right Alt key selects the third level.
    pub fn new(alt_gr: bool) -> Self {
        Self { held: Vec::new(), locked: 0, alt_gr }
    }

    /// The evdev codes of all keys that are down, oldest first.
    pub fn held(&self) -> &[u16] {
        &self.held
    }

    /// Notes a key press or release. Returns false where nothing changed: a press of a
    /// key that is down already (a client's auto-repeat) or a release of one that is up.
    pub fn key(&mut self, key: u16, pressed: bool) -> bool {
        let known = self.held.iter().position(|held| *held == key);
        match (pressed, known) {
            (true, None) => {
                self.held.push(key);
                match key {
                    KEY_CAPSLOCK => self.locked ^= LOCK,
                    KEY_NUMLOCK => self.locked ^= MOD2,
                    _ => {}
                }
                true
            }
            (false, Some(index)) => {
                self.held.remove(index);
                true
            }
            _ => false,
        }
    }

    /// Takes over the lock keys of the keyboard at the far end.
    pub fn set_locks(&mut self, locks: Locks) {
        self.locked = if locks.caps { LOCK } else { 0 } | if locks.num { MOD2 } else { 0 };
    }

    /// The masks as they are now.
    pub fn masks(&self) -> Masks {
        let depressed = self.held.iter().fold(0, |mask, key| mask | self.mask_of(*key));
        Masks { depressed, locked: self.locked }
    }

    fn mask_of(&self, key: u16) -> u32 {
        match key {
            42 | 54 => SHIFT,
            29 | 97 => CONTROL,
            56 => MOD1,
            KEY_RIGHTALT if self.alt_gr => MOD5,
            KEY_RIGHTALT => MOD1,
            125 | 126 => MOD4,
            KEY_CAPSLOCK => LOCK,
            KEY_NUMLOCK => MOD2,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shift_keys_share_one_bit() {
        let mut keyboard = Keyboard::new(false);
        assert!(keyboard.key(42, true));
        assert!(keyboard.key(54, true));
        assert!(keyboard.key(42, false));
        assert_eq!(keyboard.masks().depressed, SHIFT, "the right one is still down");
        assert!(keyboard.key(54, false));
        assert_eq!(keyboard.masks(), Masks::default());
    }

    #[test]
    fn caps_lock_stays_on_after_release() {
        let mut keyboard = Keyboard::new(false);
        keyboard.key(KEY_CAPSLOCK, true);
        keyboard.key(KEY_CAPSLOCK, false);
        assert_eq!(keyboard.masks(), Masks { depressed: 0, locked: LOCK });
        keyboard.set_locks(Locks { caps: false, num: true });
        assert_eq!(keyboard.masks(), Masks { depressed: 0, locked: MOD2 });
    }

    #[test]
    fn repeats_and_lone_releases_change_nothing() {
        let mut keyboard = Keyboard::new(false);
        assert!(!keyboard.key(30, false));
        assert!(keyboard.key(30, true));
        assert!(!keyboard.key(30, true));
        assert_eq!(keyboard.held(), [30]);
    }

    #[test]
    fn right_alt_depends_on_the_layout() {
        let mut plain = Keyboard::new(false);
        plain.key(KEY_RIGHTALT, true);
        assert_eq!(plain.masks().depressed, MOD1);
        let mut alt_gr = Keyboard::new(true);
        alt_gr.key(KEY_RIGHTALT, true);
        assert_eq!(alt_gr.masks().depressed, MOD5);
    }
}
