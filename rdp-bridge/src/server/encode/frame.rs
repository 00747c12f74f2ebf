//! A frame to encode, and the codec it takes.

use ironrdp_core::EncodeError;
use ironrdp_egfx::pdu::GfxPdu;
use thiserror::Error;

use super::graphics::GraphicsEncoder;
use super::remotefx::RemoteFxEncoder;
use super::{bitmap, surface};
use crate::server::desktop::Capture;
use crate::server::handshake::{ClientProfile, RemoteFx};
use crate::server::session::wire::Addresses;

/// Why a frame cannot be encoded: never the client's doing.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    #[error("cannot encode a frame: {0}")]
    Encode(#[from] EncodeError),
    #[error("cannot encode a frame: {0}")]
    Codec(String),
}

/// How pictures go to a client, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Graphics pipeline: ClearCodec, or uncompressed where that is smaller.
    Graphics {
        /// Dynamic channel.
        channel: u32,
    },
    /// RemoteFX in surface bits.
    RemoteFx(RemoteFx),
    /// Uncompressed surface bits.
    SurfaceBits,
    /// Uncompressed bitmap updates.
    Bitmap,
}

impl Codec {
    /// The best that a client with `profile` takes; `graphics` is the graphics channel if it is ready.
    pub(crate) fn choose(profile: &ClientProfile, graphics: Option<u32>) -> Self {
        match (graphics, profile.remote_fx) {
            (Some(channel), _) => Self::Graphics { channel },
            (None, Some(remote_fx)) if profile.surface_bits => Self::RemoteFx(remote_fx),
            (None, _) if profile.surface_bits => Self::SurfaceBits,
            (None, _) => Self::Bitmap,
        }
    }

    /// Whether it encodes whole tiles only.
    pub(crate) fn needs_whole_tiles(self) -> bool {
        matches!(self, Self::RemoteFx(_))
    }
}

/// A frame to encode.
#[derive(Debug)]
pub(crate) struct FrameJob {
    pub(crate) codec: Codec,
    pub(crate) profile: ClientProfile,
    pub(crate) addresses: Addresses,
    pub(crate) frame_id: u32,
    pub(crate) capture: Capture,
    /// The client knows nothing of earlier frames: codec contexts start over.
    pub(crate) fresh: bool,
    /// Graphics pipeline: what must come before the frame, and the surface to draw on.
    pub(crate) prelude: Vec<GfxPdu>,
    pub(crate) surface: u16,
    /// Milliseconds since the session began.
    pub(crate) timestamp: u32,
}

/// The encoders of one session.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    graphics: GraphicsEncoder,
    remote_fx: RemoteFxEncoder,
}

impl Encoder {
    /// The bytes to send for `job`.
    pub(crate) fn encode(&mut self, job: &FrameJob) -> Result<Vec<u8>, FrameError> {
        match job.codec {
            Codec::Graphics { channel } => self.graphics.encode(job, channel),
            Codec::RemoteFx(remote_fx) => self.remote_fx.encode(job, remote_fx),
            Codec::SurfaceBits => surface::encode(job),
            Codec::Bitmap => bitmap::encode(job),
        }
    }
}

/// The rows of `pixels`, `width` pixels each, from the bottom up.
pub(super) fn bottom_up(pixels: &[u8], width: u32) -> Vec<u8> {
    pixels.chunks_exact(width as usize * 4).rev().flatten().copied().collect()
}

/// Rows that fit `limit` bytes, at least one.
pub(super) fn rows_within(width: u32, limit: usize) -> u32 {
    (limit / (width as usize * 4)).max(1) as u32
}

#[cfg(test)]
mod tests {
    use ironrdp_pdu::codecs::rfx::EntropyAlgorithm;

    use super::*;

    #[test]
    fn the_best_codec_is_chosen() {
        let mut profile = ClientProfile::new(&[]);
        assert_eq!(Codec::choose(&profile, None), Codec::Bitmap);
        let remote_fx = RemoteFx { codec_id: 3, entropy: EntropyAlgorithm::Rlgr3 };
        profile.remote_fx = Some(remote_fx);
        assert_eq!(Codec::choose(&profile, None), Codec::Bitmap, "RemoteFX travels in surface bits");
        profile.surface_bits = true;
        assert_eq!(Codec::choose(&profile, None), Codec::RemoteFx(remote_fx));
        profile.remote_fx = None;
        assert_eq!(Codec::choose(&profile, None), Codec::SurfaceBits);
        assert_eq!(Codec::choose(&profile, Some(1)), Codec::Graphics { channel: 1 });
    }

    #[test]
    fn rows_turn_over() {
        assert_eq!(bottom_up(&[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3], 1), [3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1]);
        assert_eq!(rows_within(64, 1000), 3);
        assert_eq!(rows_within(64, 10), 1);
    }
}
