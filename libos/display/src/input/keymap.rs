//! XKB keymap texts by keyboard layout identifier.
//!
//! The fragments under `keymaps/` come from xkeyboard-config (see
//! `keymaps/LICENSE.xkeyboard-config`) by way of `keymaps/generate.py`.

/// Key codes, types and compatibility: the same for every layout.
const COMMON: &str = include_str!("../../keymaps/common.xkb");
/// The keys that every layout has in common.
const SHARED: &str = include_str!("../../keymaps/shared.sym");

macro_rules! layouts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../keymaps/", $name, ".sym")))),*]
    };
}

/// Layout name, and the keys in which it differs from the others.
const LAYOUTS: &[(&str, &str)] = layouts![
    "us", "us-intl", "gb", "de", "fr", "es", "it", "se", "no", "dk", "fi", "be", "br", "pt", "pl", "cz",
    "nl", "hu", "ch", "ch-fr", "ca", "ru", "tr", "latam", "jp",
];

/// Windows keyboard layout identifier (KLID) to layout name.
/// Source: "Keyboard identifiers and input method editors for Windows" (Microsoft).
const BY_KLID: &[(u32, &str)] = &[
    (0x0000_0409, "us"),
    (0x0002_0409, "us-intl"),
    (0x0000_0809, "gb"),
    (0x0000_0407, "de"),
    (0x0000_0c07, "de"),
    (0x0000_040c, "fr"),
    (0x0000_080c, "be"),
    (0x0000_0813, "be"),
    (0x0000_040a, "es"),
    (0x0000_080a, "latam"),
    (0x0000_0410, "it"),
    (0x0000_041d, "se"),
    (0x0000_0414, "no"),
    (0x0000_0406, "dk"),
    (0x0000_040b, "fi"),
    (0x0000_0416, "br"),
    (0x0000_0816, "pt"),
    (0x0000_0415, "pl"),
    (0x0000_0405, "cz"),
    (0x0000_0413, "nl"),
    (0x0000_040e, "hu"),
    (0x0000_0807, "ch"),
    (0x0000_100c, "ch-fr"),
    (0x0001_1009, "ca"),
    (0x0000_0c0c, "ca"),
    (0x0000_0419, "ru"),
    (0x0000_041f, "tr"),
    (0x0000_0411, "jp"),
];

/// The layout name for a Windows keyboard layout identifier.
///
/// An unknown variant falls back to the plain layout of its language (the low 16 bits),
/// an unknown language to `us`.
pub fn layout_name(klid: u32) -> &'static str {
    let find = |id: u32| BY_KLID.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
    find(klid).or_else(|| find(klid & 0xffff)).unwrap_or("us")
}

/// X key codes of macro keys that no keyboard here has: characters without a key are put on them.
const SPARE: std::ops::RangeInclusive<u16> = 680..=693;
/// X key codes are evdev's plus this.
const X_OFFSET: u16 = 8;

/// How many characters without a key fit a keymap.
pub fn spare_keys() -> usize {
    SPARE.len()
}

/// The evdev code of a spare key; the numbering wraps around.
pub fn spare_key(index: usize) -> u16 {
    SPARE.start() - X_OFFSET + (index % SPARE.len()) as u16
}

/// The whole XKB text (format `xkb_v1`, without the closing NUL) of a Windows keyboard layout, with
/// characters on the first spare keys.
pub fn keymap_text(klid: u32, spare: &[char]) -> String {
    let name = layout_name(klid);
    let own = LAYOUTS.iter().find(|(known, _)| *known == name).map_or(LAYOUTS[0].1, |(_, keys)| keys);
    let keys = SPARE.zip(spare);
    let extra: String =
        keys.map(|(key, c)| format!("key <I{key}> {{ [ U{:04X} ] }};\n", u32::from(*c))).collect();
    format!("{COMMON}xkb_symbols \"{name}\" {{\n{own}{SHARED}{extra}}};\n}};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_select_their_layout() {
        assert_eq!(layout_name(0x0407), "de");
        assert_eq!(layout_name(0x0002_0409), "us-intl");
        assert_eq!(layout_name(0x0001_0407), "de", "an unknown variant keeps its language");
        assert_eq!(layout_name(0xdead_beef), "us");
    }

    #[test]
    fn every_identifier_has_a_keymap_with_every_section() {
        for (klid, name) in BY_KLID {
            assert!(LAYOUTS.iter().any(|(known, _)| known == name), "{name} is embedded");
            let text = keymap_text(*klid, &[]);
            for section in ["xkb_keycodes", "xkb_types", "xkb_compatibility", "xkb_symbols"] {
                assert!(text.contains(section), "{name} lacks {section}");
            }
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{name} is balanced");
        }
    }

    #[test]
    fn characters_go_on_spare_keys_that_the_keymap_knows() {
        let text = keymap_text(0x409, &['é', '中']);
        assert!(text.contains("key <I680> { [ U00E9 ] };") && text.contains("key <I681> { [ U4E2D ] };"));
        for key in SPARE {
            assert!(COMMON.contains(&format!("<I{key}> = {key};")));
        }
        assert_eq!((spare_key(0), spare_key(1), spare_key(spare_keys())), (672, 673, 672));
    }

    #[test]
    fn layouts_differ_where_they_should() {
        assert!(keymap_text(0x407, &[]).contains("key <AD06> { [ z, Z"));
        assert!(keymap_text(0x409, &[]).contains("key <AD06> { [ y, Y"));
        assert!(
            keymap_text(0x40c, &[]).contains("key <AD01> { [ a, A")
                || keymap_text(0x40c, &[]).contains("[ a, A, ae")
        );
    }
}
