//! RDPGFX_FRAME_ACKNOWLEDGE_PDU (MS-RDPEGFX 2.2.2.13).

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_egfx::pdu::{FrameAcknowledgePdu, GfxPdu, QueueDepth};

use crate::error::Fault;
use crate::wire;

pub(crate) fn write_acknowledgement(frame: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
    let queue_depth = QueueDepth::from_u32(0);
    let pdu = FrameAcknowledgePdu { queue_depth, frame_id: frame, total_frames_decoded: 0 };
    wire::put_pdu(out, &GfxPdu::FrameAcknowledge(pdu))
}

pub(crate) fn read_acknowledgement(src: &mut ReadCursor<'_>) -> Result<u32, Fault> {
    match GfxPdu::decode(src)? {
        GfxPdu::FrameAcknowledge(pdu) => Ok(pdu.frame_id),
        _ => Err(Fault::new("not a frame acknowledgement")),
    }
}
