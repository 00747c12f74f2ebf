//! Where a frame's parts are

use crate::geometry::{Point, Rect, Size};
use crate::window::Edges;

/// Pixels of a top-level's border.
pub(crate) const BORDER: u32 = 4;
/// Pixels of the title bar, without the border above it.
pub(crate) const TITLE: u32 = 28;
/// Pixels of a popup's border.
pub(crate) const POPUP_BORDER: u32 = 2;
/// Pixels of a title-bar button, across.
pub(crate) const BUTTON: u32 = 30;
/// Pixels from a corner within which an edge also takes its neighbour along.
pub(crate) const CORNER: i32 = 20;
/// Least room inside a top-level's frame, so that label and buttons stay in sight.
pub(crate) const MIN_CLIENT: Size = Size::new(176, 24);

/// How far a frame reaches beyond what it frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insets {
    pub(crate) top: u32,
    pub(crate) side: u32,
}

/// Frame of a top-level window.
pub(crate) const TOP_LEVEL: Insets = Insets { top: BORDER + TITLE, side: BORDER };
/// Frame of a popup.
pub(crate) const POPUP: Insets = Insets { top: POPUP_BORDER, side: POPUP_BORDER };

impl Insets {
    /// Outer size of a frame around `inner`.
    pub(crate) const fn grow(self, inner: Size) -> Size {
        Size {
            width: inner.width.saturating_add(2 * self.side),
            height: inner.height.saturating_add(self.top + self.side),
        }
    }

    /// Room inside a frame of the outer size `outer`.
    pub(crate) const fn shrink(self, outer: Size) -> Size {
        Size {
            width: outer.width.saturating_sub(2 * self.side),
            height: outer.height.saturating_sub(self.top + self.side),
        }
    }
}

/// A button of the title bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameButton {
    Minimise,
    Maximise,
    Close,
}

impl FrameButton {
    pub(crate) const ALL: [Self; 3] = [Self::Minimise, Self::Maximise, Self::Close];
}

/// What of a frame is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FramePart {
    Title,
    Button(FrameButton),
    Edge(Edges),
    /// A border that does nothing: a popup's, or that of a window which cannot be resized.
    Border,
}

/// The rectangles of a window and its frame on the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Everything.
    pub(crate) outer: Rect,
    /// The part of the content that is shown; the frame's sides are all around it.
    pub(crate) content: Rect,
    pub(crate) insets: Insets,
}

impl Layout {
    /// The sides: top, left, right, bottom. Together with the content they cover `outer`, without overlap.
    pub(crate) fn sides(&self) -> [Rect; 4] {
        let (outer, inner) = (self.outer, self.content);
        [
            Rect::from_edges(outer.x, outer.y, outer.right(), inner.y),
            Rect::from_edges(outer.x, inner.y, inner.x, inner.bottom()),
            Rect::from_edges(inner.right(), inner.y, outer.right(), inner.bottom()),
            Rect::from_edges(outer.x, inner.bottom(), outer.right(), outer.bottom()),
        ]
    }

    /// Rectangle of a title-bar button relative to the outer corner; only top-levels have buttons, and only those that
    /// can be resized the one to maximise.
    pub(crate) fn button(&self, button: FrameButton, resizable: bool) -> Option<Rect> {
        let from_right = match (button, resizable) {
            (FrameButton::Close, _) => 1,
            (FrameButton::Maximise, true) | (FrameButton::Minimise, false) => 2,
            (FrameButton::Maximise, false) => return None,
            (FrameButton::Minimise, true) => 3,
        };
        let right = self.outer.width.saturating_sub(BORDER);
        let x = i32::try_from(right.saturating_sub(from_right * BUTTON)).ok()?;
        Some(Rect::new(x, BORDER as i32, BUTTON, TITLE))
    }

    /// What of the frame is at `point` of the desktop, which lies in `outer` but not in `content`.
    pub(crate) fn part_at(&self, point: Point, popup: bool, maximised: bool, resizable: bool) -> FramePart {
        if popup {
            return FramePart::Border;
        }
        let edges = self.edges_at(point);
        if !edges.is_empty() {
            let fixed = maximised || !resizable;
            return if fixed { FramePart::Border } else { FramePart::Edge(edges) };
        }
        let local = point.offset(-self.outer.x, -self.outer.y);
        let under = FrameButton::ALL
            .into_iter()
            .find(|button| self.button(*button, resizable).is_some_and(|place| place.contains(local)));
        match under {
            Some(button) => FramePart::Button(button),
            None if local.y < TOP_LEVEL.top as i32 => FramePart::Title,
            None => FramePart::Border,
        }
    }

    fn edges_at(&self, point: Point) -> Edges {
        let border = BORDER as i32;
        let outer = self.outer;
        let from_left = point.x - outer.x;
        let from_top = point.y - outer.y;
        let from_right = outer.right() - 1 - point.x;
        let from_bottom = outer.bottom() - 1 - point.y;
        if [from_left, from_top, from_right, from_bottom].into_iter().all(|away| away >= border) {
            return Edges::default();
        }
        let (reach_x, reach_y) = (CORNER.min(outer.width as i32 / 3), CORNER.min(outer.height as i32 / 3));
        Edges {
            left: from_left < reach_x,
            right: from_right < reach_x && from_left >= reach_x,
            top: from_top < reach_y,
            bottom: from_bottom < reach_y && from_top >= reach_y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FrameButton, FramePart, Layout, TOP_LEVEL};
    use crate::geometry::{Point, Rect};
    use crate::window::Edges;

    fn layout() -> Layout {
        Layout {
            outer: Rect::new(100, 100, 308, 236),
            content: Rect::new(104, 132, 300, 200),
            insets: TOP_LEVEL,
        }
    }

    fn part(x: i32, y: i32) -> FramePart {
        layout().part_at(Point::new(x, y), false, false, true)
    }

    #[test]
    fn edges_and_corners_resize() {
        let edges = |left, right, top, bottom| FramePart::Edge(Edges { left, right, top, bottom });
        assert_eq!(part(101, 200), edges(true, false, false, false));
        assert_eq!(part(406, 200), edges(false, true, false, false));
        assert_eq!(part(250, 101), edges(false, false, true, false));
        assert_eq!(part(250, 334), edges(false, false, false, true));
        assert_eq!(part(101, 101), edges(true, false, true, false));
        assert_eq!(part(400, 334), edges(false, true, false, true));
        assert_eq!(part(406, 330), edges(false, true, false, true));
    }

    #[test]
    fn title_bar_moves_and_its_buttons_act() {
        assert_eq!(part(200, 115), FramePart::Title);
        assert_eq!(part(400, 115), FramePart::Button(FrameButton::Close));
        assert_eq!(part(360, 115), FramePart::Button(FrameButton::Maximise));
        assert_eq!(part(330, 115), FramePart::Button(FrameButton::Minimise));
    }

    #[test]
    fn fixed_windows_and_popups_have_inert_borders() {
        let at = Point::new(101, 200);
        assert_eq!(layout().part_at(at, false, true, true), FramePart::Border);
        assert_eq!(layout().part_at(at, false, false, false), FramePart::Border);
        assert_eq!(layout().part_at(Point::new(200, 115), true, false, true), FramePart::Border);
    }

    #[test]
    fn sides_and_content_tile_the_whole() {
        let layout = layout();
        let area = |rect: Rect| u64::from(rect.width) * u64::from(rect.height);
        let parts: u64 = layout.sides().into_iter().map(area).sum::<u64>() + area(layout.content);
        assert_eq!(parts, area(layout.outer));
    }
}
