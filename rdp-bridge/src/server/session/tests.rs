//! The session as a whole, fed with PDUs and pictures, without any I/O.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use ironrdp_core::{Encode, decode, encode_vec};
use ironrdp_displaycontrol::pdu::{DisplayControlMonitorLayout, DisplayControlPdu, MonitorLayoutEntry};
use ironrdp_dvc::pdu::{
    CapabilitiesResponsePdu, CapsVersion, CreateResponsePdu, CreationStatus, DataPdu, DrdynvcClientPdu,
    DrdynvcDataPdu,
};
use ironrdp_egfx::pdu::{
    CapabilitiesAdvertisePdu, CapabilitiesV8Flags, CapabilitySet, FrameAcknowledgePdu, GfxPdu, QueueDepth,
};
use ironrdp_pdu::geometry::InclusiveRectangle;
use ironrdp_pdu::mcs::{
    DisconnectProviderUltimatum, DisconnectReason, McsMessage, SendDataIndication, SendDataRequest,
};
use ironrdp_pdu::rdp::capability_sets::{ClientConfirmActive, DemandActive, SERVER_CHANNEL_ID};
use ironrdp_pdu::rdp::finalization_messages::FontPdu;
use ironrdp_pdu::rdp::headers::{ShareControlHeader, ShareControlPdu, ShareDataPdu};
use ironrdp_pdu::rdp::refresh_rectangle::RefreshRectanglePdu;
use ironrdp_pdu::rdp::suppress_output::SuppressOutputPdu;
use ironrdp_pdu::x224::X224;

use super::receive::Effect;
use super::state::{DISPLAY_CHANNEL, EndReason, GRAPHICS_CHANNEL, Opening, Session, Step};
use super::wire::Addresses;
use crate::server::desktop::{Capture, DesktopHandle, DesktopView};
use crate::server::encode::{Codec, FrameJob};
use crate::server::geometry::{FrameView, Rect};
use crate::server::handshake::{ClientProfile, server_capabilities};
use crate::server::input::{InputEvent, SessionId};

const IO: u16 = 1003;
const DYNAMIC: u16 = 1004;

/// A session and all around it, at a time that the test moves on.
struct Bench {
    session: Session,
    desktop: DesktopHandle,
    view: DesktopView,
    now: Instant,
}

impl Bench {
    fn new(graphics: bool) -> Self {
        let desktop = DesktopHandle::new(300, 200).unwrap();
        let view = desktop.attach(SessionId(1));
        let addresses =
            Addresses { io_channel: IO, user_channel: 1002, drdynvc: graphics.then_some(DYNAMIC) };
        let now = Instant::now();
        let opening = Opening {
            addresses,
            profile: ClientProfile::new(&server_capabilities(300, 200)),
            graphics,
            size: (300, 200),
            max_desktop: (1920, 1080),
            frame_rate: 50,
        };
        Self { session: Session::new(opening, now), desktop, view, now }
    }

    fn receive(&mut self, pdu: &[u8]) -> Vec<Effect> {
        let effects = self.session.receive(pdu, self.now);
        for effect in &effects {
            match effect {
                Effect::Refresh(rect) => self.view.invalidate(*rect),
                Effect::RefreshAll => self.view.invalidate_all(),
                Effect::Input(_) => {}
            }
        }
        effects
    }

    fn data(&mut self, pdu: ShareDataPdu) -> Vec<Effect> {
        let addresses = Addresses { io_channel: IO, user_channel: 1002, drdynvc: None };
        // The same header, as the client sends it.
        let bytes = addresses.share_data(pdu).unwrap();
        let X224(indication) = decode::<X224<SendDataIndication<'_>>>(&bytes).unwrap();
        self.receive(&request(IO, &indication.user_data))
    }

    fn dynamic(&mut self, pdu: &DrdynvcClientPdu) -> Vec<Effect> {
        let bytes = encode_vec(pdu).unwrap();
        let chunk = [&(bytes.len() as u32).to_le_bytes()[..], &0x13u32.to_le_bytes(), &bytes].concat();
        self.receive(&request(DYNAMIC, &chunk))
    }

