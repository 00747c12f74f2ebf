//! When to take the picture that --screenshot asks for, and how to write it

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbaImage};

use crate::error::ViewerError;

/// So long nothing may have changed.
const STILL: Duration = Duration::from_millis(500);
/// After this time a picture is taken of a desktop that never keeps still.
const PATIENCE: Duration = Duration::from_secs(10);

/// A picture to be taken.
#[derive(Debug)]
pub(crate) struct Screenshot {
    pub(crate) path: PathBuf,
    /// Frames still to be shown before.
    frames: u32,
    started: Instant,
    changed: Instant,
}

impl Screenshot {
    pub(crate) fn new(path: PathBuf, frames: u32, now: Instant) -> Self {
        Self { path, frames, started: now, changed: now }
    }

    /// The picture changed.
    pub(crate) fn changed(&mut self, now: Instant) {
        self.changed = now;
    }

    /// A frame was shown.
    pub(crate) fn shown(&mut self) {
        self.frames = self.frames.saturating_sub(1);
    }

    /// When to take it, as far as is known now: in the past if it is due; `None` before enough frames were shown.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.frames == 0).then(|| (self.changed + STILL).min(self.started + PATIENCE))
    }
}

/// Writes a picture of BGRA8888 pixels, all taken as opaque, as PNG.
pub(crate) fn write(path: &Path, width: u32, height: u32, mut pixels: Vec<u8>) -> Result<(), ViewerError> {
    let failed = |reason: String| ViewerError::Screenshot { path: path.to_owned(), reason };
    for pixel in pixels.chunks_exact_mut(4) {
        pixel.swap(0, 2);
        pixel[3] = 255;
    }
    let image =
        RgbaImage::from_raw(width, height, pixels).ok_or_else(|| failed("too few pixels".to_owned()))?;
    image.save_with_format(path, ImageFormat::Png).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{PATIENCE, STILL, Screenshot};

    #[test]
    fn waits_for_frames_and_for_stillness_but_not_for_ever() {
        let start = Instant::now();
        let mut shot = Screenshot::new("x.png".into(), 2, start);
        shot.shown();
        assert_eq!(shot.due(), None);
        shot.shown();
        assert_eq!(shot.due(), Some(start + STILL));
        shot.changed(start + Duration::from_secs(3));
        assert_eq!(shot.due(), Some(start + Duration::from_secs(3) + STILL));
        shot.changed(start + Duration::from_secs(60));
        assert_eq!(shot.due(), Some(start + PATIENCE));
    }
}
