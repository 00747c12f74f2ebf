//! Where a popup goes: the rules of `xdg_positioner`.

use crate::pixels::rect::Rect;

/// Edges of a rectangle, as the protocol's anchor and gravity name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// -1 left, 0 centre, 1 right.
    pub x: i32,
    /// -1 top, 0 centre, 1 bottom.
    pub y: i32,
}

impl Edges {
    /// From the protocol's enumeration: none, top, bottom, left, right, top_left,
    /// bottom_left, top_right, bottom_right.
    pub const fn from_wire(value: u32) -> Option<Self> {
        let (x, y) = match value {
            0 => (0, 0),
            1 => (0, -1),
            2 => (0, 1),
            3 => (-1, 0),
            4 => (1, 0),
            5 => (-1, -1),
            6 => (-1, 1),
            7 => (1, -1),
            8 => (1, 1),
            _ => return None,
        };
        Some(Self { x, y })
    }
}

/// `xdg_positioner.constraint_adjustment` bits.
pub mod adjust {
    /// Move along the x axis.
    pub const SLIDE_X: u32 = 1;
    /// Move along the y axis.
    pub const SLIDE_Y: u32 = 2;
    /// Mirror anchor and gravity on the x axis.
    pub const FLIP_X: u32 = 4;
    /// Mirror anchor and gravity on the y axis.
    pub const FLIP_Y: u32 = 8;
    /// Cut the width.
    pub const RESIZE_X: u32 = 16;
    /// Cut the height.
    pub const RESIZE_Y: u32 = 32;
}

/// The rules that a client has set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positioner {
    /// Wanted width and height.
    pub size: (i32, i32),
    /// What it is anchored to, relative to the parent's window geometry.
    pub anchor_rect: Rect,
    /// Which point of the anchor rectangle.
    pub anchor: Edges,
    /// Which way from there.
    pub gravity: Edges,
    /// What may be done where it does not fit (`adjust`).
    pub adjustment: u32,
    /// Added to the position.
    pub offset: (i32, i32),
    /// Follows its parent when that changes.
    pub reactive: bool,
}

impl Positioner {
    /// Whether the client has set what it must set.
    pub const fn is_complete(&self) -> bool {
        self.size.0 > 0 && self.size.1 > 0
    }

    /// The popup's rectangle, relative to the parent's window geometry, adjusted to lie in `bounds`
    /// (same coordinates) as far as the client allows.
    pub fn place(&self, bounds: Rect) -> Rect {
        let horizontal = Axis {
            size: self.size.0,
            start: self.anchor_rect.x,
            length: self.anchor_rect.width,
            anchor: self.anchor.x,
            gravity: self.gravity.x,
            offset: self.offset.0,
            slide: self.adjustment & adjust::SLIDE_X != 0,
            flip: self.adjustment & adjust::FLIP_X != 0,
            resize: self.adjustment & adjust::RESIZE_X != 0,
        };
        let vertical = Axis {
            size: self.size.1,
            start: self.anchor_rect.y,
            length: self.anchor_rect.height,
            anchor: self.anchor.y,
            gravity: self.gravity.y,
            offset: self.offset.1,
            slide: self.adjustment & adjust::SLIDE_Y != 0,
            flip: self.adjustment & adjust::FLIP_Y != 0,
            resize: self.adjustment & adjust::RESIZE_Y != 0,
        };
        let (x, width) = horizontal.place(bounds.x, bounds.right());
        let (y, height) = vertical.place(bounds.y, bounds.bottom());
        Rect::new(x, y, width, height)
    }
}

/// The rules along one axis.
#[derive(Clone, Copy)]
struct Axis {
    size: i32,
    start: i32,
    length: i32,
    anchor: i32,
    gravity: i32,
    offset: i32,
    slide: bool,
    flip: bool,
    resize: bool,
}

impl Axis {
    fn unadjusted(self) -> i32 {
        let anchor = match self.anchor {
            -1 => self.start,
            0 => self.start.saturating_add(self.length / 2),
            _ => self.start.saturating_add(self.length),
        };
        let position = match self.gravity {
            -1 => anchor.saturating_sub(self.size),
            0 => anchor.saturating_sub(self.size / 2),
            _ => anchor,
        };
        position.saturating_add(self.offset)
    }

