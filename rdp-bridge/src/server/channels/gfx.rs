//! Graphics pipeline channel (MS-RDPEGFX), server side: capabilities, surfaces, acknowledgements. No I/O.

use ironrdp_core::{ReadCursor, encode_vec};
use ironrdp_egfx::pdu::{
    CacheImportReplyPdu, CapabilitiesConfirmPdu, CapabilitiesV8Flags, CapabilitiesV10Flags,
    CapabilitiesV81Flags, CapabilitiesV103Flags, CapabilitiesV104Flags, CapabilitiesV107Flags, CapabilitySet,
    CreateSurfacePdu, DeleteSurfacePdu, EndFramePdu, GfxPdu, MapSurfaceToOutputPdu, PixelFormat, QueueDepth,
    RawCapabilitySet, ResetGraphicsPdu, StartFramePdu, Timestamp,
};
use ironrdp_graphics::zgfx;
use ironrdp_pdu::gcc::{Monitor, MonitorFlags};

use super::drdynvc::decode_next;

pub(crate) const NAME: &str = "Microsoft::Windows::RDS::Graphics";

/// What the client reports about frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledgement {
    /// It has shown the frame.
    Frame(u32),
    /// It will acknowledge no more (SUSPEND_FRAME_ACKNOWLEDGEMENT).
    Suspended(u32),
}

/// State of the channel.
#[derive(Debug, Default)]
pub(crate) struct Graphics {
    /// The capability set agreed on.
    confirmed: Option<CapabilitySet>,
    surface: Option<Surface>,
    next_surface: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Surface {
    id: u16,
    width: u16,
    height: u16,
}

/// What came of a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphicsOutcome {
    /// To send now, in order.
    pub(crate) replies: Vec<GfxPdu>,
    pub(crate) acknowledgements: Vec<Acknowledgement>,
    /// The client starts over: it has no surface any more and needs the whole picture.
    pub(crate) restarted: bool,
}

impl Graphics {
    /// Whether capabilities are agreed on, so that frames may be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.confirmed.is_some()
    }

    /// Takes one message of the client; what cannot be decoded is an error to log.
    pub(crate) fn message(&mut self, bytes: &[u8]) -> Result<GraphicsOutcome, String> {
        let mut outcome = GraphicsOutcome::default();
        let mut cursor = ReadCursor::new(bytes);
        while !cursor.is_empty() {
            match decode_next::<GfxPdu>(&mut cursor)? {
                GfxPdu::CapabilitiesAdvertise(advertised) => self.advertised(&advertised.0, &mut outcome)?,
                GfxPdu::FrameAcknowledge(ack) => outcome.acknowledgements.push(match ack.queue_depth {
                    QueueDepth::Suspend => Acknowledgement::Suspended(ack.frame_id),
                    _ => Acknowledgement::Frame(ack.frame_id),
                }),
                // Nothing is kept from an earlier session.
                GfxPdu::CacheImportOffer(_) => {
                    let reply = CacheImportReplyPdu { cache_slots: Vec::new() };
                    outcome.replies.push(GfxPdu::CacheImportReply(reply));
                }
                GfxPdu::QoeFrameAcknowledge(_) => {}
                other => return Err(format!("a graphics PDU that clients don't send: {other:?}")),
            }
        }
        Ok(outcome)
    }

    /// Agrees on the best capability set. A client may advertise again at any time to recover its decoder.
    fn advertised(&mut self, sets: &[RawCapabilitySet], outcome: &mut GraphicsOutcome) -> Result<(), String> {
        let known = sets.iter().filter_map(|set| set.parsed().ok().flatten());
        let best =
            known.max_by_key(|set| u32::from(set.version())).ok_or("no known graphics capability set")?;
        let confirmed = without_avc(&best);
        let pdu = CapabilitiesConfirmPdu::from_typed(&confirmed);
        self.confirmed = Some(confirmed);
        self.surface = None;
        outcome.replies.push(GfxPdu::CapabilitiesConfirm(pdu));
        outcome.restarted = true;
        Ok(())
    }

    /// Makes sure that there is a surface for a desktop of `width` x `height` pixels; PDUs to send before the frame.
    pub(crate) fn prepare(&mut self, width: u16, height: u16) -> Vec<GfxPdu> {
        if self.surface.is_some_and(|surface| (surface.width, surface.height) == (width, height)) {
            return Vec::new();
        }
        let mut pdus = Vec::new();
        if let Some(old) = self.surface.take() {
            pdus.push(GfxPdu::DeleteSurface(DeleteSurfacePdu { surface_id: old.id }));
        }
        let surface = Surface { id: self.next_surface, width, height };
        self.next_surface = self.next_surface.wrapping_add(1);
        self.surface = Some(surface);
        let (right, bottom) = (i32::from(width) - 1, i32::from(height) - 1);
        pdus.push(GfxPdu::ResetGraphics(ResetGraphicsPdu {
            width: u32::from(width),
            height: u32::from(height),
            monitors: vec![Monitor { left: 0, top: 0, right, bottom, flags: MonitorFlags::PRIMARY }],
        }));
        pdus.push(GfxPdu::CreateSurface(CreateSurfacePdu {
            surface_id: surface.id,
            width,
            height,
            pixel_format: PixelFormat::XRgb,
        }));
        pdus.push(GfxPdu::MapSurfaceToOutput(MapSurfaceToOutputPdu {
            surface_id: surface.id,
            output_origin_x: 0,
            output_origin_y: 0,
        }));
        pdus
    }

    /// The surface that frames are drawn on.
    pub(crate) fn surface(&self) -> Option<u16> {
        self.surface.map(|surface| surface.id)
    }
}

