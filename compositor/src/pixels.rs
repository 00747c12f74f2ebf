//! Where pixels live and where they come from
//!
//! Every pixel is BGRA8888 (the bytes of `wl_shm`'s little-endian ARGB8888), alpha premultiplied, origin top left, strides in bytes.

use core::fmt;

use crate::geometry::Size;

/// Bytes of a pixel.
pub const BYTES_PER_PIXEL: u32 = 4;

/// What the fourth byte of a pixel means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Alpha, with the colours premultiplied by it.
    Argb8888,
    /// Nothing: the pixel is opaque whatever the byte says.
    Xrgb8888,
}

/// The pixels an instance presents, read row by row.
///
/// A trait, not a slice: memory that an instance can still write must never become a Rust reference, so the daemon
/// copies it by other means. What the rows hold is not trusted.
pub trait PixelSource {
    /// Size of the picture.
    fn size(&self) -> Size;

    /// Meaning of the fourth byte.
    fn format(&self) -> PixelFormat;

    /// Copies the pixels from column `x` of row `y` on into `out`, whose length is a multiple of
    /// [`BYTES_PER_PIXEL`]. The caller stays within [`PixelSource::size`].
    fn copy_row(&self, x: u32, y: u32, out: &mut [u8]);
}

/// A [`PixelSource`] over plain memory that nobody else can write.
#[derive(Clone, Copy)]
pub struct PixelView<'a> {
    bytes: &'a [u8],
    stride: u32,
    size: Size,
    format: PixelFormat,
}

impl fmt::Debug for PixelView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PixelView")
            .field("size", &self.size)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl<'a> PixelView<'a> {
    /// A view of `size` pixels whose rows start `stride` bytes apart; `None` if `bytes` are too few for it.
    pub fn new(bytes: &'a [u8], stride: u32, size: Size, format: PixelFormat) -> Option<Self> {
        let row = u64::from(size.width) * u64::from(BYTES_PER_PIXEL);
        let need = match size.height {
            0 => 0,
            rows => u64::from(stride) * u64::from(rows - 1) + row,
        };
        (row <= u64::from(stride) && need <= bytes.len() as u64).then_some(Self {
            bytes,
            stride,
            size,
            format,
        })
    }
}

impl PixelSource for PixelView<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn copy_row(&self, x: u32, y: u32, out: &mut [u8]) {
        let start = self.stride as usize * y as usize + x as usize * BYTES_PER_PIXEL as usize;
        if let Some(row) = self.bytes.get(start..start + out.len()) {
            out.copy_from_slice(row);
        }
    }
}

/// The pixels of one layer, tightly packed: `width * 4` bytes a row.
pub trait PixelStorage {
    /// The pixels.
    fn bytes(&self) -> &[u8];

    /// The pixels, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Where the pixels start in memory that is shared with viewers (a byte offset), if they are in such memory.
    fn slot(&self) -> Option<u64>;
}

/// Gives layers the memory for their pixels; dropping a [`PixelStorage`] gives the memory back.
pub trait PixelStore {
    /// Memory for `size` pixels, all zero (transparent black).
    ///
    /// # Errors
    /// [`StoreFull`] if there is no room.
    fn allocate(&mut self, size: Size) -> Result<Box<dyn PixelStorage>, StoreFull>;
}

/// A [`PixelStore`] has no room for a layer of this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for a layer of {}x{} pixels", .0.width, .0.height)]
pub struct StoreFull(pub Size);

/// A [`PixelStore`] on the heap, for desktops without a local viewer and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapStore;

impl PixelStore for HeapStore {
    fn allocate(&mut self, size: Size) -> Result<Box<dyn PixelStorage>, StoreFull> {
        let len = usize::try_from(size.byte_len()).map_err(|_| StoreFull(size))?;
        Ok(Box::new(HeapPixels(vec![0; len])))
    }
}

struct HeapPixels(Vec<u8>);

impl PixelStorage for HeapPixels {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn slot(&self) -> Option<u64> {
        None
    }
}
