//! `wl_surface`: double-buffered state, and what a commit makes of it.

use std::collections::HashMap;

use wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::WpPresentationFeedback;
use wayland_server::protocol::wl_buffer::WlBuffer;
use wayland_server::protocol::wl_callback::WlCallback;
use wayland_server::protocol::wl_surface::WlSurface;

use crate::pixels::picture::{Source, Transform};
use crate::pixels::rect::{Rect, Region};
use crate::pixels::source::ShmBuffer;
use crate::wayland::buffer::BufferUse;
use crate::wayland::xdg_surface::XdgRole;
use crate::x11::X11Role;

/// Names a surface; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SurfaceId(pub u32);

/// A buffer with the handle that its release goes to.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The protocol object.
    pub resource: WlBuffer,
    /// Its pixels.
    pub shm: ShmBuffer,
}

/// What requests have asked for since the last commit; `None` means unchanged.
#[derive(Debug, Default)]
pub struct Changes {
    /// A new buffer, or none.
    pub buffer: Option<Option<Attached>>,
    /// Movement of the buffer's top left corner.
    pub offset: (i32, i32),
    /// Damage in surface coordinates.
    pub damage: Vec<Rect>,
    /// Damage in buffer coordinates.
    pub buffer_damage: Vec<Rect>,
    /// Callbacks for the next good time to draw.
    pub frames: Vec<WlCallback>,
    /// Presentation feedbacks.
    pub feedbacks: Vec<WpPresentationFeedback>,
    /// The input region; none means all of the surface.
    pub input: Option<Option<Region>>,
    /// The opaque region.
    pub opaque: Option<Option<Region>>,
    /// How the buffer is turned.
    pub transform: Option<Transform>,
    /// Buffer pixels per surface unit.
    pub scale: Option<i32>,
    /// Viewport source rectangle.
    pub source: Option<Option<Source>>,
    /// Viewport destination size.
    pub destination: Option<Option<(i32, i32)>>,
    /// Window geometry of an `xdg_surface`.
    pub geometry: Option<Rect>,
    /// Smallest size of a top-level, 0 for none.
    pub min_size: Option<(i32, i32)>,
    /// Largest size of a top-level, 0 for none.
    pub max_size: Option<(i32, i32)>,
}

/// Rectangles of damage that one commit may name; more are merged to the bounding box.
const MAX_DAMAGE: usize = 256;

/// Adds a damage rectangle, bounded.
pub fn push_damage(list: &mut Vec<Rect>, rect: Rect) {
    if list.len() >= MAX_DAMAGE {
        let all = list.iter().fold(rect, |all, known| all.union(*known));
        list.clear();
        list.push(all);
        return;
    }
    list.push(rect);
}

impl Changes {
    /// Lays newer changes over these (a commit of a synchronised subsurface).
    pub fn merge(&mut self, newer: Self) {
        macro_rules! newest {
            ($($field:ident),*) => { $(if newer.$field.is_some() { self.$field = newer.$field; })* };
        }
        newest!(input, opaque, transform, scale, source, destination, geometry, min_size, max_size);
        if let Some(buffer) = newer.buffer {
            // The one that is replaced before it was shown goes straight back.
            if let Some(Some(old)) = self.buffer.replace(buffer) {
                drop(BufferUse::new(&old.resource, &old.shm));
            }
        }
        self.offset.0 = self.offset.0.saturating_add(newer.offset.0);
        self.offset.1 = self.offset.1.saturating_add(newer.offset.1);
        for rect in newer.damage {
            push_damage(&mut self.damage, rect);
        }
        for rect in newer.buffer_damage {
            push_damage(&mut self.buffer_damage, rect);
        }
        self.frames.extend(newer.frames);
        self.feedbacks.extend(newer.feedbacks);
    }
}

/// What a surface shows.
#[derive(Debug)]
pub struct Content {
    /// The picture.
    pub buffer: Option<ShmBuffer>,
    /// Keeps the client from drawing in it.
    pub held: Option<BufferUse>,
    /// Where input is taken; none means everywhere.
    pub input: Option<Region>,
    /// Where the client promises opacity.
    pub opaque: Option<Region>,
    /// How the buffer is turned.
    pub transform: Transform,
    /// Buffer pixels per surface unit.
    pub scale: i32,
    /// Viewport source rectangle.
    pub source: Option<Source>,
    /// Viewport destination size.
    pub destination: Option<(i32, i32)>,
    /// Sum of the offsets of all attaches.
    pub offset: (i32, i32),
}

impl Default for Content {
    fn default() -> Self {
        Self {
            buffer: None,
            held: None,
            input: None,
            opaque: None,
            transform: Transform::default(),
            scale: 1,
            source: None,
            destination: None,
            offset: (0, 0),
        }
    }
}

impl Content {
    /// The surface's size in surface units; (0, 0) without a buffer.
    pub fn size(&self) -> (i32, i32) {
        let Some(buffer) = &self.buffer else { return (0, 0) };
        if let Some(destination) = self.destination {
            return destination;
        }
        if let Some(source) = self.source {
            return ((source.width as i32).max(1), (source.height as i32).max(1));
        }
        let (width, height) = self.transform.size(buffer.width, buffer.height);
        ((width / self.scale).max(1), (height / self.scale).max(1))
    }

