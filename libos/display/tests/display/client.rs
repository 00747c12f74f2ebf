//! A Wayland client of our own, for what no installed program does on demand.
#![expect(clippy::unwrap_used, reason = "a fault of the test client is a failed test")]

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::pwrite;
use wayland_client::backend::WaylandError;
use wayland_client::globals::{BindError, GlobalList, GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_buffer::{self, WlBuffer};
use wayland_client::protocol::wl_callback::{self, WlCallback};
use wayland_client::protocol::wl_compositor::WlCompositor;
use wayland_client::protocol::wl_data_device::{self, WlDataDevice};
use wayland_client::protocol::wl_data_device_manager::WlDataDeviceManager;
use wayland_client::protocol::wl_data_offer::{self, WlDataOffer};
use wayland_client::protocol::wl_data_source::{self, WlDataSource};
use wayland_client::protocol::wl_keyboard::{self, WlKeyboard};
use wayland_client::protocol::wl_pointer::{self, WlPointer};
use wayland_client::protocol::wl_registry::WlRegistry;
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::protocol::wl_shm::{Format, WlShm};
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::protocol::wl_subcompositor::WlSubcompositor;
use wayland_client::protocol::wl_surface::WlSurface;
use wayland_client::{
    Connection, Dispatch, EventQueue, Proxy, QueueHandle, delegate_noop, event_created_child,
};
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::WpCursorShapeDeviceV1;
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_manager_v1::WpCursorShapeManagerV1;
use wayland_protocols::wp::viewporter::client::{wp_viewport::WpViewport, wp_viewporter::WpViewporter};
use wayland_protocols::xdg::shell::client::xdg_popup::{self, XdgPopup};
use wayland_protocols::xdg::shell::client::xdg_positioner::XdgPositioner;
use wayland_protocols::xdg::shell::client::xdg_surface::{self, XdgSurface};
use wayland_protocols::xdg::shell::client::xdg_toplevel::{self, XdgToplevel};
use wayland_protocols::xdg::shell::client::xdg_wm_base::{self, XdgWmBase};

use crate::host::Host;

/// What the service has told the client.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) configures: usize,
    pub(crate) size: (i32, i32),
    pub(crate) closes: usize,
    pub(crate) popup: Option<(i32, i32, i32, i32)>,
    pub(crate) popups_done: usize,
    pub(crate) releases: usize,
    pub(crate) frames: usize,
    /// Events of pointer and keyboard, in words.
    pub(crate) input: Vec<String>,
    pub(crate) enter_serial: u32,
    pub(crate) press_serial: u32,
    pub(crate) key_serial: u32,
    pub(crate) keymap: Option<(OwnedFd, u32)>,
    offered: Option<WlDataOffer>,
    pub(crate) selection: Option<WlDataOffer>,
    pub(crate) types: Vec<String>,
    pub(crate) dropped: bool,
    pub(crate) source_events: Vec<String>,
    /// Written to whoever asks for our data.
    pub(crate) content: Vec<u8>,
}

pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) queue: EventQueue<Told>,
    pub(crate) handle: QueueHandle<Told>,
    pub(crate) globals: GlobalList,
    pub(crate) told: Told,
    pub(crate) compositor: WlCompositor,
    pub(crate) shm: WlShm,
    pub(crate) base: XdgWmBase,
    pub(crate) pointer: WlPointer,
    pub(crate) seat: WlSeat,
}

/// A window of the client.
pub(crate) struct Window {
    pub(crate) surface: WlSurface,
    pub(crate) xdg: XdgSurface,
    pub(crate) toplevel: XdgToplevel,
}

impl Client {
    /// Connects to the service.
    pub(crate) fn connect(host: &mut Host) -> Self {
        let path = host.socket();
        let mut stream = None;
        host.until("the Wayland socket", |_| {
            stream = UnixStream::connect(&path).ok();
            stream.is_some()
        });
        let connection = Connection::from_socket(stream.unwrap()).unwrap();
        let (globals, queue) = registry_queue_init::<Told>(&connection).unwrap();
        let handle = queue.handle();
        let seat: WlSeat = globals.bind(&handle, 1..=8, ()).unwrap();
        seat.get_keyboard(&handle, ());
        Self {
            compositor: globals.bind(&handle, 1..=5, ()).unwrap(),
            shm: globals.bind(&handle, 1..=1, ()).unwrap(),
            base: globals.bind(&handle, 1..=5, ()).unwrap(),
            pointer: seat.get_pointer(&handle, ()),
            seat,
            connection,
            queue,
            handle,
            globals,
            told: Told::default(),
        }
    }

