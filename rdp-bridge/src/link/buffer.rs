//! Named pictures in the instance's memory.

use bailey_link::PixelFormat;

use super::event::SharedPicture;
use super::violation::LinkViolation;

const BYTES_PER_PIXEL: u64 = 4;

/// Checks that a picture lies within `memory` bytes and has allowed sides; the arithmetic cannot overflow unseen.
pub(crate) fn check(
    buffer: u32,
    picture: SharedPicture,
    memory: u64,
    longest_side: u32,
) -> Result<SharedPicture, LinkViolation> {
    let SharedPicture { offset, width, height, stride, .. } = picture;
    let sides = 1..=longest_side;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(LinkViolation::BufferSize { buffer, width, height, limit: longest_side });
    }
    let row = u64::from(width) * BYTES_PER_PIXEL;
    if u64::from(stride) < row {
        return Err(LinkViolation::BufferStride { buffer, stride, width });
    }
    let length = u64::from(stride) * u64::from(height - 1) + row;
    match offset.checked_add(length) {
        Some(end) if end <= memory => Ok(picture),
        _ => Err(LinkViolation::BufferOutside { buffer, offset, length, memory }),
    }
}

/// The picture that a message describes.
pub(crate) const fn picture(
    offset: u64,
    width: u32,
    height: u32,
    stride: u32,
    format: PixelFormat,
) -> SharedPicture {
    SharedPicture { offset, width, height, stride, format }
}
