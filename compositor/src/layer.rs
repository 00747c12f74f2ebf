//! The picture as a stack of layers: what a viewer composes on its own graphics hardware

use core::fmt;

use crate::geometry::{Point, Rect, Size};
use crate::pixels::{BYTES_PER_PIXEL, PixelStorage};
use crate::window::WindowKey;

/// Names a layer while it exists; a number is used again only after its layer is gone. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerId(pub u32);

/// What a layer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// The desktop's background, drawn by the host.
    Background,
    /// An instance's pixels in a top-level window.
    Content,
    /// An instance's pixels in a popup.
    Popup,
    /// One of the four sides of a window's frame, drawn by the host.
    Frame,
    /// The task strip at the bottom, drawn by the host.
    Strip,
}

/// One rectangle of pixels on the desktop.
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    /// Its name.
    pub id: LayerId,
    /// What it shows.
    pub kind: LayerKind,
    /// The window it is part of, if any.
    pub window: Option<WindowKey>,
    /// Where it is on the desktop; may reach over the desktop's edges.
    pub rect: Rect,
    /// The pixels it is taken from.
    pub storage: &'a dyn PixelStorage,
    /// Size of all pixels in `storage`: a row is `storage_size.width * 4` bytes.
    pub storage_size: Size,
    /// The pixel of `storage` that is shown in the top left corner of `rect`.
    pub source: Point,
    /// True if no pixel lets through what is below.
    pub opaque: bool,
}

impl Layer<'_> {
    /// Bytes from one row of pixels to the next.
    pub const fn stride(&self) -> u32 {
        self.storage_size.width * BYTES_PER_PIXEL
    }

    /// Bytes from the first pixel of `storage` to the one shown in the top left corner.
    pub const fn source_offset(&self) -> u64 {
        self.source.y as u64 * self.stride() as u64 + self.source.x as u64 * BYTES_PER_PIXEL as u64
    }

    /// Where the top left pixel is in memory shared with viewers, if it is in such memory.
    pub fn shared_offset(&self) -> Option<u64> {
        Some(self.storage.slot()? + self.source_offset())
    }
}

impl fmt::Debug for Layer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("window", &self.window)
            .field("rect", &self.rect)
            .field("source", &self.source)
            .field("opaque", &self.opaque)
            .finish_non_exhaustive()
    }
}

/// Changed pixels of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDamage {
    /// Which layer.
    pub id: LayerId,
    /// Rectangles relative to the layer's top left corner, within its size.
    pub rects: Vec<Rect>,
}