    fn message(&mut self, channel: u32, pdu: &impl Encode) -> Vec<Effect> {
        let data = DataPdu::new(channel, encode_vec(pdu).unwrap());
        self.dynamic(&DrdynvcClientPdu::Data(DrdynvcDataPdu::Data(data)))
    }

    fn open_graphics(&mut self) {
        self.dynamic(&DrdynvcClientPdu::Capabilities(CapabilitiesResponsePdu::new(CapsVersion::V2)));
        for channel in [GRAPHICS_CHANNEL, DISPLAY_CHANNEL] {
            self.dynamic(&DrdynvcClientPdu::Create(CreateResponsePdu::new(channel, CreationStatus::OK)));
        }
        self.advertise();
    }

    fn advertise(&mut self) -> Vec<Effect> {
        let v8 = CapabilitySet::V8 { flags: CapabilitiesV8Flags::empty() };
        self.message(
            GRAPHICS_CHANNEL,
            &GfxPdu::CapabilitiesAdvertise(CapabilitiesAdvertisePdu::from_typed(&[v8])),
        )
    }

    fn acknowledge(&mut self, frame_id: u32, queue_depth: QueueDepth) {
        let ack = FrameAcknowledgePdu { queue_depth, frame_id, total_frames_decoded: 0 };
        self.message(GRAPHICS_CHANNEL, &GfxPdu::FrameAcknowledge(ack));
    }

    fn step(&mut self) -> Step {
        self.session.next_step(&self.view, self.now, &mut Capture::default())
    }

    /// The next step that is not sending bytes.
    fn settled(&mut self) -> Step {
        loop {
            match self.step() {
                Step::Send(_) => {}
                other => return other,
            }
        }
    }

    fn frame(&mut self) -> FrameJob {
        match self.settled() {
            Step::Encode(job) => *job,
            other => panic!("no frame but {other:?}"),
        }
    }

    fn nothing(&mut self) {
        let step = self.settled();
        assert!(matches!(step, Step::Wait(_)), "something is sent: {step:?}");
    }

    /// Damages one pixel, and lets enough time pass for another frame.
    fn change(&mut self) {
        let (width, height) = self.desktop.size();
        let bgra = vec![0; (width * height * 4) as usize];
        let frame = FrameView { width, height, stride: width as usize * 4, bgra: &bgra };
        self.desktop.publish(frame, &[Rect::new(5, 5, 1, 1)]).unwrap();
        self.pass(Duration::from_millis(25));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }
}

fn request(channel_id: u16, data: &[u8]) -> Vec<u8> {
    let user_data = Cow::Borrowed(data);
    encode_vec(&X224(SendDataRequest { initiator_id: 1002, channel_id, user_data })).unwrap()
}

fn pixels(job: &FrameJob) -> u32 {
    job.capture.rects.iter().map(|rect| rect.width * rect.height).sum()
}

#[test]
fn the_first_frame_is_everything_and_later_ones_are_damage() {
    let mut bench = Bench::new(false);
    let first = bench.frame();
    assert_eq!((first.codec, first.fresh, pixels(&first)), (Codec::SurfaceBits, true, 300 * 200));
    bench.nothing();
    bench.change();
    let second = bench.frame();
    assert_eq!((second.fresh, pixels(&second)), (false, 1));
}

#[test]
fn a_minimised_client_is_sent_nothing_and_then_everything() {
    let mut bench = Bench::new(false);
    bench.frame();
    bench.data(ShareDataPdu::SuppressOutput(SuppressOutputPdu { desktop_rect: None }));
    bench.change();
    bench.nothing();
    let all = InclusiveRectangle { left: 0, top: 0, right: 299, bottom: 199 };
    let effects = bench.data(ShareDataPdu::SuppressOutput(SuppressOutputPdu { desktop_rect: Some(all) }));
    assert_eq!(effects, [Effect::RefreshAll]);
    assert_eq!(pixels(&bench.frame()), 300 * 200);
}