    /// Flip, then slide, then resize, as the protocol orders them.
    fn place(self, low: i32, high: i32) -> (i32, i32) {
        let fits = |position: i32| position >= low && position.saturating_add(self.size) <= high;
        let mut position = self.unadjusted();
        if high <= low || fits(position) {
            return (position, self.size);
        }
        if self.flip {
            let mirrored =
                Self { anchor: -self.anchor, gravity: -self.gravity, offset: -self.offset, ..self };
            let flipped = mirrored.unadjusted();
            if fits(flipped) {
                return (flipped, self.size);
            }
        }
        if self.slide {
            position = self.slid(position, low, high);
            if fits(position) {
                return (position, self.size);
            }
        }
        if self.resize {
            let start = position.max(low);
            let end = position.saturating_add(self.size).min(high);
            if end > start {
                return (start, end - start);
            }
        }
        (position, self.size)
    }

    /// Moves it inside; one that is too long keeps the edge that it grows from in sight.
    fn slid(self, position: i32, low: i32, high: i32) -> i32 {
        let last = high.saturating_sub(self.size);
        if last < low {
            return if self.gravity < 0 { last } else { low };
        }
        position.clamp(low, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Rect = Rect::new(0, 0, 100, 100);

    /// A menu under a button: anchored bottom left, growing right and down.
    fn menu(anchor_rect: Rect, size: (i32, i32), adjustment: u32) -> Positioner {
        Positioner {
            size,
            anchor_rect,
            anchor: Edges { x: -1, y: 1 },
            gravity: Edges { x: 1, y: 1 },
            adjustment,
            ..Positioner::default()
        }
    }

    #[test]
    fn what_fits_is_left_alone() {
        let placed = menu(Rect::new(10, 10, 20, 5), (30, 40), 63).place(BOUNDS);
        assert_eq!(placed, Rect::new(10, 15, 30, 40));
    }

    #[test]
    fn centre_anchor_and_gravity() {
        let positioner =
            Positioner { size: (10, 10), anchor_rect: Rect::new(40, 40, 20, 20), ..Positioner::default() };
        assert_eq!(positioner.place(BOUNDS), Rect::new(45, 45, 10, 10));
    }

    #[test]
    fn flips_above_before_it_slides() {
        let placed = menu(Rect::new(10, 80, 20, 5), (30, 40), adjust::FLIP_Y | adjust::SLIDE_Y).place(BOUNDS);
        assert_eq!(placed, Rect::new(10, 40, 30, 40));
    }

    #[test]
    fn slides_where_neither_side_has_room() {
        let placed =
            menu(Rect::new(90, 50, 5, 5), (80, 60), adjust::FLIP_Y | adjust::SLIDE_Y | adjust::SLIDE_X)
                .place(BOUNDS);
        assert_eq!(placed, Rect::new(20, 40, 80, 60));
    }

    #[test]
    fn resizes_last() {
        let placed = menu(Rect::new(0, 50, 5, 5), (20, 300), adjust::RESIZE_Y).place(BOUNDS);
        assert_eq!(placed, Rect::new(0, 55, 20, 45));
        let placed = menu(Rect::new(0, 50, 5, 5), (20, 300), 63).place(BOUNDS);
        assert_eq!(placed, Rect::new(0, 0, 20, 100), "slides first, then cuts");
    }

    #[test]
    fn what_may_not_be_adjusted_stays_outside() {
        let placed = menu(Rect::new(90, 90, 5, 5), (50, 50), 0).place(BOUNDS);
        assert_eq!(placed, Rect::new(90, 95, 50, 50));
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let mut wild = menu(Rect::new(i32::MAX, i32::MIN, i32::MAX, i32::MAX), (i32::MAX, i32::MAX), 63);
        wild.offset = (i32::MAX, i32::MIN + 1);
        wild.place(BOUNDS);
        wild.place(Rect::default());
    }
}
