//! `wl_pointer`, and the pointer's picture.

use bailey_link::limits::MAX_POINTER_SIDE;
use bailey_link::{PointerImage, PointerShape, ToHost};
use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_pointer::{self, Axis, AxisSource, ButtonState, WlPointer};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource};

use crate::state::State;
use crate::wayland::surface::{Role, SurfaceId};
use crate::window::tree;

/// Surface units that one notch of a wheel scrolls.
const NOTCH: f64 = 15.0;
/// `BTN_LEFT` of `linux/input-event-codes.h`.
const LEFT_BUTTON: u32 = 0x110;
/// No pointer is larger.
const MAX_POINTER: i32 = MAX_POINTER_SIDE as i32;

/// What the pointer looks like.
#[derive(Debug, Default)]
pub enum Cursor {
    /// The host's arrow.
    #[default]
    Default,
    /// A picture that is told to the host already, or none.
    Fixed,
    /// A client's surface.
    Surface {
        /// Which.
        surface: SurfaceId,
        /// The pixel that points, before the surface's own offset.
        hot_spot: (i32, i32),
    },
}

impl Cursor {
    /// The surface, if it is one.
    pub const fn surface(&self) -> Option<SurfaceId> {
        if let Self::Surface { surface, .. } = self { Some(*surface) } else { None }
    }
}

impl Dispatch<WlPointer, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WlPointer,
        request: wl_pointer::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let wl_pointer::Request::SetCursor { serial, surface, hotspot_x, hotspot_y } = request else {
            return;
        };
        let name = surface.as_ref().and_then(|surface| surface.data::<SurfaceId>().copied());
        if let Some(surface) = name.and_then(|name| state.surfaces.get_mut(&name)) {
            if surface.has_role() && !matches!(surface.role, Role::Cursor) {
                resource.post_error(wl_pointer::Error::Role, "the surface has another role");
                return;
            }
            surface.role = Role::Cursor;
        }
        if !state.may_set_cursor(resource, serial) {
            return;
        }
        match name {
            None => state.set_pointer_shape(Cursor::Fixed, PointerShape::Hidden),
            Some(surface) => {
                state.seat.cursor = Cursor::Surface { surface, hot_spot: (hotspot_x, hotspot_y) };
                if let Some(surface) = state.surfaces.get_mut(&surface) {
                    surface.content.offset = (0, 0);
                }
                state.cursor_committed(surface);
            }
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &WlPointer, _: &()) {
        state.seat.pointers.retain(|pointer| pointer != resource);
    }
}

impl State {
    /// A client asks for the pointer.
    pub fn add_pointer(&mut self, pointer: WlPointer) {
        let focus = self.seat.pointer_focus.and_then(|id| Some((id, self.surfaces.get(&id)?)));
        if let Some((id, surface)) = focus
            && surface.resource.id().same_client_as(&pointer.id())
        {
            let (x, y) = self.position_in(id).unwrap_or((0.0, 0.0));
            pointer.enter(self.seat.enter_serial, &surface.resource, x, y);
            end_frame(&pointer);
        }
        self.seat.pointers.push(pointer);
    }

    /// Whether the client under the pointer asks, with the serial of its enter event.
    pub fn may_set_cursor(&self, pointer: &WlPointer, serial: u32) -> bool {
        let focus = self.seat.pointer_focus.and_then(|id| self.surfaces.get(&id));
        let own = focus.is_some_and(|surface| surface.resource.id().same_client_as(&pointer.id()));
        own && serial.wrapping_sub(self.seat.enter_serial) < u32::MAX / 2
    }

    /// Tells the host what the pointer looks like.
    pub fn set_pointer_shape(&mut self, cursor: Cursor, shape: PointerShape) {
        self.seat.cursor = cursor;
        self.out.push(ToHost::Pointer(shape));
    }

    /// The pointer's surface is gone.
    pub fn cursor_gone(&mut self) {
        self.set_pointer_shape(Cursor::Default, PointerShape::Default);
    }

