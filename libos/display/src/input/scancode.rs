//! Scan codes of set 1, as RDP sends them, to the key codes of Linux' evdev.
//!
//! Sources: MS-RDPBCGR 2.2.8.1.2.2.1 (fast-path keyboard event) and `linux/input-event-codes.h`.
//! evdev numbered its first 88 keys after set 1, so most codes map to themselves.

/// Extended (E0-prefixed) scan codes and their evdev key codes.
const EXTENDED: &[(u8, u16)] = &[
    (0x10, 165), // KEY_PREVIOUSSONG
    (0x19, 163), // KEY_NEXTSONG
    (0x1c, 96),  // KEY_KPENTER
    (0x1d, 97),  // KEY_RIGHTCTRL
    (0x20, 113), // KEY_MUTE
    (0x21, 140), // KEY_CALC
    (0x22, 164), // KEY_PLAYPAUSE
    (0x24, 166), // KEY_STOPCD
    (0x2e, 114), // KEY_VOLUMEDOWN
    (0x30, 115), // KEY_VOLUMEUP
    (0x32, 172), // KEY_HOMEPAGE
    (0x35, 98),  // KEY_KPSLASH
    (0x37, 99),  // KEY_SYSRQ (Print Screen)
    (0x38, 100), // KEY_RIGHTALT
    (0x45, 69),  // KEY_NUMLOCK: some clients send it extended
    (0x46, 119), // KEY_PAUSE (Ctrl+Break)
    (0x47, 102), // KEY_HOME
    (0x48, 103), // KEY_UP
    (0x49, 104), // KEY_PAGEUP
    (0x4b, 105), // KEY_LEFT
    (0x4d, 106), // KEY_RIGHT
    (0x4f, 107), // KEY_END
    (0x50, 108), // KEY_DOWN
    (0x51, 109), // KEY_PAGEDOWN
    (0x52, 110), // KEY_INSERT
    (0x53, 111), // KEY_DELETE
    (0x5b, 125), // KEY_LEFTMETA
    (0x5c, 126), // KEY_RIGHTMETA
    (0x5d, 127), // KEY_COMPOSE (Menu)
    (0x5e, 116), // KEY_POWER
    (0x5f, 142), // KEY_SLEEP
    (0x63, 143), // KEY_WAKEUP
    (0x65, 217), // KEY_SEARCH
    (0x66, 156), // KEY_BOOKMARKS
    (0x67, 173), // KEY_REFRESH
    (0x68, 128), // KEY_STOP
    (0x69, 159), // KEY_FORWARD
    (0x6a, 158), // KEY_BACK
    (0x6b, 157), // KEY_COMPUTER
    (0x6c, 155), // KEY_MAIL
    (0x6d, 226), // KEY_MEDIA
];

/// Plain scan codes above the block that evdev took over unchanged.
const PLAIN: &[(u8, u16)] = &[
    (0x54, 99),  // Alt+SysRq: KEY_SYSRQ
    (0x56, 86),  // KEY_102ND
    (0x57, 87),  // KEY_F11
    (0x58, 88),  // KEY_F12
    (0x5c, 117), // KEY_KPEQUAL
    (0x64, 183), // KEY_F13
    (0x65, 184),
    (0x66, 185),
    (0x67, 186),
    (0x68, 187),
    (0x69, 188),
    (0x6a, 189),
    (0x6b, 190),
    (0x6c, 191),
    (0x6d, 192),
    (0x6e, 193), // KEY_F23
    (0x70, 93),  // KEY_KATAKANAHIRAGANA
    (0x73, 89),  // KEY_RO
    (0x76, 194), // KEY_F24
    (0x77, 91),  // KEY_HIRAGANA
    (0x78, 90),  // KEY_KATAKANA
    (0x79, 92),  // KEY_HENKAN
    (0x7b, 94),  // KEY_MUHENKAN
    (0x7d, 124), // KEY_YEN
    (0x7e, 121), // KEY_KPCOMMA
];

/// The evdev key code of a set-1 scan code, or `None` where no key has that code.
pub fn to_evdev(code: u8, extended: bool) -> Option<u16> {
    let table = if extended { EXTENDED } else { PLAIN };
    if !extended && (0x01..=0x53).contains(&code) {
        return Some(u16::from(code));
    }
    table.iter().find(|(scan, _)| *scan == code).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_keep_their_number() {
        assert_eq!(to_evdev(0x1e, false), Some(30)); // KEY_A
        assert_eq!(to_evdev(0x1c, false), Some(28)); // KEY_ENTER
    }

    #[test]
    fn extended_keys_are_their_own() {
        assert_eq!(to_evdev(0x1c, true), Some(96));
        assert_eq!(to_evdev(0x38, true), Some(100));
        assert_eq!(to_evdev(0x4b, true), Some(105));
    }

    #[test]
    fn codes_that_no_key_has_are_refused() {
        assert_eq!(to_evdev(0, false), None);
        assert_eq!(to_evdev(0x7f, false), None);
        assert_eq!(to_evdev(0x00, true), None);
    }

    #[test]
    fn tables_name_each_code_once() {
        for table in [EXTENDED, PLAIN] {
            for (index, (code, _)) in table.iter().enumerate() {
                assert!(!table[index + 1..].iter().any(|(other, _)| other == code), "{code:#x} twice");
            }
        }
    }
}
