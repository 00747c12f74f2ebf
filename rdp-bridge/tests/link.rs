//! The host end of an instance's link: a well-behaved instance, and each kind of hostile one.

use std::time::Duration;

use bailey_link::limits::{MAX_CHUNK, VERSION};
use bailey_link::{
    Decoder, InputEvent, Message as _, PixelFormat, PixelTransport, Rect, SystemCommand, ToHost, ToInstance,
    WindowInfo,
};
use bailey_rdp::link::{HostLink, LinkConfig, LinkEvent, LinkLimits, LinkViolation};
use proptest::prelude::*;

const MEMORY: u64 = 1 << 20;
const NOW: Duration = Duration::from_secs(5);

struct Fixture {
    link: HostLink,
    heard: Decoder<ToInstance>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(LinkConfig { memory: MEMORY, ..LinkConfig::default() })
    }

    fn with(config: LinkConfig) -> Self {
        let mut fixture = Self { link: HostLink::new(config), heard: Decoder::new() };
        assert_eq!(fixture.say(&[ToHost::Hello { version: VERSION }]), Ok(vec![LinkEvent::Ready]));
        assert!(matches!(fixture.hear()[..], [ToInstance::HelloAck(_)]));
        fixture
    }

    fn say(&mut self, messages: &[ToHost]) -> Result<Vec<LinkEvent>, LinkViolation> {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes).expect("encodable"));
        self.push(&bytes, NOW)
    }

    fn push(&mut self, bytes: &[u8], now: Duration) -> Result<Vec<LinkEvent>, LinkViolation> {
        let mut events = Vec::new();
        for chunk in bytes.chunks(MAX_CHUNK) {
            self.link.receive(chunk)?;
            while let Some(event) = self.link.next_event(now)? {
                events.push(event);
            }
        }
        Ok(events)
    }

    fn hear(&mut self) -> Vec<ToInstance> {
        let bytes = self.link.pending().to_vec();
        self.link.sent(bytes.len(), NOW);
        self.heard.push(&bytes).expect("a chunk");
        std::iter::from_fn(|| self.heard.pull().expect("our own words")).collect()
    }
}

fn window(id: u32) -> ToHost {
    ToHost::WindowCreated(WindowInfo { id, ..WindowInfo::default() })
}

fn buffer(buffer: u32, offset: u64, width: u32, height: u32, stride: u32) -> ToHost {
    ToHost::CreateBuffer { buffer, offset, width, height, stride, format: PixelFormat::Xrgb8888 }
}

fn present(window: u32, buffer: u32, serial: u32) -> ToHost {
    ToHost::Present { window, buffer, serial, damage: vec![Rect::new(0, 0, 10, 10)] }
}

#[test]
fn a_window_lives() {
    let mut fixture = Fixture::new();
    let info = WindowInfo { id: 1, title: "a\u{202e}b".into(), owner: Some(77), ..WindowInfo::default() };
    let events =
        fixture.say(&[ToHost::WindowCreated(info), buffer(3, 4096, 8, 8, 40), present(1, 3, 9)]).unwrap();
    let [LinkEvent::WindowCreated(info), LinkEvent::Presented { window: 1, serial: 9, picture, damage }] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((info.title.as_str(), info.owner), ("ab", None));
    assert_eq!((picture.offset, picture.stride), (4096, 40));
    assert_eq!(damage, &[Rect::new(0, 0, 8, 8)], "cut to the picture");

    fixture.link.acknowledge_present(1, 9, NOW).unwrap();
    fixture.link.configure(1, Some((800, 600)), true, false, NOW).unwrap();
    fixture.link.configure(1, Some((801, 600)), true, true, NOW).unwrap();
    fixture.link.configure(1, None, false, false, NOW).unwrap();
    let command = |command| ToInstance::SystemCommand { window: 1, command };
    let size = |width, resizing| ToInstance::WindowMove { window: 1, width, height: 600, resizing };
    assert_eq!(
        fixture.hear(),
        [
            ToInstance::PresentAck { window: 1, serial: 9 },
            command(SystemCommand::Maximise),
            size(800, false),
            size(801, true),
            command(SystemCommand::Restore),
        ]
    );
    assert_eq!(
        fixture.say(&[ToHost::WindowDeleted { window: 1 }]).unwrap(),
        [LinkEvent::WindowDeleted { window: 1 }]
    );
    assert_eq!(fixture.link.windows(), 0);
    assert_eq!(fixture.link.receive_end(), Ok(()));
}

