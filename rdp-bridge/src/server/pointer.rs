//! The shape of the mouse pointer.

use std::sync::Arc;

/// Largest edge of a pointer image, in pixels (MS-RDPBCGR 2.2.7.2.7, LARGE_POINTER_FLAG_96x96).
pub const MAX_POINTER_EDGE: u16 = 96;

/// A pointer picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointerImage {
    /// Width in pixels, 1..=[`MAX_POINTER_EDGE`].
    pub width: u16,
    /// Height in pixels, 1..=[`MAX_POINTER_EDGE`].
    pub height: u16,
    /// Column of the hot spot.
    pub hot_x: u16,
    /// Row of the hot spot.
    pub hot_y: u16,
    /// BGRA8888 premultiplied, `4 * width * height` bytes, top row first.
    pub bgra: Vec<u8>,
}

impl PointerImage {
    /// Whether edges, hot spot and byte count fit together.
    pub fn is_consistent(&self) -> bool {
        let edge = 1..=MAX_POINTER_EDGE;
        edge.contains(&self.width)
            && edge.contains(&self.height)
            && self.hot_x < self.width
            && self.hot_y < self.height
            && self.bgra.len() == usize::from(self.width) * usize::from(self.height) * 4
    }
}

/// How the pointer looks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PointerShape {
    /// The client's own arrow.
    #[default]
    Default,
    /// No pointer.
    Hidden,
    /// A picture of ours.
    Image(Arc<PointerImage>),
}
