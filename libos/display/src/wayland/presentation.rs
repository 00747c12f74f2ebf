//! `wp_presentation`: when a frame reached the host.

use wayland_protocols::wp::presentation_time::server::wp_presentation::{self, WpPresentation};
use wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::{
    self, Kind, WpPresentationFeedback,
};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::state::State;
use crate::wayland::surface::SurfaceId;
use crate::window::tree;

/// `CLOCK_MONOTONIC`.
const CLOCK: u32 = 1;
/// Nanoseconds between frames.
const REFRESH: u32 = 16_666_667;

impl GlobalDispatch<WpPresentation, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WpPresentation>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        data_init.init(resource, ()).clock_id(CLOCK);
    }
}

impl Dispatch<WpPresentation, ()> for State {
    fn request(
        state: &mut Self,
        _: &Client,
        _: &WpPresentation,
        request: wp_presentation::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        let wp_presentation::Request::Feedback { surface, callback } = request else {
            return;
        };
        let feedback = data_init.init(callback, ());
        let surface = surface.data::<SurfaceId>().and_then(|id| state.surfaces.get_mut(id));
        match surface {
            Some(surface) => surface.pending.feedbacks.push(feedback),
            None => feedback.discarded(),
        }
    }
}

impl Dispatch<WpPresentationFeedback, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WpPresentationFeedback,
        _: wp_presentation_feedback::Request,
        _: &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }
}

impl State {
    /// The host has taken over a frame of this window.
    pub fn presented(&mut self, root: SurfaceId) {
        let seconds = self.now.as_secs();
        let nanoseconds = self.now.subsec_nanos();
        for at in tree::flatten(&self.surfaces, root) {
            let Some(surface) = self.surfaces.get_mut(&at.surface) else {
                continue;
            };
            for feedback in surface.feedbacks.drain(..) {
                for output in self.outputs.of_client_of(&surface.resource) {
                    feedback.sync_output(output);
                }
                if feedback.is_alive() {
                    feedback.presented(
                        (seconds >> 32) as u32,
                        seconds as u32,
                        nanoseconds,
                        REFRESH,
                        0,
                        0,
                        Kind::empty(),
                    );
                }
            }
        }
    }
}
