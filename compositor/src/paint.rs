//! Drawing on a layer of the host's own: fills, rounded boxes, strokes

use crate::geometry::{Rect, Size};
use crate::pixels::BYTES_PER_PIXEL;
use crate::window::TrustColour;

/// An opaque colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) r: u8,
    pub(crate) g: u8,
    pub(crate) b: u8,
}

impl Colour {
    pub(crate) const fn rgb(rgb: u32) -> Self {
        Self { r: (rgb >> 16) as u8, g: (rgb >> 8) as u8, b: rgb as u8 }
    }

    /// `share` parts of 256 of this colour, the rest of `other`.
    pub(crate) fn mix(self, other: Self, share: u16) -> Self {
        let share = share.min(256);
        let part = |a: u8, b: u8| ((u16::from(a) * share + u16::from(b) * (256 - share)) >> 8) as u8;
        Self { r: part(self.r, other.r), g: part(self.g, other.g), b: part(self.b, other.b) }
    }

    /// Black or white, whichever reads better on this colour (relative luminance).
    pub(crate) fn contrasting(self) -> Self {
        let luminance = u32::from(self.r) * 299 + u32::from(self.g) * 587 + u32::from(self.b) * 114;
        if luminance > 140_000 { Self::rgb(0x10_14_18) } else { Self::rgb(0xff_ff_ff) }
    }

    pub(crate) const fn bgra(self) -> [u8; 4] {
        [self.b, self.g, self.r, 255]
    }
}

impl From<TrustColour> for Colour {
    fn from(colour: TrustColour) -> Self {
        Self { r: colour.r, g: colour.g, b: colour.b }
    }
}

/// Draws on tightly packed BGRA pixels; everything outside is cut off.
pub(crate) struct Painter<'a> {
    bytes: &'a mut [u8],
    size: Size,
}

impl<'a> Painter<'a> {
    /// `bytes` hold `size` pixels.
    pub(crate) fn new(bytes: &'a mut [u8], size: Size) -> Self {
        Self { bytes, size }
    }

    pub(crate) fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn fill(&mut self, rect: Rect, colour: Colour) {
        let Some(rect) = rect.intersection(Rect::at(Default::default(), self.size)) else {
            return;
        };
        let width = rect.width as usize * BYTES_PER_PIXEL as usize;
        for y in rect.y..rect.bottom() {
            let start = self.index(rect.x, y);
            for pixel in self.bytes[start..start + width].chunks_exact_mut(4) {
                pixel.copy_from_slice(&colour.bgra());
            }
        }
    }

    pub(crate) fn fill_all(&mut self, colour: Colour) {
        self.fill(Rect::at(Default::default(), self.size), colour);
    }

    /// Lays `colour` over one pixel; `coverage` is 0 to 1.
    pub(crate) fn blend(&mut self, x: i32, y: i32, colour: Colour, coverage: f32) {
        if x < 0 || y < 0 || x as u32 >= self.size.width || y as u32 >= self.size.height {
            return;
        }
        let at = self.index(x, y);
        let share = (coverage.clamp(0.0, 1.0) * 256.0) as u16;
        if share == 0 {
            return;
        }
        let below = Colour { b: self.bytes[at], g: self.bytes[at + 1], r: self.bytes[at + 2] };
        self.bytes[at..at + 4].copy_from_slice(&colour.mix(below, share).bgra());
    }

    /// Fills `rect` with corners of `radius` pixels.
    pub(crate) fn fill_rounded(&mut self, rect: Rect, radius: f32, colour: Colour) {
        let (cx, cy) = (rect.x as f32 + rect.width as f32 / 2.0, rect.y as f32 + rect.height as f32 / 2.0);
        let (half_w, half_h) = (rect.width as f32 / 2.0 - radius, rect.height as f32 / 2.0 - radius);
        for y in rect.y..rect.bottom() {
            for x in rect.x..rect.right() {
                let dx = ((x as f32 + 0.5 - cx).abs() - half_w).max(0.0);
                let dy = ((y as f32 + 0.5 - cy).abs() - half_h).max(0.0);
                self.blend(x, y, colour, radius + 0.5 - dx.hypot(dy));
            }
        }
    }

    /// Draws the straight line between two points, `width` pixels thick.
    pub(crate) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, colour: Colour) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length_squared = (dx * dx + dy * dy).max(f32::EPSILON);
        let reach = width + 1.0;
        let (left, right) = ((from.0.min(to.0) - reach) as i32, (from.0.max(to.0) + reach) as i32);
        let (top, bottom) = ((from.1.min(to.1) - reach) as i32, (from.1.max(to.1) + reach) as i32);
        for y in top..=bottom {
            for x in left..=right {
                let (px, py) = (x as f32 + 0.5 - from.0, y as f32 + 0.5 - from.1);
                let along = ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0);
                let distance = (px - along * dx).hypot(py - along * dy);
                self.blend(x, y, colour, width / 2.0 + 0.5 - distance);
            }
        }
    }

    fn index(&self, x: i32, y: i32) -> usize {
        (y as usize * self.size.width as usize + x as usize) * BYTES_PER_PIXEL as usize
    }
}