#[test]
fn popups_go_with_their_owner_and_late_words_about_them_are_harmless() {
    let mut fixture = Fixture::new();
    let popup = |id, owner| {
        ToHost::WindowCreated(WindowInfo { id, popup: true, owner: Some(owner), ..WindowInfo::default() })
    };
    fixture.say(&[window(1), popup(2, 1), popup(3, 2), buffer(1, 0, 4, 4, 16)]).unwrap();
    fixture.say(&[ToHost::WindowDeleted { window: 1 }]).unwrap();
    assert_eq!(fixture.link.windows(), 0);
    assert_eq!(fixture.say(&[present(3, 1, 4), ToHost::WindowDeleted { window: 3 }]), Ok(vec![]));
    assert_eq!(fixture.hear(), [ToInstance::PresentAck { window: 3, serial: 4 }]);
    assert_eq!(fixture.say(&[ToHost::WindowDeleted { window: 3 }]), Err(LinkViolation::UnknownWindow(3)));
    assert!(matches!(
        Fixture::new().say(&[popup(2, 1)]),
        Err(LinkViolation::PopupOwner { popup: 2, owner: Some(1) })
    ));
}

#[test]
fn garbage_is_refused() {
    let garbage: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let violation = Fixture::new().push(&garbage, NOW).unwrap_err();
    assert!(violation.to_string().contains("the instance sent"), "{violation}");
}

#[test]
fn it_has_to_say_hello_first_and_once_in_our_version() {
    let mut fixture = Fixture { link: HostLink::new(LinkConfig::default()), heard: Decoder::new() };
    assert_eq!(fixture.say(&[window(1)]), Err(LinkViolation::NoHello));
    let mut fixture = Fixture { link: HostLink::new(LinkConfig::default()), heard: Decoder::new() };
    let version = fixture.say(&[ToHost::Hello { version: 99 }]);
    assert_eq!(version, Err(LinkViolation::Version { theirs: 99, ours: VERSION }));
    let second = Fixture::new().say(&[ToHost::Hello { version: VERSION }]);
    assert_eq!(second, Err(LinkViolation::SecondHello));
}

#[test]
fn buffers_lie_within_the_memory() {
    let outside = |message: ToHost| match Fixture::new().say(&[message]) {
        Err(LinkViolation::BufferOutside { .. }) => true,
        other => panic!("{other:?}"),
    };
    assert!(Fixture::new().say(&[buffer(1, MEMORY - 16, 4, 1, 16)]).is_ok());
    assert!(outside(buffer(1, MEMORY - 15, 4, 1, 16)));
    assert!(outside(buffer(1, 0, 1, 16_384, u32::MAX)));
    assert!(outside(buffer(1, u64::MAX - 10, 4, 1, 16)));
    assert!(outside(buffer(1, u64::MAX, 16_384, 16_384, u32::MAX)));
    assert!(matches!(
        Fixture::new().say(&[buffer(1, 0, 40_000, 25_000, 160_000)]),
        Err(LinkViolation::BufferSize { width: 40_000, .. })
    ));
    assert!(matches!(Fixture::new().say(&[buffer(1, 0, 0, 1, 0)]), Err(LinkViolation::BufferSize { .. })));
    assert!(matches!(
        Fixture::new().say(&[buffer(1, 0, 10, 10, 39)]),
        Err(LinkViolation::BufferStride { .. })
    ));
    // Nothing lies within memory that is not known.
    let mut fixture = Fixture::with(LinkConfig::default());
    assert!(matches!(
        fixture.say(&[buffer(1, 0, 1, 1, 4)]),
        Err(LinkViolation::BufferOutside { memory: 0, .. })
    ));
}

