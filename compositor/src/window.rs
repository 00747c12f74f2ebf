//! What an instance says about itself and its windows

use crate::geometry::{Point, Rect, Size};

/// An instance, as the driver numbers them; never reused while the desktop lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub u32);

/// A window of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey {
    /// Whose.
    pub instance: InstanceId,
    /// The instance's own number for it.
    pub window: u32,
}

impl WindowKey {
    /// Window `window` of `instance`.
    pub const fn new(instance: InstanceId, window: u32) -> Self {
        Self { instance, window }
    }
}

/// The colour that stands for an instance on every frame and border of its windows. Opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrustColour {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

impl TrustColour {
    /// The colour of these components.
    pub const fn new(r: u8, g: u8, b: u8) -> Self {
        Self { r, g, b }
    }

    /// Well distinguishable colours to hand out in turn: number `n` of eight.
    pub const fn nth(n: usize) -> Self {
        const COLOURS: [TrustColour; 8] = [
            TrustColour::new(0x3b, 0x82, 0xf6), // blue
            TrustColour::new(0x22, 0xa5, 0x59), // green
            TrustColour::new(0xf5, 0x9e, 0x0b), // amber
            TrustColour::new(0xd9, 0x46, 0xef), // magenta
            TrustColour::new(0xef, 0x44, 0x44), // red
            TrustColour::new(0x14, 0xb8, 0xa6), // teal
            TrustColour::new(0xa8, 0x79, 0x4f), // brown
            TrustColour::new(0x94, 0x8f, 0xf0), // violet
        ];
        COLOURS[n % COLOURS.len()]
    }
}

/// How an instance wants a window shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShowState {
    /// Not at all, and not in the task strip either.
    Hidden,
    /// In the task strip only.
    Minimised,
    /// At its own size.
    #[default]
    Normal,
    /// Over the whole work area. Full screen counts as this: the frame and the task strip stay in sight.
    Maximised,
}

/// What an instance says about a window. Nothing of it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowInfo {
    /// Title; control and direction characters are dropped before it is shown.
    pub title: String,
    /// `app_id` of xdg-shell.
    pub app_id: String,
    /// Another window of the same instance that this one belongs to and stays above. Must exist.
    pub owner: Option<u32>,
    /// True for menus, tooltips and the like: placed by `offset`, framed by a thin border, never focused, gone with the owner.
    pub popup: bool,
    /// For a popup: its place relative to its owner's content.
    pub offset: Point,
    /// Smallest content size; 0 for no wish.
    pub min_size: Size,
    /// Largest content size; 0 for no wish.
    pub max_size: Size,
    /// How it wants to be shown. A change is a request, unless it confirms what the host asked for.
    pub show_state: ShowState,
    /// False if the user may neither resize nor maximise it.
    pub resizable: bool,
}

/// What a person or a program that looks after the desktop may want to know of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSummary {
    /// Which.
    pub key: WindowKey,
    /// Its title, harmless.
    pub title: String,
    /// Its application id, harmless.
    pub app_id: String,
    /// True for a popup.
    pub popup: bool,
    /// Where it is with its frame, in desktop pixels; `None` while it is not shown.
    pub outer: Option<Rect>,
    /// Where its content is, in desktop pixels; `None` while it is not shown.
    pub content: Option<Rect>,
    /// True if it has the keyboard.
    pub focused: bool,
    /// True if only the task strip shows it.
    pub minimised: bool,
    /// True if it covers the work area.
    pub maximised: bool,
}

/// What an instance asks for while the user drags in a window without touching the host's frame (RAIL's local move/size).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowRequest {
    /// Let the pointer, whose button is down in the window, move the window.
    Move,
    /// Let the pointer, whose button is down in the window, resize the window by these edges.
    Resize(Edges),
}

/// Edges of a window that a resize takes along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// The left one.
    pub left: bool,
    /// The right one; not together with `left`.
    pub right: bool,
    /// The top one.
    pub top: bool,
    /// The bottom one; not together with `top`.
    pub bottom: bool,
}

impl Edges {
    /// True if no edge is named.
    pub const fn is_empty(self) -> bool {
        !(self.left || self.right || self.top || self.bottom)
    }
}
