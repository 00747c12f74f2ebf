//! Pointer updates (MS-RDPBCGR 2.2.9.1.1.4).

use ironrdp_core::{EncodeResult, encode_vec};
use ironrdp_pdu::fast_path::UpdateCode;
use ironrdp_pdu::pointer::{ColorPointerAttribute, Point16, PointerAttribute};
use ironrdp_pdu::slow_path::{PointerMessageType, SystemPointerType};

use crate::server::handshake::ClientProfile;
use crate::server::pointer::{PointerImage, PointerShape};
use crate::server::session::wire::{Addresses, SlowPath, fast_path_update};

/// The update that gives a client with `profile` the pointer `shape`.
pub(crate) fn update(
    shape: &PointerShape,
    profile: &ClientProfile,
    addresses: &Addresses,
) -> EncodeResult<Vec<u8>> {
    let image = match shape {
        PointerShape::Image(image) if profile.new_pointer => Some(shrink(image, profile.pointer_edge)),
        _ => None,
    };
    let body = image.as_ref().map(new_pointer).transpose()?;
    let mut out = Vec::new();
    if profile.fast_path {
        match (body, shape) {
            (Some(body), _) => fast_path_update(UpdateCode::NewPointer, &body, &mut out)?,
            (None, PointerShape::Hidden) => fast_path_update(UpdateCode::HiddenPointer, &[], &mut out)?,
            (None, _) => fast_path_update(UpdateCode::DefaultPointer, &[], &mut out)?,
        }
        return Ok(out);
    }
    let (kind, body) = match (body, shape) {
        (Some(body), _) => (PointerMessageType::Pointer, body),
        (None, PointerShape::Hidden) => (PointerMessageType::System, system(SystemPointerType::Null)),
        (None, _) => (PointerMessageType::System, system(SystemPointerType::Default)),
    };
    let mut data = (kind as u16).to_le_bytes().to_vec();
    data.extend([0, 0]);
    data.extend(body);
    addresses.slow_path(SlowPath::Pointer, &data)
}

fn system(kind: SystemPointerType) -> Vec<u8> {
    (kind as u32).to_le_bytes().to_vec()
}

/// TS_POINTERATTRIBUTE with 32-bit colour: rows from the bottom, alpha not premultiplied.
fn new_pointer(image: &PointerImage) -> EncodeResult<Vec<u8>> {
    let (width, height) = (usize::from(image.width), usize::from(image.height));
    let mut colours = Vec::with_capacity(width * height * 4);
    // One bit a pixel, rows padded to 16 bits; a set bit with black colour leaves the screen as it is.
    let mask_row = width.div_ceil(16) * 2;
    let mut mask = vec![0; mask_row * height];
    for (row, pixels) in image.bgra.chunks_exact(width * 4).rev().enumerate() {
        for (column, pixel) in pixels.chunks_exact(4).enumerate() {
            let alpha = u16::from(pixel[3]);
            let straight = |value: u8| {
                (u16::from(value) * 255).checked_div(alpha).map_or(0, |value| value.min(255) as u8)
            };
            colours.extend([straight(pixel[0]), straight(pixel[1]), straight(pixel[2]), pixel[3]]);
            if alpha == 0 {
                mask[row * mask_row + column / 8] |= 0x80 >> (column % 8);
            }
        }
    }
    let attribute = PointerAttribute {
        xor_bpp: 32,
        color_pointer: ColorPointerAttribute {
            cache_index: 0,
            hot_spot: Point16 { x: image.hot_x, y: image.hot_y },
            width: image.width,
            height: image.height,
            xor_mask: &colours,
            and_mask: &mask,
        },
    };
    encode_vec(&attribute)
}

/// The image with edges of at most `edge` pixels, by taking every n-th pixel.
fn shrink(image: &PointerImage, edge: u16) -> PointerImage {
    let step = image.width.max(image.height).div_ceil(edge.max(1)).max(1);
    if step == 1 {
        return image.clone();
    }
    let (width, height) = (image.width.div_ceil(step), image.height.div_ceil(step));
    let pixel = |x: u16, y: u16| {
        let at = (usize::from(y * step) * usize::from(image.width) + usize::from(x * step)) * 4;
        &image.bgra[at..at + 4]
    };
    let bgra = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).copied().collect();
    PointerImage { width, height, hot_x: image.hot_x / step, hot_y: image.hot_y / step, bgra }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u16, height: u16) -> PointerImage {
        let bgra = (0..usize::from(width) * usize::from(height) * 4).map(|i| i as u8).collect();
        PointerImage { width, height, hot_x: width - 1, hot_y: height - 1, bgra }
    }

    #[test]
    fn rows_go_bottom_up_and_alpha_is_straight() {
        let bgra = vec![10, 20, 30, 255, 0, 0, 0, 0, 64, 0, 128, 128, 0, 0, 0, 0];
        let bytes = new_pointer(&PointerImage { width: 2, height: 2, hot_x: 1, hot_y: 0, bgra }).unwrap();
        let colours_at = bytes.windows(4).position(|window| window == [127, 0, 255, 128]).unwrap();
        assert_eq!(
            bytes[colours_at..colours_at + 16],
            [127, 0, 255, 128, 0, 0, 0, 0, 10, 20, 30, 255, 0, 0, 0, 0]
        );
        assert_eq!(
            bytes[colours_at + 16..colours_at + 20],
            [0x40, 0, 0x40, 0],
            "transparent pixels are masked"
        );
    }

    #[test]
    fn large_pointers_shrink_to_what_the_client_takes() {
        let small = shrink(&image(96, 40), 32);
        assert_eq!((small.width, small.height), (32, 14));
        assert!(small.is_consistent());
        assert_eq!(shrink(&image(32, 32), 32), image(32, 32));
        for edge in [1, 7, 32, 95, 96] {
            assert!(shrink(&image(96, 96), edge).is_consistent(), "{edge}");
        }
    }
}
