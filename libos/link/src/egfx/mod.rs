//! Pixels in the stream: the graphics pipeline of MS-RDPEGFX, one surface for each window.
//!
//! The guest end writes PDUs with an [`EgfxEncoder`], the host end keeps surfaces with an [`EgfxDecoder`]. Used of the
//! protocol are surfaces, their mapping to windows, frames, and `WIRE_TO_SURFACE_1` with uncompressed or ClearCodec
//! pixels; there is no compression of the PDUs themselves (ZGFX) and no capability exchange, since the frames of the
//! stream say which version both ends speak.

mod acknowledge;
mod decode;
mod encode;

pub(crate) use acknowledge::{read_acknowledgement, write_acknowledgement};
pub use decode::{EgfxDecoder, EgfxEvent, SurfaceView};
pub use encode::{Codec, EgfxEncoder, OpenFrame};