#[test]
fn a_window_of_a_billion_pixels_is_refused() {
    let info = WindowInfo { id: 1, size: (40_000, 25_000), ..WindowInfo::default() };
    let violation = Fixture::new().say(&[ToHost::WindowCreated(info)]).unwrap_err();
    assert!(violation.to_string().contains("40000 x 25000"), "{violation}");
}

#[test]
fn a_million_windows_end_at_the_cap() {
    let mut fixture = Fixture::new();
    let mut made = 0;
    let violation = (1..=1_000_000).find_map(|id| {
        made = id;
        fixture.say(&[window(id)]).err()
    });
    assert_eq!((violation, made), (Some(LinkViolation::TooManyWindows(500)), 501));
}

#[test]
fn unknown_and_doubled_numbers_are_refused() {
    let refused = |messages: &[ToHost]| Fixture::new().say(messages).unwrap_err();
    assert_eq!(refused(&[window(1), window(1)]), LinkViolation::DuplicateWindow(1));
    assert_eq!(refused(&[ToHost::WindowDeleted { window: 5 }]), LinkViolation::UnknownWindow(5));
    assert_eq!(refused(&[buffer(1, 0, 1, 1, 4), buffer(1, 0, 1, 1, 4)]), LinkViolation::DuplicateBuffer(1));
    assert_eq!(refused(&[ToHost::DestroyBuffer { buffer: 1 }]), LinkViolation::UnknownBuffer(1));
    assert_eq!(refused(&[window(1), present(1, 2, 3)]), LinkViolation::UnknownBuffer(2));
    assert_eq!(refused(&[buffer(2, 0, 1, 1, 4), present(1, 2, 3)]), LinkViolation::UnknownWindow(1));
    assert_eq!(refused(&[ToHost::Egfx(vec![])]), LinkViolation::Transport);
    let many: Vec<ToHost> = (0..4001).map(|id| buffer(id, 0, 1, 1, 4)).collect();
    assert_eq!(refused(&many), LinkViolation::TooManyBuffers(4000));
}

#[test]
fn presents_wait_for_acknowledgements() {
    let mut fixture = Fixture::new();
    fixture.say(&[window(1), buffer(1, 0, 4, 4, 16), present(1, 1, 1), present(1, 1, 2)]).unwrap();
    fixture.link.acknowledge_present(1, 1, NOW).unwrap();
    fixture.say(&[present(1, 1, 3)]).unwrap();
    assert_eq!(fixture.say(&[present(1, 1, 4)]), Err(LinkViolation::TooManyPresents { window: 1, limit: 2 }));
}

#[test]
fn a_flood_is_refused_and_a_steady_stream_is_not() {
    let limits = LinkLimits { message_rate: 100, message_burst: 10, ..LinkLimits::default() };
    let config = LinkConfig { memory: MEMORY, limits, ..LinkConfig::default() };
    let mut word = Vec::new();
    ToHost::Pointer(bailey_link::PointerShape::Hidden).encode(&mut word).unwrap();
    let mut fixture = Fixture::with(config);
    for step in 1..1000 {
        fixture.push(&word, NOW + Duration::from_millis(10) * step).unwrap();
    }
    assert_eq!(Fixture::with(config).push(&word.repeat(20), NOW), Err(LinkViolation::Flood(100)));
}

