//! What a window shows: layers of client buffers, and how they become plain pixels.

use crate::pixels::rect::Rect;
use crate::pixels::source::{BYTES_PER_PIXEL, Format, ShmBuffer, SourceError};

/// `wl_output.transform` of a buffer: quarter turns counter-clockwise, then a flip around the vertical axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// Quarter turns, 0 to 3.
    pub turns: u8,
    /// Mirrored left to right.
    pub flipped: bool,
}

impl Transform {
    /// From the protocol's number, 0 to 7.
    pub const fn from_wire(value: u32) -> Option<Self> {
        if value > 7 {
            return None;
        }
        Some(Self { turns: (value & 3) as u8, flipped: value & 4 != 0 })
    }

    /// Whether it changes nothing.
    pub const fn is_identity(self) -> bool {
        self.turns == 0 && !self.flipped
    }

    /// A buffer's size as seen after the transform.
    pub const fn size(self, width: i32, height: i32) -> (i32, i32) {
        if self.turns & 1 == 1 { (height, width) } else { (width, height) }
    }

    /// The buffer pixel that is seen at (`x`, `y`), where the seen size is (`width`, `height`).
    const fn to_buffer(self, x: i32, y: i32, width: i32, height: i32) -> (i32, i32) {
        let x = if self.flipped { width - 1 - x } else { x };
        match self.turns {
            0 => (x, y),
            1 => (y, width - 1 - x),
            2 => (width - 1 - x, height - 1 - y),
            _ => (height - 1 - y, x),
        }
    }
}

/// A part of a buffer's seen picture, in buffer pixels (fractions allowed).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// One buffer, placed in a window.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The pixels.
    pub buffer: ShmBuffer,
    /// How the buffer is turned.
    pub transform: Transform,
    /// Which part of it (after the transform) is shown.
    pub source: Source,
    /// Where in the window it is shown, in window pixels.
    pub dest: Rect,
    /// The client promises that no pixel shines through.
    pub opaque: bool,
}

impl Layer {
    /// Whether one buffer pixel is one window pixel; then the buffer pixel at the top left of `dest`.
    fn unscaled_origin(&self) -> Option<(i32, i32)> {
        let source = self.source;
        let whole = source.x.fract() == 0.0 && source.y.fract() == 0.0;
        let same = source.width == f64::from(self.dest.width) && source.height == f64::from(self.dest.height);
        (self.transform.is_identity() && whole && same).then_some((source.x as i32, source.y as i32))
    }

    /// Whether nothing beneath it can be seen.
    fn hides_below(&self) -> bool {
        self.opaque || self.buffer.format == Format::Xrgb8888
    }
}

/// A rectangle of a client's buffer that is a window's whole picture.
#[derive(Clone, Debug)]
pub struct Direct<'a> {
    /// The buffer.
    pub buffer: &'a ShmBuffer,
    /// First byte of the first pixel, in the pool's file.
    pub offset: u64,
}

/// All that a window shows.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Pixels per row.
    pub width: i32,
    /// Rows.
    pub height: i32,
    /// Bottom first. All lie at least partly inside.
    pub layers: Vec<Layer>,
}

impl Picture {
    /// The whole picture as a rectangle.
    pub const fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    /// Width and height, as the link writes them.
    pub fn unsigned_size(&self) -> (u32, u32) {
        (u32::try_from(self.width).unwrap_or(0), u32::try_from(self.height).unwrap_or(0))
    }

    /// The client rectangle that already is this picture, if there is one: the topmost
    /// layer that fills the window, when nothing lies above it and nothing shines through.
    pub fn direct(&self) -> Option<Direct<'_>> {
        let layer = self.layers.last()?;
        if self.layers.len() > 1 && !layer.hides_below() {
            return None;
        }
        let (x, y) = layer.unscaled_origin()?;
        if !layer.dest.covers(self.bounds()) {
            return None;
        }
        let x = u64::try_from(x - layer.dest.x).ok()?;
        let y = u64::try_from(y - layer.dest.y).ok()?;
        let offset = layer.buffer.offset + y * layer.buffer.stride + x * BYTES_PER_PIXEL;
        Some(Direct { buffer: &layer.buffer, offset })
    }

    /// Whether every pixel is opaque for certain.
    pub fn is_opaque(&self) -> bool {
        self.layers.iter().any(|layer| layer.hides_below() && layer.dest.covers(self.bounds()))
    }

    /// Composes `rect` (inside the bounds) into `out` as BGRA rows, `rect.width * 4` bytes each.
    ///
    /// # Errors
    /// Where a client's file is too short. `out` then holds what could be read.
    pub fn compose(&self, rect: Rect, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let stride = usize::try_from(rect.width).unwrap_or(0) * 4;
        out.clear();
        out.resize(stride * usize::try_from(rect.height).unwrap_or(0), 0);
        let hiding = |layer: &Layer| layer.hides_below() && layer.dest.covers(rect);
        let first = self.layers.iter().rposition(hiding).unwrap_or(0);
        let mut result = Ok(());
        for (index, layer) in self.layers.iter().enumerate().skip(first) {
            let replace = index == first || layer.hides_below();
            let area = layer.dest.intersect(rect);
            if area.is_empty() {
                continue;
            }
            let mut target = Target { rect, area, stride, out, replace };
            let drawn = match layer.unscaled_origin() {
                Some(origin) => target.copy(layer, origin),
                None => target.sample(layer),
            };
            result = result.and(drawn);
        }
        result
    }
}

