//! The seat: one keyboard and one pointer, whoever sits behind them

use core::time::Duration;
use std::collections::BTreeSet;

use crate::action::PointerShape;
use crate::frame::FrameButton;
use crate::geometry::{Point, Rect, Size};
use crate::grab::Grab;
use crate::input::{Button, Locks, Scancode};
use crate::window::{InstanceId, WindowKey};

/// What the user's devices do at the moment.
pub(crate) struct Seat {
    /// The top-level that has the keyboard. May name a window that has just gone, until the desktop settles.
    pub(crate) focus: Option<WindowKey>,
    /// Keys that are down.
    pub(crate) keys_down: BTreeSet<Scancode>,
    /// Of these, the ones that the focused instance knows to be down.
    pub(crate) keys_sent: BTreeSet<Scancode>,
    pub(crate) locks: Locks,
    /// When a key last went down.
    pub(crate) typed_at: Option<Duration>,
    /// Windows that Alt+Tab chooses from, while Alt is held.
    pub(crate) switcher: Option<Switcher>,

    pub(crate) pointer: Point,
    /// Buttons that are down.
    pub(crate) buttons: BTreeSet<Button>,
    /// Of these, the ones that the instance of `target` knows to be down.
    pub(crate) buttons_sent: BTreeSet<Button>,
    /// The window that the pointer's instance was last told it is over. May have just gone, as `focus`.
    pub(crate) target: Option<WindowKey>,
    pub(crate) grab: Grab,
    /// The frame's button under the pointer.
    pub(crate) hover: Option<(WindowKey, FrameButton)>,
    /// The task strip's entry under the pointer.
    pub(crate) hover_entry: Option<WindowKey>,
    /// The last press on a title bar, which the next one may make a double click.
    pub(crate) title_press: Option<(WindowKey, Point, Duration)>,
    /// What the driver was last told.
    pub(crate) shape: PointerShape,
}

/// Choosing a window by Alt+Tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Switcher {
    pub(crate) order: Vec<WindowKey>,
    pub(crate) at: usize,
}

impl Seat {
    pub(crate) fn new(desktop: Size) -> Self {
        let middle = Point::new(desktop.width as i32 / 2, desktop.height as i32 / 2);
        Self {
            focus: None,
            keys_down: BTreeSet::new(),
            keys_sent: BTreeSet::new(),
            locks: Locks::default(),
            typed_at: None,
            switcher: None,
            pointer: middle,
            buttons: BTreeSet::new(),
            buttons_sent: BTreeSet::new(),
            target: None,
            grab: Grab::None,
            hover: None,
            hover_entry: None,
            title_press: None,
            shape: PointerShape::Default,
        }
    }

    /// Moves the pointer, but not off the desktop.
    pub(crate) fn point_at(&mut self, x: i32, y: i32, desktop: Rect) {
        self.pointer = Point::new(x.clamp(0, desktop.right() - 1), y.clamp(0, desktop.bottom() - 1));
    }

    /// The window's number may be used again for another window: nothing but `focus` and `target`, which the desktop
    /// puts right itself, may still mean this one.
    pub(crate) fn forget_window(&mut self, key: WindowKey) {
        self.hover = self.hover.filter(|(own, _)| *own != key);
        self.hover_entry = self.hover_entry.filter(|own| *own != key);
        self.title_press = self.title_press.filter(|(own, ..)| *own != key);
        if let Some(switcher) = &mut self.switcher {
            let chosen = switcher.order.get(switcher.at).copied();
            switcher.order.retain(|own| *own != key);
            switcher.at = switcher.order.iter().position(|own| Some(*own) == chosen).unwrap_or(0);
        }
    }

    /// An instance is gone: nothing can be sent to it any more.
    pub(crate) fn forget_instance(&mut self, id: InstanceId) {
        if self.focus.is_some_and(|focus| focus.instance == id) {
            self.focus = None;
            self.keys_sent.clear();
        }
        if self.target.is_some_and(|target| target.instance == id) {
            self.target = None;
            self.buttons_sent.clear();
        }
        if self.grab.window().is_some_and(|window| window.instance == id) {
            self.grab = Grab::None;
        }
    }
}
