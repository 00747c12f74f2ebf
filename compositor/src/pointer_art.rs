//! Pictures of the pointer shapes that the host shows itself, for drivers whose protocol has no names for them

use crate::action::{PointerImage, PointerShape};
use crate::geometry::{Point, Size};
use crate::paint::{Colour, Painter};

/// Pixels of a picture's side.
const SIDE: u32 = 25;
const INK: Colour = Colour::rgb(0x11_11_11);
const RIM: Colour = Colour::rgb(0xff_ff_ff);

impl PointerShape {
    /// A picture of the shape: that of an instance's own, or one of arrows that say what dragging does. `None` for the
    /// platform's arrow and for no pointer at all, which every protocol has.
    pub fn picture(&self) -> Option<PointerImage> {
        // Ways that the arrow heads point, as (right, down).
        let ways: &[(f32, f32)] = match self {
            Self::Default | Self::Hidden => return None,
            Self::Image(image) => return Some(PointerImage::clone(image)),
            Self::Move => &[(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)],
            Self::ResizeEw => &[(1.0, 0.0), (-1.0, 0.0)],
            Self::ResizeNs => &[(0.0, 1.0), (0.0, -1.0)],
            Self::ResizeNwse => &[(0.707, 0.707), (-0.707, -0.707)],
            Self::ResizeNesw => &[(0.707, -0.707), (-0.707, 0.707)],
        };
        Some(arrows(ways))
    }
}

fn arrows(ways: &[(f32, f32)]) -> PointerImage {
    let size = Size::new(SIDE, SIDE);
    let mut pixels = vec![0; SIDE as usize * SIDE as usize * 4];
    draw(&mut Painter::new(&mut pixels, size), ways, 5.5, RIM);
    // White over nothing: how bright a pixel is now is how much of it the rim covers.
    for pixel in pixels.chunks_exact_mut(4) {
        pixel[3] = pixel[0];
    }
    draw(&mut Painter::new(&mut pixels, size), ways, 2.2, INK);
    let hot = (SIDE / 2) as i32;
    PointerImage { size, hot_spot: Point::new(hot, hot), pixels }
}

fn draw(painter: &mut Painter<'_>, ways: &[(f32, f32)], width: f32, colour: Colour) {
    let middle = SIDE as f32 / 2.0;
    for (dx, dy) in ways {
        let tip = (middle + dx * 9.0, middle + dy * 9.0);
        painter.line((middle, middle), tip, width, colour);
        for side in [1.0, -1.0] {
            let barb = (tip.0 - dx * 4.0 - dy * 4.0 * side, tip.1 - dy * 4.0 + dx * 4.0 * side);
            painter.line(tip, barb, width, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::action::PointerShape;

    #[test]
    fn resize_arrows_are_drawn_around_their_hot_spot() {
        let image = PointerShape::ResizeEw.picture().expect("drawn");
        let alpha = |x: usize, y: usize| image.pixels[(y * 25 + x) * 4 + 3];
        assert_eq!(alpha(12, 12), 255);
        assert_eq!((alpha(2, 12), alpha(22, 12)), (255, 255));
        assert_eq!((alpha(12, 2), alpha(12, 22), alpha(0, 0)), (0, 0, 0));
        assert_eq!(PointerShape::Default.picture(), None);
    }
}
