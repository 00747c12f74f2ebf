//! What the seat's keyboard and pointer do, as RDP's fast-path input events say it (MS-RDPBCGR 2.2.8.1.2.2)

/// An XT set-1 scancode as RDP carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scancode {
    /// The code without its release bit.
    pub code: u8,
    /// True for the codes that the keyboard prefixes with E0.
    pub extended: bool,
}

impl Scancode {
    /// Left Alt.
    pub const ALT_LEFT: Self = Self::plain(0x38);
    /// Right Alt (AltGr).
    pub const ALT_RIGHT: Self = Self::extended(0x38);
    /// Left Control.
    pub const CONTROL_LEFT: Self = Self::plain(0x1d);
    /// Right Control.
    pub const CONTROL_RIGHT: Self = Self::extended(0x1d);
    /// Left Shift.
    pub const SHIFT_LEFT: Self = Self::plain(0x2a);
    /// Right Shift.
    pub const SHIFT_RIGHT: Self = Self::plain(0x36);
    /// Left logo key.
    pub const SUPER_LEFT: Self = Self::extended(0x5b);
    /// Right logo key.
    pub const SUPER_RIGHT: Self = Self::extended(0x5c);
    /// Tab.
    pub const TAB: Self = Self::plain(0x0f);
    /// Caps Lock.
    pub const CAPS_LOCK: Self = Self::plain(0x3a);
    /// Num Lock.
    pub const NUM_LOCK: Self = Self::plain(0x45);
    /// Scroll Lock.
    pub const SCROLL_LOCK: Self = Self::plain(0x46);

    /// A code without a prefix.
    pub const fn plain(code: u8) -> Self {
        Self { code, extended: false }
    }

    /// A code with the E0 prefix.
    pub const fn extended(code: u8) -> Self {
        Self { code, extended: true }
    }

    /// True for Shift, Control, Alt and logo keys.
    pub fn is_modifier(self) -> bool {
        self.is_alt()
            || [
                Self::CONTROL_LEFT,
                Self::CONTROL_RIGHT,
                Self::SHIFT_LEFT,
                Self::SHIFT_RIGHT,
                Self::SUPER_LEFT,
                Self::SUPER_RIGHT,
            ]
            .contains(&self)
    }

    pub(crate) fn is_alt(self) -> bool {
        self == Self::ALT_LEFT || self == Self::ALT_RIGHT
    }

    pub(crate) fn is_shift(self) -> bool {
        self == Self::SHIFT_LEFT || self == Self::SHIFT_RIGHT
    }
}

/// A button of the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Button {
    /// Left (PTRFLAGS_BUTTON1).
    Left,
    /// Right (PTRFLAGS_BUTTON2).
    Right,
    /// Middle (PTRFLAGS_BUTTON3).
    Middle,
    /// Back (PTRXFLAGS_BUTTON1).
    Back,
    /// Forward (PTRXFLAGS_BUTTON2).
    Forward,
}

/// State of the lock keys (TS_SYNC_EVENT).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locks {
    /// Scroll Lock is on.
    pub scroll: bool,
    /// Num Lock is on.
    pub num: bool,
    /// Caps Lock is on.
    pub caps: bool,
    /// Kana Lock is on.
    pub kana: bool,
}

/// Something the user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key went down (again, while it repeats) or up.
    Key {
        /// Which.
        scancode: Scancode,
        /// True when it went up.
        released: bool,
    },
    /// A UTF-16 code unit was typed, independent of any layout (TS_FP_UNICODE_KEYBOARD_EVENT).
    Unicode {
        /// The code unit.
        unit: u16,
        /// True when it went up.
        released: bool,
    },
    /// The pointer is at this place of the desktop.
    Motion {
        /// Pixels from the left.
        x: i32,
        /// Pixels from the top.
        y: i32,
    },
    /// A button went down or up, at the place of the last motion.
    Button {
        /// Which.
        button: Button,
        /// True when it went up.
        released: bool,
    },
    /// The wheel turned, in RDP's rotation units: 120 a notch.
    Wheel {
        /// Positive to the right.
        horizontal: i16,
        /// Positive away from the user (up).
        vertical: i16,
    },
    /// The remote end tells the state of its lock keys; every key counts as released.
    Locks(Locks),
    /// The user's window or client no longer has the keyboard: every key and button counts as released.
    FocusLost,
}
