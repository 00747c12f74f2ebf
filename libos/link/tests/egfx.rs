//! Pictures through the graphics pipeline, and hostile PDUs.

use bailey_link::egfx::{Codec, EgfxDecoder, EgfxEncoder, EgfxEvent};
use bailey_link::{LinkError, Message as _, Party, PixelFormat, Rect, ToHost};
use proptest::prelude::*;

/// A picture with flat and busy parts, opaque.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        if x < width / 2 { [40, 40, 200, 255] } else { [x as u8, y as u8, (x * y) as u8, 255] }
    };
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

fn bodies(messages: &[ToHost]) -> impl Iterator<Item = &[u8]> {
    messages.iter().map(|message| match message {
        ToHost::Egfx(body) => &body[..],
        other => panic!("{other:?}"),
    })
}

fn show(decoder: &mut EgfxDecoder, messages: &[ToHost]) -> Vec<EgfxEvent> {
    bodies(messages).flat_map(|body| decoder.push(body).expect("well-formed PDUs")).collect()
}

#[test]
fn pictures_arrive_whole_by_either_codec() {
    for codec in [Codec::Uncompressed, Codec::ClearCodec] {
        let (mut encoder, mut decoder) = (EgfxEncoder::new(codec), EgfxDecoder::new());
        let (width, height) = (1300, 900);
        let pixels = picture(width, height);
        let mut frame = encoder.start(5, width, height, PixelFormat::Xrgb8888).unwrap();
        assert!(frame.whole);
        let number = frame.number();
        encoder.rect(&mut frame, Rect::new(0, 0, width, height), &pixels).unwrap();
        let messages = encoder.finish(frame).unwrap();
        for message in &messages {
            message.encode(&mut Vec::new()).unwrap();
        }
        let events = show(&mut decoder, &messages);
        let [EgfxEvent::Frame { frame, damage }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*frame, damage.len(), damage[0].0), (number, 1, 5));
        let view = decoder.surface(5).unwrap();
        assert_eq!((view.width, view.height, view.format), (width, height, PixelFormat::Xrgb8888));
        assert!(view.pixels == pixels, "{codec:?}");

        // A second frame changes only its rectangle.
        let mut frame = encoder.start(5, width, height, PixelFormat::Xrgb8888).unwrap();
        assert!(!frame.whole);
        let rect = Rect::new(100, 200, 3, 2);
        encoder.rect(&mut frame, rect, &[[1, 2, 3, 255]; 6].concat()).unwrap();
        let messages = encoder.finish(frame).unwrap();
        let events = show(&mut decoder, &messages);
        assert!(matches!(&events[..], [EgfxEvent::Frame { damage, .. }] if damage == &[(5, vec![rect])]));
        let at = (200 * width as usize + 100) * 4;
        assert_eq!(decoder.surface(5).unwrap().pixels[at..at + 4], [1, 2, 3, 255]);
        assert_eq!(decoder.surface(5).unwrap().pixels[at + 12..at + 16], pixels[at + 12..at + 16]);
    }
}

#[test]
fn another_size_makes_another_surface_and_close_removes_it() {
    let (mut encoder, mut decoder) = (EgfxEncoder::new(Codec::Uncompressed), EgfxDecoder::new());
    for side in [10, 20] {
        let mut frame = encoder.start(1, side, side, PixelFormat::Argb8888).unwrap();
        assert!(frame.whole);
        encoder.rect(&mut frame, Rect::new(0, 0, side, side), &vec![7; (side * side * 4) as usize]).unwrap();
        let messages = encoder.finish(frame).unwrap();
        show(&mut decoder, &messages);
        assert_eq!(decoder.surface(1).unwrap().width, side);
    }
    show(&mut decoder, &[encoder.close(1).unwrap()]);
    assert!(decoder.surface(1).is_none());
    assert!(encoder.close(1).is_none());
}

/// RDPGFX_HEADER and a body.
fn pdu(command: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = command.to_le_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend((body.len() as u32 + 8).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn create(id: u16, width: u16, height: u16) -> Vec<u8> {
    let mut body = Vec::new();
    for field in [id, width, height] {
        body.extend(field.to_le_bytes());
    }
    body.push(0x20);
    pdu(0x09, &body)
}

fn wire(id: u16, codec: u16, rect: [u16; 4], data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(id.to_le_bytes());
    body.extend(codec.to_le_bytes());
    body.push(0x20);
    rect.iter().for_each(|edge| body.extend(edge.to_le_bytes()));
    body.extend((data.len() as u32).to_le_bytes());
    body.extend(data);
    pdu(0x01, &body)
}

fn refused(pdus: &[Vec<u8>]) -> String {
    let error = EgfxDecoder::new().push(&pdus.concat()).expect_err("the PDUs are refused");
    assert_eq!(error.party(), Some(Party::Instance));
    let LinkError::Malformed { detail, .. } = error else { panic!("{error}") };
    detail
}

#[test]
fn hostile_pdus_are_refused_with_a_reason() {
    let start = pdu(0x0b, &[0; 8]);
    assert!(refused(&[create(1, 16_384, 16_384)]).contains("bytes"), "a gigabyte");
    assert!(refused(&[create(1, 65_535, 1)]).contains("65535"));
    assert!(refused(&[create(1, 0, 1)]).contains("0 x 1"));
    assert!(refused(&[create(1, 4, 4), create(1, 4, 4)]).contains("exists"));
    assert!(refused(&(0..501).map(|id| create(id, 1, 1)).collect::<Vec<_>>()).contains("500"));
    assert!(refused(&[create(1, 4, 4), wire(1, 0, [0, 0, 1, 1], &[0; 4])]).contains("outside of a frame"));
    assert!(refused(&[create(1, 4, 4), start.clone(), wire(1, 0, [0, 0, 5, 1], &[0; 20])]).contains("4 x 4"));
    assert!(
        refused(&[create(1, 4, 4), start.clone(), wire(1, 0, [3, 0, 1, 1], &[])])
            .contains("before it begins")
    );
    assert!(
        refused(&[create(1, 4, 4), start.clone(), wire(1, 0, [0, 0, 4, 4], &[0; 63])]).contains("63 bytes")
    );
    assert!(
        refused(&[create(1, 4, 4), start.clone(), wire(2, 0, [0, 0, 1, 1], &[0; 4])])
            .contains("no surface 2")
    );
    assert!(
        refused(&[create(1, 4, 4), start.clone(), wire(1, 3, [0, 0, 1, 1], &[0; 4])]).contains("RemoteFx")
    );
    assert!(refused(&[start.clone(), start]).contains("within frame"));
    assert!(refused(&[pdu(0x0c, &[0; 4])]).contains("not open"));
    assert!(refused(&[vec![1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]]).contains("length"));
    assert!(refused(&[vec![1, 0, 0, 0, 3, 0, 0, 0]]).contains("length"));
    assert!(refused(&[pdu(0x0a, &[9, 0])]).contains("no surface 9"));
    let many = [pdu(0x0b, &[0; 8]), pdu(0x0c, &[0; 4])].concat();
    assert!(refused(&vec![many; 2049]).contains("PDUs"));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = EgfxDecoder::new().push(&bytes);
    }

    #[test]
    fn garbage_clearcodec_never_panics(data in proptest::collection::vec(any::<u8>(), 0..300), side in 1u16..64) {
        let pdus = [create(1, 64, 64), pdu(0x0b, &[0; 8]), wire(1, 8, [0, 0, side, side], &data)].concat();
        let _ = EgfxDecoder::new().push(&pdus);
    }
}
