//! Frames for the graphics pipeline (MS-RDPEGFX): ClearCodec, or uncompressed where ClearCodec would be larger.

use ironrdp_egfx::pdu::{Codec1Type, GfxPdu, PixelFormat, WireToSurface1Pdu};
use ironrdp_graphics::clearcodec::ClearCodecEncoder;
use ironrdp_pdu::geometry::ExclusiveRectangle;

use super::frame::{FrameError, FrameJob};
use crate::server::channels::{drdynvc, gfx};
use crate::server::geometry::Rect;

/// About so many bytes go into one channel message.
const BATCH: usize = 128 * 1024;
/// Bytes of a ClearCodec run segment of up to 254 pixels (MS-RDPEGFX 2.2.4.1.1.1.1).
const RUN: usize = 4;

/// Encoder with the client's decoder context mirrored.
#[derive(Default)]
pub(crate) struct GraphicsEncoder {
    clear: ClearCodecEncoder,
}

impl std::fmt::Debug for GraphicsEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GraphicsEncoder").finish_non_exhaustive()
    }
}

impl GraphicsEncoder {
    pub(super) fn encode(&mut self, job: &FrameJob, channel: u32) -> Result<Vec<u8>, FrameError> {
        if job.fresh {
            self.clear = ClearCodecEncoder::new();
        }
        let mut out = Vec::new();
        let mut batch = job.prelude.clone();
        let (start, end) = gfx::frame_bounds(job.frame_id, job.timestamp);
        batch.push(start);
        let mut bytes = 0;
        for (rect, pixels) in job.capture.parts() {
            let pdu = self.part(job.surface, rect, pixels);
            bytes += pdu.bitmap_data.len();
            batch.push(GfxPdu::WireToSurface1(pdu));
            if bytes >= BATCH {
                flush(job, channel, &batch, &mut out)?;
                batch.clear();
                bytes = 0;
            }
        }
        batch.push(end);
        flush(job, channel, &batch, &mut out)?;
        Ok(out)
    }

    fn part(&mut self, surface_id: u16, rect: Rect, pixels: &[u8]) -> WireToSurface1Pdu {
        let compress = runs(pixels) * RUN < pixels.len();
        let (codec_id, bitmap_data) = if compress {
            let data = self.clear.encode(pixels, rect.width as u16, rect.height as u16);
            (Codec1Type::ClearCodec, data)
        } else {
            (Codec1Type::Uncompressed, pixels.to_vec())
        };
        WireToSurface1Pdu {
            surface_id,
            codec_id,
            pixel_format: PixelFormat::XRgb,
            destination_rectangle: exclusive(rect),
            bitmap_data,
        }
    }
}

/// The rectangle as the PDUs have it. Edges are below 2^16: the canvas is at most 4096 pixels a side.
pub(super) fn exclusive(rect: Rect) -> ExclusiveRectangle {
    ExclusiveRectangle {
        left: rect.x as u16,
        top: rect.y as u16,
        right: rect.right() as u16,
        bottom: rect.bottom() as u16,
    }
}

/// Number of runs of equal colour: what ClearCodec's residual layer costs.
fn runs(pixels: &[u8]) -> usize {
    let mut last = None;
    let mut runs = 0;
    for pixel in pixels.chunks_exact(4) {
        let colour = [pixel[0], pixel[1], pixel[2]];
        if last != Some(colour) {
            runs += 1;
            last = Some(colour);
        }
    }
    runs
}

fn flush(job: &FrameJob, channel: u32, pdus: &[GfxPdu], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let message = gfx::channel_message(pdus).map_err(FrameError::Codec)?;
    out.extend(job.addresses.dynamic_channel(drdynvc::message(channel, message)?)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ironrdp_graphics::clearcodec::ClearCodecDecoder;

    use super::*;

    #[test]
    fn flat_parts_are_compressed_and_noise_is_not() {
        let mut encoder = GraphicsEncoder::default();
        let rect = Rect::new(64, 0, 64, 64);
        let flat = encoder.part(3, rect, &[9; 64 * 64 * 4]);
        assert_eq!(flat.codec_id, Codec1Type::ClearCodec);
        assert!(flat.bitmap_data.len() < 100);
        let noise: Vec<u8> =
            (0..64 * 64 * 4u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let raw = encoder.part(3, rect, &noise);
        assert_eq!((raw.codec_id, raw.bitmap_data), (Codec1Type::Uncompressed, noise));
        assert_eq!((flat.destination_rectangle.left, flat.destination_rectangle.right), (64, 128));
    }

    #[test]
    fn a_decoder_sees_the_same_pixels_frame_after_frame() {
        let (mut encoder, mut decoder) = (GraphicsEncoder::default(), ClearCodecDecoder::new());
        for step in 0..50u32 {
            let (width, height) = (1 + step % 64, 1 + step * 7 % 64);
            let pixels: Vec<u8> =
                (0..width * height).flat_map(|i| [(i / 9) as u8, step as u8, (i / 40) as u8, 255]).collect();
            let pdu = encoder.part(0, Rect::new(0, 0, width, height), &pixels);
            if pdu.codec_id == Codec1Type::ClearCodec {
                let decoded = decoder.decode(&pdu.bitmap_data, width as u16, height as u16).unwrap();
                assert_eq!(decoded, pixels, "step {step}");
            } else {
                assert_eq!(pdu.bitmap_data, pixels);
            }
        }
    }
}
