//! The memory that a frame is rendered into

use core::fmt;

use crate::geometry::Size;
use crate::pixels::BYTES_PER_PIXEL;

/// Pixels to draw on: BGRA8888, top left origin.
pub struct CanvasMut<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) stride: usize,
    pub(crate) size: Size,
}

impl<'a> CanvasMut<'a> {
    /// A canvas of `size` pixels whose rows start `stride` bytes apart; `None` if `bytes` are too few for it.
    pub fn new(bytes: &'a mut [u8], stride: u32, size: Size) -> Option<Self> {
        let row = u64::from(size.width) * u64::from(BYTES_PER_PIXEL);
        let need = match size.height {
            0 => 0,
            rows => u64::from(stride) * u64::from(rows - 1) + row,
        };
        let stride = usize::try_from(stride).ok()?;
        (row <= stride as u64 && need <= bytes.len() as u64).then_some(Self { bytes, stride, size })
    }
}

impl fmt::Debug for CanvasMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanvasMut")
            .field("size", &self.size)
            .field("stride", &self.stride)
            .finish_non_exhaustive()
    }
}
