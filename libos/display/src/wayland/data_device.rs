//! `wl_data_device_manager`: the clipboard and drag-and-drop, among the clients of this instance.

use std::sync::{Arc, Mutex, PoisonError};

use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_data_device::{self, WlDataDevice};
use wayland_server::protocol::wl_data_device_manager::{self, DndAction, WlDataDeviceManager};
use wayland_server::protocol::wl_data_offer::WlDataOffer;
use wayland_server::protocol::wl_data_source::{self, WlDataSource};
use wayland_server::protocol::wl_surface::WlSurface;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum};

use crate::state::State;
use crate::wayland::selection::{Owner, Which};
use crate::wayland::surface::{Role, SurfaceId};

/// Types that one source may offer.
const MAX_TYPES: usize = 256;

/// What a source offers.
#[derive(Debug)]
pub struct SourceInfo {
    /// MIME types.
    pub types: Vec<String>,
    /// Drag-and-drop actions that it can do.
    pub actions: DndAction,
}

/// A `wl_data_source`'s own state.
pub type SourceData = Mutex<SourceInfo>;

/// Clipboard devices and what is selected.
#[derive(Debug, Default)]
pub struct DataDevices {
    devices: Vec<WlDataDevice>,
    selection: Option<Owner<WlDataSource>>,
}

impl DataDevices {
    /// The source of the Wayland client that owns the clipboard.
    pub fn source(&self) -> Option<&WlDataSource> {
        self.selection.as_ref()?.client()
    }

    /// Devices of a surface's client.
    pub fn of_client_of(&self, surface: &WlSurface) -> Vec<WlDataDevice> {
        let id = surface.id();
        self.devices.iter().filter(|device| device.id().same_client_as(&id)).cloned().collect()
    }
}

/// A drag in progress.
#[derive(Debug)]
pub struct Drag {
    /// What is dragged; without one only the client itself takes part.
    pub source: Option<WlDataSource>,
    /// Where it began.
    pub origin: WlSurface,
    /// The surface that the pointer is over.
    pub focus: Option<SurfaceId>,
    /// What that surface's client was offered.
    pub offers: Vec<WlDataOffer>,
}

impl GlobalDispatch<WlDataDeviceManager, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlDataDeviceManager>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<WlDataDeviceManager, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &WlDataDeviceManager,
        request: wl_data_device_manager::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_data_device_manager::Request::CreateDataSource { id } => {
                let info = SourceInfo { types: Vec::new(), actions: DndAction::empty() };
                data_init.init(id, SourceData::new(info));
            }
            wl_data_device_manager::Request::GetDataDevice { id, .. } => {
                let device = data_init.init(id, ());
                let focus = state.seat.keyboard_focus.and_then(|id| state.surfaces.get(&id));
                let focused = focus.is_some_and(|surface| surface.resource.id().same_client_as(&device.id()));
                state.data.devices.push(device.clone());
                if focused {
                    state.offer_selection(&device);
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<WlDataSource, SourceData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        resource: &WlDataSource,
        request: wl_data_source::Request,
        data: &SourceData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let mut info = data.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            wl_data_source::Request::Offer { mime_type } if info.types.len() < MAX_TYPES => {
                info.types.push(mime_type);
            }
            wl_data_source::Request::SetActions { dnd_actions } => match dnd_actions {
                WEnum::Value(actions) => info.actions = actions,
                WEnum::Unknown(_) => {
                    resource.post_error(wl_data_source::Error::InvalidActionMask, "unknown action");
                }
            },
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &WlDataSource, _: &SourceData) {
        if state.data.source() == Some(resource) {
            state.data.selection = None;
            state.offer_selection_to_focus();
            state.client_selects(Which::Clipboard);
        }
        if state.seat.drag.as_ref().is_some_and(|drag| drag.source.as_ref() == Some(resource)) {
            state.drag_leave();
            state.seat.drag = None;
        }
    }
}

impl Dispatch<WlDataDevice, ()> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        resource: &WlDataDevice,
        request: wl_data_device::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_data_device::Request::SetSelection { source, .. } => {
                let focus = state.seat.keyboard_focus.and_then(|id| state.surfaces.get(&id));
                let owner = focus.and_then(|surface| surface.resource.client());
                if owner.is_some_and(|owner| owner.id() == client.id()) {
                    state.select(source);
                } else if let Some(source) = source {
                    // Only who has the keyboard may change the clipboard.
                    source.cancelled();
                }
            }
            wl_data_device::Request::StartDrag { source, origin, icon, serial } => {
                if let Some(icon) = icon.and_then(|icon| icon.data::<SurfaceId>().copied())
                    && let Some(surface) = state.surfaces.get_mut(&icon)
                {
                    if surface.has_role() && !matches!(surface.role, Role::DragIcon) {
                        resource.post_error(wl_data_device::Error::Role, "the icon has another role");
                        return;
                    }
                    surface.role = Role::DragIcon;
                }
                state.start_drag(source, origin, serial);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &WlDataDevice, _: &()) {
        state.data.devices.retain(|device| device != resource);
    }
}

impl State {
    fn select(&mut self, source: Option<WlDataSource>) {
        self.select_by(source.map(Owner::Client));
        self.client_selects(Which::Clipboard);
    }