#[test]
fn a_client_may_ask_for_a_part_again() {
    let mut bench = Bench::new(false);
    bench.frame();
    bench.pass(Duration::from_secs(1));
    let area = InclusiveRectangle { left: 10, top: 20, right: 19, bottom: 29 };
    let backwards = InclusiveRectangle { left: 60_000, top: 20, right: 1, bottom: 2 };
    bench.data(ShareDataPdu::RefreshRectangle(RefreshRectanglePdu {
        areas_to_refresh: vec![area, backwards],
    }));
    assert_eq!(bench.frame().capture.rects, [Rect::new(10, 20, 10, 10)]);
}

#[test]
fn frames_wait_for_acknowledgements() {
    let mut bench = Bench::new(false);
    bench.session.profile.frame_acks = 2;
    bench.session.restart_pacing();
    let first = bench.frame().frame_id;
    bench.change();
    bench.frame();
    bench.change();
    bench.nothing();
    let ack = ironrdp_pdu::codecs::rfx::FrameAcknowledgePdu { frame_id: first };
    bench.data(ShareDataPdu::FrameAcknowledge(ack));
    assert_eq!(pixels(&bench.frame()), 1);
}

#[test]
fn the_graphics_pipeline_is_waited_for_and_used() {
    let mut bench = Bench::new(true);
    bench.nothing();
    bench.open_graphics();
    let first = bench.frame();
    assert_eq!(first.codec, Codec::Graphics { channel: GRAPHICS_CHANNEL });
    assert_eq!(first.prelude.len(), 3, "reset, create, map");
    for _ in 0..2 {
        bench.change();
        assert!(bench.frame().prelude.is_empty());
    }
    bench.change();
    bench.nothing();
    bench.acknowledge(first.frame_id, QueueDepth::Unavailable);
    bench.frame();
    bench.change();
    bench.nothing();
    bench.acknowledge(0, QueueDepth::Suspend);
    bench.frame();
}

#[test]
fn a_client_that_recovers_its_decoder_starts_over() {
    let mut bench = Bench::new(true);
    bench.open_graphics();
    let first = bench.frame();
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.advertise(), [Effect::RefreshAll]);
    let again = bench.frame();
    assert!(again.fresh && again.prelude.len() == 3 && again.surface != first.surface);
    assert_eq!(pixels(&again), 300 * 200);
}

#[test]
fn without_the_graphics_pipeline_a_lesser_codec_is_used() {
    let mut late = Bench::new(true);
    late.nothing();
    late.pass(Duration::from_secs(3));
    assert_eq!(late.frame().codec, Codec::SurfaceBits);
    late.open_graphics();
    late.pass(Duration::from_secs(1));
    assert_eq!(late.frame().codec, Codec::Graphics { channel: GRAPHICS_CHANNEL }, "better late than never");

    let mut declined = Bench::new(true);
    declined.dynamic(&DrdynvcClientPdu::Capabilities(CapabilitiesResponsePdu::new(CapsVersion::V2)));
    let refusal = CreateResponsePdu::new(GRAPHICS_CHANNEL, CreationStatus::NO_LISTENER);
    declined.dynamic(&DrdynvcClientPdu::Create(refusal));
    assert_eq!(declined.frame().codec, Codec::SurfaceBits);
}

