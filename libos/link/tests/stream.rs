//! The stream from end to end: what goes in comes out, and hostile bytes come to a clear error.

use bailey_link::limits::{HEADER_LEN, MAX_CHUNK, MAX_DAMAGE_RECTS, MAX_EGFX_BODY};
use bailey_link::{
    Decoder, Encoder, HelloAck, InputEvent, LinkError, Message, MoveSize, Party, PixelFormat, PixelTransport,
    PointerButton, PointerImage, PointerShape, Rect, ShowState, SystemCommand, ToHost, ToInstance,
    WindowIcon, WindowInfo,
};
use proptest::prelude::*;

fn window() -> WindowInfo {
    WindowInfo {
        id: 7,
        owner: Some(3),
        popup: true,
        title: "Grüße \u{1f600}".into(),
        app_id: "org.example.App".into(),
        offset: (-20, 40),
        size: (640, 480),
        min_size: (100, 50),
        max_size: (0, 0),
        show_state: ShowState::Maximised,
        resizable: true,
    }
}

fn all_to_host() -> Vec<ToHost> {
    let pixels: Vec<u8> = (0..4 * 3 * 2).map(|n| if n % 4 == 3 { 200 } else { n as u8 * 5 }).collect();
    vec![
        ToHost::Hello { version: 1 },
        ToHost::WindowCreated(window()),
        ToHost::WindowUpdated(WindowInfo { id: 1, ..WindowInfo::default() }),
        ToHost::WindowIcon(WindowIcon { window: 7, width: 3, height: 2, pixels: pixels.clone() }),
        ToHost::WindowDeleted { window: 7 },
        ToHost::ZOrder { active: Some(9), windows: (1..=700).collect() },
        ToHost::ZOrder { active: None, windows: Vec::new() },
        ToHost::LocalMoveSize { window: 7, operation: MoveSize::BottomLeft },
        ToHost::Pointer(PointerShape::Default),
        ToHost::Pointer(PointerShape::Hidden),
        ToHost::Pointer(PointerShape::Image(PointerImage { width: 3, height: 2, hot_spot: (1, 1), pixels })),
        ToHost::CreateBuffer {
            buffer: 4,
            offset: 1 << 40,
            width: 640,
            height: 480,
            stride: 2560,
            format: PixelFormat::Xrgb8888,
        },
        ToHost::DestroyBuffer { buffer: 4 },
        ToHost::Present {
            window: 7,
            buffer: 4,
            serial: 11,
            damage: vec![Rect::new(1, 2, 3, 4), Rect::default()],
        },
        ToHost::Egfx(vec![1, 2, 3]),
    ]
}

fn all_to_instance() -> Vec<ToInstance> {
    vec![
        ToInstance::HelloAck(HelloAck {
            version: 1,
            pixels: PixelTransport::Egfx,
            desktop_width: 1280,
            desktop_height: 720,
            keyboard_layout: 0x409,
            repeat_delay_ms: 400,
            repeat_rate: 25,
        }),
        ToInstance::InputTarget { window: Some(5) },
        ToInstance::InputTarget { window: None },
        ToInstance::Input(vec![
            InputEvent::Key { code: 0x1e, extended: false, released: false },
            InputEvent::Key { code: 0x1d, extended: true, released: true },
            InputEvent::Unicode { unit: 0x20ac, released: false },
            InputEvent::PointerMove { x: -5, y: 700 },
            InputEvent::PointerButton { button: PointerButton::Left, released: false, x: 1, y: 2 },
            InputEvent::PointerButton { button: PointerButton::Forward, released: true, x: -1, y: -2 },
            InputEvent::Wheel { vertical: -120, horizontal: 0 },
            InputEvent::Wheel { vertical: 0, horizontal: 240 },
            InputEvent::Locks { scroll: false, num: true, caps: true, kana: false },
        ]),
        ToInstance::Activate { window: 5, active: true },
        ToInstance::SystemCommand { window: 5, command: SystemCommand::Restore },
        ToInstance::WindowMove { window: 5, width: 16_384, height: 1, resizing: true },
        ToInstance::PresentAck { window: 5, serial: u32::MAX },
        ToInstance::EgfxAck { frame: 12 },
        ToInstance::DesktopSize { width: 1920, height: 1080 },
    ]
}

