//! The two selections, whoever owns them: a Wayland client, or an X11 program.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, PoisonError};

use wayland_protocols::wp::primary_selection::zv1::server::zwp_primary_selection_offer_v1::{
    self, ZwpPrimarySelectionOfferV1,
};
use wayland_server::protocol::wl_data_offer::{self, WlDataOffer};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource};

use crate::state::State;
use crate::wayland::data_device::SourceData;
use crate::wayland::primary_selection::TypesData;
use crate::x11::X11Request;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// What is copied and pasted.
    Clipboard,
    /// What is marked, for the middle button.
    Primary,
}

/// Who owns a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner<S> {
    /// A Wayland client, by its source.
    Client(S),
    /// An X11 program, which offers these MIME types.
    X11(Arc<[String]>),
}

impl<S> Owner<S> {
    /// The source, if a Wayland client owns the selection.
    pub fn client(&self) -> Option<&S> {
        if let Self::Client(source) = self { Some(source) } else { None }
    }
}

/// An offer of what an X11 program has selected.
#[derive(Debug)]
pub struct X11Offer(pub Which);

impl State {
    /// What a Wayland client offers, if one owns the selection.
    pub fn client_types(&self, which: Which) -> Option<Vec<String>> {
        match which {
            Which::Clipboard => {
                let data = self.data.source()?.data::<SourceData>()?;
                Some(data.lock().unwrap_or_else(PoisonError::into_inner).types.clone())
            }
            Which::Primary => {
                let data = self.primary.source()?.data::<TypesData>()?;
                Some(data.lock().unwrap_or_else(PoisonError::into_inner).clone())
            }
        }
    }

    /// Asks the client that owns a selection to write it. False, and nothing is written, where none does.
    pub fn ask_client(&self, which: Which, mime_type: &str, into: &OwnedFd) -> bool {
        match which {
            Which::Clipboard => {
                self.data.source().map(|source| source.send(mime_type.to_owned(), into.as_fd())).is_some()
            }
            Which::Primary => {
                self.primary.source().map(|source| source.send(mime_type.to_owned(), into.as_fd())).is_some()
            }
        }
    }

    /// An X11 program has selected something that it offers as these types, or gives its selection up.
    pub fn x11_selects(&mut self, which: Which, types: Option<Vec<String>>) {
        let types = types.map(Arc::from);
        match which {
            Which::Clipboard => self.x11_selects_clipboard(types),
            Which::Primary => self.x11_selects_primary(types),
        }
    }

    /// A Wayland client has selected something, or nothing more.
    pub(super) fn client_selects(&mut self, which: Which) {
        self.x11_requests.push(X11Request::Selected(which));
    }

    fn ask_x11(&mut self, which: Which, mime_type: String, into: OwnedFd) {
        self.x11_requests.push(X11Request::Receive(which, mime_type, into));
    }
}

impl Dispatch<WlDataOffer, X11Offer> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &WlDataOffer,
        request: wl_data_offer::Request,
        offer: &X11Offer,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        if let wl_data_offer::Request::Receive { mime_type, fd } = request {
            state.ask_x11(offer.0, mime_type, fd);
        }
    }
}

impl Dispatch<ZwpPrimarySelectionOfferV1, X11Offer> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &ZwpPrimarySelectionOfferV1,
        request: zwp_primary_selection_offer_v1::Request,
        offer: &X11Offer,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        if let zwp_primary_selection_offer_v1::Request::Receive { mime_type, fd } = request {
            state.ask_x11(offer.0, mime_type, fd);
        }
    }
}
