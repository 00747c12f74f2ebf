//! What a session tells the desktop: typed input, and its own coming and going.

use std::net::SocketAddr;

/// Number of a session, unique in the life of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// One event of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInput {
    /// The session it comes from.
    pub session: SessionId,
    /// What happened.
    pub event: InputEvent,
}

/// A mouse button as MS-RDPBCGR 2.2.8.1.1.3.1.1.3 numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MouseButton {
    /// PTRFLAGS_BUTTON1.
    Left,
    /// PTRFLAGS_BUTTON2.
    Right,
    /// PTRFLAGS_BUTTON3.
    Middle,
    /// PTRXFLAGS_BUTTON1, "back".
    X1,
    /// PTRXFLAGS_BUTTON2, "forward".
    X2,
}

/// An input event, or a change of the session itself.
///
/// Keys are XT set-1 scan codes, as in MS-RDPBCGR 2.2.8.1.2.2.1. Whatever a session still holds down is released
/// before its `Disconnected`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputEvent {
    /// A key by its scan code.
    Key {
        /// The set-1 make code, 1..=127.
        code: u8,
        /// E0 prefix.
        extended: bool,
        /// Up rather than down.
        released: bool,
    },
    /// A UTF-16 code unit typed without a key (MS-RDPBCGR 2.2.8.1.2.2.2).
    Unicode {
        /// The code unit.
        unit: u16,
        /// Up rather than down.
        released: bool,
    },
    /// The pointer is now at (`x`, `y`), in desktop pixels, inside the desktop.
    PointerMove {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// A mouse button changed at (`x`, `y`).
    Button {
        /// Which one.
        button: MouseButton,
        /// Up rather than down.
        released: bool,
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// The wheel turned where the pointer is; 120 is one notch.
    Wheel {
        /// Positive: away from the user (up).
        vertical: i16,
        /// Positive: to the right.
        horizontal: i16,
    },
    /// The client's lock lights, and at once: all keys are up (MS-RDPBCGR 2.2.8.1.2.2.5).
    SyncLocks {
        /// Scroll lock.
        scroll: bool,
        /// Num lock.
        num: bool,
        /// Caps lock.
        caps: bool,
        /// Kana lock.
        kana: bool,
    },
    /// The client would like the desktop to have this size, within the configured limits.
    RequestedSize {
        /// Width in pixels.
        width: u16,
        /// Height in pixels.
        height: u16,
    },
    /// The user is let in and sees the desktop from now on.
    Connected {
        /// Account name as the client wrote it; case does not count.
        user: String,
        /// The client's address.
        peer: SocketAddr,
        /// Windows keyboard layout identifier (KLID) of the client; 0 when it names none.
        keyboard_layout: u32,
    },
    /// The session is over.
    Disconnected,
}
