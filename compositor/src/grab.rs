//! What holding a button does: moving and resizing windows, pressing the host's buttons, or an instance's own business

use core::time::Duration;

use crate::desktop::Desktop;
use crate::frame::{FrameButton, metrics};
use crate::geometry::{Point, Rect, Size};
use crate::input::Button;
use crate::limits::Violation;
use crate::scene::{Anchor, Placement};
use crate::window::{Edges, WindowKey, WindowRequest};

/// Pixels that the pointer goes before a press on a title bar becomes a move.
const MOVE_THRESHOLD: u32 = 4;
/// Least time between two sizes asked of an instance while the user drags an edge.
const RESIZE_PACE: Duration = Duration::from_millis(30);

/// What the held buttons mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grab {
    None,
    /// The pointer belongs to this window, wherever it is.
    Content(WindowKey),
    Move(MoveGrab),
    Resize(ResizeGrab),
    /// A button of a frame was pressed; it acts if the pointer is still on it in the end.
    Button(WindowKey, FrameButton),
    /// So was an entry of the task strip.
    Entry(WindowKey),
}

/// A window being moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MoveGrab {
    window: WindowKey,
    /// Where the button went down.
    from: Point,
    /// The window's outer rectangle then.
    outer: Rect,
    /// True once the pointer went far enough.
    pub(crate) begun: bool,
}

/// A window being resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResizeGrab {
    window: WindowKey,
    pub(crate) edges: Edges,
    from: Point,
    /// The content size then.
    size: Size,
    /// The last size asked for, and when.
    asked: Option<(Size, Duration)>,
}

impl Grab {
    /// The window that it is about.
    pub(crate) fn window(&self) -> Option<WindowKey> {
        match *self {
            Self::None => None,
            Self::Content(key) | Self::Button(key, _) | Self::Entry(key) => Some(key),
            Self::Move(MoveGrab { window, .. }) | Self::Resize(ResizeGrab { window, .. }) => Some(window),
        }
    }
}

impl Desktop {
    pub(crate) fn start_move(&mut self, window: WindowKey) {
        if let Some(node) = self.scene.get(window) {
            let outer = self.layout_of(node).outer;
            self.seat.grab = Grab::Move(MoveGrab { window, from: self.seat.pointer, outer, begun: false });
        }
    }

    pub(crate) fn start_resize(&mut self, window: WindowKey, edges: Edges) {
        let Some(node) = self.scene.get(window) else {
            return;
        };
        let (outer, size) = (self.layout_of(node).outer, node.content_size());
        self.seat.grab =
            Grab::Resize(ResizeGrab { window, edges, from: self.seat.pointer, size, asked: None });
        if let Some(node) = self.scene.get_mut(window) {
            node.anchor = Some(Anchor { edges, outer });
        }
    }

    /// Turns a press in a window's content into a move or resize by the host.
    pub(crate) fn start_requested_grab(
        &mut self,
        key: WindowKey,
        request: WindowRequest,
    ) -> Result<(), Violation> {
        let node = self.scene.get(key).ok_or(Violation::UnknownWindow(key.window))?;
        let held = self.seat.grab == Grab::Content(key) && self.seat.buttons.contains(&Button::Left);
        let resizable = node.info.resizable && !node.is_maximised();
        if !held || node.is_popup() {
            return Ok(());
        }
        match request {
            WindowRequest::Move => self.start_move(key),
            WindowRequest::Resize(edges) => {
                let one_way = !(edges.is_empty() || edges.left && edges.right || edges.top && edges.bottom);
                if !resizable || !one_way {
                    return Ok(());
                }
                self.start_resize(key, edges);
            }
        }
        // The instance no longer has the pointer, nor a button.
        self.retarget(None);
        Ok(())
    }

    /// The pointer moved while the host holds it. True if the scene may have changed.
    pub(crate) fn drag(&mut self, now: Duration) -> bool {
        match self.seat.grab {
            Grab::Move(grab) => self.drag_window(grab),
            Grab::Resize(grab) => self.drag_edges(grab, now),
            Grab::None | Grab::Content(_) | Grab::Button(..) | Grab::Entry(_) => return false,
        }
        true
    }

