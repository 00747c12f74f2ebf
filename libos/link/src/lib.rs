//! The display stream between an instance and the host: its PDUs, their limits, one codec for both ends.
//!
//! The stream is RDP's own vocabulary without its connection: window orders (MS-RDPERP), RAIL PDUs, fast-path input
//! and pointer updates (MS-RDPBCGR), graphics-pipeline PDUs (MS-RDPEGFX), and a few PDUs of our own that name pixels
//! in shared memory instead of sending them. Each travels in a frame of little-endian `u16` type, `u16` flags, `u32`
//! length, and a body of that length.
//!
//! No I/O: an [`Encoder`] turns [`ToHost`] or [`ToInstance`] messages into bytes, a [`Decoder`] turns bytes into
//! messages. Every byte may come from an enemy: buffers are bounded, a fault is a [`LinkError`] that names its
//! [`Party`], and after one the stream cannot go on.
//!
//! Conventions. Pixels are BGRA8888, premultiplied, origin top left. An instance places each top-level window at
//! (0, 0); a popup's offset counts from the content of its owner. The host decides where windows lie. A buffer that
//! starts inside of a bigger picture (`offset`, `width`, `height`, same `stride`) shows just that part of it. The
//! daemon speaks the same stream to the local viewer, with a window for each layer, placed by its offset on the
//! desktop and stacked by [`ToHost::ZOrder`].
#![forbid(unsafe_code)]

mod codec;
pub mod egfx;
mod error;
mod input;
pub mod limits;
mod pointer;
mod rail;
mod rect;
mod text;
mod to_host;
mod to_instance;
mod window;
mod wire;

pub use codec::{Decoder, Encoder, Message};
pub use error::{LinkError, Party};
pub use input::{InputEvent, PointerButton};
pub use pointer::{PointerImage, PointerShape};
pub use rail::{MoveSize, SystemCommand};
pub use rect::Rect;
pub use text::displayable;
pub use to_host::{PixelFormat, ToHost};
pub use to_instance::{HelloAck, PixelTransport, ToInstance};
pub use window::{ShowState, WindowIcon, WindowInfo};
