//! What an instance did, once checked.

use bailey_link::{MoveSize, PixelFormat, PointerShape, Rect, WindowIcon, WindowInfo};

/// A picture in the instance's memory. All of it lies within the memory; what its bytes are may change at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedPicture {
    /// Bytes from the start of the memory to the first pixel.
    pub offset: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bytes from one row to the next, at least `4 * width`.
    pub stride: u32,
    /// Meaning of the fourth byte.
    pub format: PixelFormat,
}

/// Something an instance did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It said Hello and was answered; windows may follow.
    Ready,
    /// A window exists. Texts are made harmless, the owner exists, popups have one.
    WindowCreated(WindowInfo),
    /// What is said of a window has changed.
    WindowUpdated(WindowInfo),
    /// A window has an icon.
    WindowIcon(WindowIcon),
    /// A window is gone, and its popups with it.
    WindowDeleted {
        /// The window.
        window: u32,
    },
    /// A window looks like this. Copy it, then [`acknowledge_present`](super::HostLink::acknowledge_present).
    Presented {
        /// The window.
        window: u32,
        /// Comes back in the acknowledgement.
        serial: u32,
        /// The picture.
        picture: SharedPicture,
        /// What differs from the last one, cut to the picture; empty rectangles are dropped.
        damage: Vec<Rect>,
    },
    /// Windows' [`surface`](super::HostLink::surface)s changed. Copy them before the next event, then
    /// [`acknowledge_frame`](super::HostLink::acknowledge_frame).
    Frame {
        /// Number of the frame.
        frame: u32,
        /// Windows, and what differs.
        damage: Vec<(u32, Vec<Rect>)>,
    },
    /// The pointer looks like this over the instance's windows.
    Pointer(PointerShape),
    /// The pointer, whose button is down in the window, shall move or resize it.
    MoveSize {
        /// The window.
        window: u32,
        /// What to do.
        operation: MoveSize,
    },
}