/// The set as confirmed: H.264 is never sent.
fn without_avc(set: &CapabilitySet) -> CapabilitySet {
    match set {
        CapabilitySet::V8 { .. } => CapabilitySet::V8 { flags: CapabilitiesV8Flags::empty() },
        CapabilitySet::V8_1 { .. } => CapabilitySet::V8_1 { flags: CapabilitiesV81Flags::empty() },
        CapabilitySet::V10 { .. } => CapabilitySet::V10 { flags: CapabilitiesV10Flags::AVC_DISABLED },
        CapabilitySet::V10_1 => CapabilitySet::V10_1,
        CapabilitySet::V10_2 { .. } => CapabilitySet::V10_2 { flags: CapabilitiesV10Flags::AVC_DISABLED },
        CapabilitySet::V10_3 { .. } => CapabilitySet::V10_3 { flags: CapabilitiesV103Flags::AVC_DISABLED },
        CapabilitySet::V10_4 { .. } => CapabilitySet::V10_4 { flags: CapabilitiesV104Flags::AVC_DISABLED },
        CapabilitySet::V10_5 { .. } => CapabilitySet::V10_5 { flags: CapabilitiesV104Flags::AVC_DISABLED },
        CapabilitySet::V10_6 { .. } => CapabilitySet::V10_6 { flags: CapabilitiesV104Flags::AVC_DISABLED },
        CapabilitySet::V10_6Err { .. } => {
            CapabilitySet::V10_6Err { flags: CapabilitiesV104Flags::AVC_DISABLED }
        }
        CapabilitySet::V10_7 { .. } => CapabilitySet::V10_7 { flags: CapabilitiesV107Flags::AVC_DISABLED },
    }
}

/// Begin and end of frame `frame_id`, made `milliseconds` after midnight.
pub(crate) fn frame_bounds(frame_id: u32, milliseconds: u32) -> (GfxPdu, GfxPdu) {
    let timestamp = Timestamp {
        milliseconds: (milliseconds % 1000) as u16,
        seconds: (milliseconds / 1000 % 60) as u8,
        minutes: (milliseconds / 60_000 % 60) as u8,
        hours: (milliseconds / 3_600_000 % 24) as u16,
    };
    (GfxPdu::StartFrame(StartFramePdu { timestamp, frame_id }), GfxPdu::EndFrame(EndFramePdu { frame_id }))
}