    /// A cursor surface has new content.
    pub fn cursor_committed(&mut self, id: SurfaceId) {
        let Cursor::Surface { surface, hot_spot } = self.seat.cursor else {
            return;
        };
        if surface != id {
            return;
        }
        let Some(content) = self.surfaces.get(&id).map(|surface| &surface.content) else {
            return;
        };
        let (width, height) = content.size();
        if width == 0 || height == 0 {
            self.out.push(ToHost::Pointer(PointerShape::Hidden));
            return;
        }
        let mut area = tree::extents(&self.surfaces, id);
        area.width = width.min(MAX_POINTER);
        area.height = height.min(MAX_POINTER);
        let x = hot_spot.0.saturating_sub(content.offset.0).clamp(0, area.width - 1);
        let y = hot_spot.1.saturating_sub(content.offset.1).clamp(0, area.height - 1);
        let picture = tree::picture(&self.surfaces, id, area);
        let mut pixels = Vec::new();
        if let Err(error) = picture.compose(picture.bounds(), &mut pixels) {
            tracing::debug!(%error, "A pointer cannot be read");
            return;
        }
        // Its pixels are copied: the client may have the buffer back.
        if let Some(surface) = self.surfaces.get_mut(&id) {
            surface.content.held = None;
        }
        let unsigned = |value: i32| u32::try_from(value).unwrap_or(0);
        self.out.push(ToHost::Pointer(PointerShape::Image(PointerImage {
            width: unsigned(area.width),
            height: unsigned(area.height),
            hot_spot: (unsigned(x), unsigned(y)),
            pixels,
        })));
    }

    /// The host's pointer is over this window from now on.
    pub fn pointer_target(&mut self, window: Option<u32>) {
        self.seat.target = window.unwrap_or(0);
        if window.is_none() && self.seat.buttons.is_empty() && self.seat.drag.is_none() {
            self.set_pointer_focus(None);
        }
    }

    /// The host's pointer moved, in the content of the target window.
    pub fn pointer_motion(&mut self, x: f64, y: f64) {
        self.seat.position = (x, y);
        if self.seat.drag.is_some() {
            self.drag_motion();
            return;
        }
        if self.seat.buttons.is_empty() {
            let under = self.surface_under_pointer();
            if self.set_pointer_focus(under) {
                return;
            }
        }
        let Some(at) = self.seat.pointer_focus.and_then(|id| self.position_in(id)) else {
            return;
        };
        let time = self.time();
        for pointer in self.focused_pointers() {
            pointer.motion(time, at.0, at.1);
            end_frame(&pointer);
        }
    }

    /// The surface that the pointer is over.
    pub fn surface_under_pointer(&self) -> Option<SurfaceId> {
        let root = self.windows.get(&self.seat.target)?.surface;
        let geometry = self.geometry(root);
        let x = self.seat.position.0 + f64::from(geometry.x);
        let y = self.seat.position.1 + f64::from(geometry.y);
        tree::surface_at(&self.surfaces, root, x, y).map(|(id, ..)| id)
    }

    /// The pointer's position in the coordinates of a surface, which may be in another window
    /// of the same family than the target.
    pub fn position_in(&self, id: SurfaceId) -> Option<(f64, f64)> {
        let at = tree::root_of(&self.surfaces, id);
        let target = self.windows.get(&self.seat.target)?.surface;
        let from = self.window_origin(target);
        let to = self.window_origin(at.surface);
        let geometry = self.geometry(at.surface);
        let x = self.seat.position.0 + f64::from(from.0) - f64::from(to.0);
        let y = self.seat.position.1 + f64::from(from.1) - f64::from(to.1);
        Some((x + f64::from(geometry.x - at.x), y + f64::from(geometry.y - at.y)))
    }

    /// Pointers of the client whose surface has the focus.
    fn focused_pointers(&self) -> Vec<WlPointer> {
        let Some(surface) = self.seat.pointer_focus.and_then(|id| self.surfaces.get(&id)) else {
            return Vec::new();
        };
        let id = surface.resource.id();
        self.seat.pointers.iter().filter(|pointer| pointer.id().same_client_as(&id)).cloned().collect()
    }

    /// Moves the focus. Returns whether it changed; the enter event then told the position.
    pub fn set_pointer_focus(&mut self, focus: Option<SurfaceId>) -> bool {
        if self.seat.pointer_focus == focus {
            return false;
        }
        let client = |state: &Self, id: Option<SurfaceId>| {
            id.and_then(|id| state.surfaces.get(&id)).and_then(|surface| surface.resource.client())
        };
        let same_client = match (client(self, self.seat.pointer_focus), client(self, focus)) {
            (Some(old), Some(new)) => old.id() == new.id(),
            _ => false,
        };
        let old = self.seat.pointer_focus.and_then(|id| self.surfaces.get(&id));
        if let Some(surface) = old.map(|surface| surface.resource.clone()) {
            for pointer in self.focused_pointers() {
                let serial = self.next_serial();
                pointer.leave(serial, &surface);
                end_frame(&pointer);
            }
        }
        self.seat.pointer_focus = focus;
        if !same_client && focus.is_some() {
            self.set_pointer_shape(Cursor::Default, PointerShape::Default);
        }
        let Some(id) = focus else { return true };
        let Some(surface) = self.surfaces.get(&id).map(|surface| surface.resource.clone()) else {
            return true;
        };
        let (x, y) = self.position_in(id).unwrap_or((0.0, 0.0));
        let serial = self.next_serial();
        self.seat.enter_serial = serial;
        for pointer in self.focused_pointers() {
            pointer.enter(serial, &surface, x, y);
            end_frame(&pointer);
        }
        true
    }