#[test]
fn a_classic_client_follows_the_size_by_reactivation() {
    let mut bench = Bench::new(false);
    bench.frame();
    bench.desktop.resize(400, 250).unwrap();
    bench.nothing();
    bench.pass(Duration::from_secs(2));
    let Step::Send(bytes) = bench.step() else { panic!("no deactivation") };
    let X224(first) = decode::<X224<SendDataIndication<'_>>>(&bytes).unwrap();
    let header: ShareControlHeader = decode(&first.user_data).unwrap();
    assert!(matches!(header.share_control_pdu, ShareControlPdu::ServerDeactivateAll(_)));
    bench.change();
    bench.nothing();

    let confirm = ShareControlHeader {
        share_control_pdu: ShareControlPdu::ClientConfirmActive(ClientConfirmActive {
            originator_id: SERVER_CHANNEL_ID,
            pdu: DemandActive {
                source_descriptor: "x".to_owned(),
                capability_sets: server_capabilities(400, 250),
            },
        }),
        pdu_source: 1002,
        share_id: 0,
    };
    bench.receive(&request(IO, &encode_vec(&confirm).unwrap()));
    bench.nothing();
    assert_eq!(bench.data(ShareDataPdu::FontList(FontPdu::default())), [Effect::RefreshAll]);
    let frame = bench.frame();
    assert!(frame.fresh);
    assert_eq!(pixels(&frame), 400 * 250);
}

#[test]
fn a_client_that_never_reactivates_is_given_up() {
    let mut bench = Bench::new(false);
    bench.desktop.resize(400, 250).unwrap();
    bench.nothing();
    bench.pass(Duration::from_secs(2));
    bench.nothing();
    bench.pass(Duration::from_secs(60));
    assert!(matches!(bench.settled(), Step::End(EndReason::Failed(_))));
}

#[test]
fn a_graphics_client_follows_the_size_with_a_reset() {
    let mut bench = Bench::new(true);
    bench.open_graphics();
    bench.frame();
    bench.desktop.resize(400, 250).unwrap();
    bench.nothing();
    bench.pass(Duration::from_secs(2));
    let frame = bench.frame();
    assert_eq!((frame.prelude.len(), pixels(&frame)), (4, 400 * 250), "delete, reset, create, map");
}

#[test]
fn sizes_asked_for_are_kept_within_the_limits() {
    let mut bench = Bench::new(true);
    bench.open_graphics();
    for (asked, width, height) in
        [((1024, 768), 1024, 768), ((8000, 6000), 1920, 1080), ((200, 200), 200, 200)]
    {
        let monitor = MonitorLayoutEntry::new_primary(asked.0, asked.1).unwrap();
        let layout = DisplayControlMonitorLayout::new(&[monitor]).unwrap();
        let effects = bench.message(DISPLAY_CHANNEL, &DisplayControlPdu::MonitorLayout(layout));
        assert_eq!(effects, [Effect::Input(InputEvent::RequestedSize { width, height })]);
    }
}

#[test]
fn odd_pdus_are_skipped() {
    let mut bench = Bench::new(true);
    bench.open_graphics();
    for seed in 0..30_000u32 {
        let garbage: Vec<u8> =
            (0..seed % 60).map(|i| (seed.wrapping_mul(2_654_435_761) >> (i % 25)) as u8).collect();
        bench.receive(&garbage);
        bench.receive(&request(IO, &garbage));
        bench.receive(&request(DYNAMIC, &garbage));
        bench.receive(&request(1010, &garbage));
        let chunk = [&(garbage.len() as u32).to_le_bytes()[..], &3u32.to_le_bytes(), &garbage].concat();
        bench.receive(&request(DYNAMIC, &chunk));
        while let Step::Send(_) = bench.step() {}
        bench.now += Duration::from_micros(10);
    }
    bench.advertise();
    bench.change();
    bench.pass(Duration::from_secs(2));
    bench.frame();
}

#[test]
fn a_client_that_does_not_read_its_replies_is_cut_off() {
    let mut bench = Bench::new(false);
    for _ in 0..100_000 {
        bench.data(ShareDataPdu::ShutdownRequest);
    }
    assert!(matches!(bench.step(), Step::End(EndReason::Failed(_))));
}

#[test]
fn goodbye_ends_the_session() {
    let mut bench = Bench::new(false);
    let goodbye = DisconnectProviderUltimatum::from_reason(DisconnectReason::UserRequested);
    bench.receive(&encode_vec(&X224(McsMessage::DisconnectProviderUltimatum(goodbye))).unwrap());
    assert!(matches!(bench.settled(), Step::End(EndReason::Left)));
}
