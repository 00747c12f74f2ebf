//! The host, as the kernel sees it: one wrapper a downcall (`bailey_abi::table`), and what they stand on.
//!
//! * [`raw`]: the host system calls themselves, nowhere else.
//! * `memory`, `thread`, `futex`, `bytes`: downcalls that are one host call.
//! * `channel`, `stream`, `socket`: downcalls that are a request to the monitor.
//! * `handle`: open streams, and this process's descriptors of them.
//! * `heap`, `random`: what the rest of the kernel stands on.

mod bytes;
mod channel;
mod futex;
mod handle;
pub mod heap;
pub mod io;
pub mod memory;
mod random;
pub mod raw;
mod socket;
mod stat;
mod stream;
pub mod thread;

pub use bytes::{preadv, pwritev, pwritev_append};
pub use channel::{Channel, rpc, set_door, tell};
pub use futex::{futex_wait, futex_wake};
pub use handle::{DescriptorCache, HostHandle, Wishes, close as close_descriptor};
pub use memory::{memfd, remove_pages, set_memfd};
pub use random::{fill as random_bytes, seed};
pub use socket::{receive, socket_send_empty, socket_set_option, socket_shutdown};
pub use stream::{
    attributes, attributes_set, debug, delete, enumerate, enumerate_ahead, instance_exit, link,
    make_directory, read_link, rename, space, symlink,
};
pub use thread::{clock_gettime, processor};