/// PDUs as one channel message: RDP_SEGMENTED_DATA, uncompressed (MS-RDPEGFX 2.2.5.1).
pub(crate) fn channel_message(pdus: &[GfxPdu]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for pdu in pdus {
        bytes.extend(encode_vec(pdu).map_err(|error| error.to_string())?);
    }
    Ok(zgfx::wrap_uncompressed(&bytes))
}

#[cfg(test)]
mod tests {
    use ironrdp_egfx::pdu::{CapabilitiesAdvertisePdu, CapabilityVersion, FrameAcknowledgePdu};

    use super::*;

    fn advertise(sets: Vec<RawCapabilitySet>) -> Vec<u8> {
        encode_vec(&GfxPdu::CapabilitiesAdvertise(CapabilitiesAdvertisePdu(sets))).unwrap()
    }

    fn v8() -> RawCapabilitySet {
        (&CapabilitySet::V8 { flags: CapabilitiesV8Flags::empty() }).into()
    }

    fn v10() -> RawCapabilitySet {
        (&CapabilitySet::V10 { flags: CapabilitiesV10Flags::empty() }).into()
    }

    #[test]
    fn the_best_known_set_is_confirmed_without_avc() {
        let mut graphics = Graphics::default();
        let unknown = RawCapabilitySet::new(CapabilityVersion(0xff_0000), vec![1, 2, 3]);
        let outcome = graphics.message(&advertise(vec![v8(), unknown, v10()])).unwrap();
        let confirmed = CapabilitySet::V10 { flags: CapabilitiesV10Flags::AVC_DISABLED };
        let pdu = GfxPdu::CapabilitiesConfirm(CapabilitiesConfirmPdu::from_typed(&confirmed));
        assert_eq!(
            outcome,
            GraphicsOutcome { replies: vec![pdu], acknowledgements: vec![], restarted: true }
        );
        assert!(graphics.is_ready());
    }

    #[test]
    fn a_surface_is_made_once_for_a_size_and_again_after_a_restart() {
        let mut graphics = Graphics::default();
        graphics.message(&advertise(vec![v8()])).unwrap();
        assert_eq!(graphics.prepare(800, 600).len(), 3);
        assert!(graphics.prepare(800, 600).is_empty());
        assert_eq!(graphics.surface(), Some(0));
        let resized = graphics.prepare(1024, 768);
        assert!(matches!(&resized[0], GfxPdu::DeleteSurface(pdu) if pdu.surface_id == 0));
        graphics.message(&advertise(vec![v8()])).unwrap();
        assert_eq!(graphics.prepare(1024, 768).len(), 3, "the client forgot its surfaces, nothing to delete");
        assert_eq!(graphics.surface(), Some(2));
    }

    #[test]
    fn acknowledgements_and_offers() {
        let mut graphics = Graphics::default();
        let ack = |queue_depth| {
            let pdu = FrameAcknowledgePdu { queue_depth, frame_id: 7, total_frames_decoded: 1 };
            encode_vec(&GfxPdu::FrameAcknowledge(pdu)).unwrap()
        };
        let shown = graphics.message(&ack(QueueDepth::Unavailable)).unwrap();
        assert_eq!(shown.acknowledgements, [Acknowledgement::Frame(7)]);
        let suspended = graphics.message(&ack(QueueDepth::Suspend)).unwrap();
        assert_eq!(suspended.acknowledgements, [Acknowledgement::Suspended(7)]);
        assert!(!graphics.is_ready());
    }

    #[test]
    fn garbage_is_an_error_and_changes_nothing() {
        let mut graphics = Graphics::default();
        assert!(graphics.message(&advertise(vec![])).is_err());
        assert!(graphics.message(&[1, 2, 3]).is_err());
        let server_only = encode_vec(&GfxPdu::EndFrame(EndFramePdu { frame_id: 1 })).unwrap();
        assert!(graphics.message(&server_only).is_err());
        assert!(!graphics.is_ready());
    }

    #[test]
    fn time_stamps_fit_their_fields() {
        for milliseconds in [0, 59_999, 86_399_999, u32::MAX] {
            let (start, _) = frame_bounds(1, milliseconds);
            assert!(encode_vec(&start).is_ok());
        }
    }
}
