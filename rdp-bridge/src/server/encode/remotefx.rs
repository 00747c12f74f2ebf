//! RemoteFX (MS-RDPRFX), image mode, in surface bits: for clients without the graphics pipeline.

use ironrdp_graphics::color_conversion::to_64x64_ycbcr_tile;
use ironrdp_graphics::image_processing::PixelFormat;
use ironrdp_graphics::rfx_encode_component;
use ironrdp_pdu::codecs::rfx::{
    Block, ChannelsPdu, CodecChannel, CodecVersionsPdu, ContextPdu, EntropyAlgorithm, FrameBeginPdu,
    FrameEndPdu, OperatingMode, Quant, RegionPdu, RfxChannel, RfxRectangle, SyncPdu, Tile, TileSetPdu,
};

use super::frame::{FrameError, FrameJob};
use super::surface::FrameWriter;
use crate::server::damage::TILE;
use crate::server::geometry::Rect;
use crate::server::handshake::RemoteFx;
use crate::server::session::wire::append;

const TILE_PIXELS: usize = (TILE * TILE) as usize;
/// Bytes of a message beside its tiles, generously.
const OVERHEAD: usize = 512;
/// Bytes of a tile and its region rectangle beside its data.
const TILE_OVERHEAD: usize = 32;

/// Quantisation: the finest there is (MS-RDPRFX 2.2.2.1.5). The usual one, made for video, leaves a grid on the smooth
/// colours of a desktop.
const QUANT: Quant = Quant { ll3: 6, lh3: 6, hl3: 6, hh3: 6, lh2: 6, hl2: 6, hh2: 6, lh1: 6, hl1: 6, hh1: 6 };

/// A tile encoded: the three components one after another.
#[derive(Debug)]
struct EncodedTile {
    rect: Rect,
    data: Vec<u8>,
    lengths: [usize; 3],
}

/// Encoder with the client's decoder context mirrored.
#[derive(Debug, Default)]
pub(crate) struct RemoteFxEncoder {
    frame_index: u32,
    /// The client has the header messages.
    introduced: bool,
}

impl RemoteFxEncoder {
    pub(super) fn encode(&mut self, job: &FrameJob, codec: RemoteFx) -> Result<Vec<u8>, FrameError> {
        if job.fresh {
            self.introduced = false;
        }
        let mut writer = FrameWriter::new(job);
        let limit = job.profile.max_update.saturating_sub(OVERHEAD);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (rect, pixels) in job.capture.parts() {
            let tile = encode_tile(rect, pixels, codec.entropy)?;
            let size = tile.data.len() + TILE_OVERHEAD;
            if bytes + size > limit && !batch.is_empty() {
                let message = self.message(job, codec, &batch)?;
                writer.surface_bits(whole(job), codec.codec_id, &message)?;
                batch.clear();
                bytes = 0;
            }
            bytes += size;
            batch.push(tile);
        }
        let message = self.message(job, codec, &batch)?;
        writer.surface_bits(whole(job), codec.codec_id, &message)?;
        writer.finish()
    }

    /// One RemoteFX message with `tiles`.
    fn message(
        &mut self,
        job: &FrameJob,
        codec: RemoteFx,
        tiles: &[EncodedTile],
    ) -> Result<Vec<u8>, FrameError> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.introduced, true) {
            let context = ContextPdu { flags: OperatingMode::IMAGE_MODE, entropy_algorithm: codec.entropy };
            let channel = RfxChannel { width: job.capture.width as i16, height: job.capture.height as i16 };
            append(&Block::Sync(SyncPdu), &mut out)?;
            append(&Block::CodecVersions(CodecVersionsPdu), &mut out)?;
            append(&Block::Channels(ChannelsPdu(vec![channel])), &mut out)?;
            append(&Block::CodecChannel(CodecChannel::Context(context)), &mut out)?;
        }
        let begin = FrameBeginPdu { index: self.frame_index, number_of_regions: 1 };
        self.frame_index = self.frame_index.wrapping_add(1);
        append(&Block::CodecChannel(CodecChannel::FrameBegin(begin)), &mut out)?;
        let rectangles = tiles.iter().map(|tile| rectangle(tile.rect)).collect();
        append(&Block::CodecChannel(CodecChannel::Region(RegionPdu { rectangles })), &mut out)?;
        let tile_set = TileSetPdu {
            entropy_algorithm: codec.entropy,
            quants: vec![QUANT],
            tiles: tiles.iter().map(EncodedTile::pdu).collect(),
        };
        append(&Block::CodecChannel(CodecChannel::TileSet(tile_set)), &mut out)?;
        append(&Block::CodecChannel(CodecChannel::FrameEnd(FrameEndPdu)), &mut out)?;
        Ok(out)
    }
}

