//! Rectangles and borrowed pictures, in desktop pixels with the origin at the top left.

/// A rectangle of the desktop: `width` x `height` pixels with its top left corner at (`x`, `y`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width in pixels; 0 makes the rectangle empty.
    pub width: u32,
    /// Height in pixels; 0 makes the rectangle empty.
    pub height: u32,
}

impl Rect {
    /// The rectangle of `width` x `height` pixels at (`x`, `y`).
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// Whether the rectangle covers no pixel.
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// One past the last column.
    pub const fn right(&self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// One past the last row.
    pub const fn bottom(&self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// The part of the rectangle inside a picture of `width` x `height` pixels; `None` when nothing is left.
    pub fn clipped(&self, width: u32, height: u32) -> Option<Self> {
        let right = self.right().min(width);
        let bottom = self.bottom().min(height);
        if self.x >= right || self.y >= bottom {
            return None;
        }
        Some(Self::new(self.x, self.y, right - self.x, bottom - self.y))
    }
}

/// A borrowed picture: BGRA8888 premultiplied, rows `stride` bytes apart, top row first.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Distance between the starts of two rows, in bytes; at least `4 * width`.
    pub stride: usize,
    /// The bytes: at least `stride * (height - 1) + 4 * width` of them.
    pub bgra: &'a [u8],
}

impl FrameView<'_> {
    /// Whether the byte slice really holds a picture of the shape stated.
    pub fn is_consistent(&self) -> bool {
        let row = self.width as usize * 4;
        if self.height == 0 || self.width == 0 || self.stride < row {
            return false;
        }
        let needed =
            self.stride.checked_mul(self.height as usize - 1).and_then(|start| start.checked_add(row));
        needed.is_some_and(|needed| self.bgra.len() >= needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_keeps_the_inside_only() {
        assert_eq!(Rect::new(90, 10, 20, 20).clipped(100, 20), Some(Rect::new(90, 10, 10, 10)));
        assert_eq!(Rect::new(100, 0, 1, 1).clipped(100, 100), None);
        assert_eq!(Rect::new(u32::MAX, 0, u32::MAX, 1).clipped(100, 100), None);
        assert_eq!(Rect::new(0, 0, 0, 5).clipped(100, 100), None);
    }

    #[test]
    fn a_frame_needs_all_its_bytes() {
        let bytes = [0u8; 4 * 3 * 2];
        let frame = FrameView { width: 3, height: 2, stride: 12, bgra: &bytes };
        assert!(frame.is_consistent());
        assert!(!FrameView { stride: 13, ..frame }.is_consistent());
        assert!(!FrameView { height: 3, ..frame }.is_consistent());
        assert!(!FrameView { stride: 8, ..frame }.is_consistent());
    }
}
