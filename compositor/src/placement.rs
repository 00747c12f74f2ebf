//! Where windows are: room on the desktop, first places, popups, maximising

use crate::action::ToInstance;
use crate::desktop::Desktop;
use crate::frame::{Layout, metrics};
use crate::furniture;
use crate::geometry::{Point, Rect, Size};
use crate::scene::{Node, Placement};
use crate::window::{ShowState, WindowKey};

/// Pixels that each new window lies further right and down than the one before.
const CASCADE: i32 = 34;
/// Pixels left between a new window and its neighbours.
const GAP: i32 = 16;
/// Windows that a new one's place is chosen by, at most.
const MANY_WINDOWS: usize = 32;
/// Pixels of a title bar that stay on the desktop wherever a window is moved.
const REACHABLE: i32 = 80;
/// Largest share of the work area, in percent of both sides, that a popup may cover.
const POPUP_SHARE: u32 = 90;

impl Desktop {
    /// The desktop without the task strip.
    pub(crate) fn work_area(&self) -> Rect {
        Rect::new(0, 0, self.size.width, self.size.height.saturating_sub(furniture::STRIP_HEIGHT))
    }

    /// The rectangles of a window that has pixels.
    pub(crate) fn layout_of(&self, node: &Node) -> Layout {
        if node.is_popup() { self.popup_layout(node) } else { self.top_level_layout(node) }
    }

    fn top_level_layout(&self, node: &Node) -> Layout {
        let insets = metrics::TOP_LEVEL;
        let work = self.work_area();
        let room = insets.shrink(work.size());
        let shown = min(node.content_size(), room);
        let outer = match node.placement {
            Placement::Maximised { .. } => work,
            Placement::Floating(at) => {
                let client = Size {
                    width: shown.width.max(metrics::MIN_CLIENT.width),
                    height: shown.height.max(metrics::MIN_CLIENT.height),
                };
                Rect::at(at, insets.grow(client))
            }
        };
        let content = Rect::at(outer.origin().offset(insets.side as i32, insets.top as i32), shown);
        Layout { outer, content, insets }
    }

    /// A popup is where its owner's content and its offset say, but slid so that it touches its owner (as xdg-shell
    /// demands of `xdg_positioner`), and slid and cut so that it lies in the work area with its whole border and leaves
    /// a part of the work area free. It cannot be put over another instance's window far away.
    fn popup_layout(&self, node: &Node) -> Layout {
        let insets = metrics::POPUP;
        let work = self.work_area();
        let owner = node.owner().and_then(|owner| self.scene.get(owner));
        let owner = owner.map(|owner| self.layout_of(owner));
        let (near, origin) =
            owner.map_or_else(|| (work, work.origin()), |owner| (owner.outer, owner.content.origin()));
        let wanted = insets.grow(node.content_size());
        let share = Size::new(work.width * POPUP_SHARE / 100, work.height * POPUP_SHARE / 100);
        let covers_all = wanted.width > share.width && wanted.height > share.height;
        let size = min(wanted, if covers_all { share } else { work.size() });
        let (width, height) = (size.width as i32, size.height as i32);
        let corner = origin
            .offset(node.info.offset.x, node.info.offset.y)
            .offset(-(insets.side as i32), -(insets.top as i32));
        let at = Point {
            x: corner.x.clamp(near.x - width, near.right()).clamp(work.x, work.right() - width),
            y: corner.y.clamp(near.y - height, near.bottom()).clamp(work.y, work.bottom() - height),
        };
        let content = Rect::at(at.offset(insets.side as i32, insets.top as i32), insets.shrink(size));
        Layout { outer: Rect::at(at, size), content, insets }
    }

    /// Gives a window its first place: a dialog over its owner, everything else where room is.
    pub(crate) fn place_first(&mut self, key: WindowKey) {
        let work = self.work_area();
        let Some(node) = self.scene.get(key) else { return };
        if node.is_popup() {
            return;
        }
        let outer = self.layout_of(node).outer.size();
        let owner =
            node.owner().and_then(|owner| self.scene.get(owner)).filter(|owner| owner.content.is_some());
        let over = owner.map(|owner| self.layout_of(owner).outer);
        let wants_maximised = node.info.show_state == ShowState::Maximised;
        let content = node.content_size();
        let at = match over {
            Some(over) => Point {
                x: over.x + (over.width as i32 - outer.width as i32) / 2,
                y: over.y + (over.height as i32 - outer.height as i32) / 2,
            },
            None => self.free_place(outer, work),
        };
        // All of it in sight, if that is possible.
        let at = Point {
            x: at.x.min(work.right() - outer.width as i32).max(work.x),
            y: at.y.min(work.bottom() - outer.height as i32).max(work.y),
        };
        let room = metrics::TOP_LEVEL.shrink(work.size());
        if let Some(node) = self.scene.get_mut(key) {
            node.placement = Placement::Floating(at);
        }
        if wants_maximised {
            self.set_maximised(key, true);
        } else if min(content, room) != content {
            self.configure(key, min(content, room), false);
        }
    }

