//! Bitmap updates (MS-RDPBCGR 2.2.9.1.1.3.1.2), uncompressed: for clients that know nothing better.

use ironrdp_core::encode_vec;
use ironrdp_pdu::bitmap::{BitmapData, BitmapUpdateData, Compression};
use ironrdp_pdu::fast_path::UpdateCode;
use ironrdp_pdu::geometry::InclusiveRectangle;

use super::frame::{FrameError, FrameJob, bottom_up, rows_within};
use crate::server::session::wire::{SlowPath, fast_path_update};

/// Pixels of one update, in bytes: fits a single fast-path fragment of any client.
const STRIP: usize = 8 * 1024;

pub(super) fn encode(job: &FrameJob) -> Result<Vec<u8>, FrameError> {
    let mut out = Vec::new();
    for (rect, pixels) in job.capture.parts() {
        let rows = rows_within(rect.width, STRIP);
        for (index, strip) in pixels.chunks((rows * rect.width * 4) as usize).enumerate() {
            let top = rect.y + index as u32 * rows;
            let height = rows.min(rect.bottom() - top);
            let data = bottom_up(strip, rect.width);
            let update = BitmapUpdateData {
                rectangles: vec![BitmapData {
                    rectangle: InclusiveRectangle {
                        left: rect.x as u16,
                        top: top as u16,
                        right: rect.right() as u16 - 1,
                        bottom: (top + height) as u16 - 1,
                    },
                    width: rect.width as u16,
                    height: height as u16,
                    bits_per_pixel: 32,
                    compression_flags: Compression::empty(),
                    compressed_data_header: None,
                    bitmap_data: &data,
                }],
            };
            let bytes = encode_vec(&update)?;
            if job.profile.fast_path {
                fast_path_update(UpdateCode::Bitmap, &bytes, &mut out)?;
            } else {
                out.extend(job.addresses.slow_path(SlowPath::Update, &bytes)?);
            }
        }
    }
    Ok(out)
}
