//! The pointer: where it is and what it presses, and how it looks

use std::collections::HashSet;

use bailey_link::{InputEvent, PointerButton, PointerImage};
use winit::event::MouseButton;

/// Position and buttons.
#[derive(Debug, Default)]
pub(crate) struct Pointer {
    at: (i16, i16),
    down: HashSet<PointerButton>,
}

impl Pointer {
    /// The pointer is at this place of the window; `None` if that is where it was.
    pub(crate) fn moved(&mut self, x: f64, y: f64) -> Option<InputEvent> {
        // A float converts with saturation; the daemon keeps the pointer on the desktop.
        let at = (x.floor() as i16, y.floor() as i16);
        if std::mem::replace(&mut self.at, at) == at {
            return None;
        }
        Some(InputEvent::PointerMove { x: at.0, y: at.1 })
    }

    /// A button went down or up; `None` for buttons that RDP cannot name, and for releases without a press.
    pub(crate) fn button(&mut self, button: MouseButton, released: bool) -> Option<InputEvent> {
        let button = match button {
            MouseButton::Left => PointerButton::Left,
            MouseButton::Right => PointerButton::Right,
            MouseButton::Middle => PointerButton::Middle,
            MouseButton::Back => PointerButton::Back,
            MouseButton::Forward => PointerButton::Forward,
            MouseButton::Other(_) => return None,
        };
        let changed = if released { self.down.remove(&button) } else { self.down.insert(button) };
        changed.then(|| self.event(button, released))
    }

    /// The window lost the pointer: releases of all buttons.
    pub(crate) fn release_all(&mut self) -> Vec<InputEvent> {
        std::mem::take(&mut self.down).into_iter().map(|button| self.event(button, true)).collect()
    }

    fn event(&self, button: PointerButton, released: bool) -> InputEvent {
        let (x, y) = self.at;
        InputEvent::PointerButton { button, released, x, y }
    }
}

/// The picture's pixels as winit wants them: RGBA with straight alpha.
pub(crate) fn straight_rgba(image: &PointerImage) -> Vec<u8> {
    let straight = |part: u8, alpha: u8| match alpha {
        0 => 0,
        alpha => (u16::from(part) * 255 / u16::from(alpha)).min(255) as u8,
    };
    image
        .pixels
        .chunks_exact(4)
        .flat_map(|pixel| {
            let alpha = pixel[3];
            [straight(pixel[2], alpha), straight(pixel[1], alpha), straight(pixel[0], alpha), alpha]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bailey_link::{InputEvent, PointerButton, PointerImage};
    use winit::event::MouseButton;

    use super::{Pointer, straight_rgba};

    #[test]
    fn presses_carry_the_place_and_come_in_pairs() {
        let mut pointer = Pointer::default();
        assert_eq!(pointer.moved(10.7, 20.2), Some(InputEvent::PointerMove { x: 10, y: 20 }));
        assert_eq!(pointer.moved(10.9, 20.9), None);
        let event =
            |released| InputEvent::PointerButton { button: PointerButton::Left, released, x: 10, y: 20 };
        assert_eq!(pointer.button(MouseButton::Left, true), None);
        assert_eq!(pointer.button(MouseButton::Left, false), Some(event(false)));
        assert_eq!(pointer.release_all(), [event(true)]);
        assert_eq!(pointer.button(MouseButton::Left, true), None);
    }

    #[test]
    fn pointer_images_lose_their_premultiplication() {
        let pixels = vec![0x40, 0x20, 0x80, 0x80, 0, 0, 0, 0];
        let image = PointerImage { width: 2, height: 1, hot_spot: (0, 0), pixels };
        assert_eq!(straight_rgba(&image), [0xff, 0x3f, 0x7f, 0x80, 0, 0, 0, 0]);
    }
}