    /// The place where a window covers least of the others; in a cascade if it would cover much anywhere.
    fn free_place(&mut self, outer: Size, work: Rect) -> Point {
        let others: Vec<Rect> = self
            .scene
            .roots()
            .iter()
            .filter(|key| self.scene.is_shown(**key))
            .filter_map(|key| self.scene.get(*key))
            .filter(|node| node.frame.is_some())
            .map(|node| self.layout_of(node).outer)
            .take(MANY_WINDOWS)
            .collect();
        let (right, bottom) = (work.right() - outer.width as i32, work.bottom() - outer.height as i32);
        let along = |start: i32, end: i32, beside: &dyn Fn(&Rect) -> [i32; 2]| -> Vec<i32> {
            let gap = GAP.min(end / 2);
            let mut places = vec![start + gap, end - gap];
            places.extend(others.iter().flat_map(beside));
            places.retain(|place| (start..=end).contains(place));
            places
        };
        let xs = along(work.x, right, &|other| [other.right() + GAP, other.x - GAP - outer.width as i32]);
        let ys = along(work.y, bottom, &|other| [other.bottom() + GAP, other.y - GAP - outer.height as i32]);
        let covered = |at: &Point| -> u64 {
            let place = Rect::at(*at, outer);
            let shared = others.iter().filter_map(|other| other.intersection(place));
            shared.map(|shared| shared.size().byte_len()).sum()
        };
        let places = ys.iter().flat_map(|y| xs.iter().map(|x| Point::new(*x, *y)));
        let best = places.map(|at| (covered(&at), at.y, at.x)).min();
        match best {
            Some((covered, y, x)) if covered <= outer.byte_len() / 3 => Point::new(x, y),
            _ => self.cascade(outer, work),
        }
    }

    fn cascade(&mut self, outer: Size, work: Rect) -> Point {
        let steps_x = (work.width as i32 - outer.width as i32) / CASCADE;
        let steps_y = (work.height as i32 - outer.height as i32) / CASCADE;
        let step = self.furniture.next_cascade_step();
        let along = |steps: i32| {
            if steps > 0 { CASCADE * (1 + step % steps) } else { 0 }
        };
        Point::new(work.x + along(steps_x), work.y + along(steps_y))
    }

    /// `at` moved so that a window of the outer size `outer` can be taken by its title bar.
    pub(crate) fn reachable(&self, at: Point, outer: Size) -> Point {
        let work = self.work_area();
        let reach = REACHABLE.min(outer.width as i32);
        Point {
            x: at.x.clamp(work.x + reach - outer.width as i32, work.right() - reach),
            y: at.y.clamp(work.y, (work.bottom() - metrics::TOP_LEVEL.top as i32).max(work.y)),
        }
    }

    /// Tells an instance which content size a window should take.
    pub(crate) fn configure(&mut self, key: WindowKey, size: Size, resizing: bool) {
        let maximised = self.scene.get(key).is_some_and(Node::is_maximised);
        self.tell(
            key.instance,
            ToInstance::Configure { window: key.window, size: Some(size), maximised, resizing },
        );
    }

    /// Lets a top-level cover the work area, or no longer.
    pub(crate) fn set_maximised(&mut self, key: WindowKey, maximised: bool) {
        let room = metrics::TOP_LEVEL.shrink(self.work_area().size());
        let Some(node) = self.scene.get_mut(key) else {
            return;
        };
        if node.is_popup() || (maximised && !node.info.resizable) {
            return;
        }
        let size = match (node.placement, maximised) {
            (Placement::Floating(restore_at), true) => {
                let restore_size = node.content.as_ref().map(|content| content.size);
                node.placement = Placement::Maximised { restore_at, restore_size };
                node.report.await_confirmation(ShowState::Maximised);
                Some(room)
            }
            (Placement::Maximised { restore_at, restore_size }, false) => {
                node.placement = Placement::Floating(restore_at);
                node.report.await_confirmation(ShowState::Normal);
                restore_size
            }
            _ => return,
        };
        node.anchor = None;
        self.tell(
            key.instance,
            ToInstance::Configure { window: key.window, size, maximised, resizing: false },
        );
        self.keep_reachable(key);
    }

    /// Hides a window's family; only the task strip shows it then.
    pub(crate) fn minimise(&mut self, key: WindowKey) {
        let root = self.scene.root_of(key);
        let Some(node) = self.scene.get_mut(root) else {
            return;
        };
        if !node.minimised {
            node.minimised = true;
            node.report.await_confirmation(ShowState::Minimised);
            self.tell(root.instance, ToInstance::Minimise { window: root.window, minimised: true });
        }
    }

    /// Shows a minimised family again.
    pub(crate) fn unminimise(&mut self, key: WindowKey) {
        let root = self.scene.root_of(key);
        let Some(node) = self.scene.get_mut(root) else {
            return;
        };
        if node.minimised {
            node.minimised = false;
            let state = if node.is_maximised() { ShowState::Maximised } else { ShowState::Normal };
            node.report.await_confirmation(state);
            self.tell(root.instance, ToInstance::Minimise { window: root.window, minimised: false });
        }
    }

    /// The instance wants its window back at its own size.
    pub(crate) fn restore(&mut self, key: WindowKey) {
        let minimised = self.scene.get(self.scene.root_of(key)).is_some_and(|root| root.minimised);
        if minimised { self.unminimise(key) } else { self.set_maximised(key, false) }
    }

    pub(crate) fn keep_reachable(&mut self, key: WindowKey) {
        let Some(node) = self.scene.get(key) else { return };
        let Placement::Floating(at) = node.placement else {
            return;
        };
        let at = self.reachable(at, self.layout_of(node).outer.size());
        if let Some(node) = self.scene.get_mut(key) {
            node.placement = Placement::Floating(at);
        }
    }

    /// After the desktop's size changed: windows stay within reach, maximised ones get their new size.
    pub(crate) fn fit_into_work_area(&mut self) {
        let room = metrics::TOP_LEVEL.shrink(self.work_area().size());
        for key in self.scene.keys() {
            let maximised = self.scene.get(key).is_some_and(Node::is_maximised);
            if maximised { self.configure(key, room, false) } else { self.keep_reachable(key) }
        }
    }
}

fn min(a: Size, b: Size) -> Size {
    Size::new(a.width.min(b.width), a.height.min(b.height))
}