    /// The part of the (turned) buffer that is shown, in buffer pixels.
    pub fn shown(&self) -> Source {
        let scale = f64::from(self.scale);
        if let Some(source) = self.source {
            return Source {
                x: source.x * scale,
                y: source.y * scale,
                width: source.width * scale,
                height: source.height * scale,
            };
        }
        let (width, height) =
            self.buffer.as_ref().map_or((0, 0), |buffer| self.transform.size(buffer.width, buffer.height));
        Source { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) }
    }

    /// A rectangle of the buffer, in surface units, rounded outwards.
    fn damage_of_buffer(&self, rect: Rect) -> Rect {
        let (width, height) = self.size();
        let whole = Rect::new(0, 0, width, height);
        if !self.transform.is_identity() || self.source.is_some() || self.destination.is_some() {
            return whole;
        }
        let scale = self.scale;
        let x = rect.x.div_euclid(scale);
        let y = rect.y.div_euclid(scale);
        let right = rect.right().saturating_add(scale - 1).div_euclid(scale);
        let bottom = rect.bottom().saturating_add(scale - 1).div_euclid(scale);
        Rect::new(x, y, right.saturating_sub(x), bottom.saturating_sub(y)).intersect(whole)
    }

    /// Takes over changes. Returns the damage in surface units, and whether the
    /// surface's size or presence changed.
    pub fn apply(&mut self, changes: &mut Changes) -> (Vec<Rect>, bool) {
        let before = (self.size(), self.shown(), self.transform, self.buffer.is_some());
        if let Some(buffer) = changes.buffer.take() {
            self.held = buffer.as_ref().map(|attached| BufferUse::new(&attached.resource, &attached.shm));
            self.buffer = buffer.map(|attached| attached.shm);
        }
        self.offset.0 = self.offset.0.saturating_add(changes.offset.0);
        self.offset.1 = self.offset.1.saturating_add(changes.offset.1);
        macro_rules! take {
            ($($field:ident),*) => { $(if let Some(value) = changes.$field.take() { self.$field = value; })* };
        }
        take!(input, opaque, transform, scale, source, destination);
        let after = (self.size(), self.shown(), self.transform, self.buffer.is_some());
        let whole = Rect::new(0, 0, self.size().0, self.size().1);
        if before != after {
            return (vec![whole], before.0 != after.0 || before.3 != after.3);
        }
        let mut damage: Vec<Rect> = changes.damage.drain(..).map(|rect| rect.intersect(whole)).collect();
        damage.extend(changes.buffer_damage.drain(..).map(|rect| self.damage_of_buffer(rect)));
        damage.retain(|rect| !rect.is_empty());
        (damage, false)
    }
}

/// `wl_subsurface`.
#[derive(Debug)]
pub struct Subsurface {
    /// What it lies on.
    pub parent: SurfaceId,
    /// Relative to the parent's top left corner.
    pub position: (i32, i32),
    /// Takes effect with the parent's next commit.
    pub next_position: Option<(i32, i32)>,
    /// Commits take effect with the parent's only.
    pub synchronised: bool,
}

/// What a surface is for; chosen once.
#[derive(Debug, Default)]
pub enum Role {
    /// Nothing yet.
    #[default]
    None,
    /// Part of another surface.
    Subsurface(Subsurface),
    /// A window or popup.
    Xdg(Box<XdgRole>),
    /// A window of an X11 client.
    X11(Box<X11Role>),
    /// A pointer image.
    Cursor,
    /// What is dragged.
    DragIcon,
}

/// A surface.
#[derive(Debug)]
pub struct Surface {
    /// The protocol object.
    pub resource: WlSurface,
    /// What it is for.
    pub role: Role,
    /// Asked for since the last commit.
    pub pending: Changes,
    /// Committed while synchronised, waiting for the parent.
    pub cached: Option<Changes>,
    /// What it shows.
    pub content: Content,
    /// Callbacks for the next good time to draw.
    pub frames: Vec<WlCallback>,
    /// Feedbacks for the next present.
    pub feedbacks: Vec<WpPresentationFeedback>,
    /// Subsurfaces and, as `None`, this surface itself: bottom first.
    pub stack: Vec<Option<SurfaceId>>,
    /// The order after this surface's next commit.
    pub next_stack: Option<Vec<Option<SurfaceId>>>,
    /// A `wp_viewport` exists.
    pub has_viewport: bool,
}

impl Surface {
    /// A surface without content or role.
    pub fn new(resource: WlSurface) -> Self {
        Self {
            resource,
            role: Role::None,
            pending: Changes::default(),
            cached: None,
            content: Content::default(),
            frames: Vec::new(),
            feedbacks: Vec::new(),
            stack: vec![None],
            next_stack: None,
            has_viewport: false,
        }
    }

    /// Whether it has a role already.
    pub const fn has_role(&self) -> bool {
        !matches!(self.role, Role::None)
    }

    /// Its window or popup state.
    pub fn xdg(&self) -> Option<&XdgRole> {
        if let Role::Xdg(xdg) = &self.role { Some(xdg) } else { None }
    }

    /// Its window or popup state.
    pub fn xdg_mut(&mut self) -> Option<&mut XdgRole> {
        if let Role::Xdg(xdg) = &mut self.role { Some(xdg) } else { None }
    }
}

impl Surface {
    /// The host's number of its window, while it is mapped.
    pub fn window(&self) -> Option<u32> {
        match &self.role {
            Role::Xdg(xdg) => xdg.window,
            Role::X11(x11) => x11.window,
            _ => None,
        }
    }

    /// Where a surface that may have a window keeps its number.
    pub fn window_mut(&mut self) -> Option<&mut Option<u32>> {
        match &mut self.role {
            Role::Xdg(xdg) => Some(&mut xdg.window),
            Role::X11(x11) => Some(&mut x11.window),
            _ => None,
        }
    }
}

/// All surfaces by name.
pub type Surfaces = HashMap<SurfaceId, Surface>;
