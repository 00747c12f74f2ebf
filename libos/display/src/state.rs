//! The one state that all protocol objects share. It does no I/O of its own: requests and host
//! messages change it, and `out` collects what the host is to be told.

use std::collections::HashMap;
use std::time::Duration;

use bailey_link::ToHost;
use rustix::io::Errno;
use wayland_protocols::wp::cursor_shape::v1::server::wp_cursor_shape_manager_v1::WpCursorShapeManagerV1;
use wayland_protocols::wp::presentation_time::server::wp_presentation::WpPresentation;
use wayland_protocols::wp::primary_selection::zv1::server::zwp_primary_selection_device_manager_v1::ZwpPrimarySelectionDeviceManagerV1;
use wayland_protocols::wp::viewporter::server::wp_viewporter::WpViewporter;
use wayland_protocols::xdg::decoration::zv1::server::zxdg_decoration_manager_v1::ZxdgDecorationManagerV1;
use wayland_protocols::xdg::shell::server::xdg_wm_base::XdgWmBase;
use wayland_protocols::xdg::xdg_output::zv1::server::zxdg_output_manager_v1::ZxdgOutputManagerV1;
use wayland_protocols_misc::server_decoration::server::org_kde_kwin_server_decoration_manager::OrgKdeKwinServerDecorationManager;
use wayland_server::DisplayHandle;
use wayland_server::protocol::wl_compositor::WlCompositor;
use wayland_server::protocol::wl_data_device_manager::WlDataDeviceManager;
use wayland_server::protocol::wl_output::WlOutput;
use wayland_server::protocol::wl_seat::WlSeat;
use wayland_server::protocol::wl_shm::WlShm;
use wayland_server::protocol::wl_subcompositor::WlSubcompositor;

use crate::pixels::PixelLink;
use crate::wayland::data_device::DataDevices;
use crate::wayland::output::Outputs;
use crate::wayland::primary_selection::PrimarySelections;
use crate::wayland::seat::Seat;
use crate::wayland::surface::{SurfaceId, Surfaces};
use crate::window::windows::Window;
use crate::x11::X11Request;

/// Time between two frames that a client is asked for: 60 in a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// What the host said about itself when the link was opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Width and height of the desktop, in pixels.
    pub desktop_size: (i32, i32),
    /// Windows keyboard layout identifier.
    pub keyboard_layout: u32,
    /// Milliseconds until a held key repeats.
    pub repeat_delay: i32,
    /// Repeats per second.
    pub repeat_rate: i32,
}

/// All of the service's state.
#[derive(Debug)]
pub struct State {
    /// The Wayland display.
    pub display: DisplayHandle,
    /// Every surface.
    pub surfaces: Surfaces,
    /// Every mapped window and popup by the host's number.
    pub windows: HashMap<u32, Window>,
    /// Keyboard and pointer.
    pub seat: Seat,
    /// Bound outputs.
    pub outputs: Outputs,
    /// Clipboard and drag-and-drop.
    pub data: DataDevices,
    /// The selection of the middle button.
    pub primary: PrimarySelections,
    /// Width and height of the desktop.
    pub desktop_size: (i32, i32),
    /// How pixels travel.
    pub pixels: Box<dyn PixelLink>,
    /// Windows shown for the first time, and the applications whose icons they want.
    pub icons_wanted: Vec<(u32, String)>,
    /// What the X11 window manager is to do, in order.
    pub x11_requests: Vec<X11Request>,
    /// Messages for the host, in order.
    pub out: Vec<ToHost>,
    /// Time since an arbitrary start, set before each round.
    pub now: Duration,
    frame_wanted: bool,
    last_frame: Duration,
    last_surface: u32,
    last_window: u32,
    last_serial: u32,
}

impl State {
    /// A state without clients, and its globals.
    ///
    /// # Errors
    /// Where the keymap's memory cannot be made.
    pub fn new(
        display: DisplayHandle,
        settings: &Settings,
        pixels: Box<dyn PixelLink>,
    ) -> Result<Self, Errno> {
        let state = Self {
            seat: Seat::new(settings)?,
            display,
            surfaces: Surfaces::new(),
            windows: HashMap::new(),
            outputs: Outputs::default(),
            data: DataDevices::default(),
            primary: PrimarySelections::default(),
            desktop_size: settings.desktop_size,
            pixels,
            icons_wanted: Vec::new(),
            x11_requests: Vec::new(),
            out: Vec::new(),
            now: Duration::ZERO,
            frame_wanted: false,
            last_frame: Duration::ZERO,
            last_surface: 0,
            last_window: 0,
            last_serial: 0,
        };
        state.announce();
        Ok(state)
    }

    /// Creates the globals, in the order in which clients see them.
    fn announce(&self) {
        let display = &self.display;
        display.create_global::<Self, WlCompositor, ()>(5, ());
        display.create_global::<Self, WlSubcompositor, ()>(1, ());
        display.create_global::<Self, WlShm, ()>(1, ());
        display.create_global::<Self, WlOutput, ()>(4, ());
        display.create_global::<Self, WlSeat, ()>(8, ());
        display.create_global::<Self, WlDataDeviceManager, ()>(3, ());
        display.create_global::<Self, XdgWmBase, ()>(5, ());
        display.create_global::<Self, WpViewporter, ()>(1, ());
        display.create_global::<Self, ZxdgDecorationManagerV1, ()>(1, ());
        display.create_global::<Self, OrgKdeKwinServerDecorationManager, ()>(1, ());
        display.create_global::<Self, WpCursorShapeManagerV1, ()>(1, ());
        display.create_global::<Self, ZxdgOutputManagerV1, ()>(3, ());
        display.create_global::<Self, ZwpPrimarySelectionDeviceManagerV1, ()>(1, ());
        display.create_global::<Self, WpPresentation, ()>(1, ());
    }

    /// A serial for an event.
    pub fn next_serial(&mut self) -> u32 {
        self.last_serial = self.last_serial.wrapping_add(1);
        self.last_serial
    }

    /// A name for a surface.
    pub fn next_surface(&mut self) -> SurfaceId {
        self.last_surface = self.last_surface.wrapping_add(1);
        SurfaceId(self.last_surface)
    }

    /// A number for a window; 0 means none to the host.
    pub fn next_window(&mut self) -> u32 {
        self.last_window = self.last_window.wrapping_add(1).max(1);
        self.last_window
    }

    /// The time of an event, in milliseconds.
    pub fn time(&self) -> u32 {
        // Wayland's clock wraps around.
        self.now.as_millis() as u32
    }

    /// Some client waits to be told to draw.
    pub fn ask_for_frame(&mut self) {
        self.frame_wanted = true;
    }

    /// When `frame_tick` is due: the only timer there is, and unset while nothing moves.
    pub fn deadline(&self) -> Option<Duration> {
        self.frame_wanted.then(|| self.last_frame + FRAME)
    }

    /// Asks clients for their next frame, where the host has kept up with their last ones.
    pub fn frame_tick(&mut self) {
        if self.deadline().is_none_or(|deadline| self.now < deadline) {
            return;
        }
        self.frame_wanted = false;
        self.last_frame = self.now;
        let time = self.time();
        let waiting: Vec<SurfaceId> = self
            .surfaces
            .iter()
            .filter(|(_, surface)| !surface.frames.is_empty())
            .map(|(id, _)| *id)
            .filter(|id| self.wants_frame(*id))
            .collect();
        for id in waiting {
            if let Some(surface) = self.surfaces.get_mut(&id) {
                for callback in surface.frames.drain(..) {
                    callback.done(time);
                }
            }
        }
    }
}
