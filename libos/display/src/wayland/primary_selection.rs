//! `zwp_primary_selection_device_manager_v1`: what is marked, for the middle button.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use wayland_protocols::wp::primary_selection::zv1::server::zwp_primary_selection_device_manager_v1::{
    self, ZwpPrimarySelectionDeviceManagerV1,
};
use wayland_protocols::wp::primary_selection::zv1::server::zwp_primary_selection_device_v1::{
    self, ZwpPrimarySelectionDeviceV1,
};
use wayland_protocols::wp::primary_selection::zv1::server::zwp_primary_selection_offer_v1::{
    self, ZwpPrimarySelectionOfferV1,
};
use wayland_protocols::wp::primary_selection::zv1::server::zwp_primary_selection_source_v1::{
    self, ZwpPrimarySelectionSourceV1,
};
use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_surface::WlSurface;
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::state::State;
use crate::wayland::selection::{Owner, Which, X11Offer};

/// Types that one source may offer.
const MAX_TYPES: usize = 256;

/// A source's MIME types.
pub type TypesData = Mutex<Vec<String>>;

/// Devices and what is marked.
#[derive(Debug, Default)]
pub struct PrimarySelections {
    devices: Vec<ZwpPrimarySelectionDeviceV1>,
    selection: Option<Owner<ZwpPrimarySelectionSourceV1>>,
}

impl PrimarySelections {
    /// The source of the Wayland client that owns the selection.
    pub fn source(&self) -> Option<&ZwpPrimarySelectionSourceV1> {
        self.selection.as_ref()?.client()
    }
}

impl GlobalDispatch<ZwpPrimarySelectionDeviceManagerV1, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<ZwpPrimarySelectionDeviceManagerV1>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ());
    }
}

impl Dispatch<ZwpPrimarySelectionDeviceManagerV1, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &ZwpPrimarySelectionDeviceManagerV1,
        request: zwp_primary_selection_device_manager_v1::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        use zwp_primary_selection_device_manager_v1::Request;
        match request {
            Request::CreateSource { id } => {
                data_init.init(id, TypesData::default());
            }
            Request::GetDevice { id, .. } => {
                let device = data_init.init(id, ());
                let focus = state.seat.keyboard_focus.and_then(|id| state.surfaces.get(&id));
                let focused = focus.is_some_and(|surface| surface.resource.id().same_client_as(&device.id()));
                state.primary.devices.push(device.clone());
                if focused {
                    state.offer_primary(&device);
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<ZwpPrimarySelectionSourceV1, TypesData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &ZwpPrimarySelectionSourceV1,
        request: zwp_primary_selection_source_v1::Request,
        data: &TypesData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        if let zwp_primary_selection_source_v1::Request::Offer { mime_type } = request {
            let mut types = data.lock().unwrap_or_else(PoisonError::into_inner);
            if types.len() < MAX_TYPES {
                types.push(mime_type);
            }
        }
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &ZwpPrimarySelectionSourceV1, _: &TypesData) {
        if state.primary.source() == Some(resource) {
            state.primary.selection = None;
            state.offer_primary_to_focus();
            state.client_selects(Which::Primary);
        }
    }
}

impl Dispatch<ZwpPrimarySelectionDeviceV1, ()> for State {
    fn request(
        state: &mut Self,
        client: &Client,
        _: &ZwpPrimarySelectionDeviceV1,
        request: zwp_primary_selection_device_v1::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let zwp_primary_selection_device_v1::Request::SetSelection { source, .. } = request else {
            return;
        };
        let focus = state.seat.keyboard_focus.and_then(|id| state.surfaces.get(&id));
        let owner = focus.and_then(|surface| surface.resource.client());
        if owner.is_none_or(|owner| owner.id() != client.id()) {
            if let Some(source) = source {
                source.cancelled();
            }
            return;
        }
        state.select_primary(source.map(Owner::Client));
        state.client_selects(Which::Primary);
    }

    fn destroyed(state: &mut Self, _: ClientId, resource: &ZwpPrimarySelectionDeviceV1, _: &()) {
        state.primary.devices.retain(|device| device != resource);
    }
}

impl Dispatch<ZwpPrimarySelectionOfferV1, ZwpPrimarySelectionSourceV1> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &ZwpPrimarySelectionOfferV1,
        request: zwp_primary_selection_offer_v1::Request,
        source: &ZwpPrimarySelectionSourceV1,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        if let zwp_primary_selection_offer_v1::Request::Receive { mime_type, fd } = request
            && source.is_alive()
        {
            source.send(mime_type, fd.as_fd());
        }
    }
}

impl State {
    fn select_primary(&mut self, owner: Option<Owner<ZwpPrimarySelectionSourceV1>>) {
        let old = std::mem::replace(&mut self.primary.selection, owner);
        if let Some(Owner::Client(old)) = old.filter(|old| Some(old) != self.primary.selection.as_ref()) {
            old.cancelled();
        }
        self.offer_primary_to_focus();
    }

    /// An X11 program has marked something, or gives it up.
    pub(super) fn x11_selects_primary(&mut self, types: Option<Arc<[String]>>) {
        if types.is_some() || self.primary.source().is_none() {
            self.select_primary(types.map(Owner::X11));
        }
    }

    fn offer_primary_to_focus(&mut self) {
        let focus = self.seat.keyboard_focus.and_then(|id| self.surfaces.get(&id));
        if let Some(surface) = focus.map(|surface| surface.resource.clone()) {
            self.offer_primary_to(&surface);
        }
    }

    /// Tells a surface's client what is marked.
    pub fn offer_primary_to(&mut self, surface: &WlSurface) {
        let id = surface.id();
        let own = self.primary.devices.iter().filter(|device| device.id().same_client_as(&id));
        for device in own.cloned().collect::<Vec<_>>() {
            self.offer_primary(&device);
        }
    }

    fn offer_primary(&mut self, device: &ZwpPrimarySelectionDeviceV1) {
        let offer = self.primary.selection.clone().and_then(|owner| {
            let (client, version) = (device.client()?, device.version());
            let (types, offer): (Vec<String>, ZwpPrimarySelectionOfferV1) = match owner {
                Owner::Client(source) => {
                    let types =
                        source.data::<TypesData>()?.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    let offer = client.create_resource::<_, _, Self>(&self.display, version, source);
                    (types, offer.ok()?)
                }
                Owner::X11(types) => {
                    let data = X11Offer(Which::Primary);
                    let offer = client.create_resource::<_, _, Self>(&self.display, version, data);
                    (types.to_vec(), offer.ok()?)
                }
            };
            device.data_offer(&offer);
            types.into_iter().for_each(|mime_type| offer.offer(mime_type));
            Some(offer)
        });
        device.selection(offer.as_ref());
    }
}
