//! The pointer: what is under it, who is told, how it looks

use core::time::Duration;

use crate::action::{PointerShape, ToInstance};
use crate::desktop::Desktop;
use crate::frame::{FrameButton, FramePart};
use crate::furniture;
use crate::geometry::{Point, Rect};
use crate::grab::Grab;
use crate::input::{Button, Input};
use crate::scene::CheckedPointer;
use crate::window::{Edges, WindowKey};

/// Two presses on a title bar within this time are a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);
/// Pixels that they may be apart.
const DOUBLE_CLICK_REACH: i32 = 5;

/// What is at a place of the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Background,
    /// The task strip, and the window whose entry is there.
    Strip(Option<WindowKey>),
    Content(WindowKey),
    Frame(WindowKey, FramePart),
}

impl Desktop {
    /// Takes what the user did. True if the scene may have changed.
    pub(crate) fn route(&mut self, input: Input, now: Duration) -> bool {
        match input {
            Input::Key { scancode, released } => self.key(scancode, released, now),
            Input::Unicode { unit, released } => {
                self.unicode(unit, released, now);
                false
            }
            Input::Motion { x, y } => self.motion(x, y, now),
            Input::Button { button, released: false } => self.press(button, now),
            Input::Button { button, released: true } => self.release(button),
            Input::Wheel { horizontal, vertical } => {
                self.wheel(horizontal, vertical);
                false
            }
            Input::Locks(locks) => {
                self.set_locks(locks);
                true
            }
            Input::FocusLost => {
                self.release_keys();
                for button in self.seat.buttons.clone() {
                    self.release(button);
                }
                true
            }
        }
    }

    /// The topmost thing at `point`.
    pub(crate) fn hit(&self, point: Point) -> Hit {
        if furniture::strip_rect(self.size).contains(point) {
            return Hit::Strip(self.entry_at(point));
        }
        for key in self.scene.draw_order().into_iter().rev() {
            let Some(node) = self.scene.get(key).filter(|_| self.scene.is_shown(key)) else {
                continue;
            };
            let layout = self.layout_of(node);
            if layout.content.contains(point) {
                return Hit::Content(key);
            }
            if layout.outer.contains(point) {
                let part = layout.part_at(point, node.is_popup(), node.is_maximised(), node.info.resizable);
                return Hit::Frame(key, part);
            }
        }
        Hit::Background
    }

    fn motion(&mut self, x: i32, y: i32, now: Duration) -> bool {
        self.seat.point_at(x, y, Rect::at(Point::default(), self.size));
        match self.seat.grab {
            Grab::None => self.refresh_pointer(true),
            Grab::Content(_) => {
                self.send_position();
                false
            }
            _ => self.drag(now),
        }
    }

    fn press(&mut self, button: Button, now: Duration) -> bool {
        let first = self.seat.buttons.is_empty();
        if !self.seat.buttons.insert(button) {
            return false;
        }
        if !first {
            if let Grab::Content(_) = self.seat.grab {
                self.send_button(button, false);
            }
            return false;
        }
        match self.hit(self.seat.pointer) {
            Hit::Background | Hit::Strip(None) => self.dismiss_popups(),
            Hit::Strip(Some(root)) => {
                self.dismiss_popups();
                self.seat.grab = Grab::Entry(root);
            }
            Hit::Content(key) => {
                self.choose(key, true);
                self.seat.grab = Grab::Content(key);
                self.retarget(Some(key));
                self.send_position();
                self.send_button(button, false);
            }
            Hit::Frame(key, part) => {
                let top_level = self.scene.top_level_of(key);
                if self.seat.focus == Some(top_level) && part != FramePart::Border {
                    self.dismiss_popups();
                }
                self.choose(key, true);
                if button == Button::Left {
                    self.press_frame(key, part, now);
                }
            }
        }
        true
    }

    fn press_frame(&mut self, key: WindowKey, part: FramePart, now: Duration) {
        match part {
            FramePart::Border => {}
            FramePart::Button(button) => self.seat.grab = Grab::Button(key, button),
            FramePart::Edge(edges) => self.start_resize(key, edges),
            FramePart::Title => {
                let at = self.seat.pointer;
                let again = self.seat.title_press.take().is_some_and(|(before, place, when)| {
                    let near = |a: i32, b: i32| a.abs_diff(b) <= DOUBLE_CLICK_REACH.unsigned_abs();
                    let soon = now.saturating_sub(when) <= DOUBLE_CLICK;
                    before == key && soon && near(place.x, at.x) && near(place.y, at.y)
                });
                if again {
                    self.toggle_maximised(key);
                } else {
                    self.seat.title_press = Some((key, at, now));
                    self.start_move(key);
                }
            }
        }
    }

    fn release(&mut self, button: Button) -> bool {
        if !self.seat.buttons.remove(&button) {
            return false;
        }
        if self.seat.buttons_sent.contains(&button) {
            self.send_button(button, true);
        }
        if !self.seat.buttons.is_empty() {
            return false;
        }
        match core::mem::replace(&mut self.seat.grab, Grab::None) {
            Grab::Button(key, pressed) => {
                if self.hit(self.seat.pointer) == Hit::Frame(key, FramePart::Button(pressed)) {
                    self.push_button(key, pressed);
                }
            }
            Grab::Entry(root) => {
                if self.hit(self.seat.pointer) == Hit::Strip(Some(root)) {
                    self.push_entry(root);
                }
            }
            Grab::Resize(resize) => self.finish_resize(resize),
            Grab::None | Grab::Content(_) | Grab::Move(_) => {}
        }
        true
    }

