//! Pointer shapes, as fast-path pointer updates (MS-RDPBCGR 2.2.9.1.2.1.5 to 2.2.9.1.2.1.8).

use ironrdp_core::{Decode as _, ReadCursor};
use ironrdp_pdu::fast_path::{FastPathUpdate, FastPathUpdatePdu, Fragmentation, UpdateCode};
use ironrdp_pdu::pointer::{ColorPointerAttribute, Point16, PointerAttribute, PointerUpdateData};

use crate::error::Fault;
use crate::limits::MAX_POINTER_SIDE;
use crate::window::turned;
use crate::wire;

/// How the pointer looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PointerShape {
    /// The platform's arrow.
    #[default]
    Default,
    /// Not at all.
    Hidden,
    /// A picture.
    Image(PointerImage),
}

/// A pointer's picture.
#[derive(Clone, PartialEq, Eq)]
pub struct PointerImage {
    /// Pixels across, 1 to [`MAX_POINTER_SIDE`].
    pub width: u32,
    /// Pixels down, 1 to [`MAX_POINTER_SIDE`].
    pub height: u32,
    /// The pixel that points (column, row), inside of the picture.
    pub hot_spot: (u32, u32),
    /// BGRA8888 premultiplied, `width * height * 4` bytes.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for PointerImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = (self.width, self.height);
        f.debug_struct("PointerImage")
            .field("size", &size)
            .field("hot_spot", &self.hot_spot)
            .finish_non_exhaustive()
    }
}

impl PointerImage {
    /// Whether sides, hot spot and number of bytes are allowed and fit together.
    pub fn is_consistent(&self) -> bool {
        let side = 1..=MAX_POINTER_SIDE;
        side.contains(&self.width)
            && side.contains(&self.height)
            && self.hot_spot.0 < self.width
            && self.hot_spot.1 < self.height
            && self.pixels.len() == self.width as usize * self.height as usize * 4
    }

    /// The wire's picture has straight alpha and begins at the bottom.
    fn straight(&self) -> Vec<u8> {
        let mut pixels = turned(&self.pixels, self.width);
        for pixel in pixels.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            for part in &mut pixel[..3] {
                *part = match alpha {
                    0 => 0,
                    // At most 255 after `min`.
                    alpha => ((u32::from(*part) * 255 + alpha / 2) / alpha).min(255) as u8,
                };
            }
        }
        pixels
    }

    fn from_straight(width: u32, height: u32, hot_spot: (u32, u32), straight: &[u8]) -> Result<Self, Fault> {
        let mut image = Self { width, height, hot_spot, pixels: turned(straight, width) };
        if !image.is_consistent() {
            return Err(Fault::new(format!("{image:?} with {} bytes is not allowed", straight.len())));
        }
        for pixel in image.pixels.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            for part in &mut pixel[..3] {
                // At most 255: a product of two bytes, divided by 255.
                *part = ((u32::from(*part) * alpha + 127) / 255) as u8;
            }
        }
        Ok(image)
    }
}

impl PointerShape {
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Default => write_update(&PointerUpdateData::SetDefault, out),
            Self::Hidden => write_update(&PointerUpdateData::SetHidden, out),
            Self::Image(image) => {
                if !image.is_consistent() {
                    return Err(Fault::new(format!(
                        "{image:?} with {} bytes is not allowed",
                        image.pixels.len()
                    )));
                }
                let side =
                    |value: u32| u16::try_from(value).map_err(|_| Fault::new("a pointer is too large"));
                let xor_mask = image.straight();
                let and_mask = vec![0; image.width.div_ceil(16) as usize * 2 * image.height as usize];
                let color_pointer = ColorPointerAttribute {
                    cache_index: 0,
                    hot_spot: Point16 { x: side(image.hot_spot.0)?, y: side(image.hot_spot.1)? },
                    width: side(image.width)?,
                    height: side(image.height)?,
                    xor_mask: &xor_mask,
                    and_mask: &and_mask,
                };
                write_update(&PointerUpdateData::New(PointerAttribute { xor_bpp: 32, color_pointer }), out)
            }
        }
    }

    pub(crate) fn read(src: &mut ReadCursor<'_>) -> Result<Self, Fault> {
        let update = FastPathUpdatePdu::decode(src)?;
        wire::Fields::end(src)?;
        if update.fragmentation != Fragmentation::Single || update.compression_flags.is_some() {
            return Err(Fault::new("updates are neither fragmented nor compressed here"));
        }
        if !matches!(
            update.update_code,
            UpdateCode::HiddenPointer | UpdateCode::DefaultPointer | UpdateCode::NewPointer
        ) {
            return Err(Fault::new(format!("{:?} is not a pointer update used here", update.update_code)));
        }
        match FastPathUpdate::decode_with_code(update.data, update.update_code)? {
            FastPathUpdate::Pointer(PointerUpdateData::SetDefault) => Ok(Self::Default),
            FastPathUpdate::Pointer(PointerUpdateData::SetHidden) => Ok(Self::Hidden),
            FastPathUpdate::Pointer(PointerUpdateData::New(new)) if new.xor_bpp == 32 => {
                let pointer = new.color_pointer;
                let hot_spot = (pointer.hot_spot.x.into(), pointer.hot_spot.y.into());
                let (width, height) = (pointer.width.into(), pointer.height.into());
                PointerImage::from_straight(width, height, hot_spot, pointer.xor_mask).map(Self::Image)
            }
            _ => Err(Fault::new("a pointer without 32 bits a pixel")),
        }
    }
}

fn write_update(update: &PointerUpdateData<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let update = FastPathUpdate::Pointer(*update);
    let mut data = Vec::new();
    wire::put_pdu(&mut data, &update)?;
    let pdu = FastPathUpdatePdu {
        fragmentation: Fragmentation::Single,
        update_code: UpdateCode::from(&update),
        compression_flags: None,
        compression_type: None,
        data: &data,
    };
    wire::put_pdu(out, &pdu)
}