    pub(crate) fn bind<I>(&self, version: u32) -> I
    where
        I: Proxy + 'static,
        Told: Dispatch<I, ()>,
    {
        let bound: Result<I, BindError> = self.globals.bind(&self.handle, 1..=version, ());
        bound.unwrap()
    }

    /// Sends all requests and takes in all events up to now.
    pub(crate) fn sync(&mut self) {
        self.queue.roundtrip(&mut self.told).unwrap();
    }

    /// Sends all requests and waits to be cut off: the interface and code of the error.
    pub(crate) fn cut_off(&mut self) -> (String, u32) {
        // No further request, such as a roundtrip's: its failure could come before the error is read.
        self.flush();
        while self.queue.blocking_dispatch(&mut self.told).is_ok() {}
        let error = self.connection.protocol_error().expect("the connection ends with a protocol error");
        (error.object_interface, error.code)
    }

    /// Takes in events until a condition holds, while the host does its part.
    pub(crate) fn until(
        &mut self,
        host: &mut Host,
        what: &str,
        mut condition: impl FnMut(&mut Told) -> bool,
    ) {
        host.until(what, |_| {
            if let Err(error) = self.queue.roundtrip(&mut self.told) {
                panic!("{what} did not come about: {error}, {:?}", self.connection.protocol_error());
            }
            condition(&mut self.told)
        });
    }

    /// A file of `size` bytes.
    pub(crate) fn file(size: u64) -> OwnedFd {
        let file = memfd_create("client", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, size).unwrap();
        file
    }

