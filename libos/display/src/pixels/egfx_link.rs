//! Pixels in the stream: the graphics pipeline of MS-RDPEGFX, one surface per window.

use std::collections::VecDeque;

use bailey_link::egfx::{Codec, EgfxEncoder};
use bailey_link::{PixelFormat, ToHost};

use crate::pixels::link::{PixelError, PixelLink};
use crate::pixels::picture::Picture;
use crate::pixels::rect::{Rect, strips};

/// Frames whose window is remembered until they are acknowledged.
const MAX_FRAMES: usize = 1024;
/// Pixel bytes composed at a time.
const STRIP: i64 = 1 << 20;

/// The EGFX link.
#[derive(Debug)]
pub struct EgfxLink {
    encoder: EgfxEncoder,
    frames: VecDeque<(u32, u32, u32)>,
    scratch: Vec<u8>,
}

impl EgfxLink {
    /// A link without surfaces. Opaque pictures travel in ClearCodec, which is lossless; those with
    /// alpha, which it does not have, uncompressed.
    pub fn new() -> Self {
        Self { encoder: EgfxEncoder::new(Codec::ClearCodec), frames: VecDeque::new(), scratch: Vec::new() }
    }
}

impl Default for EgfxLink {
    fn default() -> Self {
        Self::new()
    }
}

impl PixelLink for EgfxLink {
    fn present(
        &mut self,
        window: u32,
        serial: u32,
        picture: &Picture,
        damage: &[Rect],
        out: &mut Vec<ToHost>,
    ) -> Result<bool, PixelError> {
        let (width, height) = picture.unsigned_size();
        let format = if picture.is_opaque() { PixelFormat::Xrgb8888 } else { PixelFormat::Argb8888 };
        let mut frame = self.encoder.start(window, width, height, format)?;
        let whole = [picture.bounds()];
        let rects = if frame.whole { &whole } else { damage };
        for rect in rects.iter().flat_map(|rect| strips(*rect, STRIP)) {
            if let Err(error) = picture.compose(rect, &mut self.scratch) {
                // The rest is still shown, and the frame closed: an open one would stall the host.
                tracing::warn!(window, %error, "A part of a frame could not be read");
            }
            self.encoder.rect(&mut frame, rect.to_link(), &self.scratch)?;
        }
        self.frames.push_back((frame.number(), window, serial));
        if self.frames.len() > MAX_FRAMES {
            self.frames.pop_front();
        }
        out.extend(self.encoder.finish(frame)?);
        Ok(false)
    }

    fn acknowledged(&mut self, _window: u32, _serial: u32) {}

    fn frame_acknowledged(&mut self, frame: u32) -> Option<(u32, u32)> {
        let index = self.frames.iter().position(|(known, ..)| *known == frame)?;
        self.frames.remove(index).map(|(_, window, serial)| (window, serial))
    }

    fn close(&mut self, window: u32, out: &mut Vec<ToHost>) {
        out.extend(self.encoder.close(window));
    }
}