fn encoded<T: Message>(messages: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes).expect("encodable");
    }
    bytes
}

/// Pushes `bytes` in pieces and pulls all there is.
fn decoded<T: Message>(bytes: &[u8], piece: usize) -> Result<(Vec<T>, Decoder<T>), LinkError> {
    let (mut decoder, mut messages) = (Decoder::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        decoder.push(piece)?;
        while let Some(message) = decoder.pull()? {
            messages.push(message);
        }
    }
    Ok((messages, decoder))
}

#[test]
fn every_message_survives_in_any_pieces() {
    let (to_host, to_instance) = (all_to_host(), all_to_instance());
    for piece in [1, 3, 7, 64, MAX_CHUNK] {
        let (messages, decoder) = decoded::<ToHost>(&encoded(&to_host), piece).unwrap();
        assert_eq!(messages, to_host);
        assert!(decoder.is_at_boundary());
        let (messages, _) = decoded::<ToInstance>(&encoded(&to_instance), piece).unwrap();
        assert_eq!(messages, to_instance);
    }
}

#[test]
fn a_cut_body_is_malformed_and_a_cut_stream_waits() {
    for message in all_to_host() {
        let whole = encoded(std::slice::from_ref(&message));
        for cut in HEADER_LEN..whole.len() {
            let (messages, decoder) = decoded::<ToHost>(&whole[..cut], MAX_CHUNK).unwrap();
            assert!(messages.is_empty() && !decoder.is_at_boundary());
            // The same with a header that says that this is all.
            let mut short = whole[..cut].to_vec();
            short[4..8].copy_from_slice(&((cut - HEADER_LEN) as u32).to_le_bytes());
            match decoded::<ToHost>(&short, MAX_CHUNK) {
                Ok((messages, _)) => assert_ne!(messages, std::slice::from_ref(&message), "cut at {cut}"),
                Err(error) => assert_eq!(error.party(), Some(Party::Instance)),
            }
        }
    }
}