impl EncodedTile {
    fn pdu(&self) -> Tile<'_> {
        let [y, cb, _] = self.lengths;
        Tile {
            y_quant_index: 0,
            cb_quant_index: 0,
            cr_quant_index: 0,
            x: (self.rect.x / TILE) as u16,
            y: (self.rect.y / TILE) as u16,
            y_data: &self.data[..y],
            cb_data: &self.data[y..y + cb],
            cr_data: &self.data[y + cb..],
        }
    }
}

fn whole(job: &FrameJob) -> Rect {
    Rect::new(0, 0, job.capture.width, job.capture.height)
}

fn rectangle(rect: Rect) -> RfxRectangle {
    RfxRectangle { x: rect.x as u16, y: rect.y as u16, width: rect.width as u16, height: rect.height as u16 }
}

fn encode_tile(rect: Rect, pixels: &[u8], entropy: EntropyAlgorithm) -> Result<EncodedTile, FrameError> {
    let mut planes = [[0i16; TILE_PIXELS]; 3];
    let [y, cb, cr] = &mut planes;
    let stride = rect.width * 4;
    to_64x64_ycbcr_tile(pixels, rect.width, rect.height, stride, PixelFormat::BgrX32, y, cb, cr)
        .map_err(|error| FrameError::Codec(error.to_string()))?;
    let mut data = Vec::new();
    let mut lengths = [0; 3];
    // A component that does not compress takes at most twice its pixels.
    let mut buffer = [0; TILE_PIXELS * 2];
    for (plane, length) in planes.iter_mut().zip(&mut lengths) {
        *length = rfx_encode_component(plane, &mut buffer, &QUANT, entropy)
            .map_err(|error| FrameError::Codec(error.to_string()))?;
        data.extend_from_slice(&buffer[..*length]);
    }
    Ok(EncodedTile { rect, data, lengths })
}

#[cfg(test)]
mod tests {
    use ironrdp_graphics::rfx::TileDecoder;

    use super::*;

    #[test]
    fn a_tile_comes_back_nearly_as_it_was() {
        for entropy in [EntropyAlgorithm::Rlgr1, EntropyAlgorithm::Rlgr3] {
            let pixels: Vec<u8> =
                (0..TILE_PIXELS).flat_map(|i| [(i % 64 * 4) as u8, 60, (i / 64 * 4) as u8, 255]).collect();
            let tile = encode_tile(Rect::new(64, 128, 64, 64), &pixels, entropy).unwrap();
            assert_eq!((tile.pdu().x, tile.pdu().y), (1, 2));
            let mut decoder = TileDecoder::new();
            let rgba = decoder.decode(&tile.pdu(), &[QUANT], entropy).unwrap();
            for (at, (got, want)) in rgba.chunks(4).zip(pixels.chunks(4)).enumerate() {
                let near = |a: u8, b: u8| a.abs_diff(b) <= 16;
                assert!(
                    near(got[0], want[2]) && near(got[1], want[1]) && near(got[2], want[0]),
                    "pixel {at}: {got:?} {want:?}"
                );
            }
        }
    }

    #[test]
    fn noise_fits_the_buffer() {
        let noise: Vec<u8> =
            (0..TILE_PIXELS as u32 * 4).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(encode_tile(Rect::new(0, 0, 64, 64), &noise, EntropyAlgorithm::Rlgr1).is_ok());
        let checker: Vec<u8> =
            (0..TILE_PIXELS).flat_map(|i| [if (i + i / 64) % 2 == 0 { 0 } else { 255 }; 4]).collect();
        assert!(encode_tile(Rect::new(0, 0, 64, 64), &checker, EntropyAlgorithm::Rlgr3).is_ok());
    }
}
