//! `wl_data_offer`: what one client shows another of its selection or its drag.

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use wayland_server::backend::ClientId;
use wayland_server::protocol::wl_data_device::WlDataDevice;
use wayland_server::protocol::wl_data_device_manager::DndAction;
use wayland_server::protocol::wl_data_offer::{self, WlDataOffer};
use wayland_server::protocol::wl_data_source::{self, WlDataSource};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource, WEnum};

use crate::state::State;
use crate::wayland::data_device::SourceData;
use crate::wayland::selection::{Which, X11Offer};

/// How far a drop has come.
#[derive(Debug, Default)]
struct Progress {
    accepted: bool,
    action: Option<DndAction>,
    dropped: bool,
    finished: bool,
}

/// A `wl_data_offer`'s own state.
#[derive(Debug)]
pub struct OfferData {
    source: WlDataSource,
    drag: bool,
    progress: Mutex<Progress>,
}

impl OfferData {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatch<WlDataOffer, OfferData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        resource: &WlDataOffer,
        request: wl_data_offer::Request,
        data: &OfferData,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        let source = &data.source;
        match request {
            wl_data_offer::Request::Receive { mime_type, fd } if source.is_alive() => {
                source.send(mime_type, fd.as_fd());
            }
            wl_data_offer::Request::Accept { mime_type, .. } if data.drag => {
                data.progress().accepted = mime_type.is_some();
                if source.is_alive() {
                    source.target(mime_type);
                }
            }
            wl_data_offer::Request::SetActions { dnd_actions, preferred_action } => {
                let (WEnum::Value(wanted), WEnum::Value(preferred)) = (dnd_actions, preferred_action) else {
                    resource.post_error(wl_data_offer::Error::InvalidActionMask, "unknown action");
                    return;
                };
                if !data.drag {
                    resource.post_error(wl_data_offer::Error::InvalidOffer, "not of a drag");
                    return;
                }
                choose_action(resource, data, wanted, preferred);
            }
            wl_data_offer::Request::Finish => {
                let mut progress = data.progress();
                if !data.drag || !progress.dropped || progress.finished {
                    resource.post_error(wl_data_offer::Error::InvalidFinish, "nothing was dropped");
                    return;
                }
                progress.finished = true;
                if source.is_alive() && source.version() >= wl_data_source::EVT_DND_FINISHED_SINCE {
                    source.dnd_finished();
                }
            }
            _ => {}
        }
    }

    fn destroyed(_: &mut Self, _: ClientId, resource: &WlDataOffer, data: &OfferData) {
        let progress = data.progress();
        let abandoned = progress.dropped && !progress.finished;
        if abandoned && resource.version() >= 3 && data.source.is_alive() {
            data.source.cancelled();
        }
    }
}

/// The action that both sides can do: the receiver's favourite, else copy, move, ask.
fn choose_action(offer: &WlDataOffer, data: &OfferData, wanted: DndAction, preferred: DndAction) {
    let able = data
        .source
        .data::<SourceData>()
        .map_or(DndAction::empty(), |info| info.lock().unwrap_or_else(PoisonError::into_inner).actions);
    let both = able & wanted;
    let order = [preferred, DndAction::Copy, DndAction::Move, DndAction::Ask];
    let chosen = order.into_iter().find(|action| !action.is_empty() && both.contains(*action));
    let chosen = chosen.unwrap_or(DndAction::empty());
    let mut progress = data.progress();
    if progress.action == Some(chosen) {
        return;
    }
    progress.action = Some(chosen);
    if offer.version() >= wl_data_offer::EVT_ACTION_SINCE {
        offer.action(chosen);
    }
    if data.source.is_alive() && data.source.version() >= wl_data_source::EVT_ACTION_SINCE {
        data.source.action(chosen);
    }
}

impl State {
    /// Makes an offer of a source for one device and announces its types.
    pub fn make_offer(&self, device: &WlDataDevice, source: WlDataSource, drag: bool) -> Option<WlDataOffer> {
        let client = device.client()?;
        let (types, actions) = {
            let info = source.data::<SourceData>()?.lock().unwrap_or_else(PoisonError::into_inner);
            (info.types.clone(), info.actions)
        };
        let data = OfferData { source, drag, progress: Mutex::default() };
        let version = device.version();
        let offer = client.create_resource::<WlDataOffer, _, Self>(&self.display, version, data).ok()?;
        device.data_offer(&offer);
        for mime_type in types {
            offer.offer(mime_type);
        }
        if drag && offer.version() >= wl_data_offer::EVT_SOURCE_ACTIONS_SINCE {
            offer.source_actions(actions);
        }
        Some(offer)
    }

    /// Makes an offer of what an X11 program has copied.
    pub(super) fn make_x11_offer(&self, device: &WlDataDevice, types: &[String]) -> Option<WlDataOffer> {
        let (client, data) = (device.client()?, X11Offer(Which::Clipboard));
        let offer =
            client.create_resource::<WlDataOffer, _, Self>(&self.display, device.version(), data).ok()?;
        device.data_offer(&offer);
        types.iter().for_each(|mime_type| offer.offer(mime_type.clone()));
        Some(offer)
    }

    /// Whether the receiver would take what is dragged.
    pub fn offer_is_accepted(offer: &WlDataOffer) -> bool {
        let Some(data) = offer.data::<OfferData>() else {
            return false;
        };
        let progress = data.progress();
        let old = offer.version() < wl_data_offer::EVT_ACTION_SINCE;
        progress.accepted && (old || progress.action.is_some_and(|action| !action.is_empty()))
    }

    /// What is offered was dropped on the receiver.
    pub fn offer_dropped(offer: &WlDataOffer) {
        if let Some(data) = offer.data::<OfferData>() {
            data.progress().dropped = true;
        }
    }
}