    fn drag_window(&mut self, mut grab: MoveGrab) {
        let pointer = self.seat.pointer;
        let far = |a: i32, b: i32| a.abs_diff(b) > MOVE_THRESHOLD;
        if !grab.begun {
            if !far(pointer.x, grab.from.x) && !far(pointer.y, grab.from.y) {
                return;
            }
            grab.begun = true;
            self.seat.title_press = None;
            self.pull_off(&mut grab);
        }
        self.seat.grab = Grab::Move(grab);
        let at = grab.outer.origin().offset(pointer.x - grab.from.x, pointer.y - grab.from.y);
        let at = self.reachable(at, grab.outer.size());
        if let Some(node) = self.scene.get_mut(grab.window) {
            node.placement = Placement::Floating(at);
            node.anchor = None;
        }
    }

    /// A maximised window that is dragged gets its own size back, under the pointer.
    fn pull_off(&mut self, grab: &mut MoveGrab) {
        let Some(node) = self.scene.get(grab.window) else {
            return;
        };
        let Placement::Maximised { restore_size, .. } = node.placement else {
            return;
        };
        let size = metrics::TOP_LEVEL.grow(restore_size.unwrap_or_else(|| node.content_size()));
        self.set_maximised(grab.window, false);
        let share = i64::from(grab.from.x - grab.outer.x) * i64::from(size.width)
            / i64::from(grab.outer.width.max(1));
        let left = grab.from.x - i32::try_from(share).unwrap_or(0);
        grab.outer = Rect::at(Point::new(left, grab.outer.y), size);
    }

    fn drag_edges(&mut self, grab: ResizeGrab, now: Duration) {
        let size = self.dragged_size(&grab);
        let due =
            grab.asked.is_none_or(|(asked, when)| asked != size && now.saturating_sub(when) >= RESIZE_PACE);
        if due && (grab.asked.is_some() || size != grab.size) {
            self.configure(grab.window, size, true);
            self.seat.grab = Grab::Resize(ResizeGrab { asked: Some((size, now)), ..grab });
        }
    }

    pub(crate) fn finish_resize(&mut self, grab: ResizeGrab) {
        let size = self.dragged_size(&grab);
        if grab.asked.is_some() || size != grab.size {
            // Even if the size was asked for before: the instance learns that the dragging is over.
            self.configure(grab.window, size, false);
        }
    }

    fn dragged_size(&self, grab: &ResizeGrab) -> Size {
        let along = |size: u32, low: bool, high: bool, way: i32| match (low, high) {
            (true, _) => size.saturating_add_signed(-way),
            (_, true) => size.saturating_add_signed(way),
            _ => size,
        };
        let (dx, dy) = (self.seat.pointer.x - grab.from.x, self.seat.pointer.y - grab.from.y);
        let wanted = Size {
            width: along(grab.size.width, grab.edges.left, grab.edges.right, dx),
            height: along(grab.size.height, grab.edges.top, grab.edges.bottom, dy),
        };
        match self.scene.get(grab.window) {
            Some(node) => {
                let clamped = node.clamp_size(wanted, self.work_area());
                Size {
                    width: if wanted.width == grab.size.width { grab.size.width } else { clamped.width },
                    height: if wanted.height == grab.size.height { grab.size.height } else { clamped.height },
                }
            }
            None => grab.size,
        }
    }

    /// Ends a grab whose window is gone or out of sight.
    pub(crate) fn fix_grab(&mut self) {
        let Some(window) = self.seat.grab.window() else {
            return;
        };
        let entry = matches!(self.seat.grab, Grab::Entry(_));
        let alive = if entry { self.scene.get(window).is_some() } else { self.scene.is_shown(window) };
        if !alive {
            self.release_buttons();
            self.seat.grab = Grab::None;
        }
    }
}
