//! What an instance may ask of the desktop, and how it is told that it asked too much

use crate::geometry::Size;
use crate::pixels::StoreFull;

/// Caps for each instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Windows and popups at a time.
    pub windows: usize,
    /// Pixels of a window's side.
    pub side: u32,
    /// Bytes of pixels over all its windows, their frames included.
    pub bytes: u64,
    /// Pixels of a pointer image's side: small, since a pointer may be drawn over other instances' frames.
    pub pointer_side: u32,
    /// Owners above a window.
    pub owner_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { windows: 500, side: 16_384, bytes: 512 << 20, pointer_side: 64, owner_depth: 16 }
    }
}

/// A request of an instance that the desktop refuses. The desktop is unchanged by a refused request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// There is no such instance (it may just have been removed).
    #[error("no such instance")]
    UnknownInstance,
    /// The window was never created, or is gone. Harmless for a popup whose owner has just been closed.
    #[error("no window {0}")]
    UnknownWindow(u32),
    /// A window of this id exists.
    #[error("window {0} exists already")]
    DuplicateWindow(u32),
    /// The owner is not a window of the instance, or a popup names none, or one window would own itself.
    #[error("window {window} cannot be owned by {owner:?}")]
    BadOwner {
        /// The window.
        window: u32,
        /// The owner it names.
        owner: Option<u32>,
    },
    /// A popup cannot become a top-level window nor the other way round.
    #[error("window {0} cannot change between popup and top-level")]
    KindChanged(u32),
    /// More windows than [`Limits::windows`].
    #[error("more than {0} windows")]
    TooManyWindows(usize),
    /// A side is zero or over [`Limits::side`].
    #[error("window of {}x{} pixels is outside 1..={limit} a side", .size.width, .size.height)]
    WindowSize {
        /// The size asked for.
        size: Size,
        /// The longest side allowed.
        limit: u32,
    },
    /// More pixels than [`Limits::bytes`].
    #[error("windows need {needed} bytes of pixels, over the limit of {limit}")]
    TooManyBytes {
        /// Bytes over all windows if the request were granted.
        needed: u64,
        /// The cap.
        limit: u64,
    },
    /// The picture is smaller than the size it is presented with.
    #[error("window of {}x{} pixels is presented with a picture of {}x{}", .size.width, .size.height, .source_size.width, .source_size.height)]
    SourceSize {
        /// Size of the window.
        size: Size,
        /// Size of the picture.
        source_size: Size,
    },
    /// A pointer image is empty, over [`Limits::pointer_side`], of the wrong length, or its hot spot is outside.
    #[error("pointer image of {}x{} pixels is not acceptable", .0.width, .0.height)]
    PointerImage(Size),
    /// The host's store has no room. Not the instance's fault.
    #[error(transparent)]
    StoreFull(#[from] StoreFull),
}
