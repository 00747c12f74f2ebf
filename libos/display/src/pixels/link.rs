//! The seam between windows and the way in which their pixels reach the host.

use bailey_link::{LinkError, ToHost};

use crate::pixels::picture::Picture;
use crate::pixels::rect::Rect;
use crate::pixels::source::SourceError;

/// Why a picture could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum PixelError {
    /// The client's pixels could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No room in the service's own shared memory.
    #[error("no room for a window of {width} x {height} pixels in the shared memory")]
    NoRoom {
        /// Pixels per row.
        width: i32,
        /// Rows.
        height: i32,
    },
    /// The service's own shared memory could not be written.
    #[error("the shared memory cannot be written: {0}")]
    Pool(#[source] rustix::io::Errno),
    /// A PDU could not be encoded.
    #[error(transparent)]
    Encode(#[from] LinkError),
}

/// A way for pixels to the host. One present is one frame of one window; the caller keeps
/// at most two of a window unacknowledged.
pub trait PixelLink: std::fmt::Debug {
    /// Sends the `damage` of a window's picture as frame `serial`. Returns true where the host
    /// reads the client's own buffer, which has to be left alone until the acknowledgement.
    ///
    /// # Errors
    /// No frame was sent then.
    fn present(
        &mut self,
        window: u32,
        serial: u32,
        picture: &Picture,
        damage: &[Rect],
        out: &mut Vec<ToHost>,
    ) -> Result<bool, PixelError>;

    /// The host is done with a frame.
    fn acknowledged(&mut self, window: u32, serial: u32);

    /// Turns the host's acknowledgement of an RDPGFX frame into window and serial.
    fn frame_acknowledged(&mut self, frame: u32) -> Option<(u32, u32)>;

    /// The window is gone, or shows nothing any more.
    fn close(&mut self, window: u32, out: &mut Vec<ToHost>);
}