#[test]
fn headers_that_ask_too_much_are_refused_at_once() {
    let header = |kind: u16, flags: u16, length: u32| {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend(flags.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes
    };
    let error = |bytes: &[u8]| decoded::<ToHost>(bytes, MAX_CHUNK).unwrap_err();
    assert!(matches!(
        error(&header(0x20, 0, u32::MAX)),
        LinkError::FrameTooLarge { limit: MAX_EGFX_BODY, .. }
    ));
    assert!(matches!(error(&header(1, 0, 5)), LinkError::FrameTooLarge { limit: 4, .. }));
    assert!(matches!(error(&header(0x7777, 0, 0)), LinkError::UnknownType { kind: 0x7777, .. }));
    assert!(matches!(error(&header(1, 2, 4)), LinkError::UnknownFlags { flags: 2, .. }));
    // A message of the other direction is as unknown.
    let other = encoded(&all_to_instance()[..1]);
    assert!(matches!(error(&other), LinkError::UnknownType { .. }));
}

#[test]
fn buffers_are_bounded() {
    let mut decoder = Decoder::<ToHost>::new();
    assert!(matches!(decoder.push(&vec![0; MAX_CHUNK + 1]), Err(LinkError::Overflow { .. })));

    let mut encoder = Encoder::new(20);
    let message = ToInstance::PresentAck { window: 1, serial: 2 };
    encoder.push(&message).unwrap();
    assert!(matches!(encoder.push(&message), Err(LinkError::Backlog { waiting: 32, limit: 20 })));
    assert_eq!(encoder.pending(), encoded(std::slice::from_ref(&message)));
    encoder.sent(5);
    assert_eq!(encoder.waiting(), 11);
    encoder.sent(11);
    encoder.push(&message).unwrap();
    assert_eq!(encoder.waiting(), 16);
}

#[test]
fn what_the_wire_cannot_hold_is_cut_or_refused() {
    let info = WindowInfo { title: "x".repeat(10_000), app_id: "y\0z".repeat(1000), ..window() };
    let (messages, _) = decoded::<ToHost>(&encoded(&[ToHost::WindowCreated(info)]), MAX_CHUNK).unwrap();
    let [ToHost::WindowCreated(info)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((info.title.len(), info.app_id.len()), (259, 259));

    let damage = vec![Rect::new(5, 5, 1, 1); MAX_DAMAGE_RECTS + 1];
    let present = ToHost::Present { window: 1, buffer: 1, serial: 1, damage };
    let (messages, _) = decoded::<ToHost>(&encoded(&[present]), MAX_CHUNK).unwrap();
    assert!(matches!(&messages[..], [ToHost::Present { damage, .. }] if damage == &[Rect::new(5, 5, 1, 1)]));

    let mut out = vec![9];
    for bad in [
        ToHost::WindowDeleted { window: 0 },
        ToHost::Egfx(vec![0; MAX_EGFX_BODY + 1]),
        ToHost::Present { window: 1, buffer: 1, serial: 1, damage: vec![Rect::new(1 << 20, 0, 1, 1)] },
        ToHost::Pointer(PointerShape::Image(PointerImage {
            width: 97,
            height: 1,
            hot_spot: (0, 0),
            pixels: vec![0; 388],
        })),
    ] {
        assert!(matches!(bad.encode(&mut out), Err(LinkError::Unencodable { .. })), "{bad:?}");
        assert_eq!(out, [9]);
    }
}

#[test]
fn a_long_turn_of_the_wheel_arrives_in_parts() {
    let turn = ToInstance::Input(vec![InputEvent::Wheel { vertical: -1000, horizontal: 0 }]);
    let (messages, _) = decoded::<ToInstance>(&encoded(&[turn]), MAX_CHUNK).unwrap();
    let [ToInstance::Input(events)] = &messages[..] else { panic!("{messages:?}") };
    let sum: i16 = events
        .iter()
        .map(|event| if let InputEvent::Wheel { vertical, .. } = event { *vertical } else { 0 })
        .sum();
    assert_eq!(sum, -1000);
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), piece in 1usize..64) {
        let _ = decoded::<ToHost>(&bytes, piece);
        let _ = decoded::<ToInstance>(&bytes, piece);
    }

    #[test]
    fn garbage_in_a_valid_frame_is_the_senders_fault(
        kind in prop::sample::select(vec![1u16, 2, 3, 4, 5, 0x10, 0x11, 0x12]),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(&body);
        if let Err(error) = decoded::<ToHost>(&bytes, MAX_CHUNK) {
            prop_assert_eq!(error.party(), Some(Party::Instance));
        }
    }

    #[test]
    fn flipped_bits_never_panic(which in 0usize..15, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = encoded(&all_to_host()[which..=which]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _ = decoded::<ToHost>(&bytes, 16);
    }

    #[test]
    fn premultiplied_pointers_keep_their_pixels(pixels in proptest::collection::vec(any::<[u8; 4]>(), 6)) {
        let pixels = pixels.into_iter().flat_map(|[b, g, r, a]| [b.min(a), g.min(a), r.min(a), a]).collect();
        let shape = ToHost::Pointer(PointerShape::Image(PointerImage { width: 2, height: 3, hot_spot: (0, 2), pixels }));
        let (messages, _) = decoded::<ToHost>(&encoded(std::slice::from_ref(&shape)), MAX_CHUNK).unwrap();
        prop_assert_eq!(messages, vec![shape]);
    }
}
