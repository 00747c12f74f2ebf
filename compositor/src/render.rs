//! The CPU's way from layers to a picture

use crate::canvas::CanvasMut;
use crate::geometry::{Point, Rect};
use crate::layer::Layer;
use crate::pixels::BYTES_PER_PIXEL;
use crate::region::Region;

/// Parts to draw beyond which hidden pixels are drawn too rather than worked out.
const MANY_PARTS: usize = 256;

/// Draws `layers` (bottom to top) within `clip`.
pub(crate) fn render(layers: &[Layer<'_>], canvas: &mut CanvasMut<'_>, clip: &[Rect]) {
    let bounds = Rect::at(Point::default(), canvas.size);
    let mut open = Region::new();
    for rect in clip.iter().filter_map(|rect| rect.intersection(bounds)) {
        open.add(rect);
    }
    // From the top: each layer gets what no opaque layer above covers.
    let mut jobs: Vec<(&Layer<'_>, Region)> = Vec::new();
    for layer in layers.iter().rev() {
        if open.is_empty() {
            break;
        }
        let part = open.within(layer.rect);
        if part.is_empty() {
            continue;
        }
        if layer.opaque && open.rects().len() < MANY_PARTS {
            open.subtract(layer.rect);
        }
        jobs.push((layer, part));
    }
    for (layer, part) in jobs.into_iter().rev() {
        for rect in part.rects() {
            draw(layer, canvas, *rect);
        }
    }
}

/// Draws the part of a layer within `rect`, which lies within both the layer and the canvas.
fn draw(layer: &Layer<'_>, canvas: &mut CanvasMut<'_>, rect: Rect) {
    let bytes = layer.storage.bytes();
    let pixel = BYTES_PER_PIXEL as usize;
    let row_len = rect.width as usize * pixel;
    let source_x = (rect.x - layer.rect.x + layer.source.x) as usize * pixel;
    for y in rect.y..rect.bottom() {
        let source_y = (y - layer.rect.y + layer.source.y) as usize;
        let from = source_y * layer.stride() as usize + source_x;
        let to = y as usize * canvas.stride + rect.x as usize * pixel;
        // A layer's rectangle never exceeds its storage; if it did, the row would rather be left out than panic.
        let (Some(from), Some(to)) =
            (bytes.get(from..from + row_len), canvas.bytes.get_mut(to..to + row_len))
        else {
            continue;
        };
        if layer.opaque { to.copy_from_slice(from) } else { lay_over(from, to) }
    }
}

/// Premultiplied `over` (Porter and Duff).
fn lay_over(from: &[u8], to: &mut [u8]) {
    for (above, below) in from.chunks_exact(4).zip(to.chunks_exact_mut(4)) {
        match above[3] {
            255 => below.copy_from_slice(above),
            0 if above[..3] == [0, 0, 0] => {}
            alpha => {
                let rest = u32::from(255 - alpha);
                for (above, below) in above.iter().zip(below.iter_mut()) {
                    let sum = u32::from(*above) + (u32::from(*below) * rest + 127) / 255;
                    *below = sum.min(255) as u8;
                }
            }
        }
    }
}
