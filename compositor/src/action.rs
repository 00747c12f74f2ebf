//! What the desktop asks its driver to do

use std::sync::Arc;

use crate::geometry::{Point, Size};
use crate::input::{Button, Locks, Scancode};
use crate::window::InstanceId;

/// One thing for the driver to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Tell an instance something.
    ToInstance {
        /// Which.
        instance: InstanceId,
        /// What.
        message: ToInstance,
    },
    /// The seat's pointer looks different now.
    PointerShape(PointerShape),
    /// The picture changed: take the damage and show it, at the next convenient moment.
    Redraw,
}

/// What an instance is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToInstance {
    /// The pointer is over this window from now on, or over none of this instance. Pointer messages that follow are about it.
    InputTarget {
        /// The window.
        window: Option<u32>,
    },
    /// The pointer is at this place of the target's content; outside of it while a button is held.
    Pointer {
        /// Pixels from the left of the content.
        x: i32,
        /// Pixels from the top of the content.
        y: i32,
    },
    /// A button changed, at the place of the last `Pointer`.
    Button {
        /// Which.
        button: Button,
        /// True when it went up.
        released: bool,
    },
    /// The wheel turned over the target, 120 a notch.
    Wheel {
        /// Positive to the right.
        horizontal: i16,
        /// Positive up.
        vertical: i16,
    },
    /// A key for the activated window.
    Key {
        /// Which.
        scancode: Scancode,
        /// True when it went up.
        released: bool,
    },
    /// A UTF-16 code unit for the activated window.
    Unicode {
        /// The code unit.
        unit: u16,
        /// True when it went up.
        released: bool,
    },
    /// The lock keys are in this state.
    Locks(Locks),
    /// The window has, or no longer has, the keyboard. Losing it also ends the window's popups.
    Activate {
        /// The window: a top-level.
        window: u32,
        /// True if it has the keyboard.
        active: bool,
    },
    /// The window should take this content size and show itself in this state.
    Configure {
        /// The window: a top-level.
        window: u32,
        /// Content size; `None` lets the instance choose (its size before it was maximised).
        size: Option<Size>,
        /// The window fills the work area.
        maximised: bool,
        /// The user is resizing the window at this moment.
        resizing: bool,
    },
    /// The window is no longer shown, or is shown again.
    Minimise {
        /// The window: a top-level.
        window: u32,
        /// True if it is hidden.
        minimised: bool,
    },
    /// The user wants the window closed.
    Close {
        /// The window: a top-level.
        window: u32,
    },
}

/// How the seat's pointer looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PointerShape {
    /// The platform's arrow.
    #[default]
    Default,
    /// Not at all.
    Hidden,
    /// A window is being moved.
    Move,
    /// Resizes up and down.
    ResizeNs,
    /// Resizes left and right.
    ResizeEw,
    /// Resizes along the diagonal from top left to bottom right.
    ResizeNwse,
    /// Resizes along the diagonal from top right to bottom left.
    ResizeNesw,
    /// A picture that an instance gave.
    Image(Arc<PointerImage>),
}

/// A pointer's picture.
#[derive(Clone, PartialEq, Eq)]
pub struct PointerImage {
    /// Its size.
    pub size: Size,
    /// The pixel that points.
    pub hot_spot: Point,
    /// BGRA8888 premultiplied, tightly packed.
    pub pixels: Vec<u8>,
}

impl core::fmt::Debug for PointerImage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PointerImage")
            .field("size", &self.size)
            .field("hot_spot", &self.hot_spot)
            .finish_non_exhaustive()
    }
}
