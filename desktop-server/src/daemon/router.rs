//! Input from an attached RDP client, for one instance alone.
//!
//! The desktop's own routing knows all windows, among them those that lie over the instance's. An attached client must
//! reach none of them, so its input goes straight to the instance: the pointer to the topmost of its windows there, keys
//! to the window that was clicked last.

use bailey_compositor::{Input, Layer, LayerKind, Point, Rect, ToInstance};

/// A window's content on the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) window: u32,
    pub(super) rect: Rect,
    pub(super) popup: bool,
}

impl Target {
    /// What of a layer can be a target.
    pub(super) fn of(layer: &Layer<'_>, instance: u32) -> Option<Self> {
        let key = layer.window.filter(|key| key.instance.0 == instance)?;
        let popup = match layer.kind {
            LayerKind::Content => false,
            LayerKind::Popup => true,
            LayerKind::Background | LayerKind::Frame | LayerKind::Strip => return None,
        };
        Some(Self { window: key.window, rect: layer.rect, popup })
    }
}

/// Pointer and keyboard of one attached client.
#[derive(Debug, Default)]
pub(super) struct Router {
    at: Point,
    target: Option<u32>,
    active: Option<u32>,
    buttons: usize,
}

impl Router {
    /// What to tell the instance; `targets` are its windows from bottom to top.
    pub(super) fn route(&mut self, input: Input, targets: &[Target], out: &mut Vec<ToInstance>) {
        match input {
            Input::Motion { x, y } => {
                self.at = Point::new(x, y);
                if self.buttons == 0 {
                    let under = targets.iter().rev().find(|target| target.rect.contains(self.at));
                    self.aim(under.map(|target| target.window), out);
                }
                if let Some(target) = targets.iter().find(|target| Some(target.window) == self.target) {
                    out.push(ToInstance::Pointer { x: x - target.rect.x, y: y - target.rect.y });
                }
            }
            Input::Button { button, released } => {
                self.buttons = if released { self.buttons.saturating_sub(1) } else { self.buttons + 1 };
                let Some(target) = targets.iter().find(|target| Some(target.window) == self.target) else {
                    return;
                };
                if !released && !target.popup {
                    self.activate(target.window, out);
                }
                out.push(ToInstance::Button { button, released });
            }
            Input::Wheel { horizontal, vertical } => {
                if self.target.is_some() {
                    out.push(ToInstance::Wheel { horizontal, vertical });
                }
            }
            Input::Key { scancode, released } => {
                self.activate_something(targets, out);
                out.push(ToInstance::Key { scancode, released });
            }
            Input::Unicode { unit, released } => {
                self.activate_something(targets, out);
                out.push(ToInstance::Unicode { unit, released });
            }
            Input::Locks(locks) => out.push(ToInstance::Locks(locks)),
            Input::FocusLost => {}
        }
    }

    fn aim(&mut self, window: Option<u32>, out: &mut Vec<ToInstance>) {
        if self.target != window {
            self.target = window;
            out.push(ToInstance::InputTarget { window });
        }
    }

    fn activate(&mut self, window: u32, out: &mut Vec<ToInstance>) {
        if self.active != Some(window) {
            if let Some(before) = self.active.replace(window) {
                out.push(ToInstance::Activate { window: before, active: false });
            }
            out.push(ToInstance::Activate { window, active: true });
        }
    }

    /// Keys need a window: the topmost where none was clicked, or the clicked one is gone.
    fn activate_something(&mut self, targets: &[Target], out: &mut Vec<ToInstance>) {
        let there = |window| targets.iter().any(|target| target.window == window);
        if self.active.is_some_and(there) {
            return;
        }
        self.active = None;
        if let Some(top) = targets.iter().rev().find(|target| !target.popup) {
            self.activate(top.window, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use bailey_compositor::{Button, Scancode};

    use super::*;

    fn routed(router: &mut Router, input: Input) -> Vec<ToInstance> {
        let target = |window, x| Target { window, rect: Rect::new(x, 0, 100, 100), popup: false };
        let mut out = Vec::new();
        router.route(input, &[target(1, 0), target(2, 50)], &mut out);
        out
    }

    #[test]
    fn input_goes_to_the_window_under_the_pointer_and_keys_to_the_clicked_one() {
        let mut router = Router::default();
        let motion = |x| Input::Motion { x, y: 5 };
        assert_eq!(
            routed(&mut router, motion(60)),
            [ToInstance::InputTarget { window: Some(2) }, ToInstance::Pointer { x: 10, y: 5 }]
        );
        let button = |released| Input::Button { button: Button::Left, released };
        let told = |released| ToInstance::Button { button: Button::Left, released };
        assert_eq!(
            routed(&mut router, button(false)),
            [ToInstance::Activate { window: 2, active: true }, told(false)]
        );
        assert_eq!(routed(&mut router, motion(10)), [ToInstance::Pointer { x: -40, y: 5 }], "held");
        assert_eq!(routed(&mut router, button(true)), [told(true)]);
        assert_eq!(routed(&mut router, motion(10))[0], ToInstance::InputTarget { window: Some(1) });
        let key = Input::Key { scancode: Scancode { code: 30, extended: false }, released: false };
        assert_eq!(routed(&mut router, key).len(), 1, "window 2 has the keyboard already");
        let mut fresh = Router::default();
        assert_eq!(routed(&mut fresh, key)[0], ToInstance::Activate { window: 2, active: true });
        assert_eq!(routed(&mut router, motion(500)), [ToInstance::InputTarget { window: None }]);
    }
}
