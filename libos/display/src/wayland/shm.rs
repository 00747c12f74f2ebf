//! `wl_shm`: clients' shared memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use wayland_server::protocol::wl_buffer::WlBuffer;
use wayland_server::protocol::wl_shm::{self, WlShm};
use wayland_server::protocol::wl_shm_pool::{self, WlShmPool};
use wayland_server::{Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource};

use crate::pixels::source::{Format, Pool, ShmBuffer};
use crate::state::State;

/// No side of a buffer may be longer: keeps every product of sizes inside 64 bits, and far above any screen.
const MAX_SIDE: i32 = 32_767;

/// A `wl_shm_pool`: the file, and how much of it the client may name.
#[derive(Debug)]
pub struct PoolData {
    pool: Arc<Pool>,
    size: AtomicI32,
}

impl GlobalDispatch<WlShm, ()> for State {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        resource: New<WlShm>,
        _: &(),
        data_init: &mut DataInit<'_, Self>,
    ) {
        let shm = data_init.init(resource, ());
        shm.format(wl_shm::Format::Argb8888);
        shm.format(wl_shm::Format::Xrgb8888);
    }
}

impl Dispatch<WlShm, ()> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        resource: &WlShm,
        request: wl_shm::Request,
        _: &(),
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        if let wl_shm::Request::CreatePool { id, fd, size } = request {
            if size <= 0 {
                resource.post_error(wl_shm::Error::InvalidStride, "the pool's size must be positive");
            }
            data_init.init(id, PoolData { pool: Arc::new(Pool::new(fd)), size: AtomicI32::new(size) });
        }
    }
}

impl Dispatch<WlShmPool, PoolData> for State {
    fn request(
        _: &mut Self,
        _: &Client,
        resource: &WlShmPool,
        request: wl_shm_pool::Request,
        data: &PoolData,
        _: &DisplayHandle,
        data_init: &mut DataInit<'_, Self>,
    ) {
        match request {
            wl_shm_pool::Request::CreateBuffer { id, offset, width, height, stride, format } => {
                create_buffer(resource, data, data_init, id, [offset, width, height, stride], format.into());
            }
            wl_shm_pool::Request::Resize { size } => {
                if size < data.size.load(Ordering::Relaxed) {
                    resource.post_error(wl_shm::Error::InvalidFd, "a pool cannot shrink");
                    return;
                }
                data.size.store(size, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

fn create_buffer(
    resource: &WlShmPool,
    data: &PoolData,
    data_init: &mut DataInit<'_, State>,
    id: New<WlBuffer>,
    [offset, width, height, stride]: [i32; 4],
    wire_format: u32,
) {
    let format = match wire_format {
        0 => Some(Format::Argb8888),
        1 => Some(Format::Xrgb8888),
        _ => None,
    };
    let size = data.size.load(Ordering::Relaxed);
    let sides = (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height);
    let end = i64::from(offset) + i64::from(stride) * i64::from(height);
    let inside = offset >= 0 && i64::from(stride) >= i64::from(width) * 4 && end <= i64::from(size);
    let buffer = ShmBuffer {
        pool: data.pool.clone(),
        offset: u64::try_from(offset).unwrap_or(0),
        width: width.clamp(1, MAX_SIDE),
        height: height.clamp(1, MAX_SIDE),
        stride: u64::try_from(stride).unwrap_or(0),
        format: format.unwrap_or(Format::Argb8888),
        busy: Arc::new(AtomicUsize::new(0)),
    };
    data_init.init(id, buffer);
    if format.is_none() {
        resource
            .post_error(wl_shm::Error::InvalidFormat, format!("format {wire_format:#x} was not announced"));
    } else if !sides || !inside {
        let what =
            format!("a {width}x{height} buffer, stride {stride}, at {offset} of a pool of {size} bytes");
        resource.post_error(wl_shm::Error::InvalidStride, what);
    }
}
