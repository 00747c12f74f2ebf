//! `wl_seat`: the one user, and where the host's input goes.

use bailey_link::{InputEvent, PointerButton};
use rustix::io::Errno;
use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_keyboard::WlKeyboard;
use wayland_server::protocol::wl_pointer::WlPointer;
use wayland_server::protocol::wl_seat::{self, Capability, WlSeat};
use wayland_server::protocol::wl_touch::{self, WlTouch};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::input::modifiers::{Keyboard, Locks};
use crate::state::{Settings, State};
use crate::wayland::data_device::Drag;
use crate::wayland::keyboard::Keymap;
use crate::wayland::pointer::Cursor;
use crate::wayland::surface::SurfaceId;
use crate::wayland::unread::UnreadKeys;

/// The user's devices and where they point.
#[derive(Debug)]
pub struct Seat {
    /// Bound keyboards of all clients.
    pub keyboards: Vec<WlKeyboard>,
    /// Bound pointers of all clients.
    pub pointers: Vec<WlPointer>,
    /// The layout, as clients get it.
    pub keymap: Keymap,
    /// Keys held, modifiers.
    pub keyboard: Keyboard,
    /// Milliseconds until a held key repeats, and repeats per second.
    pub repeat: (i32, i32),
    /// The window that the host has made active.
    pub active: Option<SurfaceId>,
    /// The surface that gets keys.
    pub keyboard_focus: Option<SurfaceId>,
    /// The host's window that pointer positions are relative to.
    pub target: u32,
    /// The pointer in that window's content.
    pub position: (f64, f64),
    /// The surface that gets pointer events.
    pub pointer_focus: Option<SurfaceId>,
    /// The serial of its `enter`.
    pub enter_serial: u32,
    /// Buttons that are down, by evdev code.
    pub buttons: Vec<u32>,
    /// The serial and surface of the last button press.
    pub last_press: Option<(u32, SurfaceId)>,
    /// Popups that grab, the topmost last.
    pub popup_grabs: Vec<SurfaceId>,
    /// Keys that the popup with the keyboard may not have read.
    pub unread: UnreadKeys,
    /// The picture of the pointer, as its client chose it.
    pub cursor: Cursor,
    /// A drag in progress.
    pub drag: Option<Drag>,
}

impl Seat {
    /// A seat with nothing held.
    ///
    /// # Errors
    /// Where the keymap's memory cannot be made.
    pub fn new(settings: &Settings) -> Result<Self, Errno> {
        let keymap = Keymap::new(settings.keyboard_layout)?;
        Ok(Self {
            keyboards: Vec::new(),
            pointers: Vec::new(),
            keyboard: Keyboard::new(keymap.alt_gr()),
            keymap,
            repeat: (settings.repeat_delay, settings.repeat_rate),
            active: None,
            keyboard_focus: None,
            target: 0,
            position: (0.0, 0.0),
            pointer_focus: None,
            enter_serial: 0,
            buttons: Vec::new(),
            last_press: None,
            popup_grabs: Vec::new(),
            unread: UnreadKeys::default(),
            cursor: Cursor::default(),
            drag: None,
        })
    }
}

impl GlobalDispatch<WlSeat, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlSeat>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        let seat = data_init.init(resource, ());
        if seat.version() >= wl_seat::EVT_NAME_SINCE {
            seat.name("seat0".into());
        }
        seat.capabilities(Capability::Keyboard | Capability::Pointer);
    }
}

impl Dispatch<WlSeat, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        resource: &WlSeat,
        request: wl_seat::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_seat::Request::GetPointer { id } => {
                let pointer = data_init.init(id, ());
                state.add_pointer(pointer);
            }
            wl_seat::Request::GetKeyboard { id } => {
                let keyboard = data_init.init(id, ());
                state.add_keyboard(keyboard);
            }
            wl_seat::Request::GetTouch { id } => {
                data_init.init(id, ());
                resource.post_error(wl_seat::Error::MissingCapability, "this seat has no touch device");
            }
            _ => {}
        }
    }
}

impl Dispatch<WlTouch, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlTouch,
        _: wl_touch::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }

    fn destroyed(_: &mut Self, _: ClientId, _: &WlTouch, _: &()) {}
}

/// `BTN_*` of `linux/input-event-codes.h`.
const fn evdev_button(button: PointerButton) -> u32 {
    match button {
        PointerButton::Left => 0x110,
        PointerButton::Right => 0x111,
        PointerButton::Middle => 0x112,
        PointerButton::Back => 0x113,
        PointerButton::Forward => 0x114,
    }
}

impl State {
    /// Hands one input event of the host to whom it concerns.
    pub fn input(&mut self, event: InputEvent) {
        match event {
            InputEvent::Key { code, extended, released } => self.key(code, extended, !released),
            InputEvent::Unicode { unit, released } => self.unicode(unit, !released),
            InputEvent::Locks { num, caps, .. } => {
                self.release_all_keys();
                self.seat.keyboard.set_locks(Locks { caps, num });
                self.send_modifiers();
            }
            InputEvent::PointerMove { x, y } => self.pointer_motion(x.into(), y.into()),
            InputEvent::PointerButton { button, released, x, y } => {
                if self.seat.position != (x.into(), y.into()) {
                    self.pointer_motion(x.into(), y.into());
                }
                self.pointer_button(evdev_button(button), !released);
            }
            InputEvent::Wheel { vertical, horizontal } => {
                // RDP counts up as positive, Wayland down.
                for (sideways, amount) in [(false, -i32::from(vertical)), (true, i32::from(horizontal))] {
                    if amount != 0 {
                        self.pointer_wheel(sideways, amount);
                    }
                }
            }
        }
    }

    /// A surface is no longer shown: neither keyboard nor pointer may stay on it.
    pub fn forget_focus(&mut self, id: SurfaceId) {
        self.seat.popup_grabs.retain(|other| *other != id);
        if self.seat.active == Some(id) {
            self.seat.active = None;
        }
        if self.seat.keyboard_focus == Some(id) {
            self.set_keyboard_focus(None);
        }
        if self.seat.last_press.is_some_and(|(_, surface)| surface == id) {
            self.seat.last_press = None;
        }
        if self.seat.pointer_focus == Some(id) {
            self.set_pointer_focus(None);
        }
        if self.seat.cursor.surface() == Some(id) {
            self.cursor_gone();
        }
        self.drag_surface_gone(id);
    }
}