    fn select_by(&mut self, owner: Option<Owner<WlDataSource>>) {
        let old = std::mem::replace(&mut self.data.selection, owner);
        if let Some(Owner::Client(old)) = old.filter(|old| Some(old) != self.data.selection.as_ref()) {
            old.cancelled();
        }
        self.offer_selection_to_focus();
    }

    /// An X11 program has copied something, or gives it up.
    pub(super) fn x11_selects_clipboard(&mut self, types: Option<Arc<[String]>>) {
        if types.is_some() || self.data.source().is_none() {
            self.select_by(types.map(Owner::X11));
        }
    }

    fn offer_selection_to_focus(&mut self) {
        let focus = self.seat.keyboard_focus.and_then(|id| self.surfaces.get(&id));
        let Some(surface) = focus.map(|surface| surface.resource.clone()) else {
            return;
        };
        for device in self.data.of_client_of(&surface) {
            self.offer_selection(&device);
        }
    }

    /// Tells a client that gets the keyboard what is on the clipboards.
    pub fn offer_selections(&mut self, surface: &WlSurface) {
        for device in self.data.of_client_of(surface) {
            self.offer_selection(&device);
        }
        self.offer_primary_to(surface);
    }

    fn offer_selection(&mut self, device: &WlDataDevice) {
        let offer = self.data.selection.clone().and_then(|owner| match owner {
            Owner::Client(source) => self.make_offer(device, source, false),
            Owner::X11(types) => self.make_x11_offer(device, &types),
        });
        device.selection(offer.as_ref());
    }

    fn start_drag(&mut self, source: Option<WlDataSource>, origin: WlSurface, serial: u32) {
        let pressed = self.seat.last_press.is_some_and(|(press, _)| press == serial);
        if !pressed || self.seat.buttons.is_empty() || self.seat.drag.is_some() {
            if let Some(source) = source {
                source.cancelled();
            }
            return;
        }
        self.set_pointer_focus(None);
        self.seat.drag = Some(Drag { source, origin, focus: None, offers: Vec::new() });
        self.drag_motion();
    }

    /// The pointer moved while something is dragged.
    pub fn drag_motion(&mut self) {
        let under = self.surface_under_pointer();
        let Some(drag) = &self.seat.drag else { return };
        if drag.focus != under {
            self.drag_leave();
            if let Some(id) = under {
                self.drag_enter(id);
            }
            return;
        }
        let Some(id) = under else { return };
        let (Some(surface), Some((x, y))) = (self.surfaces.get(&id), self.position_in(id)) else {
            return;
        };
        let time = self.time();
        for device in self.data.of_client_of(&surface.resource) {
            device.motion(time, x, y);
        }
    }

    fn drag_enter(&mut self, id: SurfaceId) {
        let Some(surface) = self.surfaces.get(&id).map(|surface| surface.resource.clone()) else {
            return;
        };
        let Some(drag) = &self.seat.drag else { return };
        let source = drag.source.clone();
        if source.is_none() && !surface.id().same_client_as(&drag.origin.id()) {
            return;
        }
        let (x, y) = self.position_in(id).unwrap_or((0.0, 0.0));
        let serial = self.next_serial();
        let mut offers = Vec::new();
        for device in self.data.of_client_of(&surface) {
            let offer = source.clone().and_then(|source| self.make_offer(&device, source, true));
            device.enter(serial, &surface, x, y, offer.as_ref());
            offers.extend(offer);
        }
        if let Some(drag) = &mut self.seat.drag {
            drag.focus = Some(id);
            drag.offers = offers;
        }
    }

    /// The pointer left what it was over, or the drag is over.
    pub fn drag_leave(&mut self) {
        let Some(drag) = &mut self.seat.drag else { return };
        drag.offers.clear();
        let Some(surface) = drag.focus.take().and_then(|id| self.surfaces.get(&id)) else {
            return;
        };
        for device in self.data.of_client_of(&surface.resource) {
            device.leave();
        }
    }

    /// The button that drags was released.
    pub fn drag_drop(&mut self) {
        let Some(drag) = self.seat.drag.take() else { return };
        let surface =
            drag.focus.and_then(|id| self.surfaces.get(&id)).map(|surface| surface.resource.clone());
        let taken = drag.source.is_none() || drag.offers.iter().any(Self::offer_is_accepted);
        if let Some(surface) = &surface {
            for device in self.data.of_client_of(surface) {
                if taken {
                    device.drop();
                } else {
                    device.leave();
                }
            }
        }
        if let Some(source) = &drag.source {
            if taken && surface.is_some() {
                for offer in &drag.offers {
                    Self::offer_dropped(offer);
                }
                if source.version() >= wl_data_source::EVT_DND_DROP_PERFORMED_SINCE {
                    source.dnd_drop_performed();
                }
            } else {
                source.cancelled();
            }
        }
        let under = self.surface_under_pointer();
        self.set_pointer_focus(under);
    }

    /// A surface is gone that something may be dragged over.
    pub fn drag_surface_gone(&mut self, id: SurfaceId) {
        if let Some(drag) = &mut self.seat.drag
            && drag.focus == Some(id)
        {
            drag.focus = None;
            drag.offers.clear();
        }
    }
}
