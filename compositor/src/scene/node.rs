//! One window of the scene

use std::collections::VecDeque;

use crate::frame::{Frame, Insets, metrics};
use crate::geometry::{Point, Rect, Size};
use crate::surface::Surface;
use crate::window::{Edges, ShowState, WindowInfo, WindowKey};

/// Confirmations awaited at most; an instance that never confirms costs no more than this.
const AWAITED_REPORTS: usize = 8;

/// Where a top-level window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Its outer corner is at this point.
    Floating(Point),
    /// It covers the work area; the rest is for when it no longer does.
    Maximised {
        /// The outer corner to go back to.
        restore_at: Point,
        /// The content size to go back to.
        restore_size: Option<Size>,
    },
}

/// What an instance reports about a window's show state: confirmations of what the host did, or wishes.
#[derive(Debug, Default)]
pub(crate) struct ShowReport {
    last: ShowState,
    awaited: VecDeque<ShowState>,
}

impl ShowReport {
    pub(crate) fn new(first: ShowState) -> Self {
        Self { last: first, awaited: VecDeque::new() }
    }

    /// The host told the instance to show the window like this: it will say so in turn.
    pub(crate) fn await_confirmation(&mut self, state: ShowState) {
        if self.awaited.len() == AWAITED_REPORTS {
            self.awaited.pop_front();
        }
        self.awaited.push_back(state);
    }

    /// Takes a report; the new state if it is a wish of the instance's own.
    pub(crate) fn wish(&mut self, state: ShowState) -> Option<ShowState> {
        if state == self.last {
            return None;
        }
        self.last = state;
        if let Some(at) = self.awaited.iter().position(|awaited| *awaited == state) {
            self.awaited.drain(..=at);
            return None;
        }
        Some(state)
    }
}

/// A corner that stays where it is while a window is resized by the opposite edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The edges that move.
    pub(crate) edges: Edges,
    /// The outer rectangle when the resize began.
    pub(crate) outer: Rect,
}

/// A window or popup.
pub(crate) struct Node {
    pub(crate) key: WindowKey,
    /// As the instance gave it, but with its title made harmless.
    pub(crate) info: WindowInfo,
    /// Counts windows in order of creation, for the task strip.
    pub(crate) born: u64,
    /// The windows it owns, lowest first.
    pub(crate) children: Vec<WindowKey>,
    /// Its pixels; present once it was presented.
    pub(crate) content: Option<Surface>,
    pub(crate) frame: Option<Frame>,
    pub(crate) placement: Placement,
    pub(crate) minimised: bool,
    pub(crate) report: ShowReport,
    pub(crate) anchor: Option<Anchor>,
    /// Asked for the user's attention in vain: it came up while the user was busy elsewhere.
    pub(crate) attention: bool,
    /// Bytes it is charged for.
    pub(crate) bytes: u64,
}

impl Node {
    pub(crate) fn new(key: WindowKey, info: WindowInfo, born: u64) -> Self {
        let report = ShowReport::new(info.show_state);
        Self {
            key,
            info,
            born,
            children: Vec::new(),
            content: None,
            frame: None,
            placement: Placement::Floating(Point::default()),
            minimised: false,
            report,
            anchor: None,
            attention: false,
            bytes: 0,
        }
    }

    pub(crate) fn is_popup(&self) -> bool {
        self.info.popup
    }

    /// The owner's key, if it is owned.
    pub(crate) fn owner(&self) -> Option<WindowKey> {
        self.info.owner.map(|window| WindowKey::new(self.key.instance, window))
    }

    pub(crate) fn is_maximised(&self) -> bool {
        matches!(self.placement, Placement::Maximised { .. })
    }

    /// Shown, as far as it depends on the window alone.
    pub(crate) fn wants_to_show(&self) -> bool {
        self.content.is_some() && !self.minimised && self.info.show_state != ShowState::Hidden
    }

    pub(crate) fn content_size(&self) -> Size {
        self.content.as_ref().map(|content| content.size).unwrap_or_default()
    }

    pub(crate) fn insets(&self) -> Insets {
        if self.is_popup() { metrics::POPUP } else { metrics::TOP_LEVEL }
    }

    /// The content size that the user may give the window, next to `wanted`.
    pub(crate) fn clamp_size(&self, wanted: Size, work: Rect) -> Size {
        let room = self.insets().shrink(work.size());
        let side = |wanted: u32, min: u32, max: u32, floor: u32, room: u32| {
            let max = if max == 0 { room } else { max.min(room) }.max(1);
            wanted.clamp(min.max(floor).min(max), max)
        };
        let (min, max) = (self.info.min_size, self.info.max_size);
        Size {
            width: side(wanted.width, min.width, max.width, metrics::MIN_CLIENT.width, room.width),
            height: side(wanted.height, min.height, max.height, metrics::MIN_CLIENT.height, room.height),
        }
    }
}