    /// A buffer whose pixels a function gives as 0xAARRGGBB.
    pub(crate) fn buffer(&self, width: i32, height: i32, pixel: impl Fn(i32, i32) -> u32) -> WlBuffer {
        let pixels: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| pixel(x, y).to_le_bytes())
            .collect();
        let file = Self::file(pixels.len() as u64);
        pwrite(&file, &pixels, 0).unwrap();
        let pool = self.shm.create_pool(file.as_fd(), pixels.len() as i32, &self.handle, ());
        let buffer = pool.create_buffer(0, width, height, width * 4, Format::Argb8888, &self.handle, ());
        pool.destroy();
        buffer
    }

    pub(crate) fn surface(&self) -> WlSurface {
        self.compositor.create_surface(&self.handle, ())
    }

    /// A window that is configured but shows nothing yet.
    pub(crate) fn bare_window(&mut self, title: &str) -> Window {
        let surface = self.surface();
        let xdg = self.base.get_xdg_surface(&surface, &self.handle, ());
        let toplevel = xdg.get_toplevel(&self.handle, ());
        toplevel.set_title(title.into());
        surface.commit();
        self.sync();
        Window { surface, xdg, toplevel }
    }

    /// A window of one colour.
    pub(crate) fn window(&mut self, title: &str, width: i32, height: i32, colour: u32) -> Window {
        let window = self.bare_window(title);
        self.show(&window.surface, &self.buffer(width, height, |_, _| colour));
        window
    }

    /// Commits a buffer, all of it damaged.
    pub(crate) fn show(&self, surface: &WlSurface, buffer: &WlBuffer) {
        surface.attach(Some(buffer), 0, 0);
        surface.damage_buffer(0, 0, i32::MAX, i32::MAX);
        surface.commit();
        self.flush();
    }

    pub(crate) fn flush(&self) {
        match self.connection.flush() {
            Ok(()) | Err(WaylandError::Protocol(_)) => {}
            // Cut off before its error has been read: the next round trip tells.
            Err(WaylandError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Err(error) => panic!("{error}"),
        }
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Told {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: <WlRegistry as Proxy>::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

delegate_noop!(Told: ignore WlCompositor);
delegate_noop!(Told: ignore WlSubcompositor);
delegate_noop!(Told: ignore wayland_client::protocol::wl_subsurface::WlSubsurface);
delegate_noop!(Told: ignore wayland_client::protocol::wl_region::WlRegion);
delegate_noop!(Told: ignore WlSurface);
delegate_noop!(Told: ignore WlShm);
delegate_noop!(Told: ignore WlShmPool);
delegate_noop!(Told: ignore WlSeat);
delegate_noop!(Told: ignore XdgPositioner);
delegate_noop!(Told: ignore WpViewporter);
delegate_noop!(Told: ignore WpViewport);
delegate_noop!(Told: ignore WpCursorShapeManagerV1);
delegate_noop!(Told: ignore WpCursorShapeDeviceV1);
delegate_noop!(Told: ignore WlDataDeviceManager);

macro_rules! on_event {
    ($interface:ty, |$told:ident, $proxy:ident, $event:ident| $body:expr) => {
        impl Dispatch<$interface, ()> for Told {
            fn event(
                $told: &mut Self,
                $proxy: &$interface,
                $event: <$interface as Proxy>::Event,
                _: &(),
                _: &Connection,
                _: &QueueHandle<Self>,
            ) {
                $body
            }
        }
    };
}

on_event!(WlBuffer, |told, _proxy, event| {
    if let wl_buffer::Event::Release = event {
        told.releases += 1;
    }
});
on_event!(WlCallback, |told, _proxy, event| {
    if let wl_callback::Event::Done { .. } = event {
        told.frames += 1;
    }
});
on_event!(XdgWmBase, |_told, proxy, event| {
    if let xdg_wm_base::Event::Ping { serial } = event {
        proxy.pong(serial);
    }
});
on_event!(XdgSurface, |told, proxy, event| {
    if let xdg_surface::Event::Configure { serial } = event {
        proxy.ack_configure(serial);
        told.configures += 1;
    }
});
on_event!(XdgToplevel, |told, _proxy, event| match event {
    xdg_toplevel::Event::Configure { width, height, .. } => told.size = (width, height),
    xdg_toplevel::Event::Close => told.closes += 1,
    _ => {}
});
on_event!(XdgPopup, |told, _proxy, event| match event {
    xdg_popup::Event::Configure { x, y, width, height } => told.popup = Some((x, y, width, height)),
    xdg_popup::Event::PopupDone => told.popups_done += 1,
    _ => {}
});
on_event!(WlPointer, |told, _proxy, event| match event {
    wl_pointer::Event::Enter { serial, surface, surface_x, surface_y } => {
        told.enter_serial = serial;
        told.input.push(format!("enter {} {surface_x} {surface_y}", surface.id().protocol_id()));
    }
    wl_pointer::Event::Leave { surface, .. } => {
        told.input.push(format!("leave {}", surface.id().protocol_id()));
    }
    wl_pointer::Event::Motion { surface_x, surface_y, .. } => {
        told.input.push(format!("motion {surface_x} {surface_y}"));
    }
    wl_pointer::Event::Button { serial, button, state, .. } => {
        told.press_serial = serial;
        told.input.push(format!("button {button:#x} {}", u32::from(state.into_result().unwrap())));
    }
    wl_pointer::Event::AxisValue120 { value120, .. } => told.input.push(format!("wheel {value120}")),
    _ => {}
});
on_event!(WlKeyboard, |told, _proxy, event| match event {
    wl_keyboard::Event::Keymap { fd, size, .. } => told.keymap = Some((fd, size)),
    wl_keyboard::Event::Enter { .. } => told.input.push("focus".into()),
    wl_keyboard::Event::Leave { .. } => told.input.push("unfocus".into()),
    wl_keyboard::Event::Key { serial, key, state, .. } => {
        told.key_serial = serial;
        told.input.push(format!("key {key} {}", u32::from(state.into_result().unwrap())));
    }
    wl_keyboard::Event::Modifiers { mods_depressed, mods_locked, .. } => {
        told.input.push(format!("modifiers {mods_depressed} {mods_locked}"));
    }
    _ => {}
});
on_event!(WlDataSource, |told, _proxy, event| match event {
    wl_data_source::Event::Send { fd, .. } => {
        std::fs::File::from(fd).write_all(&told.content).unwrap();
        told.source_events.push("send".into());
    }
    wl_data_source::Event::Cancelled => told.source_events.push("cancelled".into()),
    wl_data_source::Event::DndDropPerformed => told.source_events.push("dropped".into()),
    wl_data_source::Event::DndFinished => told.source_events.push("finished".into()),
    _ => {}
});
on_event!(WlDataOffer, |told, _proxy, event| {
    if let wl_data_offer::Event::Offer { mime_type } = event {
        told.types.push(mime_type);
    }
});

impl Dispatch<WlDataDevice, ()> for Told {
    fn event(
        told: &mut Self,
        _: &WlDataDevice,
        event: wl_data_device::Event,
        _: &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_data_device::Event::DataOffer { id } => {
                told.types.clear();
                told.offered = Some(id);
            }
            wl_data_device::Event::Selection { id } => told.selection = id,
            wl_data_device::Event::Enter { serial, id, .. } => {
                told.enter_serial = serial;
                told.selection = id;
                told.input.push("drag enter".into());
            }
            wl_data_device::Event::Leave => told.input.push("drag leave".into()),
            wl_data_device::Event::Drop => told.dropped = true,
            _ => {}
        }
    }

    event_created_child!(Told, WlDataDevice, [
        wl_data_device::EVT_DATA_OFFER_OPCODE => (WlDataOffer, ()),
    ]);
}
