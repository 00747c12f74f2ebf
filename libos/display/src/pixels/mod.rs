//! From client buffers to the host: rectangles, composing, and the two ways that pixels travel.

mod egfx_link;
#[expect(unsafe_code, reason = "an ioctl of our own, argued in the file")]
pub mod extents_unsafe;
mod link;
pub mod picture;
pub mod pool;
pub mod rect;
mod shm_link;
pub mod source;

pub use egfx_link::EgfxLink;
pub use link::{PixelError, PixelLink};
pub use shm_link::SharedMemoryLink;
