//! What an X11 window says about itself.

use x11rb::connection::RequestConnection;
use x11rb::errors::ReplyError;
use x11rb::properties::{WmClass, WmHints, WmSizeHints};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt, Window};

use crate::x11::atoms::Atoms;

/// Longest text taken, in 32-bit units, as GetProperty counts.
const MAX_TEXT: u32 = 256;
/// Most protocols read.
const MAX_PROTOCOLS: u32 = 64;

/// The properties that we follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// _NET_WM_NAME, else WM_NAME.
    pub title: String,
    /// The class of WM_CLASS.
    pub class: String,
    /// WM_TRANSIENT_FOR.
    pub transient_for: Option<Window>,
    /// Smallest size of WM_NORMAL_HINTS, 0 for none.
    pub min_size: (u32, u32),
    /// Largest size of WM_NORMAL_HINTS, 0 for none.
    pub max_size: (u32, u32),
    /// WM_PROTOCOLS has WM_DELETE_WINDOW.
    pub deletes: bool,
    /// WM_PROTOCOLS has WM_TAKE_FOCUS.
    pub takes_focus: bool,
    /// WM_HINTS does not refuse the keyboard.
    pub input: bool,
}

impl Properties {
    /// Whether a change of a property concerns us.
    pub fn follows(property: Atom, atoms: &Atoms) -> bool {
        let predefined: [Atom; 5] = [
            AtomEnum::WM_NAME.into(),
            AtomEnum::WM_CLASS.into(),
            AtomEnum::WM_TRANSIENT_FOR.into(),
            AtomEnum::WM_NORMAL_HINTS.into(),
            AtomEnum::WM_HINTS.into(),
        ];
        predefined.contains(&property) || [atoms._NET_WM_NAME, atoms.WM_PROTOCOLS].contains(&property)
    }

    /// Reads them all.
    ///
    /// # Errors
    /// Where the connection or the window is gone.
    pub fn read<C: RequestConnection>(
        connection: &C,
        atoms: &Atoms,
        window: Window,
    ) -> Result<Self, ReplyError> {
        let get = |property: Atom, kind: Atom, most| {
            connection.get_property(false, window, property, kind, 0, most)
        };
        let name = get(atoms._NET_WM_NAME, atoms.UTF8_STRING, MAX_TEXT)?;
        let old_name = get(AtomEnum::WM_NAME.into(), AtomEnum::ANY.into(), MAX_TEXT)?;
        let transient = get(AtomEnum::WM_TRANSIENT_FOR.into(), AtomEnum::WINDOW.into(), 1)?;
        let protocols = get(atoms.WM_PROTOCOLS, AtomEnum::ATOM.into(), MAX_PROTOCOLS)?;
        let class = WmClass::get(connection, window)?;
        let hints = WmHints::get(connection, window)?;
        let sizes = WmSizeHints::get_normal_hints(connection, window)?;
        let (name, old_name) = (name.reply()?, old_name.reply()?);
        let title = if name.value.is_empty() { latin1(&old_name.value) } else { utf8(&name.value) };
        let transient_for = transient.reply()?.value32().and_then(|mut list| list.next());
        let protocols: Vec<Atom> = protocols.reply()?.value32().map(Iterator::collect).unwrap_or_default();
        let sizes = sizes.reply()?;
        let side = |value: i32| u32::try_from(value).unwrap_or(0);
        let size = |pair: Option<(i32, i32)>| pair.map_or((0, 0), |pair| (side(pair.0), side(pair.1)));
        Ok(Self {
            title,
            class: class.reply()?.map(|class| utf8(class.class())).unwrap_or_default(),
            transient_for: transient_for.filter(|window| *window != 0),
            min_size: size(sizes.and_then(|sizes| sizes.min_size)),
            max_size: size(sizes.and_then(|sizes| sizes.max_size)),
            deletes: protocols.contains(&atoms.WM_DELETE_WINDOW),
            takes_focus: protocols.contains(&atoms.WM_TAKE_FOCUS),
            input: hints.reply()?.and_then(|hints| hints.input).unwrap_or(true),
        })
    }
}

fn utf8(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// WM_NAME is Latin-1 by ICCCM, and UTF-8 by what programs do.
fn latin1(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(_) => utf8(bytes),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{latin1, utf8};

    #[test]
    fn names_of_both_kinds_are_read() {
        assert_eq!(latin1(b"caf\xe9"), "café");
        assert_eq!(latin1("café".as_bytes()), "café");
        assert_eq!(utf8(b"xterm\0XTerm"), "xterm");
    }
}