#[test]
fn whoever_stops_reading_is_noticed_by_bytes_and_by_time() {
    let key = InputEvent::Key { code: 30, extended: false, released: false };
    let mut fixture = Fixture::new();
    let mut keys = 0;
    let violation = loop {
        match fixture.link.input(key, NOW) {
            Ok(()) => keys += 1,
            Err(violation) => break violation,
        }
    };
    assert!(matches!(violation, LinkViolation::NotReading { .. }), "{violation}");
    assert!(keys < 100_000, "{keys}");

    let mut fixture = Fixture::new();
    assert_eq!(fixture.link.deadline(), None);
    fixture.link.input(key, NOW).unwrap();
    let deadline = fixture.link.deadline().unwrap();
    assert_eq!(fixture.link.check(deadline - Duration::from_millis(1)), Ok(()));
    assert!(matches!(fixture.link.check(deadline), Err(LinkViolation::NotReading { .. })));
    fixture.link.sent(1, deadline);
    assert_eq!(fixture.link.check(deadline), Ok(()), "a byte is a sign of life");
    let rest = fixture.link.pending().len();
    fixture.link.sent(rest, deadline);
    assert_eq!(fixture.link.deadline(), None);

    // Motion alone never fills the buffer.
    let mut fixture = Fixture::new();
    for step in 0..100_000u32 {
        fixture.link.input(InputEvent::PointerMove { x: (step % 100) as i16, y: 1 }, NOW).unwrap();
    }
    assert!(fixture.link.pending().len() < 64 << 10);
}

#[test]
fn a_cut_message_is_noticed_at_the_end() {
    let mut fixture = Fixture::new();
    fixture.push(&[1, 0, 0], NOW).unwrap();
    assert_eq!(fixture.link.receive_end(), Err(LinkViolation::Truncated));
}

#[test]
fn pictures_by_rdpgfx() {
    use bailey_link::egfx::{Codec, EgfxEncoder};
    let mut fixture = Fixture::with(LinkConfig { pixels: PixelTransport::Egfx, ..LinkConfig::default() });
    fixture.say(&[window(1)]).unwrap();
    let mut encoder = EgfxEncoder::new(Codec::ClearCodec);
    let mut picture = |serial: u8| {
        let mut frame = encoder.start(1, 20, 10, PixelFormat::Xrgb8888).unwrap();
        encoder.rect(&mut frame, Rect::new(0, 0, 20, 10), &[serial, 2, 3, 255].repeat(200)).unwrap();
        encoder.finish(frame).unwrap()
    };
    for serial in 1..=2 {
        let events = fixture.say(&picture(serial)).unwrap();
        let [LinkEvent::Frame { frame, damage }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*frame, damage[0].0), (u32::from(serial), 1));
        assert_eq!(fixture.link.surface(1).unwrap().pixels[..4], [serial, 2, 3, 255]);
    }
    assert_eq!(fixture.say(&picture(3)), Err(LinkViolation::TooManyFrames(3)));
    let mut fixture = Fixture::with(LinkConfig { pixels: PixelTransport::Egfx, ..LinkConfig::default() });
    assert_eq!(fixture.say(&[buffer(1, 0, 1, 1, 4)]), Err(LinkViolation::Transport));
}

proptest! {
    #[test]
    fn any_bytes_after_hello_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Fixture::new().push(&bytes, NOW);
    }

    #[test]
    fn any_buffer_that_is_accepted_lies_within_the_memory(
        offset in any::<u64>(), width in any::<u32>(), height in 0u32..20_000, stride in any::<u32>(), small in any::<bool>(),
    ) {
        let (offset, width, stride) =
            if small { (offset % (2 * MEMORY), width % 600, stride % 4000) } else { (offset, width, stride) };
        let mut fixture = Fixture::new();
        if fixture.say(&[window(1), buffer(1, offset, width, height, stride)]).is_ok() {
            let end = u128::from(offset) + u128::from(stride) * u128::from(height - 1) + u128::from(width) * 4;
            prop_assert!(end <= u128::from(MEMORY));
        }
    }
}
