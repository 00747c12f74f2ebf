//! Surface commands (MS-RDPBCGR 2.2.9.2): frame markers, and pictures uncompressed.

use ironrdp_pdu::fast_path::UpdateCode;
use ironrdp_pdu::surface_commands::{
    ExtendedBitmapDataPdu, FrameAction, FrameMarkerPdu, SurfaceBitsPdu, SurfaceCommand,
};

use super::frame::{FrameError, FrameJob, bottom_up, rows_within};
use super::graphics::exclusive;
use crate::server::geometry::Rect;
use crate::server::session::wire::{append, fast_path_update};

/// Codec number of uncompressed pictures.
const UNCOMPRESSED: u8 = 0;
/// Bytes of a Set Surface Bits command beside its picture, generously.
const OVERHEAD: usize = 64;

/// Puts surface commands together into updates of a size that the client takes.
#[derive(Debug)]
pub(super) struct FrameWriter<'a> {
    job: &'a FrameJob,
    commands: Vec<u8>,
    out: Vec<u8>,
    error: Option<FrameError>,
}

impl<'a> FrameWriter<'a> {
    /// Begins the frame of `job`.
    pub(super) fn new(job: &'a FrameJob) -> Self {
        let mut writer = Self { job, commands: Vec::new(), out: Vec::new(), error: None };
        writer.error = writer.marker(FrameAction::Begin).err();
        writer
    }

    /// Adds a picture for `rect`, encoded by codec `codec_id`.
    pub(super) fn surface_bits(&mut self, rect: Rect, codec_id: u8, data: &[u8]) -> Result<(), FrameError> {
        self.command(&SurfaceCommand::SetSurfaceBits(SurfaceBitsPdu {
            destination: exclusive(rect),
            extended_bitmap_data: ExtendedBitmapDataPdu {
                bpp: 32,
                codec_id,
                width: rect.width as u16,
                height: rect.height as u16,
                header: None,
                data,
            },
        }))
    }

    /// Ends the frame; gives the bytes to send.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, FrameError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.marker(FrameAction::End)?;
        self.flush()?;
        Ok(self.out)
    }

    fn marker(&mut self, frame_action: FrameAction) -> Result<(), FrameError> {
        if self.job.profile.frame_acks == 0 {
            return Ok(());
        }
        self.command(&SurfaceCommand::FrameMarker(FrameMarkerPdu {
            frame_action,
            frame_id: Some(self.job.frame_id),
        }))
    }

    fn command(&mut self, command: &SurfaceCommand<'_>) -> Result<(), FrameError> {
        let size = ironrdp_core::Encode::size(command);
        if self.commands.len() + size > self.job.profile.max_update {
            self.flush()?;
        }
        Ok(append(command, &mut self.commands)?)
    }

    fn flush(&mut self) -> Result<(), FrameError> {
        if !self.commands.is_empty() {
            fast_path_update(UpdateCode::SurfaceCommands, &self.commands, &mut self.out)?;
            self.commands.clear();
        }
        Ok(())
    }
}

pub(super) fn encode(job: &FrameJob) -> Result<Vec<u8>, FrameError> {
    let mut writer = FrameWriter::new(job);
    let limit = job.profile.max_update - OVERHEAD;
    for (rect, pixels) in job.capture.parts() {
        let rows = rows_within(rect.width, limit);
        for (index, strip) in pixels.chunks((rows * rect.width * 4) as usize).enumerate() {
            let y = rect.y + index as u32 * rows;
            let height = rows.min(rect.bottom() - y);
            let strip_rect = Rect::new(rect.x, y, rect.width, height);
            writer.surface_bits(strip_rect, UNCOMPRESSED, &bottom_up(strip, rect.width))?;
        }
    }
    writer.finish()
}
