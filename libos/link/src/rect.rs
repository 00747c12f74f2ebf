//! Rectangles, as MS-RDPEGFX 2.2.1.2 and MS-RDPBCGR 2.2.11.1 write them.

use ironrdp_core::{Decode as _, Encode as _, ReadCursor, WriteCursor};
use ironrdp_pdu::geometry::ExclusiveRectangle;

use crate::error::Fault;

/// A rectangle of pixels, origin top left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels across; 0 makes the rectangle empty.
    pub width: u32,
    /// Pixels down; 0 makes the rectangle empty.
    pub height: u32,
}

impl Rect {
    /// Bytes of a rectangle on the wire.
    pub(crate) const WIRE_LEN: usize = ExclusiveRectangle::ENCODED_SIZE;

    /// The rectangle with this corner, width and height.
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// Whether it covers no pixel.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// One past the last column.
    pub const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// One past the last row.
    pub const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// Whether it lies within a picture of `width` x `height` pixels.
    pub const fn fits(self, width: u32, height: u32) -> bool {
        self.right() <= width && self.bottom() <= height
    }

    /// The part within a picture of `width` x `height` pixels; `None` where nothing is left.
    pub fn clipped(self, width: u32, height: u32) -> Option<Self> {
        let (right, bottom) = (self.right().min(width), self.bottom().min(height));
        (self.x < right && self.y < bottom)
            .then(|| Self::new(self.x, self.y, right - self.x, bottom - self.y))
    }

    /// The smallest rectangle that holds both; an empty one counts as nothing.
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self::new(x, y, self.right().max(other.right()) - x, self.bottom().max(other.bottom()) - y)
    }

    pub(crate) fn to_wire(self) -> Result<ExclusiveRectangle, Fault> {
        let side =
            |value: u32| u16::try_from(value).map_err(|_| Fault::new(format!("{self:?} is too far out")));
        let (left, top) = (side(self.x)?, side(self.y)?);
        Ok(ExclusiveRectangle { left, top, right: side(self.right())?, bottom: side(self.bottom())? })
    }

    pub(crate) fn from_wire(wire: &ExclusiveRectangle) -> Result<Self, Fault> {
        let (Some(width), Some(height)) =
            (wire.right.checked_sub(wire.left), wire.bottom.checked_sub(wire.top))
        else {
            return Err(Fault::new("a rectangle ends before it begins"));
        };
        Ok(Self::new(wire.left.into(), wire.top.into(), width.into(), height.into()))
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut bytes = [0; Self::WIRE_LEN];
        self.to_wire()?.encode(&mut WriteCursor::new(&mut bytes))?;
        out.extend_from_slice(&bytes);
        Ok(())
    }

    pub(crate) fn read(src: &mut ReadCursor<'_>) -> Result<Self, Fault> {
        Self::from_wire(&ExclusiveRectangle::decode(src)?)
    }
}