    /// A button went down or up.
    pub fn pointer_button(&mut self, button: u32, pressed: bool) {
        let held = self.seat.buttons.contains(&button);
        if held == pressed {
            return;
        }
        if pressed {
            if self.seat.buttons.is_empty() {
                let under = self.surface_under_pointer();
                self.set_pointer_focus(under);
                if self.press_is_outside_popups() {
                    self.dismiss_popups();
                }
                if under.is_some_and(|id| self.x11(tree::root_of(&self.surfaces, id).surface).is_none()) {
                    self.press_beside_x11_popups();
                    self.set_pointer_focus(under);
                }
            }
            self.seat.buttons.push(button);
        } else {
            self.seat.buttons.retain(|other| *other != button);
        }
        if self.seat.drag.is_some() {
            if self.seat.buttons.is_empty() {
                self.drag_drop();
            }
            return;
        }
        self.send_button(button, pressed);
        if self.seat.buttons.is_empty() {
            let under = self.surface_under_pointer();
            self.set_pointer_focus(under);
        }
    }

    fn send_button(&mut self, button: u32, pressed: bool) {
        let time = self.time();
        let serial = self.next_serial();
        if pressed && let Some(focus) = self.seat.pointer_focus {
            self.seat.last_press = Some((serial, focus));
        }
        let state = if pressed { ButtonState::Pressed } else { ButtonState::Released };
        for pointer in self.focused_pointers() {
            pointer.button(serial, time, button, state);
            end_frame(&pointer);
        }
    }

    /// Presses and releases the left button at a place of a surface, down and to the right by `at`, to where the
    /// pointer is moved for that; nothing may have the pointer.
    pub(crate) fn press_at(&mut self, id: SurfaceId, at: f64) {
        let Some(surface) = self.surfaces.get(&id).map(|surface| surface.resource.clone()) else { return };
        let time = self.time();
        let own = |pointer: &&WlPointer| pointer.id().same_client_as(&surface.id());
        for pointer in self.seat.pointers.iter().filter(own).cloned().collect::<Vec<_>>() {
            pointer.enter(self.next_serial(), &surface, at, at);
            end_frame(&pointer);
            for state in [ButtonState::Pressed, ButtonState::Released] {
                pointer.button(self.next_serial(), time, LEFT_BUTTON, state);
                end_frame(&pointer);
            }
            pointer.leave(self.next_serial(), &surface);
            end_frame(&pointer);
        }
    }

    /// Whether a popup grabs and the pointer is over no surface of its client.
    fn press_is_outside_popups(&self) -> bool {
        let Some(popup) = self.seat.popup_grabs.last().and_then(|id| self.surfaces.get(id)) else {
            return false;
        };
        let focus = self.seat.pointer_focus.and_then(|id| self.surfaces.get(&id));
        focus.is_none_or(|surface| !surface.resource.id().same_client_as(&popup.resource.id()))
    }

    /// The host takes over the pointer that is down (a move or resize of the window).
    pub fn end_pointer_grab(&mut self) {
        self.seat.buttons.clear();
        self.set_pointer_focus(None);
    }

    /// The wheel turned, in 120ths of a notch.
    pub fn pointer_wheel(&mut self, horizontal: bool, amount: i32) {
        let axis = if horizontal { Axis::HorizontalScroll } else { Axis::VerticalScroll };
        let distance = f64::from(amount) / 120.0 * NOTCH;
        let time = self.time();
        for pointer in self.focused_pointers() {
            if pointer.version() >= wl_pointer::EVT_AXIS_SOURCE_SINCE {
                pointer.axis_source(AxisSource::Wheel);
            }
            if pointer.version() >= wl_pointer::EVT_AXIS_VALUE120_SINCE {
                pointer.axis_value120(axis, amount);
            } else if pointer.version() >= wl_pointer::EVT_AXIS_DISCRETE_SINCE && amount / 120 != 0 {
                pointer.axis_discrete(axis, amount / 120);
            }
            pointer.axis(time, axis, distance);
            end_frame(&pointer);
        }
    }
}

/// Ends a group of events.
fn end_frame(pointer: &WlPointer) {
    if pointer.version() >= wl_pointer::EVT_FRAME_SINCE {
        pointer.frame();
    }
}