/// Where one layer is drawn to.
struct Target<'a> {
    rect: Rect,
    area: Rect,
    stride: usize,
    out: &'a mut Vec<u8>,
    replace: bool,
}

impl Target<'_> {
    /// One window pixel is one buffer pixel.
    fn copy(&mut self, layer: &Layer, origin: (i32, i32)) -> Result<(), SourceError> {
        let left = origin.0 + self.area.x - layer.dest.x;
        let top = origin.1 + self.area.y - layer.dest.y;
        let bytes = usize::try_from(self.area.width).unwrap_or(0) * 4;
        let stride = usize::try_from(layer.buffer.stride).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        let bulk = bytes * 2 >= stride;
        if bulk {
            let height = usize::try_from(self.area.height).unwrap_or(0);
            rows.resize((height - 1) * stride + bytes, 0);
            layer.buffer.read_row(left, top, &mut rows)?;
        } else {
            rows.resize(bytes, 0);
        }
        for row in 0..self.area.height {
            let start = if bulk { usize::try_from(row).unwrap_or(0) * stride } else { 0 };
            if !bulk {
                layer.buffer.read_row(left, top + row, &mut rows)?;
            }
            self.put(row, &rows[start..start + bytes], layer);
        }
        Ok(())
    }

    /// Scaled, turned or cut at a fraction: the nearest pixel.
    fn sample(&mut self, layer: &Layer) -> Result<(), SourceError> {
        let buffer = &layer.buffer;
        let stride = usize::try_from(buffer.width).unwrap_or(0) * 4;
        let mut pixels = vec![0; stride * usize::try_from(buffer.height).unwrap_or(0)];
        for (y, row) in pixels.chunks_exact_mut(stride).enumerate() {
            buffer.read_row(0, i32::try_from(y).unwrap_or(i32::MAX), row)?;
        }
        let (seen_width, seen_height) = layer.transform.size(buffer.width, buffer.height);
        let step_x = layer.source.width / f64::from(layer.dest.width);
        let step_y = layer.source.height / f64::from(layer.dest.height);
        let mut line = vec![0; usize::try_from(self.area.width).unwrap_or(0) * 4];
        for row in 0..self.area.height {
            let down = f64::from(self.area.y + row - layer.dest.y) + 0.5;
            let y = ((layer.source.y + down * step_y) as i32).clamp(0, seen_height - 1);
            for (column, pixel) in line.chunks_exact_mut(4).enumerate() {
                let across = f64::from(self.area.x - layer.dest.x) + column as f64 + 0.5;
                let x = ((layer.source.x + across * step_x) as i32).clamp(0, seen_width - 1);
                let (bx, by) = layer.transform.to_buffer(x, y, seen_width, seen_height);
                let at = usize::try_from(by).unwrap_or(0) * stride + usize::try_from(bx).unwrap_or(0) * 4;
                pixel.copy_from_slice(&pixels[at..at + 4]);
            }
            self.put(row, &line, layer);
        }
        Ok(())
    }

    /// Puts one row of the area in place: copied, or blended over what is there.
    fn put(&mut self, row: i32, source: &[u8], layer: &Layer) {
        let y = usize::try_from(self.area.y - self.rect.y + row).unwrap_or(0);
        let x = usize::try_from(self.area.x - self.rect.x).unwrap_or(0);
        let start = y * self.stride + x * 4;
        let target = &mut self.out[start..start + source.len()];
        let opaque = layer.buffer.format == Format::Xrgb8888;
        if self.replace {
            target.copy_from_slice(source);
            if opaque {
                target.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 0xff);
            }
            return;
        }
        for (under, over) in target.chunks_exact_mut(4).zip(source.chunks_exact(4)) {
            let through = 255 - u32::from(over[3]);
            for (below, above) in under.iter_mut().zip(over) {
                let sum = u32::from(*above) + (u32::from(*below) * through + 127) / 255;
                *below = sum.min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests;
