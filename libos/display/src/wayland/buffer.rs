//! `wl_buffer`: what a client has drawn, and when it may draw there again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wayland_server::protocol::wl_buffer::{self, WlBuffer};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, Resource};

use crate::pixels::source::ShmBuffer;
use crate::state::State;

/// A use of a client's buffer. The client is told to draw in it again (`wl_buffer.release`)
/// when the last use of that buffer is dropped.
#[derive(Clone, Debug)]
pub struct BufferUse(#[expect(dead_code, reason = "held for its Drop")] Arc<Held>);

#[derive(Debug)]
struct Held {
    buffer: WlBuffer,
    busy: Arc<AtomicUsize>,
}

impl BufferUse {
    /// Starts a use.
    pub fn new(buffer: &WlBuffer, shm: &ShmBuffer) -> Self {
        shm.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Held { buffer: buffer.clone(), busy: shm.busy.clone() }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.busy.fetch_sub(1, Ordering::Relaxed) == 1 && self.buffer.is_alive() {
            self.buffer.release();
        }
    }
}

impl Dispatch<WlBuffer, ShmBuffer> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlBuffer,
        request: wl_buffer::Request,
        _: &ShmBuffer,
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
        // Destroying a buffer leaves its pixels on the screen: the pool lives on in the surface.
        debug_assert!(matches!(request, wl_buffer::Request::Destroy));
    }
}
