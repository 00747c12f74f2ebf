//! The wheel, in RDP's rotation units

use bailey_link::InputEvent;
use winit::event::MouseScrollDelta;

/// Rotation units of a notch (MS-RDPBCGR 2.2.8.1.1.3.1.1.3).
const NOTCH: f64 = 120.0;
/// Pixels that a touchpad scrolls for what a notch does.
const PIXELS_A_NOTCH: f64 = 40.0;

/// Adds up turns until they make a whole unit.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    horizontal: f64,
    vertical: f64,
}

impl Wheel {
    /// The wheel turned; `None` as long as it is less than a unit.
    pub(crate) fn turn(&mut self, delta: MouseScrollDelta) -> Option<InputEvent> {
        let (x, y) = match delta {
            MouseScrollDelta::LineDelta(x, y) => (f64::from(x) * NOTCH, f64::from(y) * NOTCH),
            MouseScrollDelta::PixelDelta(by) => {
                (by.x / PIXELS_A_NOTCH * NOTCH, by.y / PIXELS_A_NOTCH * NOTCH)
            }
        };
        // winit counts how the content moves: to the right if the wheel is turned to the left.
        let horizontal = whole(&mut self.horizontal, -x);
        let vertical = whole(&mut self.vertical, y);
        ((horizontal, vertical) != (0, 0)).then_some(InputEvent::Wheel { vertical, horizontal })
    }
}

/// Adds `more` to `sum` and takes the whole units out of it.
fn whole(sum: &mut f64, more: f64) -> i16 {
    *sum += more;
    // A float converts with saturation.
    let units = sum.trunc() as i16;
    *sum = sum.fract();
    units
}

#[cfg(test)]
mod tests {
    use bailey_link::InputEvent;
    use winit::dpi::PhysicalPosition;
    use winit::event::MouseScrollDelta;

    use super::Wheel;

    #[test]
    fn notches_and_pixels_become_rotation_units() {
        let mut wheel = Wheel::default();
        let turned = |vertical, horizontal| Some(InputEvent::Wheel { vertical, horizontal });
        assert_eq!(wheel.turn(MouseScrollDelta::LineDelta(0.0, 1.0)), turned(120, 0));
        assert_eq!(wheel.turn(MouseScrollDelta::LineDelta(1.0, -2.0)), turned(-240, -120));
        let slowly = MouseScrollDelta::PixelDelta(PhysicalPosition::new(0.0, 0.25));
        assert_eq!(wheel.turn(slowly), None);
        assert_eq!(wheel.turn(slowly), turned(1, 0));
    }
}