    fn push_button(&mut self, key: WindowKey, button: FrameButton) {
        match button {
            FrameButton::Minimise => self.minimise(key),
            FrameButton::Maximise => self.toggle_maximised(key),
            FrameButton::Close => self.tell(key.instance, ToInstance::Close { window: key.window }),
        }
    }

    /// The task strip's entry of a window: shows it, or puts it away if it is the one in use.
    fn push_entry(&mut self, root: WindowKey) {
        let in_use = self.seat.focus.is_some_and(|focus| self.scene.root_of(focus) == root);
        if in_use { self.minimise(root) } else { self.choose(root, false) }
    }

    fn toggle_maximised(&mut self, key: WindowKey) {
        let maximised = self.scene.get(key).is_some_and(crate::scene::Node::is_maximised);
        self.set_maximised(key, !maximised);
    }

    fn wheel(&mut self, horizontal: i16, vertical: i16) {
        let Some(target) = self.seat.target else { return };
        if matches!(self.seat.grab, Grab::None | Grab::Content(_)) {
            self.tell(target.instance, ToInstance::Wheel { horizontal, vertical });
        }
    }

    /// Finds out anew what is under the pointer and tells who must know; true if a hover changed. With `moved`, the
    /// target learns the pointer's place even if it stays the target.
    pub(crate) fn refresh_pointer(&mut self, moved: bool) -> bool {
        if self.seat.grab != Grab::None {
            self.update_pointer_shape();
            return false;
        }
        let hit = self.hit(self.seat.pointer);
        let target = if let Hit::Content(key) = hit { Some(key) } else { None };
        let changed = self.seat.target != target;
        self.retarget(target);
        if moved || changed {
            self.send_position();
        }
        let hover =
            if let Hit::Frame(key, FramePart::Button(button)) = hit { Some((key, button)) } else { None };
        let entry = if let Hit::Strip(entry) = hit { entry } else { None };
        let hovers = (hover, entry) != (self.seat.hover, self.seat.hover_entry);
        (self.seat.hover, self.seat.hover_entry) = (hover, entry);
        self.update_pointer_shape();
        hovers
    }

    /// Tells the instances concerned which window the pointer is over.
    pub(crate) fn retarget(&mut self, target: Option<WindowKey>) {
        let before = self.seat.target;
        if before == target {
            return;
        }
        if let Some(old) = before {
            self.release_buttons();
            if target.is_none_or(|new| new.instance != old.instance) {
                self.tell(old.instance, ToInstance::InputTarget { window: None });
            }
        }
        self.seat.target = target;
        if let Some(new) = target {
            self.tell(new.instance, ToInstance::InputTarget { window: Some(new.window) });
        }
    }

    /// No instance believes any longer that a button is down.
    pub(crate) fn release_buttons(&mut self) {
        for button in self.seat.buttons_sent.clone() {
            self.send_button(button, true);
        }
    }

    fn send_position(&mut self) {
        let Some(target) = self.seat.target else { return };
        let Some(node) = self.scene.get(target) else {
            return;
        };
        let origin = self.layout_of(node).content.origin();
        let at = self.seat.pointer.offset(-origin.x, -origin.y);
        self.tell(target.instance, ToInstance::Pointer { x: at.x, y: at.y });
    }

    fn send_button(&mut self, button: Button, released: bool) {
        if let Some(target) = self.seat.target {
            if released {
                self.seat.buttons_sent.remove(&button);
            } else {
                self.seat.buttons_sent.insert(button);
            }
            self.tell(target.instance, ToInstance::Button { button, released });
        }
    }

    /// Tells the driver if the pointer looks different now.
    pub(crate) fn update_pointer_shape(&mut self) {
        let shape = match &self.seat.grab {
            Grab::Move(grab) if grab.begun => PointerShape::Move,
            Grab::Resize(resize) => resize_shape(resize.edges),
            Grab::Content(key) => self.instance_shape(*key),
            Grab::None => match self.hit(self.seat.pointer) {
                Hit::Content(key) => self.instance_shape(key),
                Hit::Frame(_, FramePart::Edge(edges)) => resize_shape(edges),
                Hit::Frame(..) | Hit::Background | Hit::Strip(_) => PointerShape::Default,
            },
            Grab::Move(_) | Grab::Button(..) | Grab::Entry(_) => PointerShape::Default,
        };
        if self.seat.shape != shape {
            self.seat.shape = shape.clone();
            self.actions.push(crate::action::Action::PointerShape(shape));
        }
    }

    fn instance_shape(&self, key: WindowKey) -> PointerShape {
        match self.scene.instances.get(&key.instance).map(|instance| &instance.pointer) {
            None | Some(CheckedPointer::Default) => PointerShape::Default,
            Some(CheckedPointer::Hidden) => PointerShape::Hidden,
            Some(CheckedPointer::Image(image)) => PointerShape::Image(image.clone()),
        }
    }
}

fn resize_shape(edges: Edges) -> PointerShape {
    match (edges.left || edges.right, edges.top || edges.bottom) {
        (true, false) => PointerShape::ResizeEw,
        (false, _) => PointerShape::ResizeNs,
        (true, true) if edges.left == edges.top => PointerShape::ResizeNwse,
        (true, true) => PointerShape::ResizeNesw,
    }
}
