//! Pixels in the stream: the graphics pipeline of MS-RDPEGFX, one surface for each window.
//!
//! The guest end writes PDUs with an [`EgfxEncoder`], the host end keeps surfaces with an [`EgfxDecoder`]. Used of the
//! protocol are surfaces, their mapping to windows, frames, and `WIRE_TO_SURFACE_1` with uncompressed or ClearCodec
//! pixels; there is no compression of the PDUs themselves (ZGFX) and no capability exchange, since the frames of the
//! stream say which version both ends speak.

mod decode;
mod encode;

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_egfx::pdu::{FrameAcknowledgePdu, GfxPdu, QueueDepth};

pub use decode::{EgfxDecoder, EgfxEvent, SurfaceView};
pub use encode::{Codec, EgfxEncoder, OpenFrame};

use crate::error::Fault;
use crate::wire;

pub(crate) fn write_acknowledgement(frame: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
    let queue_depth = QueueDepth::from_u32(0);
    let pdu = FrameAcknowledgePdu {
        queue_depth,
        frame_id: frame,
        total_frames_decoded: 0,
    };
    wire::put_pdu(out, &GfxPdu::FrameAcknowledge(pdu))
}

pub(crate) fn read_acknowledgement(src: &mut ReadCursor<'_>) -> Result<u32, Fault> {
    match GfxPdu::decode(src)? {
        GfxPdu::FrameAcknowledge(pdu) => Ok(pdu.frame_id),
        _ => Err(Fault::new("not a frame acknowledgement")),
    }
}
